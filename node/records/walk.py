"""A record's elements in document order, each with the field of its shape that it is.

Several questions are asked of each record that is sent; a `Walk` is made once and answers them all.
"""

from dataclasses import dataclass

from lxml import etree

from node.records.explain import local_name
from node.records.marks import NONE
from node.records.shape import Field, Shape

UNKNOWN = Field("", "", False, "text", 0, None, NONE)
"""Stands for what the shape does not know."""

Steps = list[tuple[etree._Element, Field]]


@dataclass(frozen=True, slots=True)
class Walk:
    """A record that was walked through; `steps` are its elements with their fields."""

    root: etree._Element
    steps: Steps


def walk(root: etree._Element, shape: Shape) -> Walk:
    """Walk through a parsed record, which need not have passed the check."""
    steps: Steps = []
    _take(root, "", shape, steps)
    return Walk(root, steps)


def _take(node: etree._Element, above: str, shape: Shape, steps: Steps) -> None:
    tag = str(node.tag)
    path, field = shape.steps.get((above, tag)) or _step(node, tag, above, shape)
    steps.append((node, field))
    if len(node):
        for child in node.iterchildren("{*}*"):
            _take(child, path, shape, steps)


def _step(node: etree._Element, tag: str, above: str, shape: Shape) -> tuple[str, Field]:
    name = local_name(node)
    path = f"{above}/{name}" if above else name
    field = shape.fields.get(path)
    if field is None:
        return path, UNKNOWN
    if tag == f"{{{shape.namespace}}}{name}":  # no more of them than the shape has fields
        shape.steps[above, tag] = path, field
    return path, field
