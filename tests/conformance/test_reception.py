"""Reception awareness and errors: what a sender does without a receipt, and where errors go."""

import pytest

from node.exchange.settlement import MESSAGE
from tests.conformance.simulated import intercepted, taken_apart
from tests.exchange.conftest import Stage, WorldMaker
from tests.exchange.offices import text_part
from tests.exchange.scripted import Answer, closes, http
from tests.exchange.wire import letter, post


@pytest.mark.assertion("AS4_CP_TA09", "AS4_CP_TA10")
async def test_without_receipts_it_is_sent_again_and_delivered_once_when_they_come(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    async with intercepted(world.ours, world.theirs) as between, world.ours.sending():
        between.swallowing = True
        sent = world.ours.submit("theirs", text_part("a dispatch"))
        await world.ours.attempted(sent, 1)
        world.ours.retry_now()
        await world.ours.attempted(sent, 2)
        between.swallowing = False
        world.ours.retry_now()
        shown = await world.ours.reaches(sent, "delivered")
        assert (shown["attempts"], len(between.requests)) == (3, 3)
        assert len(set(between.answers)) == 1, "the same receipt again"
        assert world.theirs.count(MESSAGE) == 1
        assert world.theirs.state(sent) == "received"
        world.ours.retry_now(hours=40)
        later = world.ours.submit("theirs", text_part("another"))
        await world.ours.reaches(later, "delivered")
        assert len(between.requests) == 4, "what is receipted is not sent again"


@pytest.mark.assertion("AS4_CP_TA15")
@pytest.mark.parametrize("answer", [http(200), closes])
async def test_when_no_receipt_came_in_time_the_producer_is_told_missing_receipt(stage: Stage, answer: Answer) -> None:
    stage.peer.script = [answer]
    sent = stage.ours.submit("theirs", text_part("a dispatch"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now(hours=49)
    shown = await stage.ours.reaches(sent, "given-up")
    assert shown["error"]["code"] == "EBMS:0301"
    assert "no receipt" in shown["error"]["detail"]
    (alarm,) = stage.ours.alarms("given-up")
    assert alarm["detail"].startswith("EBMS:0301")
    assert alarm["message"] == stage.ours.row(sent)["id"]


@pytest.mark.assertion("AS4_CP_TA11")
async def test_errors_go_back_in_the_response_and_to_no_other_address(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    async with intercepted(world.ours, world.theirs) as to_the_sender, world.ours.sending():
        refused = letter(world.theirs.node, world.ours.node, action="never agreed")
        reply = await post(world.ours, refused)
        assert reply.error.code == "EBMS:0010"
        assert reply.signed_by(world.ours.node)
        # Whatever else was to be sent to that peer would go out with, or before, this one.
        mine = world.ours.submit("theirs", text_part("x"))
        await world.ours.reaches(mine, "delivered")
        ((content_type, body),) = to_the_sender.requests
    envelope = taken_apart(content_type, body, world.ours.node).root
    assert [one.text for one in envelope.iterfind(".//{*}MessageId")] == [mine]
