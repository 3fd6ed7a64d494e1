"""The outbox: which deliveries are due, who works on them, and what becomes of each. Its SQL stands here and in `due`.

Order: of the messages of one case to one peer only the first that is still there is ever due. A message leaves the
outbox when it is delivered, refused or withdrawn; one that a person must look at (unconfirmed, stale, given up) stays
there `blocked` and holds back those after it. A peer that does not answer is tried with one message at a time, rarely;
its others wait without being tried, and no other peer waits for it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from node.crash_points import crash_point
from node.exchange.clock import ALLOWED_DIFFERENCE
from node.exchange.due import DUE, DUE_LOCKED, MESSAGE, OUTBOX, PEER_DELIVERY
from node.exchange.retry import RetrySchedule
from node.exchange.turns import states_changed
from node.store.database import Database
from node.store.prepared import Prepared, among
from node.store.presence import is_gone
from node.store.rows import insert_rows

# A claim that was neither settled nor renewed within this time beyond an attempt's own limit has come to nothing: its
# process is dead and did not seem so, or could not settle it.
CLAIM_GRACE = timedelta(seconds=30)


def _answered(kind: str) -> Insert:
    put = postgresql_insert(PEER_DELIVERY) if kind == "postgresql" else sqlite_insert(PEER_DELIVERY)
    fresh = {"failures": 0, "failing_since": None, "next_attempt_at": None, "last_error": None}
    at: dict[str, Any] = {"last_success_at": bindparam("at")}
    put = put.values(party=bindparam("party"), **fresh, **at)
    return put.on_conflict_do_update(
        index_elements=["party"], set_={name: put.excluded[name] for name in (*fresh, *at)}
    )


# What stands to the right is read as it was before.
_TAKE = Prepared(
    update(OUTBOX)
    .where(among(OUTBOX.c.message, "messages"))
    .values(
        claimed_by=bindparam("worker"),
        claimed_until=bindparam("until"),
        body_sent=or_(OUTBOX.c.body_sent, OUTBOX.c.claimed_by.is_not(None)),
        first_attempt_at=func.coalesce(
            OUTBOX.c.first_attempt_at, bindparam("now", type_=OUTBOX.c.next_attempt_at.type)
        ),
        gives_up_at=case(
            (OUTBOX.c.first_attempt_at.is_(None), bindparam("gives_up_at", type_=OUTBOX.c.gives_up_at.type)),
            else_=OUTBOX.c.gives_up_at,
        ),
    )
)
_RENEW = Prepared(
    update(OUTBOX)
    .where(OUTBOX.c.claimed_by == bindparam("worker"), among(OUTBOX.c.message, "messages"))
    .values(claimed_until=bindparam("until"))
)
_SENDING = Prepared(
    update(MESSAGE).where(among(MESSAGE.c.id, "messages")).values(state="sending", attempts=MESSAGE.c.attempts + 1)
)
_PROBED = Prepared(
    update(PEER_DELIVERY).where(among(PEER_DELIVERY.c.party, "peers")).values(next_attempt_at=bindparam("until"))
)
_LOCK = Prepared(
    select(OUTBOX.c.message).where(among(OUTBOX.c.message, "messages")).order_by(OUTBOX.c.message).with_for_update()
)
_FINISH = Prepared(delete(OUTBOX).where(among(OUTBOX.c.message, "messages")))
_ANSWERED = Prepared(_answered)
_HEARD = Prepared(
    update(PEER_DELIVERY)
    .where(among(PEER_DELIVERY.c.party, "peers"), PEER_DELIVERY.c.failures > 0)
    .values(next_attempt_at=bindparam("now"))
)

Refuse = Callable[[Connection, Sequence[Mapping[str, Any]]], Collection[int]]
"""Given messages that are due and were never sent: ends those that may be sent no more, and returns their row ids."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process has taken up. `timestamp` is the message's own; `attempts` counts this one.

    `configuration`: the version of peers and agreements when it was taken up. `peer_failures`: how often its peer had
    answered nobody by then.
    """

    message: int
    peer: str
    message_id: str
    timestamp: datetime
    service: str
    attempts: int
    body_sent_before: bool
    first_attempt_at: datetime
    gives_up_at: datetime
    configuration: int
    peer_failures: int


def enqueue(
    connection: Connection, message: int, peer: str, case_id: int, now: datetime, schedule: RetrySchedule
) -> None:
    """Put a message into the outbox, due at once."""
    enqueue_all(connection, [(message, peer, case_id)], now, schedule)


def enqueue_all(
    connection: Connection, messages: Sequence[tuple[int, str, int]], now: datetime, schedule: RetrySchedule
) -> None:
    """Put messages (row id, peer, row id of the case) into the outbox, due at once."""
    times = {"next_attempt_at": now, "gives_up_at": schedule.gives_up_at(now), "body_sent": False, "blocked": False}
    rows = [{"message": message, "peer": peer, "case_id": case_id, **times} for message, peer, case_id in messages]
    insert_rows(connection, OUTBOX, rows)


def claim(
    database: Database, worker: str, now: datetime, limit: int, attempt: timedelta, schedule: RetrySchedule,
    refuse: Refuse | None = None,
) -> list[Claim]:  # fmt: skip
    """Take up to `limit` deliveries that are due, for this `worker`, until `attempt` and a grace have passed.

    A delivery whose claim ran out was under way when its process died: its body may have been sent. One that no body
    was sent of is shown to `refuse` first, in the same transaction.
    """
    with database.read() as connection:
        if DUE.first(connection, now=now, limit=1) is None:
            return []
    until = now + attempt + CLAIM_GRACE
    with database.write() as connection:
        rows = DUE_LOCKED.rows(connection, now=now, limit=limit)
        never_sent = [row._asdict() for row in rows if not row.body_sent and row.claimed_by is None]
        ended = refuse(connection, never_sent) if refuse is not None and never_sent else ()
        chosen, probed = [], set()
        for row in rows:
            if row.message in ended:
                continue
            if row.failures:
                if row.peer in probed:
                    continue
                probed.add(row.peer)
            chosen.append(row)
        if not chosen:
            return []
        messages = [row.message for row in chosen]
        gives_up_at = schedule.gives_up_at(now)
        _TAKE.run(connection, messages=messages, worker=worker, until=until, now=now, gives_up_at=gives_up_at)
        if probed:
            _PROBED.run(connection, peers=sorted(probed), until=until)
        _SENDING.run(connection, messages=messages)
        crash_point("claim: before commit")
    crash_point("claim: after commit")
    return [
        Claim(
            message=row.message,
            peer=row.peer,
            message_id=row.message_id,
            timestamp=row.timestamp,
            service=row.service,
            attempts=row.attempts + 1,
            body_sent_before=row.body_sent or row.claimed_by is not None,
            first_attempt_at=row.first_attempt_at or now,
            gives_up_at=row.gives_up_at if row.first_attempt_at else gives_up_at,
            configuration=row.configuration,
            peer_failures=row.failures or 0,
        )
        for row in chosen
    ]


def renew_claims(
    database: Database, worker: str, messages: Sequence[int], now: datetime, attempt: timedelta
) -> None:  # fmt: skip
    """Hold these of the messages that `worker` has claimed for another attempt's time. Raises StoreUnavailable."""
    with database.write() as connection:
        _RENEW.run(connection, worker=worker, messages=[*messages], until=now + attempt + CLAIM_GRACE)
        crash_point("renew: before commit")
    crash_point("renew: after commit")


def release_claims(connection: Connection, worker: str | None = None) -> int:
    """Give back the claims of `worker`, or all of them when no other process can hold any; returns how many.

    Their attempts may have sent the whole body. A silent peer whose probe was cut off so is probed again at once.
    """
    held = OUTBOX.c.claimed_by.is_not(None) if worker is None else OUTBOX.c.claimed_by == worker
    query = select(OUTBOX.c.message, OUTBOX.c.peer).where(held).order_by(OUTBOX.c.message)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()  # another process may claim what ran out at this moment
    rows = connection.execute(query).all()
    ids = [row.message for row in rows]
    if ids:
        peers = {row.peer for row in rows}
        connection.execute(update(PEER_DELIVERY).where(PEER_DELIVERY.c.party.in_(peers)).values(next_attempt_at=None))
        mine = OUTBOX.c.message.in_(ids)
        connection.execute(update(OUTBOX).where(mine).values(claimed_by=None, claimed_until=None, body_sent=True))
        connection.execute(
            update(MESSAGE).where(MESSAGE.c.id.in_(ids), MESSAGE.c.state == "sending").values(state="queued")
        )
    return len(ids)


def bring_forward(connection: Connection, now: datetime, attempt: timedelta, schedule: RetrySchedule) -> int:
    """Bring times that lie further ahead than any of ours can down to what they could be now; returns for how many.

    They were written while a clock stood ahead. Without this, what is due would wait until that time comes.
    """
    longest_claim = attempt + CLAIM_GRACE
    pause = max(schedule.longest, longest_claim)  # a silent peer's next attempt is put off until the probe's claim ends
    changed = 0
    for column, latest, instead in (
        (OUTBOX.c.next_attempt_at, now + schedule.longest, now),
        (OUTBOX.c.claimed_until, now + longest_claim, now + longest_claim),
        (OUTBOX.c.gives_up_at, schedule.gives_up_at(now), schedule.gives_up_at(now)),
        (PEER_DELIVERY.c.next_attempt_at, now + pause, now),
        (PEER_DELIVERY.c.failing_since, now, now),
    ):
        beyond = column > latest + ALLOWED_DIFFERENCE  # by the clock of another process
        changed += connection.execute(update(column.table).where(beyond).values({column: instead})).rowcount
    return changed


def claimed_by_the_gone(connection: Connection, own: str) -> list[str]:
    """The processes other than `own` that hold claims here and are surely gone (PostgreSQL)."""
    others = select(OUTBOX.c.claimed_by).where(OUTBOX.c.claimed_by.is_not(None), OUTBOX.c.claimed_by != own).distinct()
    return [worker for worker in connection.scalars(others).all() if worker is not None and is_gone(connection, worker)]


def lock(connection: Connection, messages: Sequence[int]) -> None:
    """Let nobody else claim or settle these messages until the transaction ends; on SQLite the writer is alone."""
    if connection.dialect.name == "postgresql":
        _LOCK.rows(connection, messages=messages)


def finish(connection: Connection, messages: Sequence[int]) -> None:
    """Take messages that reached a final state out of the outbox."""
    _FINISH.run(connection, messages=messages)


def block(connection: Connection, message: int) -> None:
    """Keep a message in the outbox for a person to look at; those after it in its case wait."""
    connection.execute(
        update(OUTBOX).where(OUTBOX.c.message == message).values(blocked=True, claimed_by=None, claimed_until=None)
    )


def postpone(connection: Connection, message: int, until: datetime, body_sent: bool) -> None:
    """Try a message again at `until`. `body_sent`: this attempt may have reached the peer."""
    values: dict[str, object] = {"next_attempt_at": until, "claimed_by": None, "claimed_until": None}
    if body_sent:
        values["body_sent"] = True
    connection.execute(update(OUTBOX).where(OUTBOX.c.message == message).values(values))


def requeue(
    connection: Connection, message: int, peer: str, case_id: int, now: datetime, schedule: RetrySchedule
) -> None:
    """Make a message due now, whether or not it is still in the outbox, and forget that its peer was silent."""
    values = {
        "next_attempt_at": now,
        "gives_up_at": schedule.gives_up_at(now),
        "blocked": False,
        "claimed_by": None,
        "claimed_until": None,
    }
    if not connection.execute(update(OUTBOX).where(OUTBOX.c.message == message).values(values)).rowcount:
        enqueue(connection, message, peer, case_id, now, schedule)
        attempts = connection.scalar(select(MESSAGE.c.attempts).where(MESSAGE.c.id == message)) or 0
        connection.execute(update(OUTBOX).where(OUTBOX.c.message == message).values(body_sent=attempts > 0))
    connection.execute(update(PEER_DELIVERY).where(PEER_DELIVERY.c.party == peer).values(next_attempt_at=now))
    connection.execute(update(MESSAGE).where(MESSAGE.c.id == message).values(state="queued"))
    states_changed(connection, [message])


def may_have_been_sent(connection: Connection, message: int) -> bool:
    """Whether an attempt of a message that is still here may have reached the peer, without a readable answer."""
    found = select(OUTBOX.c.body_sent, OUTBOX.c.claimed_by).where(OUTBOX.c.message == message)
    row = connection.execute(found).one_or_none()
    return row is not None and (row.body_sent or row.claimed_by is not None)


def unsent(connection: Connection) -> list[dict[str, Any]]:
    """All messages that wait here, that nobody works on, of which no body may have reached the peer, locked; with what
    tells whether an agreement covers them. Those that wait for a person are left to that person."""
    query = (
        select(
            OUTBOX.c.message, OUTBOX.c.peer, MESSAGE.c.message_id, MESSAGE.c.service, MESSAGE.c.service_type,
            MESSAGE.c.action, MESSAGE.c.agreement_ref,
        )
        .join(MESSAGE, MESSAGE.c.id == OUTBOX.c.message)
        .where(OUTBOX.c.claimed_by.is_(None), OUTBOX.c.body_sent.is_(False), OUTBOX.c.blocked.is_(False))
        .order_by(OUTBOX.c.message)
    )  # fmt: skip
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(of=OUTBOX)
    return [dict(row) for row in connection.execute(query).mappings()]


def peer_answered(connection: Connection, peers: Sequence[str], now: datetime) -> None:
    """Note that these peers took a message: what waited for them is due."""
    _ANSWERED.run_many(connection, [{"party": peer, "at": now} for peer in sorted(set(peers))])


def peer_failed(
    connection: Connection, peer: str, now: datetime, error: str, schedule: RetrySchedule, jitter: float,
    retry_after: float | None, failures_before: int | None = None,
) -> datetime:  # fmt: skip
    """Note that a peer answers nobody; returns when it is tried again.

    Of attempts that were under way together only the first to fail counts: where another failure was counted since
    `failures_before` (None: whatever was) the peer's pause stays as that one made it, and the message waits as long.
    """
    row = connection.execute(select(PEER_DELIVERY).where(PEER_DELIVERY.c.party == peer)).mappings().one_or_none()
    known = row["failures"] if row else 0
    counts = failures_before is None or known <= failures_before
    failures = known + 1 if counts else known
    until = schedule.next_attempt(now, failures, jitter, retry_after)
    if not counts:
        return until
    values = {
        "failures": failures,
        "failing_since": (row["failing_since"] if row else None) or now,
        "next_attempt_at": until,
        "last_error": error[:500],
    }
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = make(PEER_DELIVERY).values(party=peer, last_success_at=None, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["party"], set_=values))
    return until


def has_answered(connection: Connection, peer: str, since: datetime, now: datetime) -> bool:
    """Whether a peer took or refused a message between these instants, of whichever process."""
    found = select(PEER_DELIVERY.c.party).where(
        PEER_DELIVERY.c.party == peer, PEER_DELIVERY.c.last_success_at.between(since, now)
    )
    return connection.scalar(found) is not None


def peer_heard(connection: Connection, peers: Sequence[str], now: datetime) -> bool:
    """A silent peer has sent us something: it is back, so try it now. Returns whether one of these had been silent."""
    return _HEARD.run(connection, peers=sorted(set(peers)), now=now) > 0


def probe_at(connection: Connection, peer: str, at: datetime) -> None:
    """A silent peer's probe met an answer that settled nothing: the next probe is at `at`, not when the claim ends."""
    silent = (PEER_DELIVERY.c.party == peer) & (PEER_DELIVERY.c.failures > 0)
    connection.execute(update(PEER_DELIVERY).where(silent).values(next_attempt_at=at))


def overdue(connection: Connection, peer: str, now: datetime, schedule: RetrySchedule) -> list[int]:
    """Messages for a silent peer whose time for attempts is over; of untried ones, once the peer has been silent so
    long: deliveries may have been held back here before."""
    silent = select(PEER_DELIVERY.c.failing_since).where(PEER_DELIVERY.c.party == peer)
    since = connection.scalar(silent)
    tried = OUTBOX.c.first_attempt_at.is_not(None)
    query = select(OUTBOX.c.message).where(
        OUTBOX.c.peer == peer, OUTBOX.c.blocked.is_(False), OUTBOX.c.gives_up_at <= now,
        true() if since is not None and schedule.gives_up_at(since) <= now else tried,
        or_(OUTBOX.c.claimed_until.is_(None), OUTBOX.c.claimed_until <= now),
    )  # fmt: skip
    return list(connection.scalars(query))


def oldest_waiting(connection: Connection) -> dict[str, datetime]:
    """For each peer the creation time of the oldest message that is not delivered yet."""
    query = select(OUTBOX.c.peer, MESSAGE.c.time).join(MESSAGE, MESSAGE.c.id == OUTBOX.c.message)
    oldest: dict[str, datetime] = {}
    for peer, time in connection.execute(query):
        oldest[peer] = min(time, oldest.get(peer, time))
    return oldest
