"""Reminders of what is due: to whom they go as time runs, once each, and what a mail server that refuses leads to."""

import asyncio
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from adapters.mail import send_waiting
from node.access.accounts import AccountError, add_user, set_away, set_mail
from node.exchange.alarms import list_alarms, settle_alarm
from node.exchange.assignment import AssignmentRefused, assign_case
from node.exchange.bounces import NoReport, came_back, read_report
from node.exchange.due_list import describe_due, due_now
from node.exchange.refused_mails import REFUSED
from node.exchange.reminders import make_reminders
from node.exchange.webhooks import take_up
from node.operations.checks import Check, run_checks
from tests.exchange.case_steps import applied, both_stand, sent_in, with_terms
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.mailbox import Mailbox, listening
from tests.exchange.offices import Office

pytestmark = pytest.mark.theirs_on_both_databases
OFFICER, COLLEAGUE, HEAD = "officer@interior.example", "colleague@interior.example", "head@interior.example"
DAYS = 10
HOOK = "http://127.0.0.1:9/events"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with listening(Mailbox()) as box:
        yield box


def set_on(office: Office, **settings: Any) -> None:
    office.node.__dict__["settings"] = office.node.settings.model_copy(update=settings)


def person(office: Office, name: str, role: str, mail: str | None, unit: str | None = None) -> None:
    with office.node.database.write() as connection:
        add_user(connection, name, role, unit, office.node.now())
        set_mail(connection, name, mail)


def away(office: Office, name: str, days: int) -> None:
    now = office.node.now()
    with office.node.database.write() as connection:
        set_away(connection, name, now, now + timedelta(days=days))


def mail_check(office: Office) -> Check:
    [found] = [one for one in run_checks(office.node) if one.name == "mail"]
    return found


async def world_with(make_world: WorldMaker, mailbox: Mailbox) -> tuple[World, Office, str]:
    """Ours has applied; theirs has ten days to reply, two officers and a head, and a mail server."""
    world = with_terms(await make_world(send=False, depesha=True))
    theirs = world.theirs
    set_on(theirs, mail_server=f"smtp://127.0.0.1:{mailbox.port}", mail_from="depesha@interior.example")
    person(theirs, "Officer", "officer", OFFICER)
    person(theirs, "Colleague", "officer", COLLEAGUE)
    person(theirs, "Head", "head", HEAD)
    person(theirs, "Operator", "it", "it@interior.example")
    async with world.ours.sending():
        _, case = await applied(world)
    return world, theirs, case


def remind(office: Office) -> None:
    """What the jobs of a serving node do."""
    make_reminders(office.node)
    if office.node.settings.mail_server is not None:
        send_waiting(office.node)


async def reminded(office: Office, mailbox: Mailbox) -> list[str]:
    await asyncio.to_thread(remind, office)
    return mailbox.new()


async def test_what_nobody_opens_goes_to_the_officer_then_the_team_then_the_head(
    make_world: WorldMaker, mailbox: Mailbox
) -> None:
    world, theirs, case = await world_with(make_world, mailbox)
    assign_case(theirs.node, case, "Officer", "test")
    assert await reminded(theirs, mailbox) == [OFFICER]
    assert await reminded(theirs, mailbox) == [], "once"
    world.clock.advance(days=DAYS / 2)
    assert await reminded(theirs, mailbox) == [COLLEAGUE, OFFICER]
    world.clock.advance(days=DAYS / 4)
    assert await reminded(theirs, mailbox) == [COLLEAGUE, HEAD, OFFICER]
    world.clock.advance(days=DAYS / 4 - 1)
    assert await reminded(theirs, mailbox) == [COLLEAGUE, HEAD, OFFICER], "its end is near"
    world.clock.advance(days=2)
    await asyncio.to_thread(remind, theirs)
    assert ["issue of the travel document" in subject for _, subject, _ in mailbox.taken] == [True], (
        "silence has spoken: what is due now is the next step, to which the terms give no time"
    )


def refused_items(office: Office) -> list[str]:
    """What is due because somebody was not told."""
    with office.node.database.read() as connection:
        acts = [one.deadline.act for one in due_now(office.node, connection)]
    return [act for act in acts if act.startswith(REFUSED)]


async def test_the_clock_runs_to_the_end_and_the_mail_server_refuses(make_world: WorldMaker, mailbox: Mailbox) -> None:
    world, theirs, _case = await world_with(make_world, mailbox)
    assert (mail_check(theirs).ok, mail_check(theirs).found) == (True, "reminders are taken")
    mailbox.refusing = dict.fromkeys((OFFICER, COLLEAGUE, HEAD), "550 no such person here")
    assert await reminded(theirs, mailbox) == []
    alarms = list_alarms(theirs.node)
    assert [one["kind"] for one in alarms] == ["reminder-refused"] * 2
    assert all("answer 550" in one["detail"] and "no such person" not in one["detail"] for one in alarms)
    assert not mail_check(theirs).ok
    assert await reminded(theirs, mailbox) == []
    alarms = list_alarms(theirs.node)
    assert len(alarms) == 2, "a mail that was refused is not sent again"
    assert len(refused_items(theirs)) == 2
    settle_alarm(theirs.node, alarms[0]["id"], "told by telephone", "test")
    assert refused_items(theirs) == ["a reminder by mail was refused: answer to the application"]
    settle_alarm(theirs.node, alarms[1]["id"], "told by telephone", "test")
    assert refused_items(theirs) == []
    mailbox.refusing = {}
    world.clock.advance(days=DAYS - 1)
    assert await reminded(theirs, mailbox) == [COLLEAGUE, HEAD, OFFICER], "the next turn is tried"
    with theirs.node.database.read() as connection:
        assert [describe_due(one)["reach"] for one in due_now(theirs.node, connection)] == ["head"]


async def test_nobody_signs_in_and_no_mail_is_taken_until_the_end(make_world: WorldMaker, mailbox: Mailbox) -> None:
    world, theirs, case = await world_with(make_world, mailbox)
    mailbox.refusing = dict.fromkeys((OFFICER, COLLEAGUE, HEAD), "550 no such person here")
    for day in range(DAYS + 2):
        assert await reminded(theirs, mailbox) == []
        if day < DAYS:
            assert not mail_check(theirs).ok
        world.clock.advance(days=1)
    refused = [one for one in list_alarms(theirs.node) if one["kind"] == "reminder-refused"]
    assert len(refused) > 2, "each turn to whom it may concern is tried, and each refusal is somebody's item"
    assert both_stand(world, case)["state"] == "deemed-accepted"


async def test_a_mail_holds_case_number_act_and_time_only(make_world: WorldMaker, mailbox: Mailbox) -> None:
    _world, theirs, _case = await world_with(make_world, mailbox)
    await asyncio.to_thread(remind, theirs)
    (_, subject, mail), *_ = mailbox.taken
    with theirs.node.database.read() as connection:
        (due, *_) = map(describe_due, due_now(theirs.node, connection))
    end = due["end"][:16].replace("T", " ")
    assert subject == f"{due['case']}: {due['act']} is due, {end} UTC"
    body = mail.replace("\r\n", "\n").partition("\n\n")[2]
    assert body.strip() == f"Case {due['case']}: {due['act']}.\nDue {end} UTC."
    assert "Auto-Submitted: auto-generated" in mail


async def test_what_is_asked_without_a_time_to_answer_is_reminded_of_too(
    make_world: WorldMaker, mailbox: Mailbox
) -> None:
    world = with_terms(await make_world(depesha=True), opened=("Reply", "ErasureNotice"))
    theirs = world.theirs
    set_on(theirs, mail_server=f"smtp://127.0.0.1:{mailbox.port}", mail_from="depesha@interior.example")
    person(theirs, "Officer", "officer", OFFICER)
    _, case = await applied(world)
    await reminded(theirs, mailbox)
    asking = sent_in(world.ours, case, "erasure-of-fields.xml")
    await world.ours.reaches(asking, "delivered")
    await asyncio.to_thread(remind, theirs)
    assert [(to, "erasure of data asked for" in subject) for to, subject, _ in mailbox.taken] == [(OFFICER, True)]
    assert all(
        "(by our own rule, no legal period)" in " ".join(text.split()) for _, *texts in mailbox.taken for text in texts
    )


async def test_whoever_is_away_is_not_told_and_the_team_is_at_once(make_world: WorldMaker, mailbox: Mailbox) -> None:
    world, theirs, case = await world_with(make_world, mailbox)
    assign_case(theirs.node, case, "Officer", "test")
    away(theirs, "Officer", 3)
    assert await reminded(theirs, mailbox) == [COLLEAGUE]
    world.clock.advance(days=4)
    assert await reminded(theirs, mailbox) == [OFFICER], "back again, and it is not opened yet"


async def world_with_the_server_down(make_world: WorldMaker, mailbox: Mailbox) -> tuple[World, Office, str]:
    """Somebody has the case and was not told, since nobody listens; where the mail server is once it is up again."""
    world, theirs, case = await world_with(make_world, mailbox)
    assign_case(theirs.node, case, "Officer", "test")
    up = theirs.node.settings.mail_server
    assert up is not None
    set_on(theirs, mail_server="smtp://127.0.0.1:9")
    assert await reminded(theirs, mailbox) == []
    return world, theirs, up


async def test_a_server_that_is_down_is_tried_again_and_told_by_the_checks(
    make_world: WorldMaker, mailbox: Mailbox
) -> None:
    world, theirs, up = await world_with_the_server_down(make_world, mailbox)
    world.clock.advance(minutes=20)
    assert await reminded(theirs, mailbox) == []
    assert mail_check(theirs).found.endswith("it cannot be reached")
    assert list_alarms(theirs.node) == []
    set_on(theirs, mail_server=up)
    world.clock.advance(hours=1)
    assert await reminded(theirs, mailbox) == [OFFICER]
    assert mail_check(theirs).ok


async def test_what_a_clock_that_stood_ahead_put_off_is_sent_once_it_is_right(
    make_world: WorldMaker, mailbox: Mailbox
) -> None:
    world, theirs, up = await world_with_the_server_down(make_world, mailbox)
    world.clock.advance(days=365)
    send_waiting(theirs.node)
    set_on(theirs, mail_server=up)
    world.clock.advance(days=-365)
    assert send_waiting(theirs.node) == 1


async def test_an_answer_to_try_later_is_no_refusal(make_world: WorldMaker, mailbox: Mailbox) -> None:
    world, theirs, case = await world_with(make_world, mailbox)
    assign_case(theirs.node, case, "Officer", "test")
    mailbox.refusing = {OFFICER: "451 come again"}
    assert await reminded(theirs, mailbox) == []
    assert list_alarms(theirs.node) == []
    mailbox.refusing = {}
    world.clock.advance(hours=1)
    assert await reminded(theirs, mailbox) == [OFFICER]


async def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    make_world: WorldMaker, mailbox: Mailbox
) -> None:
    world, theirs, _case = await world_with(make_world, mailbox)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*theirs.node.keys.tls_files)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Mailbox(port)
    controller = Controller(box, hostname="127.0.0.1", port=port, ssl_context=context)
    # Its own look whether it is up would have to accept its certificate.
    server = await asyncio.get_running_loop().create_server(controller.factory, "127.0.0.1", port, ssl=context)
    async with server:
        set_on(theirs, mail_server=f"smtps://127.0.0.1:{port}")
        assert await reminded(theirs, box) == []
    world.clock.advance(minutes=20)
    assert "certificate is not accepted" in mail_check(theirs).found


async def test_programs_are_told_once_for_each_turn(make_world: WorldMaker, mailbox: Mailbox) -> None:
    _world, theirs, _case = await world_with(make_world, mailbox)
    set_on(theirs, mail_server=None, webhooks=(HOOK,))
    await asyncio.to_thread(remind, theirs)
    await asyncio.to_thread(remind, theirs)
    claimed = take_up(theirs.node, HOOK)
    assert claimed is not None
    told = [one.body for one in claimed.waiting if "case.due" in one.body]
    assert len(told) == 1
    assert mailbox.new() == []


async def test_a_case_goes_to_an_officer_of_its_unit_only(make_world: WorldMaker, mailbox: Mailbox) -> None:
    _world, theirs, case = await world_with(make_world, mailbox)
    with pytest.raises(AssignmentRefused, match="role it"):
        assign_case(theirs.node, case, "Operator", "test")
    with pytest.raises(AccountError):
        assign_case(theirs.node, case, "Nobody", "test")
    given = assign_case(theirs.node, case, "Officer", "test")
    with theirs.node.database.read() as connection:
        assert [one.deadline.officer for one in due_now(theirs.node, connection)] == [given["officer"]]
    assert assign_case(theirs.node, case, None, "test")["officer"] is None


REPORT = """\
From: MAILER-DAEMON@relay.example
To: depesha@interior.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain

Dear sender, your mail was not delivered.

--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 no such person here: {to}

--=_b
Content-Type: {returned}

{content}
--=_b--
"""


def report(mail: str, to: str, action: str = "failed", status: str = "5.1.1", whole: bool = True) -> bytes:
    """What a mail server sends back of a mail that it took: the whole of it, or its head alone."""
    head = mail.replace("\r\n", "\n").partition("\n\n")[0] + "\n"
    returned, content = ("message/rfc822", mail) if whole else ("text/rfc822-headers", head)
    text = REPORT.format(to=to, action=action, status=status, returned=returned, content=content)
    return text.replace("\r\n", "\n").encode()


@pytest.mark.parametrize("whole", [True, False])
async def test_a_reminder_that_comes_back_later_is_told_as_one_that_was_refused(
    make_world: WorldMaker, mailbox: Mailbox, whole: bool
) -> None:
    _world, theirs, _case = await world_with(make_world, mailbox)
    await asyncio.to_thread(remind, theirs)
    to, _, mail = mailbox.taken[0]
    sender = theirs.node.settings.mail_from
    late = came_back(theirs.node, read_report(report(mail, to, "delayed", "4.4.1", whole), sender))
    assert (late["recorded"], list_alarms(theirs.node)) == (False, []), "it may still arrive"
    assert mail_check(theirs).ok
    back = came_back(theirs.node, read_report(report(mail, to, whole=whole), sender))
    assert (back["recorded"], back["answer"]) == (True, "status 5.1.1")
    [alarm] = list_alarms(theirs.node)
    assert alarm["kind"] == "reminder-refused"
    assert f"case {back['case']}" in alarm["detail"]
    assert "it came back: status 5.1.1" in alarm["detail"]
    assert to not in alarm["detail"]
    assert not mail_check(theirs).ok
    assert not came_back(theirs.node, read_report(report(mail, to, whole=whole), sender))["recorded"], "once"
    assert len(list_alarms(theirs.node)) == 1


def test_what_postfix_sends_back_is_understood() -> None:
    """As Postfix 3.7.11 wrote it about a reminder to an alias whose delivery ended with EX_NOUSER."""
    octets = (Path(__file__).parent / "reports" / "postfix-3.7.eml").read_bytes()
    read = read_report(octets, "depesha@interior.example")
    assert (read.reminder, read.failed, read.answer) == (384427119708809718, True, "status 5.1.1")


async def test_what_is_no_report_of_a_reminder_of_ours_changes_nothing(
    make_world: WorldMaker, mailbox: Mailbox
) -> None:
    _world, theirs, _case = await world_with(make_world, mailbox)
    await asyncio.to_thread(remind, theirs)
    to, _, mail = mailbox.taken[0]
    node, sender = theirs.node, theirs.node.settings.mail_from
    foreign = report(mail.replace("<reminder-", "<letter-"), to)
    for octets, why in (
        (mail.encode(), "no delivery status notification"),
        (b"", "no delivery status notification"),
        (b"\xff" * 100, "no delivery status notification"),
        (b"x" * 1_000_001, "octets"),
        (foreign, "nothing of a reminder of ours"),
        (report(mail, to).replace(b"Action: failed", b"Remark: failed"), "names no recipient"),
    ):
        with pytest.raises(NoReport, match=why):
            read_report(octets, sender)
    with pytest.raises(NoReport, match="nothing of a reminder"):
        read_report(report(mail, to), "depesha@elsewhere.example")
    unknown = re.sub(r"<reminder-\d+@", "<reminder-1@", mail)
    with pytest.raises(NoReport, match="this node has not"):
        came_back(node, read_report(report(unknown, to), sender))
    assert list_alarms(node) == []
