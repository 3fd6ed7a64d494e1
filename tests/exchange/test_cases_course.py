"""A case beyond its answer: interview, travel document, transfer of persons of several cases, outcome, and back.

After each act both sides show the same state and the same instants.
"""

from datetime import timedelta

import pytest

from tests.exchange.case_steps import (
    accepted,
    announced,
    applied,
    both_stand,
    deadlines,
    documented,
    done,
    instant,
    person,
    since,
    stands,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import RECORDS

TRAVEL = ("InterviewRequest", "InterviewResult", "TravelDocument", "TravelDocumentRequest")
TRANSFER = ("TransferNotice", "TransferConfirmation", "TransferOutcome")


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    """Both sides send, and have made terms that give every act its time."""
    return with_terms(
        await make_world(they_send=True, depesha=True),
        "interview=72 hours",
        "travel-document=72 hours",
        "transfer-reply=24 hours",
        "error=720 hours",
        opened=("Reply", *TRAVEL, *TRANSFER),
    )


async def test_an_interview_has_its_time_and_its_result_ends_that(agreed: World) -> None:
    application, case = await applied(agreed)
    one_person = ("    <Person>p3</Person>\n", "")
    asked = await done(agreed.ours, case, "interview-request.xml", one_person, concerning=application)
    assert instant(deadlines(agreed, case)["interview"]) == since(agreed.ours, asked) + timedelta(hours=72)
    allowed = {one["act"]: (one["service"], one["records"]) for one in stands(agreed.theirs, case)["allowed"]}
    assert allowed["report-interview"] == (RECORDS, ["InterviewResult"])
    assert allowed["clarify-request"] == ("urn:depesha:administrative:1", ["ClarificationRequest"])

    as_second = ("<Person>p3</Person>", "<Person>p1</Person>")
    await done(agreed.theirs, case, "interview-result.xml", as_second, concerning=asked)
    assert set(deadlines(agreed, case)) == {"reply"}


async def test_a_travel_document_has_its_time_its_validity_and_a_new_one_when_it_expires(agreed: World) -> None:
    application, case = await accepted(agreed)
    assert set(deadlines(agreed, case)) == {"travel-document", "transfer"}
    expires = (agreed.clock() + timedelta(days=30)).date()
    valid = ("2027-05-30", expires.isoformat())
    await done(agreed.theirs, case, "travel-document.xml", valid, concerning=application)
    shown = both_stand(agreed, case)
    assert shown["state"] == "documented"
    end = instant(deadlines(agreed, case)["document-validity"])
    assert end.date() in (expires, expires + timedelta(days=1))

    agreed.clock.advance(days=31)
    without = both_stand(agreed, case)
    assert (without["state"], without["persons"][0]["by_silence"]) == ("accepted", True)
    assert instant(without["persons"][0]["since"]["earliest"]) == end
    assert "new-travel-document" in {one["period"] for one in without["deadlines"]}


async def test_one_transport_takes_persons_of_several_cases_each_with_its_own_answer_and_outcome(
    agreed: World,
) -> None:
    _, first = await documented(agreed)
    _, second = await documented(agreed)
    notice = await announced(agreed, first, second)
    for case in (first, second):
        assert both_stand(agreed, case)["state"] == "announced"
        assert instant(deadlines(agreed, case)["transfer-reply"]) == since(agreed.ours, notice) + timedelta(hours=24)

    declined = "<Declined><Reason>The home has no place.</Reason></Declined>"
    answers = person(first, "<Confirmed><ReceivedAt>Zenith, airport</ReceivedAt></Confirmed>") + person(
        second, declined
    )
    await done(agreed.theirs, first, "transfer-confirmation.xml", concerning=notice, listed=answers)
    assert both_stand(agreed, first)["state"] == "notified"
    assert both_stand(agreed, second)["state"] == "documented"

    again = await announced(agreed, second)
    at = "2026-12-15T09:25:00Z"
    came = f"<Arrived><At>Zenith, airport</At><Time>{at}</Time><TakenOverBy>Border police</TakenOverBy></Arrived>"
    outcome = person(first, came, at) + person(
        second, "<NotArrived><Reason>other</Reason><Text>Another name.</Text></NotArrived>", at
    )
    told = await done(agreed.theirs, first, "transfer-outcome.xml", concerning=again, listed=outcome)
    arrived, stayed = both_stand(agreed, first), both_stand(agreed, second)
    assert (arrived["state"], stayed["state"]) == ("transferred", "documented")
    assert instant(deadlines(agreed, first)["error"]) == since(agreed.theirs, told) + timedelta(hours=720)
    assert "transfer" in deadlines(agreed, second), "who stayed is still to be transferred in time"
    agreed.clock.advance(days=31)
    assert both_stand(agreed, first)["state"] == "concluded"
