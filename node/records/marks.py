"""What a field *is*: marks in the namespace urn:depesha:marks:1 inside `xs:appinfo`, read into values.

The reference of every mark is docs/reference/records.md. An unknown mark is an error: a typing mistake in
`searchable` must not silently make a name unfindable, nor one in `never-to` let a forbidden field out.
"""

from dataclasses import dataclass

from lxml import etree

from node.records.reading import line_of

NAMESPACE = "urn:depesha:marks:1"
XS = "http://www.w3.org/2001/XMLSchema"

# Where a mark `is` may say one of these. Each has a reader in this package or a page that is made from it.
KINDS = frozenset(
    {
        "section",  # a part of the form with a heading of its own
        "person",  # describes one person; its attribute marked person-id gives the person's id within the case
        "person-id",
        "person-reference",  # names a person of the case by that id
        "person-name",  # a whole name, made of the following parts
        "name-primary",  # ICAO 9303 primary identifier (surname)
        "name-secondary",  # ICAO 9303 secondary identifier (given names)
        "name-native",  # the same in its own script
        "date-of-birth",
        "document-number",
        "mrz",  # machine-readable lines, ICAO 9303
        "language",  # one that the person speaks or writes
        "evidence",  # the code of a means of evidence
        "issue-date",  # when that was issued
        "crossing-point",  # where a person leaves or enters a State
        "crossing-state",  # of which State that is
        "partial-date",
        "health",
        "criminal",
        "free-text",  # read for words that need a second look before sending
        "photograph",
        "attachment",  # describes one attached file
        "attachment-name",
        "attachment-sha256",
        "attachment-kind",
        "attachment-type",
        "attachment-reference",  # names an attached file
        "reference",  # a file number that people quote
        "nonce",
        "occurred",
        "recorded",
        "message-id",
        "case-id",
        "message-event",
        "notice-role",
        "notice-state",
        "notice-finding",
        "finding-path",
        "finding-rule",
        "finding-expected",
        "calendar-party",
        "calendar-first",
        "calendar-last",
        "calendar-source",
        "weekly-day-off",
        "day-off",  # describes one, by the next three
        "day-off-date",
        "day-off-name",
        "day-off-estimated",
        "worked-day",
    }
)


class MarkError(Exception):
    """A mark that we do not know, or that lacks what it needs; `line` is in the schema file."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True)
class NeverTo:
    """A field that no record from one country to another may hold, and on what ground. ISO 3166-1 alpha-3 or XKX."""

    sender: str | None
    receiver: str
    basis: str


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks of one field."""

    kinds: frozenset[str] = frozenset()
    searchable: bool = False
    codes: str | None = None
    never_to: tuple[NeverTo, ...] = ()
    words: str | None = None
    """What the field takes, in plain words (`a day as 1974-08-12 …`): quoted where a value does not fit."""

    def has(self, kind: str) -> bool:
        return kind in self.kinds

    def joined(self, other: "Marks") -> "Marks":
        """The marks of a field over those of its type: kinds and prohibitions add up, the field's words win."""
        return Marks(
            kinds=self.kinds | other.kinds,
            searchable=self.searchable or other.searchable,
            codes=self.codes or other.codes,
            never_to=self.never_to + other.never_to,
            words=self.words or other.words,
        )


NONE = Marks()


def read_marks(declaration: etree._Element) -> Marks:
    """Read the marks in the annotation directly under an XSD declaration. Raises MarkError."""
    kinds: set[str] = set()
    searchable = False
    codes: str | None = None
    never: list[NeverTo] = []
    words: str | None = None
    for mark in declaration.iterfind(f"{{{XS}}}annotation/{{{XS}}}appinfo/*"):
        name = etree.QName(mark)
        line = line_of(mark)
        if name.namespace != NAMESPACE:
            continue
        text = " ".join((mark.text or "").split())
        match name.localname:
            case "is":
                if text not in KINDS:
                    raise MarkError(line, f"no field is '{text}'; known are {', '.join(sorted(KINDS))}")
                kinds.add(text)
            case "searchable":
                searchable = True
            case "codes":
                codes = _needed(text, line, "codes: name a file of codes/")
            case "words":
                words = _needed(text, line, "words: say what the field takes")
            case "never-to":
                receiver = _needed(mark.get("country", ""), line, "never-to: attribute country is missing")
                basis = _needed(mark.get("basis", ""), line, "never-to: attribute basis is missing")
                never.append(NeverTo(sender=mark.get("from"), receiver=receiver, basis=basis))
            case other:
                raise MarkError(line, f"unknown mark '{other}'")
    return Marks(frozenset(kinds), searchable, codes, tuple(never), words)


def _needed(text: str, line: int, complaint: str) -> str:
    if not text:
        raise MarkError(line, complaint)
    return text
