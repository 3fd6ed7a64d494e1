"""Inquiries and consultations between two nodes run by their own terms: silence speaks only where these say so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from node.exchange.due_list import describe_due, due_now
from node.exchange.terms_drafts import Changes, change_terms
from tests.exchange.case_steps import both_stand, example, instant, open_records, sent_in, stands, submitted
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office

INQUIRY = "urn:depesha:inquiry:1"
TERMS = Changes(
    template="visa-code",
    places=["ours=Europe/Paris", "theirs=Europe/Berlin"],
    countries=["ours=FRA", "theirs=DEU"],
    confirm=["counting"],
    set=["reply=240 hours"],
)


@pytest.fixture
async def world(make_world: WorldMaker) -> World:
    made = await make_world(they_send=True, depesha=True)
    for office, peer in ((made.ours, "theirs"), (made.theirs, "ours")):
        open_records(office, peer, INQUIRY, "Inquiry", "InquiryReply", "PriorConsultation", "ConsultationReply")
        waiting = change_terms(office.node, peer, "inquiry", TERMS, "test")["waiting"]
        assert [*waiting] == ["consultation"]  # nobody has confirmed what the article says
        confirmed = replace(Changes(), confirm=["consultation"])
        assert change_terms(office.node, peer, "inquiry", confirmed, "test")["waiting"] == {}
    made.ours.configured()
    return made


async def asked(world: World, name: str, action: str) -> tuple[str, str]:
    sent = submitted(world.ours, "theirs", example(name, service=INQUIRY), action, service=INQUIRY)
    await world.ours.reaches(sent.id, "delivered")
    return sent.id, sent.case


def due(office: Office) -> list[str]:
    with office.node.database.read() as connection:
        return [describe_due(one)["act"] for one in due_now(office.node, connection)]


async def test_who_is_silent_on_a_consultation_has_no_objection(world: World) -> None:
    _, case = await asked(world, "prior-consultation.xml", "PriorConsultation")
    shown = both_stand(world, case)
    assert (shown["state"], shown["deadlines"][0]["silence"]) == ("consulted", "deemed-not-objected")
    assert due(world.theirs) == ["answer to the consultation"]
    world.clock.advance(days=7)
    assert both_stand(world, case)["state"] == "consulted"
    world.clock.advance(days=1)
    assert both_stand(world, case)["state"] == "deemed-not-objected"


async def test_an_objection_comes_in_time(world: World) -> None:
    message, case = await asked(world, "prior-consultation.xml", "PriorConsultation")
    answer = sent_in(world.theirs, case, "consultation-objection.xml", concerning=message, service=INQUIRY)
    await world.theirs.reaches(answer, "delivered")
    world.clock.advance(days=9)
    assert both_stand(world, case)["state"] == "objected"


async def test_an_inquiry_without_an_answer_is_overdue_and_may_still_be_answered(world: World) -> None:
    message, case = await asked(world, "inquiry-free.xml", "Inquiry")
    began = instant(world.ours.shown(message)["receipt_time"])
    shown = both_stand(world, case)
    assert instant(shown["deadlines"][0]["end"]["earliest"]) == began + timedelta(hours=240)
    world.clock.advance(days=11)
    assert both_stand(world, case)["state"] == "overdue"
    answer = sent_in(world.theirs, case, "inquiry-reply.xml", concerning=message, service=INQUIRY)
    await world.theirs.reaches(answer, "delivered")
    assert (both_stand(world, case)["state"], stands(world.theirs, case)["deadlines"]) == ("answered", [])
