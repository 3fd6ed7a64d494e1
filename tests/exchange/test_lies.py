"""What looks like an answer and is none: never a delivery, tried again until the truth comes."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.as4 import SIGNAL_CONTENT_TYPE, EbmsError, SigningIdentity, make_pull_request, make_receipt
from node.as4.sign import unsigned_messaging
from node.exchange.contents import answer_of
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import PAYLOAD
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker
from tests.exchange.offices import text_part
from tests.exchange.scripted import (
    Answer,
    Http,
    Request,
    ScriptedPeer,
    altered,
    closes,
    error_of,
    http,
    true_receipt,
    without_reference,
)

PAGE = b"<!DOCTYPE html><html><head><title>Delivered</title></head><body>200 OK, receipt</body></html>"
FAULT = (
    b'<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><S:Fault><S:Code><S:Value>S:Receiver'
    b"</S:Value></S:Code></S:Fault></S:Body></S:Envelope>"
)


def with_other_digest(peer: ScriptedPeer, request: Request) -> Http:
    *rest, last = request.opened.references
    return peer.receipt(replace(request.opened, references=(*rest, replace(last, digest=bytes(32)))))


def for_another_message(peer: ScriptedPeer, request: Request) -> Http:
    return peer.receipt(altered(request.opened, message_id=f"{uuid.uuid4()}@ours"))


def with_one_reference_more(peer: ScriptedPeer, request: Request) -> Http:
    references = request.opened.references
    return peer.receipt(replace(request.opened, references=(*references, replace(references[-1], uri="cid:more@x"))))


def by_another_key(peer: ScriptedPeer, request: Request) -> Http:
    key = Ed25519PrivateKey.generate()
    subject = subject_of(peer.node.party, f"Office of {peer.node.party}")
    certificate = make_certificate(
        SELF_MADE[Use.SIGNING], key.public_key(), subject, Issuer(subject, key), peer.clock()
    )
    return peer.receipt(request.opened, SigningIdentity(key, certificate))


def with_certificate_of_the_peer_and_another_key(peer: ScriptedPeer, request: Request) -> Http:
    identity = SigningIdentity(Ed25519PrivateKey.generate(), peer.node.keys.signing_certificate)
    return peer.receipt(request.opened, identity)


def unsigned(peer: ScriptedPeer, request: Request) -> Http:
    signed = make_receipt(request.opened, "r@x", peer.clock(), peer.node.signing, peer.node.suite)
    start = signed.index(b"<eb:SignalMessage")
    end = signed.index(b"</eb:SignalMessage>") + len(b"</eb:SignalMessage>")
    return Http(200, SIGNAL_CONTENT_TYPE, unsigned_messaging(signed[start:end].decode(), "r@x"))


def with_a_changed_byte(peer: ScriptedPeer, request: Request) -> Http:
    body = peer.receipt(request.opened).body
    at = body.index(b"</eb:Timestamp>") - 2
    return Http(200, SIGNAL_CONTENT_TYPE, body[:at] + (b"1" if body[at : at + 1] != b"1" else b"2") + body[at + 1 :])


def our_own_message(peer: ScriptedPeer, request: Request) -> Http:
    return Http(200, request.content_type, request.body)


def a_pull_request(peer: ScriptedPeer, request: Request) -> Http:
    body = make_pull_request("mpc", "p@x", peer.clock(), peer.node.signing, peer.node.suite)
    return Http(200, SIGNAL_CONTENT_TYPE, body)


def a_receipt_as_html(peer: ScriptedPeer, request: Request) -> Http:
    return replace(peer.receipt(request.opened), content_type="text/html")


def half_a_receipt(peer: ScriptedPeer, request: Request) -> Http:
    return replace(peer.receipt(request.opened), cut=True)


NOT_EBMS, INVALID = "EBMS:0005", "EBMS:0302"
LIES: dict[str, tuple[Answer, str]] = {
    "a page of a proxy, 200": (http(200, "text/html; charset=utf-8", PAGE), NOT_EBMS),
    "a page of a proxy, 502": (http(502, "text/html", PAGE), NOT_EBMS),
    "nothing, 200": (http(200), NOT_EBMS),
    "nothing, 200, as SOAP": (http(200, SIGNAL_CONTENT_TYPE), NOT_EBMS),
    "JSON": (http(200, "application/json", b'{"receipt": true}'), NOT_EBMS),
    "204": (http(204), NOT_EBMS),
    "a redirect": (http(302, headers=(("Location", "http://127.0.0.1:9/"),)), NOT_EBMS),
    "a lasting redirect": (http(308, headers=(("Location", "/as4"),)), NOT_EBMS),
    "400": (http(400, "text/plain", b"bad"), NOT_EBMS),
    "500": (http(500, "text/plain", b"trouble"), NOT_EBMS),
    "503": (http(503, headers=(("Retry-After", "5"),)), NOT_EBMS),
    "a SOAP fault": (http(500, SIGNAL_CONTENT_TYPE, FAULT), NOT_EBMS),
    "no XML as SOAP": (http(200, SIGNAL_CONTENT_TYPE, b"delivered"), NOT_EBMS),
    "a closed connection": (closes, NOT_EBMS),
    "half a receipt": (half_a_receipt, NOT_EBMS),
    "ten megabytes": (http(200, SIGNAL_CONTENT_TYPE, bytes(10_000_000)), NOT_EBMS),
    "a receipt as a page": (a_receipt_as_html, NOT_EBMS),
    "our own message": (our_own_message, NOT_EBMS),
    "a pull request": (a_pull_request, INVALID),
    "a receipt for another message": (for_another_message, INVALID),
    "a receipt with another digest": (with_other_digest, INVALID),
    "a receipt that misses a reference": (without_reference, INVALID),
    "a receipt with one reference more": (with_one_reference_more, INVALID),
    "a receipt by another certificate": (by_another_key, INVALID),
    "a receipt with the certificate but not the key": (with_certificate_of_the_peer_and_another_key, INVALID),
    "an unsigned receipt": (unsigned, INVALID),
    "a receipt with a changed byte": (with_a_changed_byte, INVALID),
    "an unsigned error": (error_of("EBMS:0004", "refused", signed=False), "EBMS:0004"),
    "an unsigned error that says duplicate": (
        error_of("EBMS:0004", "this is a duplicate message", signed=False),
        "EBMS:0004",
    ),
    "an error about another message": (error_of("EBMS:0004", "x", about=lambda request: "other@ours"), "EBMS:0004"),
    "a signed error about nothing": (error_of("EBMS:0004", "x", about=lambda request: None), "EBMS:0004"),
    "a warning": (error_of("EBMS:0004", "careful", severity="warning"), "EBMS:0004"),
}


@pytest.mark.assertion("AS4_CP_TA09")
@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_no_delivery_and_the_truth_after_it_is(stage: Stage, lie: str) -> None:
    answer, code = LIES[lie]
    stage.peer.script = [answer, true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.attempted(sent, 1)
    assert shown["receipt_time"] is None
    assert shown["error"]["code"] == code
    assert shown["error"]["detail"]
    assert not [row for row in stage.ours.rows(PAYLOAD) if row["kind"] == "response"]
    assert stage.ours.alarms() == []
    stage.ours.retry_now()
    shown = await stage.ours.reaches(sent, "delivered")
    assert (shown["attempts"], shown["error"]) == (2, None)
    assert stage.peer.ids() == [sent, sent]
    assert len(stage.ours.waiting()) == 0


async def test_a_receipt_by_the_certificate_of_another_known_peer_is_no_delivery(stage: Stage) -> None:
    stranger = SigningIdentity(stage.stranger.keys.signing_key, stage.stranger.keys.signing_certificate)
    stage.peer.script = [lambda peer, request: peer.receipt(request.opened, stranger)]
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.attempted(sent, 1)
    assert shown["error"]["code"] == "EBMS:0302"
    assert "other certificate" in shown["error"]["detail"]


async def test_an_error_by_another_certificate_is_no_refusal(stage: Stage) -> None:
    stranger = SigningIdentity(stage.stranger.keys.signing_key, stage.stranger.keys.signing_certificate)
    stage.peer.script = [error_of("EBMS:0004", "refused", identity=stranger)]
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.attempted(sent, 1)
    assert "unsigned" in shown["error"]["detail"] or "anyone" in shown["error"]["detail"]


async def test_an_answer_that_takes_longer_than_an_attempt_may_is_none(make_stage: StageMaker) -> None:
    stage = await make_stage(attempt_seconds=0.5)
    never = asyncio.Event()
    stage.peer.script = [
        lambda peer, request: replace(peer.receipt(request.opened), pause=never),
        true_receipt,
    ]
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.attempted(sent, 1)
    assert shown["error"]["code"] == "EBMS:0005"
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")
    never.set()


async def test_a_connection_closed_before_the_body_leaves_no_doubt_about_large_ones(stage: Stage) -> None:
    """Nothing of a large body arrived: an error that says duplicate cannot be true, and is a refusal."""

    async def shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    stage.peer.door = shut
    stage.peer.script = [error_of("EBMS:0004", "This is a duplicate message")]
    content = bytes(range(256)) * 65536
    part = PartToSend("application/octet-stream", lambda: [content], compress=False)
    sent = stage.ours.submit("theirs", part)
    await stage.ours.attempted(sent, 1)
    assert stage.ours.waiting()[0]["body_sent"] is False
    stage.peer.door = None
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "refused")


async def test_a_second_valid_receipt_changes_nothing(stage: Stage) -> None:
    """The receipt of the first attempt comes too late to be read; the second attempt brings one."""
    given: list[Http] = []

    def first_is_lost(peer: ScriptedPeer, request: Request) -> Http:
        given.append(peer.receipt(request.opened))
        return replace(given[0], cut=True)

    stage.peer.script = [first_is_lost, lambda peer, request: given[0], true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")
    row = stage.ours.row(sent)
    assert answer_of(stage.ours.node, row["id"]) == given[0].body
    assert row["disputed_time"] is False, "the receipt is from the first attempt, whose answer was lost"


@pytest.mark.parametrize(("minutes", "disputed"), [(0, False), (-1, False), (1, False), (-5, True), (5, True)])
async def test_a_receipt_from_another_time_is_marked(stage: Stage, minutes: int, disputed: bool) -> None:
    stage.peer.script = [
        lambda peer, request: peer.receipt(request.opened, at=peer.clock() + timedelta(minutes=minutes))
    ]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(sent, "delivered")
    assert stage.ours.row(sent)["disputed_time"] is disputed


async def test_the_same_bytes_are_signed_and_others_encrypted_at_each_attempt(stage: Stage) -> None:
    stage.peer.script = [http(200), http(200), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    for attempt in (1, 2):
        await stage.ours.attempted(sent, attempt)
        stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")
    first, second, third = stage.peer.requests
    assert len({first.body, second.body, third.body}) == 3
    assert first.opened.references == second.opened.references == third.opened.references
    assert first.opened.header == second.opened.header == third.opened.header
    start, end = b"<ds:SignedInfo", b"</ds:Signature>"
    signatures = {request.body[request.body.index(start) : request.body.index(end)] for request in stage.peer.requests}
    assert len(signatures) == 1


async def test_a_flood_of_errors_in_one_signal_is_judged_by_its_failure(stage: Stage) -> None:
    warning = EbmsError("EBMS:0004", "Said", "Content", "warning", None, "careful")
    failure = EbmsError("EBMS:0010", "ProcessingModeMismatch", "Processing", "failure", None, "no")
    stage.peer.script = [lambda peer, request: peer.error(warning, failure, about=request.id)]
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.reaches(sent, "refused")
    assert shown["error"]["code"] == "EBMS:0010"


async def test_retry_after_is_heeded(stage: Stage) -> None:
    stage.peer.script = [http(503, headers=(("Retry-After", "300"),)), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    due = stage.ours.waiting()[0]["next_attempt_at"]
    assert timedelta(seconds=295) < due - stage.clock() <= timedelta(seconds=300)
    stage.ours.retry_now(seconds=200)
    other = stage.ours.submit("theirs", text_part("y"))
    await until(lambda: stage.ours.state(other) == "queued", "the other waits too")
    assert len(stage.peer.requests) == 1
    stage.ours.retry_now(seconds=101)
    await stage.ours.reaches(sent, "delivered")
    await stage.ours.reaches(other, "delivered")
