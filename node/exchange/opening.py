"""An officer opens a received message: that is noted, and its sender told once by a notice that names a role only."""

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection, select, update

from node.crash_points import crash_point
from node.exchange.directory import Directory
from node.exchange.judgement import SubmissionRefused
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from node.exchange.submission import Submission, submit
from node.exchange.turns import message_read
from node.journal import journal
from node.records.notices import OPENED, is_notice, make_notice

log = journal("exchange.opening")

ROLE = "officer"


class _OpenedAlready(Exception):
    """Somebody else opened the message meanwhile."""


def mark_opened(node: Node, directory: Directory, message: int, actor: str) -> None:
    """Note that `actor` opened the received message with this row id; the first time its sender is told.

    Mark and notice are one transaction: there is never a mark whose notice was lost. Notices never cause notices. A
    peer that does not understand them is not told.
    """
    now = node.now()
    first = (
        update(MESSAGE)
        .where(
            MESSAGE.c.id == message,
            MESSAGE.c.direction == "in",
            MESSAGE.c.state == "received",
            MESSAGE.c.opened_at.is_(None),
        )
        .values(opened_at=now)
    )
    with node.database.read() as connection:
        row = connection.execute(select(MESSAGE).where(MESSAGE.c.id == message)).mappings().one()
    if row["opened_at"] is not None or row["direction"] != "in" or is_notice(node.domains, row["service"]):
        return

    def mark(connection: Connection) -> None:
        if connection.execute(first).rowcount != 1:
            raise _OpenedAlready
        message_read(connection, row["case_id"])

    with suppress(_OpenedAlready):
        if not _mark_and_tell(node, directory, dict(row), actor, mark):
            with node.database.write() as connection:
                mark(connection)
                crash_point("opened: before commit")
            crash_point("opened: after commit")


def _mark_and_tell(
    node: Node, directory: Directory, row: dict[str, object], actor: str, mark: Callable[[Connection], None]
) -> bool:
    """Queue the notice with its mark; false when the sender cannot be told, and nothing was done."""
    snapshot = directory.snapshot()
    peer = snapshot.peers.get(str(row["peer"]))
    if peer is None or not peer.depesha:
        return False
    now = node.now()
    service, action, content = make_notice(node.domains, OPENED, str(row["message_id"]), ROLE, now, now)
    request = Submission(
        peer=peer.party,
        service=service,
        action=action,
        parts=(PartToSend.of_bytes(content, "application/xml"),),
        case_id=int(str(row["case_id"])),
        ref_to_message_id=str(row["message_id"]),
        actor=actor,
    )
    try:
        submit(node, snapshot, request, along=mark)
    except SubmissionRefused as refused:
        # The agreement has ended since: the sender can no longer be told, and the message is opened all the same.
        log.warning("no notice", message=row["message_id"], peer=peer.party, reason=str(refused))
        return False
    return True
