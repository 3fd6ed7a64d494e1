"""Signed errors: refusals, duplicates, decryption that failed; each is what it is and no more."""

from dataclasses import replace

import pytest

from node.as4 import SigningIdentity
from node.exchange.contents import answer_of
from node.exchange.responses import ON_THE_WAY
from node.exchange.settlement import LOG_ENTRY
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.exchange.conftest import Stage, StageMaker
from tests.exchange.offices import Known, text_part
from tests.exchange.scripted import Answer, Http, Request, ScriptedPeer, closes, error_of, http, true_receipt

DUPLICATES = [
    ("EBMS:0004", "Another message with the same ID was already received"),
    ("EBMS:0004", "This is a duplicate message"),
    ("EBMS:4001", "Message with ID 'x' was already handled"),
]
NOT_SAYING_SO = [("EBMS:0004", "The application refuses it"), ("EBMS:4001", None), ("EBMS:0010", "duplicate message")]


async def test_a_signed_error_is_a_refusal_and_is_kept(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0010", "no such agreement")]
    sent = stage.ours.submit("theirs", text_part("x"))
    shown = await stage.ours.reaches(sent, "refused")
    assert shown["receipt_time"] is None
    assert shown["error"]["code"] == "EBMS:0010"
    assert "no such agreement" in shown["error"]["detail"]
    row = stage.ours.row(sent)
    kept = answer_of(stage.ours.node, row["id"])
    assert b"no such agreement" in kept
    assert b"Signature" in kept
    (alarm,) = stage.ours.alarms()
    assert (alarm["kind"], alarm["peer"], alarm["message"]) == ("refused", "theirs", row["id"])
    assert stage.ours.waiting() == []
    assert [entry["type"] for entry in stage.ours.rows(LOG_ENTRY)] == ["message.queued", "message.refused"]
    stage.ours.retry_now()
    after = stage.ours.submit("theirs", text_part("y"))
    await stage.ours.reaches(after, "refused")
    assert stage.peer.ids() == [sent, after], "what is refused is not sent again"


@pytest.mark.parametrize(("code", "words"), DUPLICATES)
async def test_duplicate_after_an_attempt_without_an_answer_is_unconfirmed(stage: Stage, code: str, words: str) -> None:
    stage.peer.script = [closes, error_of(code, words)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now()
    shown = await stage.ours.reaches(sent, "unconfirmed")
    assert shown["receipt_time"] is None
    assert shown["error"]["code"] == code
    assert words in shown["error"]["detail"]
    assert [alarm["kind"] for alarm in stage.ours.alarms()] == ["unconfirmed"]
    assert stage.ours.waiting()[0]["blocked"]


@pytest.mark.parametrize(("code", "words"), DUPLICATES)
async def test_duplicate_of_what_was_never_sent_before_is_a_refusal(stage: Stage, code: str, words: str) -> None:
    stage.peer.script = [error_of(code, words)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(sent, "refused")


@pytest.mark.parametrize(("code", "words"), NOT_SAYING_SO)
async def test_an_error_that_does_not_say_duplicate_is_a_refusal(stage: Stage, code: str, words: str | None) -> None:
    stage.peer.script = [closes, error_of(code, words)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "refused")


async def test_duplicate_after_attempts_that_never_connected_is_a_refusal(stage: Stage) -> None:
    await stage.peer.stop()
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    assert stage.ours.waiting()[0]["body_sent"] is False
    stage.peer.script = [error_of(*DUPLICATES[0])]
    await stage.peer.start()
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "refused")


async def test_duplicate_after_attempts_that_had_an_answer_is_a_refusal(stage: Stage) -> None:
    """The peer's signed 0102 said for certain that it did not take the message."""
    stage.peer.script = [error_of("EBMS:0102"), error_of(*DUPLICATES[0])]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "refused")


@pytest.mark.parametrize("code", sorted(ON_THE_WAY))
async def test_what_may_come_of_the_way_is_tried_again_with_fresh_encryption_then_refused(
    stage: Stage, code: str
) -> None:
    stage.peer.script = [error_of(code, "damaged")]
    sent = stage.ours.submit("theirs", text_part("x"))
    for attempt in (1, 2, 3):
        shown = await stage.ours.attempted(sent, attempt)
        assert shown["error"]["code"] == code
        assert stage.ours.alarms() == []
        stage.ours.retry_now()
    shown = await stage.ours.reaches(sent, "refused")
    assert (shown["attempts"], shown["error"]["code"]) == (4, code)
    bodies = {request.body for request in stage.peer.requests}
    assert len(bodies) == 4
    assert len({tuple(request.opened.references) for request in stage.peer.requests}) == 1
    signatures = {body[body.index(b"<ds:SignatureValue>") : body.index(b"</ds:SignatureValue>")] for body in bodies}
    assert len(signatures) == 1


@pytest.mark.parametrize("code", sorted(ON_THE_WAY))
async def test_a_refusal_got_with_a_changed_copy_does_not_end_the_true_message(stage: Stage, code: str) -> None:
    """The peer signed it, about this message: as somebody between changed it."""
    stage.peer.script = [error_of(code), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")
    assert stage.ours.alarms() == []


async def test_errors_that_anybody_wrote_do_not_count_as_the_peers(stage: Stage) -> None:
    unsigned = error_of("EBMS:0101", signed=False)
    stage.peer.script = [unsigned] * 4 + [error_of("EBMS:0101"), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    for attempt in range(1, 6):
        await stage.ours.attempted(sent, attempt)
        stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")


async def test_failed_decryption_that_passes_ends_in_a_delivery(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0102"), error_of("EBMS:0102"), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    for attempt in (1, 2):
        await stage.ours.attempted(sent, attempt)
        stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")


async def test_an_outage_before_does_not_count_as_failed_decryption(stage: Stage) -> None:
    script: list[Answer] = [http(502)] * 5
    stage.peer.script = [*script, error_of("EBMS:0102"), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    for attempt in range(1, 7):
        await stage.ours.attempted(sent, attempt)
        stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")


async def test_the_receipt_of_an_expired_certificate_is_none(make_stage: StageMaker) -> None:
    """The peer's own, pinned certificate, but it has ended when the receipt is signed."""
    stage = await make_stage(send=False)
    identity, known = _short_lived(stage, days=10)
    stage.ours.know(known, pairs=())
    stage.peer.script = [lambda peer, request: peer.receipt(request.opened, identity)]
    async with stage.ours.sending():
        sent = stage.ours.submit("theirs", text_part("x"))
        await stage.ours.reaches(sent, "delivered")
        stage.clock.advance(days=11)
        late = stage.ours.submit("theirs", text_part("y"))
        shown = await stage.ours.attempted(late, 1)
        assert shown["error"]["code"] == "EBMS:0302"
        assert "expired" in shown["error"]["detail"] or "until" in shown["error"]["detail"]


async def test_a_receipt_given_while_its_certificate_was_valid_counts_when_it_comes_late(
    make_stage: StageMaker,
) -> None:
    """The first answer was lost; the peer gives it again, byte for byte, after its certificate has ended."""
    stage = await make_stage(send=False, retry_hours=24 * 30)
    identity, known = _short_lived(stage, days=10)
    stage.ours.know(known, pairs=())
    given: list[Http] = []

    def lost(peer: ScriptedPeer, request: Request) -> Http:
        given.append(peer.receipt(request.opened, identity))
        return closes(peer, request)

    stage.peer.script = [lost, lambda peer, request: given[0]]
    async with stage.ours.sending():
        sent = stage.ours.submit("theirs", text_part("x"))
        await stage.ours.attempted(sent, 1)
        stage.ours.retry_now(days=11)
        await stage.ours.reaches(sent, "delivered")


async def test_a_receipt_dated_back_before_the_message_is_judged_by_now(make_stage: StageMaker) -> None:
    """Whoever holds an ended key cannot help himself by writing a time at which it was valid."""
    stage = await make_stage(send=False)
    identity, known = _short_lived(stage, days=10)
    stage.ours.know(known, pairs=())
    began = stage.clock()
    stage.clock.advance(days=11)
    stage.peer.script = [lambda peer, request: peer.receipt(request.opened, identity, at=began)]
    async with stage.ours.sending():
        sent = stage.ours.submit("theirs", text_part("x"))
        shown = await stage.ours.attempted(sent, 1)
        assert shown["error"]["code"] == "EBMS:0302"


def _short_lived(stage: Stage, days: int) -> tuple[SigningIdentity, Known]:
    """The peer's signing key with a certificate that ends soon, and the peer as it is known by that."""
    node = stage.peer.node
    key, subject = node.keys.signing_key, subject_of("theirs", "Office of theirs")
    profile = replace(SELF_MADE[Use.SIGNING], days=days)
    certificate = make_certificate(profile, key.public_key(), subject, Issuer(subject, key), stage.clock())
    known = replace(node, keys=replace(node.keys, signing_certificate=certificate))
    return SigningIdentity(key, certificate), Known(known, stage.peer.url)
