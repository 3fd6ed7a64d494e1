"""A case closed and opened again by consent, and the shared records that are on record and change nothing.

After each act both sides show the same state and the same instants.
"""

import pytest

from tests.exchange.case_steps import (
    applied,
    both_stand,
    deadlines,
    done,
    instant,
    open_records,
    stands,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office

ADMINISTRATIVE = "urn:depesha:administrative:1"
WHOLE_CASE = ("  <Person>p2</Person>\n", "")


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    world = with_terms(await make_world(they_send=True, depesha=True))
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        open_records(
            office, peer, ADMINISTRATIVE,
            "CloseRequest", "ReopenRequest", "Answer", "Rejection", "Update", "Exception",
        )  # fmt: skip
    world.ours.configured()
    return world


async def said(by: Office, case: str, name: str, *changes: tuple[str, str], concerning: str | None = None) -> str:
    return await done(by, case, name, *changes, concerning=concerning, service=ADMINISTRATIVE)


async def test_a_case_is_closed_by_consent_and_opened_again_with_its_old_end(agreed: World) -> None:
    _, case = await applied(agreed)
    before = deadlines(agreed, case)
    assert set(before) == {"reply"}
    wish = await said(agreed.ours, case, "close-request.xml", WHOLE_CASE)
    asked = both_stand(agreed, case)
    assert (asked["state"], deadlines(agreed, case)) == ("applied", before), "the wish alone closes nothing"
    assert [one["of"] for one in stands(agreed.theirs, case)["allowed"] if one["act"] == "consent"] == [[wish]]
    await said(agreed.theirs, case, "answer-consented.xml", concerning=wish)
    closed = both_stand(agreed, case)
    assert (closed["state"], closed["deadlines"]) == ("closed", [])

    agreed.clock.advance(days=3)
    again = await said(agreed.theirs, case, "reopen-request.xml")
    assert both_stand(agreed, case)["state"] == "closed"
    await said(agreed.ours, case, "answer-consented.xml", concerning=again)
    assert both_stand(agreed, case)["state"] == "applied"
    assert deadlines(agreed, case) == before, "what ran goes on with the end that it had"
    agreed.clock.advance(days=8)
    silent = both_stand(agreed, case)
    assert silent["state"] == "deemed-accepted"
    assert instant(silent["persons"][0]["since"]["earliest"]) == instant(before["reply"])


async def test_a_rejection_a_new_version_and_an_exception_are_on_record_and_change_nothing(agreed: World) -> None:
    application, case = await applied(agreed)
    before = both_stand(agreed, case)
    sent = {
        await said(agreed.theirs, case, "rejection.xml", concerning=application),
        await said(agreed.ours, case, "update.xml", concerning=application),
        await said(agreed.theirs, case, "exception.xml", concerning=application),
    }
    after = both_stand(agreed, case)
    same = ("state", "persons", "steps", "deadlines", "turn")
    assert [after[key] for key in same] == [before[key] for key in same]
    for office in (agreed.ours, agreed.theirs):
        assert {one["id"] for one in office.listed(case=case)} == {application, *sent}
        assert stands(office, case)["findings"] == []
