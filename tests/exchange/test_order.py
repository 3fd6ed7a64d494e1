"""Order within a case and peer; sequence numbers between nodes of this kind."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from node.as4 import ROLE_RESPONDER, Party, UserMessage, open_bytes
from node.exchange.contents import envelope_of
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.peers import PEER
from node.exchange.sequences import missing_numbers
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker, World, WorldMaker
from tests.exchange.offices import APPLICATION, RECORDS, Known, Office, text_part
from tests.exchange.scripted import Http, Request, ScriptedPeer, error_of, http, true_receipt
from tests.exchange.wire import letter, post, post_together


def peer_row(office: Office, party: str) -> dict[str, Any]:
    (row,) = (row for row in office.rows(PEER) if row["party"] == party)
    return row


async def test_the_second_of_a_case_waits_for_the_first_and_other_cases_do_not(stage: Stage) -> None:
    answered = asyncio.Event()

    def first_waits(peer: ScriptedPeer, request: Request) -> Http:
        held = answered if request.contents == (b"first",) else None
        return replace(peer.receipt(request.opened), pause=held)

    stage.peer.script = [first_waits]
    first = stage.ours.submitted("theirs", text_part("first"))
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    other = stage.ours.submit("theirs", text_part("other"))
    await stage.ours.reaches(other, "delivered")
    assert sorted(stage.peer.ids()) == sorted([first.id, other])
    assert (stage.ours.state(second), stage.ours.shown(second)["attempts"]) == ("queued", 0)
    answered.set()
    await stage.ours.reaches(second, "delivered")
    assert stage.peer.ids()[-1] == second


async def test_a_first_that_must_be_tried_again_still_goes_first(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0004", signed=False), true_receipt]
    first = stage.ours.submitted("theirs", text_part("first"))
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    await stage.ours.attempted(first.id, 1)
    assert stage.peer.ids() == [first.id]
    stage.ours.retry_now()
    await stage.ours.reaches(second, "delivered")
    assert stage.peer.ids() == [first.id, first.id, second]


async def test_a_refusal_lets_the_next_go(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0004", "not this one"), true_receipt]
    first = stage.ours.submitted("theirs", text_part("first"))
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    await stage.ours.reaches(second, "delivered")
    assert stage.ours.state(first.id) == "refused"


async def test_an_unconfirmed_one_holds_the_case_until_a_person_withdraws_it(stage: Stage) -> None:
    stage.peer.script = [http(200), error_of("EBMS:0004", "This is a duplicate message"), true_receipt]
    first = stage.ours.submitted("theirs", text_part("first"))
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    await stage.ours.attempted(first.id, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(first.id, "unconfirmed")
    other = stage.ours.submit("theirs", text_part("other"))
    await stage.ours.reaches(other, "delivered")
    assert stage.ours.shown(second)["attempts"] == 0
    withdraw_message(stage.ours.node, first.id, "test")
    stage.ours.courier.wake()
    await stage.ours.reaches(second, "delivered")


async def test_order_holds_for_messages_made_in_the_same_millisecond(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    now = stage.clock()
    stage.ours.node.__dict__["now"] = lambda: now
    first = stage.ours.submitted("theirs", text_part("0"))
    others = [stage.ours.submit("theirs", text_part(str(n)), case=first.case) for n in range(1, 12)]
    stage.ours.node.__dict__["now"] = stage.clock
    async with stage.ours.sending():
        await stage.ours.reaches(others[-1], "delivered")
    assert stage.peer.ids() == [first.id, *others]


def said(office: Office, message: str) -> tuple[str | None, str | None]:
    """`sequence` and `seen` as the signed envelope has them."""
    header: list[UserMessage] = []
    envelope = envelope_of(office.node, office.row(message)["id"])

    def policy(read: UserMessage) -> Any:
        header.append(read)
        raise LookupError

    with pytest.raises(LookupError):
        open_bytes("application/soap+xml", envelope, policy)
    return header[0].property("sequence"), header[0].property("seen")


async def test_messages_to_a_node_of_this_kind_are_numbered_without_gaps(make_world: WorldMaker) -> None:
    world = await make_world(depesha=True, they_send=True)
    for n in range(1, 4):
        sent = world.ours.submit("theirs", text_part(str(n)))
        assert said(world.ours, sent) == (str(n), "0")
        await world.ours.reaches(sent, "delivered")
    assert peer_row(world.theirs, "ours")["sequence_in"] == 3
    back = world.theirs.submit("ours", text_part("back"))
    assert said(world.theirs, back) == ("1", "3")
    await world.theirs.reaches(back, "delivered")
    row = world.ours.row(back)
    assert (row["sequence"], row["seen"]) == (1, 3)
    assert said(world.ours, world.ours.submit("theirs", text_part("x"))) == ("4", "1")


async def test_messages_to_other_peers_carry_no_numbers(world: World) -> None:
    assert said(world.ours, world.ours.submit("theirs", text_part("x"))) == (None, None)


async def test_terms_of_our_own_word_are_marked_between_nodes_of_this_kind(make_world: WorldMaker) -> None:
    world = await make_world(depesha=True)
    sent = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(sent, "delivered")
    assert b'name="terms"' in envelope_of(world.theirs.node, world.theirs.row(sent)["id"])
    assert world.ours.row(sent)["unilateral"]
    assert world.theirs.row(sent)["unilateral"]


async def test_a_gap_keeps_the_mark_until_it_is_filled(make_world: WorldMaker) -> None:
    world = await make_world(send=False, depesha=True)

    def numbered(n: str) -> Any:
        return letter(world.theirs.node, world.ours.node, properties={"sequence": n, "seen": "0"})

    for n, mark in (("1", 1), ("3", 1), ("4", 1), ("2", 4), ("5", 5), ("not a number", 5), ("", 5), ("-7", 5)):
        reply = await post(world.ours, numbered(n))
        assert reply.status == 200
        assert peer_row(world.ours, "theirs")["sequence_in"] == mark
    await post_together(world.ours, [numbered(str(n)) for n in (9, 7, 6, 8)])
    assert peer_row(world.ours, "theirs")["sequence_in"] == 9
    await post(world.ours, numbered("9" * 40))
    assert peer_row(world.ours, "theirs")["sequence_in"] == 9


async def test_what_was_seen_goes_on_beyond_a_gap_and_the_gap_is_known(make_world: WorldMaker) -> None:
    """Numbers 2 and 4 never come: their messages ended before they were sent."""
    world = await make_world(send=False, depesha=True)
    for number in (1, 2, 3, 4, 5):
        sent = world.theirs.submit("ours", text_part(str(number)))
        if number in (2, 4):
            withdraw_message(world.theirs.node, sent, "test")
    async with world.theirs.sending():
        await until(lambda: len(world.ours.listed()) == 3, "three have come")
        await until(lambda: not world.theirs.waiting(), "and are receipted")
    assert peer_row(world.ours, "theirs")["sequence_in"] == 1
    assert said(world.ours, world.ours.submit("theirs", text_part("x"))) == ("1", "5")
    with world.ours.node.database.read() as connection:
        assert missing_numbers(connection, "theirs", 10) == [(2, 2), (4, 4)]
        assert missing_numbers(connection, "theirs", 1) == [(2, 2)]
        assert missing_numbers(connection, "stranger", 10) == []


async def test_a_message_that_is_resent_fills_its_gap(make_world: WorldMaker) -> None:
    world = await make_world(send=False, depesha=True)
    first, second = (world.theirs.submit("ours", text_part(text)) for text in "12")
    withdraw_message(world.theirs.node, first, "test")
    async with world.theirs.sending():
        await world.theirs.reaches(second, "delivered")
        assert peer_row(world.ours, "theirs")["sequence_in"] == 0
        resend_message(world.theirs.node, world.theirs.directory.snapshot(), first, "test")
        world.theirs.courier.wake()
        await world.theirs.reaches(first, "delivered")
    assert peer_row(world.ours, "theirs")["sequence_in"] == 2
    with world.ours.node.database.read() as connection:
        assert missing_numbers(connection, "theirs", 10) == []


async def test_a_rejected_message_was_processed(make_world: WorldMaker) -> None:
    world = await make_world(send=False, depesha=True)
    bad = letter(
        world.theirs.node, world.ours.node, [("application/xml", b"<no-record/>")], service=RECORDS,
        action=APPLICATION, properties={"sequence": "1", "seen": "0"},
    )  # fmt: skip
    assert (await post(world.ours, bad)).error.code == "EBMS:0004"
    assert said(world.ours, world.ours.submit("theirs", text_part("x"))) == ("1", "1")


async def test_a_stranger_to_a_case_opens_one_of_its_own(world: World) -> None:
    sent = world.ours.submitted("theirs", text_part("x"))
    await world.ours.reaches(sent.id, "delivered")
    stranger = world.stranger
    world.theirs.know(Known(stranger, "http://127.0.0.1:9/as4"))
    world.theirs.configured()
    intruding = letter(stranger, world.theirs.node, conversation_id=sent.case)
    assert intruding.header.receiver == Party("theirs", None, ROLE_RESPONDER)
    reply = await post(world.theirs, intruding)
    reply.receipt(intruding, world.theirs.node)
    assert world.theirs.row(intruding.id)["case_id"] != world.theirs.row(sent.id)["case_id"]
    await until(lambda: len(world.theirs.listed()) == 2, "both are there")
