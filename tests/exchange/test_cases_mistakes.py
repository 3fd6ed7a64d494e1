"""What one side takes back: an application that was wrong, an answer before and after the other side acted on it.

After each act both sides show the same state and the same instants.
"""

from datetime import timedelta

import pytest

from node.exchange.case_fit import TIME_OVER
from node.exchange.judgement import ConfirmationNeeded
from node.exchange.parts_to_send import PartToSend
from tests.exchange.case_steps import (
    ACCEPTED,
    EXAMPLE_ID,
    applied,
    both_stand,
    example,
    instant,
    open_records,
    reply,
    sent_in,
    since,
    stands,
    submitted,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import ROOT, Office

ADMINISTRATIVE = "urn:depesha:administrative:1"
REPLY_TIME = timedelta(hours=240)
OPENED = ("Invalidation", "Answer", "Rejection", "Update", "Forward", "ParticipantAdded", "ParticipantRemoved")
FORWARD = ROOT / "schemas/administrative/1/examples/good/forward.xml"
NEW_VERSION = "7c1be1c2-0d5a-4a41-8a39-0c5ce0b8b5d1@fra.example"


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    """Both sides send, have made the same terms, and may take back what they sent."""
    world = with_terms(
        await make_world(they_send=True, depesha=True), "travel-document=72 hours", opened=("Reply", "TravelDocument")
    )
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        open_records(office, peer, ADMINISTRATIVE, *OPENED)
    world.ours.configured()
    return world


async def taken_back(by: Office, case: str, message: str) -> str:
    """The invalidation of this message, which the other side has; its id."""
    sent = sent_in(by, case, "invalidation.xml", concerning=message, service=ADMINISTRATIVE)
    await by.reaches(sent, "delivered")
    return sent


async def answered(by: Office, case: str, question: str, answer: str) -> None:
    """The answer, consented or declined, which the other side has."""
    sent = sent_in(by, case, f"answer-{answer}.xml", concerning=question, service=ADMINISTRATIVE)
    await by.reaches(sent, "delivered")


async def accepted(world: World) -> tuple[str, str, str]:
    """An application that was accepted: its id, its case, and the id of the reply."""
    application, case = await applied(world)
    answer = reply(world.theirs, case, "ours", application, ACCEPTED)
    await world.theirs.reaches(answer, "delivered")
    return application, case, answer


async def acted_on(world: World) -> tuple[str, str, str]:
    """The same, once a travel document rests on the reply."""
    application, case, answer = await accepted(world)
    issued = sent_in(world.theirs, case, "travel-document.xml", concerning=application)
    await world.theirs.reaches(issued, "delivered")
    assert both_stand(world, case)["state"] == "documented"
    return application, case, answer


async def test_an_application_taken_back_ends_its_period_and_the_corrected_one_starts_anew(agreed: World) -> None:
    wrong, case = await applied(agreed)
    agreed.clock.advance(days=4)
    await taken_back(agreed.ours, case, wrong)
    without = both_stand(agreed, case)
    assert (without["state"], without["deadlines"], without["turn"]) == ("invalidated", [], "nobody")
    assert {"apply", "apply-accelerated"} <= {one["act"] for one in without["allowed"]}

    agreed.clock.advance(days=10)
    assert both_stand(agreed, case)["state"] == "invalidated", "the silence of the first period means nothing"
    content = example("minimal-application.xml", ("<InterviewRequested>true", "<InterviewRequested>false"))
    corrected = submitted(agreed.ours, "theirs", content, "ReadmissionApplication", case=case).id
    await agreed.ours.reaches(corrected, "delivered")
    (period,) = both_stand(agreed, case)["deadlines"]
    started = instant(agreed.ours.shown(corrected)["receipt_time"])
    assert (period["period"], period["started_by"]) == ("reply", corrected)
    assert instant(period["end"]["earliest"]) == started + REPLY_TIME

    stale = reply(agreed.theirs, case, "ours", wrong, ACCEPTED)
    await agreed.theirs.reaches(stale, "delivered")
    after = both_stand(agreed, case)
    assert after["state"] == "applied", "an answer to the application taken back does not answer the corrected one"
    assert [one["message"] for one in after["findings"] if one["kind"] == "out-of-step"] == [stale]
    agreed.clock.advance(days=10, seconds=60)
    silent = both_stand(agreed, case)
    assert silent["state"] == "deemed-accepted"
    assert instant(silent["persons"][0]["since"]["earliest"]) == started + REPLY_TIME


async def test_a_reply_nobody_acted_on_is_taken_back_alone_and_its_period_goes_on(agreed: World) -> None:
    application, case, answer = await accepted(agreed)
    end = instant(agreed.ours.shown(application)["receipt_time"]) + REPLY_TIME
    await taken_back(agreed.theirs, case, answer)
    shown = both_stand(agreed, case)
    assert (shown["state"], [one["period"] for one in shown["deadlines"]]) == ("applied", ["reply"])
    assert instant(shown["deadlines"][0]["end"]["earliest"]) == end
    agreed.clock.advance(days=11)
    silent = both_stand(agreed, case)
    assert (silent["state"], instant(silent["persons"][0]["since"]["earliest"])) == ("deemed-accepted", end)


async def test_a_travel_document_nobody_acted_on_is_taken_back_alone_by_its_writer_only(agreed: World) -> None:
    application, case, _ = await accepted(agreed)
    before = both_stand(agreed, case)
    issued = sent_in(agreed.theirs, case, "travel-document.xml", concerning=application)
    await agreed.theirs.reaches(issued, "delivered")
    assert both_stand(agreed, case)["state"] == "documented"

    strange = await taken_back(agreed.ours, case, issued)
    after = both_stand(agreed, case)
    assert after["state"] == "documented"
    (finding,) = [one for one in after["findings"] if one["kind"] == "out-of-step"]
    assert (finding["message"], finding["reason"]) == (strange, "the act is the other party's")

    await taken_back(agreed.theirs, case, issued)
    again = both_stand(agreed, case)
    assert (again["state"], again["deadlines"]) == ("accepted", before["deadlines"])


async def test_a_rejected_document_is_due_from_its_writer_until_a_new_version_goes(agreed: World) -> None:
    application, case = await applied(agreed)
    rejection = sent_in(agreed.theirs, case, "rejection.xml", concerning=application, service=ADMINISTRATIVE)
    await agreed.theirs.reaches(rejection, "delivered")
    assert both_stand(agreed, case)["state"] == "applied"
    for office, awaits in ((agreed.ours, "ours"), (agreed.theirs, "theirs")):
        (asked,) = stands(office, case)["asked"]
        assert (asked["message"], asked["question"], asked["awaits"]) == (rejection, "rejection", awaits)

    update = sent_in(agreed.ours, case, "update.xml", concerning=application, service=ADMINISTRATIVE)
    await agreed.ours.reaches(update, "delivered")
    after = both_stand(agreed, case)
    assert after["asked"] == []
    assert after["versions"] == [{"message": application, "current": NEW_VERSION, "updates": [update]}]


async def test_both_sides_show_who_takes_part_and_to_whom_a_case_was_forwarded(agreed: World) -> None:
    _, case = await applied(agreed)
    sent = {}
    for name in ("participant-added.xml", "forward.xml"):
        sent[name] = sent_in(agreed.theirs, case, name, service=ADMINISTRATIVE)
        await agreed.theirs.reaches(sent[name], "delivered")
    both_stand(agreed, case)
    for office, by in ((agreed.ours, "theirs"), (agreed.theirs, "ours")):
        shown = stands(office, case)
        assert [(one["party"], one["role"], one["since"], one["by"]) for one in shown["participants"]] == [
            ("ours", "requesting", None, None), ("theirs", "requested", None, None),
            ("lim.example", "participant", "2026-12-01", by),
        ]  # fmt: skip
        (forwarded,) = shown["forwarded"]
        assert (forwarded["side"], forwarded["party"], forwarded["message"]) == (by, "lim.example", sent["forward.xml"])


async def test_whoever_writes_to_a_party_that_takes_no_part_any_more_is_asked(agreed: World) -> None:
    _, case = await applied(agreed)
    today = agreed.ours.node.now().date()
    for day, wanted in ((today + timedelta(days=1), []), (today, ["no-participant"])):
        left = sent_in(
            agreed.theirs, case, "participant-removed.xml",
            ("<Party>lim.example", "<Party>theirs"), ("<From>2026-12-10", f"<From>{day}"), service=ADMINISTRATIVE,
        )  # fmt: skip
        await agreed.theirs.reaches(left, "delivered")
        part = PartToSend.of_bytes(FORWARD.read_bytes(), "application/xml")
        rules: list[str] = []
        try:
            agreed.ours.submitted("theirs", part, service=ADMINISTRATIVE, action="Forward", case=case, ask_fit=True)
        except ConfirmationNeeded as refused:
            rules = [one.problem.rule for one in refused.findings]
        assert rules == wanted


async def test_a_reply_acted_on_is_taken_back_once_the_other_side_consents(agreed: World) -> None:
    application, case, answer = await acted_on(agreed)
    before = both_stand(agreed, case)
    wanted = await taken_back(agreed.theirs, case, answer)
    asked = both_stand(agreed, case)
    assert (asked["state"], asked["persons"], asked["deadlines"]) == (
        "documented", before["persons"], before["deadlines"]
    ), "the wish alone changes nothing"  # fmt: skip
    assert {one["act"]: one["of"] for one in asked["allowed"] if one["act"] in ("consent", "decline")} == {
        "consent": [wanted],
        "decline": [wanted],
    }
    assert not {"consent", "decline"} & {one["act"] for one in stands(agreed.theirs, case)["allowed"]}

    await answered(agreed.theirs, case, wanted, "consented")
    alone = both_stand(agreed, case)
    assert (alone["state"], alone["persons"]) == ("documented", before["persons"]), "nobody consents to his own wish"
    await answered(agreed.ours, case, wanted, "consented")
    after = both_stand(agreed, case)
    assert (after["state"], [one["period"] for one in after["deadlines"]]) == ("applied", ["reply"])
    started = instant(agreed.ours.shown(application)["receipt_time"])
    assert instant(after["deadlines"][0]["end"]["earliest"]) == started + REPLY_TIME


async def test_a_reply_acted_on_stays_when_the_other_side_declines(agreed: World) -> None:
    _, case, answer = await acted_on(agreed)
    before = both_stand(agreed, case)
    wanted = await taken_back(agreed.theirs, case, answer)
    await answered(agreed.ours, case, wanted, "declined")
    declined = both_stand(agreed, case)
    assert [declined[key] for key in ("state", "persons", "deadlines")] == [
        before[key] for key in ("state", "persons", "deadlines")
    ]
    assert not {"consent", "decline"} & {one["act"] for one in declined["allowed"]}
    await answered(agreed.ours, case, wanted, "consented")
    assert both_stand(agreed, case)["state"] == "documented", "what was declined is not open any more"


async def test_whoever_takes_an_answer_back_after_the_time_for_it_is_asked_since_silence_then_counts(
    agreed: World,
) -> None:
    """As of the end, though the answer had come in time: both sides see it so once it was confirmed and sent."""
    application, case = await applied(agreed)
    refused = "<Refused><Reason><Code>nationality-not-established</Code><Text>No proof.</Text></Reason></Refused>"
    answer = reply(agreed.theirs, case, "ours", application, refused)
    await agreed.theirs.reaches(answer, "delivered")
    end = since(agreed.ours, application) + REPLY_TIME

    def questions() -> list[str]:
        record = example(
            "invalidation.xml", (EXAMPLE_ID, answer), ("ReadmissionApplication", "Reply"), service=ADMINISTRATIVE
        )
        try:
            agreed.theirs.submitted(
                "ours", record, service=ADMINISTRATIVE, action="Invalidation", case=case, ask_fit=True
            )
        except ConfirmationNeeded as needed:
            return [one.problem.found for one in needed.findings if one.problem.rule == TIME_OVER]
        return []

    agreed.clock.advance(days=14)
    (asked,) = questions()
    assert asked.endswith(f"over since {end:%Y-%m-%d %H:%M} UTC, so at once deemed accepted: no answer came in time")
    await taken_back(agreed.theirs, case, answer)
    assert both_stand(agreed, case)["state"] == "deemed-accepted"


async def test_an_answer_that_is_taken_back_in_time_asks_nothing_of_the_time(agreed: World) -> None:
    application, case = await applied(agreed)
    answer = reply(agreed.theirs, case, "ours", application, ACCEPTED)
    await agreed.theirs.reaches(answer, "delivered")
    record = example(
        "invalidation.xml", (EXAMPLE_ID, answer), ("ReadmissionApplication", "Reply"), service=ADMINISTRATIVE
    )
    agreed.theirs.submitted("ours", record, service=ADMINISTRATIVE, action="Invalidation", case=case, ask_fit=True)
