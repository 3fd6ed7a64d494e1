"""The engine: a procedure carried out over the acts of a case, the same on both sides in whatever order they came.

Acts are taken in the order that their messages state; concurrent ones by the end of a period that lies between them,
else by the procedure's precedence. An act that does not fit is out of step: told of, and changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from node.records.procedure_events import SENT, Event, NoEnd, Span, Terms, instant
from node.records.procedure_order import Order, arrange
from node.records.procedure_questions import Questions
from node.records.procedure_states import (
    WHOLE_CASE,
    Done,
    Judged,
    OutOfStep,
    Passed,
    PersonState,
    Proposal,
    Replayed,
    Running,
    last_moment,
    no_later,
    no_sooner,
    with_end,
    with_running,
)
from node.records.procedure_timely import judge
from node.records.procedure_undoing import acted_on, fits, take_back
from node.records.procedures import (
    BY_TERMS,
    EITHER,
    PREVIOUS,
    REQUESTING,
    Effect,
    Period,
    Procedure,
    Transition,
)


def replay(
    procedure: Procedure,
    terms: Terms,
    events: Sequence[Event],
    now: datetime,
    kept: Mapping[tuple[str, str], Terms] | None = None,
    held: Callable[[datetime], Terms] | None = None,
) -> Replayed:
    """Carry the procedure out over `events` up to the instant `now`.

    `events` hold each act once (`without_repeats`), undone ones left out. `kept` gives the terms under which a period
    (its name, the message that started it) began, where they are not `terms`; `held` those that held at an instant, for
    a period that begins with the end of another.
    """
    counted = [instant(event, terms.answered(), terms) for event in events]
    order = arrange(events, [span.earliest for span in counted])
    case = _Case(procedure, terms, kept or {}, held or (lambda _: terms), order)
    while heads := order.heads():
        first, *others = heads
        for other in others:
            first = case.first_of(events, first, other)
        order.take(first)
        case.take(events[first], order.at[first])
    for person in sorted(case.persons):
        case.let_end(person, now)
    return case.result()


class _Case:
    def __init__(
        self,
        procedure: Procedure,
        terms: Terms,
        kept: Mapping[tuple[str, str], Terms],
        held: Callable[[datetime], Terms],
        order: Order,
    ) -> None:
        self._procedure = procedure
        self._terms = terms
        self._kept = kept
        self._held = held
        self._order = order
        self._steps: list[Passed] = []
        self._strange: list[OutOfStep] = []
        self._judged: list[Judged] = []
        self._questions = Questions(procedure)
        self._renewed: list[Event] = []
        self._parties: list[tuple[str, Event]] = []
        start = PersonState(procedure.start)
        self.persons: dict[str, PersonState] = {} if procedure.per_person else {WHOLE_CASE: start}

    def result(self) -> Replayed:
        return Replayed(
            dict(sorted(self.persons.items())), tuple(self._steps), tuple(self._strange),
            {name: dict(left) for name, left in self._questions.open.items()},
            self._order.ours_alone, tuple(self._judged), tuple(self._renewed), tuple(self._parties),
        )  # fmt: skip

    def first_of(self, events: Sequence[Event], i: int, j: int) -> int:
        """Which of two concurrent events is taken first."""
        at = self._order.at
        for end in self._ends():
            if (at[i] < end) != (at[j] < end):
                return i if at[i] < end else j
        first = self._procedure.is_first(events[i].act, events[j].act)
        if first is not None:
            return i if first else j
        return min(i, j, key=lambda k: (events[k].actor != REQUESTING, at[k], events[k].key))

    def _ends(self) -> list[datetime]:
        return sorted(
            one.ends_at
            for person in self.persons.values()
            for one in person.running
            if one.ends_at is not None and self._effect(one)
        )

    def take(self, event: Event, at: datetime) -> None:
        """Let one act take effect for everybody whom it concerns."""
        act = self._procedure.acts.get(event.act)
        if act is None:
            self._strange.append(OutOfStep(event, tuple(sorted(event.persons)), "no-such-act", ()))
            return
        if not self._procedure.per_person:
            persons = [WHOLE_CASE]
        elif event.persons:
            persons = sorted(event.persons)
        else:
            persons = sorted(self._concerned(event))
        refused: dict[str, list[str]] = {}
        for person in persons:
            known = person in self.persons
            if not known and act.declares:
                self.persons[person] = PersonState(self._procedure.start)
            reason = self._take_for(person, event, at) if person in self.persons else "person"
            if reason is not None:
                refused.setdefault(reason, []).append(person)
                if not known:
                    self.persons.pop(person, None)
        if not persons:
            refused["person"] = []
        for reason, whom in refused.items():
            states = sorted({self.persons[person].state for person in whom if person in self.persons})
            self._strange.append(OutOfStep(event, tuple(whom), reason, tuple(states)))
        if len(refused) == 0 or any(event.id in self.persons[one].acts for one in persons if one in self.persons):
            self._questions.settle(event, self._acts_of(event.concerning))
            if any(one.replaces for one in self._procedure.transitions if one.act == event.act):
                self._renewed.append(event)
            found = {one.party for one in self._procedure.transitions if one.act == event.act and one.party}
            self._parties += [(change, event) for change in sorted(found)]

    def _concerned(self, event: Event) -> list[str]:
        """Everybody, or those whom the message concerned that the act is about, where it took effect."""
        about = [
            name for name, one in self.persons.items() if event.concerning in one.acts or event.concerning in one.void
        ]
        return about or list(self.persons)

    def _acts_of(self, message: str | None) -> set[str]:
        return {done.act for one in self.persons.values() for done in one.acts.get(message or "", ())}

    def _take_for(self, person: str, event: Event, at: datetime) -> str | None:
        """None where the act took effect for the person, else why it did not."""
        self.let_end(person, at)
        here = self.persons[person]
        found = self._fitting(here, event)
        if isinstance(found, str):
            return "void" if event.concerning in here.void else found
        if found.moves and event.concerning in here.void:
            return "void"
        if found.consents or found.declines:
            return self._answer(person, found, event, at)
        hindrance = self._hindrance(here, found, event)
        if hindrance is not None:
            return hindrance
        if found.consent or (found.undoes and acted_on(here, here.acts[event.concerning or ""])):
            proposal = Proposal(self._procedure.transitions.index(found), event.actor, event.concerning)
            self.persons[person] = replace(here, proposals={**here.proposals, event.id: proposal})
        elif found.moves:
            hindrance = self._carry_out(person, here, found, event, at, event.concerning)
        if hindrance is None:
            self._did(person, event.id, event.act, event.actor, here)
            self._judge(person, found, event)
        return hindrance

    def _did(self, person: str, message: str, act: str, by: str, before: PersonState) -> None:
        after = self.persons[person]
        earlier = [one for one in after.acts.get(message, ()) if one.act != act]
        after.acts[message] = (*earlier, Done(act, by, before, after))

    def _judge(self, person: str, one: Transition, event: Event) -> None:
        """Keep whether the act came in time, where it states the day that this depends on."""
        came = instant(event, self._terms.answered(), self._terms)
        self._judged += judge(person, event, one, came, lambda name: self._kept.get((name, event.id), self._terms))

    def _fitting(self, here: PersonState, event: Event) -> Transition | str:
        found = self._procedure.steps(here.state, event.act)
        if not found:
            return "state"
        its = [one for one in found if self._is_party(one.who, event.actor)]
        done = here.acts.get(event.concerning or "", ())
        fitting = [one for one in found if not one.of or any(about.act in one.of for about in done)]
        if not its or (fitting and not any(one in its for one in fitting)):
            return "party"
        if not fitting:
            return "concerns"
        may = [one for one in fitting if one in its and (not one.undoes or fits(done, one.of, event.actor))]
        return may[0] if may else "party"

    def _is_party(self, who: str, actor: str) -> bool:
        if who.startswith(BY_TERMS):
            return self._terms.party(who.removeprefix(BY_TERMS)) == actor
        return who in (actor, EITHER)

    def _answer(self, person: str, found: Transition, event: Event, at: datetime) -> str | None:
        """Consent to a proposal of the other side, or decline it."""
        here = self.persons[person]
        proposal = here.proposals.get(event.concerning or "")
        if proposal is None or proposal.by == event.actor:
            return "concerns"
        proposed = self._procedure.transitions[proposal.transition]
        if found.consents:
            if here.state not in proposed.sources or proposal.concerning in here.void:
                return "state"
            hindrance = self._hindrance(here, proposed, event)
            if hindrance is not None:
                return hindrance
        left = {key: value for key, value in here.proposals.items() if key != event.concerning}
        here = replace(here, proposals=left)
        self.persons[person] = here
        if found.consents:
            hindrance = self._carry_out(person, here, proposed, event, at, proposal.concerning)
            if hindrance is not None:
                return hindrance
            self._did(person, event.concerning or "", proposed.act, proposal.by, here)
        self._did(person, event.id, event.act, event.actor, here)
        return None

    def _hindrance(self, here: PersonState, one: Transition, event: Event) -> str | None:
        """Why a transition that fits the state cannot be made all the same."""
        if any(self._questions.open.get(name) for name in one.not_while):
            return "open"
        asked = [name for name in one.answers if event.concerning in self._questions.open.get(name, ())]
        if one.answers and not asked:
            return "concerns"
        if asked and not self._questions.asked_by_other(asked[0], event.concerning or "", event.actor):
            return "own-question"
        writers = {done.by for done in here.acts.get(event.concerning or "", ())}
        if (one.anew and event.actor in writers) or (one.replaces and writers - {event.actor}):
            return "party"
        running = {period.period: period for period in here.running if not period.over}
        for name in (*one.pauses, *one.resumes, *one.extends):
            period = running.get(name)
            if period is None or period.paused != (name in one.resumes):
                return "period"
            if name in one.extends and (period.extended or self._extended(period, event).end is None):
                return "no-extension"
        ended = {period.period for period in (*here.running, *here.stopped) if period.over}
        return None if set(one.after) <= ended else "not-over"

    def _carry_out(
        self, person: str, here: PersonState, one: Transition, event: Event, at: datetime, about: str | None
    ) -> str | None:
        if one.target == PREVIOUS and here.before is None:
            return "state"
        changed = tuple(
            self._changed(period, one, event, at) for period in here.running if period.period not in one.ends
        )
        kept = tuple(period for period in here.stopped if period.period not in one.ends)
        here = replace(here, running=changed, stopped=kept)
        target, moves = one.target, here.moves
        if one.undoes and about is not None:
            done = here.acts[about]
            if not acted_on(here, done):
                moves = done[0].before.moves
            here, target = take_back(here, done, with_end)
            self._questions.take_back(about, here.void)
            self._renewed = [renewed for renewed in self._renewed if renewed.id != about]
            self._parties = [(change, told) for change, told in self._parties if told.id != about]
        if one.of and about is not None:
            here.acts.pop(about, None)
            here.void.add(about)
            self._questions.made_void(about, event)
            here = replace(here, proposals={key: one for key, one in here.proposals.items() if key != about})
        when = instant(event, self._terms.answered(), self._terms)
        moved = self._moved(here, target, when)
        if one.undoes:
            moved = replace(moved, moves=moves)
        revived = [replace(old, over=False) for old in moved.stopped if old.period in one.revives]
        started = [
            self._started(name, event.id, instant(event, self._terms.begins(name), self._terms), event)
            for name in one.starts
        ]
        self.persons[person] = with_running(moved, [*revived, *started])
        self._steps.append(Passed(person, here.state, moved.state, when, act=event.act, event=event.id))
        if moved.state != here.state:
            self._questions.lapse(event.actor)
        return None

    def _changed(self, period: Running, one: Transition, event: Event, at: datetime) -> Running:
        """The running period after what the transition does to its clock."""
        if period.over:
            return period
        if period.period in one.pauses:
            return with_end(replace(period, pauses=(*period.pauses, (at, None))))
        if period.period in one.resumes and period.paused:
            *earlier, (begin, _) = period.pauses
            return with_end(replace(period, pauses=(*earlier, (begin, max(begin, at)))))
        if period.period in one.extends:
            return self._extended(period, event)
        return period

    def _extended(self, period: Running, event: Event) -> Running:
        return with_end(replace(period, extended=True, until=event.until))

    def _started(self, name: str, by: str, start: Span, event: Event | None) -> Running:
        terms = self._held(start.earliest) if event is None else self._kept.get((name, by), self._terms)
        disputed = event is not None and event.disputed and terms.begins(name) != SENT
        if self._procedure.periods[name].from_day and event is not None and event.day is not None:
            stated = terms.on_day(name, event.day)
            if isinstance(stated, NoEnd):
                return Running(name, by, start, None, terms, why=stated.reason)
            start, disputed = no_later(stated, start), False
        fresh = Running(name, by, start, None, terms, disputed=disputed)
        if not self._procedure.periods[name].given:
            return with_end(fresh)
        if event is None or event.until is None:
            return replace(fresh, why="the record gives no day")
        end = terms.end_of_day(name, event.until)
        return replace(fresh, why=end.reason) if isinstance(end, NoEnd) else replace(fresh, end=Span.at(end))

    def _moved(self, here: PersonState, target: str | None, when: Span) -> PersonState:
        if target is None or target == here.state:
            return here
        if target == PREVIOUS and here.before is not None:
            return replace(
                here.before, since=when, acts=here.acts, void=here.void, proposals=here.proposals, moves=here.moves + 1
            )  # fmt: skip
        runs = {name for name, period in self._procedure.periods.items() if target in period.runs_in}
        left = [period for period in here.running if period.period not in runs]
        gone = {period.period for period in left}
        return replace(
            here,
            state=target,
            since=when,
            running=tuple(period for period in here.running if period.period in runs),
            stopped=(*(old for old in here.stopped if old.period not in gone), *left),
            before=replace(here, before=None),
            moves=here.moves + 1,
        )

    def _effect(self, period: Running) -> Effect | None:
        about: Period = self._procedure.periods[period.period]
        if about.at_end is not None:
            return about.at_end
        return about.deemed if period.terms.silence_accepts(period.period) else about.overdue

    def _takes_effect(self, here: PersonState, one: Running) -> datetime | None:
        """When the end of a period takes effect: as it ends, or once the person is in a state in which it has any."""
        effect = self._effect(one)
        if one.owed and effect is not None and here.state in effect.sources and here.since is not None:
            return here.since.latest
        return one.ends_at

    def let_end(self, person: str, at: datetime) -> None:
        """Let every period of the person take effect that has certainly ended by `at`."""
        while True:
            here = self.persons[person]
            due = sorted(
                (when, one.period, number)
                for number, one in enumerate(here.running)
                if (when := self._takes_effect(here, one)) is not None and when <= at
            )
            if not due:
                return
            _, _, number = due[0]
            ended = here.running[number]
            effect, end = self._effect(ended), ended.end
            elsewhere = effect is not None and bool(effect.sources) and here.state not in effect.sources
            done = replace(ended, over=True, owed=elsewhere)
            here = replace(here, running=(*here.running[:number], done, *here.running[number + 1 :]))
            if effect is None or end is None or elsewhere:
                self.persons[person] = here
                continue
            if ended.owed and here.since is not None:
                end = no_sooner(end, here.since)
            moved = self._moved(here, effect.target, end)
            by = f"{ended.period}/{ended.started_by}"
            self.persons[person] = with_running(
                moved, [self._started(name, by, last_moment(end), None) for name in effect.starts]
            )
            self._steps.append(Passed(person, here.state, moved.state, end, period=ended.period))
