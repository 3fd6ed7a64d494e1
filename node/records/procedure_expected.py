"""What would have fitted in place of an act that does not, in words for whoever did or recorded it."""

from collections.abc import Iterable

from node.records.procedure_states import OutOfStep
from node.records.procedures import Procedure, Transition

_EXPECTED = {
    "party": "the act by the other party",
    "person": "a person of the case",
    "void": "a message that is not void",
    "own-question": "an answer by the other party",
    "no-extension": "an extension that the terms give, once",
    "no-such-act": "an act of the procedure",
}


def expected(procedure: Procedure, one: OutOfStep) -> str:
    """What the procedure expected in place of the act, or that it lacked."""
    if one.reason in _EXPECTED:
        return _EXPECTED[one.reason]
    fitting = [step for state in one.states for step in procedure.steps(state, one.event.act)]
    match one.reason:
        case "concerns":
            return f"as what it concerns {_about(procedure, fitting)}"
        case "period":
            return f"a time that runs: {_periods(procedure, fitting, 'pauses', 'resumes', 'extends')}"
        case "not-over":
            return f"the end of a time first: {_periods(procedure, fitting, 'after')}"
        case "open":
            return f"an answer first to: {_listed(name for step in fitting for name in step.not_while)}"
    return "; ".join(_instead(procedure, state, one.event.actor) for state in one.states) or "an act that opens a case"


def _instead(procedure: Procedure, state: str, role: str) -> str:
    """What the party may do in the state that moves anything."""
    acts = [step.act for step in procedure.from_state(state) if step.may_be_by(role) and step.moves]
    return f"of the {role} party in the state {state}: {_listed(acts) or 'nothing'}"


def _about(procedure: Procedure, fitting: list[Transition]) -> str:
    acts = {act for step in fitting for act in step.of}
    asked = {name for step in fitting for name in step.answers}
    acts |= {step.act for step in procedure.transitions if step.opens in asked}
    if any(step.consents or step.declines for step in fitting):
        return "what the other party proposed and waits for"
    return f"a message that holds, one of: {_listed(sorted(acts))}" if acts else "a message of the case"


def _periods(procedure: Procedure, fitting: list[Transition], *kinds: str) -> str:
    return _listed(procedure.periods[name].title for step in fitting for kind in kinds for name in getattr(step, kind))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
