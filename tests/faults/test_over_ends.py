"""Real nodes over the end of a period with an answer that is queued and not delivered: both stopped, or one of them.

Until the answer arrives both say that there may be one; then both settle alike: the same state, by the same instants,
in what is computed and in what is stored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.clocked import HOURS, Applied, ClockedHome, Pair, clocked_pair, compared, kinds
from tests.faults.homes import until
from tests.faults.relay import FAIR, Weather

pytestmark = pytest.mark.faults

ASKED = "may-have-been-answered"
CUT_OFF = Weather(refused=True)
APART = timedelta(seconds=118)
"""Two minutes are allowed."""
BEFORE, OVER = timedelta(seconds=110), timedelta(seconds=115)
"""A node that serves may have its clock moved by less than two minutes at a time: so far over an end."""


@dataclass(frozen=True)
class Way:
    """One way over the end: what silence means, when an answer counts, who is down, how far the clocks are apart, and
    how long before the end (by our clock) the answer is queued; what all comes to."""

    silence: Literal["accepted", "overdue"]
    counts: Literal["sent", "received"]
    state: str
    down: tuple[str, ...] = ("ours", "theirs")
    apart: timedelta = timedelta()
    before: timedelta = timedelta(minutes=30)

    @property
    def figures(self) -> tuple[str, str]:
        return f"reply={HOURS} hours silence={self.silence}", f"counting=answer={self.counts}"

    @property
    def silent(self) -> str:
        """The state to which the end comes as long as no answer is there."""
        return {"accepted": "deemed-accepted", "overdue": "overdue"}[self.silence]


WAYS = {
    "silence accepts, sent in time": Way("accepted", "sent", "accepted"),
    "silence accepts, received too late": Way("accepted", "received", "deemed-accepted"),
    "silence is overdue, sent in time": Way("overdue", "sent", "accepted"),
    "silence is overdue, received too late": Way("overdue", "received", "accepted"),
    "only the asking node is down": Way("accepted", "sent", "accepted", down=("ours",)),
    "only the answering node is down": Way("accepted", "sent", "accepted", down=("theirs",)),
    "only the answering node is down, silence is overdue": Way("overdue", "sent", "accepted", down=("theirs",)),
    # By our clock the end is past when the answer is written, by theirs it is not: theirs is what the message says.
    "their clock is behind": Way("accepted", "sent", "accepted", apart=-APART, before=-APART / 2),
    "their clock is ahead": Way("accepted", "sent", "deemed-accepted", apart=APART, before=APART / 2),
}
SHORT = "silence accepts, sent in time"


def recorded_over(home: ClockedHome, applied: Applied) -> list[tuple[str, str | None, datetime]]:
    """The ends of periods that a node has recorded and not taken back."""
    return [
        (one["period"], one["effect"], datetime.fromisoformat(one["at"]["latest"]))
        for one in home.ends(applied.case)
        if one["undone"] is None
    ]


def lets_the_end_pass(pair: Pair, way: Way, applied: Applied) -> str:
    """The answer is queued, then the end comes, while nobody reaches ours; the answer's id. Both serve afterwards."""
    pair.ours.relay.set_weather(CUT_OFF)
    for home in pair.both:
        home.stop()
    pair.set_time(applied.end - way.before)
    answer = pair.answer(applied)
    up = [home for home in pair.both if home.party not in way.down]
    for home in up:
        pair.set_time(applied.end - BEFORE)
        home.begin()
        assert home.node.now() < applied.end, "it serves before the end"
        home.pass_time(OVER)
        until(lambda home=home: recorded_over(home, applied), lambda home=home: f"{home.party} records the end")  # type: ignore[misc]
        home.stop()
    pair.set_time(applied.end + timedelta(hours=1))
    for home in pair.both:
        home.begin()
    return answer


@pytest.mark.parametrize(
    "name", [pytest.param(SHORT, marks=pytest.mark.short_faults), *(one for one in WAYS if one != SHORT)]
)
def test_an_answer_that_waits_over_the_end_is_settled_alike_by_both(tmp_path: Path, name: str) -> None:
    way = WAYS[name]
    with clocked_pair(tmp_path, way.figures, way.apart) as pair:
        for home in pair.both:
            home.begin()
        applied = pair.apply()
        answer = lets_the_end_pass(pair, way, applied)
        until(lambda: pair.theirs.message(answer)["attempts"], lambda: "theirs tries in vain")
        until(lambda: recorded_over(pair.ours, applied), lambda: "ours records the end")
        assert recorded_over(pair.ours, applied) == [("reply", way.silent, applied.end)]

        ours, theirs = (home.standing(applied.case) for home in pair.both)
        assert ours["state"] == way.silent
        in_time = way.apart < way.before  # by the time that the answer states
        assert (ASKED in kinds(theirs)) is in_time, "its answer waits for a receipt"
        assert (ASKED in kinds(ours)) is (way.counts == "sent"), "one that was sent in time would still count"

        pair.ours.relay.set_weather(FAIR)
        until(lambda: pair.theirs.message(answer)["state"] == "delivered", lambda: "the answer arrives")
        until(lambda: settled(pair, way, applied), lambda: "both have settled what is recorded")
        shown, recorded = compared(pair, applied.case)
        assert shown["state"] == way.state
        assert ASKED not in kinds(shown) | kinds(pair.theirs.standing(applied.case))
        assert bool(recorded) is (way.state == "deemed-accepted" or way.counts == "received")
        for home in pair.both:
            assert home.entries("case.period-ended") - home.entries("case.period-not-ended") == len(recorded)


def settled(pair: Pair, way: Way, applied: Applied) -> bool:
    """Whether both stand as the answer leaves them, by what is kept of the case."""
    kept = [home.kept(applied.case) for home in pair.both]
    return all(one is not None and one["standing"]["state"] == way.state for one in kept)
