"""Cases run by procedure, terms and clock: both sides compute the same from their stored messages alone."""

import json
from argparse import Namespace
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from node.cli import cases as commands
from node.exchange.calendars_known import list_calendars
from node.exchange.case_view import compute_case
from node.exchange.due_list import describe_due, due_now
from node.exchange.judgement import SubmissionRefused
from node.exchange.listing import find_case
from node.exchange.out_of_step import untold
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.parts_to_send import PartToSend
from node.exchange.scans_given import PaperRefused
from node.exchange.terms_drafts import Changes, change_terms
from node.exchange.terms_words import TermsRefused
from node.records.clocks import Calendar, DayOff, feed, make_calendar_record
from node.records.procedure_view import Finding
from tests.exchange.case_steps import (
    ACCEPTED,
    SCHEMAS,
    TERMS,
    applied,
    both_stand,
    example,
    instant,
    open_records,
    reply,
    stands,
    submitted,
    with_terms,
)
from tests.exchange.conftest import World, WorldMaker

DAYS_OFF = "urn:depesha:days-off:1"


@pytest.fixture
async def agreed(make_world: WorldMaker) -> World:
    """Both sides send, know what may be sent, and have made the same terms."""
    return with_terms(await make_world(they_send=True, depesha=True))


async def test_both_sides_show_the_same_state_and_instants_from_application_to_acceptance(agreed: World) -> None:
    application, case = await applied(agreed)
    first = both_stand(agreed, case)
    started = instant(agreed.ours.shown(application)["receipt_time"])
    assert (first["state"], first["turn"]) == ("applied", "theirs")
    assert [one["period"] for one in first["deadlines"]] == ["reply"]
    assert instant(first["deadlines"][0]["end"]["earliest"]) == started + timedelta(hours=240)
    assert first["deadlines"][0]["silence"] == "deemed-accepted"
    assert {"withdraw"} <= {one["act"] for one in first["allowed"]}
    assert {"accept", "refuse", "extend"} <= {one["act"] for one in stands(agreed.theirs, case)["allowed"]}

    until = (agreed.clock() + timedelta(days=60)).date()  # more than the terms grant
    asked = (
        f"<ExtensionAsked><Until>{until}</Until><Reason><Code>verification-abroad</Code><Text>The register.</Text>"
        "</Reason></ExtensionAsked>"
    )
    extension = reply(agreed.theirs, case, "ours", application, asked)
    await agreed.theirs.reaches(extension, "delivered")
    extended = both_stand(agreed, case)
    assert extended["state"] == "extended"
    assert instant(extended["deadlines"][0]["end"]["earliest"]) == started + timedelta(hours=240 + 144)

    accepted = reply(agreed.theirs, case, "ours", application, ACCEPTED)
    await agreed.theirs.reaches(accepted, "delivered")
    assert both_stand(agreed, case)["state"] == "accepted"

    again = reply(agreed.theirs, case, "ours", application, asked)
    await agreed.theirs.reaches(again, "delivered")
    late = both_stand(agreed, case)
    assert late["state"] == "accepted", "an act that does not fit is kept, and changes nothing"
    assert ("out-of-step", again) in [(one["kind"], one["message"]) for one in late["findings"]]

    with agreed.ours.node.database.read() as connection:
        dues = due_now(agreed.ours.node, connection)
    assert [(describe_due(one)["act"], one.deadline.ours) for one in dues if one.deadline.act == "transfer"] == [
        ("transfer", True)
    ]
    calendar = feed(dues, agreed.clock())
    assert "SUMMARY:" in calendar
    assert "theirs" not in calendar
    assert "p1" not in calendar


async def test_silence_takes_effect_at_the_same_instant_on_both_sides_and_a_later_answer_is_out_of_step(
    agreed: World,
) -> None:
    application, case = await applied(agreed)
    end = instant(agreed.ours.shown(application)["receipt_time"]) + timedelta(hours=240)
    agreed.clock.advance(days=30)
    silent = both_stand(agreed, case)
    assert silent["state"] == "deemed-accepted"
    assert (silent["persons"][0]["by_silence"], instant(silent["persons"][0]["since"]["earliest"])) == (True, end)
    refused = reply(agreed.theirs, case, "ours", application, ACCEPTED)
    await agreed.theirs.reaches(refused, "delivered")
    after = both_stand(agreed, case)
    assert after["persons"] == silent["persons"], "what has happened by silence stays"
    assert [one["message"] for one in after["findings"] if one["kind"] == "out-of-step"] == [refused]


async def test_however_many_messages_of_a_case_fit_no_state_their_writer_is_told(agreed: World) -> None:
    application, case = await applied(agreed)
    agreed.clock.advance(days=30)
    late = reply(agreed.theirs, case, "ours", application, ACCEPTED)
    await agreed.theirs.reaches(late, "delivered")
    node = agreed.ours.node
    with node.database.read() as connection:
        computed = compute_case(node, connection, find_case(connection, case))
        assert computed is not None
        # More than PostgreSQL takes as parameters of one statement, and SQLite unless it was built to.
        many = tuple(Finding("out-of-step", event=f"{n}@theirs") for n in range(70_000))
        crowded = replace(computed, view=replace(computed.view, findings=(*many, *computed.view.findings)))
        assert [one["message_id"] for one in untold(connection, crowded, "theirs")] == [late]


async def test_an_act_on_paper_counts_here_and_is_one_sided_until_the_other_side_says_so_too(agreed: World) -> None:
    _, case = await applied(agreed)
    told = ActOnPaper(act="accept", channel="fax", done=agreed.clock(), by_us=False, persons=["p1"])
    record_on_paper(agreed.ours.node, case, told, "test")
    ours, theirs = stands(agreed.ours, case), stands(agreed.theirs, case)
    assert (ours["state"], ours["agreed"], theirs["state"]) == ("accepted", "applied", "applied")
    assert "one-sided" in {one["kind"] for one in ours["findings"]}

    record_on_paper(
        agreed.theirs.node, case, ActOnPaper(act="accept", channel="fax", done=agreed.clock(), persons=["p1"]), "test"
    )
    assert stands(agreed.theirs, case)["state"] == "accepted"
    with pytest.raises(PaperRefused, match="expected one of"):
        record_on_paper(agreed.ours.node, case, ActOnPaper(act="nod", channel="fax", done=agreed.clock()), "test")


async def test_working_days_are_those_of_the_calendar_that_the_other_side_signed_when_the_period_began(
    agreed: World,
) -> None:
    for office, peer in ((agreed.ours, "theirs"), (agreed.theirs, "ours")):
        open_records(office, peer, DAYS_OFF, "Calendar")
        change_terms(office.node, peer, "returns", Changes(set=["reply=10 working-days calendars=requested"]), "test")
    agreed.ours.configured()
    _, without = await applied(agreed)
    (open_end,) = both_stand(agreed, without)["deadlines"]
    assert (open_end["end"], open_end["standing"]) == (None, "unknown")
    assert "theirs" in open_end["why"], "it says whose calendar is missing"

    now = agreed.clock()
    today = now.date()
    bare = Calendar(party="theirs", first=today, last=today + timedelta(days=90), issued=now, source="test")
    await sent_calendar(agreed, bare)
    (counted,) = both_stand(agreed, without)["deadlines"]
    longer = {today + timedelta(days=n): DayOff(today + timedelta(days=n), "Holiday") for n in range(1, 30)}
    await sent_calendar(agreed, replace(bare, days_off=longer))
    assert both_stand(agreed, without)["deadlines"][0]["end"] == counted["end"], "a later calendar moves no end"
    with agreed.ours.node.database.read() as connection:
        listed = list_calendars(agreed.ours.node, connection, "theirs")
    assert [(one["party"], one["days_off"], one["newest"]) for one in listed] == [
        ("theirs", 0, False), ("theirs", 29, True)
    ]  # fmt: skip
    _, later = await applied(agreed)
    assert instant(both_stand(agreed, later)["deadlines"][0]["end"]["latest"]) > now + timedelta(days=30)


async def sent_calendar(world: World, calendar: Calendar) -> None:
    _, action, content = make_calendar_record(world.theirs.node.domains, calendar, calendar.issued)
    part = PartToSend.of_bytes(content, "application/xml")
    sent = world.theirs.submit("ours", part, service=DAYS_OFF, action=action)
    await world.theirs.reaches(sent, "delivered")


async def test_a_case_may_begin_on_paper(agreed: World) -> None:
    told = ActOnPaper(
        act="apply", channel="mail", done=agreed.clock(), received=agreed.clock(), persons=["p1", "p2"],
        peer="theirs", domain="returns",
    )  # fmt: skip
    made = record_on_paper(agreed.ours.node, "new", told, "test")
    shown = stands(agreed.ours, made["case"])
    assert [(one["id"], one["state"]) for one in shown["persons"]] == [("p1", "applied"), ("p2", "applied")]
    agreed.clock.advance(days=11)
    assert stands(agreed.ours, made["case"])["state"] == "deemed-accepted"


async def test_who_is_not_in_the_case_cannot_have_done_or_suffered_an_act(agreed: World) -> None:
    _, case = await applied(agreed)
    told = ActOnPaper(act="accept", channel="fax", done=agreed.clock(), by_us=False, persons=["p1", "p9"])
    with pytest.raises(PaperRefused, match="--persons: found p9, expected persons of the case: p1") as refused:
        record_on_paper(agreed.ours.node, case, told, "test")
    assert refused.value.wrong is not None
    assert refused.value.wrong["field"] == "persons"
    assert stands(agreed.ours, case)["on_paper"] == []
    record_on_paper(agreed.ours.node, case, replace(told, persons=["p1"]), "test")
    assert stands(agreed.ours, case)["state"] == "accepted"


async def test_what_was_on_paper_is_recorded_from_a_record_with_all_its_acts(agreed: World) -> None:
    def on_paper(case: str, name: str, *changes: tuple[str, str], **more: Any) -> dict[str, Any]:
        text = (SCHEMAS / "returns/1/examples/good" / name).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        told = ActOnPaper(act="", record=text.encode(), channel="fax", done=agreed.clock(), **more)
        return record_on_paper(agreed.ours.node, case, told, "test")

    begun = on_paper("new", "minimal-application.xml", peer="theirs")
    assert [(one["act"], one["persons"]) for one in begun["acts"]] == [("apply", ["p1"]), ("request-interview", ["p1"])]
    shown = stands(agreed.ours, begun["case"])
    assert (shown["state"], [one["id"] for one in shown["persons"]]) == ("applied", ["p1"])
    assert not [one for one in shown["findings"] if one["kind"] == "out-of-step"], "its acts follow each other"

    agreed.clock.advance(days=1)
    with pytest.raises(SubmissionRefused, match="Extent"):
        on_paper(begun["case"], "erasure-of-fields.xml", ("<Extent>fields", "<Extent>nothing"))
    with pytest.raises(PaperRefused, match="persons of the case"):
        on_paper(begun["case"], "reply-for-each-person.xml", by_us=False)
    assert stands(agreed.ours, begun["case"])["state"] == "applied", "all of it, or nothing"
    answered = on_paper(begun["case"], "reply.xml", by_us=False)
    assert answered["acts"][0]["act"] == "accept"
    assert stands(agreed.ours, begun["case"])["state"] == "accepted"


async def test_a_day_that_no_calendar_reaches_lengthens_nothing_and_hides_no_other_deadline(agreed: World) -> None:
    def on_paper(case: str, act: str, **more: Any) -> str:
        told = ActOnPaper(act=act, channel="fax", done=agreed.clock(), persons=["p1"], **more)
        return str(record_on_paper(agreed.ours.node, case, told, "test")["case"])

    last = date.max
    extended = on_paper("new", "apply", peer="theirs", domain="returns")
    started = instant(stands(agreed.ours, extended)["deadlines"][0]["start"]["earliest"])
    on_paper(extended, "extend", by_us=False, until=last)
    (reply_time,) = stands(agreed.ours, extended)["deadlines"]
    assert instant(reply_time["end"]["earliest"]) == started + timedelta(hours=240 + 144)

    documented = on_paper("new", "apply", peer="theirs", domain="returns")
    on_paper(documented, "accept", by_us=False)
    on_paper(documented, "issue-document", by_us=False, until=last)
    validity = {one["period"]: one for one in stands(agreed.ours, documented)["deadlines"]}["document-validity"]
    assert (validity["end"], validity["standing"]) == (None, "unknown")
    with agreed.ours.node.database.read() as connection:
        assert len(due_now(agreed.ours.node, connection)) == 2, "the answer of the one case, the transfer of the other"


async def test_an_act_that_waits_for_its_receipt_counts_only_in_what_is_expected(make_world: WorldMaker) -> None:
    world = with_terms(await make_world(depesha=True))
    application, case = await applied(world)
    answer = reply(world.theirs, case, "ours", application, ACCEPTED)
    here = stands(world.theirs, case)
    assert (here["state"], here["expected"], here["pending"]) == ("applied", "accepted", [answer])
    world.clock.advance(days=9)
    with world.theirs.node.database.read() as connection:
        (first, *_) = due_now(world.theirs.node, connection)
    assert (first.first, first.deadline.undelivered) == (True, True)
    world.clock.advance(days=2)
    over = stands(world.theirs, case)
    assert "may-have-been-answered" in {one["kind"] for one in over["findings"]}


async def test_terms_wait_for_a_person_and_what_was_said_of_them_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = world.ours.node
    first = change_terms(
        node, "theirs", "returns",
        Changes(template="ec-serbia", places=TERMS.places, countries=TERMS.countries), "test",
    )  # fmt: skip
    assert {"counting", "reply-accelerated", "error"} <= set(first["waiting"])
    assert first["in_use"] is None
    with pytest.raises(TermsRefused, match="silent"):
        change_terms(node, "theirs", "returns", Changes(set=["reply=10 calendar-days silent=yes"]), "test")
    with pytest.raises(TermsRefused, match="--place theirs: zone: found Europe/Belgrad, expected a name of the IANA"):
        change_terms(node, "theirs", "returns", Changes(places=["theirs=Europe/Belgrad"]), "test")
    for wrong, named in (
        ("reply=10 days", "--set reply: found days, expected one of hours, calendar-days"),
        ("reply=10 calendar-days silence=yes", "--set reply: found yes, expected silence= of accepted, overdue"),
        ("repply=10 calendar-days", "--set repply: found repply, expected one of counting, submission"),
        ("transfer.extension=6 calendar-days", "transfer.extension: found no extends, expected added or total"),
    ):
        with pytest.raises(TermsRefused, match=named):
            change_terms(node, "theirs", "returns", Changes(set=[wrong]), "test")
    change_terms(node, "theirs", "returns", Changes(confirm=["counting"]), "test")
    made = change_terms(
        node,
        "theirs",
        "returns",
        Changes(drop=["error", "submission-accelerated", "transit-reply"], set=["reply-accelerated=2 working-days"]),
        "test",
    )
    assert made["waiting"] == {}
    assert json.loads(json.dumps(made["terms"]))["periods"]["reply-accelerated"]["number"] == 2
    assert "error" not in made["terms"]["periods"]
    missing = {one["name"] for one in made["missing"]}
    assert "error" in missing
    assert missing.isdisjoint(made["terms"]["periods"])
    assert "error" not in {one["name"] for one in first["missing"]}, "the draft has it"
    monkeypatch.setattr(commands, "open_node", lambda home: node)
    asked = Namespace(
        home="", peer="theirs", domain="returns", json=False, template=None, place=[], country=[], confirm=[], set=[],
        drop=[],
    )  # fmt: skip
    assert commands.terms(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = (at for at, text in enumerate(lines) if text.startswith("without a length: error: "))
    assert any("no end is computed, and silence has no effect" in text for text in lines[line:])
    assert made["in_use"]["digest"] == change_terms(node, "theirs", "returns", Changes(), "test")["in_use"]["digest"]


async def test_what_has_no_receipt_yet_shows_which_periods_it_starts_and_when_they_end_at_the_earliest(
    agreed: World,
) -> None:
    application = example("minimal-application.xml", ("<InterviewRequested>true", "<InterviewRequested>false"))
    sent = submitted(agreed.ours, "theirs", application, "ReadmissionApplication")
    waiting = stands(agreed.ours, sent.case)
    assert (waiting["state"], waiting["expected_title"], waiting["deadlines"]) == ("draft", "applied for", [])
    (reply,) = waiting["expected_deadlines"]
    assert (reply["period"], reply["awaits"], reply["end"]["latest"]) == ("reply", "theirs", None)
    await agreed.ours.reaches(sent.id, "delivered")
    for office in (agreed.ours, agreed.theirs):
        known = stands(office, sent.case)
        (running,) = known["deadlines"]
        assert known["expected_deadlines"] == []
        assert running["end"]["earliest"] >= reply["end"]["earliest"]
