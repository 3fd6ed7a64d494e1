"""The ends of periods are recorded once, with the same instant on both sides, whenever that is done."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from node.exchange import case_clocks
from node.exchange.case_clocks import look_at_clocks
from node.exchange.case_marks import CHANGED, TOUCHED
from node.exchange.case_standing import standings, touch_kept_otherwise
from node.exchange.case_view import procedure_of
from node.exchange.cases import CASE
from node.exchange.listing import find_case
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.settlement import LOG_ENTRY
from node.exchange.terms_drafts import Changes, change_terms
from node.records.validator import Validator
from tests.exchange.case_steps import ACCEPTED, applied, both_stand, documented, instant, reply, sent_in, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office, text_part

HOURS = 240
NOTICES = "urn:depesha:notice:1"
ENDED, NOT_ENDED = "case.period-ended", "case.period-not-ended"


def recorded(office: Office, case: str) -> list[dict[str, Any]]:
    """The recorded ends, as `case show` prints them."""
    with office.node.database.read() as connection:
        found: list[dict[str, Any]] = procedure_of(office.node, connection, find_case(connection, case))["procedure"][
            "recorded_ends"
        ]
    return found


def looked(office: Office) -> None:
    """Look until nothing waits."""
    while look_at_clocks(office.node):
        continue


def entries(office: Office) -> list[str]:
    query = select(LOG_ENTRY.c.type).where(LOG_ENTRY.c.type.in_([ENDED, NOT_ENDED])).order_by(LOG_ENTRY.c.id)
    with office.node.database.read() as connection:
        return list(connection.scalars(query))


def clock_at(office: Office, case: str) -> datetime | None:
    with office.node.database.read() as connection:
        found: datetime | None = find_case(connection, case)["clock_at"]
    return found


async def agreed(make_world: WorldMaker, *figures: str, **opened: Any) -> World:
    return with_terms(await make_world(they_send=True, depesha=True), *figures, **opened)


async def test_both_sides_record_the_instant_at_which_silence_took_effect_one_of_them_late(
    make_world: WorldMaker,
) -> None:
    world = await agreed(make_world)
    application, case = await applied(world)
    end = instant(world.ours.shown(application)["receipt_time"]) + timedelta(hours=HOURS)
    looked(world.ours)
    assert clock_at(world.ours, case) == end, "nothing is opened again before the end"
    assert recorded(world.ours, case) == []

    world.clock.advance(hours=HOURS)
    looked(world.ours)
    world.clock.advance(days=40)
    looked(world.theirs)
    (ours,), (theirs,) = recorded(world.ours, case), recorded(world.theirs, case)
    same = ("period", "effect", "at", "undone")
    assert [ours[key] for key in same] == [theirs[key] for key in same]
    assert (ours["period"], ours["effect"], instant(ours["at"]["latest"])) == ("reply", "deemed-accepted", end)
    assert instant(theirs["recorded"]) > instant(ours["recorded"]) + timedelta(days=39)
    looked(world.theirs)
    assert (entries(world.ours), entries(world.theirs)) == ([ENDED], [ENDED])

    world.clock.advance(days=60)
    looked(world.ours)
    assert [(one["period"], one["effect"]) for one in recorded(world.ours, case)][1:] == [("transfer", "lapsed")]


async def test_many_processes_record_an_end_once(make_world: WorldMaker) -> None:
    world = await agreed(make_world)
    _, case = await applied(world)
    world.clock.advance(hours=HOURS + 1)
    with ThreadPoolExecutor(4) as processes:
        list(processes.map(lambda _: look_at_clocks(world.ours.node), range(8)))
    assert [one["effect"] for one in recorded(world.ours, case)] == ["deemed-accepted"]
    assert entries(world.ours) == [ENDED]


async def test_an_end_is_undone_by_an_answer_that_was_on_its_way(make_world: WorldMaker) -> None:
    world = with_terms(await make_world(depesha=True), "counting=answer=sent")
    application, case = await applied(world)
    world.clock.advance(hours=HOURS - 1)
    answer = reply(world.theirs, case, "ours", application, ACCEPTED)
    world.clock.advance(hours=2)
    looked(world.ours)
    assert [one["undone"] for one in recorded(world.ours, case)] == [None]
    async with world.theirs.sending():
        await world.theirs.reaches(answer, "delivered")
    for office in (world.ours, world.theirs):
        looked(office)
    (undone,) = recorded(world.ours, case)
    assert undone["undone"] is not None
    assert entries(world.ours) == [ENDED, NOT_ENDED]
    assert (recorded(world.theirs, case), both_stand(world, case)["state"]) == ([], "accepted")


async def test_a_period_that_only_becomes_overdue_is_recorded_without_an_effect(make_world: WorldMaker) -> None:
    world = await agreed(make_world, "travel-document=72 hours")
    application, case = await applied(world)
    await world.theirs.reaches(reply(world.theirs, case, "ours", application, ACCEPTED), "delivered")
    world.clock.advance(hours=73)
    for office in (world.ours, world.theirs):
        looked(office)
    ours, theirs = recorded(world.ours, case), recorded(world.theirs, case)
    assert [(one["period"], one["effect"]) for one in ours] == [("travel-document", None)]
    assert ours[0]["at"] == theirs[0]["at"]


async def test_whatever_changes_a_case_has_its_clock_looked_at_again(make_world: WorldMaker) -> None:
    travel = ("Reply", "TravelDocument", "TransferNotice")
    world = await agreed(make_world, "travel-document=72 hours", "transfer-reply=24 hours", opened=travel)
    (_, first), (_, second) = [await documented(world) for _ in range(2)]
    assert clock_at(world.ours, first) == CHANGED
    looked(world.ours)
    before = clock_at(world.ours, second)

    listed = f"<Listed><Case>{second}</Case><Person>p1</Person></Listed>"
    notice = sent_in(world.ours, first, "transfer-notice.xml", listed=listed)
    await world.ours.reaches(notice, "delivered")
    looked(world.ours)
    assert clock_at(world.ours, second) == instant(world.ours.shown(notice)["receipt_time"]) + timedelta(hours=24)
    assert clock_at(world.ours, second) != before, "a list that another case holds named its person"

    told = ActOnPaper(act="withdraw", channel="fax", done=world.clock(), persons=["p1"])
    record_on_paper(world.ours.node, first, told, "test")
    assert clock_at(world.ours, first) == CHANGED
    looked(world.ours)
    assert clock_at(world.ours, first) is None, "nothing runs after a withdrawal"
    change_terms(world.ours.node, "theirs", "returns", Changes(set=["transfer=9 months calendars=none"]), "test")
    assert clock_at(world.ours, first) == TOUCHED


async def test_a_look_that_was_overtaken_by_an_act_counts_for_nothing(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await agreed(make_world)
    _, case = await applied(world)
    world.clock.advance(hours=HOURS + 1)
    told = ActOnPaper(act="accept", channel="fax", done=world.clock() - timedelta(hours=2), by_us=False, persons=["p1"])
    compute = case_clocks.compute_cases

    def overtaken(*arguments: Any) -> Any:
        computed = list(compute(*arguments))
        record_on_paper(world.ours.node, case, told, "test")
        return iter(computed)

    with monkeypatch.context() as patched:
        patched.setattr(case_clocks, "compute_cases", overtaken)
        look_at_clocks(world.ours.node)
    assert (recorded(world.ours, case), clock_at(world.ours, case)) == ([], CHANGED)
    looked(world.ours)
    assert recorded(world.ours, case) == [], "it was accepted in time, by fax"


async def test_the_writer_of_a_message_that_fits_no_state_is_told_so_once(make_world: WorldMaker) -> None:
    world = await agreed(make_world)
    application, case = await applied(world)
    answers = []
    for _ in range(2):
        answers.append(reply(world.theirs, case, "ours", application, ACCEPTED))
        await world.theirs.reaches(answers[-1], "delivered")
    for _ in range(3):
        look_at_clocks(world.ours.node, world.ours.directory)
        look_at_clocks(world.theirs.node, world.theirs.directory)
    world.ours.courier.wake()
    notices = [one for one in world.ours.listed(limit=100) if one["service"] == NOTICES]
    assert [(one["direction"], one["action"]) for one in notices] == [("out", "OutOfStep")]
    await world.ours.reaches(notices[0]["id"], "delivered")
    assert world.ours.row(notices[0]["id"])["ref_to_message_id"] == answers[1]
    look_at_clocks(world.theirs.node, world.theirs.directory)
    assert [one["direction"] for one in world.theirs.listed(limit=100) if one["service"] == NOTICES] == ["in"]


async def test_a_record_that_was_judged_when_it_came_is_not_judged_again(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await agreed(make_world)
    _, case = await applied(world)
    judged: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr(Validator, "judge_schema", lambda self, root: judged.append(root) or [])
        looked(world.ours)
        looked(world.theirs)
    assert not judged
    assert both_stand(world, case)["state"] == "applied"


async def test_what_is_of_no_domain_has_no_clock(make_world: WorldMaker) -> None:
    world = await make_world(depesha=True)
    sent = world.ours.submit("theirs", text_part("a dispatch"))
    await world.ours.reaches(sent, "delivered")
    for office in (world.ours, world.theirs):
        assert [row["clock_at"] for row in office.rows(CASE)] == [None]


async def test_a_case_in_which_we_fail_does_not_stop_the_clocks_of_others(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await agreed(make_world)
    _, bad = await applied(world)
    _, good = await applied(world)
    compute = case_clocks.compute_cases

    def failing(node: Any, connection: Any, rows: Any, now: Any) -> Any:
        if any(row["conversation_id"] == bad for row in rows):
            raise ArithmeticError("a fault of ours")
        return compute(node, connection, rows, now)

    monkeypatch.setattr(case_clocks, "compute_cases", failing)
    world.clock.advance(hours=HOURS + 1)
    looked(world.ours)
    assert [one["effect"] for one in recorded(world.ours, good)] == ["deemed-accepted"]
    assert recorded(world.ours, bad) == []
    monkeypatch.setattr(case_clocks, "compute_cases", compute)
    assert touch_kept_otherwise(world.ours.node, 50) == 0, "it was looked at, though nothing is kept of it"
    with world.ours.node.database.read() as connection:
        row = find_case(connection, bad)
        [standing] = standings(world.ours.node, connection, [row], world.ours.node.now())
    assert standing is not None
    assert standing.deemed, "it is computed when it is asked for"
    looked(world.ours)
    assert recorded(world.ours, bad) == [], "not at once"
    world.clock.advance(hours=1)
    looked(world.ours)
    assert [one["effect"] for one in recorded(world.ours, bad)] == ["deemed-accepted"]
