"""A peer that answers nobody: tried rarely, in nobody's way, released by its first success, given up in the end; and
deliveries whose process died."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from node.as4 import read_signed, seal, verify_receipt
from node.exchange import outbox, silent_peers
from node.exchange.contents import envelope_of, part_octets
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.outbox import PEER_DELIVERY, Claim
from node.exchange.responses import Judgement
from node.exchange.settlement import LOG_ENTRY, Settlement, seal_answer, settle
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker
from tests.exchange.offices import Known, text_part
from tests.exchange.scripted import accepts, closes, error_of, true_receipt, without_reference
from tests.exchange.wire import letter, post

DEAD = "stranger"


def with_a_dead_one(stage: Stage) -> None:
    """Know another peer, at whose address nobody listens."""
    stage.ours.know(Known(stage.stranger, "http://127.0.0.1:9/as4"))
    stage.ours.configured()


def attempts(stage: Stage, party: str) -> int:
    return sum(row["attempts"] for row in stage.ours.listed(peer=party))


def looking_often(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let silent peers be looked at all the time; an entry for each look that is over."""
    for bound in ("LEAST_SECONDS", "MOST_SECONDS"):
        monkeypatch.setattr(silent_peers, bound, 0.1)
    looks: list[int] = []

    async def counted(self: silent_peers.SilentPeers, session: Any, look: Any = silent_peers.SilentPeers.look) -> None:
        await look(self, session)
        looks.append(len(looks))

    monkeypatch.setattr(silent_peers.SilentPeers, "look", counted)
    return looks


async def a_few(looks: list[int]) -> None:
    before = len(looks)
    await until(lambda: len(looks) > before + 2, "a few looks")


async def test_a_dead_peer_is_tried_with_one_message_and_holds_up_nobody(stage: Stage) -> None:
    with_a_dead_one(stage)
    dead = [stage.ours.submit(DEAD, text_part(str(n))) for n in range(8)]
    await until(lambda: stage.ours.rows(PEER_DELIVERY), "the dead one is known to be silent")
    await until(lambda: not any(row["claimed_by"] for row in stage.ours.waiting()), "nothing is under way")
    before = attempts(stage, DEAD)
    for pause in range(1, 4):
        stage.ours.retry_now(minutes=11)  # the longest pause is 10
        await until(lambda n=before + pause: attempts(stage, DEAD) == n, "one more attempt")  # type: ignore[misc]
        alive = stage.ours.submit("theirs", text_part("x"))
        await stage.ours.reaches(alive, "delivered")
    assert Counter(stage.ours.state(message) for message in dead) == {"queued": 8}
    (row,) = (row for row in stage.ours.rows(PEER_DELIVERY) if row["party"] == DEAD)
    assert row["failures"] >= 4
    assert row["failing_since"] is not None


async def test_the_first_success_releases_all_that_waited(stage: Stage) -> None:
    await stage.peer.stop()
    sent = [stage.ours.submit("theirs", text_part(str(n))) for n in range(6)]
    await until(lambda: stage.ours.rows(PEER_DELIVERY), "the peer is known to be silent")
    late = stage.ours.submit("theirs", text_part("late"))
    await stage.peer.start()
    stage.ours.retry_now()
    for message in [*sent, late]:
        await stage.ours.reaches(message, "delivered")
    (row,) = stage.ours.rows(PEER_DELIVERY)
    assert (row["failures"], row["failing_since"], row["last_error"]) == (0, None, None)
    assert sorted(stage.peer.ids()) == sorted([*sent, late])


async def test_a_peer_that_writes_to_us_is_tried_at_once(stage: Stage) -> None:
    await stage.peer.stop()
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    await stage.peer.start()
    async with stage.ours.serving():
        reply = await post(stage.ours, letter(stage.peer.node, stage.ours.node))
        assert reply.status == 200
        stage.ours.clock.advance(minutes=2)  # its own pause, not the peer's
        stage.ours.courier.wake()
        await stage.ours.reaches(sent, "delivered")


async def test_a_peer_that_answers_again_is_tried_within_seconds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the pause after the last attempt, which grows with the outage."""
    looks = looking_often(monkeypatch)
    await stage.peer.stop()
    sent = [stage.ours.submit("theirs", text_part(str(n))) for n in range(3)]
    await until(lambda: stage.ours.rows(PEER_DELIVERY), "the peer is known to be silent")
    await until(lambda: not any(row["claimed_by"] for row in stage.ours.waiting()), "nothing is under way")
    await a_few(looks)
    await stage.peer.start()
    for message in sent:
        await stage.ours.reaches(message, "delivered")


async def test_a_peer_that_answers_and_takes_nothing_is_left_to_its_pauses(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = looking_often(monkeypatch)
    stage.peer.script = [closes] * 50
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    await until(lambda: not any(row["claimed_by"] for row in stage.ours.waiting()), "nothing is under way")
    await a_few(looks)
    assert attempts(stage, "theirs") == 1


async def test_one_message_that_the_peer_answers_wrongly_does_not_hold_the_others(make_stage: StageMaker) -> None:
    """After an outage the first probe meets an answer that proves nothing: the next is not an attempt's time away."""
    stage = await make_stage(attempt_seconds=3600)
    await stage.peer.stop()
    bad = stage.ours.submit("theirs", text_part("bad"))
    await stage.ours.attempted(bad, 1)
    good = stage.ours.submit("theirs", text_part("good"))
    stage.peer.script = [
        lambda peer, request: (without_reference if request.id == bad else true_receipt)(peer, request)
    ]
    await stage.peer.start()
    for _ in range(4):
        stage.ours.retry_now(minutes=11)
        await until(lambda: not any(row["claimed_by"] for row in stage.ours.waiting()), "nothing is under way")
        if stage.ours.state(good) == "delivered":
            break
    await stage.ours.reaches(good, "delivered")
    # Once the peer has answered one, the other is tried at once: it may be under way.
    await until(lambda: not any(row["claimed_by"] for row in stage.ours.waiting()), "nothing is under way")
    assert stage.ours.state(bad) == "queued"


@pytest.mark.assertion("AS4_CP_TA15")
async def test_when_the_time_is_over_it_is_given_up_and_a_person_may_send_again(stage: Stage) -> None:
    await stage.peer.stop()
    first = stage.ours.submitted("theirs", text_part("first"))
    await stage.ours.attempted(first.id, 1)
    stage.ours.retry_now(hours=47)
    await stage.ours.attempted(first.id, 2)
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    stage.ours.retry_now(hours=2)
    shown = await stage.ours.reaches(first.id, "given-up")
    assert shown["error"]["code"] == "EBMS:0301"
    assert "48 hours" in shown["error"]["detail"]
    assert shown["receipt_time"] is None
    alarms = [alarm["message"] for alarm in stage.ours.alarms("given-up")]
    assert stage.ours.row(first.id)["id"] in alarms
    assert "message.given-up" in [entry["type"] for entry in stage.ours.rows(LOG_ENTRY)]
    await stage.peer.start()
    before = len(stage.peer.requests)
    stage.ours.retry_now(hours=5)
    later = stage.ours.submit("theirs", text_part("later"))
    await stage.ours.reaches(later, "delivered")
    assert stage.peer.ids()[before:] == [later], "what was given up is not tried again by itself"
    resend_message(stage.ours.node, stage.ours.directory.snapshot(), first.id, "test")
    stage.ours.courier.wake()
    await stage.ours.reaches(first.id, "delivered")
    assert stage.ours.shown(first.id)["error"] is None
    assert stage.ours.row(first.id)["id"] not in [alarm["message"] for alarm in stage.ours.alarms()]
    await stage.ours.reaches(second, "delivered")


async def test_messages_that_were_never_tried_are_given_up_once_the_peer_has_been_silent_so_long(stage: Stage) -> None:
    await stage.peer.stop()
    tried = stage.ours.submit("theirs", text_part("tried"))
    await stage.ours.attempted(tried, 1)
    untried = stage.ours.submitted("theirs", text_part("untried"))
    behind = stage.ours.submit("theirs", text_part("behind"), case=untried.case)
    with stage.ours.node.database.write() as connection:
        # Its place in the queue is such that the other is always the probe.
        mine = outbox.OUTBOX.c.message == stage.ours.row(untried.id)["id"]
        connection.execute(update(outbox.OUTBOX).where(mine).values(next_attempt_at=stage.clock() + timedelta(days=9)))
    stage.ours.retry_now(hours=49)
    for message in (tried, untried.id, behind):
        await stage.ours.reaches(message, "given-up")
    assert stage.ours.shown(untried.id)["attempts"] == 0


async def test_messages_that_were_held_back_here_get_their_whole_time(make_stage: StageMaker) -> None:
    """Deliveries rested for days; the peer's first silence must not give up what was never tried."""
    stage = await make_stage(send=False, deliveries_in_flight=1)
    await stage.peer.stop()
    sent = [stage.ours.submit("theirs", text_part(str(n))) for n in range(3)]
    stage.clock.advance(hours=72)
    async with stage.ours.sending():
        await until(lambda: stage.ours.rows(PEER_DELIVERY), "the peer is known to be silent")
        assert Counter(map(stage.ours.state, sent)) == {"queued": 3}
        await stage.peer.start()
        stage.ours.retry_now()
        for message in sent:
            await stage.ours.reaches(message, "delivered")


async def test_withdrawing_what_was_given_up_frees_the_next_of_its_case(stage: Stage) -> None:
    stage.peer.script = [error_of("EBMS:0004", signed=False), error_of("EBMS:0004", signed=False), true_receipt]
    first = stage.ours.submitted("theirs", text_part("first"))
    await stage.ours.attempted(first.id, 1)
    stage.ours.retry_now(hours=49)
    await stage.ours.reaches(first.id, "given-up")
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    other = stage.ours.submit("theirs", text_part("other"))
    await stage.ours.reaches(other, "delivered")
    assert stage.ours.shown(second)["attempts"] == 0
    withdraw_message(stage.ours.node, first.id, "test")
    stage.ours.courier.wake()
    await stage.ours.reaches(second, "delivered")
    shown = stage.ours.shown(first.id)
    assert shown["state"] == "refused"
    assert "withdrawn" in shown["error"]["detail"]
    assert stage.ours.alarms() == []


async def test_what_a_process_had_under_way_when_it_died_is_taken_up_again(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    node = stage.ours.node
    attempt = timedelta(seconds=node.settings.attempt_seconds)
    claims = outbox.claim(node.database, "a process that died", node.now(), 10, attempt, node.retries)
    assert [claim.message_id for claim in claims] == [sent]
    assert stage.ours.state(sent) == "sending"
    # It had sent the whole body: the peer has it and says so.
    stage.peer.script = [error_of("EBMS:0004", "This is a duplicate message")]
    async with stage.ours.sending():
        if node.database.dialect == "postgresql":
            alive = stage.ours.submit("theirs", text_part("not disturbed"))
            await stage.ours.reaches(alive, "refused")
            assert stage.ours.state(sent) == "sending", "another process may still have it under way"
            stage.ours.retry_now(seconds=node.settings.attempt_seconds + 31)
        shown = await stage.ours.reaches(sent, "unconfirmed")
        assert shown["attempts"] == 2


async def test_a_process_that_was_only_slow_settles_nothing_twice(make_stage: StageMaker) -> None:
    """Its claim ran out, another process delivered the message; then its own receipt arrives as well."""
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    slow = claimed(stage, "slow")
    stage.clock.advance(hours=1)
    async with stage.ours.sending():
        await stage.ours.reaches(sent, "delivered")
    before, entries = stage.ours.row(sent), stage.ours.count(LOG_ENTRY)
    settle(stage.ours.node, [settlement(stage, slow, receipt_for(stage, slow))])
    settle(stage.ours.node, [settlement(stage, slow, Judgement("refused", "EBMS:0103", "late"))])
    settle(stage.ours.node, [settlement(stage, slow, Judgement("unreachable", "EBMS:0005", "late"))])
    assert stage.ours.row(sent) == before
    assert stage.ours.count(LOG_ENTRY) == entries
    assert stage.ours.waiting() == stage.ours.alarms() == []


async def test_the_receipt_of_a_slow_process_still_proves_the_delivery(make_stage: StageMaker) -> None:
    """Its claim ran out and another process has the message under way."""
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    slow = claimed(stage, "slow")
    stage.clock.advance(hours=1)
    other = claimed(stage, "other")
    settle(stage.ours.node, [settlement(stage, slow, Judgement("refused", "EBMS:0103", "of an attempt that is over"))])
    assert stage.ours.state(sent) == "sending"
    settle(stage.ours.node, [settlement(stage, slow, receipt_for(stage, slow))])
    assert stage.ours.state(sent) == "delivered"
    settle(stage.ours.node, [settlement(stage, other, Judgement("failed", "EBMS:0302", "late", readable=False))])
    assert stage.ours.state(sent) == "delivered"
    assert stage.ours.waiting() == []


NOT_READY = Judgement("not-ready", "EBMS:0005", "the peer is not ready (HTTP 503)", readable=False, retry_after=2)


async def test_a_peer_that_takes_some_of_many_at_once_is_not_silent(make_stage: StageMaker) -> None:
    """It answers 503 to the rest, which come again soon; those that were not tried yet need not wait for that."""
    stage = await make_stage(send=False)
    taken = stage.ours.submit("theirs", text_part("taken"))
    first = claimed(stage, "one")
    left_out = stage.ours.submit("theirs", text_part("left out"))
    second = claimed(stage, "another")
    began = stage.clock()
    stage.clock.advance(seconds=1)
    settle(stage.ours.node, [settlement(stage, first, receipt_for(stage, first))])
    stage.clock.advance(seconds=1)
    settle(stage.ours.node, [replace(settlement(stage, second, NOT_READY), began=began)])
    assert (stage.ours.state(taken), stage.ours.state(left_out)) == ("delivered", "queued")
    (peer,) = stage.ours.rows(PEER_DELIVERY)
    assert (peer["failures"], peer["next_attempt_at"]) == (0, None)
    pause = stage.ours.waiting()[0]["next_attempt_at"] - stage.clock()
    assert timedelta(seconds=2) <= pause <= stage.ours.node.retries.first
    stage.ours.submit("theirs", text_part("not tried yet"))
    assert claimed(stage, "one").attempts == 1


async def test_a_peer_that_takes_nothing_since_the_attempt_began_is_silent(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    stage.ours.submit("theirs", text_part("taken"))
    first = claimed(stage, "one")
    settle(stage.ours.node, [settlement(stage, first, receipt_for(stage, first))])
    stage.clock.advance(seconds=1)
    stage.ours.submit("theirs", text_part("refused"))
    settle(stage.ours.node, [settlement(stage, claimed(stage, "one"), NOT_READY)])
    (peer,) = stage.ours.rows(PEER_DELIVERY)
    assert peer["failures"] == 1


def claimed(stage: Stage, worker: str) -> Claim:
    """The one message that is due, taken up by this process."""
    node = stage.ours.node
    attempt = timedelta(seconds=node.settings.attempt_seconds)
    (claim,) = outbox.claim(node.database, worker, node.now(), 10, attempt, node.retries)
    return claim


def receipt_for(stage: Stage, claim: Claim) -> Judgement:
    """The peer's true receipt for what a claim would send."""
    node, peer = stage.ours.node, stage.peer
    signed = read_signed(envelope_of(node, claim.message))
    wire = seal(signed.xml, part_octets(node, claim.message), peer.node.keys.encryption_certificate, node.suite)
    opened, _ = peer.open(wire.content_type, wire.body())
    answer = peer.receipt(opened)
    proved = verify_receipt(answer.body, answer.content_type, signed, node.suite, accepts)
    return Judgement("delivered", receipt=proved)


def settlement(stage: Stage, claim: Claim, judgement: Judgement) -> Settlement:
    """An attempt's end as the courier writes it."""
    answer = judgement.receipt.xml if judgement.receipt is not None else b"a signed error"
    kept = seal_answer(stage.ours.node, answer) if judgement.kind in ("delivered", "refused") else None
    return Settlement(claim, judgement, kept, False, stage.clock(), stage.clock())


async def test_a_connection_that_breaks_after_the_body_is_remembered(stage: Stage) -> None:
    stage.peer.script = [closes]
    sent = stage.ours.submit("theirs", text_part("x"))
    await stage.ours.attempted(sent, 1)
    assert stage.ours.waiting()[0]["body_sent"] is True
