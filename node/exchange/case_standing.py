"""How a case stands by its procedure, kept with the case: what lists, figures and `due` need, at the price of a row.

A look at the clock of a case keeps it in the same UPDATE as the clock. It holds from then until the clock runs out, an
act changes the case, or what it rests on changes elsewhere: terms and calendars mark the cases in their transaction,
lists of persons and calendars that nobody has looked at yet are looked for here. What does not hold any more is
computed when it is asked for, so that no answer waits for the look or is wrong before it. What depends on the instant
of asking, on people or on the case's row (absence, unit, officer, unread) is no part of it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from node import exchange as exchange_room
from node import records as records_room
from node.exchange.case_events import named_in, naming_records
from node.exchange.case_marks import CHANGED, TOUCH
from node.exchange.case_reading import CaseReading
from node.exchange.case_view import ComputedCase, asked_title, compute_cases
from node.exchange.cases import CASE, members_of_cases
from node.exchange.listing import describe_cases, instant_text
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE
from node.records.clocks.calendar_records import PURPOSE
from node.records.domains import Domains
from node.records.procedure_view import DISPUTED, ENDED, OPEN
from node.store.columns import instant_of, microseconds
from node.store.prepared import Prepared, among

_KEPT = Prepared(
    select(CASE.c.id, CASE.c.clock_at, CASE.c.standing, CASE.c.standing_by, CASE.c.standing_at).where(
        among(CASE.c.id, "cases")
    )
)
_CHANGED_HERE = (
    select(MESSAGE)
    .join(CASE, CASE.c.id == MESSAGE.c.case_id)
    .where(CASE.c.clock_at == CHANGED, among(MESSAGE.c.service, "services"))
)
_NAMING = Prepared(_CHANGED_HERE.where(among(MESSAGE.c.action, "actions")))
_CALENDARS = Prepared(_CHANGED_HERE)
_OTHERWISE = (
    select(CASE.c.id)
    .where(CASE.c.domain.is_not(None), CASE.c.standing_by.is_distinct_from(bindparam("by")))
    .limit(bindparam("limit"))
)
_TOUCH_OTHERWISE = Prepared(update(CASE).where(CASE.c.id.in_(_OTHERWISE)).values(TOUCH))


@dataclass(frozen=True, slots=True)
class KeptPeriod:
    """A period that runs, or has ended without effect, as a deadline shows it; instants in microseconds since 1970.
    Without `earliest` it has no end that can be computed; without `latest` it is not known by when it has ended.
    `may_move`: as `ComputedCase.may_move`."""

    title: str
    awaits: str
    start: int
    earliest: int | None
    latest: int | None
    standing: str
    accepts: bool
    may_move: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """What was asked and is not answered: by which message, in words, and since when."""

    event: str
    title: str
    ours: bool
    since: int
    answered: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a case stands. `began`: when its first act was sent. `reached`: the latest instant at which anybody came to
    its state; `reached_now`: for somebody that instant is not known yet. `pending`: something of ours waits for its
    receipt."""

    state: str
    began: int | None
    reached: int | None
    reached_now: bool
    overdue: bool
    deemed: bool
    pending: bool
    periods: tuple[KeptPeriod, ...]
    asked: tuple[KeptQuestion, ...]


@dataclass(frozen=True, slots=True)
class ToKeep:
    """The columns of a case in which its standing is kept; no standing where it runs by no procedure.

    Without `standing_at` it was looked at and nothing is kept: it is computed whenever it is asked for.
    """

    standing: str | None
    standing_by: str | None
    standing_at: datetime | None


def standing_of(computed: ComputedCase) -> Standing:
    """How a case stands, of what was computed."""
    seen, procedure = computed.view, computed.case.procedure
    steps = [one.at.latest for one in seen.steps if one.target == seen.state]
    by_silence = [(procedure.periods[one.period], one.target) for one in seen.steps if one.period is not None]
    return Standing(
        state=seen.state,
        began=min((microseconds(one.sent) for one in computed.case.events), default=None),
        reached=max((microseconds(one) for one in steps if one is not None), default=None),
        reached_now=None in steps,
        overdue=any(one.standing == ENDED and one.act is None for one in seen.deadlines)
        or any(period.overdue is not None and period.overdue.target == target for period, target in by_silence),
        deemed=any(period.deemed is not None and period.deemed.target == target for period, target in by_silence),
        pending=bool(seen.pending),
        periods=tuple(
            KeptPeriod(
                title=procedure.periods[one.period].title,
                awaits=computed.awaited(one),
                start=microseconds(one.start.earliest),
                earliest=None if one.end is None else microseconds(one.end.earliest),
                latest=None if one.end is None or one.end.latest is None else microseconds(one.end.latest),
                standing=one.standing,
                accepts=computed.terms.now.silence_accepts(one.period),
                may_move=computed.may_move(one),
            )
            for one in seen.deadlines
        ),
        asked=tuple(
            KeptQuestion(
                event=one.event,
                title=asked_title(procedure, one),
                ours=one.awaits == computed.case.own,
                since=microseconds(one.since),
                answered=one.answered,
            )
            for one in seen.asked
        ),
    )


def to_keep(computed: ComputedCase | None, domains: Domains, now: datetime) -> ToKeep:
    """What a look at `now` keeps of the case."""
    if computed is None:
        return ToKeep(None, kept_by(domains), now)
    if computed.view.pending and computed.view.asked:
        # Whether our answer stands may change with periods of a reading that no clock is set by.
        return nothing_to_keep(domains)
    return ToKeep(json.dumps(asdict(standing_of(computed)), separators=(",", ":")), kept_by(domains), now)


def nothing_to_keep(domains: Domains) -> ToKeep:
    """What a look keeps of a case that is to be computed whenever it is asked for."""
    return ToKeep(None, kept_by(domains), None)


def kept_by(domains: Domains) -> str:
    """By what a standing was computed: this program, and the content of all domains that are here."""
    said = "\n".join([_program(), *sorted(f"{one.namespace} {one.digest}" for one in domains)])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


@cache
def _program() -> str:
    """The digest of all code that has a part in it: no answer is taken from what another version has kept."""
    digest = hashlib.sha256()
    for room in (exchange_room, records_room):
        for source in sorted(Path(room.__path__[0]).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def standings(
    node: Node, connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime
) -> Iterator[Standing | None]:
    """How these cases (their rows) stand at `now`, in their order; None for one that runs by no procedure."""
    ids = [row["id"] for row in rows if row["domain"] is not None]
    # First what changed elsewhere, then what is kept: whatever is looked at between marks the cases that it concerns.
    doubted = _changed_elsewhere(node, connection, rows)
    by, kept = kept_by(node.domains), {}
    for row in _KEPT.rows(connection, cases=ids):
        begun = row.standing_at is not None and row.standing_at <= now
        runs = row.clock_at is None or row.clock_at > now
        if begun and runs and row.standing_by == by and row.id not in doubted:
            kept[row.id] = None if row.standing is None else _read(row.standing)
    left = [row for row in rows if row["domain"] is not None and row["id"] not in kept]
    computed = compute_cases(node, connection, left, now)
    for row in rows:
        if row["domain"] is None:
            found = None
        elif row["id"] in kept:
            found = kept[row["id"]]
        else:
            case = next(computed)
            found = None if case is None else standing_of(case)
        yield None if found is None else _at(found, now)


def cases_with_state(node: Node, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cases (their rows) as in the list, each with {state, next_deadline}, null where it runs by no procedure."""
    described = describe_cases(connection, rows)
    found = standings(node, connection, rows, node.now())
    return [one | _state(standing) for one, standing in zip(described, found, strict=True)]


def touch_kept_otherwise(node: Node, limit: int) -> int:
    """Mark up to `limit` cases whose standing was kept by another program or other domains; how many there were."""
    by = kept_by(node.domains)
    with node.database.read() as connection:
        if connection.scalar(_OTHERWISE.limit(1), {"by": by, "limit": 1}) is None:
            return 0
    with node.database.write() as connection:
        return _TOUCH_OTHERWISE.run(connection, by=by, limit=limit)


def peers_with_new_calendars(node: Node, connection: Connection) -> dict[int, str]:
    """The peers with whom cases hold days off that no look has spread yet, by the row ids of these cases."""
    services = [one.namespace for one in node.domains if one.purpose == PURPOSE]
    return {row.case_id: row.peer for row in _CALENDARS.rows(connection, services=services)}


def _changed_elsewhere(node: Node, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """The row ids of those cases that something bears on which no look has spread yet."""
    peers = set(peers_with_new_calendars(node, connection).values())
    named = _newly_named(node, connection)
    if not peers and not named:
        return set()
    members = members_of_cases(connection, [row["id"] for row in rows])
    return {
        row["id"]
        for row in rows
        for party in members[row["id"]]
        if party in peers or (party, row["conversation_id"]) in named
    }


def _newly_named(node: Node, connection: Connection) -> set[tuple[str, str]]:
    """The cases (peer and ConversationId) that records name which no look has seen yet."""
    naming = {one.namespace: (one, naming_records(one)) for one in node.domains}
    actions = sorted({record for _, records in naming.values() for record in records})
    if not actions:
        return set()
    services = [namespace for namespace, (_, records) in naming.items() if records]
    reading = CaseReading(node, connection)
    found = set()
    for row in _NAMING.rows(connection, services=services, actions=actions):
        domain, records = naming[row.service]
        if row.action in records:
            found |= {(row.peer, one) for one in named_in(reading, row, domain)}
    return found


def _read(text: str) -> Standing:
    told = json.loads(text)
    told["periods"] = tuple(KeptPeriod(**one) for one in told["periods"])
    told["asked"] = tuple(KeptQuestion(**one) for one in told["asked"])
    return Standing(**told)


def _at(standing: Standing, now: datetime) -> Standing:
    """The same at `now`: a period whose end lies between two instants is disputed from the first of them on."""
    at = microseconds(now)
    over = [one.standing == OPEN and one.earliest is not None and one.earliest <= at for one in standing.periods]
    if not any(over):
        return standing
    periods = (
        replace(one, standing=DISPUTED) if is_over else one for one, is_over in zip(standing.periods, over, strict=True)
    )
    return replace(standing, periods=tuple(periods))


def _state(standing: Standing | None) -> dict[str, Any]:
    if standing is None:
        return {"state": None, "next_deadline": None}
    running = (one.earliest for one in standing.periods if one.earliest is not None and one.standing != ENDED)
    following = next(running, None)
    return {
        "state": standing.state,
        "next_deadline": None if following is None else instant_text(instant_of(following)),
    }
