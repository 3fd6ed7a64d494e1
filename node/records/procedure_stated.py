"""Whether the records of a procedure's acts state what its transitions need of them.

An act that has to concern a message and never names one would load, and never fit. What is done on paper alone has no
record: whoever records it states the rest.
"""

from collections.abc import Iterator, Mapping

from node.records.procedures import PUT_IN_PLACE, Act, Procedure, ProcedureError, Transition

_CONCERNING = ("of", "consents", "declines", "answers", "may_answer", "anew", "replaces")
"""Keys of a transition that are about the message which the act concerns."""


def judge_stated(procedure: Procedure, acts: Mapping[str, Act]) -> None:
    """Raises ProcedureError for the first transition whose act states too little. `acts` have the sources: those of the
    procedure, or of a shared set."""
    for one in procedure.transitions:
        act = acts.get(one.act)
        for key, path in () if act is None or not act.sources else _needed(procedure, one, act):
            if act is not None and not any(getattr(source, path) for source in act.sources):
                raise ProcedureError(
                    one.place, f"{key} needs `{path}`, which no `in` of act.{act.name} has",
                    f"Add `{path}` to `in` of the act, or leave out {key}.",
                )  # fmt: skip


def _needed(procedure: Procedure, one: Transition, act: Act) -> Iterator[tuple[str, str]]:
    """Pairs of what is wanted and the path that it needs."""
    yield from ((f"`{key}`", "concerning") for key in _CONCERNING if getattr(one, key))
    if one.party is not None:
        yield "`party`", "party"
    if one.party == PUT_IN_PLACE:
        yield f"`party` {PUT_IN_PLACE}", "instead_of"
    if act.declares and procedure.per_person:
        yield "`declares`", "persons"
    for name in one.starts:
        if procedure.periods[name].given:
            yield f"`starts` {name}, whose end is given,", "until"
