"""How cases stand is kept with them, and never shown once it may be otherwise: each change is asked for at once."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select, update

from node.exchange import case_clocks, case_standing
from node.exchange.case_clocks import look_at_clocks
from node.exchange.case_marks import CHANGED
from node.exchange.case_standing import Standing, cases_with_state, standing_of, standings, touch_kept_otherwise
from node.exchange.case_view import compute_cases
from node.exchange.cases import CASE
from node.exchange.due_list import describe_due, due_now
from node.exchange.erasure import Erasing, erase
from node.exchange.listing import case_rows, find_case
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.scans_given import PaperRefused
from node.exchange.settlement import MESSAGE
from node.exchange.terms_drafts import Changes, change_terms
from node.records.clocks import Calendar
from tests.exchange.case_steps import ACCEPTED, applied, documented, instant, open_records, reply, sent_in, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office
from tests.exchange.test_cases_run import DAYS_OFF, sent_calendar

HOURS = 240
TRAVEL = ("Reply", "TravelDocument", "TransferNotice")
ACTS = (
    "apply", "acknowledge", "ask-particulars", "give-particulars", "accept", "refuse", "extend", "withdraw",
    "issue-document", "announce-transfer", "confirm-transfer", "report-arrival", "begin-obstacle", "end-obstacle",
    "correct-data", "confirm-data",
)  # fmt: skip


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    return with_terms(await make_world(they_send=True, depesha=True))


def looked(*offices: Office) -> None:
    for office in offices:
        while look_at_clocks(office.node):
            continue


def from_scratch(office: Office) -> list[Standing | None]:
    """What a computation of every case gives."""
    now = office.node.now()
    with office.node.database.read() as connection:
        rows = case_rows(connection, 100)
        computed = list(compute_cases(office.node, connection, rows, now))
    return [None if one is None else standing_of(one) for one in computed]


def asked(office: Office) -> list[Standing | None]:
    """What lists are given; the same as is computed, whatever is kept."""
    with office.node.database.read() as connection:
        found = list(standings(office.node, connection, case_rows(connection, 100), office.node.now()))
    assert found == from_scratch(office)
    return found


def computed_when_asked(office: Office, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many cases had to be computed for an answer."""
    counted = 0

    def counting(node: Any, connection: Any, rows: Any, now: Any) -> Any:
        nonlocal counted
        counted += len(rows)
        return compute_cases(node, connection, rows, now)

    with monkeypatch.context() as patched:
        patched.setattr(case_standing, "compute_cases", counting)
        asked(office)
    return counted


def ends(office: Office) -> list[str]:
    """The ends of what is due, and of the list the same where it shows one."""
    with office.node.database.read() as connection:
        due = [describe_due(one) for one in due_now(office.node, connection)]
        listed = cases_with_state(office.node, connection, case_rows(connection, 100))
    assert {one["next_deadline"] for one in listed} - {None} <= {one["end"] for one in due}
    return sorted(one["end"] for one in due)


async def test_what_a_look_kept_is_shown_without_another_computation(
    agreed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = await applied(agreed)
    assert computed_when_asked(agreed.ours, monkeypatch) == 1, "no look has kept it"
    looked(agreed.ours)
    assert computed_when_asked(agreed.ours, monkeypatch) == 0
    before = ends(agreed.ours)
    assert len(before) == 1
    await applied(agreed)
    assert computed_when_asked(agreed.ours, monkeypatch) == 1, "of two, the one that is new"
    assert len(ends(agreed.ours)) == 2
    assert first


async def test_an_act_counts_at_once(agreed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    application, case = await applied(agreed)
    looked(agreed.ours, agreed.theirs)
    before = ends(agreed.theirs)
    answer = reply(agreed.theirs, case, "ours", application, ACCEPTED)
    (pending,) = asked(agreed.theirs)
    assert pending is not None
    assert (pending.state, pending.pending) == ("applied", True)
    looked(agreed.theirs)
    await agreed.theirs.reaches(answer, "delivered")
    for office in (agreed.ours, agreed.theirs):
        (standing,) = asked(office)
        assert standing is not None
        assert (standing.state, standing.pending) == ("accepted", False)
        assert ends(office) != before
    record_on_paper(
        agreed.ours.node, case, ActOnPaper(act="withdraw", channel="fax", done=agreed.clock(), persons=["p1"]), "test"
    )
    assert ends(agreed.ours) == []


async def test_time_alone_counts_at_once(agreed: World) -> None:
    await applied(agreed)
    looked(agreed.ours)
    agreed.clock.advance(hours=HOURS)
    (standing,) = asked(agreed.ours)
    assert standing is not None
    assert (standing.state, standing.deemed) == ("deemed-accepted", True)
    assert len(ends(agreed.ours)) == 2, "of the transfer and of what goes before it"


async def test_a_list_that_another_case_holds_counts_at_once(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = with_terms(
        await make_world(they_send=True, depesha=True),
        "travel-document=72 hours",
        "transfer-reply=24 hours",
        opened=TRAVEL,
    )
    (_, first), (_, second) = [await documented(world) for _ in range(2)]
    looked(world.ours, world.theirs)
    before = ends(world.ours)
    listed = f"<Listed><Case>{second}</Case><Person>p1</Person></Listed>"
    notice = sent_in(world.ours, first, "transfer-notice.xml", listed=listed)
    await world.ours.reaches(notice, "delivered")
    for office in (world.ours, world.theirs):
        assert computed_when_asked(office, monkeypatch) == 2, "also the case that it names"
        received = instant(world.ours.shown(notice)["receipt_time"])
        assert len(ends(office)) > len(before)
        looked(office)
        assert computed_when_asked(office, monkeypatch) == 0
        assert any(instant(end) == received + timedelta(hours=24) for end in ends(office))


async def test_terms_count_at_once(agreed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    application, case = await applied(agreed)
    await agreed.theirs.reaches(reply(agreed.theirs, case, "ours", application, ACCEPTED), "delivered")
    looked(agreed.ours)
    change_terms(agreed.ours.node, "theirs", "returns", Changes(set=["transfer=9 months calendars=none"]), "test")
    assert computed_when_asked(agreed.ours, monkeypatch) == 1
    looked(agreed.ours)
    assert computed_when_asked(agreed.ours, monkeypatch) == 0


async def test_days_off_count_at_once(agreed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for office, peer in ((agreed.ours, "theirs"), (agreed.theirs, "ours")):
        open_records(office, peer, DAYS_OFF, "Calendar")
        change_terms(office.node, peer, "returns", Changes(set=["reply=10 working-days calendars=requested"]), "test")
    agreed.ours.configured()
    await applied(agreed)
    looked(agreed.ours, agreed.theirs)
    without = ends(agreed.ours)
    today = agreed.clock().date()
    days = Calendar(party="theirs", first=today, last=today + timedelta(days=90), issued=agreed.clock(), source="test")
    await sent_calendar(agreed, days)
    for office in (agreed.ours, agreed.theirs):
        assert any(one is not None and one.periods[0].earliest is not None for one in asked(office))
        assert ends(office) != without
        looked(office)
        assert computed_when_asked(office, monkeypatch) == 0


async def test_what_is_erased_counts_at_once(agreed: World) -> None:
    application, case = await applied(agreed)
    await agreed.theirs.reaches(reply(agreed.theirs, case, "ours", application, ACCEPTED), "delivered")
    looked(agreed.ours)
    node = agreed.ours.node
    with node.database.write() as connection:
        rows = connection.execute(select(MESSAGE).where(MESSAGE.c.message_id == application)).mappings()
        erase(connection, Erasing.of(node, connection, dict(rows.one())), "test", node.now())
    with node.database.read() as connection:
        assert find_case(connection, case)["clock_at"] == CHANGED
    asked(agreed.ours)


async def test_what_was_heard_of_the_partner_changes_nothing_that_is_kept(agreed: World) -> None:
    await applied(agreed)
    looked(agreed.ours, agreed.theirs)
    before = ends(agreed.ours)
    # A message in another case says up to when all that they sent is known here.
    agreed.clock.advance(hours=1)
    await applied(agreed)
    assert set(before) <= set(ends(agreed.ours))
    asked(agreed.ours)


async def test_what_an_older_program_or_other_domains_kept_is_not_shown(
    agreed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await applied(agreed)
    looked(agreed.ours)
    with agreed.ours.node.database.write() as connection:
        connection.execute(update(CASE).values(standing_by="another", standing="{}"))
    assert computed_when_asked(agreed.ours, monkeypatch) == 1
    assert touch_kept_otherwise(agreed.ours.node, 50) == 1
    looked(agreed.ours)
    assert computed_when_asked(agreed.ours, monkeypatch) == 0
    assert touch_kept_otherwise(agreed.ours.node, 50) == 0


async def test_what_is_kept_holds_for_no_instant_before_it(agreed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await applied(agreed)
    agreed.clock.advance(hours=HOURS)
    looked(agreed.ours)
    agreed.clock.advance(hours=-1)
    (standing,) = asked(agreed.ours)
    assert standing is not None
    assert standing.state == "applied"


async def test_a_change_during_a_look_is_not_lost(agreed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, case = await applied(agreed)
    compute = case_clocks.compute_cases

    def overtaken(*arguments: Any) -> Any:
        computed = list(compute(*arguments))
        change = Changes(set=["reply=100 hours silence=accepted"])
        change_terms(agreed.ours.node, "theirs", "returns", change, "test")
        return iter(computed)

    with monkeypatch.context() as patched:
        patched.setattr(case_clocks, "compute_cases", overtaken)
        look_at_clocks(agreed.ours.node)
    with agreed.ours.node.database.read() as connection:
        assert find_case(connection, case)["clock_at"] == CHANGED, "the look counts for nothing"
    asked(agreed.ours)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_kept_is_what_is_computed_after_any_acts(agreed: World, seed: int) -> None:
    chance = Random(seed)
    office, cases = agreed.ours, ["new"]

    def act() -> None:
        case = chance.choice(cases)
        name = "apply" if case == "new" else chance.choice(ACTS)
        told = ActOnPaper(
            act=name, channel="fax", done=agreed.clock(), by_us=chance.random() < 0.5,
            received=agreed.clock() if chance.random() < 0.5 else None, persons=[chance.choice(["p1", "p2"])],
            peer="theirs" if case == "new" else None, domain="returns" if case == "new" else None,
        )  # fmt: skip
        try:
            found = record_on_paper(office.node, case, told, "test")["case"]
        except PaperRefused:
            return
        if case == "new":
            cases.append(found)

    def terms() -> None:
        figure = f"reply={chance.randrange(24, 400)} hours silence={chance.choice(['accepted', 'overdue'])}"
        change_terms(office.node, "theirs", "returns", Changes(set=[figure]), "test")

    steps: list[tuple[Callable[[], object], int]] = [
        (act, 10),
        (terms, 1),
        (lambda: look_at_clocks(office.node, limit=chance.choice([1, 50])), 4),
        (lambda: agreed.clock.advance(hours=chance.choice([1, 30, 300])), 3),
    ]
    for _ in range(60):
        [step] = chance.choices([one for one, _ in steps], [weight for _, weight in steps])
        step()
        asked(office)
    assert len(cases) > 2
