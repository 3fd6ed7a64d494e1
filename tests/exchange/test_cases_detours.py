"""What turns a case off its straight way: an error taken back, a document issued instead, an obstacle, haste, transit.

After each act both sides show the same state and the same instants.
"""

from datetime import timedelta

from node.exchange.terms_drafts import Changes
from tests.exchange.case_steps import (
    TERMS,
    accepted,
    announced,
    both_stand,
    deadlines,
    documented,
    done,
    example,
    instant,
    person,
    reply,
    since,
    stands,
    submitted,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker

# Where the terms name who issues a document when none comes.
INSTEAD = Changes(
    template="switzerland-serbia",
    places=TERMS.places,
    countries=["ours=CHE", "theirs=SRB"],
    confirm=["counting"],
    set=[
        "reply=240 hours silence=accepted",
        "travel-document=72 hours",
        "new-travel-document=48 hours",
        "transfer=3 months calendars=none",
    ],
    drop=["document-validity"],
)


def out_of_step(world: World, case: str) -> list[str]:
    return [one["message"] for one in both_stand(world, case)["findings"] if one["kind"] == "out-of-step"]


async def test_who_was_readmitted_in_error_is_taken_back(make_world: WorldMaker) -> None:
    world = with_terms(
        await make_world(they_send=True, depesha=True),
        "error=720 hours",
        opened=("Reply", "TravelDocument", "TransferNotice", "TransferOutcome", "ErrorClaim", "ErrorReturn"),
    )
    _, case = await documented(world)
    notice = await announced(world, case)
    at = "2026-12-15T09:25:00Z"
    came = f"<Arrived><At>Zenith, airport</At><Time>{at}</Time><TakenOverBy>Border police</TakenOverBy></Arrived>"
    told = await done(world.theirs, case, "transfer-outcome.xml", concerning=notice, listed=person(case, came, at))
    assert set(deadlines(world, case)) == {"error"}

    claim = await done(world.theirs, case, "error-claim.xml", concerning=told)
    claimed = both_stand(world, case)
    assert (claimed["state"], claimed["deadlines"]) == ("returned", [])
    world.clock.advance(days=31)
    assert both_stand(world, case)["state"] == "returned", "the time to claim ends nothing once it was claimed"
    assert {"plan-return", "report-return"} <= {one["act"] for one in stands(world.ours, case)["allowed"]}

    planned = ("<Person>p2</Person>", "<Person>p3</Person>")
    await done(world.ours, case, "error-return.xml", planned, concerning=claim)
    assert both_stand(world, case)["state"] == "returned", "a plan takes nobody back"
    taken = (("<Person>p1</Person>", "<Person>p3</Person>"), ("<Person>p2</Person>", "<Person>p1</Person>"))
    await done(world.ours, case, "error-return.xml", *taken, concerning=claim)
    assert both_stand(world, case)["state"] == "taken-back"


async def test_who_the_terms_name_issues_the_document_that_did_not_come(make_world: WorldMaker) -> None:
    world = with_terms(
        await make_world(they_send=True, depesha=True),
        opened=("Reply", "TravelDocument", "TravelDocumentRequest"),
        terms=INSTEAD,
    )
    application, case = await documented(world)
    assert both_stand(world, case)["state"] == "documented"
    asked = await done(world.ours, case, "travel-document-request.xml", concerning=application)
    assert both_stand(world, case)["state"] == "accepted"
    assert instant(deadlines(world, case)["new-travel-document"]) == since(world.ours, asked) + timedelta(hours=48)

    early = await done(world.ours, case, "travel-document-instead.xml", concerning=asked)
    assert both_stand(world, case)["state"] == "accepted"
    assert out_of_step(world, case) == [early]

    world.clock.advance(days=3)
    assert "issue-instead" in {one["act"] for one in stands(world.ours, case)["allowed"]}
    assert "issue-instead" not in {one["act"] for one in stands(world.theirs, case)["allowed"]}
    await done(world.ours, case, "travel-document-instead.xml", concerning=asked)
    assert both_stand(world, case)["state"] == "documented"


async def test_an_accelerated_application_is_answered_within_its_shorter_time(make_world: WorldMaker) -> None:
    world = with_terms(await make_world(they_send=True, depesha=True), "reply-accelerated=48 hours silence=accepted")
    accelerated = example(
        "minimal-application.xml",
        ("<InterviewRequested>true", "<InterviewRequested>false"),
        ("<AcceleratedProcedure>false", "<AcceleratedProcedure>true"),
    )
    sent = submitted(world.ours, "theirs", accelerated, "ReadmissionApplication")
    await world.ours.reaches(sent.id, "delivered")
    end = since(world.ours, sent.id) + timedelta(hours=48)
    assert {name: instant(one) for name, one in deadlines(world, sent.case).items()} == {"reply-accelerated": end}

    until = (world.clock() + timedelta(days=4)).date()
    asked = (
        f"<ExtensionAsked><Until>{until}</Until><Reason><Code>verification-abroad</Code><Text>The register.</Text>"
        "</Reason></ExtensionAsked>"
    )
    extension = reply(world.theirs, sent.case, "ours", sent.id, asked)
    await world.theirs.reaches(extension, "delivered")
    assert out_of_step(world, sent.case) == [extension], "only an ordinary application can be extended"
    world.clock.advance(days=2, seconds=60)
    silent = both_stand(world, sent.case)
    assert (silent["state"], instant(silent["persons"][0]["since"]["earliest"])) == ("deemed-accepted", end)


async def test_an_obstacle_lengthens_the_time_for_the_transfer_by_as_long_as_it_lasts(make_world: WorldMaker) -> None:
    world = with_terms(
        await make_world(they_send=True, depesha=True),
        "travel-document=72 hours",
        "transfer=720 hours calendars=none",
        opened=("Reply", "ObstacleBegins", "ObstacleEnds"),
    )
    application, case = await accepted(world)
    before = instant(deadlines(world, case)["transfer"])
    began = await done(world.ours, case, "obstacle-begins.xml", concerning=application)
    world.clock.advance(days=45)
    (paused,) = (one for one in both_stand(world, case)["deadlines"] if one["period"] == "transfer")
    assert paused["end"] is None
    ended = await done(world.ours, case, "obstacle-ends.xml", concerning=application)
    assert both_stand(world, case)["state"] == "accepted", "nothing lapses while the obstacle lasts"
    lasted = since(world.ours, ended) - since(world.ours, began)
    assert instant(deadlines(world, case)["transfer"]) == before + lasted
    world.clock.advance(days=31)
    assert both_stand(world, case)["state"] == "lapsed"


async def test_transit_from_its_application_to_its_end(make_world: WorldMaker) -> None:
    world = with_terms(
        await make_world(they_send=True, depesha=True),
        "transit-reply=120 hours",
        "transit-consent=720 hours",
        "transit-proposal=72 hours",
        opened=("TransitApplication", "TransitReply", "TransitNotice", "TransitObjection", "TransitOutcome"),
    )
    sent = submitted(world.ours, "theirs", example("transit-application.xml"), "TransitApplication")
    await world.ours.reaches(sent.id, "delivered")
    case = sent.case
    assert both_stand(world, case)["state"] == "transit-applied"
    assert instant(deadlines(world, case)["transit-reply"]) == since(world.ours, sent.id) + timedelta(hours=120)

    allowed = await done(world.theirs, case, "transit-reply.xml", concerning=sent.id)
    assert both_stand(world, case)["state"] == "transit-allowed"
    assert instant(deadlines(world, case)["transit-consent"]) == since(world.theirs, allowed) + timedelta(hours=720)

    notice = await done(world.ours, case, "transit-notice.xml", concerning=allowed)
    assert both_stand(world, case)["state"] == "transit-announced"
    objection = await done(world.theirs, case, "transit-objection.xml", concerning=notice)
    assert both_stand(world, case)["state"] == "transit-allowed"
    assert instant(deadlines(world, case)["transit-proposal"]) == since(world.theirs, objection) + timedelta(hours=72)

    again = await done(world.ours, case, "transit-notice.xml", concerning=objection)
    assert set(deadlines(world, case)) == {"transit-consent"}
    await done(world.ours, case, "transit-outcome.xml", concerning=again)
    over = both_stand(world, case)
    assert (over["state"], over["deadlines"]) == ("transit-done", [])
