"""A case of readmission that two nodes write, act by act, for tests of procedures; and what a look at it finds."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from node.records.procedure_events import Event, Span
from node.records.procedure_view import CaseView, view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_terms import PlainTerms

DAY = timedelta(days=1)
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = T0 + 400 * DAY


class Case:
    """Two nodes that write to each other. Each act goes with what its writer has seen; a receipt comes at once."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._last = {REQUESTING: 0, REQUESTED: 0}
        self.seen = {REQUESTING: 0, REQUESTED: 0}

    def act(self, role: str, act: str, day: float, *, seen: bool = True, **facts: Any) -> Event:
        """One message by `role`; `seen` False: the other side has not seen it yet, nor it anything of the other's."""
        self._last[role] += 1
        other = REQUESTED if role == REQUESTING else REQUESTING
        facts = {"received": Span.at(T0 + day * DAY + timedelta(seconds=1)), **facts}
        event = Event(
            id=f"{role}-{self._last[role]}", act=act, actor=role, sent=T0 + day * DAY, sequence=self._last[role],
            seen=self.seen[role], **facts,
        )  # fmt: skip
        if seen:
            self.seen[other] = self._last[role]
        self.events.append(event)
        return event

    def apply(self, *persons: str, act: str = "apply") -> Event:
        return self.act(REQUESTING, act, 0, persons=frozenset(persons or ("p1",)))

    def look(self, procedure: Procedure, day: float, terms: PlainTerms | None = None, **how: Any) -> CaseView:
        return view(procedure, terms or PlainTerms(), self.events, T0 + day * DAY, **how)


def states(found: CaseView) -> dict[str, str]:
    return {name: one.state for name, one in found.persons.items()}


def strange(found: CaseView) -> list[tuple[str | None, str]]:
    return [(one.event, one.reason) for one in found.findings if one.kind == "out-of-step"]


def allowed(found: CaseView) -> set[tuple[str, str]]:
    return {(one.act, one.who) for one in found.possible}


def accepted(case: Case, *persons: str) -> None:
    case.apply(*persons)
    case.act(REQUESTED, "accept", 5)


def documented(case: Case, *persons: str) -> None:
    accepted(case, *persons)
    case.act(REQUESTED, "issue-document", 7, until=date(2026, 12, 1))
