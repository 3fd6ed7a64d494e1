"""Sent to the wrong party: recalled, erased by an officer there, confirmed; and the breach that it was.

What proves that it came stays on both sides, and both go on computing the same case.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from node.exchange.alarms import list_alarms, settle_alarm
from node.exchange.breaches import close_breach, list_breaches, warn_of_breaches
from node.exchange.contents import envelope_of, part_octets
from node.exchange.due_list import describe_due, due_now
from node.exchange.judgement import SubmissionRefused
from node.exchange.listing import NotFound, find_case
from node.exchange.person_find import find_person
from node.exchange.person_links import LINK
from node.exchange.recall_rows import list_recalls
from node.exchange.recalls import answer_recall, recall_message
from node.exchange.search_index import SEARCH, build
from node.exchange.settlement import ALARM, MESSAGE
from node.store.columns import new_row_id
from node.store.payloads import PayloadErased
from tests.exchange.case_steps import ACCEPTED, applied, both_stand, example, instant, reply, submitted, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office

pytestmark = pytest.mark.theirs_on_both_databases
REASON = "The file of another country's border police."
PLACE, OFFICE = "Zenith", "Head of the readmission department"


@pytest.fixture
async def world(make_world: WorldMaker) -> World:
    """Both sides send, with the same terms, and may ask for erasure."""
    return with_terms(
        await make_world(they_send=True, depesha=True), opened=("Reply", "ErasureNotice", "DataConfirmation")
    )


async def recalled(world: World, message: str, **more: Any) -> dict[str, Any]:
    """The recall, which the other side has."""
    done = recall_message(world.ours.node, world.ours.directory.snapshot(), message, REASON, "anna", **more)
    world.ours.courier.wake()
    await world.ours.reaches(done["request"], "delivered")
    return done


async def answered(world: World, message: str, **more: Any) -> dict[str, Any]:
    """The answer to a recall, which the other side has."""
    snapshot = world.theirs.directory.snapshot()
    done = answer_recall(world.theirs.node, snapshot, message, PLACE, OFFICE, "boris", **more)
    world.theirs.courier.wake()
    await world.theirs.reaches(done["confirmation"], "delivered")
    return done


def due_of(office: Office, act: str) -> list[dict[str, Any]]:
    with office.node.database.read() as connection:
        return [row for row in map(describe_due, due_now(office.node, connection)) if act in row["act"]]


def open_recalls(office: Office, answered: bool = False) -> list[dict[str, Any]]:
    with office.node.database.read() as connection:
        return list_recalls(connection, answered=answered)


def breaches(office: Office, closed: bool = False) -> list[dict[str, Any]]:
    with office.node.database.read() as connection:
        return list_breaches(office.node, connection, closed=closed)


async def test_a_recall_is_due_there_until_an_officer_erases_and_confirms(world: World) -> None:
    message, _ = await applied(world)
    done = await recalled(world, message)
    (asked,) = open_recalls(world.theirs)
    assert (asked["message"], asked["request"], asked["direction"]) == (message, done["request"], "in")
    (there,) = due_of(world.theirs, "erasure")
    assert (there["awaits"], there["reach"], there["over"]) == ("ours", "team", False)
    assert [row["awaits"] for row in due_of(world.ours, "erasure")] == ["theirs"]

    outcome = await answered(world, done["request"])
    assert (outcome["id"], outcome["outcome"]) == (message, "erased")
    for office in (world.ours, world.theirs):
        assert due_of(office, "erasure") == []
        (kept,) = open_recalls(office, answered=True)
        assert (kept["outcome"], kept["confirmation"]) == ("erased", outcome["confirmation"])
    with pytest.raises(SubmissionRefused, match="answered before"):
        await answered(world, message)


async def test_what_is_erased_cannot_be_read_or_found_and_what_proves_that_it_came_stays(world: World) -> None:
    message, _ = await applied(world)
    _, other = await applied(world)
    theirs = world.theirs
    row = theirs.row(message)
    with theirs.node.database.read() as connection:
        cases = [find_case(connection, one)["id"] for one in (row["conversation_id"], other)]
    link = {"first_case": cases[0], "first_person": "p1", "second_case": cases[1], "second_person": "p1"}
    with theirs.node.database.write() as connection:
        connection.execute(
            insert(LINK).values(
                id=new_row_id(theirs.node.now()), kind="same", made_at=theirs.node.now(), made_by="x", **link
            )
        )
    assert len(find_person(theirs.node, "arkfreith", "test", None)["found"]) == 2
    before = theirs.shown(message)
    await recalled(world, message)
    await answered(world, message)

    with pytest.raises(PayloadErased):
        b"".join(part_octets(theirs.node, row["id"])[0].open())
    assert [one["case"] for one in find_person(theirs.node, "arkfreith", "test", None)["found"]] == ["2026-0002"]
    assert [one["terms"] for one in theirs.rows(SEARCH) if one["message"] == row["id"]] == [""]
    assert build(theirs.node) == {"indexed": 0, "unreadable": 0}
    assert theirs.count(LINK) == 0
    assert b"DigestValue" in envelope_of(theirs.node, row["id"])
    after = theirs.shown(message)
    assert after["parts"][0]["sha256"] == before["parts"][0]["sha256"]
    assert after["receipt_time"] == before["receipt_time"]
    assert b"".join(part_octets(world.ours.node, world.ours.row(message)["id"])[0].open())


async def test_what_persons_noted_of_a_message_is_erased_with_it(world: World) -> None:
    message, _ = await applied(world)
    node = world.theirs.node
    told = {"kind": "infected", "peer": "ours", "message": world.theirs.row(message)["id"], "detail": "part 1"}
    with node.database.write() as connection:
        connection.execute(insert(ALARM).values(id=17, time=node.now(), **told))
    settle_alarm(node, "17", "It is the file of the person whom we know.", "boris")
    await recalled(world, message)
    assert [one["note"] for one in list_alarms(node, settled=True)] == ["It is the file of the person whom we know."]
    await answered(world, message)
    assert [one["note"] for one in list_alarms(node, settled=True)] == [None]


async def test_the_case_stands_alike_on_both_sides_after_an_erasure(world: World) -> None:
    message, case = await applied(world)
    answer = reply(world.theirs, case, "ours", message, ACCEPTED)
    await world.theirs.reaches(answer, "delivered")
    before = both_stand(world, case)
    await recalled(world, message)
    await answered(world, message)
    after = both_stand(world, case)
    assert (after["state"], after["persons"], after["deadlines"]) == (
        before["state"],
        before["persons"],
        before["deadlines"],
    )


async def test_what_is_kept_on_a_ground_is_answered_so_and_stays(world: World) -> None:
    message, _ = await applied(world)
    await recalled(world, message)
    outcome = await answered(world, message, kept="The law on archives asks for two years.")
    assert outcome["outcome"] == "kept"
    assert b"".join(part_octets(world.theirs.node, world.theirs.row(message)["id"])[0].open())
    assert [one["outcome"] for one in open_recalls(world.ours, answered=True)] == ["kept"]
    assert [one["recall_outcome"] for one in breaches(world.ours)] == ["kept"]


async def test_nobody_recalls_what_another_sent_or_what_has_not_arrived_or_twice(world: World) -> None:
    message, case = await applied(world)
    answer = reply(world.theirs, case, "ours", message, ACCEPTED)
    await world.theirs.reaches(answer, "delivered")
    request = example("erasure-notice.xml", ("2f0c7f0e-7d3a-4c55-9b1e-1f0a3f6f2c11@fra.example", answer),
                     ("<Person>p2</Person>", ""), ("<Extent>persons", "<Extent>message"))  # fmt: skip
    forged = submitted(world.ours, "theirs", request, "ErasureNotice", case=case).id
    await world.ours.reaches(forged, "delivered")
    assert open_recalls(world.theirs) == [], "it names a message of theirs, not of its sender"
    with pytest.raises(NotFound):
        answer_recall(world.theirs.node, world.theirs.directory.snapshot(), answer, PLACE, OFFICE, "boris")

    snapshot = world.ours.directory.snapshot()
    with pytest.raises(SubmissionRefused, match="only what its receiver has"):
        recall_message(world.ours.node, snapshot, answer, REASON, "anna")
    await recalled(world, message)
    with pytest.raises(SubmissionRefused, match="recalled before"):
        recall_message(world.ours.node, snapshot, message, REASON, "anna")
    assert len(breaches(world.ours)) == 1
    queued = [one for one in world.ours.rows(MESSAGE) if one["action"] == "ErasureNotice"]
    assert len(queued) == 2, "the second recall left nothing"


async def test_a_breach_runs_72_hours_from_awareness_and_warns_a_day_before(world: World) -> None:
    message, _ = await applied(world)
    aware = world.ours.node.now()
    world.clock.advance(hours=10)
    with pytest.raises(SubmissionRefused, match="--aware"):
        await recalled(world, message, aware=world.ours.node.now() + timedelta(hours=1))
    done = await recalled(world, message, aware=aware)
    assert instant(done["end"]) == aware + timedelta(hours=72)
    (item,) = due_of(world.ours, "supervisory authority")
    assert (instant(item["end"]), item["awaits"], item["case"]) == (aware + timedelta(hours=72), "ours", done["number"])
    assert warn_of_breaches(world.ours.node) == 0
    world.clock.advance(hours=38)
    assert warn_of_breaches(world.ours.node) == 1
    assert warn_of_breaches(world.ours.node) == 0
    (alarm,) = world.ours.alarms("breach-near-end")
    assert REASON not in alarm["detail"]

    world.clock.advance(hours=25)
    assert [row["over"] for row in due_of(world.ours, "supervisory authority")] == [True]
    assert [row["over"] for row in breaches(world.ours)] == [True]
    closed = close_breach(world.ours.node, done["breach"], "Told under number 17.", "anna", world.ours.node.now())
    assert (closed["outcome"], closed["reason"], closed["done"]) == ("notified", REASON, "Told under number 17.")
    assert due_of(world.ours, "supervisory authority") == []
    assert world.ours.alarms("breach-near-end") == []
    with pytest.raises(SubmissionRefused, match="closed"):
        close_breach(world.ours.node, done["breach"], "Again.", "anna")
    assert [one["id"] for one in breaches(world.ours, closed=True)] == [done["breach"]]


async def test_a_breach_without_a_risk_is_closed_by_the_reason_why(world: World) -> None:
    message, _ = await applied(world)
    done = await recalled(world, message)
    closed = close_breach(world.ours.node, done["breach"], "Never opened, and erased at once.", "anna")
    assert (closed["outcome"], closed["notified"], closed["over"]) == ("not-needed", None, False)
    assert due_of(world.ours, "erasure") != [], "the erasure is still awaited"
