"""The shape of a record as a value: the tree of its fields in the order of the form, with labels, codes and marks.

Made from a domain's XSD by `xsd`; forms, views, checks and examples are made from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from node.records.codes import CodeList
from node.records.labels import Labels
from node.records.marks import Marks

GROUP = "group"
_NO_WORDS = frozenset({"attachment-sha256", "partial-date"})
_LISTED = 12  # more codes than this are not spelt out in a sentence


@dataclass(frozen=True, slots=True)
class Choice:
    """The field belongs to branch `branch` of the `number`th choice of its parent; one branch occurs."""

    number: int
    branch: int
    required: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One element or attribute.

    `path` runs from the root element without numbers (`Reply/Head/Place`, `…/@id`); `type` is the name of the simple
    type, or GROUP for an element that holds others; `maximum` None means as often as needed.
    """

    name: str
    path: str
    attribute: bool
    type: str
    minimum: int
    maximum: int | None
    marks: Marks
    choice: Choice | None = None
    enumeration: tuple[str, ...] = ()
    attributes: tuple["Field", ...] = ()
    children: tuple["Field", ...] = ()

    @property
    def is_group(self) -> bool:
        return self.type == GROUP

    def walk(self) -> Iterator["Field"]:
        """This field, its attributes, and all below, in document order."""
        yield self
        yield from self.attributes
        for child in self.children:
            yield from child.walk()

    @property
    def codes_are_listed(self) -> bool:
        """Whether `expected` spells out all codes that the field takes."""
        return len(self.enumeration) <= _LISTED

    def expected(self) -> str:
        """In plain words what a value of this field must be."""
        if self.marks.words:
            return self.marks.words
        if self.enumeration and self.codes_are_listed:
            return "one of " + ", ".join(self.enumeration)
        if self.enumeration:
            return f"a code of the list {self.marks.codes or self.type}"
        if self.is_group:
            return "the fields " + ", ".join(child.name for child in self.children)
        return {"boolean": "true or false", "date": "a day as 2026-11-25"}.get(
            self.type, f"a value of type {self.type}"
        )


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of record. On the wire `namespace` is the Service and `name`, its root element, the Action."""

    namespace: str
    name: str
    root: Field
    labels: Labels
    codes: Mapping[str, CodeList]
    fields: Mapping[str, Field] = field(repr=False)
    """Every field by its path."""
    _read_again: list[frozenset[str]] = field(default_factory=list, init=False, repr=False, compare=False)
    _never_sent: list[tuple[Field, ...]] = field(default_factory=list, init=False, repr=False, compare=False)
    _by_kind: dict[str, tuple[Field, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _marked_tags: list[tuple[str, ...]] = field(default_factory=list, init=False, repr=False, compare=False)
    _marked_below: dict[str, Mapping[str, Field]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def label(self, path: str, language: str = "en") -> str:
        """What the field at `path` is called in `language`; English where that lacks it, its name where all lack it."""
        return self.labels.find(path, language) or path.rpartition("/")[2].removeprefix("@")

    @property
    def read_again(self) -> frozenset[str]:
        """Paths of what may hold a person's words: no codes, digests, days; and "", of what the shape does not know."""
        if not self._read_again:
            words = (
                found.path
                for found in self.root.walk()
                if not (found.attribute or found.is_group or found.marks.codes or found.marks.kinds & _NO_WORDS)
            )
            self._read_again.append(frozenset(("", *words)))
        return self._read_again[0]

    @property
    def never_sent(self) -> tuple[Field, ...]:
        """The fields that may not go from some country to another."""
        if not self._never_sent:
            self._never_sent.append(tuple(found for found in self.root.walk() if found.marks.never_to))
        return self._never_sent[0]

    @property
    def marked_tags(self) -> tuple[str, ...]:
        """The tags of all elements that are marked as something, `{namespace}name`."""
        if not self._marked_tags:
            marked = {found.name for found in self.root.walk() if found.marks.kinds and not found.attribute}
            self._marked_tags.append(tuple(map(self._tag, sorted(marked))))
        return self._marked_tags[0]

    def marked_below(self, path: str) -> Mapping[str, Field]:
        """The fields of marked elements directly below the one at `path` ("": the root itself), by their tags."""
        if path not in self._marked_below:
            above = self.fields.get(path)
            below = above.children if above is not None else (() if path else (self.root,))
            self._marked_below[path] = {self._tag(found.name): found for found in below if found.marks.kinds}
        return self._marked_below[path]

    def _tag(self, name: str) -> str:
        return f"{{{self.namespace}}}{name}"

    def marked(self, kind: str) -> tuple[Field, ...]:
        """The fields that are of a kind, in document order."""
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(found for found in self.root.walk() if found.marks.has(kind))
        return self._by_kind[kind]


def make_shape(namespace: str, root: Field, labels: Labels, codes: Mapping[str, CodeList]) -> Shape:
    return Shape(namespace, root.name, root, labels, codes, {found.path: found for found in root.walk()})
