"""Which deliveries are due, as one statement: what may go now, with what claim and delivery need to know of it."""

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, exists, func, or_, select

from node.exchange.peers import CONFIGURATION
from node.store.columns import table_of
from node.store.prepared import Prepared
from node.store.tables import Message, Outbox, PeerDelivery

OUTBOX = table_of(Outbox)
PEER_DELIVERY = table_of(PeerDelivery)
MESSAGE = table_of(Message)


def _due() -> Select[Any]:
    earlier = OUTBOX.alias("earlier")
    first_of_case = ~exists().where(
        earlier.c.peer == OUTBOX.c.peer, earlier.c.case_id == OUTBOX.c.case_id, earlier.c.message < OUTBOX.c.message
    )
    now: BindParameter[Any] = bindparam("now")
    free = or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until <= now)
    peer_due = or_(PEER_DELIVERY.c.next_attempt_at.is_(None), PEER_DELIVERY.c.next_attempt_at <= now)
    return (
        select(
            OUTBOX,
            MESSAGE.c.message_id,
            MESSAGE.c.timestamp,
            MESSAGE.c.service,
            MESSAGE.c.service_type,
            MESSAGE.c.action,
            MESSAGE.c.agreement_ref,
            MESSAGE.c.conversation_id,
            MESSAGE.c.attempts,
            PEER_DELIVERY.c.failures,
            func.coalesce(select(CONFIGURATION.c.version).scalar_subquery(), 0).label("configuration"),
        )
        .join(MESSAGE, MESSAGE.c.id == OUTBOX.c.message)
        .join(PEER_DELIVERY, PEER_DELIVERY.c.party == OUTBOX.c.peer, isouter=True)
        .where(OUTBOX.c.next_attempt_at <= now, OUTBOX.c.blocked.is_(False), free, peer_due, first_of_case)
        .order_by(OUTBOX.c.next_attempt_at, OUTBOX.c.message)
        .limit(bindparam("limit"))
    )


DUE = Prepared(_due())
"""What is due `now`, at most `limit`: the columns of its row, of its message and its peer, and `configuration`."""
DUE_LOCKED = Prepared(_due().with_for_update(skip_locked=True, of=OUTBOX))
"""As `DUE`, for a claim: what other processes are claiming is left out. On SQLite the writer is alone."""
