"""Reading a record's elements by the marks of its shape: who is described, and what stands in which field.

Each element is looked up in the shape once; to ask after that what is marked how, or stands within what, takes no walk.
"""

from collections.abc import Sequence

from lxml import etree

from node.records.shape import Field, Shape


class RecordFields:
    """The elements of one record in document order, each with the field that it is. Holds for as long as the tree is
    not changed."""

    __slots__ = ("_at", "_ends", "_fields", "_nodes", "_of_kind", "shape")

    def __init__(self, root: etree._Element, shape: Shape) -> None:
        self.shape = shape
        self._nodes: list[etree._Element] = []
        self._at: dict[etree._Element, int] = {}
        self._fields: list[Field | None] = []
        self._of_kind: dict[str, list[int]] = {}
        self._ends: list[int] = []
        """for each element the place after the last one within it"""
        self._read(root)

    def _read(self, root: etree._Element) -> None:
        nodes, at, fields, of_kind = self._nodes, self._at, self._fields, self._of_kind
        known = self.shape.fields
        paths: list[str] = []
        above: list[int] = []
        for place, node in enumerate(root.iter("{*}*")):
            parent = at.get(holder, -1) if (holder := node.getparent()) is not None else -1
            name = str(node.tag).rpartition("}")[2]
            path = name if parent < 0 else f"{paths[parent]}/{name}"
            field = known.get(path)
            at[node] = place
            nodes.append(node)
            paths.append(path)
            above.append(parent)
            fields.append(field)
            if field is not None:
                for kind in field.marks.kinds:
                    of_kind.setdefault(kind, []).append(place)
        ends = self._ends = [*range(1, len(nodes) + 1)]
        for place in range(len(nodes) - 1, 0, -1):
            holder_at = above[place]
            if ends[place] > ends[holder_at]:
                ends[holder_at] = ends[place]

    def field(self, node: etree._Element) -> Field | None:
        """The field that the element is; None where the shape knows none there."""
        return self._fields[self._at[node]]

    def is_marked(self, node: etree._Element, kind: str) -> bool:
        """Whether the element is of a kind."""
        field = self.field(node)
        return field is not None and field.marks.has(kind)

    def is_searchable(self, node: etree._Element) -> bool:
        """Whether the record may be found by what the element says."""
        field = self.field(node)
        return field is not None and field.marks.searchable

    def marked(self, kind: str, within: etree._Element | None = None) -> list[etree._Element]:
        """The elements of a kind, in document order; of these only `within` and those below it, where it is named."""
        places = self._of_kind.get(kind, ())
        if within is not None:
            first = self._at[within]
            end = self._ends[first]
            places = [place for place in places if first <= place < end]
        return [self._nodes[place] for place in places]

    def holders(self, kind: str) -> Sequence[etree._Element]:
        """The elements that have fields of this kind directly below them, each once."""
        found = (node.getparent() for node in self.marked(kind))
        return [*dict.fromkeys(one for one in found if one is not None)]

    def own(self, holder: etree._Element, kind: str) -> list[etree._Element]:
        """The elements of a kind that say something of a person itself: below it, and not within those whom it
        describes in passing."""
        first = self._at[holder]
        end = self._ends[first]
        found = [place for place in self._of_kind.get(kind, ()) if first < place < end]
        others = [place for place in self._of_kind.get("person", ()) if first < place < end]
        return [
            self._nodes[place] for place in found if not any(other <= place < self._ends[other] for other in others)
        ]

    def person_id(self, holder: etree._Element) -> str | None:
        """The id that a person declares, or else the one that it refers to, in an attribute."""
        field = self.field(holder)
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
