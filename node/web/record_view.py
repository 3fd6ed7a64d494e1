"""A record laid out for reading, by its shape alone: sections, labels, codes in words, dates written out, names.

The shape's marks say what a field is, so this holds for every domain. What is a section, a row or a line of a row
follows from the shape too: a group of plain fields is one row, anything larger has a heading of its own.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from babel.dates import format_date, format_skeleton
from lxml import etree

from node.records import Field, Shape, read_xml
from node.records.explain import local_name, plain_path
from node.records.fields import elements_of
from node.records.marks import NONE
from node.records.shape import GROUP
from node.web.language import Language
from node.web.views import FieldRow, Name, Section, Subject

GUARDED = ("health", "criminal")
"""Kinds that are folded until asked for."""
_HIDDEN = ("nonce", "person-id", "attachment-sha256", "attachment-type")
"""Kinds that tell a reader nothing, or that stand elsewhere on the page."""
_PLAIN_TEXT = ("free-text", "reference", "document-number", "mrz", "message-id")
_DEEPEST = 2
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z")
_SCRIPTS = {"CYRILLIC": "Cyrl", "GREEK": "Grek", "ARABIC": "Arab", "HEBREW": "Hebr", "ARMENIAN": "Armn"}


@dataclass(frozen=True, slots=True)
class AttachmentNote:
    """What the record says of an attached file, found by its digest."""

    kind: str
    photograph: bool
    persons: tuple[str, ...]


class RecordView:
    """One record with its shape in one language. Raises UnreadableError for what is no XML that we take."""

    def __init__(self, content: bytes, shape: Shape, language: Language, known: Mapping[str, Name]) -> None:
        self._shape = shape
        self._language = language
        self._root = read_xml(content)
        self._below: dict[etree._Element, list[tuple[etree._Element, Field]]] = {}
        """The fields within each element that was asked for; a page asks for them again and again, a list for few."""
        self._declared = [*self._persons()]
        """The persons that it declares, with their ids, in the order of the record."""
        self.names = {id_: self._name_in(e) for e, id_ in reversed(self._declared) if self._has_name(e)}
        """What this record calls the persons that it declares, by id."""
        self._known = {**known, **self.names}

    @property
    def title(self) -> str:
        return self._shape.label(self._shape.name, self._language.tag)

    def subjects(self) -> tuple[Subject, ...]:
        """The persons whom the record is about: the first that it declares and its siblings of the same kind."""
        return tuple(Subject(self._name_in(e), tuple(self._particulars(e))) for e in self._subjects())

    def subject_names(self) -> tuple[Name, ...]:
        """What the same persons are called."""
        return tuple(self._name_in(element) for element in self._subjects())

    def sections(self) -> tuple[Section, ...]:
        """The whole record in the order of the form."""
        rows = list(self._attribute_rows(self._root, self._shape.root))
        sections: list[Section] = []
        for child, found, number in self._children(self._root):
            if found.is_group and not found.marks.has("person-name") and (len(child) or found.marks.has("section")):
                sections += self._section(child, found, 0, number)
            else:
                rows += self._row(child, found)
        about = (Section(self._language.gettext("The record"), tuple(rows)),) if rows else ()
        return (*sections, *about)

    def attachments(self) -> dict[str, AttachmentNote]:
        """What the record says of its attached files, by SHA-256 in hex."""
        photographs = {
            self._text(reference)
            for element, found in self._walk(self._root, self._shape.root)
            if found.marks.has("photograph")
            for reference, inner in self._walk(element, found)
            if inner.marks.has("attachment-reference")
        }
        notes: dict[str, AttachmentNote] = {}
        for element, found in self._walk(self._root, self._shape.root):
            if not found.marks.has("attachment"):
                continue
            said: dict[str, str] = {}
            persons: list[str] = []
            for inner, leaf in self._walk(element, found):
                for kind in ("attachment-sha256", "attachment-kind", "attachment-name"):
                    if leaf.marks.has(kind):
                        said[kind] = self._value(inner, leaf) if kind == "attachment-kind" else self._text(inner)
                if leaf.marks.has("person-reference"):
                    persons.append(self._text(inner))
            if "attachment-sha256" in said:
                notes[said["attachment-sha256"]] = AttachmentNote(
                    said.get("attachment-kind", ""),
                    said.get("attachment-name") in photographs,
                    tuple(persons),
                )
        return notes

    # persons

    def _subjects(self) -> list[etree._Element]:
        declared = [element for element, _id in self._declared if self._has_name(element)]
        first = declared[0] if declared else None
        return [e for e in declared if first is not None and e.tag == first.tag and e.getparent() is first.getparent()]

    def _has_name(self, element: etree._Element) -> bool:
        return any(found.marks.has("person-name") for _e, found in self._direct(element))

    def _name_in(self, element: etree._Element) -> Name:
        """The first name that stands directly in the element."""
        for child, found in self._direct(element):
            if found.marks.has("person-name"):
                return self._name(child, found)
        return Name("")

    def _name(self, element: etree._Element, found: Field) -> Name:
        parts: dict[str, list[str]] = {"name-primary": [], "name-secondary": [], "name-native": []}
        for child, leaf in self._walk(element, found):
            for kind, texts in parts.items():
                if leaf.marks.has(kind):
                    texts.append(self._text(child))
        text = ", ".join([*parts["name-primary"], *parts["name-secondary"]])
        native = ", ".join(parts["name-native"])
        if not text:
            return Name(native)
        return Name(text, ((native, _language_of(native)),) if native else ())

    def _particulars(self, element: etree._Element) -> Iterator[FieldRow]:
        """The rows beside a case: the person's own plain fields, and the numbers of the person's documents."""
        for child, found, _number in self._children(element):
            if any(found.marks.has(kind) for kind in (*GUARDED, "photograph", "person")):
                continue
            if not found.is_group or found.marks.has("person-name") or self._is_small(found):
                yield from self._row(child, found)
        own = next((id_ for e, id_ in self._declared if e is element), None)
        for number, found in self._walk(self._root, self._shape.root):
            if found.marks.has("document-number") and not found.attribute and self._concerns(number, own):
                holder = self._shape.label(found.path.rpartition("/")[0], self._language.tag)
                label = self._language.gettext("%(what)s: %(field)s", what=holder, field=self._label(found))
                yield FieldRow(label, self._text(number), None, True)

    def _concerns(self, element: etree._Element, person: str | None) -> bool:
        """Whether the group that the element stands in names that person."""
        holder = element.getparent()
        return holder is not None and any(
            found.marks.has("person-reference") and self._text(child) == person for child, found in self._direct(holder)
        )

    # sections and rows

    def _section(self, element: etree._Element, found: Field, level: int, number: int | None) -> Iterator[Section]:
        heading = self._label(found)
        if number is not None:
            heading = self._numbered(heading, number)
        rows = list(self._attribute_rows(element, found)) if level or not self._is_person(found) else []
        below: list[Section] = []
        for child, inner, position in self._children(element):
            large = inner.is_group and not self._is_small(inner) and (len(child) > 0 or inner.marks.has("section"))
            large = large and not inner.marks.has("person-name") and not inner.marks.has("attachment")
            if large:
                below += self._section(child, inner, min(level + 1, _DEEPEST), position)
            else:
                rows += self._row(child, inner, position)
        guarded = any(found.marks.has(kind) for kind in GUARDED)
        if not len(element) and self._text(element):
            rows.append(FieldRow(heading, self._text(element)))  # a refused record may have text where fields belong
        if rows or below or not len(element):
            yield Section(heading, tuple(rows), level, guarded, empty=not rows and not below)
        yield from below

    def _row(self, element: etree._Element, found: Field, number: int | None = None) -> Iterator[FieldRow]:
        label = self._label(found)
        if number is not None and found.marks.has("attachment"):
            label = self._numbered(label, number)
        if found.marks.has("person-name"):
            name = self._name(element, found)
            yield FieldRow(label, name.text)
            for text, lang in name.others:
                yield FieldRow(self._language.gettext("%(what)s, own script", what=label), text, lang)
        elif found.is_group:
            lines = [self._value(child, inner) for child, inner in self._leaves(element, found)]
            yield FieldRow(label, "\n".join(line for line in lines if line) or self._without_content(element, found))
        elif not any(found.marks.has(kind) for kind in _HIDDEN):
            code = found.marks.has("document-number") or found.marks.has("mrz") or found.marks.has("message-id")
            yield FieldRow(label, self._value(element, found), None, code)

    def _without_content(self, element: etree._Element, found: Field) -> str:
        """A flag, or a branch of a choice, says by being there that something is so; any other group says nothing."""
        if self._text(element):
            return self._text(element)  # of a refused record
        says_so = not found.children or found.choice is not None
        return self._language.gettext("yes") if says_so else self._language.gettext("nothing given")

    def _attribute_rows(self, element: etree._Element, found: Field) -> Iterator[FieldRow]:
        for attribute in found.attributes:
            text = element.get(attribute.name)
            if text is not None and not any(attribute.marks.has(kind) for kind in _HIDDEN):
                yield FieldRow(self._label(attribute), self._said(str(text), attribute))

    def _is_small(self, found: Field) -> bool:
        """A group of a few plain fields, each of which says by itself what it is."""
        marked = found.marks.kinds & {"section", "person", "attachment", *GUARDED}
        return (
            not marked
            and not found.attributes
            and all(
                not child.is_group and child.maximum == 1 and not child.marks.has("free-text")
                for child in found.children
            )
        )

    @staticmethod
    def _is_person(found: Field) -> bool:
        return found.marks.has("person")

    # values

    def _value(self, element: etree._Element, found: Field) -> str:
        return self._said(self._text(element), found)

    def _said(self, text: str, found: Field) -> str:
        _ = self._language.gettext
        marks = found.marks
        if marks.codes and marks.codes in self._shape.codes:
            return self._shape.codes[marks.codes].label(text, self._language.tag)
        if marks.has("person-reference") and text in self._known:
            return _("%(name)s (%(id)s)", name=self._known[text].text, id=text)
        if any(marks.has(kind) for kind in _PLAIN_TEXT):
            return text
        if text in ("true", "false"):
            return _("yes") if text == "true" else _("no")
        return self._date(text, marks.has("partial-date")) or text

    def _date(self, text: str, partial: bool) -> str | None:
        _ = self._language.gettext
        locale = self._language.locale
        if _INSTANT.fullmatch(text):
            return self._language.exact(datetime.fromisoformat(text).astimezone(UTC))
        if _DAY.fullmatch(text):
            return str(format_date(date.fromisoformat(text), "d MMMM y", locale=locale))
        if not partial:
            return None
        if _MONTH.fullmatch(text):
            month = format_skeleton("yMMMM", date.fromisoformat(text + "-01"), locale=locale)
            return _("%(month)s, day unknown", month=month)
        if _YEAR.fullmatch(text):
            return _("%(year)s, day and month unknown", year=text)
        return _("unknown") if text == "unknown" else None

    # the tree beside its shape

    def _persons(self) -> Iterator[tuple[etree._Element, str]]:
        for element, field in elements_of(self._root, self._shape, self._shape.marked("person")):
            for attribute in field.attributes:
                if attribute.marks.has("person-id") and element.get(attribute.name):
                    yield element, str(element.get(attribute.name))

    def _direct(self, element: etree._Element) -> list[tuple[etree._Element, Field]]:
        """The fields directly below an element; what the shape does not know (a refused record may hold it) is a field
        without marks."""
        below = self._below.get(element)
        if below is None:
            path = plain_path(element)
            below = self._below[element] = [
                (child, self._field(child, f"{path}/{local_name(child)}")) for child in element.iterchildren("{*}*")
            ]
        return below

    def _field(self, element: etree._Element, path: str) -> Field:
        found = self._shape.fields.get(path)
        if found is not None:
            return found
        return Field(local_name(element), path, False, GROUP if len(element) else "text", 0, None, NONE)

    def _children(self, element: etree._Element) -> Iterator[tuple[etree._Element, Field, int | None]]:
        """Children with their field, and a number where several of one kind stand there."""
        children = list(self._direct(element))
        counted: dict[str, int] = {}
        for child, found in children:
            counted[found.path] = counted.get(found.path, 0) + 1
            several = sum(other.path == found.path for _child, other in children) > 1
            yield child, found, counted[found.path] if several else None

    def _walk(self, element: etree._Element, found: Field) -> Iterator[tuple[etree._Element, Field]]:
        yield element, found
        for child, inner in self._direct(element):
            yield from self._walk(child, inner)

    def _leaves(self, element: etree._Element, found: Field) -> Iterator[tuple[etree._Element, Field]]:
        for child, inner in self._walk(element, found):
            if not inner.is_group and not any(inner.marks.has(kind) for kind in _HIDDEN):
                yield child, inner

    def _numbered(self, text: str, number: int) -> str:
        return self._language.gettext("%(what)s %(n)s", what=text, n=number)

    def _label(self, found: Field) -> str:
        return self._shape.label(found.path, self._language.tag)

    @staticmethod
    def _text(element: etree._Element) -> str:
        return " ".join((element.text or "").split())


def _language_of(text: str) -> str | None:
    """A language tag that says the script of the first letter that is not Latin; which language is not known."""
    for letter in text:
        script = _SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0])
        if script:
            return f"und-{script}"
    return None
