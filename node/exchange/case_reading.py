"""One reading of stored cases: what several of them need is read, opened and judged once.

A list of cases with one partner rests on the same terms, calendars and lists of persons. What is of one case alone is
gathered for a few cases at a time, by one statement for all, and not kept: a list may be long.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, select

from node.as4 import decompress
from node.exchange.cases import members_of_cases
from node.exchange.contents import PART, ContentGone, sealed_octets
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.records.check import CheckedRecord, accepted_record, check
from node.store.columns import table_of
from node.store.payloads import PayloadErased, StoredPayload, open_payload
from node.store.prepared import Prepared, among
from node.store.tables import PaperAct

_T = TypeVar("_T")
PAPER = table_of(PaperAct)

AT_ONCE = 50
"""So many cases are gathered together: their records are small, and lie in memory until the next ones are."""

_OF_CASES = Prepared(select(MESSAGE).where(among(MESSAGE.c.case_id, "cases")).order_by(MESSAGE.c.id))
_ON_PAPER = Prepared(select(PAPER.c.case_id, PAPER.c.id).where(among(PAPER.c.case_id, "cases")).order_by(PAPER.c.id))
_PAYLOADS = PART.outerjoin(
    PAYLOAD, and_(PAYLOAD.c.message == PART.c.message, PAYLOAD.c.kind == "part", PAYLOAD.c.n == PART.c.n)
).outerjoin(
    PAYLOAD_KEY,
    and_(PAYLOAD_KEY.c.message == PART.c.message, PAYLOAD_KEY.c.kind == "part", PAYLOAD_KEY.c.n == PART.c.n),
)
_FIRST_PARTS = Prepared(
    select(PART.c.message, PART.c.compressed, PAYLOAD.c.size, PAYLOAD.c.inline, PAYLOAD.c.blob, PAYLOAD_KEY.c.wrapped)
    .select_from(_PAYLOADS)
    .where(among(PART.c.message, "messages"), PART.c.n == 1)
)


@dataclass(frozen=True, slots=True)
class _Content:
    """The first part of a message, sealed; no payload where it is not there any more."""

    compressed: bool
    payload: StoredPayload | None


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What is of some cases alone, by their row ids; contents by those of messages."""

    members: Mapping[int, Sequence[str]] = field(default_factory=dict)
    messages: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    on_paper: Mapping[int, Sequence[int]] = field(default_factory=dict)
    contents: Mapping[int, _Content] = field(default_factory=dict)


class CaseReading:
    """A node and the transaction in which its cases are read; to be thrown away with the transaction.

    `first_case` is the lowest row id among the cases that are to be read, where it is known.
    """

    def __init__(self, node: Node, connection: Connection, first_case: int | None = None) -> None:
        self.node = node
        self.connection = connection
        self.first_case = first_case
        self._known: dict[Hashable, Any] = {}
        self._gathered = _Gathered()

    def once(self, key: Hashable, find: Callable[[], _T]) -> _T:
        """What `find` gives the first time that it is asked for under this key."""
        if key not in self._known:
            self._known[key] = find()
        found: _T = self._known[key]
        return found

    def gather(self, case_ids: Sequence[int]) -> None:
        """Read what is of these cases alone, and forget that of others."""
        ids = [*case_ids]
        messages: dict[int, list[Mapping[str, Any]]] = {one: [] for one in ids}
        for row in _OF_CASES.rows(self.connection, cases=ids):
            messages[row.case_id].append(row._asdict())
        on_paper: dict[int, list[int]] = {one: [] for one in ids}
        for row in _ON_PAPER.rows(self.connection, cases=ids):
            on_paper[row.case_id].append(row.id)
        contents = self._contents(row["id"] for rows in messages.values() for row in rows)
        self._gathered = _Gathered(members_of_cases(self.connection, ids), messages, on_paper, contents)

    def members(self, case_id: int) -> Sequence[str]:
        """The parties of a case, sorted."""
        return self._with(case_id).members[case_id]

    def messages(self, case_id: int) -> Sequence[Mapping[str, Any]]:
        """The rows of the messages of a case, oldest first."""
        return self._with(case_id).messages[case_id]

    def on_paper(self, case_id: int) -> Sequence[int]:
        """The row ids of the acts on paper of a case, oldest first."""
        return self._with(case_id).on_paper[case_id]

    def is_kept(self, row: Mapping[str, Any]) -> bool:
        """Whether the record of a message (its row) is still there; it is not opened for that."""
        content = self._content(row["id"])
        return content is not None and content.payload is not None and content.payload.wrapped_key is not None

    def record(self, row: Mapping[str, Any]) -> CheckedRecord | None:
        """The record of a message (its row), from its first part; None where it is gone or none of a domain here."""
        octets = self.content(row["id"])
        if octets is None:
            return None
        record = check(octets, self.node.domains, row["service"], row["action"])
        return record if isinstance(record, CheckedRecord) else None

    def accepted(self, row: Mapping[str, Any]) -> CheckedRecord | None:
        """The same of a message that was accepted as a record of its domain when it came or was made: it is parsed
        again, and not judged."""
        octets = self.content(row["id"])
        return None if octets is None else accepted_record(octets, self.node.domains, row["service"], row["action"])

    def _with(self, case_id: int) -> _Gathered:
        if case_id not in self._gathered.messages:
            self.gather([case_id])
        return self._gathered

    def _contents(self, messages: Iterable[int]) -> dict[int, _Content]:
        rows = _FIRST_PARTS.rows(self.connection, messages=[*messages])
        return {
            message: _Content(compressed, None if size is None else StoredPayload(size, inline, blob, wrapped))
            for message, compressed, size, inline, blob, wrapped in rows
        }

    def _content(self, message: int) -> _Content | None:
        found = self._gathered.contents.get(message)
        return found if found is not None else self._contents([message]).get(message)

    def content(self, message: int) -> bytes | None:
        """The octets of the first part of a message (its row id); None where they are gone."""
        content = self._content(message)
        if content is None or content.payload is None:
            return None
        try:
            octets = open_payload(content.payload, self.node.kek, self.node.blobs)
            return b"".join(decompress(octets) if content.compressed else octets)
        except PayloadErased:
            return None


def noted(reading: CaseReading, row_id: int) -> bytes | None:
    """What was recorded by hand under this row id; None where it was erased."""
    try:
        return b"".join(sealed_octets(reading.node, row_id, "note", 0, reading.connection))
    except (PayloadErased, ContentGone):
        return None
