"""What a person does about a message that was not delivered: try it again, sign it anew, or take it back."""

from typing import Any

from sqlalchemy import Connection, select, update

from node.audit.entry import append, entry
from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.alarms import settle_alarms_of
from node.exchange.contents import PART, part_content
from node.exchange.directory import Snapshot
from node.exchange.judgement import SubmissionRefused
from node.exchange.listing import find_message
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from node.exchange.submission import Submission, submit
from node.exchange.turns import WITHDRAWN, states_changed

WAITING = frozenset({"queued", "given-up", "unconfirmed", "refused"})
WITHDRAWABLE = frozenset({"queued", "given-up", "unconfirmed", "stale", "refused"})
STALE = frozenset({"stale"})


def resend_message(node: Node, snapshot: Snapshot, message_id: str, actor: str) -> dict[str, Any]:
    """Queue a message again: the same frozen one, or, if it is stale, a new one that replaces it.

    Returns {id, replaces, state}. Raises NotFound, or SubmissionRefused for one that is received, under way or
    delivered.
    """
    with node.database.read() as connection:
        row = _outgoing(connection, message_id, "sent again")
    if row["state"] == "stale":
        return _replace(node, snapshot, row, actor)
    now = node.now()
    with node.database.write() as connection:
        outbox.lock(connection, [row["id"]])
        row = _outgoing(connection, message_id, "sent again")
        if row["state"] not in WAITING:
            raise SubmissionRefused(f"{message_id} is {row['state']}: there is nothing to send again.")
        # What may have reached the peer is asked for its receipt all the same.
        if not snapshot.covers(row) and not outbox.may_have_been_sent(connection, row["id"]):
            raise SubmissionRefused(
                f"No agreement in force with {row['peer']} covers {message_id} any more. `depesha agreement list` "
                "shows what is open; open it again first, or say in another way what the message said."
            )
        outbox.requeue(connection, row["id"], row["peer"], row["case_id"], now, node.retries)
        settle_alarms_of(connection, row["id"], node.now())
        _log(node, connection, row, "message.requeued", actor)
        crash_point("resend: before commit")
    crash_point("resend: after commit")
    return {"id": message_id, "replaces": None, "state": "queued"}


def withdraw_message(node: Node, message_id: str, actor: str) -> dict[str, Any]:
    """Take back a message that was not delivered; those after it in its case may go.

    It ends as `refused` with the words that say who ended it. Raises NotFound, or SubmissionRefused for one that is
    received, under way or delivered.
    """
    with node.database.write() as connection:
        _withdraw(node, connection, message_id, WITHDRAWABLE, actor)
        crash_point("withdraw: before commit")
    crash_point("withdraw: after commit")
    return {"id": message_id, "state": "refused"}


def _withdraw(node: Node, connection: Connection, message_id: str, allowed: frozenset[str], actor: str) -> None:
    """Take back a message that is in an `allowed` state. Raises SubmissionRefused for one that is not."""
    outbox.lock(connection, [_outgoing(connection, message_id, "withdrawn")["id"]])
    row = _outgoing(connection, message_id, "withdrawn")
    if row["state"] not in allowed:
        raise SubmissionRefused(f"{message_id} is {row['state']}: it can be withdrawn no more.")
    outbox.finish(connection, [row["id"]])
    detail = WITHDRAWN if row["error_detail"] is None else f"{WITHDRAWN}; before: {row['error_detail']}"
    values = {"state": "refused", "error_code": row["error_code"] or "EBMS:0004", "error_detail": detail}
    connection.execute(update(MESSAGE).where(MESSAGE.c.id == row["id"]).values(values))
    states_changed(connection, [row["id"]])
    settle_alarms_of(connection, row["id"], node.now())
    _log(node, connection, row, "message.withdrawn", actor)


def _replace(node: Node, snapshot: Snapshot, row: dict[str, Any], actor: str) -> dict[str, Any]:
    """Sign the content of a stale message anew; the new one names the one that it replaces.

    The old one is withdrawn in the transaction that queues the new one: there is never neither of them, nor two new.
    """
    with node.database.read() as connection:
        query = select(PART).where(PART.c.message == row["id"]).order_by(PART.c.n)
        parts = connection.execute(query).mappings().all()
    contents = [
        PartToSend(
            media_type=part["media_type"] or "application/octet-stream",
            content=lambda n=part["n"], packed=part["compressed"]: part_content(node, row["id"], n, packed),  # type: ignore[misc]
            name=part["name"],
            compress=part["compressed"],
        )
        for part in parts
    ]
    submission = Submission(
        peer=row["peer"],
        service=row["service"],
        service_type=row["service_type"],
        action=row["action"],
        parts=contents,
        case_id=row["case_id"],
        ref_to_message_id=row["ref_to_message_id"],
        replaces=row["message_id"],
        unit=row["unit"],
        actor=actor,
    )

    def withdraw(connection: Connection) -> None:
        _withdraw(node, connection, row["message_id"], STALE, actor)

    submitted = submit(node, snapshot, submission, along=withdraw)
    return {"id": submitted.id, "replaces": row["message_id"], "state": submitted.state}


def _outgoing(connection: Connection, message_id: str, what: str) -> dict[str, Any]:
    """The row of a message of ours. Raises NotFound, or SubmissionRefused for one that was received."""
    row = dict(find_message(connection, message_id, "out"))
    if row["direction"] != "out":
        raise SubmissionRefused(f"{message_id} was received, not sent: it cannot be {what}.")
    return row


def _log(node: Node, connection: Connection, row: dict[str, Any], what: str, actor: str) -> None:
    logged = entry(
        type=what,
        at=node.now(),
        actor=actor,
        facts={"state": row["state"]},
        peer=row["peer"],
        case=row["conversation_id"],
        message=row["message_id"],
        message_row=row["id"],
    )
    append(connection, [logged], node.kek)
