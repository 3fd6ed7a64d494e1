"""Reading a record's elements by the marks of its shape: who is described, and what stands in which field.

Only elements that are marked as something are looked at, and each is looked up in the shape once: most of a record's
elements are neither, and a parsed element costs most when it is first touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from node.records.explain import local_name
from node.records.shape import Field, Shape


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the children of an element stand: its path, the elements that they are within, the root first, and what
    those of them are that are marked."""

    path: str
    within: tuple[etree._Element, ...]
    marked: Mapping[str, Field]


class RecordFields:
    """The marked elements of one record in document order, each with the field that it is. Holds for as long as the
    tree is not changed."""

    __slots__ = ("_below", "_fields", "_of_kind", "_within", "shape")

    def __init__(self, root: etree._Element, shape: Shape) -> None:
        self.shape = shape
        self._below: dict[etree._Element | None, _Place] = {None: _Place("", (), shape.marked_below(""))}
        self._fields: dict[etree._Element, Field] = {}
        self._within: dict[etree._Element, tuple[etree._Element, ...]] = {}
        self._of_kind: dict[str, list[etree._Element]] = {}
        if tags := shape.marked_tags:
            for node in root.iter(*tags):
                self._read(node)

    def _read(self, node: etree._Element) -> None:
        holder = node.getparent()
        place = self._below.get(holder) or self._place(holder)
        field = place.marked.get(str(node.tag))
        if field is not None:
            self._fields[node] = field
            self._within[node] = place.within
            for kind in field.marks.kinds:
                self._of_kind.setdefault(kind, []).append(node)

    def _place(self, holder: etree._Element | None) -> _Place:
        """Where the children of this element stand; the root stands below None."""
        place = self._below.get(holder)
        if place is None and holder is not None:
            above = self._place(holder.getparent())
            path = f"{above.path}/{local_name(holder)}".removeprefix("/")
            place = self._below[holder] = _Place(path, (*above.within, holder), self.shape.marked_below(path))
        if place is None:
            raise RuntimeError("the root stands nowhere")
        return place

    def field(self, node: etree._Element) -> Field | None:
        """The field that a marked element is; None for any other."""
        return self._fields.get(node)

    def is_marked(self, node: etree._Element, kind: str) -> bool:
        """Whether the element is of a kind."""
        field = self._fields.get(node)
        return field is not None and field.marks.has(kind)

    def is_searchable(self, node: etree._Element) -> bool:
        """Whether the record may be found by what a marked element says."""
        field = self._fields.get(node)
        return field is not None and field.marks.searchable

    def marked(self, kind: str, within: etree._Element | None = None) -> list[etree._Element]:
        """The elements of a kind, in document order; of these only `within` and those below it, where it is named."""
        found = self._of_kind.get(kind, [])
        if within is None:
            return [*found]
        return [node for node in found if node is within or within in self._within[node]]

    def beside(self, holder: etree._Element, kind: str) -> list[etree._Element]:
        """The elements of a kind directly below this one."""
        return [node for node in self._of_kind.get(kind, ()) if self._within[node][-1:] == (holder,)]

    def holders(self, kind: str) -> Sequence[etree._Element]:
        """The elements that have fields of this kind directly below them, each once."""
        return [*dict.fromkeys(self._within[node][-1] for node in self.marked(kind) if self._within[node])]

    def own(self, holder: etree._Element, kind: str) -> list[etree._Element]:
        """The elements of a kind that say something of a person itself: below it, and not within those whom it
        describes in passing."""
        return [node for node in self._of_kind.get(kind, ()) if self._says_of(node, holder)]

    def _says_of(self, node: etree._Element, holder: etree._Element) -> bool:
        within = self._within[node]
        if holder not in within:
            return False
        between = within[within.index(holder) + 1 :]
        return not any(self.is_marked(one, "person") for one in (*between, node))

    def above(self, node: etree._Element) -> tuple[etree._Element, ...]:
        """What a marked element stands within, the nearest first."""
        return self._within[node][::-1]

    def person_id(self, holder: etree._Element) -> str | None:
        """The id that a person declares, or else the one that it refers to, in an attribute."""
        field = self._fields.get(holder)
        for attribute in field.attributes if field is not None else ():
            if attribute.marks.kinds & {"person-id", "person-reference"} and holder.get(attribute.name):
                return (holder.get(attribute.name) or "").strip()
        return None

    def texts(self, node: etree._Element, kind: str) -> list[str]:
        """What the elements of a kind in or below this one say, empty ones left out."""
        return [text for one in self.marked(kind, node) if (text := text_of(one))]


def text_of(node: etree._Element) -> str:
    """Its text, without spaces around it."""
    return (node.text or "").strip()
