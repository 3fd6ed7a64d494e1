"""Whoever sends is asked before a record goes that would change nothing where it goes."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from node.exchange.due_list import due_now
from node.exchange.judgement import ConfirmationNeeded
from node.exchange.listing import describe_cases, find_case
from node.exchange.parts_to_send import PartToSend
from tests.exchange.case_steps import (
    ACCEPTED,
    EXAMPLE_ID,
    TERMS,
    applied,
    example,
    reply,
    sent_in,
    stands,
    submitted,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import RECORDS, ROOT, Office

DAY = timedelta(days=1)
NOTICE = (ROOT / "schemas/returns/1/examples/good/transfer-notice.xml").read_text(encoding="utf-8")


async def with_records(make_world: WorldMaker, **more: bool) -> World:
    world = await make_world(depesha=True, **more)
    return with_terms(world, opened=("Reply", "TravelDocument", "TransferNotice"))


def asked(office: Office, to: str, action: str, part: PartToSend, case: str | None) -> list[str]:
    """What whoever sends the record is asked of its fit; nothing: it is queued."""
    try:
        office.submitted(to, part, service=RECORDS, action=action, case=case, ask_fit=True)
    except ConfirmationNeeded as refused:
        found = [one.problem for one in refused.findings if one.problem.rule in ("out-of-step", "unknown-case", "late")]
        return [f"{one.field}: {one.found}. {one.remedy}" for one in found]
    return []


def notice(*cases: str) -> PartToSend:
    """A notice of the transfer of p1 of each of these cases."""
    listed = "".join(f"<Listed><Case>{case}</Case><Person>p1</Person></Listed>" for case in cases)
    text = re.sub(r"<Listed>.*</Listed>", listed, NOTICE, flags=re.DOTALL)
    return PartToSend.of_bytes(text.encode(), "application/xml")


async def test_an_act_that_does_not_fit_is_asked_about_and_goes_once_confirmed(make_world: WorldMaker) -> None:
    world = await with_records(make_world)
    application, case = await applied(world)
    number = _number(world.theirs, case)
    answer = (EXAMPLE_ID, application)
    nobody = example("reply.xml", answer, ("<Person>p1</Person>", "<Person>p9</Person>"))
    (question,) = asked(world.theirs, "ours", "Reply", nobody, case)
    assert question.startswith(f"Reply: Reply of p9 in case {number} (applied for): the case has no such person.")
    assert asked(world.theirs, "ours", "Reply", example("reply.xml", answer), case) == []
    # The reply waits for its receipt: what follows it fits all the same, a second one does not.
    assert asked(world.theirs, "ours", "TravelDocument", example("travel-document.xml", answer), case) == []
    again = example("reply.xml", answer)
    with pytest.raises(ConfirmationNeeded, match="no such act in the present state") as refused:
        world.theirs.submitted("ours", again, service=RECORDS, action="Reply", case=case, ask_fit=True)
    codes = [one.code for one in refused.value.findings]
    world.theirs.submitted("ours", again, service=RECORDS, action="Reply", case=case, ask_fit=True, confirmed=codes)


async def test_what_comes_late_is_asked_about_and_both_sides_are_shown_that_it_did(make_world: WorldMaker) -> None:
    kept = [one for one in TERMS.drop if one != "submission"]
    terms = replace(TERMS, set=[*TERMS.set, "submission=3 calendar-days"], drop=kept)
    world = with_terms(await make_world(depesha=True), terms=terms)
    today = world.ours.node.now().date()
    known = ("</InterviewRequested>", f"</InterviewRequested><StayKnown>{today - 9 * DAY}</StayKnown>")
    changes = [("<Date>2026-11-25", f"<Date>{today}"), ("<InterviewRequested>true", "<InterviewRequested>false"), known]
    late = example("minimal-application.xml", *changes)
    (question,) = asked(world.ours, "theirs", "ReadmissionApplication", late, None)
    assert "of p1 in a new case: making of the application: it should have come before" in question
    assert "Sent all the same it counts" in question
    fresh = example("minimal-application.xml", *changes[:2])
    assert asked(world.ours, "theirs", "ReadmissionApplication", fresh, None) == []
    sent = submitted(world.ours, "theirs", late, "ReadmissionApplication")
    with world.ours.node.database.read() as connection:
        waiting = [
            one for one in due_now(world.ours.node, connection) if one.deadline.ends.latest < world.ours.node.now()
        ]
    assert [(one.deadline.act, one.deadline.ours, one.first, one.over) for one in waiting] == [
        ("making of the application", True, True, True)
    ]
    await world.ours.reaches(sent.id, "delivered")
    ours, theirs = stands(world.ours, sent.case), stands(world.theirs, sent.case)
    for seen in (ours, theirs):
        assert seen["state"] == "applied"
        (judged,) = seen["timely"]
        assert (judged["period"], judged["standing"], judged["message"]) == ("submission", "late", sent.id)
        assert [one["kind"] for one in seen["findings"]] == ["late"]
        assert [one["period"] for one in seen["deadlines"]] == ["reply"]
    assert ours["timely"] == theirs["timely"]


async def test_an_application_after_obstacles_is_not_late_where_the_terms_give_a_time_from_their_end(
    make_world: WorldMaker,
) -> None:
    kept = [one for one in TERMS.drop if one != "submission"]
    given = [*TERMS.set, "submission=3 calendar-days", "submission-after-obstacles=2 calendar-days"]
    world = with_terms(await make_world(depesha=True), terms=replace(TERMS, set=given, drop=kept))
    today = world.ours.node.now().date()
    for ended, standing, asks in ((today - DAY, "in-time", 0), (today - 4 * DAY, "late", 1)):
        stated = f"<StayKnown>{today - 9 * DAY}</StayKnown><ObstaclesEnded>{ended}</ObstaclesEnded>"
        record = example(
            "minimal-application.xml",
            ("<Date>2026-11-25", f"<Date>{today}"),
            (
                "<InterviewRequested>true</InterviewRequested>",
                f"<InterviewRequested>false</InterviewRequested>{stated}",
            ),
        )
        assert len(asked(world.ours, "theirs", "ReadmissionApplication", record, None)) == asks
        sent = submitted(world.ours, "theirs", record, "ReadmissionApplication")
        await world.ours.reaches(sent.id, "delivered")
        for office in (world.ours, world.theirs):
            (judged,) = stands(office, sent.case)["timely"]
            assert (judged["period"], judged["standing"]) == ("submission-after-obstacles", standing)


async def test_what_was_exchanged_before_in_another_case_is_no_reason_to_ask(make_world: WorldMaker) -> None:
    world = await with_records(make_world, they_send=True)
    for _ in range(3):
        before = example("minimal-application.xml", ("<InterviewRequested>true", "<InterviewRequested>false"))
        sent = submitted(world.theirs, "ours", before, "ReadmissionApplication")
        await world.theirs.reaches(sent.id, "delivered")
    application, case = await applied(world)
    assert asked(world.theirs, "ours", "Reply", example("reply.xml", (EXAMPLE_ID, application)), case) == []


async def test_a_reply_that_names_no_case_is_asked_about(make_world: WorldMaker) -> None:
    world = await with_records(make_world)
    application, _ = await applied(world)
    (question,) = asked(world.theirs, "ours", "Reply", example("reply.xml", (EXAMPLE_ID, application)), None)
    assert "in a new case: the case has no such person" in question
    assert "--case" in question


async def test_a_list_that_names_a_case_by_its_number_is_told_the_id(make_world: WorldMaker) -> None:
    world = await with_records(make_world, they_send=True)
    application, case = await applied(world)
    await world.theirs.reaches(reply(world.theirs, case, "ours", application, ACCEPTED), "delivered")
    document = sent_in(world.theirs, case, "travel-document.xml", concerning=application)
    await world.theirs.reaches(document, "delivered")
    number = _number(world.ours, case)
    by_number, unknown = asked(world.ours, "theirs", "TransferNotice", notice(number, "nowhere"), case)
    assert by_number == f"Listed[1]/Case: {number}. Write {case}, the id of case {number}: a number is each side's own."
    assert unknown == "Listed[2]/Case: nowhere. Correct the id: `depesha case list` has them."
    # A list may open a case of its own: what it says stands in the case that it names.
    assert asked(world.ours, "theirs", "TransferNotice", notice(case), None) == []
    assert stands(world.ours, case)["expected"] == "announced"
    (twice,) = asked(world.ours, "theirs", "TransferNotice", notice(case), None)
    assert f"of p1 in case {case}: no such act in the present state" in twice


def _number(office: Office, case: str) -> str:
    with office.node.database.read() as connection:
        number: str = describe_cases(connection, [find_case(connection, case)])[0]["number"]
    return number
