"""Steps of cases for tests: two sides with the same terms, examples of records, the case as each sees it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.exchange.agreements import open_unilateral
from node.exchange.case_view import compute_case, describe_case
from node.exchange.judgement import ConfirmationNeeded
from node.exchange.listing import find_case
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submitted
from node.exchange.terms_drafts import Changes, change_terms
from tests.exchange.conftest import World
from tests.exchange.offices import AGREEMENT, RECORDS, ROOT, Office

SCHEMAS = ROOT / "schemas"
EXAMPLE_ID = "2f0c7f0e-7d3a-4c55-9b1e-1f0a3f6f2c11@fra.example"
ACCEPTED = "<Accepted/>"
# By the clock of the world, so that the test knows the end of a period to the instant.
REPLY = "reply=240 hours silence=accepted"
TERMS = Changes(
    template="ec-serbia",
    places=["ours=Europe/Paris", "theirs=Europe/Belgrade"],
    countries=["ours=FRA", "theirs=SRB"],
    confirm=["counting"],
    set=[REPLY, "reply.extension=144 hours extends=added", "transfer=3 months calendars=none"],
    drop=["reply-accelerated", "error", "submission", "submission-accelerated", "transit-reply"],
)


def with_terms(world: World, *more: str, opened: Sequence[str] = ("Reply",), terms: Changes = TERMS) -> World:
    """The world, once both sides have opened these records and made the same terms, with `more` figures set."""
    for office, peer in ((world.ours, "theirs"), (world.theirs, "ours")):
        open_records(office, peer, RECORDS, *opened)
        made = change_terms(office.node, peer, "returns", replace(terms, set=[*terms.set, *more]), "test")
        assert made["waiting"] == {}
    world.ours.configured()
    return world


def open_records(office: Office, peer: str, service: str, *actions: str) -> None:
    """Open these records with the peer, both ways, by the office's own word."""
    with office.node.database.write() as connection:
        for action in actions:
            open_unilateral(
                connection, peer=peer, ref=AGREEMENT, service=service, service_type=None, action=action,
                now=office.node.now(),
            )  # fmt: skip


def example(name: str, *changes: tuple[str, str], service: str = RECORDS) -> PartToSend:
    """A record of the domain's examples with these changes of its text."""
    return PartToSend.of_bytes(_changed(name, service, changes).encode(), "application/xml")


def _changed(name: str, service: str, changes: Sequence[tuple[str, str]]) -> str:
    _, _, domain, version = service.split(":")
    text = (SCHEMAS / domain / version / "examples" / "good" / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def submitted(
    office: Office,
    to: str,
    content: PartToSend,
    action: str,
    *attached: PartToSend,
    service: str = RECORDS,
    **more: Any,
) -> Submitted:
    """Queued, after the second look that the record asks for."""
    try:
        return office.submitted(to, content, *attached, service=service, action=action, **more)
    except ConfirmationNeeded as asked:
        codes = [one.code for one in asked.findings]
        return office.submitted(to, content, *attached, service=service, action=action, confirmed=codes, **more)


async def applied(world: World) -> tuple[str, str]:
    """An application that both sides have; its id and case."""
    application = example("minimal-application.xml", ("<InterviewRequested>true", "<InterviewRequested>false"))
    sent = submitted(world.ours, "theirs", application, "ReadmissionApplication")
    await world.ours.reaches(sent.id, "delivered")
    return sent.id, sent.case


def sent_in(
    office: Office,
    case: str,
    name: str,
    *changes: tuple[str, str],
    concerning: str | None = None,
    listed: str | None = None,
    service: str = RECORDS,
) -> str:
    """An example of a record, changed so, on its way to the other side in the case; its id.

    `concerning`: the message that it is about, by its id. `listed` takes the place of the persons that it lists.
    """
    text = _changed(name, service, changes)
    if concerning is not None:
        text = re.sub(r"<(Concerning|Message)>[^<]*</", rf"<\1>{concerning}</", text)
    if listed is not None:
        text = re.sub(r"<Listed.*</Listed>", listed, text, flags=re.DOTALL)
    action = re.findall(r"<([A-Z]\w+) xmlns", text)[0]
    part = PartToSend.of_bytes(text.encode(), "application/xml")
    to = "ours" if office.party == "theirs" else "theirs"
    return submitted(office, to, part, action, case=case, service=service).id


def reply(office: Office, case: str, to: str, concerning: str, answer: str) -> str:
    content = example("reply.xml", (EXAMPLE_ID, concerning), (ACCEPTED, answer))
    return submitted(office, to, content, "Reply", case=case).id


def stands(office: Office, case: str) -> dict[str, Any]:
    """The case as `case show` has it."""
    with office.node.database.read() as connection:
        computed = compute_case(office.node, connection, find_case(connection, case))
    assert computed is not None
    return describe_case(computed)


def both_stand(world: World, case: str) -> dict[str, Any]:
    """The case, after a look that both sides show the same of it."""
    ours, theirs = stands(world.ours, case), stands(world.theirs, case)
    same = ("state", "agreed", "persons", "steps")
    assert [ours[key] for key in same] == [theirs[key] for key in same]
    assert [one["end"] for one in ours["deadlines"]] == [one["end"] for one in theirs["deadlines"]]
    return ours


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def done(
    by: Office,
    case: str,
    name: str,
    *changes: tuple[str, str],
    concerning: str | None,
    listed: str | None = None,
    service: str = RECORDS,
) -> str:
    """A record that the other side has; its id."""
    sent = sent_in(by, case, name, *changes, concerning=concerning, listed=listed, service=service)
    await by.reaches(sent, "delivered")
    return sent


def since(by: Office, message: str) -> datetime:
    """When what a message starts began: its receipt's time."""
    return instant(by.shown(message)["receipt_time"])


async def accepted(world: World) -> tuple[str, str]:
    application, case = await applied(world)
    await world.theirs.reaches(reply(world.theirs, case, "ours", application, ACCEPTED), "delivered")
    return application, case


async def documented(world: World) -> tuple[str, str]:
    application, case = await accepted(world)
    await done(world.theirs, case, "travel-document.xml", concerning=application)
    return application, case


def deadlines(world: World, case: str) -> dict[str, str]:
    """The ends of what runs in the case, by period, the same on both sides."""
    return {one["period"]: one["end"]["earliest"] for one in both_stand(world, case)["deadlines"]}


async def announced(world: World, *cases: str) -> str:
    """A transfer notice that lists one person of each of these cases, sent in the first."""
    listed = "".join(person(case) for case in cases)
    return await done(world.ours, cases[0], "transfer-notice.xml", concerning=None, listed=listed)


def person(case: str, what: str = "", occurred: str | None = None) -> str:
    """One person of a list."""
    said = f' occurred="{occurred}" recorded="{occurred}"' if occurred else ""
    return f"<Listed{said}><Case>{case}</Case><Person>p1</Person>{what}</Listed>"
