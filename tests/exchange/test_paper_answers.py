"""Whoever records an act on paper is told what the case takes from it, and what does not fit."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.exchange.paper_acts import ActOnPaper, PaperRefused, record_on_paper
from tests.exchange.case_steps import SCHEMAS, TERMS, applied, stands, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.trust_doors.homes import Home


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    return with_terms(await make_world(they_send=True, depesha=True))


def recorded(world: World, case: str, act: str, **more: Any) -> list[dict[str, Any]]:
    told = ActOnPaper(act=act, channel="fax", done=world.clock(), by_us=False, persons=["p1"])
    acts: list[dict[str, Any]] = record_on_paper(world.ours.node, case, replace(told, **more), "test")["acts"]
    return acts


async def test_an_act_that_fits_says_which_step_the_case_takes(agreed: World) -> None:
    _, case = await applied(agreed)
    (answer,) = recorded(agreed, case, "accept")
    assert answer["steps"] == [{"person": "p1", "from": "applied", "to": "accepted"}]
    assert answer["misfits"] == []


async def test_an_act_that_does_not_fit_says_why_what_was_expected_and_that_nothing_is_taken(agreed: World) -> None:
    _, case = await applied(agreed)
    recorded(agreed, case, "withdraw", by_us=True)
    agreed.clock.advance(hours=1)
    (answer,) = recorded(agreed, case, "accept")
    assert answer["steps"] == []
    (misfit,) = answer["misfits"]
    assert (misfit["kind"], misfit["persons"]) == ("out-of-step", ["p1"])
    assert misfit["reason"] == "no such act in the present state"
    assert misfit["expected"].startswith("of the requested party in the state withdrawn: ")
    assert misfit["taken"].startswith("nothing")
    shown = stands(agreed.ours, case)
    assert shown["state"] == "withdrawn"
    (finding,) = [one for one in shown["findings"] if one["kind"] == "out-of-step"]
    assert (finding["message"], finding["reason"], finding["expected"]) == (
        answer["id"], misfit["reason"], misfit["expected"],
    )  # fmt: skip


async def test_the_act_is_judged_by_when_it_was_done_not_by_when_it_is_recorded(agreed: World) -> None:
    _, case = await applied(agreed)
    done = agreed.clock()
    agreed.clock.advance(days=1)
    recorded(agreed, case, "withdraw", by_us=True)
    (answer,) = recorded(agreed, case, "refuse", done=done + timedelta(hours=1))
    assert answer["steps"] == [{"person": "p1", "from": "applied", "to": "refused"}]
    (finding,) = [one for one in stands(agreed.ours, case)["findings"] if one["kind"] == "out-of-step"]
    assert finding["message"] != answer["id"], "the withdrawal came after the refusal"


async def test_the_same_act_recorded_twice_is_one_too_many(agreed: World) -> None:
    _, case = await applied(agreed)
    (first,) = recorded(agreed, case, "accept")
    agreed.clock.advance(minutes=5)
    (second,) = recorded(agreed, case, "accept")
    assert (first["misfits"], second["steps"]) == ([], [])
    assert [one["kind"] for one in second["misfits"]] == ["out-of-step"]


async def test_each_act_of_a_record_has_an_answer_of_its_own(agreed: World) -> None:
    told = (SCHEMAS / "returns/1/examples/good/minimal-application.xml").read_bytes()
    answers = recorded(agreed, "new", "", record=told, persons=(), by_us=True, peer="theirs")
    assert [(one["act"], [(step["from"], step["to"]) for step in one["steps"]], one["misfits"]) for one in answers] == [
        ("apply", [("draft", "applied")], []), ("request-interview", [("applied", "applied")], []),
    ]  # fmt: skip


async def test_an_act_on_paper_is_late_by_when_it_was_done_and_by_the_day_that_it_states(
    make_world: WorldMaker,
) -> None:
    kept = [one for one in TERMS.drop if one != "submission"]
    three_days = replace(TERMS, set=[*TERMS.set, "submission=3 calendar-days"], drop=kept)
    world = with_terms(await make_world(they_send=True, depesha=True), terms=three_days)
    known = world.clock().date()
    world.clock.advance(days=9)
    for days, kinds, standing in ((1, [], "in-time"), (7, ["late"], "late")):
        # It is recorded on the ninth day, whenever it was done.
        done = world.clock() - timedelta(days=9 - days)
        told = ActOnPaper(
            act="apply", channel="mail", done=done, persons=["p1"], peer="theirs", domain="returns", day=str(known)
        )
        made = record_on_paper(world.ours.node, "new", told, "test")
        assert [one["kind"] for one in made["acts"][0]["misfits"]] == kinds
        assert made["acts"][0]["steps"][0]["to"] == "applied", "it counts all the same"
        (judged,) = stands(world.ours, made["case"])["timely"]
        assert (judged["period"], judged["standing"], judged["message"]) == ("submission", standing, made["id"])


async def test_a_record_on_paper_states_its_day_itself(make_world: WorldMaker) -> None:
    kept = [one for one in TERMS.drop if one != "submission"]
    three_days = replace(TERMS, set=[*TERMS.set, "submission=3 calendar-days"], drop=kept)
    world = with_terms(await make_world(they_send=True, depesha=True), terms=three_days)
    text = (SCHEMAS / "returns/1/examples/good/minimal-application.xml").read_text()
    text = text.replace("</InterviewRequested>", "</InterviewRequested><StayKnown>2026-11-01</StayKnown>")
    answers = recorded(world, "new", "", record=text.encode(), persons=(), by_us=True, peer="theirs")
    (late,) = answers[0]["misfits"]
    assert (late["kind"], late["expected"]) == ("late", "the act within: making of the application")
    assert late["taken"].startswith("all")


async def test_who_takes_part_is_taken_from_a_record_on_paper(agreed: World) -> None:
    _, case = await applied(agreed)
    record = (SCHEMAS / "administrative/1/examples/good/forward.xml").read_bytes()
    recorded(agreed, case, "", record=record, persons=())
    (forwarded,) = stands(agreed.ours, case)["forwarded"]
    assert (forwarded["side"], forwarded["party"] is not None) == ("theirs", True)


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "2026-11-01T09:00", "20261101"])
async def test_a_day_that_is_none_is_refused_with_what_to_write(agreed: World, day: str) -> None:
    with pytest.raises(PaperRefused, match=r"--day: found .*, expected a day as 2026-04-17") as refused:
        recorded(agreed, "new", "apply", peer="theirs", domain="returns", day=day)
    assert refused.value.wrong is not None
    assert refused.value.wrong["field"] == "day"


def test_the_command_says_it_in_words(tmp_path: Path) -> None:
    home = Home(tmp_path / "east", "east")
    home.do("peer", "add", "--paper", "--party", "west", "--name", "Office of west")
    by_fax = ("--channel", "fax", "--persons", "p1", "--done")
    new = ("--peer", "west", "--domain", "returns", "--act", "apply", *by_fax, "2026-04-07T09:00:00Z")
    begun = home.run("case", "record", "new", *new)
    assert begun.status == 0, begun
    assert "taken     apply of p1: draft → applied" in begun.out
    (case,) = home.do("case", "list")
    said = home.run("case", "record", case["number"], "--act", "accept", *by_fax, "2026-04-08T09:00:00Z")
    assert said.status == 0, "it is kept all the same"
    assert "out-of-step accept of p1: the act is the other party's" in said.out
    assert "expected    the act by the other party" in said.out
    assert "taken       nothing" in said.out
    shown = home.run("case", "show", case["number"]).out
    assert "the act is the other party's" in shown
    assert "expected the act by the other party" in shown
