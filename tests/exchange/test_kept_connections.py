"""A connection that was kept may be closed by the peer at the moment of the next request: no sign of trouble."""

import os

import pytest

from node.exchange.outbox import PEER_DELIVERY
from node.exchange.parts_to_send import PartToSend
from node.exchange.transport import SMALL
from tests.exchange.conftest import Stage
from tests.exchange.offices import text_part
from tests.exchange.scripted import closes, error_of, true_receipt


async def first_delivered(stage: Stage) -> None:
    """A connection to the peer stands, and is kept."""
    await stage.ours.reaches(stage.ours.submit("theirs", text_part("first")), "delivered")


@pytest.mark.parametrize("size", [1, SMALL + 1])
async def test_a_kept_connection_that_closes_costs_no_attempt(stage: Stage, size: int) -> None:
    stage.peer.script = [true_receipt, closes, true_receipt]
    await first_delivered(stage)
    part = PartToSend.of_bytes(os.urandom(size), "application/octet-stream", None)
    sent = stage.ours.submit("theirs", part)
    shown = await stage.ours.reaches(sent, "delivered")
    assert shown["attempts"] == 1
    assert stage.peer.ids()[1:] == [sent, sent]
    assert [row["failures"] for row in stage.ours.rows(PEER_DELIVERY)] == [0]


async def test_the_peer_may_have_it_from_the_first_request(stage: Stage) -> None:
    """It says that it had the message before: believed, since it was sent twice."""
    stage.peer.script = [true_receipt, closes, error_of("EBMS:0004", "This is a duplicate message")]
    await first_delivered(stage)
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.reaches(sent, "unconfirmed")
    assert shown["attempts"] == 1


async def test_a_failure_after_the_repetition_remembers_that_it_may_have_been_sent(stage: Stage) -> None:
    stage.peer.script = [true_receipt, closes, error_of("EBMS:0102", "could not decrypt"), true_receipt]
    await first_delivered(stage)
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    assert [row["body_sent"] for row in stage.ours.waiting()] == [True]
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")


async def test_a_new_connection_that_closes_is_a_failed_attempt(stage: Stage) -> None:
    stage.peer.script = [true_receipt, closes, closes, true_receipt]
    await first_delivered(stage)
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.attempted(sent, 1)
    assert "closed the connection" in shown["error"]["detail"]
    assert stage.peer.ids()[1:] == [sent, sent]
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")


async def test_a_peer_that_restarts_is_reached_over_a_new_connection(stage: Stage) -> None:
    """Its listener was away between two deliveries; the kept connection ended with it."""
    await first_delivered(stage)
    await stage.peer.stop()
    await stage.peer.start()
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.reaches(sent, "delivered")
    assert shown["attempts"] == 1
