"""The terms and calendars by which a case's clocks run: local terms with the peer, and each party's signed days off.

What holds for a period is what held when it started: later terms and later calendars do not move it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from node.exchange.case_events import CaseEvents
from node.exchange.case_reading import CaseReading
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord, check
from node.records.clocks import Calendar, CaseTerms, NoCalendar, read_calendar_record, read_terms
from node.records.clocks import Terms as AgreedTerms
from node.records.clocks.calendar_records import PURPOSE
from node.records.domains import Domains
from node.records.procedure_clock import ClockTerms
from node.records.procedure_events import RECEIVED, NoEnd, Pause, Span
from node.records.procedure_events import Terms as AskedTerms
from node.store.columns import table_of
from node.store.prepared import Prepared, among
from node.store.tables import LocalTerms

TERMS = table_of(LocalTerms)
_VERSIONS = Prepared(
    select(TERMS.c.made_at, TERMS.c.document)
    .where(TERMS.c.peer == bindparam("of_peer"), TERMS.c.service == bindparam("of_service"))
    .order_by(TERMS.c.made_at, TERMS.c.id)
)
_CALENDARS = Prepared(
    select(MESSAGE.c.id, MESSAGE.c.service, MESSAGE.c.action, MESSAGE.c.receipt_time)
    .where(
        MESSAGE.c.peer == bindparam("of_peer"),
        among(MESSAGE.c.service, "services"),
        MESSAGE.c.state == bindparam("in_state"),
    )
    .order_by(MESSAGE.c.receipt_time, MESSAGE.c.id)
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class NoTerms:
    """What a case without terms is told: its acts count, and no period of it has an end."""

    reason: str

    def answered(self) -> str:
        """When acts count: when received."""
        return RECEIVED

    def has(self, period: str) -> bool:
        """No period."""
        return False

    def begins(self, period: str) -> str:
        """With what a period begins: the receipt."""
        return RECEIVED

    def without_receipt(self) -> tuple[timedelta, bool] | None:
        """Nothing is said of acts without a receipt."""
        return None

    def end(
        self, period: str, start: datetime, *, extended: bool, until: date | None, pauses: tuple[Pause, ...]
    ) -> datetime | NoEnd:
        """No end, and why."""
        return NoEnd(self.reason)

    def end_of_day(self, period: str, day: date) -> datetime | NoEnd:
        """No end: no terms name a zone in which the day would end."""
        return NoEnd(self.reason)

    def on_day(self, period: str, written: str) -> Span | NoEnd:
        """No terms name a zone for the day."""
        return NoEnd(self.reason)

    def silence_accepts(self, period: str) -> bool:
        """Silence is consent only where terms say so."""
        return False

    def party(self, name: str) -> str | None:
        """Nobody is named."""
        return None


@dataclass(frozen=True, slots=True)
class TermsOfCase:
    """`now`: by what the case runs; `kept`: for periods (name, message that started them) that began under other terms
    or calendars; `held`: what held at an instant. `agreed` None: there are no terms."""

    now: AskedTerms
    kept: Mapping[tuple[str, str], AskedTerms]
    held: Callable[[datetime], AskedTerms]
    agreed: AgreedTerms | None
    calendars: Mapping[str, Calendar]
    events: frozenset[str] = frozenset()
    """The messages and acts of the case, by id."""

    def of_period(self, period: str, started_by: str, start: Span) -> AskedTerms:
        """By what the period runs that `started_by` started: an act, or at `start` the end of another period."""
        if started_by not in self.events:
            return self.held(start.earliest)
        return self.kept.get((period, started_by), self.now)


def terms_of_case(reading: CaseReading, case: CaseEvents) -> TermsOfCase:
    """The terms of a case, with those that its started periods keep."""
    peer = next(party for party in case.parties.values() if party != reading.node.party)
    service = case.domain.namespace
    versions = reading.once(("terms", peer, service), lambda: _versions(reading.connection, peer, service))
    if not versions:
        reason = (
            f"there are no terms with {peer} for {case.domain.name}: "
            f"`depesha agreement terms --peer {peer} --domain {case.domain.name}` makes them"
        )
        none = NoTerms(reason)
        return TermsOfCase(none, {}, lambda _: none, None, {})
    calendars = {party: calendars_between(reading, peer, party) for party in case.parties.values()}

    def at(instant: datetime | None) -> ClockTerms:
        return ClockTerms(
            CaseTerms(
                _version(versions, instant),
                case.parties,
                {party: _version(known, instant) for party, known in calendars.items() if known},
            )
        )

    latest = at(None)
    kept: dict[tuple[str, str], AskedTerms] = {}
    for event in case.events:
        began = event.sent if event.received is None else event.received.earliest
        own = at(began)
        if own != latest:
            kept |= {(period, event.id): own for period in case.procedure.periods}
    acts = frozenset(event.id for event in case.events)
    return TermsOfCase(latest, kept, at, latest.case.terms, latest.case.calendars, acts)


def calendars_between(reading: CaseReading, peer: str, party: str) -> list[tuple[datetime, Calendar]]:
    """The calendars of `party` (we, or `peer`) that it has sent the other, each with the time of its receipt, in order.

    Both sides hold the same ones: only a signed and receipted calendar binds.
    """
    return reading.once(("calendars", peer, party), lambda: _calendars(reading, peer, party))


def _calendars(reading: CaseReading, peer: str, party: str) -> list[tuple[datetime, Calendar]]:
    node, connection = reading.node, reading.connection
    services = [one.namespace for one in node.domains if one.purpose == PURPOSE]
    state = "delivered" if party == node.party else "received"
    found = []
    for row in _CALENDARS.rows(connection, of_peer=peer, services=services, in_state=state):
        content, domain = reading.content(row.id), node.domains.find(row.service)
        if content is None or domain is None or row.receipt_time is None:
            continue
        calendar = _calendar(_CalendarRecord(content, row.service, row.action, party, domain.digest, node.domains))
        if calendar is not None:
            found.append((row.receipt_time, calendar))
    return found


@dataclass(frozen=True, slots=True)
class _CalendarRecord:
    """The content of a record, what its message says that it is, and whose calendar is asked for."""

    content: bytes
    service: str
    action: str
    party: str
    digest: str
    """Of the domain."""
    domains: Domains = field(compare=False, repr=False)


@lru_cache(maxsize=64)
def _calendar(given: _CalendarRecord) -> Calendar | None:
    """The calendar of the party; None for another's calendar, or another record: it binds nobody."""
    record = check(given.content, given.domains, given.service, given.action)
    if not isinstance(record, CheckedRecord):
        return None
    try:
        return read_calendar_record(record, given.domains, given.party)
    except NoCalendar:
        return None


def _versions(connection: Connection, peer: str, service: str) -> list[tuple[datetime, AgreedTerms]]:
    rows = _VERSIONS.rows(connection, of_peer=peer, of_service=service)
    return [(row.made_at, _terms(row.document)) for row in rows]


@lru_cache(maxsize=256)
def _terms(document: str) -> AgreedTerms:
    return read_terms(json.loads(document))


def _version(versions: Sequence[tuple[datetime, _T]], instant: datetime | None) -> _T:
    """What held at the instant: the newest that was there, else the first; without an instant the newest."""
    held = [value for since, value in versions if instant is None or since <= instant]
    return held[-1] if held else versions[0][1]
