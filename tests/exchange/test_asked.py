"""What one side asks of the other under no period: due on both sides until it is answered, and reminded like others."""

import re
from datetime import timedelta
from typing import Any

import pytest

from node.exchange.due_list import describe_due, due_now
from tests.exchange.case_steps import (
    ACCEPTED,
    SCHEMAS,
    applied,
    both_stand,
    instant,
    open_records,
    reply,
    sent_in,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import RECORDS, Office

SHARED = "urn:depesha:administrative:1"
OF_DOMAIN = (
    "Reply", "ErasureNotice", "CorrectionNotice", "DataConfirmation", "UseReport", "PassOnRequest", "PassOnReply",
    "FurtherParticulars",
)  # fmt: skip
OF_ALL = ("ClarificationRequest", "Clarification", "CloseRequest", "Answer", "Reminder", "ReminderReply")


GIVEN = SCHEMAS / "returns/1/examples/good/particulars-given.xml"


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    world = with_terms(await make_world(they_send=True, depesha=True), opened=OF_DOMAIN)
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        open_records(office, peer, SHARED, *OF_ALL)
    world.ours.configured()
    return world


def asked_of(office: Office) -> list[dict[str, Any]]:
    """What is due here by our own order alone."""
    with office.node.database.read() as connection:
        return [one for one in map(describe_due, due_now(office.node, connection)) if one["own_rule"]]


async def sent(by: Office, case: str, name: str, service: str, **more: Any) -> str:
    message = sent_in(by, case, name, *CHANGES.get(name, ()), service=service, **more)
    await by.reaches(message, "delivered")
    return message


LISTED = (re.findall(r"\n  <Attachments>.*</Attachments>", GIVEN.read_text(), re.DOTALL)[0], "")
# The case has one person, p1, and no attachments.
CHANGES = {
    "erasure-notice.xml": [(">p2<", ">p1<")],
    "close-request.xml": [(">p2<", ">p1<")],
    "particulars-asked.xml": [(">p3<", ">p1<")],
    "particulars-given.xml": [LISTED, (">p3<", ">p1<"), ("<Copy>birth-p3.pdf</Copy>", "")],
}
QUESTIONS = (
    ("erasure-notice.xml", "erasure of data asked for", "data-confirmation.xml", RECORDS),
    ("erasure-of-fields.xml", "erasure of data asked for", "data-confirmation.xml", RECORDS),
    ("correction-notice.xml", "correction of data", "data-confirmation.xml", RECORDS),
    ("pass-on-request.xml", "consent to pass data on asked for", "pass-on-forbidden.xml", RECORDS),
    ("use-asked.xml", "report on the use of data asked for", "use-report.xml", RECORDS),
    ("particulars-asked.xml", "further particulars asked for", "particulars-given.xml", RECORDS),
    ("clarification-request.xml", "clarification asked for", "clarification.xml", SHARED),
    ("close-request.xml", "consent, or not: closing", "answer-declined.xml", SHARED),
)


async def test_each_question_is_due_on_both_sides_until_it_is_answered(agreed: World) -> None:
    application, case = await applied(agreed)
    for question, title, answer, service in QUESTIONS:
        asking = await sent(agreed.ours, case, question, service, concerning=application)
        (there,), (here,) = asked_of(agreed.theirs), asked_of(agreed.ours)
        assert title in there["act"], question
        assert (there["awaits"], here["awaits"], here["act"]) == ("ours", "theirs", there["act"])
        assert instant(there["end"]) - instant(there["started"]) == timedelta(days=14)
        (asked,) = both_stand(agreed, case)["asked"]
        assert (asked["message"], asked["awaits"], asked["persons"]) == (asking, "theirs", ["p1"])
        await sent(agreed.theirs, case, answer, service, concerning=asking)
        assert asked_of(agreed.theirs) == asked_of(agreed.ours) == [], answer


async def test_nobody_answers_a_question_of_its_own(agreed: World) -> None:
    application, case = await applied(agreed)
    asking = await sent(agreed.ours, case, "erasure-notice.xml", RECORDS, concerning=application)
    own = await sent(agreed.ours, case, "data-confirmation.xml", RECORDS, concerning=asking)
    assert [one["message"] for one in both_stand(agreed, case)["asked"]] == [asking]
    found = [one for one in both_stand(agreed, case)["findings"] if one["kind"] == "out-of-step"]
    assert [(one["message"], one["reason"]) for one in found] == [(own, "the answer is the other party's")]


async def test_a_reminder_is_due_until_it_is_answered_or_what_it_reminds_of_is_done(agreed: World) -> None:
    application, case = await applied(agreed)
    first = await sent(agreed.ours, case, "reminder.xml", SHARED, concerning=application)
    assert [one["act"] for one in asked_of(agreed.theirs)] == ["to be answered: reminder"]
    await sent(agreed.theirs, case, "reminder-reply.xml", SHARED, concerning=first)
    assert asked_of(agreed.theirs) == []
    await sent(agreed.ours, case, "reminder.xml", SHARED, concerning=application)
    assert len(asked_of(agreed.theirs)) == 1
    await agreed.theirs.reaches(reply(agreed.theirs, case, "ours", application, ACCEPTED), "delivered")
    left = [one["act"] for office in (agreed.theirs, agreed.ours) for one in asked_of(office)]
    assert left == ["issue of the travel document"] * 2, "the terms give it no time"


async def test_an_answer_that_is_overdue_stays_due(make_world: WorldMaker) -> None:
    world = with_terms(await make_world(they_send=True, depesha=True), "reply=240 hours silence=overdue")
    application, case = await applied(world)
    world.clock.advance(days=30)
    assert both_stand(world, case)["state"] == "overdue"
    with world.theirs.node.database.read() as connection:
        (due,) = map(describe_due, due_now(world.theirs.node, connection))
    assert (due["act"], due["awaits"], due["over"]) == ("answer to the application", "ours", True)
    await world.theirs.reaches(reply(world.theirs, case, "ours", application, ACCEPTED), "delivered")
    with world.theirs.node.database.read() as connection:
        acts = [one.deadline.act for one in due_now(world.theirs.node, connection)]
    assert "answer to the application" not in acts


async def test_what_is_awaited_is_due_also_where_its_end_cannot_be_computed(make_world: WorldMaker) -> None:
    world = with_terms(await make_world(they_send=True, depesha=True), "reply=10 working-days calendars=requested")
    _, case = await applied(world)
    assert both_stand(world, case)["deadlines"][0]["end"] is None
    (due,) = asked_of(world.theirs)
    assert (due["act"], due["awaits"], due["over"]) == ("answer to the application", "ours", False)
