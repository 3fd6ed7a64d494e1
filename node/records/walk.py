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


@dataclass(frozen=True, slots=True)
class Walk:
    """A record that was walked through; `steps` are its elements with their fields."""

    root: etree._Element
    steps: tuple[tuple[etree._Element, Field], ...]


def walk(root: etree._Element, shape: Shape) -> Walk:
    """Walk through a parsed record, which need not have passed the check."""
    steps: list[tuple[etree._Element, Field]] = []
    known = shape.steps
    own = f"{{{shape.namespace}}}"

    def take(node: etree._Element, above: str) -> None:
        tag = str(node.tag)
        step = known.get((above, tag))
        if step is None:
            name = local_name(node)
            path = f"{above}/{name}" if above else name
            step = path, shape.fields.get(path, UNKNOWN)
            if step[1] is not UNKNOWN and tag.startswith(own):
                known[above, tag] = step
        steps.append((node, step[1]))
        if len(node):
            for child in node.iterchildren("{*}*"):
                take(child, step[0])

    take(root, "")
    return Walk(root, tuple(steps))
