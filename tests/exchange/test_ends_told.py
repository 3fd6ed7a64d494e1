"""What is told of an end: whose it is, both ends of a span, and the days off, not certain yet, that may move it."""

from argparse import Namespace
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.cli import cases as commands
from node.exchange.case_view import procedure_of
from node.exchange.due_list import describe_due, due_now
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.parts_to_send import PartToSend
from node.exchange.terms_drafts import Changes, change_terms
from node.records.clocks import Calendar, DayOff, make_calendar_record
from tests.exchange.case_steps import applied, open_records, stands, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office

DAYS_OFF = "urn:depesha:days-off:1"


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    return with_terms(await make_world(they_send=True, depesha=True))


async def test_an_end_says_on_both_sides_which_estimated_day_off_may_move_it(
    agreed: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for office, peer in ((agreed.ours, "theirs"), (agreed.theirs, "ours")):
        open_records(office, peer, DAYS_OFF, "Calendar")
        change_terms(office.node, peer, "returns", Changes(set=["reply=10 calendar-days calendars=requested"]), "test")
    agreed.ours.configured()
    now = agreed.clock()
    off = [DayOff(now.date() + timedelta(days=days), f"Feast {days}", days < 12) for days in (3, 11, 12)]
    calendar = Calendar(
        "theirs", now.date(), now.date() + timedelta(days=90), now, "test", days_off={one.day: one for one in off}
    )
    await sent_calendar(agreed, calendar)
    _, case = await applied(agreed)

    near = {"day": off[1].day.isoformat(), "name": "Feast 11"}
    for office, whose in ((agreed.ours, "theirs"), (agreed.theirs, "ours")):
        (deadline,) = stands(office, case)["deadlines"]
        assert deadline["may_move"] == [near | {"calendar": whose}]
        with office.node.database.read() as connection:
            (due,) = map(describe_due, due_now(office.node, connection))
        assert due["may_move"] == [near | {"calendar": whose}]
    (line,) = [one for one in printed(agreed.ours, case, monkeypatch, capsys) if one.startswith("may move")]
    assert f"{near['day']} Feast 11 (estimated), in the calendar of the partner" in line

    # A calendar that says it otherwise holds for what begins later, and moves nothing that runs.
    await sent_calendar(agreed, replace(calendar, days_off={}))
    _, later = await applied(agreed)
    assert [len(stands(agreed.theirs, one)["deadlines"][0]["may_move"]) for one in (case, later)] == [1, 0]


async def test_due_tells_an_end_by_our_own_rule(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = await make_world(they_send=True, depesha=True)  # without terms
    await applied(world)
    monkeypatch.setattr(commands, "open_node", lambda home: world.ours.node)
    asked = Namespace(home=str(world.ours.node.home), officer=None, unit=None, feed=False, json=False)
    capsys.readouterr()
    assert commands.due(asked) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    (line,) = (one for one in lines if "answer to the application" in one)
    assert line[heading.index("end by") :] == "by our own rule, no legal period"
    with_terms(world)
    assert commands.due(asked) == 0
    (line,) = (one for one in capsys.readouterr().out.splitlines() if "answer to the application" in one)
    assert "rule" not in line


async def test_a_line_of_a_period_names_its_persons_and_both_ends(
    agreed: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = agreed.clock()
    apply = ActOnPaper(
        act="apply", channel="mail", done=now, received=now, persons=["p1", "p2"], peer="theirs", domain="returns"
    )
    case = record_on_paper(agreed.ours.node, "new", apply, "test")["case"]
    until = (now + timedelta(days=12)).date()
    extend = ActOnPaper(
        act="extend", channel="fax", done=now, received=now, by_us=False, persons=["p1"], until=until
    )  # fmt: skip
    record_on_paper(agreed.ours.node, case, extend, "test")
    ends = {tuple(one["persons"]): one["end"]["earliest"] for one in stands(agreed.ours, case)["deadlines"]}
    assert ends.keys() == {("p1",), ("p2",)}
    lines = [one for one in printed(agreed.ours, case, monkeypatch, capsys) if one.startswith("period")]
    for (person,), end in ends.items():
        assert [one for one in lines if f" of {person}: until {end}," in one], lines

    def as_spans(*asked: Any) -> dict[str, Any]:
        shown = procedure_of(*asked)
        for one, latest in zip(shown["procedure"]["deadlines"], ("2030-01-01T00:00:00.000Z", None), strict=True):
            one["end"]["latest"] = latest
        return shown

    monkeypatch.setattr(commands, "procedure_of", as_spans)
    lines = [one for one in printed(agreed.ours, case, monkeypatch, capsys) if one.startswith("period")]
    first, second = sorted(ends.values())
    assert f"until between {first} and 2030-01-01T00:00:00.000Z, " in lines[0]
    assert f"until between {second} and an instant not known yet, " in lines[1]


def printed(
    office: Office, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines of `case show`."""
    monkeypatch.setattr(commands, "open_node", lambda home: office.node)
    capsys.readouterr()
    assert commands.show_case(Namespace(home=str(office.node.home), id=case, json=False)) == 0
    return capsys.readouterr().out.splitlines()


async def sent_calendar(world: World, calendar: Calendar) -> None:
    _, action, content = make_calendar_record(world.theirs.node.domains, calendar, calendar.issued)
    sent = world.theirs.submit("ours", PartToSend.of_bytes(content, "application/xml"), service=DAYS_OFF, action=action)
    await world.theirs.reaches(sent, "delivered")
