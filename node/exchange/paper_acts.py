"""An act of a case that was done by paper, fax, mail or telephone, recorded by hand: our own statement of it."""

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from node.audit.entry import append, entry
from node.exchange.case_marks import CLOCK_CHANGED
from node.exchange.case_reading import PAPER
from node.exchange.case_view import compute_case
from node.exchange.cases import CASE, NewCase, alias, members_of, open_cases, resolve_case
from node.exchange.judgement import refused_record
from node.exchange.listing import find_case, instant_text
from node.exchange.node import Node
from node.exchange.paper_answer import taken_from
from node.exchange.peers import load_peers
from node.exchange.scans_given import PaperRefused, scan_given
from node.records.check import CheckedRecord, check
from node.records.procedure_acts import acts_in
from node.records.procedure_events import Event, Span
from node.records.procedure_stored import write_event
from node.records.procedures import Procedure, other_role, role_of
from node.store.columns import new_row_id, table_of
from node.store.payloads import Kind, payload_rows, seal_payload
from node.store.rows import insert_rows
from node.store.tables import Payload, PayloadKey

CHANNELS = ("paper", "fax", "mail", "telephone")
NEW = "new"
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ActOnPaper:
    """What a person says was done. `by_us` False: the other side did it. `done` and `received` are aware instants.

    `peer` and `domain` are needed where it opens a case. With `record`, what was on the paper as a record, the acts
    and all that they state are read from it, and `act` and `persons` stay empty.
    """

    act: str
    channel: str
    done: datetime
    by_us: bool = True
    received: datetime | None = None
    persons: Sequence[str] = ()
    concerning: str | None = None
    until: date | None = None
    day: str | None = None
    """The day, or instant with its zone, that it states, from or back from which it has to come within a time."""
    hindered: str | None = None
    new: str | None = None
    party: str | None = None
    instead_of: str | None = None
    scans: Sequence[Path | bytes] = ()
    peer: str | None = None
    domain: str | None = None
    record: bytes | None = None


def record_on_paper(node: Node, case: str, told: ActOnPaper, actor: str) -> dict[str, Any]:
    """Keep the act with the case (its number or ConversationId, or `new`), with a log entry, in one transaction; with a
    record all the acts that it holds.

    Returns {id, case, number, act, channel, done, received, scans, acts: [{id, act, persons, steps, misfits}]}; `id`
    and `act` are those of the first, `steps` what the case takes from each, `misfits` what of it does not fit. Raises
    NotFound, PaperRefused, SubmissionRefused for a record that is wrong; OSError for a scan that cannot be read.
    """
    now = node.now()
    _judge_times(told, now)
    scans = [scan_given(one) for one in told.scans]
    record = None if told.record is None else _checked(node, told.record)
    if told.record is not None:
        scans.insert(0, told.record)
    with node.database.write() as connection:
        row = _opened(node, connection, told, record, now) if case == NEW else find_case(connection, case)
        recorded: list[dict[str, Any]] = []
        for one in _acts(node, row, told, record):
            _judge_act(node, connection, row, one)
            row_id = _keep(node, connection, row, one, [] if recorded else scans, actor)
            recorded.append({"id": str(row_id), "act": one.act, "persons": sorted(one.persons)})
        taken = taken_from(node, connection, row, [one["id"] for one in recorded])
        connection.execute(update(CASE).where(CASE.c.id == row["id"]).values(changed_at=now, **CLOCK_CHANGED))
    return {
        "id": recorded[0]["id"],
        "case": row["conversation_id"],
        "number": alias(row["alias_year"], row["alias_number"]),
        "act": recorded[0]["act"],
        "channel": told.channel,
        "done": instant_text(told.done),
        "received": instant_text(told.received),
        "scans": len(scans),
        "acts": [one | what for one, what in zip(recorded, taken, strict=True)],
    }


def _keep(
    node: Node, connection: Connection, row: Mapping[str, Any], told: ActOnPaper, scans: Sequence[bytes], actor: str
) -> int:
    now = node.now()
    row_id = new_row_id(now)
    own = role_of(node.party, row["opener"])
    event = Event(
        id=str(row_id),
        act=told.act,
        actor=own if told.by_us else other_role(own),
        sent=told.done,
        received=None if told.received is None else Span.at(told.received),
        persons=frozenset(told.persons),
        concerning=told.concerning,
        until=told.until,
        day=told.day,
        hindered=told.hindered,
        new=told.new,
        party=told.party,
        instead_of=told.instead_of,
        channel=told.channel,
        stated_by=own,
        occurred=told.done,
        recorded=now,
    )
    connection.execute(insert(PAPER).values(id=row_id, case_id=row["id"], recorded_at=now, recorded_by=actor))
    kept: list[tuple[Kind, int, bytes]] = [("note", 0, json.dumps(write_event(event)).encode())]
    kept += [("part", n, octets) for n, octets in enumerate(scans, 1)]
    rows = [payload_rows(row_id, kind, n, seal_payload(octets, node.kek, node.blobs)) for kind, n, octets in kept]
    insert_rows(connection, table_of(Payload), [payload for payload, _ in rows])
    insert_rows(connection, table_of(PayloadKey), [key for _, key in rows])
    logged = entry(
        type="case.paper",
        at=now,
        actor=actor,
        facts={"act": told.act, "channel": told.channel, "done": told.done.isoformat(), "scans": len(scans)},
        peer=next(party for party in members_of(connection, row["id"]) if party != node.party),
        case=row["conversation_id"],
    )
    append(connection, [logged], node.kek)
    return row_id


def _checked(node: Node, content: bytes) -> CheckedRecord:
    found = check(content, node.domains)
    if isinstance(found, list):
        raise refused_record("the record", found)
    return found


def _acts(node: Node, row: Mapping[str, Any], told: ActOnPaper, record: CheckedRecord | None) -> list[ActOnPaper]:
    """The act that is told, or those that the record holds, in its order."""
    if record is None:
        return [told]
    domain = None if row["domain"] is None else node.domains.named(row["domain"], row["version"])
    found = () if domain is None else acts_in(record, domain)
    if not found:
        raise PaperRefused.of(
            "record", record.action, "a record that holds an act of the case's procedure", "Give the act by its name."
        )
    others = sorted({one.case for one in found if one.case not in (None, row["conversation_id"])})
    if others:
        raise PaperRefused.of(
            "record", ", ".join(map(str, others)), f"acts of the case {row['conversation_id']} alone",
            "Record the acts of each case by their names.",
        )  # fmt: skip
    return [
        replace(
            told,
            act=one.act,
            # Acts of one record follow each other in it, though they were done at once.
            done=told.done + n * _MOMENT,
            received=None if told.received is None else told.received + n * _MOMENT,
            persons=sorted(one.persons),
            concerning=told.concerning or one.concerning,
            until=told.until or one.until,
            day=told.day or one.day,
            hindered=one.hindered,
            new=one.new,
            party=one.party,
            instead_of=one.instead_of,
        )
        for n, one in enumerate(found)
    ]


def _judge_times(told: ActOnPaper, now: datetime) -> None:
    if told.done > now:
        raise PaperRefused.of("done", str(instant_text(told.done)), "an instant that is over", "Correct it.")
    if told.received is not None and not told.done <= told.received <= now:
        found = str(instant_text(told.received))
        raise PaperRefused.of("received", found, "an instant from the time of the act until now", "Correct it.")
    if told.day is not None and not _is_day(told.day):
        expected = "a day as 2026-04-17, or an instant with its zone"
        raise PaperRefused.of("day", told.day, expected, "Give the day that the act states.")


def _is_day(text: str) -> bool:
    with suppress(ValueError):
        if "T" in text:
            return datetime.fromisoformat(text).tzinfo is not None
        return date.fromisoformat(text).isoformat() == text
    return False


def _judge_act(node: Node, connection: Connection, row: Mapping[str, Any], told: ActOnPaper) -> None:
    domain = None if row["domain"] is None else node.domains.named(row["domain"], row["version"])
    procedure = None if domain is None else domain.procedure
    if not isinstance(procedure, Procedure):
        raise PaperRefused(
            f"The case {row['conversation_id']} runs by no procedure: nothing is recorded in it by hand."
        )
    if told.act not in procedure.acts:
        known = f"one of {', '.join(sorted(procedure.acts))}"
        raise PaperRefused.of("act", told.act, known, "`depesha case show` says which may be done now.")
    if not procedure.per_person:
        return
    if procedure.acts[told.act].declares:
        if not told.persons:
            raise PaperRefused.of("persons", "none", "those with whom it begins", "Give an id for each, as p1.")
        return
    _require_persons(node, connection, row, told)


def _require_persons(node: Node, connection: Connection, row: Mapping[str, Any], told: ActOnPaper) -> None:
    """Require that the persons are in the case, as far as its records can still be read."""
    computed = compute_case(node, connection, row)
    if computed is None or computed.case.unread:
        return
    unknown = sorted(set(told.persons) - set(computed.view.persons))
    if unknown:
        known = ", ".join(sorted(computed.view.persons)) or "nobody yet"
        raise PaperRefused.of("persons", ", ".join(unknown), f"persons of the case: {known}", "Correct the id.")


def _opened(
    node: Node, connection: Connection, told: ActOnPaper, record: CheckedRecord | None, now: datetime
) -> Mapping[str, Any]:
    if told.domain is None and record is not None:
        told = replace(told, domain=record.domain.name)
    if told.peer is None or told.domain is None:
        raise PaperRefused("A new case needs a partner (--peer PARTY) and a domain (--domain D).")
    peer, domain = load_peers(connection).get(told.peer), node.domains.named(told.domain)
    if peer is None or peer.state == "removed":
        raise PaperRefused.of("peer", str(told.peer), "a peer that is known", "`depesha peer add --paper` adds one.")
    if domain is None or not isinstance(domain.procedure, Procedure):
        known = sorted({one.name for one in node.domains if isinstance(one.procedure, Procedure)})
        raise PaperRefused.of("domain", str(told.domain), f"one of {', '.join(known)}", "Correct it.")
    conversation = str(uuid.uuid4())
    opened = NewCase(
        opener=node.party if told.by_us else told.peer,
        conversation_id=conversation,
        members=(node.party, told.peer),
        now=now,
        domain=domain.name,
        version=domain.version,
    )
    open_cases(connection, [opened])
    row = resolve_case(connection, conversation)
    assert row is not None  # opened in this transaction
    return row
