"""A node of Serbia as an officer finds it on 25 November 2026: cases in every state, put straight into the tables."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert

from node.access import add_user
from node.audit.entry import append_rows, entry
from node.exchange.turns import NewMessage, message_read, messages_came, states_changed
from node.store.blobs import BlobStore
from node.store.columns import new_row_id, table_of
from node.store.database import Database
from node.store.payloads import payload_rows, seal_payload
from node.store.sealing import KeyEncryptionKey
from node.store.tables import (
    Alarm,
    CaseMember,
    ExchangeCase,
    LogEntryKey,
    LoggedEntry,
    Message,
    Part,
    Payload,
    PayloadKey,
    Peer,
)
from tests.web.specimens import (
    ANNA,
    DOCUMENT,
    NOTICES,
    PETER,
    PICTURE,
    SERVICE,
    application,
    notice,
    particulars,
    reply,
)

NOW = datetime(2026, 11, 25, 13, 5, tzinfo=UTC)
OWN = "SRB-MOI"
FRANCE, GERMANY, ITALY = "FRA-MOI", "DEU-BAMF", "ITA-MOI"
PARTNERS = {FRANCE: "France, Ministry of the Interior", GERMANY: "Germany, Federal Office", ITALY: "Italy, Ministry"}
ACCOUNTS = {
    "officer": ("Ana Kostić", None),
    "it": ("Petar Ilić", None),
    "auditor": ("Vesna Marić", None),
    "head": ("Mila Savić", None),
}
APPLICATION, PARTICULARS = "ReadmissionApplication", "FurtherParticulars"
NO_CODE = "/Reply/Answer[1]/Refused/Reason[1]/Code: rule code-list, expected a code of the list refusal-reasons"
NO_SEX = "/ReadmissionApplication/PersonalDetails[1]/Sex: rule schema, expected one of F, M, X"
# Alarms, oldest first.
SETTLED, NO_MESSAGE, REFUSED, GIVEN_UP, OTHER_CONTENT, UNCONFIRMED = range(
    383_000_000_000_000_001, 383_000_000_000_000_007
)
RECORD, PNG, PDF = "application/xml", "image/png", "application/pdf"


@dataclass(frozen=True)
class Sent:
    """A message to write: direction, state, action, parts, and when."""

    direction: str
    state: str
    action: str
    parts: Sequence[tuple[str, bytes]]
    time: datetime
    opened: datetime | None = None
    error: tuple[str, str] | None = None
    position: int | None = None
    service: str = SERVICE
    more: dict[str, Any] = field(default_factory=dict)


def at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 11, day, hour, minute, 2, tzinfo=UTC)


def seed(database: Database, kek: KeyEncryptionKey, blobs: BlobStore, cases: bool = True) -> None:
    """Accounts, partners and, unless told otherwise, cases."""
    with database.write() as connection:
        for role, (name, unit) in ACCOUNTS.items():
            add_user(connection, name, role, unit, NOW - timedelta(days=30))
        add_user(connection, "Dragan Pavlović", "officer", "Consulate in Lyon", NOW - timedelta(days=30))
        peers = [
            {"party": party, "name": name, "kind": "card", "state": "confirmed", "added_at": NOW, "depesha": True}
            for party, name in PARTNERS.items()
        ]
        connection.execute(insert(table_of(Peer)), peers)
        if not cases:
            return
        write = _Writer(connection, kek, blobs).case
        first, second = _applied(application()), _applied(application((PETER,)))
        clarified = write(417, FRANCE, _clarified(first))
        waiting = _answered(at(25, 12, 58), True, "queued", ("", "connection refused"))
        waiting = replace(waiting, more={"attempts": 2})
        write(402, FRANCE, [_received(second, at(19, 9, 0), at(19, 9, 10), 42), waiting, _told("m-0402-1@fra.example")])
        refused = _answered(at(24, 11, 0), False, "refused", ("EBMS:0004", NO_CODE), 47)
        answered = write(388, GERMANY, [_received(first, at(12, 8, 5), at(12, 9, 0), 21), refused])
        both = Sent("out", "delivered", APPLICATION, _applied(application((ANNA, PETER))), at(23, 12, 44), position=45)
        write(420, GERMANY, [both], opener=OWN)
        wrong = [(RECORD, application().replace(b"<Sex>F</Sex>", b"<Sex>W</Sex>"))]
        write(421, ITALY, [Sent("in", "rejected", APPLICATION, wrong, at(24, 7, 0), None, ("EBMS:0004", NO_SEX), 46)])
        foreign = write(422, ITALY, _foreign(), unit="Consulate in Lyon")
        doubtful = Sent("out", "unconfirmed", APPLICATION, first, at(25, 9, 30), None, ("EBMS:0004", "duplicate"))
        doubted = write(423, FRANCE, [replace(doubtful, more={"unilateral": True})], opener=OWN)
        taken_back = _answered(at(22, 9, 0), True, "refused", ("EBMS:0004", "withdrawn by a person"))
        write(419, FRANCE, [_received(second, at(22, 8, 0), at(22, 8, 30), 43), taken_back])
        old = [_received(first, at(2, 15, 20), at(2, 16, 0), 3), _answered(at(6, 12, 0), True, "delivered", None, 9)]
        erased = write(371, FRANCE, old, closed=at(21, 12, 0))
        connection.execute(delete(table_of(PayloadKey)).where(table_of(PayloadKey).c.message.in_(erased)))
        given_up = "no receipt within 48 hours; last: EBMS:0005: connection refused"
        again = "message id m-0417-1@fra.example came again with other content"
        for id_, kind, peer, message, detail, time in (
            (SETTLED, "refused", GERMANY, answered[1], "EBMS:0004: " + NO_CODE, at(20, 9, 0)),
            (NO_MESSAGE, "clock", None, None, "the clock of this machine stood still for 4 minutes", at(21, 3, 0)),
            (REFUSED, "refused", GERMANY, answered[1], "EBMS:0004: " + NO_CODE, at(24, 11, 0)),
            (GIVEN_UP, "given-up", ITALY, foreign[1], given_up, at(24, 16, 0)),
            (OTHER_CONTENT, "other-content", FRANCE, clarified[0], again, at(25, 8, 0)),
            (UNCONFIRMED, "unconfirmed", FRANCE, doubted[0], "EBMS:0004: duplicate", at(25, 9, 30)),
        ):
            settled = at(20, 10, 0) if id_ == SETTLED else None
            connection.execute(
                insert(table_of(Alarm)).values(
                    id=id_, time=time, kind=kind, peer=peer, message=message, detail=detail, settled_at=settled
                )
            )


def _applied(record: bytes) -> Sequence[tuple[str, bytes]]:
    return [(RECORD, record), (PNG, PICTURE), (PDF, DOCUMENT)]


def _received(parts: Sequence[tuple[str, bytes]], time: datetime, opened: datetime | None, position: int) -> Sent:
    return Sent("in", "received", APPLICATION, parts, time, opened, None, position)


def _answered(
    time: datetime, accepted: bool, state: str, error: tuple[str, str] | None, position: int | None = None
) -> Sent:
    content = reply(time.isoformat().replace("+00:00", "Z"), accepted)
    return Sent("out", state, "Reply", [(RECORD, content)], time, None, error, position)


def _clarified(applied: Sequence[tuple[str, bytes]]) -> list[Sent]:
    """An application, what we asked, and what they gave, which nobody has opened yet."""
    asked = particulars(True, "2026-11-20T10:48:00Z", "Send any document that shows the place of birth.")
    given = particulars(False, "2026-11-23T08:17:00Z", "A copy of an expired identity card follows by post.")
    return [
        _received(applied, at(18, 13, 2), at(18, 14, 30), 41),
        Sent("out", "delivered", PARTICULARS, [(RECORD, asked)], at(20, 10, 48), at(20, 12, 20), None, 44),
        Sent("in", "received", PARTICULARS, [(RECORD, given)], at(23, 8, 17)),
    ]


def _told(message_id: str) -> Sent:
    """Our notice that we opened a message."""
    content = notice(message_id, "2026-11-19T09:10:00Z")
    sent = Sent("out", "delivered", "Opened", [(RECORD, content)], at(19, 9, 10), service=NOTICES)
    return replace(sent, more={"ref_to_message_id": message_id})


def _foreign() -> list[Sent]:
    """A service that this node has no description of."""
    asked = Sent("in", "received", "Enquiry", [("application/json", b'{"specimen": true}')], at(24, 15, 0))
    error = ("EBMS:0301", "no receipt within 48 hours; last: connection refused")
    given = Sent("out", "given-up", "Answer", [("application/json", b"{}")], at(24, 16, 0), None, error)
    service = "urn:example:other:1"
    return [replace(asked, service=service), replace(given, service=service, more={"attempts": 52})]


class _Writer:
    def __init__(self, connection: Connection, kek: KeyEncryptionKey, blobs: BlobStore) -> None:
        self._connection, self._kek, self._blobs = connection, kek, blobs

    def case(
        self,
        number: int,
        peer: str,
        messages: Sequence[Sent],
        opener: str | None = None,
        unit: str | None = None,
        closed: datetime | None = None,
    ) -> list[int]:
        """One case with its messages; returns their row ids."""
        case_id = new_row_id(messages[0].time)
        conversation = f"c7d2f0a4-0000-4000-8000-{number:012d}"
        self._connection.execute(
            insert(table_of(ExchangeCase)).values(
                id=case_id, opener=opener or peer, conversation_id=conversation, alias_year=2026, alias_number=number,
                unit=unit, created_at=messages[0].time, changed_at=closed or messages[-1].time, closed_at=closed,
            )
        )  # fmt: skip
        members = [{"case_id": case_id, "party": party} for party in (OWN, peer)]
        self._connection.execute(insert(table_of(CaseMember)), members)
        ids = [self._message(case_id, conversation, peer, n, one) for n, one in enumerate(messages, 1)]
        came = [
            NewMessage(case_id, row_id, one.direction, one.state, one.service == NOTICES)
            for row_id, one in zip(ids, messages, strict=True)
        ]
        messages_came(self._connection, came, closed or messages[-1].time)
        states_changed(self._connection, ids)
        for one in messages:
            if one.direction == "in" and one.state == "received" and one.opened is not None:
                message_read(self._connection, case_id)
        return ids

    def _message(self, case_id: int, conversation: str, peer: str, n: int, one: Sent) -> int:
        row_id = new_row_id(one.time)
        out = one.direction == "out"
        host = "srb.example" if out else f"{peer[:3].lower()}.example"
        receipted = one.state in ("delivered", "received")
        code, detail = one.error or (None, None)
        self._connection.execute(
            insert(table_of(Message)).values(
                id=row_id, message_id=f"m-{conversation[-4:]}-{n}@{host}", direction=one.direction, peer=peer,
                state=one.state, service=one.service, action=one.action, case_id=case_id, conversation_id=conversation,
                agreement_ref=f"urn:depesha:terms:{peer.lower()}", timestamp=one.time - timedelta(seconds=2),
                time=one.time,
                receipt_time=one.time + timedelta(seconds=1) if receipted else None, error_code=code or None,
                error_detail=detail, sequence=n, seen=n - 1, digests=hashlib.sha256(bytes([n])).digest(),
                opened_at=one.opened, **({"attempts": 1 if out else 0} | one.more),
            )
        )  # fmt: skip
        for k, (media_type, content) in enumerate(one.parts, 1):
            self._part(row_id, k, media_type, content)
        envelope = f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><!-- {n} --></s:Envelope>'.encode()
        self._seal(row_id, "envelope", 0, envelope)
        if receipted or one.state in ("refused", "rejected"):
            self._seal(row_id, "response", 0, envelope)
        if not (out and one.state == "queued"):
            self._log(row_id, one)
        return row_id

    def _part(self, row_id: int, k: int, media_type: str, content: bytes) -> None:
        squeeze = zlib.compressobj(1, wbits=31)
        signed = squeeze.compress(content) + squeeze.flush()
        self._connection.execute(
            insert(table_of(Part)).values(
                message=row_id, n=k, content_id=f"part-{k}@depesha", media_type=media_type, compressed=True,
                size=len(content), sha256=hashlib.sha256(content).digest(), signed_size=len(signed),
                signed_sha256=hashlib.sha256(signed).digest(),
            )
        )  # fmt: skip
        self._seal(row_id, "part", k, signed)

    def _seal(self, row_id: int, kind: Any, n: int, octets: bytes) -> None:
        row, key = payload_rows(row_id, kind, n, seal_payload(octets, self._kek, self._blobs))
        self._connection.execute(insert(table_of(Payload)).values(row))
        self._connection.execute(insert(table_of(PayloadKey)).values(key))

    def _log(self, row_id: int, one: Sent) -> None:
        logged = entry(type=f"message.{one.state}", at=one.time, actor="node", facts={}, message_row=row_id)
        rows = append_rows([logged], self._kek)
        for row in rows.entries:
            self._connection.execute(insert(table_of(LoggedEntry)).values(row | {"position": one.position}))
        for key in rows.keys:
            self._connection.execute(insert(table_of(LogEntryKey)).values(key))
