"""Whether a procedure makes sense as a whole: nothing unreachable, nothing ambiguous, an order for all that may cross.

Two acts may cross where, from one state that both parties see, one party by its own acts alone comes to where it may do
the first, and the other by its own acts alone to where it may do the second; periods may end meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping

from node.records.procedure_stated import judge_stated
from node.records.procedures import (
    BY_TERMS,
    EITHER,
    PREVIOUS,
    ROLES,
    Procedure,
    ProcedureError,
    Transition,
)

_TOLD = 10  # pairs without an order that one error tells of


def judge(procedure: Procedure) -> None:
    """Raises ProcedureError for the first thing that does not make sense."""
    judge_stated(procedure, procedure.acts)
    _judge_periods(procedure)
    _judge_running(procedure)
    _judge_ambiguity(procedure)
    _judge_reach(procedure)
    _judge_consent(procedure)
    _judge_precedence(procedure)


def _judge_periods(procedure: Procedure) -> None:
    for period in procedure.periods.values():
        for effect in period.effects:
            strange = sorted(set(effect.sources) - period.runs_in)
            if strange:
                raise ProcedureError(
                    f"period.{period.name}", f"it does not run in {', '.join(strange)}, from which its end leads",
                    "Add the state to `in` or take it out of `from`.",
                )  # fmt: skip
            _judge_started(procedure, f"period.{period.name}", effect.starts, (effect.target or "",))
    for one in procedure.transitions:
        _judge_started(procedure, one.place, one.starts + one.revives, _targets(procedure, one))
        for name in (*one.pauses, *one.resumes, *one.extends, *one.after):
            if not procedure.periods[name].runs_in & set(one.sources):
                raise ProcedureError(
                    one.place, f"the period {name} runs in none of the states it is from",
                    f"Name a state of period.{name} in `from`, or add one to its `in`.",
                )  # fmt: skip

    for period in procedure.periods.values():
        clocked = [one for one in procedure.transitions if period.name in (*one.pauses, *one.extends)]
        if period.given and clocked:
            raise ProcedureError(
                clocked[0].place, f"the end of the period {period.name} is given by a record",
                "Leave it out of `pauses` and `extends`.",
            )  # fmt: skip
        starters = [one for one in procedure.transitions if period.name in one.starts]
        if period.from_day and (period.given or not any(_states_a_day(procedure, one) for one in starters)):
            raise ProcedureError(
                f"period.{period.name}", "it begins on a day, and no act that starts it states one",
                "Add `day` to `in` of such an act, or leave out `from_day`; it goes with no `given`.",
            )  # fmt: skip
    for one in procedure.transitions:
        if one.within and not _states_a_day(procedure, one):
            raise ProcedureError(
                one.place, f"the period {one.within[0]} counts from a day, and the act states none",
                "Add `day` to `in` of the act, or leave out `within`.",
            )  # fmt: skip
        hindered = any(source.hindered is not None for source in procedure.acts[one.act].sources)
        if one.or_within and not (one.within and hindered):
            raise ProcedureError(
                one.place, f"the period {one.or_within[0]} is beside no `within`, or the act states no hindrance",
                "Add `within`, and `hindered` to `in` of the act, or leave out `or_within`.",
            )  # fmt: skip


def _judge_running(procedure: Procedure) -> None:
    """What a period says of its running holds of one that runs."""
    started = _started(procedure)
    paused = {name for one in procedure.transitions for name in one.pauses}
    for period in procedure.periods.values():
        runs = period.runs_in or period.effects or period.given or period.from_day
        if runs and period.name not in started and period.name in _within(procedure):
            raise ProcedureError(
                f"period.{period.name}", "nothing starts it: acts have to come within it, and it never runs",
                "Leave out all but `title` and `awaits`, or name it in `starts` of a transition.",
            )  # fmt: skip
    for one in procedure.transitions:
        idle = [name for name in one.resumes if name not in paused]
        if idle:
            raise ProcedureError(
                one.place,
                f"nothing pauses the period {idle[0]}",
                "Name it in `pauses` of a transition, or leave it out.",
            )


def _started(procedure: Procedure) -> set[str]:
    return {
        *(name for one in procedure.transitions for name in one.starts),
        *(name for period in procedure.periods.values() for effect in period.effects for name in effect.starts),
    }


def _within(procedure: Procedure) -> set[str]:
    return {name for one in procedure.transitions for name in (*one.within, *one.or_within)}


def _states_a_day(procedure: Procedure, one: Transition) -> bool:
    return any(source.day is not None for source in procedure.acts[one.act].sources)


def _judge_started(procedure: Procedure, place: str, periods: Iterable[str], targets: Iterable[str]) -> None:
    for name in periods:
        missing = sorted(set(targets) - procedure.periods[name].runs_in)
        if missing:
            raise ProcedureError(
                place, f"it starts the period {name}, which does not run in {', '.join(missing)}",
                f"Add the state to `in` of period.{name}, or start another period.",
            )  # fmt: skip


def _judge_ambiguity(procedure: Procedure) -> None:
    for number, one in enumerate(procedure.transitions):
        for other in procedure.transitions[:number]:
            shared = [state for state in one.sources if state in other.sources]
            if one.act == other.act and shared and _same_party(one.who, other.who) and _same_subject(one, other):
                raise ProcedureError(
                    one.place, f"in {', '.join(shared)} the act fits {other.place} as well",
                    "Tell the two apart by `who`, `from` or `of`.",
                )  # fmt: skip


def _same_party(who: str, other: str) -> bool:
    vague = (EITHER,)
    return who == other or who in vague or other in vague or who.startswith(BY_TERMS) or other.startswith(BY_TERMS)


def _same_subject(one: Transition, other: Transition) -> bool:
    return not one.of or not other.of or bool(set(one.of) & set(other.of))


def _undone_to(procedure: Procedure, one: Transition) -> set[str]:
    """The states from which the acts come that the transition takes back."""
    return {
        source for done in procedure.transitions if done.act in one.of and done.target for source in done.sources
    }  # fmt: skip


def _targets(procedure: Procedure, one: Transition) -> set[str]:
    if one.target is None:
        return set(one.sources)
    if one.target == PREVIOUS:
        return {
            source
            for before in procedure.transitions
            if before.target in one.sources
            for source in before.sources
        }  # fmt: skip
    return {one.target}


def _edges(procedure: Procedure, one: Transition) -> Iterator[tuple[str, str]]:
    for source in one.sources:
        if one.undoes:
            yield from ((source, state) for state in _undone_to(procedure, one))
        if one.target is None:
            yield source, source
        elif one.target == PREVIOUS:
            for before in procedure.transitions:
                if before.target == source:
                    yield from ((source, state) for state in before.sources)
        else:
            yield source, one.target


def _by_time(procedure: Procedure) -> Iterator[tuple[str, str]]:
    for period in procedure.periods.values():
        for effect in period.effects:
            yield from ((state, effect.target or state) for state in effect.sources or period.runs_in)


def _closure(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    reached, waiting = {start}, [start]
    while waiting:
        for state in edges.get(waiting.pop(), set()) - reached:
            reached.add(state)
            waiting.append(state)
    return reached


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {}
    for source, target in pairs:
        edges.setdefault(source, set()).add(target)
    return edges


def reachable(procedure: Procedure) -> set[str]:
    """The states that a case can come to."""
    pairs = [pair for one in procedure.transitions for pair in _edges(procedure, one)]
    return _closure(procedure.start, _gathered([*pairs, *_by_time(procedure)]))


def alone(procedure: Procedure, role: str) -> dict[str, set[str]]:
    """State → the states to which `role` comes from there by its own acts alone and by what time brings."""
    pairs = list(_by_time(procedure))
    for one in procedure.transitions:
        if one.may_be_by(role) and not one.consent:
            pairs += _edges(procedure, one)
        if one.consents and one.may_be_by(role):
            # What the other side has proposed before, this side's consent carries out.
            for proposed in procedure.transitions:
                if (proposed.consent or proposed.undoes) and any(
                    proposed.may_be_by(other) for other in ROLES if other != role
                ):
                    pairs += (pair for pair in _edges(procedure, proposed) if pair[0] in one.sources)
    edges = _gathered(pairs)
    return {state: _closure(state, edges) for state in procedure.states}


def _judge_reach(procedure: Procedure) -> None:
    reached = reachable(procedure)
    lost = [state for state in procedure.states if state not in reached]
    if lost:
        raise ProcedureError(
            f"state.{lost[0]}", "no act and no end of a period leads to it",
            "Add a transition that does, or take the state out.",
        )  # fmt: skip
    used = {one.act for one in procedure.transitions}
    for act in procedure.acts:
        if act not in used:
            raise ProcedureError(f"act.{act}", "no transition has it", "Add a [[transition]], or take the act out.")
    startable = _started(procedure) | _within(procedure)
    for name in procedure.periods:
        if name not in startable:
            raise ProcedureError(
                f"period.{name}", "nothing starts it",
                "Name it in `starts`, `within` or `or_within` of a transition, or take it out.",
            )  # fmt: skip
    openers = [one for one in procedure.transitions if procedure.start in one.sources]
    if not any(procedure.acts[one.act].declares for one in openers):
        raise ProcedureError(
            f"state.{procedure.start}", "no act that leads from it declares whom the case is about",
            "Set declares = true on the act that opens a case.",
        )  # fmt: skip


def _judge_consent(procedure: Procedure) -> None:
    consenting = {state for one in procedure.transitions if one.consents for state in one.sources}
    for one in procedure.transitions:
        proposes = one.consent or (one.undoes and _undone_to(procedure, one))
        missing = [state for state in one.sources if proposes and state not in consenting]
        if missing:
            raise ProcedureError(
                one.place, f"nobody can consent to it in {', '.join(missing)}",
                "Add a transition with consents = true from there.",
            )  # fmt: skip
    _judge_questions(procedure)


def _judge_questions(procedure: Procedure) -> None:
    opened = {one.opens for one in procedure.transitions if one.opens}
    answered = {name for one in procedure.transitions for name in one.answered}
    for one in procedure.transitions:
        unknown = sorted({*one.not_while, *one.answered} - opened)
        if unknown:
            raise ProcedureError(
                one.place, f"nothing opens {', '.join(unknown)}", "Name it in `opens` of a transition, or leave it out."
            )
        if one.opens and one.opens not in answered:
            raise ProcedureError(
                one.place, f"nothing answers {one.opens}", "Name it in `answers` of a transition, or leave it out."
            )
        if one.answers and one.may_answer:
            raise ProcedureError(one.place, "it has answers beside may_answer", "Keep one of the two.")
        for key, wanted in (("lapses", one.lapses), ("anew", one.anew)):
            if wanted and not one.opens:
                raise ProcedureError(
                    one.place, "it opens nothing that could lapse", f"Add `opens`, or leave out `{key}`."
                )


def crossing(procedure: Procedure) -> set[tuple[str, str]]:
    """The pairs of different acts that may cross, each pair once, in alphabetical order."""
    closures = {role: alone(procedure, role) for role in ROLES}
    acts = {
        role: {
            state: {one.act for one in procedure.from_state(state) if one.may_be_by(role)} for state in procedure.states
        }
        for role in ROLES
    }
    sides = {
        tuple(frozenset(act for one in closures[role][state] for act in acts[role][one]) for role in ROLES)
        for state in reachable(procedure)
    }
    crossed = {(a, b) for first, second in sides for a in first for b in second if a != b}
    return {(min(pair), max(pair)) for pair in crossed}


def _judge_precedence(procedure: Procedure) -> None:
    pairs = crossing(procedure)
    missing = sorted(pair for pair in pairs if procedure.is_first(*pair) is None)
    if missing:
        told = ", ".join(f"{first} and {second}" for first, second in missing[:_TOLD])
        more = f" and {len(missing) - _TOLD} more pairs" if len(missing) > _TOLD else ""
        raise ProcedureError(
            "precedence", f"these acts may cross and have no order: {told}{more}",
            "Name both in `precedence`, the one that is taken first before the other, or add an [[exception]].",
        )  # fmt: skip
    strange = sorted(pair for pair in procedure.exceptions if (min(pair), max(pair)) not in pairs)
    if strange:
        raise ProcedureError("exception", f"{' and '.join(strange[0])} can never cross", "Take the exception out.")
