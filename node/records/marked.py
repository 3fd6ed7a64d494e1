"""Reading a record's elements by the marks of its shape: who is described, and what stands in which field."""

from collections.abc import Iterable, Iterator

from lxml import etree

from node.records.explain import plain_path
from node.records.shape import Shape


def person_id(holder: etree._Element, shape: Shape) -> str | None:
    """The id that a person declares, or else the one that it refers to, in an attribute."""
    field = shape.fields.get(plain_path(holder))
    for attribute in field.attributes if field is not None else ():
        if attribute.marks.kinds & {"person-id", "person-reference"} and holder.get(attribute.name):
            return (holder.get(attribute.name) or "").strip()
    return None


def own_fields(holder: etree._Element, shape: Shape) -> Iterator[etree._Element]:
    """What is said of the person itself: all below, without those whom it describes in passing."""
    for child in holder.iterchildren("{*}*"):
        if not is_marked(child, shape, "person"):
            yield child
            yield from own_fields(child, shape)


def holders(root: etree._Element, shape: Shape, kind: str) -> Iterable[etree._Element]:
    """The elements that have fields of this kind directly below them, each once."""
    found = (node.getparent() for node in marked(root, shape, kind))
    return dict.fromkeys(one for one in found if one is not None)


def marked(root: etree._Element, shape: Shape, kind: str) -> Iterator[etree._Element]:
    """The elements of a kind, in document order."""
    fields = shape.marked(kind)
    if not fields:
        return
    paths = {field.path for field in fields}
    for node in root.iter(*{f"{{*}}{field.name}" for field in fields}):
        if plain_path(node) in paths:
            yield node


def is_marked(node: etree._Element, shape: Shape, kind: str) -> bool:
    """Whether the element is of a kind."""
    name = str(node.tag).rpartition("}")[2]
    # By name first: to write out its path takes a walk to the root.
    if not any(field.name == name for field in shape.marked(kind)):
        return False
    field = shape.fields.get(plain_path(node))
    return field is not None and field.marks.has(kind)


def texts(node: etree._Element, shape: Shape, kind: str) -> list[str]:
    """What the elements of a kind in or below this one say, empty ones left out."""
    return [text_of(one) for one in node.iter("{*}*") if is_marked(one, shape, kind) and text_of(one)]


def text_of(node: etree._Element) -> str:
    """Its text, without spaces around it."""
    return (node.text or "").strip()
