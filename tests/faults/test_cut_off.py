"""What a start finds of the process before it, without killing any: claims, and the probe of a silent peer."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from node.exchange import outbox
from node.exchange.outbox import MESSAGE
from node.exchange.retry import RetrySchedule
from node.store.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ATTEMPT = timedelta(seconds=60)
SCHEDULE = RetrySchedule(first=timedelta(seconds=10), longest=timedelta(seconds=100), span=timedelta(hours=1))


def test_a_probe_that_was_cut_off_is_made_again_at_once(database: Database) -> None:
    """A silent peer is tried with one message at a time. When that attempt dies with its process, the next start does
    not wait for the end of a claim that nobody holds."""
    with database.write() as connection:
        connection.execute(
            insert(MESSAGE).values(
                id=1, message_id="m1", direction="out", peer="peer", state="queued", service="s", action="a",
                case_id=1, conversation_id="c1", timestamp=NOW, time=NOW, digests=bytes(32), attempts=0,
                unilateral=False, disputed_time=False,
            )
        )  # fmt: skip
        outbox.enqueue(connection, 1, "peer", 1, NOW, SCHEDULE)
        until = outbox.peer_failed(connection, "peer", NOW, "no connection", SCHEDULE, 0, None)
    assert [one.message for one in outbox.claim(database, "dead", until, 10, ATTEMPT, SCHEDULE)] == [1]
    with database.write() as connection:
        assert outbox.release_claims(connection) == 1
    [again] = outbox.claim(database, "next", until, 10, ATTEMPT, SCHEDULE)
    assert again.message == 1
    assert again.body_sent_before
