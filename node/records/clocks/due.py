"""What is due: from the open deadlines of many cases to one ordered list, by unit, officer and head.

What was done here and has not arrived comes first when its end is near: nobody else will see it. Then the nearest end.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from node.records.clocks.ends import Ends
from node.records.clocks.periods import Silence

OWN_RULE = "by our own rule, no legal period"
NEAR_END = timedelta(days=2)  # time enough to print it, send it by fax and record it
# Shares of a period. What nobody opened is the team's from the half on, the head's from three quarters on; where its
# officer is away, or it has none, the team's at once and the head's from the half on.
HALF = 0.5
THREE_QUARTERS = 0.75


class Reach(StrEnum):
    """Whose it is: each has it besides those before."""

    OFFICER = "officer"
    TEAM = "team"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Deadline:
    """One open deadline: of the case `case` (its local number), for `act` (in words, without any person's name).

    `ours`: this side has to act, else the other. `undelivered`: it acted, and no receipt has come. `opened`: somebody
    here has seen what started it. `officer` None: nobody has taken the case.
    """

    case: str
    act: str
    started: datetime
    ends: Ends
    unit: str
    officer: str | None
    silence: Silence
    ours: bool = True
    undelivered: bool = False
    opened: bool = True
    own_rule: bool = False
    """No law or terms give the end: it is this office's own order, and nothing follows from it."""

    @property
    def told(self) -> str:
        """The act, with what a reader could not know of its end."""
        return said_of_own_rule(self.act) if self.own_rule else self.act


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline as it stands: how much time is left (negative: over), and whose it is."""

    deadline: Deadline
    left: timedelta
    reach: Reach
    first: bool
    """It was done and has not arrived, and its end is near."""

    @property
    def over(self) -> bool:
        return self.left <= timedelta(0)


def said_of_own_rule(act: str) -> str:
    """An act whose end is by our own rule, told so."""
    return f"{act} ({OWN_RULE})"


def due(
    deadlines: Iterable[Deadline], now: datetime, *, absent: Collection[str] = (), near: timedelta = NEAR_END
) -> tuple[Due, ...]:
    """All `deadlines` in the order in which they are to be looked at. `absent` are officers who are away at `now`."""
    found = [_due(one, now, absent, near) for one in deadlines]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                not one.first,
                one.deadline.ends.earliest,
                not one.deadline.ours,
                one.deadline.case,
                one.deadline.act,
            ),
        )
    )


def seen_by(
    dues: Iterable[Due], unit: str | None, officer: str | None = None, *, head: bool = False
) -> tuple[Due, ...]:
    """Of what is due, in its order: what `officer` of `unit` has and what went to the team; the head has all of it.

    Without an officer: what the team has. What is of no unit is everybody's; who is of no unit (None) has all units.
    """
    return tuple(
        one
        for one in dues
        if (unit is None or one.deadline.unit in ("", unit))
        and (head or one.reach is not Reach.OFFICER or (officer is not None and one.deadline.officer == officer))
    )


def next_change(deadlines: Iterable[Deadline], now: datetime, *, near: timedelta = NEAR_END) -> datetime | None:
    """The next instant after `now` at which what is due changes by time alone; None if it never does."""
    moments = (moment for one in deadlines for moment in _moments(one, near) if moment > now)
    return min(moments, default=None)


def _due(one: Deadline, now: datetime, absent: Collection[str], near: timedelta) -> Due:
    left = one.ends.earliest - now
    return Due(one, left, _reach(one, now, absent), one.ours and one.undelivered and left <= near)


def _reach(one: Deadline, now: datetime, absent: Collection[str]) -> Reach:
    """Whose a deadline is: an officer who is there has what was opened. Else it goes to the team, then to the head."""
    away = one.officer is None or one.officer in absent
    if not one.ours:
        return Reach.TEAM if away else Reach.OFFICER
    if one.opened and not away:
        return Reach.OFFICER
    if now >= _share(one, HALF if away else THREE_QUARTERS):
        return Reach.HEAD
    return Reach.TEAM if away or now >= _share(one, HALF) else Reach.OFFICER


def _share(one: Deadline, share: float) -> datetime:
    return one.started + (one.ends.earliest - one.started) * share


def _moments(one: Deadline, near: timedelta) -> tuple[datetime, ...]:
    return (_share(one, HALF), _share(one, THREE_QUARTERS), one.ends.earliest - near, one.ends.earliest)
