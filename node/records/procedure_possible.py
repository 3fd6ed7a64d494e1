"""What may be done next in a case as it stands: by whom, for which persons, about which messages."""

from dataclasses import dataclass

from node.records.procedure_asked import roles_of
from node.records.procedure_events import NoEnd, Terms
from node.records.procedure_states import PersonState, Replayed, Running
from node.records.procedure_undoing import by_consent, fits
from node.records.procedures import Procedure, Transition


@dataclass(frozen=True, slots=True)
class Possible:
    """An act that `who` may do now, for these persons; `consent`: it needs the other's. `of`: it is about one of these
    messages. What we may do follows from `expected`, what the other side may do from `state`."""

    act: str
    who: str
    persons: tuple[str, ...]
    consent: bool
    of: tuple[str, ...] = ()


def possible(procedure: Procedure, terms: Terms, state: Replayed) -> tuple[Possible, ...]:
    if not state.persons:
        declared = {name for name, act in procedure.acts.items() if act.declares}
        first = PersonState(procedure.start)
        openers = [one for one in procedure.from_state(procedure.start) if one.act in declared]
        return tuple(
            Possible(one.act, role, (), one.consent)
            for one in openers
            for role in roles_of(one.who, terms)
            if _open_to(procedure, one, first, state, role) is not None
        )
    found: dict[tuple[str, str, bool, tuple[str, ...]], list[str]] = {}
    for name, here in state.persons.items():
        for one in procedure.from_state(here.state):
            for role in roles_of(one.who, terms):
                of = _open_to(procedure, one, here, state, role)
                for needs, some in () if of is None else by_consent(one, here, of):
                    found.setdefault((one.act, role, needs, some), []).append(name)
    return tuple(Possible(act, role, tuple(names), consent, of) for (act, role, consent, of), names in found.items())


def _may_extend(period: Running) -> bool:
    end = period.terms.end(period.period, period.start.earliest, extended=True, until=None, pauses=period.pauses)
    return not isinstance(end, NoEnd)


def _open_to(
    procedure: Procedure, one: Transition, here: PersonState, state: Replayed, role: str
) -> tuple[str, ...] | None:
    """The messages that the act may be about (none where any may), or None where it cannot be done now."""
    if any(state.open.get(name) for name in one.not_while):
        return None
    running = {period.period: period for period in here.running if not period.over}
    for name in (*one.pauses, *one.resumes, *one.extends):
        if name not in running or running[name].paused != (name in one.resumes):
            return None
        if name in one.extends and (running[name].extended or not _may_extend(running[name])):
            return None
    if not set(one.after) <= {period.period for period in (*here.running, *here.stopped) if period.over}:
        return None
    if one.consents or one.declines:
        of = tuple(sorted(key for key, proposal in here.proposals.items() if proposal.by != role))
        return of or None
    if one.answered:
        of = tuple(
            sorted(key for name in one.answered for key, asker in state.open.get(name, {}).items() if asker != role)
        )
        if one.replaces:
            of = ()
        return of if of or one.may_answer else None
    if one.undoes:
        return tuple(sorted(key for key, done in here.acts.items() if fits(done, one.of, role))) or None
    if one.of:
        return tuple(sorted(key for key, done in here.acts.items() if any(act.act in one.of for act in done))) or None
    return ()
