"""What taking a message back does to a person: where it found them and what it did to the clock hold as before it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from node.records.procedure_events import Pause
from node.records.procedure_states import Done, PersonState, Running
from node.records.procedures import Transition

Ending = Callable[[Running], Running]
"""A period with its end computed anew."""


def fits(done: Sequence[Done], of: Collection[str], role: str) -> bool:
    """Whether `role` may take back a message that did this: it is its own, and did nothing else than the acts `of`."""
    return bool(done) and all(one.act in of and one.by == role for one in done)


def acted_on(here: PersonState, done: Sequence[Done]) -> bool:
    """Whether the message moved the person, and something has moved them since."""
    return any(one.moved for one in done) and done[-1].after.moves != here.moves


def by_consent(one: Transition, here: PersonState, of: tuple[str, ...]) -> list[tuple[bool, tuple[str, ...]]]:
    """The messages that the act may be about, told apart by whether it needs the other side's consent."""
    if not one.undoes or one.consent:
        return [(one.consent, of)]
    acted = tuple(key for key in of if acted_on(here, here.acts[key]))
    free = tuple(key for key in of if key not in acted)
    return [(needs, some) for needs, some in ((False, free), (True, acted)) if some]


def take_back(here: PersonState, done: Sequence[Done], ending: Ending) -> tuple[PersonState, str]:
    """The person with the clock as if the acts had not been done, and the state in which they found the person.

    A period that an act started is over with it; one that it stopped goes on with the end that it had, unless it was
    started anew since; a pause, a resumption and an extension count no more.
    """
    target = here.state
    for one in reversed(done):
        here = _clock(here, one, ending)
        if one.moved:
            target = one.before.state
    return here, target


def _clock(here: PersonState, done: Done, ending: Ending) -> PersonState:
    before = {one.period: one for one in done.before.running}
    after = {one.period: one for one in done.after.running}
    started = {(one.period, one.started_by) for one in after.values()} - {
        (one.period, one.started_by) for one in (*before.values(), *done.before.stopped)
    }
    running = [
        _unchanged(one, before[one.period], after[one.period], ending) if _is_same(one, before, after) else one
        for one in here.running
        if (one.period, one.started_by) not in started
    ]
    stopped = [one for one in here.stopped if (one.period, one.started_by) not in started]
    there = {one.period for one in running}
    back = [
        next((kept for kept in stopped if kept.started_by == one.started_by and kept.period == name), one)
        for name, one in before.items()
        if name not in there and (name not in after or after[name].started_by != one.started_by)
    ]
    names = {one.period for one in back}
    return replace(
        here,
        running=(*running, *(replace(one, over=False) for one in back)),
        stopped=tuple(one for one in stopped if one.period not in names),
    )


def _is_same(one: Running, before: dict[str, Running], after: dict[str, Running]) -> bool:
    known = [kept.get(one.period) for kept in (before, after)]
    return not one.over and all(kept is not None and kept.started_by == one.started_by for kept in known)


def _unchanged(one: Running, before: Running, after: Running, ending: Ending) -> Running:
    """The period without the pause, the resumption or the extension that lies between `before` and `after`."""
    if after.extended and not before.extended:
        return ending(replace(one, extended=False, until=None))
    if len(after.pauses) > len(before.pauses):
        begin = after.pauses[-1][0]
        return ending(replace(one, pauses=tuple(pause for pause in one.pauses if pause[0] != begin)))
    if before.paused and not after.paused:
        return ending(replace(one, pauses=_lasting(one.pauses, before.pauses[-1])))
    return one


def _lasting(pauses: Sequence[Pause], resumed: Pause) -> tuple[Pause, ...]:
    """The pauses as if `resumed` had lasted: to the end of the next one, where there is a next one."""
    begins = [begin for begin, _ in pauses]
    if resumed[0] not in begins:
        return tuple(pauses)
    at = begins.index(resumed[0])
    until = pauses[at + 1][1] if at + 1 < len(pauses) else None
    return (*pauses[:at], (resumed[0], until), *pauses[at + 2 :])
