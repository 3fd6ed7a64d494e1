"""What a record holds, read through its shape: fields for a page, persons for a list of cases, values for the search.

Everything here follows from marks; nothing knows an element by its name. `content` is a record's bytes or its parsed
root; bytes that are no XML raise `UnreadableError`. Records that did not pass the check can be read too: what the
shape does not know is shown under its own name, without marks.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from node.records.domains import Domain
from node.records.explain import local_name, numbered_path, plain_path
from node.records.marks import NONE, Marks
from node.records.problems import Problem
from node.records.reading import line_of, read_xml
from node.records.shape import GROUP, Field, Shape

_START = r"\b"
_APART = " | "
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")

Content = bytes | etree._Element


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One line of a page: a heading (`type` is GROUP, no value) or a value. `level` 0 is the root's own fields.

    `value` is for people (the label of a code, else the text as written), `code` the code where there is one.
    """

    label: str
    value: str
    marks: Marks
    level: int
    path: str
    type: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name in a record. `main` is False for further names of the same person (earlier ones, aliases)."""

    person: str | None
    primary: str
    secondary: str
    native: str
    main: bool
    path: str

    def __str__(self) -> str:
        return f"{self.primary}, {self.secondary}" if self.secondary else self.primary


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a record says is attached: its name (also the part's), SHA-256 in hex, kind, media type, persons."""

    name: str
    sha256: str
    kind: str
    media_type: str
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchValue:
    kind: str
    """One of the field's marks: name-primary, document-number, date-of-birth, reference …"""
    value: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A field that must not go from the one country to the other, and the ground.

    `certain` is False where one of the two countries is not known, so that only a person can tell.
    """

    path: str
    label: str
    basis: str
    line: int
    certain: bool


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A text that names protection, which must not be told: somebody reads it again before it is sent."""

    path: str
    label: str
    words: tuple[str, ...]
    """the entries of the list that it has, each once"""
    line: int


def read_fields(content: Content, shape: Shape, language: str = "en") -> tuple[FieldValue, ...]:
    """All that the record says, in document order, without the nonce; labels in `language`, else in English."""
    return tuple(_lines(_root(content), shape, language, -1))


def _lines(node: etree._Element, shape: Shape, language: str, level: int) -> Iterator[FieldValue]:
    path = plain_path(node)
    known = shape.fields.get(path)
    marks = known.marks if known else NONE
    children = list(node)
    label = shape.label(path, language)
    if children or (known is not None and known.is_group):
        if level >= 0:
            yield FieldValue(label, "", marks, level, numbered_path(node), GROUP)
    else:
        yield _value(node.text or "", known, shape, language, level, numbered_path(node), label)
    for name, value in ((str(key), str(text)) for key, text in node.attrib.items()):
        attribute = shape.fields.get(f"{path}/@{name}")
        if attribute is None or not attribute.marks.has("nonce"):
            place = f"{numbered_path(node)}/@{name}"
            named = shape.label(f"{path}/@{name}", language)
            yield _value(value, attribute, shape, language, level + 1, place, named)
    for child in children:
        yield from _lines(child, shape, language, level + 1)


def _value(
    text: str, known: Field | None, shape: Shape, language: str, level: int, path: str, label: str
) -> FieldValue:
    text = text.strip()
    if known is None:
        return FieldValue(label, text, NONE, level, path, "text")
    codes = shape.codes.get(known.marks.codes or "")
    if codes is None:
        return FieldValue(label, text, known.marks, level, path, known.type)
    return FieldValue(label, codes.label(text, language), known.marks, level, path, known.type, code=text)


def person_names(content: Content, shape: Shape) -> tuple[PersonName, ...]:
    """Every name in the record, in document order; one `main` name for each place that describes a person."""
    names: list[PersonName] = []
    described: set[etree._Element] = set()
    for node, found in _marked(_root(content), shape, "person-name"):
        holder = next((one for one in node.iterancestors() if _field(one, shape).marks.has("person")), None)
        person = _person_of(holder, shape) if holder is not None else None
        main = holder is None or holder not in described
        if holder is not None:
            described.add(holder)
        parts = {kind: _texts(node, shape, kind) for kind in ("name-primary", "name-secondary", "name-native")}
        names.append(
            PersonName(
                person=person,
                primary=" ".join(parts["name-primary"]),
                secondary=" ".join(parts["name-secondary"]),
                native=" ".join(parts["name-native"]),
                main=main,
                path=found,
            )
        )
    return tuple(names)


def _person_of(holder: etree._Element, shape: Shape) -> str | None:
    """The id that the person declares, else the one that it refers to."""
    for kind in ("person-id", "person-reference"):
        for attribute in _field(holder, shape).attributes:
            if attribute.marks.has(kind) and holder.get(attribute.name):
                return (holder.get(attribute.name) or "").strip()
    for child in holder:
        if _field(child, shape).marks.has("person-reference"):
            return (child.text or "").strip()
    return None


def attachments(content: Content, shape: Shape) -> tuple[Attachment, ...]:
    """The files that the record says are attached."""
    return tuple(
        Attachment(
            name=_first(node, shape, "attachment-name"),
            sha256=_first(node, shape, "attachment-sha256"),
            kind=_first(node, shape, "attachment-kind"),
            media_type=_first(node, shape, "attachment-type"),
            persons=tuple(_texts(node, shape, "person-reference")),
        )
        for node, _ in _marked(_root(content), shape, "attachment")
    )


def compare_attachments(content: Content, shape: Shape, files: Mapping[str, str]) -> list[Problem]:
    """What differs between the files (name → SHA-256 in hex) that go along and those that the record lists."""
    root = _root(content)
    problems: list[Problem] = []
    lists = shape.marked("attachment")
    listed = attachments(root, shape)
    for found in listed:
        line, path = 0, root.tag
        for node, place in _marked(root, shape, "attachment"):
            if _first(node, shape, "attachment-name") == found.name:
                line, path = line_of(node), place
        if found.name not in files:
            problems.append(
                _of_file(line, path, "attachment:missing", "no such file", found.name, f"Attach {found.name}.")
            )
        elif files[found.name] != found.sha256:
            remedy = f"Attach the {found.name} that was listed, or list this one's SHA-256."
            problems.append(
                _of_file(
                    line,
                    path,
                    "attachment:digest",
                    f"another content, SHA-256 {files[found.name]}",
                    found.sha256,
                    remedy,
                )
            )
    for name in sorted(set(files) - {found.name for found in listed}):
        remedy = (
            f"List {name} in the record or leave it out." if lists else f"Leave {name} out: {shape.name} takes none."
        )
        problems.append(_of_file(0, "/", "attachment:unlisted", name, "a file that the record lists", remedy))
    return problems


def _of_file(line: int, path: str, rule: str, found: str, expected: str, remedy: str) -> Problem:
    return Problem.at(path, line, rule=rule, found=found, expected=expected, remedy=remedy)


def with_digests(content: Content, shape: Shape, digests: Mapping[str, str]) -> bytes:
    """The record with the SHA-256 (hex) of each listed file that `digests` names put in its place."""
    root = _root(content)
    for node, _ in _marked(root, shape, "attachment"):
        digest = digests.get(_first(node, shape, "attachment-name"))
        for place in node.iter("{*}*"):
            if digest is not None and _field(place, shape).marks.has("attachment-sha256"):
                place.text = digest
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def messages_named(content: Content, shape: Shape) -> tuple[tuple[str, str, int], ...]:
    """The ids of messages that the record refers to: (id, path, line) of each."""
    return tuple(
        ((node.text or "").strip(), place, line_of(node))
        for node, place in _marked(_root(content), shape, "message-id")
    )


def cases_named(content: Content, shape: Shape) -> tuple[tuple[str, str, int], ...]:
    """The ids (ConversationId) of cases that the record refers to: (id, path, line) of each."""
    return tuple(
        ((node.text or "").strip(), place, line_of(node)) for node, place in _marked(_root(content), shape, "case-id")
    )


def searchable_values(content: Content, shape: Shape) -> tuple[SearchValue, ...]:
    """What the record may be found by: every searchable field's text with the kind that its marks give it."""
    values: list[SearchValue] = []
    for node, field in _with_fields(_root(content), shape):
        marks = field.marks
        text = (node.text or "").strip()
        if marks.searchable and text:
            kinds = marks.kinds - {"partial-date"} or marks.kinds
            values.append(SearchValue(min(kinds, default="text"), text))
    return tuple(dict.fromkeys(values))


def forbidden_fields(content: Content, shape: Shape, sender: str | None, receiver: str | None) -> tuple[Forbidden, ...]:
    """The fields in the record that a record from country `sender` to country `receiver` (alpha-3) may not hold.

    A country that is not known (None) may be any: the fields that would then be forbidden are given, too.
    """
    found: list[Forbidden] = []
    for node, field in elements_of(_root(content), shape, shape.never_sent):
        for never in field.marks.never_to:
            pairs = ((never.receiver, receiver), (never.sender or sender, sender))
            if all(None in pair or pair[0] == pair[1] for pair in pairs):
                certain = receiver is not None and (never.sender is None or sender is not None)
                label = shape.label(field.path)
                found.append(Forbidden(numbered_path(node), label, never.basis, line_of(node), certain))
    return tuple(found)


def second_look(content: Content, domain: Domain) -> tuple[SecondLook, ...]:
    """Texts that name protection in any language, by the word list that the domain's `second_look` setting names."""
    root = _root(content)
    shape = domain.records.get(etree.QName(root).localname)
    words = second_look_words(domain)
    if shape is None or not words:
        return ()
    any_word = _any_of(words)
    found: list[SecondLook] = []
    # Most records have none of the words anywhere: one look through all that is written tells.
    written: Iterator[str] = root.itertext(with_tail=False)  # type: ignore[assignment]  # no bytes among it
    if not any_word.search(fold(_APART.join(written))):
        return ()
    for node, field in _with_fields(root, shape):
        text = fold(node.text or "") if field.path in shape.read_again else ""
        if not any_word.search(text):
            continue
        there = dict.fromkeys(stem for _, stem, pattern in words if pattern.search(text))
        if there:
            found.append(SecondLook(numbered_path(node), shape.label(field.path), tuple(there), line_of(node)))
    return tuple(found)


def second_look_words(domain: Domain) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """(language, stem, pattern for folded texts) of each word that needs a second look; `*` stands for an ending."""
    return _words_in(domain.files.get(str(domain.settings.get("second_look", "")), b""))


@lru_cache(maxsize=16)
def _words_in(table: bytes) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """The words of such a list; kept, since every record is looked through."""
    return tuple(
        (row["language"], row["stem"], re.compile(_START + r"\w*".join(map(re.escape, fold(row["stem"]).split("*")))))
        for row in csv.DictReader(io.StringIO(table.decode()))
    )


@lru_cache(maxsize=16)
def _any_of(words: tuple[tuple[str, str, re.Pattern[str]], ...]) -> re.Pattern[str]:
    """One pattern for all: most texts have none of them."""
    by_letter: dict[str, list[str]] = {}
    for *_, pattern in words:
        word = pattern.pattern.removeprefix(_START)
        letter = word[:1] if word[:1].isalnum() else ""
        by_letter.setdefault(letter, []).append(word.removeprefix(letter))
    # By first letters: a word with another is passed over at one look.
    return re.compile(_START + "(?:" + "|".join(f"{one}(?:{'|'.join(rest)})" for one, rest in by_letter.items()) + ")")


def fold(text: str) -> str:
    """Small letters without diacritics, spaces joined, so that `Međunarodna  ZAŠTITA` is `medunarodna zastita`."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    return " ".join(_NOT_ASCII.sub(_without_marks, plain).split())


def _without_marks(letters: re.Match[str]) -> str:
    return "".join(letter for letter in letters[0] if not unicodedata.combining(letter))


_UNKNOWN = Field("", "", False, "text", 0, None, NONE)


def _field(node: etree._Element, shape: Shape) -> Field:
    return shape.fields.get(plain_path(node), _UNKNOWN)


def _with_fields(root: etree._Element, shape: Shape) -> Iterator[tuple[etree._Element, Field]]:
    """Every element of the record in document order, with the field that it is."""
    paths: dict[etree._Element, str] = {}
    for node in root.iter("{*}*"):
        above = paths.get(parent) if (parent := node.getparent()) is not None else None
        paths[node] = path = plain_path(node) if above is None else f"{above}/{local_name(node)}"
        yield node, shape.fields.get(path, _UNKNOWN)


def elements_of(root: etree._Element, shape: Shape, fields: Sequence[Field]) -> Iterator[tuple[etree._Element, Field]]:
    """The elements of the record that are one of these fields, in document order."""
    if fields:
        paths = {found.path for found in fields}
        for node in root.iter(*{f"{{*}}{found.name}" for found in fields}):
            path = plain_path(node)
            if path in paths:
                yield node, shape.fields[path]


def _marked(root: etree._Element, shape: Shape, kind: str) -> Iterator[tuple[etree._Element, str]]:
    for node, _ in elements_of(root, shape, shape.marked(kind)):
        yield node, numbered_path(node)


def _texts(node: etree._Element, shape: Shape, kind: str) -> list[str]:
    return [(one.text or "").strip() for one in node.iter("{*}*") if _field(one, shape).marks.has(kind)]


def _first(node: etree._Element, shape: Shape, kind: str) -> str:
    return next(iter(_texts(node, shape, kind)), "")


def _root(content: Content) -> etree._Element:
    return read_xml(content) if isinstance(content, bytes) else content
