"""A node's database as years of work leave it: cases of six messages each, one written after the other as they came.

A block of messages is written row by row, and then copied by the database itself to other times, ids and numbers until
there are enough. Every message has its row, its part with a real record, sealed, and its log entry. What no list reads
is left out: envelopes and answers (of all messages but those of `WITH_EVIDENCE`), the second log entry of a message.
Records of a kind are sealed once and stored for all messages of that kind.
"""

import hashlib
import uuid
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table

from node.audit.entry import append_rows, entry
from node.exchange.cases import CASE, MEMBER, NUMBER
from node.exchange.contents import PART
from node.exchange.node import Node
from node.exchange.settlement import ALARM, LOG_ENTRY, MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.exchange.turns import turn_of
from node.store.columns import _ROW_ID_EPOCH as ROW_ID_EPOCH
from node.store.columns import ROW_ID_RANDOM_BITS, table_of
from node.store.database import Database
from node.store.payloads import SealedPayload, payload_rows, seal_payload
from node.store.rows import insert_rows
from node.store.tables import LogEntryKey, Peer
from tests.web.specimens import NOTICES, SERVICE, application, notice, particulars, reply

LOG_ENTRY_KEY = table_of(LogEntryKey)
PARTNERS = 20
RARE = "partner-rare"
"""The partner of every 3,000th case; the others share the rest."""
UNIT = "Consulate in Lyon"
"""The unit of every 50th case."""
WITH_EVIDENCE = 100
"""So many cases of a block have the envelopes and answers of their messages too."""
BLOCK = 20_000
"""Messages that are written row by row."""
BETWEEN = 500
"""How many cases begin before the next message of one."""
SPAN = timedelta(days=21)
"""How long a block takes; the last one ends now."""
BATCH = 500
NUMBER_YEAR = 2025


@dataclass(frozen=True, slots=True)
class _Kind:
    """A message in the course of a case: direction, service, action, whether an officer reads it."""

    direction: str
    service: str
    action: str
    record: bytes


def _course() -> tuple[_Kind, ...]:
    occurred = "2026-01-18T13:01:00Z"
    return (
        _Kind("in", SERVICE, "ReadmissionApplication", application(occurred=occurred)),
        _Kind("out", NOTICES, "Opened", notice("m@example", occurred)),
        _Kind("out", SERVICE, "FurtherParticulars", particulars(True, occurred, "Which place of birth?")),
        _Kind("in", SERVICE, "FurtherParticulars", particulars(False, occurred, "A copy follows.")),
        _Kind("out", SERVICE, "Reply", reply(occurred)),
        _Kind("in", NOTICES, "Opened", notice("m@example", occurred)),
    )


COURSE = len(_course())


@dataclass(frozen=True, slots=True)
class _Ending:
    """How far a case has come (messages), how its last one ended, whether it is closed."""

    messages: int
    state: str
    detail: str | None = None
    closed: bool = False
    opened: bool = True


def _ending(number: int) -> _Ending:
    """Of a hundred cases: 60 wait for the partner, 24 for us (8 of them unread), 15 are closed; of a thousand, 10 were
    not delivered."""
    if number % 100 == 0:
        return _Ending(5, "given-up" if number % 200 else "refused", "EBMS:0004: no such code")
    match number % 20:
        case 1 | 2 | 3:
            return _Ending(COURSE, "received", closed=True)
        case 4 | 5 | 6 | 7 | 8:
            return _Ending(4, "received", opened=number % 3 > 0)
        case _:
            return _Ending(COURSE, "received")


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A record of a kind as it is stored, and what the row of its part says."""

    payload: SealedPayload
    size: int
    sha256: bytes
    signed_size: int
    signed_sha256: bytes


class _Writer:
    """Rows of cases and messages in the order in which they came."""

    def __init__(self, node: Node, cases: int, begin: datetime) -> None:
        self._node = node
        self._cases = cases
        self._course = _course()
        self._sealed = [self._seal(kind.record) for kind in self._course]
        self._evidence = seal_payload(b"<evidence/>" * 400, node.kek, node.blobs)
        self._log = append_rows([entry(type="message", at=node.now(), actor="node", facts={})], node.kek)
        self._position = 0
        self._made = 0
        self._ids: dict[int, int] = {}
        self._step = SPAN / (cases + BETWEEN * COURSE)
        self._begin = begin
        self.rows: defaultdict[Table, list[dict[str, Any]]] = defaultdict(list)

    def _seal(self, record: bytes) -> _Sealed:
        squeeze = zlib.compressobj(1, wbits=31)
        signed = squeeze.compress(record) + squeeze.flush()
        digests = hashlib.sha256(record).digest(), hashlib.sha256(signed).digest()
        payload = seal_payload(signed, self._node.kek, self._node.blobs)
        return _Sealed(payload, len(record), digests[0], len(signed), digests[1])

    def _row_id(self, time: datetime) -> int:
        """As a node would have made it then: one of today rises above those that there are."""
        self._made += 1
        return ((time - ROW_ID_EPOCH) // timedelta(milliseconds=1) << ROW_ID_RANDOM_BITS) + self._made

    def _moment(self, number: int, n: int) -> datetime:
        return self._begin + self._step * (number + BETWEEN * n) + timedelta(microseconds=n)

    def step(self, now: int) -> None:
        """What came at one moment: the first message of a case, the second of an older one, and so on."""
        if now < self._cases:
            self._case(now)
        for n in range(COURSE):
            number = now - BETWEEN * n
            if 0 <= number < self._cases and n < _ending(number).messages:
                self._message(number, n)

    def _partner(self, number: int) -> str:
        return RARE if number % 3000 == 7 else f"partner-{number % PARTNERS:02}"

    def _case(self, number: int) -> None:
        ending, began = _ending(number), self._moment(number, 0)
        case_id = self._ids[number] = self._row_id(began)
        turns = [n for n in range(ending.messages) if self._course[n].service != NOTICES]
        last = self._course[turns[-1]]
        state = ending.state if turns[-1] == ending.messages - 1 else "delivered"
        changed = self._moment(number, ending.messages - 1)
        # The row ids of messages are known only later: here stands one that is put right with the message
        self.rows[CASE].append(
            {
                "id": case_id, "opener": self._partner(number), "conversation_id": str(uuid.uuid4()),
                "alias_year": NUMBER_YEAR, "alias_number": number + 1, "domain": "returns", "version": "1",
                "unit": UNIT if number % 50 == 3 else None, "created_at": began, "changed_at": changed,
                "closed_at": changed if ending.closed else None, "turn": turn_of(last.direction, state, ending.detail),
                "unread": 0 if ending.opened else 1, "last_message": None,
            }
        )  # fmt: skip
        self.rows[MEMBER] += [
            {"case_id": case_id, "party": party} for party in (self._node.party, self._partner(number))
        ]

    def _message(self, number: int, n: int) -> None:
        kind, ending, time = self._course[n], _ending(number), self._moment(number, n)
        is_last = n == ending.messages - 1
        out = kind.direction == "out"
        state = ending.state if is_last else "delivered" if out else "received"
        row_id = self._row_id(time)
        opened = not out and kind.service != NOTICES and (not is_last or ending.opened)
        self.rows[MESSAGE].append(
            {
                "id": row_id, "message_id": f"{uuid.uuid4()}@depesha", "direction": kind.direction,
                "peer": self._partner(number), "state": state, "service": kind.service, "action": kind.action,
                "agreement_ref": "urn:depesha:bench", "case_id": self._ids[number], "conversation_id": f"c{number}",
                "timestamp": time, "time": time, "receipt_time": None if state in ("given-up", "refused") else time,
                "attempts": 1, "sequence": number, "seen": number, "digests": hashlib.sha256(b"%d" % row_id).digest(),
                "error_code": "EBMS:0004" if is_last and ending.detail else None,
                "error_detail": ending.detail if is_last else None, "unilateral": False, "disputed_time": False,
                "opened_at": time if opened else None,
            }
        )  # fmt: skip
        sealed = self._sealed[n]
        self.rows[PART].append(
            {
                "message": row_id, "n": 1, "content_id": "part-1@depesha", "name": "record.xml",
                "media_type": "application/xml", "compressed": True, "size": sealed.size, "sha256": sealed.sha256,
                "signed_size": sealed.signed_size, "signed_sha256": sealed.signed_sha256,
            }
        )  # fmt: skip
        self._payload(row_id, "part", 1, sealed.payload)
        if number >= self._cases - WITH_EVIDENCE:
            self._payload(row_id, "envelope", 0, self._evidence)
            self._payload(row_id, "response", 0, self._evidence)
        self._entry(row_id, time)
        if state == "given-up":
            self._alarm(row_id, number, time)

    def _payload(self, message: int, kind: Any, n: int, sealed: SealedPayload) -> None:
        row, key = payload_rows(message, kind, n, sealed)
        self.rows[PAYLOAD].append(row)
        self.rows[PAYLOAD_KEY].append(key)

    def _entry(self, message: int, time: datetime) -> None:
        id_ = self._row_id(time)
        [logged], [key] = self._log.entries, self._log.keys
        more = {"id": id_, "message": message, "time": time, "position": self._position, "case_id": None}
        self.rows[LOG_ENTRY].append(logged | more)
        self.rows[LOG_ENTRY_KEY].append(key | {"id": id_})
        self._position += 1

    def _alarm(self, message: int, number: int, time: datetime) -> None:
        self.rows[ALARM].append(
            {
                "id": self._row_id(time), "time": time, "kind": "given-up", "peer": self._partner(number),
                "message": message, "detail": "EBMS:0301: no receipt within 48 hours", "settled_at": None,
            }
        )  # fmt: skip

    def flush(self, database: Database) -> int:
        """Write what is gathered; how many messages it was."""
        with database.write() as connection:
            for table, rows in self.rows.items():
                insert_rows(connection, table, rows)
        count = len(self.rows[MESSAGE])
        self.rows.clear()
        return count


def fill(node: Node, messages: int, say: Callable[[str], None]) -> int:
    """Write so many messages or a few more, in the order in which they came; returns how many cases they are in.

    The tables must be empty but for what `init` wrote.
    """
    copies = max(1, round(messages / BLOCK))
    share = sum(_ending(number).messages for number in range(10_000)) / 10_000
    cases = max(1, round(messages / copies / share))
    with node.database.write() as connection:
        insert_rows(connection, table_of(Peer), list(_peers()))
        insert_rows(connection, NUMBER, [{"year": NUMBER_YEAR, "last": cases * copies}])
    begin = node.now() - SPAN * copies
    writer = _Writer(node, cases, begin)
    block = 0
    for step in range(cases + BETWEEN * COURSE):
        writer.step(step)
        if step % BATCH == BATCH - 1:
            block += writer.flush(node.database)
    block += writer.flush(node.database)
    with node.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE exchange_case SET last_message = (SELECT max(message.id) FROM message "
            f"WHERE message.case_id = exchange_case.id AND message.service <> '{NOTICES}')"
        )
    for copy in range(1, copies):
        _copy(node.database, copy, block, cases, begin + SPAN)
        if copy % 10 == 9:
            say(f"{block * (copy + 1)} messages")
    if node.database.dialect == "postgresql":  # which does so by itself in time; SQLite never does
        with node.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
    say(f"{block * copies} messages in {cases * copies} cases")
    return cases * copies


# Per table: the column by which rows of the first block are known, those that hold row ids, and those that hold times.
_IDS = {
    CASE: ("id", "last_message"), MEMBER: ("case_id",), MESSAGE: ("id", "case_id"), PART: ("message",),
    PAYLOAD: ("message",), PAYLOAD_KEY: ("message",), LOG_ENTRY: ("id", "message"), LOG_ENTRY_KEY: ("id",),
}  # fmt: skip
_TIMES = ("created_at", "changed_at", "closed_at", "timestamp", "time", "receipt_time", "opened_at")


def _copy(database: Database, copy: int, block: int, cases: int, first_ends: datetime) -> None:
    """Copy the first block to a later time."""
    ids = copy * (SPAN // timedelta(milliseconds=1) << ROW_ID_RANDOM_BITS)
    ends = (first_ends - ROW_ID_EPOCH) // timedelta(milliseconds=1) << ROW_ID_RANDOM_BITS
    more = dict.fromkeys(_TIMES, copy * (SPAN // timedelta(microseconds=1)))
    more |= {"alias_number": copy * cases, "position": copy * block, "sequence": copy * block, "seen": copy * block}
    with database.write() as connection:
        for table, of_ids in _IDS.items():
            shift = more | dict.fromkeys(of_ids, ids)
            values = [
                f"'{copy}-' || {column.name}" if column.name in ("message_id", "conversation_id")
                else f"{column.name} + {shift[column.name]}" if column.name in shift
                else column.name
                for column in table.columns
            ]  # fmt: skip
            names = ", ".join(column.name for column in table.columns)
            connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {table.name} "
                f"WHERE {of_ids[0]} < {ends}"
            )


def _peers() -> Iterator[Mapping[str, Any]]:
    for party in (*(f"partner-{n:02}" for n in range(PARTNERS)), RARE):
        yield {
            "party": party, "name": f"Office {party}", "kind": "card", "state": "confirmed", "depesha": True,
            "added_at": datetime(2024, 1, 1, tzinfo=UTC),
        }  # fmt: skip
