"""What waits when an agreement ends: never sent is refused, what may have gone out goes on to its end."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from node.exchange import delivery as delivery_module
from node.exchange.agreements import AGREEMENT, end_agreement, open_unilateral
from node.exchange.ending import end_with_what_waits
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.judgement import SubmissionRefused
from node.exchange.settlement import LOG_ENTRY
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker
from tests.exchange.offices import ACTION, SERVICE, Office, text_part
from tests.exchange.offices import AGREEMENT as REF
from tests.exchange.scripted import Http, Request, ScriptedPeer, error_of, http, true_receipt


def agreement_of(office: Office) -> int:
    (row,) = (row for row in office.rows(AGREEMENT) if row["state"] == "in force")
    number: int = row["id"]
    return number


def end(office: Office) -> int:
    """As `agreement end` does it."""
    with office.node.database.write() as connection:
        return end_with_what_waits(office.node, office.directory, connection, agreement_of(office), office.clock())


def end_unseen(office: Office) -> None:
    """The agreement ends at a moment when the message cannot be seen waiting, as under another process."""
    with office.node.database.write() as connection:
        end_agreement(connection, agreement_of(office), office.clock())


def open_again(office: Office) -> None:
    with office.node.database.write() as connection:
        open_unilateral(
            connection, peer="theirs", ref=REF, service=SERVICE, service_type=None, action=ACTION, now=office.clock()
        )
    office.configured()


def resend(office: Office, message: str) -> None:
    office.configured()
    resend_message(office.node, office.directory.snapshot(), message, "test")
    office.courier.wake()


def is_refused_by_ourselves(office: Office, *messages: str) -> None:
    for message in messages:
        shown = office.shown(message)
        assert (shown["state"], shown["error"]["code"]) == ("refused", "EBMS:0010")
        assert "no agreement in force" in shown["error"]["detail"]
    rows = [office.row(message)["id"] for message in messages]
    assert [alarm["message"] for alarm in office.alarms("uncovered")] == rows
    logged = [row["message"] for row in office.rows(LOG_ENTRY) if row["type"] == "message.refused"]
    assert sorted(logged) == sorted(rows)
    assert not {row["message"] for row in office.waiting()} & set(rows)


async def test_what_was_never_sent_is_refused_at_once_with_an_alarm(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    first = stage.ours.submitted("theirs", text_part("1"))
    second = stage.ours.submit("theirs", text_part("2"), case=first.case)
    assert end(stage.ours) == 2
    is_refused_by_ourselves(stage.ours, first.id, second)
    assert stage.ours.shown(first.id)["attempts"] == 0
    open_again(stage.ours)
    async with stage.ours.sending():
        other = stage.ours.submit("theirs", text_part("other"))
        await stage.ours.reaches(other, "delivered")
    assert stage.peer.ids() == [other]


async def test_what_another_agreement_covers_is_sent(make_stage: StageMaker) -> None:
    """A message names its AgreementRef: an agreement in force under that reference covers it, whichever row it is."""
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    end_unseen(stage.ours)
    open_again(stage.ours)
    async with stage.ours.sending():
        await stage.ours.reaches(sent, "delivered")


async def test_what_was_queued_as_the_agreement_ended_is_refused_when_it_is_taken_up(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    first = stage.ours.submitted("theirs", text_part("1"))
    second = stage.ours.submit("theirs", text_part("2"), case=first.case)
    stage.ours.directory.snapshot()
    end_unseen(stage.ours)
    async with stage.ours.sending():
        await stage.ours.reaches(first.id, "refused")
        await stage.ours.reaches(second, "refused")
    is_refused_by_ourselves(stage.ours, first.id, second)
    assert stage.peer.requests == []


async def test_between_claim_and_send_the_agreement_is_looked_at_again(
    make_stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await make_stage(send=False)
    claim = delivery_module.outbox.claim

    def and_then_it_ends(*arguments: Any) -> Any:
        claims = claim(*arguments)
        if claims and any(row["state"] == "in force" for row in stage.ours.rows(AGREEMENT)):
            assert end(stage.ours) == 0, "what is taken up is left to its process"
        return claims

    monkeypatch.setattr(delivery_module.outbox, "claim", and_then_it_ends)
    sent = stage.ours.submit("theirs", text_part("x"))
    async with stage.ours.sending():
        await stage.ours.reaches(sent, "refused")
    is_refused_by_ourselves(stage.ours, sent)
    assert stage.peer.requests == []


async def test_what_is_under_way_gets_its_receipt(stage: Stage) -> None:
    answered = asyncio.Event()
    stage.peer.script = [lambda peer, request: replace(peer.receipt(request.opened), pause=answered)]
    sent = stage.ours.submit("theirs", text_part("x"))
    await until(lambda: stage.peer.requests, "it is under way")
    assert end(stage.ours) == 0
    answered.set()
    await stage.ours.reaches(sent, "delivered")
    assert stage.ours.alarms() == []


async def test_what_may_have_reached_the_peer_is_asked_for_until_its_end(stage: Stage) -> None:
    stage.peer.script = [http(502), http(502), true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    assert end(stage.ours) == 0
    stage.ours.retry_now()
    await stage.ours.attempted(sent, 2)
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "delivered")


async def test_what_never_found_a_connection_was_never_sent(stage: Stage) -> None:
    await stage.peer.stop()
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    assert end(stage.ours) == 1
    await stage.peer.start()
    stage.ours.retry_now()
    open_again(stage.ours)
    other = stage.ours.submit("theirs", text_part("y"))
    stage.ours.retry_now()
    await stage.ours.reaches(other, "delivered")
    is_refused_by_ourselves(stage.ours, sent)
    assert stage.peer.ids() == [other]


async def test_a_silent_peer_is_probed_by_the_next_when_the_probe_is_not_covered_any_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe of a silent peer is refused by ourselves: the next message must not wait for a claim that ended."""
    await stage.peer.stop()
    first = stage.ours.submit("theirs", text_part("1"))
    await stage.ours.attempted(first, 1)
    await stage.peer.start()
    claim = delivery_module.outbox.claim

    def and_then_it_ends(*arguments: Any) -> Any:
        claims = claim(*arguments)
        if [one.message_id for one in claims] == [first]:
            end_unseen(stage.ours)
            open_for_next(stage.ours)
        return claims

    def open_for_next(office: Office) -> None:
        with office.node.database.write() as connection:
            open_unilateral(
                connection, peer="theirs", ref="urn:another", service=SERVICE, service_type=None, action=ACTION,
                now=office.clock(),
            )  # fmt: skip

    monkeypatch.setattr(delivery_module.outbox, "claim", and_then_it_ends)
    stage.ours.retry_now()
    await stage.ours.reaches(first, "refused")
    stage.ours.configured()
    second = stage.ours.submit("theirs", text_part("2"))
    await stage.ours.reaches(second, "delivered")
    assert stage.peer.ids() == [second]


async def test_a_person_cannot_send_again_what_no_agreement_covers(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0004", "no"), true_receipt]
    refused = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.reaches(refused, "refused")
    stage.ours.courier.stop()
    await until(lambda: stage.ours.courier._stopping, "nothing more is taken up")
    waiting = stage.ours.submit("theirs", text_part("y"))
    assert end(stage.ours) == 1
    for message in (refused, waiting):
        with pytest.raises(SubmissionRefused, match="No agreement in force"):
            resend(stage.ours, message)
        assert stage.ours.state(message) == "refused"
    assert stage.ours.waiting() == []
    open_again(stage.ours)
    for message in (refused, waiting):
        resend(stage.ours, message)
    sent_before = {row["message"]: row["body_sent"] for row in stage.ours.waiting()}
    assert sent_before == {stage.ours.row(refused)["id"]: True, stage.ours.row(waiting)["id"]: False}
    assert stage.ours.alarms() == []


async def test_a_person_may_ask_again_for_what_the_peer_seems_to_have(stage: Stage) -> None:
    def duplicate(peer: ScriptedPeer, request: Request) -> Http:
        return error_of("EBMS:0004", "This is a duplicate message")(peer, request)

    stage.peer.script = [http(200), duplicate, true_receipt]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(sent, "unconfirmed")
    assert end(stage.ours) == 0
    resend(stage.ours, sent)
    await stage.ours.reaches(sent, "delivered")


async def test_one_that_waits_for_a_person_is_left_to_that_person(stage: Stage) -> None:
    await stage.peer.stop()
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    stage.ours.retry_now(hours=50)
    await stage.ours.reaches(sent, "given-up")
    assert end(stage.ours) == 0
    with pytest.raises(SubmissionRefused, match="No agreement in force"):
        resend(stage.ours, sent)
    withdraw_message(stage.ours.node, sent, "test")
    assert stage.ours.alarms() == []


async def test_nothing_is_refused_when_the_ending_is_rolled_back(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))

    def end_and_fail() -> None:
        with stage.ours.node.database.write() as connection:
            number = agreement_of(stage.ours)
            assert end_with_what_waits(stage.ours.node, stage.ours.directory, connection, number, stage.clock()) == 1
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        end_and_fail()
    with stage.ours.node.database.write() as connection:  # the version rises to the same number, for something else
        open_unilateral(
            connection, peer="theirs", ref="urn:another", service=SERVICE, service_type=None, action=ACTION,
            now=stage.clock(),
        )  # fmt: skip
    async with stage.ours.sending():
        await stage.ours.reaches(sent, "delivered")
    assert stage.ours.alarms() == []


async def test_many_that_wait_are_all_refused(make_stage: StageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    from node.exchange import ending

    monkeypatch.setattr(ending, "_BATCH", 3)
    stage = await make_stage(send=False)
    sent = [stage.ours.submit("theirs", text_part(str(n))) for n in range(7)]
    assert end(stage.ours) == 7
    is_refused_by_ourselves(stage.ours, *sent)
