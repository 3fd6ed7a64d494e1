"""Which deliveries are due: order within a case, silent peers, claims of the dead."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, select

from node.exchange import outbox
from node.exchange.outbox import MESSAGE, OUTBOX, Claim
from node.exchange.retry import RetrySchedule
from node.store.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ATTEMPT = timedelta(seconds=60)
SCHEDULE = RetrySchedule(first=timedelta(seconds=10), longest=timedelta(seconds=100), span=timedelta(hours=1))


def put(connection: Connection, row: int, peer: str = "peer", case: int = 1) -> None:
    connection.execute(
        insert(MESSAGE).values(
            id=row, message_id=f"m{row}", direction="out", peer=peer, state="queued", service="s", action="a",
            case_id=case, conversation_id=f"c{case}", timestamp=NOW, time=NOW, digests=bytes(32), attempts=0,
            unilateral=False, disputed_time=False,
        )
    )  # fmt: skip
    outbox.enqueue(connection, row, peer, case, NOW, SCHEDULE)


def claim(database: Database, now: datetime = NOW, limit: int = 10, worker: str = "w") -> list[Claim]:
    return outbox.claim(database, worker, now, limit, ATTEMPT, SCHEDULE)


def ids(claims: list[Claim]) -> list[int]:
    return [one.message for one in claims]


def state_of(database: Database, row: int) -> str:
    with database.read() as connection:
        return connection.execute(select(MESSAGE.c.state).where(MESSAGE.c.id == row)).scalar_one()


def test_only_the_first_message_of_a_case_is_due(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1, case=1)
        put(connection, 2, case=1)
        put(connection, 3, case=2)
    assert ids(claim(database)) == [1, 3]
    assert ids(claim(database)) == []
    with database.write() as connection:
        outbox.finish(connection, [1])
    assert ids(claim(database)) == [2]


def test_a_blocked_message_holds_back_those_after_it(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1)
        put(connection, 2)
        outbox.block(connection, 1)
    assert ids(claim(database)) == []
    with database.write() as connection:
        outbox.requeue(connection, 1, "peer", 1, NOW, SCHEDULE)
    assert ids(claim(database)) == [1]


def test_the_same_case_to_another_peer_does_not_wait(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1, peer="a")
        put(connection, 2, peer="b")
    assert ids(claim(database)) == [1, 2]


def test_a_silent_peer_is_tried_with_one_message_and_others_do_not_wait(database: Database) -> None:
    with database.write() as connection:
        for row in range(1, 6):
            put(connection, row, peer="silent", case=row)
        put(connection, 9, peer="alive", case=9)
        until = outbox.peer_failed(connection, "silent", NOW, "no connection", SCHEDULE, 0, None)
    assert ids(claim(database)) == [9]
    assert ids(claim(database, until)) == [1]
    assert ids(claim(database, until)) == []


def test_once_a_silent_peer_answers_all_that_waited_is_due(database: Database) -> None:
    with database.write() as connection:
        for row in range(1, 4):
            put(connection, row, case=row)
        outbox.peer_failed(connection, "peer", NOW, "no connection", SCHEDULE, 0, None)
        outbox.peer_answered(connection, ["peer"], NOW)
    assert ids(claim(database)) == [1, 2, 3]


def test_a_silent_peer_that_sends_something_is_tried_at_once(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1)
        outbox.peer_failed(connection, "peer", NOW, "no connection", SCHEDULE, 0, None)
        outbox.peer_heard(connection, ["peer"], NOW)
    assert ids(claim(database)) == [1]


def test_attempts_that_fail_together_are_one_failure_of_the_peer(database: Database) -> None:
    with database.write() as connection:
        for row in range(1, 41):
            put(connection, row, case=row)
    together = claim(database, limit=40)
    assert len(together) == 40
    with database.write() as connection:
        pauses = {
            outbox.peer_failed(connection, "peer", NOW, "no connection", SCHEDULE, 0, None, one.peer_failures) - NOW
            for one in together
        }
    assert [pause.total_seconds() for pause in pauses] == [10]
    with database.write() as connection:
        outbox.release_claims(connection, "w")
    [probe] = claim(database, NOW + timedelta(seconds=10))
    with database.write() as connection:
        until = outbox.peer_failed(connection, "peer", NOW, "no connection", SCHEDULE, 0, None, probe.peer_failures)
    assert (until - NOW).total_seconds() == 20


def test_failures_lengthen_the_pause_of_a_peer(database: Database) -> None:
    with database.write() as connection:
        pauses = [
            (outbox.peer_failed(connection, "peer", NOW, "x", SCHEDULE, 0, None) - NOW).total_seconds()
            for _ in range(6)
        ]
    assert pauses == [10, 20, 40, 80, 100, 100]


def test_a_claim_that_ran_out_is_taken_up_again_and_its_body_may_have_been_sent(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1)
    (first,) = claim(database)
    assert (first.attempts, first.body_sent_before) == (1, False)
    assert state_of(database, 1) == "sending"
    later = NOW + ATTEMPT + outbox.CLAIM_GRACE
    (second,) = claim(database, later, worker="another")
    assert (second.attempts, second.body_sent_before) == (2, True)


def test_claims_of_a_dead_process_are_given_back(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1)
    claim(database)
    with database.write() as connection:
        assert outbox.release_claims(connection) == 1
    assert state_of(database, 1) == "queued"
    (again,) = claim(database)
    assert again.body_sent_before


def test_two_processes_never_claim_the_same(database: Database) -> None:
    with database.write() as connection:
        for row in range(1, 21):
            put(connection, row, case=row)
    taken = ids(claim(database, limit=8, worker="a")) + ids(claim(database, limit=20, worker="b"))
    assert sorted(taken) == list(range(1, 21))


def test_the_time_for_attempts_begins_with_the_first_attempt(database: Database) -> None:
    with database.write() as connection:
        put(connection, 1)
    late = NOW + timedelta(days=3)
    (one,) = claim(database, late)
    assert one.gives_up_at == late + SCHEDULE.span
    with database.read() as connection:
        assert connection.scalar(select(OUTBOX.c.gives_up_at)) == late + SCHEDULE.span


@pytest.mark.parametrize("body_sent", [False, True])
def test_a_postponed_message_remembers_whether_its_body_was_sent(database: Database, body_sent: bool) -> None:
    with database.write() as connection:
        put(connection, 1)
    claim(database)
    with database.write() as connection:
        outbox.postpone(connection, 1, NOW + timedelta(seconds=5), body_sent)
    assert claim(database) == []
    (again,) = claim(database, NOW + timedelta(seconds=5))
    assert again.body_sent_before is body_sent
