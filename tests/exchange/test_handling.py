"""What a person does about a message: send again, sign anew, take back; and what is not allowed."""

import asyncio
from dataclasses import replace

import pytest

from node.as4 import SigningIdentity
from node.exchange.contents import answer_of, envelope_of
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.judgement import SubmissionRefused
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker
from tests.exchange.offices import Office, text_part
from tests.exchange.scripted import error_of, http, true_receipt


def resend(office: Office, message: str) -> str:
    outcome = resend_message(office.node, office.directory.snapshot(), message, "test")
    office.courier.wake()
    sent: str = outcome["id"]
    return sent


async def test_a_refused_message_can_be_sent_again_and_delivered(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0010", "not yet"), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(sent, "refused")
    assert resend(stage.ours, sent) == sent
    shown = await stage.ours.reaches(sent, "delivered")
    assert shown["error"] is None
    assert b"NonRepudiationInformation" in answer_of(stage.ours.node, stage.ours.row(sent)["id"])
    assert stage.ours.alarms() == []


async def test_a_refused_message_that_is_refused_again_keeps_the_last_refusal(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0010", "first refusal"), error_of("EBMS:0009", "second refusal")]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(sent, "refused")
    resend(stage.ours, sent)
    await until(lambda: len(stage.peer.requests) == 2, "it is sent again")
    await until(lambda: stage.ours.shown(sent)["error"]["code"] == "EBMS:0009", "the second refusal is kept")
    assert stage.ours.state(sent) == "refused"
    assert b"second refusal" in answer_of(stage.ours.node, stage.ours.row(sent)["id"])


async def test_resending_what_waits_makes_it_due_now(stage: Stage) -> None:
    stage.peer.script = [http(502), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    resend(stage.ours, sent)
    await stage.ours.reaches(sent, "delivered")


async def test_what_is_delivered_or_under_way_is_left_alone(stage: Stage) -> None:
    answered = asyncio.Event()
    stage.peer.script = [lambda peer, request: replace(peer.receipt(request.opened), pause=answered)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await until(lambda: stage.peer.requests, "it is under way")
    for act in (lambda: resend(stage.ours, sent), lambda: withdraw_message(stage.ours.node, sent, "test")):
        with pytest.raises(SubmissionRefused, match="sending"):
            act()
    answered.set()
    await stage.ours.reaches(sent, "delivered")
    for act in (lambda: resend(stage.ours, sent), lambda: withdraw_message(stage.ours.node, sent, "test")):
        with pytest.raises(SubmissionRefused, match="delivered"):
            act()


async def test_a_message_that_was_delivered_between_look_and_act_stays_delivered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person saw it waiting; when the act is written it has been delivered."""
    from node.exchange import handling

    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(sent, "delivered")
    find, seen = handling.find_message, []

    def outdated(connection, *names):  # type: ignore[no-untyped-def]
        row = dict(find(connection, *names))
        seen.append(row["state"])
        return row | ({"state": "queued"} if len(seen) == 1 else {})

    monkeypatch.setattr(handling, "find_message", outdated)
    with pytest.raises(SubmissionRefused):
        resend(stage.ours, sent)
    assert stage.ours.state(sent) == "delivered"
    assert stage.ours.waiting() == []


async def test_a_withdrawn_message_is_not_sent(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    withdraw_message(stage.ours.node, sent, "test")
    async with stage.ours.sending():
        other = stage.ours.submit("theirs", text_part("y"))
        await stage.ours.reaches(other, "delivered")
    assert stage.peer.ids() == [other]
    assert stage.ours.state(sent) == "refused"


def with_new_signing_certificate(office: Office) -> None:
    """The node's wire key has been replaced by another certificate of the same key."""
    keys = office.node.keys
    subject = subject_of("ours", "Office of ours")
    certificate = make_certificate(
        SELF_MADE[Use.SIGNING],
        keys.signing_key.public_key(),
        subject,
        Issuer(subject, keys.signing_key),
        office.clock(),
    )
    assert SigningIdentity(keys.signing_key, certificate) != office.node.signing
    office.node.__dict__["keys"] = replace(keys, signing_certificate=certificate)


async def test_a_message_signed_by_a_replaced_certificate_is_stale_and_replaced_by_a_person(
    make_stage: StageMaker,
) -> None:
    stage = await make_stage(send=False)
    first = stage.ours.submitted("theirs", text_part("first", "note.txt"))
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    with_new_signing_certificate(stage.ours)
    async with stage.ours.sending():
        shown = await stage.ours.reaches(first.id, "stale")
        assert shown["error"]["code"] == "EBMS:0101"
        assert stage.peer.requests == []
        assert [alarm["kind"] for alarm in stage.ours.alarms()] == ["stale"]
        new = resend(stage.ours, first.id)
        assert new != first.id
        # The next of the case was signed by the same certificate, and comes before the new one.
        await stage.ours.reaches(second, "stale")
        assert stage.peer.requests == []
        last = resend(stage.ours, second)
        await stage.ours.reaches(last, "delivered")
        assert stage.peer.ids() == [new, last]
        request = stage.peer.requests[0]
        assert request.contents == (b"first",)
        assert request.opened.header.property("replaces") == first.id
        assert request.opened.header.conversation_id == first.case
        assert stage.ours.state(first.id) == "refused"
        assert stage.ours.row(new)["replaces"] == first.id
        assert first.id.encode() in envelope_of(stage.ours.node, stage.ours.row(new)["id"])


async def test_a_message_whose_certificate_has_ended_is_stale(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    stage.clock.advance(days=1200)
    async with stage.ours.sending():
        shown = await stage.ours.reaches(sent, "stale")
    assert "ended" in shown["error"]["detail"]
    assert stage.peer.requests == []


async def test_a_stale_message_stays_as_it_is_when_its_replacement_cannot_be_queued(
    make_stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is withdrawn and the new one queued in one transaction, or neither is."""
    from node.exchange import submission

    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    with_new_signing_certificate(stage.ours)
    async with stage.ours.sending():
        await stage.ours.reaches(sent, "stale")
    with monkeypatch.context() as patch:

        def die(point: str) -> None:
            if point == "submission: before commit":
                raise ConnectionAbortedError(point)

        patch.setattr(submission, "crash_point", die)
        with pytest.raises(ConnectionAbortedError):
            resend(stage.ours, sent)
    assert stage.ours.state(sent) == "stale"
    assert [row["message"] for row in stage.ours.waiting()] == [stage.ours.row(sent)["id"]]
    new = resend(stage.ours, sent)
    assert sorted(one["id"] for one in stage.ours.listed()) == sorted([sent, new])
    assert stage.ours.state(sent) == "refused"
