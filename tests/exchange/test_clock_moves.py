"""A clock that is set back or forward, an hour or a year, at the start or while running: what is queued is delivered
without waiting for it, in the order in which it was made."""

from datetime import timedelta

import pytest

from node.exchange import outbox
from node.exchange.delivery import Courier
from node.exchange.outbox import OUTBOX, PEER_DELIVERY
from node.exchange.queueing import Submitted
from node.exchange.settlement import LOG_ENTRY
from node.exchange.submission import Submission, submit_many
from node.store import columns
from node.store.row_ids import follow_stored_ids
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker
from tests.exchange.offices import ACTION, SERVICE, text_part

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
STEPS = pytest.mark.parametrize("step", [-HOUR, -YEAR, HOUR, YEAR], ids=["hour back", "year back", "hour", "year"])


def begin_anew(stage: Stage) -> None:
    """What a new process begins with: ids from the store, a courier that has seen no time yet."""
    columns._row_ids = columns._RowIds()  # put back by the fixture `own_row_ids`
    follow_stored_ids(stage.ours.node.database, stage.clock())
    stage.ours.courier = Courier(stage.ours.node, stage.ours.directory)


def made_in_order(stage: Stage, *messages: str) -> None:
    """Row ids rise, and lists show the messages as they were made."""
    ids = [stage.ours.row(message)["id"] for message in messages]
    assert ids == sorted(ids)
    assert [one["id"] for one in stage.ours.listed()] == list(messages)


async def some_queued(make_stage: StageMaker) -> tuple[Stage, str, str, str]:
    """The peer is silent, one message waits for its next attempt, one for the first; their case."""
    stage = await make_stage(send=False)
    stage.clock.advance(days=400)  # so that a year earlier our certificates hold already
    await stage.peer.stop()
    first = stage.ours.submitted("theirs", text_part("1"))
    async with stage.ours.sending():
        await stage.ours.attempted(first.id, 1)
    second = stage.ours.submit("theirs", text_part("2"), case=first.case)
    await stage.peer.start()
    return stage, first.id, second, first.case


@STEPS
async def test_at_the_start(make_stage: StageMaker, step: timedelta) -> None:
    stage, first, second, case = await some_queued(make_stage)
    stage.clock.advance(seconds=step.total_seconds())
    begin_anew(stage)
    third = stage.ours.submit("theirs", text_part("3"), case=case)
    other = stage.ours.submit("theirs", text_part("other"))
    async with stage.ours.sending():
        for message in (first, second, third, other):
            await stage.ours.reaches(message, "delivered")
    assert [message for message in stage.peer.ids() if message != other] == [first, second, third]
    made_in_order(stage, first, second, third, other)


@STEPS
async def test_while_running(make_stage: StageMaker, step: timedelta) -> None:
    stage, first, second, case = await some_queued(make_stage)
    begin_anew(stage)
    async with stage.ours.sending():
        await until(lambda: stage.ours.courier._now_seen, "the courier has begun")
        stage.clock.advance(seconds=step.total_seconds())
        third = stage.ours.submit("theirs", text_part("3"), case=case)
        other = stage.ours.submit("theirs", text_part("other"))
        for message in (first, second, third, other):
            await stage.ours.reaches(message, "delivered")
    assert [message for message in stage.peer.ids() if message != other] == [first, second, third]
    made_in_order(stage, first, second, third, other)


@STEPS
async def test_lists_show_messages_in_the_order_of_their_making(make_stage: StageMaker, step: timedelta) -> None:
    stage, first, second, _ = await some_queued(make_stage)
    made = []
    for number in range(3):
        stage.clock.advance(seconds=step.total_seconds() if number == 1 else 1)
        made.append(stage.ours.submit("theirs", text_part(str(number))))
    made_in_order(stage, first, second, *made)


async def test_there_and_back_again(make_stage: StageMaker) -> None:
    """Ahead by mistake while messages wait, then right again: the claims and pauses of that time do no harm."""
    stage, first, second, case = await some_queued(make_stage)
    begin_anew(stage)
    await stage.peer.stop()
    stage.clock.advance(hours=40)  # within the time for attempts
    async with stage.ours.sending():
        await stage.ours.attempted(first, 2)
        await stage.peer.start()
        stage.clock.advance(hours=-40)
        third = stage.ours.submit("theirs", text_part("3"), case=case)
        for message in (first, second, third):
            await stage.ours.reaches(message, "delivered")
    made_in_order(stage, first, second, third)


async def test_ids_go_on_from_those_of_other_processes_after_the_clock_was_set_back(make_stage: StageMaker) -> None:
    """Another process has queued more than this one knows of, by a clock that stood ahead."""
    stage, _, second, _ = await some_queued(make_stage)
    begin_anew(stage)
    columns._row_ids = columns._RowIds()
    async with stage.ours.sending():
        await until(lambda: stage.ours.courier._now_seen, "the courier has begun")
        stage.clock.advance(days=-365)
        highest = stage.ours.row(second)["id"]
        await until(lambda: columns.new_row_id(stage.clock()) > highest, "what is new comes after what was queued")


async def test_a_process_behind_another_takes_no_id_that_the_other_has_given(make_stage: StageMaker) -> None:
    """The other gave ids in a burst, one after the other; this one goes on in the case of the first of them."""
    stage = await make_stage(send=False)
    now = stage.clock()
    stage.ours.node.__dict__["now"] = lambda: now
    cases = [stage.ours.submitted("theirs", text_part(str(n))) for n in range(3)]
    parts = [Submission("theirs", SERVICE, ACTION, [text_part("burst")], case=one.case) for one in cases]
    queued = submit_many(stage.ours.node, stage.ours.directory.snapshot(), parts)
    burst = [one for one in queued if isinstance(one, Submitted)]
    first, following = (stage.ours.row(one.id)["id"] for one in burst[:2])
    assert following == first + 1
    columns._row_ids = columns._RowIds()
    stage.ours.node.__dict__["now"] = lambda: now - timedelta(seconds=1)
    more = [stage.ours.submit("theirs", text_part("more"), case=one.case) for one in burst]
    made_in_order(stage, *(one.id for one in (*cases, *burst)), *more)


async def test_what_became_of_a_message_stands_in_the_log_after_its_making(make_stage: StageMaker) -> None:
    """It was queued by a process whose ids are a year ahead, and delivered by one whose are not."""
    stage = await make_stage(send=False)
    columns._row_ids = columns._RowIds()
    columns.row_ids_follow(columns.new_row_id(stage.clock() + YEAR), stage.clock())
    message = stage.ours.submit("theirs", text_part("x"))
    columns._row_ids = columns._RowIds()
    async with stage.ours.sending():
        await stage.ours.reaches(message, "delivered")
    rows = [row for row in stage.ours.rows(LOG_ENTRY) if row["message"] == stage.ours.row(message)["id"]]
    assert [row["type"] for row in sorted(rows, key=lambda row: row["id"])] == ["message.queued", "message.delivered"]


async def test_only_what_no_true_clock_can_have_written_is_brought_forward(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    database, retries = stage.ours.node.database, stage.ours.node.retries
    attempt = timedelta(seconds=stage.ours.node.settings.attempt_seconds)
    stage.ours.submit("theirs", text_part("1"))
    waiting = stage.ours.row(stage.ours.submit("theirs", text_part("2")))["id"]
    now = stage.clock() + timedelta(seconds=1)
    assert len(outbox.claim(database, "w", now, 1, attempt, retries)) == 1
    with database.write() as connection:
        outbox.postpone(connection, waiting, now + retries.longest, body_sent=False)
        outbox.peer_failed(connection, "theirs", now, "x", retries, 0, 10**6)
    as_written = [stage.ours.rows(table) for table in (OUTBOX, PEER_DELIVERY)]
    with database.write() as connection:
        assert outbox.bring_forward(connection, now, attempt, retries) == 0
    assert [stage.ours.rows(table) for table in (OUTBOX, PEER_DELIVERY)] == as_written
    early = now - HOUR
    with database.write() as connection:
        outbox.bring_forward(connection, early, attempt, retries)
    rows = {row["message"]: row for row in stage.ours.rows(OUTBOX)}
    assert rows[waiting]["next_attempt_at"] == early
    assert {row["gives_up_at"] for row in rows.values()} == {early + retries.span}
    (held,) = (row for row in rows.values() if row["claimed_by"] is not None)
    assert held["claimed_until"] == early + attempt + outbox.CLAIM_GRACE
    (peer,) = stage.ours.rows(PEER_DELIVERY)
    assert (peer["next_attempt_at"], peer["failing_since"]) == (early, early)
