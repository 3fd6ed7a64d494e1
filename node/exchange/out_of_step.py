"""Telling the writer of a message that it fits no present state: it is receipted and kept, and answered by a notice.

Crossing and delay refuse no lawful act: the notice says what was found, and takes nothing back. Each message is
answered once, whatever becomes of its case; mark and notice are one transaction.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from node.exchange.case_view import ComputedCase
from node.exchange.directory import Directory
from node.exchange.judgement import SubmissionRefused
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import EVENT, MESSAGE
from node.exchange.submission import Submission, submit
from node.journal import journal
from node.records.notices import OUT_OF_STEP, make_notice
from node.store.columns import new_row_id
from node.store.prepared import Prepared, among

log = journal("exchange.out_of_step")

ROLE = "node"


class _ToldAlready(Exception):
    """Another process told it meanwhile."""


_UNTOLD = Prepared(
    select(MESSAGE)
    .where(
        among(MESSAGE.c.message_id, "messages"),
        MESSAGE.c.peer == bindparam("peer"),
        MESSAGE.c.direction == "in",
        ~select(EVENT.c.message).where(EVENT.c.message == MESSAGE.c.id, EVENT.c.kind == OUT_OF_STEP).exists(),
    )
    .order_by(MESSAGE.c.id)
)


def untold(connection: Connection, computed: ComputedCase, peer: str) -> list[dict[str, Any]]:
    """The rows of received messages that do not fit their case, and whose writer was not told so yet."""
    messages = {one.event for one in computed.view.findings if one.kind == OUT_OF_STEP and one.event is not None}
    if not messages:
        return []
    return [row._asdict() for row in _UNTOLD.rows(connection, messages=sorted(messages), peer=peer)]


def tell_out_of_step(node: Node, directory: Directory, row: Mapping[str, Any], state: str) -> bool:
    """Queue the notice that this received message (its row) does not fit, its case being in `state`, and mark it told.

    False where it was told already, or the peer understands no notices or may not be told under any agreement.
    """
    snapshot = directory.snapshot()
    peer = snapshot.peers.get(row["peer"])
    if peer is None or not peer.depesha:
        return False
    now = node.now()

    def mark(connection: Connection) -> None:
        connection.execute(select(MESSAGE.c.id).where(MESSAGE.c.id == row["id"]).with_for_update())
        marks = select(EVENT.c.id).where(EVENT.c.message == row["id"], EVENT.c.kind == OUT_OF_STEP)
        if connection.execute(marks).first() is not None:
            raise _ToldAlready
        values = {"id": new_row_id(now), "message": row["id"], "kind": OUT_OF_STEP, "detail": {}, "time": now}
        connection.execute(insert(EVENT).values(values))

    service, action, content = make_notice(
        node.domains, OUT_OF_STEP, row["message_id"], ROLE, min(row["receipt_time"] or now, now), now, state=state
    )
    request = Submission(
        peer=peer.party,
        service=service,
        action=action,
        parts=(PartToSend.of_bytes(content, "application/xml"),),
        case_id=row["case_id"],
        ref_to_message_id=row["message_id"],
        actor="node",
    )
    with suppress(_ToldAlready):
        try:
            submit(node, snapshot, request, along=mark)
        except SubmissionRefused as refused:
            log.warning("no notice", message=row["message_id"], peer=peer.party, reason=str(refused))
            return False
        return True
    return False
