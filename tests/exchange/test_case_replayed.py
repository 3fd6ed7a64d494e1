"""A case in a node's store: replayed from its events it is what `case show` prints and what was kept of it."""

import json
from datetime import timedelta

from node.exchange.case_clocks import look_at_clocks
from node.exchange.case_standing import standing_of, standings
from node.exchange.case_view import ComputedCase, compute_case, describe_case, procedure_of
from node.exchange.handling import withdraw_message
from node.exchange.listing import find_case, instant_text
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.terms_drafts import Changes, change_terms
from node.records.procedure_stored import read_event, write_event
from node.records.procedure_view import view
from tests.exchange.case_steps import (
    applied,
    both_stand,
    documented,
    instant,
    open_records,
    person,
    sent_in,
    stands,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office
from tests.exchange.test_paper_to_wire import SHARED, stated, tell

TRAVEL = ("Reply", "TravelDocument", "TransferNotice")
HOURS = 240
NINE_MONTHS = Changes(set=["transfer=9 months calendars=none"])


async def made(make_world: WorldMaker, **more: bool) -> World:
    world = with_terms(await make_world(depesha=True, **more), opened=TRAVEL)
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        open_records(office, peer, SHARED, "ActOnPaper", "Invalidation", "Answer")
    world.ours.configured()
    return world


def replayed(office: Office, case: str) -> ComputedCase:
    """The case by its events as JSON, after a look that all ways to see it agree."""
    while look_at_clocks(office.node):
        continue
    now = office.node.now()
    with office.node.database.read() as connection:
        row = find_case(connection, case)
        computed = compute_case(office.node, connection, row, now)
        assert computed is not None
        stored = json.loads(json.dumps([write_event(one) for one in computed.case.events]))
        found = ComputedCase(
            computed.case,
            computed.terms,
            view(
                computed.case.procedure, computed.terms.now, [read_event(one) for one in reversed(stored)], now,
                own=computed.case.own, heard_until=computed.case.heard_until, kept=computed.terms.kept,
                held=computed.terms.held,
            ),
            computed.domains,
        )  # fmt: skip
        shown = procedure_of(office.node, connection, row)["procedure"]
        (kept,) = standings(office.node, connection, [row], now)
        assert row["standing"] is not None or computed.view.pending, "the look has kept it"
    described = describe_case(found)
    shown["on_paper"] = [{key: one[key] for key in described["on_paper"][0]} for one in shown["on_paper"]]
    assert described == {key: shown[key] for key in described}
    assert standing_of(found) == kept
    return found


async def test_what_is_shown_and_kept_is_what_a_replay_of_the_stored_events_gives(make_world: WorldMaker) -> None:
    """A case with mistakes taken back by consent, an act on paper that both state, terms that change, an end."""
    world = await made(make_world, they_send=True)
    _, case = await documented(world)
    for office in (world.ours, world.theirs):
        assert replayed(office, case).view.state == "documented"
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        change_terms(office.node, peer, "returns", NINE_MONTHS, "test")
    done = world.clock()
    told = ActOnPaper(act="begin-obstacle", channel="fax", done=done, persons=["p1"])
    record_on_paper(world.ours.node, case, told, "test")
    world.clock.advance(hours=3)
    record_on_paper(world.theirs.node, case, ActOnPaper("begin-obstacle", "fax", done, False, None, ["p1"]), "test")
    for office in (world.ours, world.theirs):
        assert replayed(office, case).view.state == "documented"
    pending = sent_in(world.ours, case, "transfer-notice.xml", listed=person(case))
    replayed(world.ours, case)
    await world.ours.reaches(pending, "delivered")
    world.clock.advance(days=200)
    for office in (world.ours, world.theirs):
        replayed(office, case)


async def test_a_period_that_an_end_starts_keeps_what_held_then(make_world: WorldMaker) -> None:
    world = await made(make_world)
    _, case = await applied(world)
    world.clock.advance(hours=HOURS + 1)
    before = {one["period"]: one["end"] for one in both_stand(world, case)["deadlines"]}
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        change_terms(office.node, peer, "returns", NINE_MONTHS, "test")
    after = {one["period"]: one["end"] for one in both_stand(world, case)["deadlines"]}
    assert before["transfer"] is not None
    assert after == before, "later terms do not move it"
    _, later = await applied(world)
    world.clock.advance(hours=HOURS + 1)
    transfer = {one["period"]: one for one in both_stand(world, later)["deadlines"]}["transfer"]
    assert instant(transfer["end"]["latest"]) - instant(transfer["start"]["latest"]) > timedelta(days=270)


async def test_what_is_told_of_paper_leaves_what_was_recorded_until_it_is_receipted(make_world: WorldMaker) -> None:
    world = await made(make_world, they_serve=False)
    ours, done = world.ours, world.clock()
    paper = ActOnPaper("apply", "mail", done, received=done, persons=["p1"], peer="theirs", domain="returns")
    case = str(record_on_paper(ours.node, "new", paper, "test")["case"])
    message = tell(ours, "theirs", case, stated(str(instant_text(done)), "writer"))
    waiting = stands(ours, case)
    assert (waiting["state"], waiting["expected"], waiting["pending"]) == ("applied", "applied", [message])
    assert [one for one in waiting["findings"] if one["kind"] == "out-of-step"] == []
    withdraw_message(ours.node, message, "test")
    given_up = stands(ours, case)
    assert (given_up["state"], given_up["expected"], given_up["pending"]) == ("applied", "applied", [])
    for shown, told in ((waiting, "waits"), (given_up, "failed")):
        (one,) = shown["on_paper"]
        assert (one["act"], one["told"], one["message"]) == ("apply", told, message)
