"""Ends of periods while a node is down, both are, or clocks differ: the same state and instant on both sides."""

from datetime import datetime, timedelta

import pytest

from tests.exchange.case_steps import (
    ACCEPTED,
    applied,
    both_stand,
    example,
    instant,
    reply,
    stands,
    submitted,
    with_terms,
)
from tests.exchange.clock import Clock
from tests.exchange.conftest import World, WorldMaker

SENT, RECEIVED = "counting=answer=sent", "counting=answer=received"
HOURS = 240
APPLICATION = example("minimal-application.xml", ("<InterviewRequested>true", "<InterviewRequested>false"))


async def world_of(make_world: WorldMaker, answer: str) -> World:
    """Nobody sends by itself; an answer counts when sent, or when received."""
    return with_terms(await make_world(send=False, depesha=True), answer)


async def silent_application(world: World) -> tuple[str, str, datetime]:
    """An application that both have: its id, case, and the end of the time to answer it."""
    async with world.ours.sending():
        application, case = await applied(world)
    return application, case, instant(world.ours.shown(application)["receipt_time"]) + timedelta(hours=HOURS)


def kinds(shown: dict[str, list[dict[str, str]]]) -> set[str]:
    return {one["kind"] for one in shown["findings"]}


@pytest.mark.parametrize(("answer", "state"), [(SENT, "accepted"), (RECEIVED, "deemed-accepted")])
async def test_an_answer_that_crosses_the_end_is_settled_alike_once_it_arrives(
    make_world: WorldMaker, answer: str, state: str
) -> None:
    world = await world_of(make_world, answer)
    application, case, end = await silent_application(world)
    world.clock.advance(hours=HOURS - 1)
    answered = reply(world.theirs, case, "ours", application, ACCEPTED)
    world.clock.advance(hours=2)

    assert "may-have-been-answered" in kinds(stands(world.theirs, case)), "it waits for a receipt"
    here = stands(world.ours, case)
    assert here["state"] == "deemed-accepted"
    assert ("may-have-been-answered" in kinds(here)) is (answer == SENT), "sent in time, it would still count"

    async with world.theirs.sending():
        await world.theirs.reaches(answered, "delivered")
    after = both_stand(world, case)
    assert after["state"] == state
    assert "may-have-been-answered" not in kinds(after) | kinds(stands(world.theirs, case))
    out_of_step = [one["message"] for one in after["findings"] if one["kind"] == "out-of-step"]
    assert out_of_step == ([answered] if answer == RECEIVED else [])
    if answer == RECEIVED:
        assert instant(after["persons"][0]["since"]["earliest"]) == end


async def test_a_period_begins_with_the_receipt_however_long_the_other_node_was_down(make_world: WorldMaker) -> None:
    world = with_terms(await make_world(they_serve=False, depesha=True))
    async with world.theirs.serving():
        application, early = await applied(world)
    end = instant(world.ours.shown(application)["receipt_time"]) + timedelta(hours=HOURS)
    world.clock.advance(hours=HOURS + 1)
    late = submitted(world.ours, "theirs", APPLICATION, "ReadmissionApplication")
    await world.ours.attempted(late.id, 1)
    assert stands(world.ours, late.case)["expected"] == "applied"
    async with world.theirs.serving():
        world.ours.retry_now()
        await world.ours.reaches(late.id, "delivered")
    silent = both_stand(world, early)
    assert (silent["state"], instant(silent["persons"][0]["since"]["earliest"])) == ("deemed-accepted", end)
    begun = both_stand(world, late.case)
    began = instant(world.ours.shown(late.id)["receipt_time"])
    assert (begun["state"], instant(begun["deadlines"][0]["end"]["earliest"])) == (
        "applied",
        began + timedelta(hours=HOURS),
    )


async def test_both_nodes_down_over_the_end_come_back_to_the_same_instant(make_world: WorldMaker) -> None:
    world = await world_of(make_world, RECEIVED)
    application, case, end = await silent_application(world)
    world.clock.advance(days=60)
    again = both_stand(world, case)
    assert again["state"] == "deemed-accepted"
    assert instant(again["persons"][0]["since"]["earliest"]) == end
    transfer = {one["period"]: one for one in again["deadlines"]}["transfer"]
    assert instant(transfer["start"]["earliest"]) == end - timedelta(milliseconds=1), "on the last day, not after it"
    async with world.theirs.sending():
        await world.theirs.reaches(reply(world.theirs, case, "ours", application, ACCEPTED), "delivered")
    assert both_stand(world, case)["persons"] == again["persons"]


@pytest.mark.parametrize("apart", [90, -90, 3600])
async def test_clocks_apart_give_one_instant_by_the_receipt_and_a_doubt_where_they_are_too_far(
    make_world: WorldMaker, clock: Clock, apart: int
) -> None:
    theirs = Clock(of=clock, ahead=timedelta(seconds=apart))
    world = with_terms(await make_world(they_send=True, depesha=True, their_clock=theirs))
    application, case = await applied(world)
    receipt = instant(world.ours.shown(application)["receipt_time"])
    shown = both_stand(world, case)
    assert instant(shown["deadlines"][0]["end"]["earliest"]) == receipt + timedelta(hours=HOURS)
    assert abs(receipt - clock() - timedelta(seconds=apart)) < timedelta(seconds=30), "by the clock that receipted"
    assert ("disputed-time" in kinds(shown)) is (apart == 3600)
    world.clock.advance(hours=HOURS + 2)
    silent = both_stand(world, case)
    assert (silent["state"], instant(silent["persons"][0]["since"]["earliest"])) == (
        "deemed-accepted",
        receipt + timedelta(hours=HOURS),
    )
