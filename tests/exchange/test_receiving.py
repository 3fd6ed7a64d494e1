"""Messages as they come in: duplicates, clashes, groups, and what is refused without a trace."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.as4 import ROLE_RESPONDER, SIGNAL_CONTENT_TYPE, TEST_ACTION, TEST_SERVICE, Party, SigningIdentity
from node.audit.entry import LogEntry
from node.exchange import inbox
from node.exchange.agreements import AGREEMENT as AGREEMENTS
from node.exchange.agreements import end_agreement
from node.exchange.contents import answer_of, part_content
from node.exchange.handling import withdraw_message
from node.exchange.peers import set_peer_state
from node.exchange.refusals import KIND
from node.exchange.settlement import LOG_ENTRY, MESSAGE, PAYLOAD
from node.store.tables import metadata
from tests.exchange.clock import until
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import ACTION, AGREEMENT, SERVICE, Known, Office
from tests.exchange.wire import CONTENT, Reply, letter, post, post_bytes, post_together

TRACELESS = ("message", "part", "payload", "payload_key", "log_entry", "exchange_case")


@pytest.fixture
async def quiet(make_world: WorldMaker) -> World:
    """Nobody sends by courier: tests write to our office as their office would."""
    return await make_world(send=False)


def traces(office: Office) -> dict[str, int]:
    """How many rows each table has in which a message leaves something; alarms that it was refused come beside it
    (`test_refusals`)."""
    alarms = sum(row["kind"] != KIND for row in office.alarms())
    return {name: office.count(metadata.tables[name]) for name in TRACELESS} | {"alarm": alarms}


async def test_a_duplicate_gets_the_first_receipt_byte_for_byte_and_is_taken_once(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    first = await post(quiet.ours, sent)
    proved = first.receipt(sent, quiet.ours.node)
    before = traces(quiet.ours)
    quiet.clock.advance(days=3)
    again = [await post(quiet.ours, sent) for _ in range(3)]
    assert {reply.body for reply in again} == {first.body}
    assert traces(quiet.ours) == before
    assert answer_of(quiet.ours.node, quiet.ours.row(sent.id)["id"]) == first.body
    assert proved.message_id != sent.id
    assert quiet.ours.endpoint.counts == {"received": 1, "duplicate": 3}


async def test_duplicates_at_the_same_time_are_taken_once(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    others = [letter(quiet.theirs.node, quiet.ours.node) for _ in range(4)]
    replies = await post_together(quiet.ours, [sent, *others, sent, sent])
    assert len({reply.body for reply in (replies[0], replies[5], replies[6])}) == 1
    for one, reply in zip([sent, *others], replies, strict=False):
        reply.receipt(one, quiet.ours.node)
    assert quiet.ours.count(MESSAGE) == 5
    assert quiet.ours.count(LOG_ENTRY) == 5


async def test_large_duplicates_leave_no_blob_behind(quiet: World) -> None:
    content = bytes(range(256)) * 1024
    noise = b"".join(hash_of(n) for n in range(16_384))
    sent = letter(quiet.theirs.node, quiet.ours.node, [("image/png", content + noise)])
    replies = await post_together(quiet.ours, [sent, sent, sent])
    assert len({reply.body for reply in replies}) == 1
    named = {row["blob"] for row in quiet.ours.rows(PAYLOAD)} - {None}
    assert len(named) == 1
    assert quiet.ours.blob_files() == named


def hash_of(n: int) -> bytes:
    return hashlib.sha256(n.to_bytes(4, "big")).digest()


async def test_the_same_id_with_other_content_is_an_error_and_an_alarm_and_the_first_stays(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    first = await post(quiet.ours, sent)
    other = letter(quiet.theirs.node, quiet.ours.node, [("text/plain", b"something else")], message_id=sent.id)
    reply = await post(quiet.ours, other)
    assert reply.told == (
        "EBMS:0003",
        "eb:MessageId: found an id that was used before for other content, expected a new one",
    )
    assert reply.signed_by(quiet.ours.node)
    (alarm,) = quiet.ours.alarms()
    assert (alarm["kind"], alarm["peer"]) == ("other-content", "theirs")
    assert (await post(quiet.ours, sent)).body == first.body
    assert quiet.ours.count(MESSAGE) == 1
    assert quiet.ours.shown(sent.id)["state"] == "received"


async def test_the_same_id_from_another_sender_is_another_message(quiet: World) -> None:
    quiet.ours.know(Known(quiet.stranger, "http://127.0.0.1:9/as4"))
    quiet.ours.configured()
    sent = letter(quiet.theirs.node, quiet.ours.node)
    burnt = letter(quiet.stranger, quiet.ours.node, message_id=sent.id)
    for one in (burnt, sent):
        (await post(quiet.ours, one)).receipt(one, quiet.ours.node)
    assert [row["peer"] for row in quiet.ours.listed()] == ["stranger", "theirs"]
    assert quiet.ours.alarms() == []


async def test_an_id_of_ours_used_by_a_peer_does_not_hide_our_message(quiet: World) -> None:
    mine = quiet.ours.submit("theirs")
    taken = letter(quiet.theirs.node, quiet.ours.node, message_id=mine)
    (await post(quiet.ours, taken)).receipt(taken, quiet.ours.node)
    assert withdraw_message(quiet.ours.node, mine, "test")["state"] == "refused"
    assert quiet.ours.row(mine, "out")["state"] == "refused"
    assert quiet.ours.row(mine, "in")["state"] == "received"


async def test_one_bad_message_of_a_group_takes_no_other_down(quiet: World) -> None:
    """A duplicate, one with other content, two copies of one, and good ones, all in one commit."""
    ours, theirs = quiet.ours.node, quiet.theirs.node
    known = letter(theirs, ours)
    receipt = await post(quiet.ours, known)
    clash = letter(theirs, ours, [("text/plain", b"another")], message_id=known.id)
    twin = letter(theirs, ours)
    good = [letter(theirs, ours) for _ in range(6)]
    sent = [good[0], known, good[1], clash, good[2], twin, twin, *good[3:]]
    replies = await post_together(quiet.ours, sent)
    for one, reply in zip(sent, replies, strict=True):
        if one is clash:
            assert reply.error.code == "EBMS:0003"
        else:
            reply.receipt(one, ours)
    assert replies[1].body == receipt.body
    assert replies[5].body == replies[6].body
    assert quiet.ours.count(MESSAGE) == 8


async def test_a_message_that_the_store_cannot_hold_takes_no_other_down(
    quiet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something about one message breaks the commit in a way that nobody foresaw."""
    ours, theirs = quiet.ours.node, quiet.theirs.node
    bad = letter(theirs, ours)
    good = [letter(theirs, ours) for _ in range(5)]
    made = inbox.entry

    def fails(**facts: Any) -> LogEntry:
        if facts["message"] == bad.id:
            raise ValueError("not foreseen")
        return made(**facts)

    monkeypatch.setattr(inbox, "entry", fails)
    replies = await post_together(quiet.ours, [*good[:3], bad, *good[3:]])
    for one, reply in zip([*good[:3], bad, *good[3:]], replies, strict=True):
        if one is bad:
            assert (reply.status, reply.retry_after) == (503, "30")
        else:
            reply.receipt(one, ours)
    assert sorted(row["id"] for row in quiet.ours.listed()) == sorted(one.id for one in good)
    monkeypatch.undo()
    (await post(quiet.ours, bad)).receipt(bad, ours)


async def test_a_conversation_id_that_no_index_holds_is_refused_alone(quiet: World) -> None:
    ours, theirs = quiet.ours.node, quiet.theirs.node
    long = letter(theirs, ours, conversation_id="".join(hash_of(n).hex() for n in range(200)))
    good = [letter(theirs, ours) for _ in range(3)]
    replies = await post_together(quiet.ours, [good[0], long, *good[1:]])
    for one, reply in zip(good, [replies[0], *replies[2:]], strict=True):
        reply.receipt(one, ours)
    code, detail = replies[1].told
    assert code == "EBMS:0009"
    assert "ConversationId" in detail
    assert replies[1].signed_by(ours)
    assert quiet.ours.count(MESSAGE) == 3


async def refused_without_trace(world: World, reply: Reply, before: dict[str, int]) -> None:
    assert reply.status == 200
    assert traces(world.ours) == before
    assert world.ours.blob_files() == set()


async def test_a_forged_signature_leaves_no_mark_and_learns_nothing(quiet: World) -> None:
    before = traces(quiet.ours)
    forger = SigningIdentity(quiet.stranger.keys.signing_key, quiet.stranger.keys.signing_certificate)
    secret = "urn:example:secret-service"
    forged = letter(quiet.theirs.node, quiet.ours.node, identity=forger, service=secret)
    reply = await post(quiet.ours, forged)
    await refused_without_trace(quiet, reply, before)
    code, detail = reply.told
    assert code == "EBMS:0101"
    assert detail.startswith("reference ")
    assert not reply.signed_by(quiet.ours.node)
    assert SERVICE.encode() not in reply.body
    true = letter(quiet.theirs.node, quiet.ours.node, message_id=forged.id)
    (await post(quiet.ours, true)).receipt(true, quiet.ours.node)


async def test_an_unknown_sender_gets_a_bare_code(quiet: World) -> None:
    before = traces(quiet.ours)
    with capture_logs() as logs:
        reply = await post(quiet.ours, letter(quiet.stranger, quiet.ours.node))
    await refused_without_trace(quiet, reply, before)
    code, detail = reply.told
    assert code == "EBMS:0010"
    assert detail.startswith("reference ")
    assert not reply.signed_by(quiet.ours.node)
    assert [line["reference"] for line in logs if line["event"] == "refused"] == [detail.removeprefix("reference ")]


async def test_a_party_that_is_not_addressed_refuses(quiet: World) -> None:
    before = traces(quiet.ours)
    sent = letter(quiet.theirs.node, quiet.ours.node, receiver=Party("somebody else", None, ROLE_RESPONDER))
    reply = await post(quiet.ours, sent)
    await refused_without_trace(quiet, reply, before)
    assert reply.error.code == "EBMS:0010"
    assert reply.error.detail.startswith("reference ")  # type: ignore[union-attr]
    typed = letter(quiet.theirs.node, quiet.ours.node, receiver=Party("ours", "urn:type", ROLE_RESPONDER))
    assert (await post(quiet.ours, typed)).error.code == "EBMS:0010"


async def test_what_is_encrypted_for_another_key_leaves_no_mark_and_may_come_again(quiet: World) -> None:
    before = traces(quiet.ours)
    wrong = letter(quiet.theirs.node, quiet.ours.node, recipient=quiet.stranger.keys.encryption_certificate)
    reply = await post(quiet.ours, wrong)
    await refused_without_trace(quiet, reply, before)
    assert reply.error.code == "EBMS:0102"
    assert reply.signed_by(quiet.ours.node), "its sender is certain, and must know that this proves something"
    right = replace(wrong, recipient=quiet.ours.node.keys.encryption_certificate)
    (await post(quiet.ours, right)).receipt(right, quiet.ours.node)


@pytest.mark.parametrize(
    ("header", "element", "found", "expected"),
    [
        ({"agreement": "urn:other"}, "eb:AgreementRef", "urn:other", AGREEMENT),
        ({"agreement": None}, "eb:AgreementRef", "none", AGREEMENT),
        ({"service": "urn:other"}, "eb:Service", "urn:other", SERVICE),
        ({"service_type": "urn:other"}, "eb:Service/@type", "urn:other", "none"),
        ({"action": "Other"}, "eb:Action", "Other", ACTION),
    ],
)
async def test_what_no_agreement_covers_is_refused_in_words_that_help(
    quiet: World, header: dict[str, str | None], element: str, found: str, expected: str
) -> None:
    before = traces(quiet.ours)
    reply = await post(quiet.ours, letter(quiet.theirs.node, quiet.ours.node, **header))
    await refused_without_trace(quiet, reply, before)
    code, detail = reply.told
    assert code == "EBMS:0010"
    assert detail.startswith(f"{element}: found {found}, expected ")
    assert expected in detail
    assert reply.signed_by(quiet.ours.node)


async def test_a_peer_removed_while_running_is_a_stranger_from_then_on(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    (await post(quiet.ours, sent)).receipt(sent, quiet.ours.node)
    with quiet.ours.node.database.write() as connection:
        set_peer_state(connection, "theirs", "removed", quiet.clock())
    quiet.ours.configured()
    before = traces(quiet.ours)
    for one in (sent, letter(quiet.theirs.node, quiet.ours.node)):
        reply = await post(quiet.ours, one)
        await refused_without_trace(quiet, reply, before)
        assert reply.error.code == "EBMS:0010"
        assert reply.error.detail.startswith("reference ")  # type: ignore[union-attr]


async def test_an_agreement_ended_while_running_covers_nothing_from_then_on(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    (await post(quiet.ours, sent)).receipt(sent, quiet.ours.node)
    (agreement,) = quiet.ours.rows(AGREEMENTS)
    with quiet.ours.node.database.write() as connection:
        end_agreement(connection, agreement["id"], quiet.clock())
    quiet.ours.configured()
    before = traces(quiet.ours)
    reply = await post(quiet.ours, letter(quiet.theirs.node, quiet.ours.node))
    await refused_without_trace(quiet, reply, before)
    assert reply.told == ("EBMS:0010", f"eb:AgreementRef: found {AGREEMENT}, expected nothing is open")
    assert reply.signed_by(quiet.ours.node)
    with pytest.raises(Exception, match="No agreement in force"):
        quiet.ours.submit("theirs")


async def test_their_sender_reads_our_refusal_as_what_it_is(make_world: WorldMaker) -> None:
    """Both ways of one refusal: what our office says is enough for their office to end the message."""
    world = await make_world(send=False, they_send=True)
    (agreement,) = world.ours.rows(AGREEMENTS)
    with world.ours.node.database.write() as connection:
        end_agreement(connection, agreement["id"], world.clock())
    world.ours.configured()
    sent = world.theirs.submit("ours")
    shown = await world.theirs.reaches(sent, "refused")
    assert shown["error"]["code"] == "EBMS:0010"
    assert "nothing is open" in shown["error"]["detail"]


async def test_an_old_timestamp_is_never_a_ground_for_refusal(quiet: World) -> None:
    for age in (timedelta(days=400), timedelta(days=-400)):
        sent = letter(quiet.theirs.node, quiet.ours.node, timestamp=quiet.clock() - age)
        (await post(quiet.ours, sent)).receipt(sent, quiet.ours.node)
    assert quiet.ours.count(MESSAGE) == 2


@pytest.mark.assertion("AS4_CP_TA17")
async def test_a_test_message_is_receipted_and_not_kept(quiet: World) -> None:
    before = traces(quiet.ours)
    ping = letter(quiet.theirs.node, quiet.ours.node, service=TEST_SERVICE, action=TEST_ACTION, agreement=None)
    reply = await post(quiet.ours, ping)
    reply.receipt(ping, quiet.ours.node)
    assert traces(quiet.ours) == before
    assert quiet.ours.blob_files() == set()


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/html", b"<html/>", 400),
        (SIGNAL_CONTENT_TYPE, b"", 400),
        (SIGNAL_CONTENT_TYPE, b"no xml", 400),
        (SIGNAL_CONTENT_TYPE, b"<!DOCTYPE x><x/>", 400),
        ('multipart/related; boundary=x; type="application/soap+xml"', b"--x--\r\n", 400),
        ("multipart/related", b"x", 200),
        ("no media type", b"x", 200),
    ],
)
async def test_what_is_no_message_leaves_nothing(quiet: World, content_type: str, body: bytes, status: int) -> None:
    before = traces(quiet.ours)
    reply = await post_bytes(quiet.ours, content_type, body)
    assert reply.status == status
    assert traces(quiet.ours) == before
    if reply.status == 200:
        assert not reply.signed_by(quiet.ours.node)


async def test_a_message_cut_off_on_its_way_leaves_nothing(quiet: World) -> None:
    noise = b"".join(hash_of(n) for n in range(16_384))
    sent = letter(quiet.theirs.node, quiet.ours.node, [("image/png", noise)])
    wire = sent.sealed()
    body = wire.body()
    host, port = quiet.ours.url.removeprefix("http://").removesuffix("/as4").split(":")
    before = traces(quiet.ours)
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: {wire.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:-1000])
    await writer.drain()
    await until(lambda: quiet.ours.blob_files(), "the part is being written")
    writer.transport.abort()
    await until(lambda: quiet.ours.endpoint.counts["cut off"] == 1, "the end of the connection is seen")
    assert quiet.ours.blob_files() == set()
    assert traces(quiet.ours) == before
    (await post(quiet.ours, sent)).receipt(sent, quiet.ours.node)


@pytest.mark.assertion("AS4_CP_TA01", "AS4_CP_TA21", "AS4_CP_TA32")
async def test_the_content_arrives_as_it_was_sent(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    (await post(quiet.ours, sent)).receipt(sent, quiet.ours.node)
    assert b"".join(part_content(quiet.ours.node, quiet.ours.row(sent.id)["id"], 1, True)) == CONTENT


async def test_parts_that_come_in_another_order_than_the_header_names_them_are_kept_each_as_itself(
    quiet: World,
) -> None:
    sent = letter(
        quiet.theirs.node, quiet.ours.node, [("text/plain", CONTENT), ("text/csv", b"second"), ("text/x", b"")]
    )
    turned = replace(sent, parts=sent.parts[::-1])
    (await post(quiet.ours, turned)).receipt(sent, quiet.ours.node)
    row = quiet.ours.row(sent.id)["id"]
    assert [b"".join(part_content(quiet.ours.node, row, n, True)) for n in (1, 2, 3)] == [CONTENT, b"second", b""]
