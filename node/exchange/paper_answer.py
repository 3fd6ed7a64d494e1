"""What a case takes from acts on paper that were recorded in it: the steps that follow, and what does not fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from node.exchange.case_view import compute_case, describe_finding
from node.exchange.node import Node
from node.records.notices import OUT_OF_STEP
from node.records.procedure_paper import same_act
from node.records.procedure_states import WHOLE_CASE
from node.records.procedure_timely import LATE

TAKEN = {
    OUT_OF_STEP: "nothing: it is kept and shown, and state and times stay as they are",
    LATE: "all: it counts, and is shown as late",
}


def taken_from(
    node: Node, connection: Connection, row: Mapping[str, Any], ids: Sequence[str]
) -> list[dict[str, list[dict[str, Any]]]]:
    """For each act on paper (its id, recorded in this transaction or before) {steps, misfits} of the case (its row).

    `steps` are {person, from, to}; `misfits` {kind, persons, reason, expected, taken}: what does not fit, what would
    have, and what the case takes from the act all the same.
    """
    computed = compute_case(node, connection, row)
    if computed is None:
        raise LookupError(f"the case {row['conversation_id']} runs by no procedure")
    found = []
    for id in ids:
        own = next(one for one in computed.case.events if one.id == id)
        # Of an act that both sides have stated one statement stands for both.
        both = {id, *(one.id for one in computed.case.events if one.on_paper and same_act(own, one))}
        steps = [
            {"person": None if one.person == WHOLE_CASE else one.person, "from": one.source, "to": one.target}
            for one in computed.view.steps
            if one.event in both
        ]
        misfits = [
            {key: said[key] for key in ("kind", "persons", "reason", "expected")} | {"taken": TAKEN[one.kind]}
            for one in computed.view.findings
            if one.kind in TAKEN and one.event in both
            for said in (describe_finding(computed, one),)
        ]
        found.append({"steps": steps, "misfits": misfits})
    return found
