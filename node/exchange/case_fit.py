"""Whether a record that is about to go fits where it goes: cases that it names are known, its acts are in step there.

A receiver takes what does not fit, keeps it and lets it change nothing. So whoever sends it is asked before it goes.
So is whoever lets a time go on that has run out meanwhile: its end then has its effect at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, select

from node.exchange.case_events import CaseEvents, events_of_case
from node.exchange.case_reading import CaseReading
from node.exchange.case_terms import NoTerms, terms_of_case
from node.exchange.cases import CASE, alias, find_cases, is_alias, resolve_case
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord
from node.records.fields import cases_named
from node.records.problems import Problem
from node.records.procedure_acts import StatedCase, acts_in, case_stated_in
from node.records.procedure_events import PENDING, SETTLED, Event, Span, Terms
from node.records.procedure_messages import MessageFacts, events_of
from node.records.procedure_states import REASONS, Passed
from node.records.procedure_timely import LATE
from node.records.procedure_view import CaseView, Finding, view
from node.records.procedures import ADDRESSEE, REQUESTED, REQUESTING, WRITER, Procedure, role_of
from node.records.reading import line_of

UNKNOWN_CASE = "unknown-case"
UNTOLD_CASE = "untold-case"
OUT_OF_STEP = "out-of-step"
NO_PARTICIPANT = "no-participant"
TIME_OVER = "time-over"
_NEW = "about to be sent"
_SENT_LATE = "Sent all the same it counts, and both sides are shown that it came late. Look at the day that it states."
_AT_ONCE = "Sent all the same that holds, as from the end of that time: what should stand instead comes too late."
_GONE = "Look whether it is still to have this. `depesha case show` says who takes part."
_Said = tuple[str, str]
"""The rule, and in words what does not fit it."""


def misfits(node: Node, connection: Connection, record: CheckedRecord, peer: str, joined: int | None) -> list[Problem]:
    """What a person should look at again before the record goes to `peer`.

    `joined` is the row id of the case that the message joins, None where it opens one.
    """
    if record.domain.procedure is None:
        return []
    named = cases_named(record.root, record.shape)
    known = find_cases(connection, node.party, peer, [text for text, _, _ in named])
    found = [
        Problem.at(
            path,
            line,
            rule=UNKNOWN_CASE,
            found=text,
            expected=f"the id of a case with {peer}",
            remedy=_meant(node, connection, peer, text),
        )
        for text, path, line in named
        if text not in known
    ]
    reading = CaseReading(node, connection)
    others = [one for one in known.values() if one != joined]
    said = [one for case in others for one in _in_case(reading, record, peer, case)]
    if joined is not None:
        found += _untold(reading, record, peer, joined)
        said += _in_case(reading, record, peer, joined, shown=True, at_first=bool(named))
        remedy = "Sent all the same it changes nothing. `depesha case show` says what may be done."
    else:
        said += _in_new_case(reading, record, peer)
        remedy = "Sent all the same it changes nothing. Name the case that it belongs to (--case)."
    for rule, expected, then in (
        (OUT_OF_STEP, "an act that fits the case as it stands here", remedy),
        (NO_PARTICIPANT, "a party that takes part in the case", _GONE),
        (LATE, "an act within the time that the terms give", _SENT_LATE),
        (TIME_OVER, "an act after which no time goes on that has run out", _AT_ONCE),
    ):
        words = dict.fromkeys(text for kind, text in said if kind == rule)
        if words:
            told = f"{record.action} {'; '.join(words)}"
            line = line_of(record.root)
            found.append(Problem.at(record.action, line, rule=rule, found=told, expected=expected, remedy=then))
    return found


def _untold(reading: CaseReading, record: CheckedRecord, peer: str, joined: int) -> list[Problem]:
    """What is amiss where the other side learns of the case by this record: it began on paper."""
    connection = reading.connection
    if connection.scalar(select(MESSAGE.c.id).where(MESSAGE.c.case_id == joined, MESSAGE.c.peer == peer).limit(1)):
        return []
    row = connection.execute(select(CASE).where(CASE.c.id == joined)).mappings().one()
    domain = None if row["domain"] is None else reading.node.domains.named(row["domain"], row["version"])
    if domain is None:
        return []
    opener = WRITER if row["opener"] == reading.node.party else ADDRESSEE
    expected = StatedCase(domain.namespace, opener == WRITER)
    told = case_stated_in(record)
    if told == expected or (told is None and expected.by_writer and record.domain is domain):
        return []
    return [
        Problem.at(
            record.action,
            line_of(record.root),
            rule=UNTOLD_CASE,
            found="the first message to " + peer + " in a case that began on paper",
            expected=f"an act on paper that tells of the case: its domain {domain.namespace}, opened by the {opener}",
            remedy="Send first what was done on paper (ActOnPaper), with Case: Service and OpenedBy as said here.",
        )
    ]


def _meant(node: Node, connection: Connection, peer: str, text: str) -> str:
    """What to write instead: of a number of ours the id of its case."""
    row = resolve_case(connection, text) if is_alias(text) else None
    meant = None if row is None else str(row["conversation_id"])
    if meant is not None and find_cases(connection, node.party, peer, [meant]):
        return f"Write {meant}, the id of case {text}: a number is each side's own."
    return "Correct the id: `depesha case list` has them."


def _in_case(
    reading: CaseReading, record: CheckedRecord, peer: str, case_id: int, *, shown: bool = False, at_first: bool = True
) -> list[_Said]:
    """What of the record would not fit the case, in words.

    Unless it is `shown` neither number nor state of the case is told: who sends to it need not see it. Lists of persons
    in other cases are many, and seldom bear on what is no list itself: unless they are read `at_first`, they are where
    something is amiss.
    """
    row = dict(reading.connection.execute(select(CASE).where(CASE.c.id == case_id)).mappings().one())
    found = [] if at_first else _not_fitting(reading, row, record, peer, shown, elsewhere=False)
    return _not_fitting(reading, row, record, peer, shown, elsewhere=True) if at_first or found else []


def _not_fitting(
    reading: CaseReading, row: Mapping[str, Any], record: CheckedRecord, peer: str, shown: bool, *, elsewhere: bool
) -> list[_Said]:
    case = events_of_case(reading, row, peer, elsewhere=elsewhere)
    found = None if case is None else _as_sent(reading, case, row, record, reading.node.now())
    if case is None or found is None:
        return []
    seen, ended = found
    where = row["conversation_id"]
    if shown:
        where = f"{alias(row['alias_year'], row['alias_number'])} ({case.procedure.states[seen.state]})"
    gone = [one.until for one in seen.participants if one.party == peer and one.until is not None]
    over = [day for day in gone if day <= reading.node.now().date().isoformat()]
    left = [(NO_PARTICIPANT, f"to {peer} in case {where}: it takes no part since {day}") for day in over]
    return left + _amiss(case.procedure, seen, f"in case {where}") + _over(case.procedure, ended, f"in case {where}")


def _in_new_case(reading: CaseReading, record: CheckedRecord, peer: str) -> list[_Said]:
    """The same of a case that would be opened by the record."""
    node = reading.node
    procedure = record.domain.procedure
    if not isinstance(procedure, Procedure):
        return []
    now = node.now()
    facts = MessageFacts(_NEW, role_of(node.party, node.party), _NEW, now, Span.at(now))
    added = events_of(facts, acts_in(record, record.domain), _NEW)
    terms: Terms = NoTerms("none are asked for")
    if any(one.day is not None for one in added):
        parties = {REQUESTING: node.party, REQUESTED: peer}
        case = CaseEvents(record.domain, procedure, REQUESTING, parties, tuple(added), (), None)
        terms = terms_of_case(reading, case).now
    return _amiss(procedure, view(procedure, terms, added, now), "in a new case")


def _amiss(procedure: Procedure, seen: CaseView, where: str) -> list[_Said]:
    said = []
    for one in seen.findings:
        if one.event == _NEW and one.kind == OUT_OF_STEP:
            said.append((OUT_OF_STEP, f"{_of(one)}{where}: {REASONS[one.reason]}"))
        if one.event == _NEW and one.kind == LATE and one.period is not None:
            said.append((LATE, f"{_of(one)}{where}: {procedure.periods[one.period].title}: {one.reason}"))
    return said


def _over(procedure: Procedure, ended: Sequence[Passed], where: str) -> list[_Said]:
    """Which times have run out that the record lets go on, and what that brings about, in words."""
    alike: dict[tuple[str | None, str, datetime], list[str]] = {}
    for one in ended:
        alike.setdefault((one.period, one.target, one.at.earliest), []).append(one.person)
    return [
        (TIME_OVER, f"{_named(persons)}{where}: {procedure.periods[period].title}: over since "
         f"{at:%Y-%m-%d %H:%M} UTC, so at once {procedure.states[target]}")
        for (period, target, at), persons in alike.items() if period is not None
    ]  # fmt: skip


def _of(one: Finding) -> str:
    return _named(one.persons)


def _named(persons: Sequence[str]) -> str:
    return f"of {', '.join(persons)} " if any(persons) else ""


def _as_sent(
    reading: CaseReading, case: CaseEvents, row: Mapping[str, Any], record: CheckedRecord, now: datetime
) -> tuple[CaseView, list[Passed]] | None:
    """The case as it would be with the record, and the steps that only time would have taken then, though it has not
    now; None where the record holds no act of it."""
    added = events_of(_facts(case, row, now), acts_in(record, case.domain), row["conversation_id"])
    if not added:
        return None
    before = [_as_receipted(one) for one in case.events]
    terms = terms_of_case(reading, case)
    look = partial(view, case.procedure, terms.now, now=now, own=case.own, kept=terms.kept, held=terms.held)
    seen = look([*before, *added])
    ended = [one for one in seen.steps if one.period is not None]
    if ended:
        without = look(before, offer=False)
        so_far = {(one.person, one.period) for one in without.steps}
        ended = [one for one in ended if (one.person, one.period) not in so_far]
    return seen, ended


def _as_receipted(event: Event) -> Event:
    """What waits for its receipt comes to the other side before what is sent after it."""
    if event.status != PENDING:
        return event
    return replace(event, status=SETTLED, received=event.received or Span.at(event.sent))


def _facts(case: CaseEvents, row: Mapping[str, Any], now: datetime) -> MessageFacts:
    """The message as one that comes after all that stands in the case, also by what its messages say of other cases."""
    ours = [one for one in case.events if one.writer == case.own]
    theirs = [one for one in case.events if one.writer != case.own]
    sent = [one.sequence or 0 for one in ours] + [one.seen or 0 for one in theirs]
    received = [one.sequence or 0 for one in theirs] + [one.seen or 0 for one in ours]
    numbered = any(one.sequence is not None for one in case.events)
    return MessageFacts(
        id=_NEW,
        writer=case.own,
        conversation=row["conversation_id"],
        sent=now,
        received=Span.at(now),
        sequence=max(sent, default=0) + 1 if numbered else None,
        seen=max(received, default=0) if numbered else None,
    )
