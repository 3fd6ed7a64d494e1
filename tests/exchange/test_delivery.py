"""A message from the outbox of one office into the inbox of the other, and what both hold of it afterwards."""

import asyncio
import hashlib
import os
import re
from dataclasses import replace

import pytest

from node.as4 import Limits, read_signed, verify_receipt
from node.as4.envelope import Envelope
from node.as4.recogniser import recognise
from node.exchange.contents import answer_of, envelope_of, part_content
from node.exchange.parts_to_send import PartToSend
from node.store.payloads import INLINE_LIMIT
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, World, WorldMaker
from tests.exchange.offices import ACTION, AGREEMENT, SERVICE, Office, text_part
from tests.exchange.scripted import accepts

KEYS = [
    "id", "direction", "state", "peer", "service", "action", "agreement", "case", "time", "receipt_time", "attempts",
    "log_index", "error", "parts",
]  # fmt: skip
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def contents(office: Office, message: str) -> list[bytes]:
    row = office.row(message)
    count = len(office.shown(message)["parts"])
    return [b"".join(part_content(office.node, row["id"], n, True)) for n in range(1, count + 1)]


async def test_a_message_goes_from_queued_to_delivered_and_arrives_whole(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    sent = world.ours.submitted("theirs", text_part("first"), text_part("second"))
    assert (sent.state, world.ours.state(sent.id)) == ("queued", "queued")
    async with world.ours.sending():
        await world.ours.reaches(sent.id, "delivered")
    received = world.theirs.shown(sent.id)
    assert received["state"] == "received"
    assert received["case"] == sent.case
    assert contents(world.theirs, sent.id) == [b"first", b"second"] == contents(world.ours, sent.id)
    assert world.ours.waiting() == []


async def test_while_the_peer_has_not_answered_it_is_sending(stage: Stage) -> None:
    answered = asyncio.Event()
    stage.peer.script = [lambda peer, request: replace(peer.receipt(request.opened), pause=answered)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await until(lambda: stage.peer.requests, "the peer has the request")
    assert (stage.ours.state(sent), stage.ours.shown(sent)["attempts"]) == ("sending", 1)
    answered.set()
    await stage.ours.reaches(sent, "delivered")


async def test_the_list_has_the_keys_and_forms_of_the_doors(world: World) -> None:
    sent = world.ours.submitted("theirs", PartToSend.of_bytes(b"%PDF", "application/pdf", "scan.pdf"))
    await world.ours.reaches(sent.id, "delivered")
    for office, direction, state, peer in (
        (world.ours, "out", "delivered", "theirs"),
        (world.theirs, "in", "received", "ours"),
    ):
        (row,) = office.listed()
        assert list(row) == KEYS
        assert (row["id"], row["direction"], row["state"], row["peer"]) == (sent.id, direction, state, peer)
        assert (row["service"], row["action"], row["agreement"]) == (SERVICE, ACTION, AGREEMENT)
        assert (row["case"], row["error"], row["attempts"]) == (sent.case, None, 1)
        assert INSTANT.fullmatch(row["time"])
        assert INSTANT.fullmatch(row["receipt_time"])
        (part,) = row["parts"]
        assert part == {
            "name": "scan.pdf" if direction == "out" else None,
            "media_type": "application/pdf",
            "size": 4,
            "sha256": hashlib.sha256(b"%PDF").hexdigest(),
            "scan": None,
        }


async def test_the_index_in_the_log_comes_with_the_sequencer(world: World) -> None:
    sent = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(sent, "delivered")
    assert world.ours.shown(sent)["log_index"] is None
    world.ours.sequenced()
    assert world.ours.shown(sent)["log_index"] == 1  # queued, then delivered
    world.theirs.sequenced()
    assert world.theirs.shown(sent)["log_index"] == 0


@pytest.mark.assertion("AS4_CP_TA21", "AS4_CP_TA22")
async def test_the_receipt_is_kept_byte_for_byte_and_can_be_verified_again(world: World) -> None:
    sent = world.ours.submit("theirs", text_part("x"))
    shown = await world.ours.reaches(sent, "delivered")
    mine = world.ours.row(sent)["id"]
    kept = answer_of(world.ours.node, mine)
    assert kept == answer_of(world.theirs.node, world.theirs.row(sent)["id"])
    signed = read_signed(envelope_of(world.ours.node, mine))
    proved = verify_receipt(kept, "application/soap+xml", signed, world.theirs.node.suite, accepts)
    assert proved.signer == world.theirs.node.keys.signing_certificate
    assert proved.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z") == shown["receipt_time"]
    assert world.ours.row(sent)["receipt_time"] == world.theirs.row(sent)["receipt_time"] == proved.timestamp
    assert world.ours.row(sent)["disputed_time"] is False


async def test_a_large_part_goes_through_the_blob_stores(world: World) -> None:
    content = os.urandom(5 * 1024 * 1024)
    sent = world.ours.submit("theirs", PartToSend.of_bytes(content, "application/octet-stream"))
    assert len(world.ours.blob_files()) == 1
    await world.ours.reaches(sent, "delivered")
    assert len(world.theirs.blob_files()) == 1
    assert contents(world.theirs, sent) == [content]
    (part,) = world.theirs.shown(sent)["parts"]
    assert (part["size"], part["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    for name in world.theirs.blob_files():
        (path,) = (world.theirs.node.home / "blobs").rglob(name)
        assert content[:64] not in path.read_bytes()


async def test_what_is_small_stays_in_the_database(world: World) -> None:
    sent = world.ours.submit("theirs", PartToSend.of_bytes(os.urandom(INLINE_LIMIT // 2), "image/png"))
    await world.ours.reaches(sent, "delivered")
    assert world.ours.blob_files() == world.theirs.blob_files() == set()


async def test_twelve_parts_arrive_in_their_order(world: World) -> None:
    sent = world.ours.submit("theirs", *(text_part(f"part {n}") for n in range(12)))
    await world.ours.reaches(sent, "delivered")
    assert contents(world.theirs, sent) == [f"part {n}".encode() for n in range(12)]


async def test_a_message_without_parts_is_delivered(world: World) -> None:
    sent = world.ours.submit("theirs")
    await world.ours.reaches(sent, "delivered")
    assert world.theirs.shown(sent)["parts"] == []


async def test_an_answer_joins_the_case_that_the_other_opened(make_world: WorldMaker) -> None:
    world = await make_world(they_send=True)
    sent = world.ours.submitted("theirs", text_part("asked"))
    await world.ours.reaches(sent.id, "delivered")
    answer = world.theirs.submitted("ours", text_part("answered"), case=sent.case)
    await world.theirs.reaches(answer.id, "delivered")
    assert [row["id"] for row in world.ours.listed(case=sent.number)] == [sent.id, answer.id]
    assert [row["id"] for row in world.theirs.listed(case=sent.case)] == [sent.id, answer.id]
    assert world.ours.row(answer.id)["case_id"] == world.ours.row(sent.id)["case_id"]


async def test_many_messages_both_ways_at_once_all_arrive_once(make_world: WorldMaker) -> None:
    world = await make_world(they_send=True)
    out = [world.ours.submit("theirs", text_part(f"out {n}")) for n in range(12)]
    back = [world.theirs.submit("ours", text_part(f"back {n}")) for n in range(12)]
    await until(lambda: len(world.ours.listed(state="delivered")) == 12, "ours are delivered")
    await until(lambda: len(world.theirs.listed(state="delivered")) == 12, "theirs are delivered")
    assert sorted(row["id"] for row in world.theirs.listed(state="received")) == sorted(out)
    assert sorted(row["id"] for row in world.ours.listed(state="received")) == sorted(back)
    assert {row["attempts"] for row in world.ours.listed() + world.theirs.listed()} == {1}


@pytest.mark.parametrize("in_thread", [True, False])
async def test_commits_in_a_thread_deliver_as_well(make_world: WorldMaker, in_thread: bool) -> None:
    world = await make_world(commit_in_thread=in_thread, they_send=True)
    out = [world.ours.submit("theirs", text_part(str(n))) for n in range(5)]
    back = [world.theirs.submit("ours", text_part(str(n))) for n in range(5)]
    for message in out:
        await world.ours.reaches(message, "delivered")
    for message in back:
        await world.theirs.reaches(message, "delivered")


@pytest.mark.parametrize(("on", "asked"), [(True, 3), (False, 1)])
async def test_the_recogniser_is_used_unless_it_is_switched_off(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch, on: bool, asked: int
) -> None:
    # Ours has its frozen message, then the receipt; theirs has the message.
    found = []

    def counted(octets: bytes, limits: Limits) -> Envelope | None:
        found.append(recognise(octets, limits))
        return found[-1]

    monkeypatch.setattr("node.as4.reading.recognise", counted)
    world = await make_world(recognise_own_form=on)
    sent = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(sent, "delivered")

    assert len(found) == asked
    assert None not in found
