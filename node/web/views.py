"""What pages show: frozen values that a `CaseReader` gives and templates lay out. Texts here are ready to read.

A reader answers for one person: it gives nothing about a case that the person's unit does not see, and neither persons
nor records nor attachments' names to a role that may not read them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from node.access import Person

Tone = Literal["plain", "acc", "ok", "soon", "late"]
"""Which of the theme's colours a label has; the words say the same without it."""


class View(StrEnum):
    """Which cases a list shows; the value stands in the address."""

    OPEN = "open"
    UNREAD = "unread"
    OURS = "waiting-for-us"
    THEIRS = "waiting-for-partners"
    TROUBLE = "trouble"
    CLOSED = "closed"


class Mark(StrEnum):
    """A proof mark: shown filled, empty, or crossed."""

    YES = "y"
    NOT_YET = "n"
    REFUSED = "x"


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name, family name first; `others` are further spellings with the language tag of each, if known."""

    text: str
    others: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Partner:
    party: str
    name: str


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """What waits for a person: what happened (with the code and detail that a machine gave), and what helps.

    `title` and `address` are those of the message that it is about; None when it is about none, or none of a case.
    """

    id: int
    time: datetime
    cause: str
    detail: str
    remedy: str
    commands: tuple[str, ...]
    partner: Partner | None
    title: str | None
    message_id: str | None
    address: str | None
    settled: datetime | None


@dataclass(frozen=True, slots=True)
class Tag:
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class ProofMark:
    """`label` is Sent, Received, Read or Log proof; `fact` is when, by whom or which entry, or why not yet."""

    label: str
    state: Mark
    fact: str = ""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of the list of cases."""

    alias: str
    title: str
    persons: tuple[Name, ...]
    partners: tuple[Partner, ...]
    state: Tag
    next_action: str
    last_message: str
    last_time: datetime
    marks: tuple[ProofMark, ...]
    proof: str
    """the marks in words"""


@dataclass(frozen=True, slots=True)
class Number:
    """How many there are; with `more`, more than that."""

    n: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class CaseList:
    """The cases of a view, newest change first. `after` leads to the next page; `counts` holds every view's number."""

    view: View
    party: str | None
    rows: tuple[CaseRow, ...]
    counts: dict[View, Number]
    partners: tuple[Partner, ...]
    after: int | None


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field with its value; `lang` is the language of the value where it is known. `code` prints in monospace."""

    label: str
    value: str
    lang: str | None = None
    code: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with fields under it; `level` 0 for a part of the record, 1 for what lies in it, 2 for all below."""

    heading: str
    rows: tuple[FieldRow, ...]
    level: int = 0
    guarded: bool = False
    """folded until asked for: health, danger"""
    empty: bool = False
    """whether the record has this part and nothing in it"""


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of a message. `title` says what it is and never names a person; `readable` is False after an erasure."""

    n: int
    title: str
    picture: Literal["person", "document", "record"]
    media_type: str
    size: int
    sha256: str
    note: str = ""
    format: str = ""
    """what people call the media type"""
    readable: bool = True
    shown: bool = False
    """whether the page may show it as a picture"""


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """Something that happened. `way` chooses the sign: in, out, by hand, or trouble."""

    way: Literal["in", "out", "hand", "trouble"]
    title: str
    time: datetime
    body: str
    marks: tuple[ProofMark, ...]
    message: int | None = None
    ours: bool = False
    """whether we made it"""
    unread: bool = False
    parts: tuple[PartRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A person of a case and the particulars to show at the side."""

    name: Name
    rows: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True)
class CasePage:
    alias: str
    title: str
    partners: tuple[Partner, ...]
    state: Tag
    next_action: str
    since: datetime
    subjects: tuple[Subject, ...]
    timeline: tuple[TimelineItem, ...]
    """newest first"""
    unilateral: bool
    """whether terms stand by our own word only"""
    failed: int | None
    """number of the last message, if a person must see to it"""
    unread: int | None
    """number of the first message that nobody here has opened"""
    read_persons: bool
    read_records: bool


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str | datetime
    code: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message was refused, by them or by us: the ebMS code, words without any value from the record, and what
    helps."""

    heading: str
    code: str
    detail: str
    remedy: str
    tone: Tone = "late"


@dataclass(frozen=True, slots=True)
class MessagePage:
    row_id: int
    alias: str
    n: int
    of: int
    title: str
    heading: str
    partner: Partner
    way: Literal["in", "out"]
    time: datetime
    state: Tag
    marks: tuple[ProofMark, ...]
    facts: tuple[Fact, ...]
    parts: tuple[PartRow, ...]
    sections: tuple[Section, ...]
    unreadable: str | None
    """why the record is not shown, if there is one that cannot be"""
    refusal: Refusal | None
    unopened: bool
    has_envelope: bool
    has_response: bool
    read_records: bool
    unilateral: bool
    disputed_time: bool


@dataclass(frozen=True, slots=True)
class Download:
    """The octets of a part or of a signed message, in pieces; `file_name` is made of numbers only."""

    file_name: str
    media_type: str
    size: int
    octets: Iterator[bytes] = field(repr=False)


class CaseReader(Protocol):
    """Where pages get what they show. None means: there is no such thing, or this person may not know whether."""

    def cases(self, person: Person, view: View, party: str | None, after: int | None) -> CaseList: ...

    def case(self, person: Person, alias: str) -> CasePage | None: ...

    def message(self, person: Person, alias: str, n: int) -> MessagePage | None: ...

    def part(self, person: Person, alias: str, n: int, k: int) -> Download | None: ...

    def envelope(self, person: Person, alias: str, n: int) -> Download | None: ...

    def response(self, person: Person, alias: str, n: int) -> Download | None: ...
