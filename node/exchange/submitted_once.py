"""Submissions that are made once: under a key that whoever submits has noted durably before.

The key is written in the transaction that queues the message. So after a crash, at whatever instruction, the same
submission under the same key finds what was queued, or queues it; and there is nothing between.
"""

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from node.exchange.directory import Snapshot
from node.exchange.node import Node
from node.exchange.queueing import Submission, Submitted
from node.exchange.submission import submit
from node.store.columns import table_of
from node.store.tables import SubmissionKey

_KEY = table_of(SubmissionKey)


def submit_once(node: Node, snapshot: Snapshot, request: Submission, key: str) -> Submitted:
    """As `submission.submit`, unless it was done under this key before: then what that returned.

    A refusal takes no key. Raises what `submit` does.
    """
    kept = submitted_under(node, key)
    if kept is not None:
        return kept
    try:
        return submit(node, snapshot, replace(request, on_queued=partial(_keep, node, key)))
    except IntegrityError:
        kept = submitted_under(node, key)
        if kept is None:
            raise
        return kept


def submitted_under(node: Node, key: str) -> Submitted | None:
    """What was queued under this key."""
    with node.database.read() as connection:
        row = connection.execute(select(_KEY).where(_KEY.c.key == key)).one_or_none()
    return None if row is None else Submitted(row.message_id, row.conversation_id, row.number, opened=row.opened)


def forget(node: Node, key: str) -> None:
    """Free a key of which what was queued stands elsewhere."""
    with node.database.write() as connection:
        connection.execute(delete(_KEY).where(_KEY.c.key == key))


def _keep(node: Node, key: str, connection: Connection, done: Submitted) -> None:
    connection.execute(
        insert(_KEY).values(
            key=key,
            message_id=done.id,
            conversation_id=done.case,
            number=done.number,
            opened=done.opened,
            created_at=node.now(),
        )
    )
