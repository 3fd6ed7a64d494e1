"""Records are judged before they leave: what is wrong is not sent, what needs a second look waits for a person."""

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from node.audit.entry import open_entry
from node.exchange.handling import resend_message
from node.exchange.judgement import (
    FORBIDDEN,
    SECOND_LOOK,
    ConfirmationNeeded,
    Route,
    SubmissionRefused,
    require_good,
    require_sendable,
)
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.records.check import CheckedRecord
from node.records.domains import Domains, load_domains
from node.records.fields import attachments, with_digests
from node.records.reading import MAX_RECORD_BYTES
from node.store.columns import table_of
from node.store.tables import LogEntryKey
from tests.exchange.conftest import StageMaker, World, WorldMaker
from tests.exchange.offices import APPLICATION, EXAMPLES, RECORDS
from tests.exchange.test_handling import with_new_signing_certificate

HEADER = (RECORDS, APPLICATION)
WITHOUT_EVIDENCE = (EXAMPLES / "good" / "minimal-application.xml").read_bytes()
EVIDENCE = b"""<MeansOfEvidence><OtherEvidence occurred="2026-11-24" recorded="2026-11-25T09:00:00Z"><Person>p1</Person>
<Evidence>own-statement</Evidence><Description>The person says so.</Description></OtherEvidence></MeansOfEvidence>"""
MINIMAL = WITHOUT_EVIDENCE.replace(b"<MeansOfEvidence/>", EVIDENCE)
"""What nobody need look at again: without attachments, with one means of evidence."""
APPLIED = (EXAMPLES / "good" / "application.xml").read_bytes()
FULL = (EXAMPLES / "good" / "full-application.xml").read_bytes()
UNWEIGHED: dict[str, Any] = {"today": date(2026, 11, 26), "lists": lambda domain: None}
ANYWHERE = Route("theirs", "FRA", "SRB")


@pytest.fixture(scope="module")
def domains() -> Domains:
    return load_domains()


def judged(
    content: bytes, domains: Domains, route: Route, confirmed: Sequence[str] | None, known: frozenset[str] = frozenset()
) -> CheckedRecord:
    """The application called a.xml, if it may go there."""
    record = require_good(content, "a.xml", HEADER, domains)
    require_sendable(record, content, "a.xml", route, confirmed, lambda ids: {*ids} & known, **UNWEIGHED)
    return record


def codes_needed(content: bytes, domains: Domains, route: Route, confirmed: Sequence[str] = ()) -> dict[str, str]:
    """Rule → code of what must be confirmed before this record goes there."""
    with pytest.raises(ConfirmationNeeded) as needed:
        judged(content, domains, route, confirmed)
    for finding in needed.value.findings:
        assert f"--confirm {finding.code}" in str(needed.value)
        assert f"a.xml:{finding.problem.line}: " in str(needed.value)
    return {finding.problem.rule: finding.code for finding in needed.value.findings}


def test_a_record_without_a_doubt_may_go(domains: Domains) -> None:
    assert judged(MINIMAL, domains, ANYWHERE, ()).action == APPLICATION


@pytest.mark.parametrize("path", sorted((EXAMPLES / "bad").glob("*.xml")), ids=lambda path: path.stem)
def test_what_a_receiver_would_refuse_is_not_sent(domains: Domains, path: Path) -> None:
    content = path.read_bytes()
    found = re.search(rb"<(?:\w+:)?([A-Z]\w+)[\s>]", content)
    assert found is not None
    with pytest.raises(SubmissionRefused) as refused:
        require_good(content, path.name, (RECORDS, found[1].decode()), domains)
    assert not isinstance(refused.value, ConfirmationNeeded)
    assert path.name in str(refused.value)


def test_a_field_that_may_not_go_there_is_refused_and_no_code_lets_it_pass(domains: Domains) -> None:
    line = FULL[: FULL.index(b"<ParticularlyDangerous")].count(b"\n") + 1
    for confirmed in ((), ("0" * 12,), None):
        with pytest.raises(SubmissionRefused, match=rf"a\.xml:{line}: .*no criminal data is passed on") as refused:
            judged(FULL, domains, Route("theirs", "NLD", "XKX"), confirmed)
        assert not isinstance(refused.value, ConfirmationNeeded)
    judged(FULL, domains, Route("theirs", "NLD", "SRB"), ())


def test_where_a_country_is_not_known_a_person_must_say_that_the_field_may_go(domains: Domains) -> None:
    for route in (Route("theirs", "NLD", None), Route("theirs", None, "XKX"), Route("theirs", None, None)):
        codes = codes_needed(FULL, domains, route)
        assert set(codes) == {FORBIDDEN}
        judged(FULL, domains, route, tuple(codes.values()))
    judged(FULL, domains, Route("theirs", "FRA", None), ())


def test_a_text_that_names_protection_stops_for_a_second_look(domains: Domains) -> None:
    for word in ("asked for asylum", "kërkoi AZIL", "međunarodna zaštita", "persecuted"):
        told = MINIMAL.replace(b"<Place>Paris", f"<Place>{word} in Paris".encode())
        assert set(codes_needed(told, domains, ANYWHERE)) == {SECOND_LOOK}


def test_all_words_that_name_protection_are_shown(domains: Domains) -> None:
    told = MINIMAL.replace(b"<Place>Paris", b"<Place>Asylum was refused, azil je odbijen, izbjeglica")
    with pytest.raises(ConfirmationNeeded, match=r"Head/Place: found words that begin with “asylum”, “azil”, “izbjegl"):
        judged(told, domains, ANYWHERE, ())


def test_a_reference_to_a_message_that_was_not_exchanged_is_asked_about(domains: Domains) -> None:
    reply = (EXAMPLES / "good" / "reply.xml").read_bytes()
    found = re.search(rb"<Concerning>(.+?)</Concerning>", reply)
    assert found is not None
    message_id = found[1].decode()
    record = require_good(reply, "r.xml", (RECORDS, "Reply"), domains)
    for known, refused in ((set(), True), ({message_id}, False), ({"another@node"}, True)):
        context = pytest.raises(ConfirmationNeeded, match=re.escape(message_id)) if refused else nullcontext()
        with context:
            require_sendable(record, reply, "r.xml", ANYWHERE, (), lambda ids, known=known: {*ids} & known, **UNWEIGHED)


def test_an_application_without_any_evidence_is_asked_about(domains: Domains) -> None:
    assert set(codes_needed(WITHOUT_EVIDENCE, domains, ANYWHERE)) == {"some-evidence"}


def test_questions_of_the_rules_are_asked(domains: Domains) -> None:
    own = APPLIED.replace(b"<Nationality>UTO<", b"<Nationality>FRA<")
    codes = codes_needed(own, domains, ANYWHERE)
    assert set(codes) == {"not-own-national"}
    judged(own, domains, ANYWHERE, list(codes.values()))


def test_a_code_holds_for_one_finding_in_one_record_to_one_receiver(domains: Domains) -> None:
    both = APPLIED.replace(b"<Nationality>UTO<", b"<Nationality>FRA<").replace(
        b"<AcceleratedProcedure>false<", b"<AcceleratedProcedure>true<"
    )
    codes = codes_needed(both, domains, ANYWHERE)
    assert len(set(codes.values())) == 2
    left = codes_needed(both, domains, ANYWHERE, [codes["not-own-national"]])
    assert left == {"accelerated-interception": codes["accelerated-interception"]}
    elsewhere = codes_needed(both, domains, replace(ANYWHERE, receiver="others"))
    changed = codes_needed(both + b"\n", domains, ANYWHERE)
    assert not set(codes.values()) & {*elsewhere.values(), *changed.values()}
    with pytest.raises(SubmissionRefused, match=f"--confirm {codes['not-own-national']}: no finding"):
        judged(both + b"\n", domains, ANYWHERE, list(codes.values()))


def test_a_record_is_at_most_a_mebibyte(domains: Domains) -> None:
    large = MINIMAL + b" " * (MAX_RECORD_BYTES + 1 - len(MINIMAL))
    with pytest.raises(SubmissionRefused, match=f"at most {MAX_RECORD_BYTES} bytes"):
        judged(large, domains, ANYWHERE, ())
    judged(large[:MAX_RECORD_BYTES], domains, ANYWHERE, ())


# What `submit` makes of it, on both databases.


def record(content: bytes) -> PartToSend:
    return PartToSend.of_bytes(content, "application/xml", "a.xml")


def listed_files(world: World, content: bytes) -> tuple[bytes, list[PartToSend]]:
    """The record with files of our own making in place of those it lists, and these files; each larger than a row."""
    domain = world.ours.node.domains.find(RECORDS)
    assert domain is not None
    shape = domain.records[APPLICATION]
    starts = {"image/jpeg": b"\xff\xd8\xff", "application/pdf": b"%PDF-"}
    parts = [
        PartToSend.of_bytes(starts[one.media_type] + one.name.encode() * 10_000, one.media_type, one.name)
        for one in attachments(content, shape)
    ]
    digests = {str(one.name): hashlib.sha256(b"".join(one.content())).hexdigest() for one in parts}
    return with_digests(content, shape, digests), parts


async def test_attachments_that_differ_from_those_listed_are_refused_and_nothing_stays(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    content, files = listed_files(world, APPLIED)
    another = PartToSend.of_bytes(b"another" * 20_000, "image/jpeg", files[0].name)
    unlisted = PartToSend.of_bytes(b"more" * 20_000, "image/jpeg", "more.jpg")
    for parts, word in (
        (files[:1], f"Attach {files[1].name}"),
        ([another, files[1]], "another content"),
        ([*files, unlisted], "List more.jpg in the record"),
        ([*files, files[0]], f"Two attachments are called {files[0].name}"),
    ):
        with pytest.raises(SubmissionRefused, match=word):
            world.ours.submit("theirs", record(content), *parts, service=RECORDS, action=APPLICATION)
        assert world.ours.blob_files() == set()
    assert world.ours.count(MESSAGE) == world.ours.count(LOG_ENTRY) == 0
    sent = world.ours.submit("theirs", record(content), *files, service=RECORDS, action=APPLICATION)
    assert world.ours.state(sent) == "queued"


async def test_a_domain_of_ours_needs_its_record(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    with pytest.raises(SubmissionRefused, match="the first part must be the record"):
        world.ours.submit("theirs", service=RECORDS, action=APPLICATION)
    assert world.ours.count(MESSAGE) == 0


async def test_the_log_says_which_codes_were_confirmed_and_nothing_of_what_they_are_about(
    make_world: WorldMaker,
) -> None:
    world = await make_world()
    own = MINIMAL.replace(b"<Nationality>XXX<", b"<Nationality>FRA<")
    with pytest.raises(ConfirmationNeeded) as needed:
        world.ours.submit("theirs", record(own), service=RECORDS, action=APPLICATION)
    (finding,) = needed.value.findings
    assert world.ours.count(MESSAGE) == 0
    sent = world.ours.submit(
        "theirs", record(own), service=RECORDS, action=APPLICATION, confirmed=[finding.code, finding.code]
    )
    await world.ours.reaches(sent, "delivered")
    (queued,) = [row for row in world.ours.rows(LOG_ENTRY) if row["type"] == "message.queued"]
    (key,) = [row for row in world.ours.rows(table_of(LogEntryKey)) if row["id"] == queued["id"]]
    body = json.loads(open_entry(queued["leaf"], queued["sealed"], key["wrapped"], world.ours.node.kek)[1])
    assert body["facts"]["confirmed"] == [finding.code]
    assert finding.problem.rule not in json.dumps(body)


async def test_what_was_confirmed_once_is_not_asked_again_when_a_stale_message_is_replaced(
    make_stage: StageMaker,
) -> None:
    stage = await make_stage(send=False)
    own = MINIMAL.replace(b"<Nationality>XXX<", b"<Nationality>FRA<")
    with pytest.raises(ConfirmationNeeded) as needed:
        stage.ours.submit("theirs", record(own), service=RECORDS, action=APPLICATION)
    codes = [finding.code for finding in needed.value.findings]
    sent = stage.ours.submit("theirs", record(own), service=RECORDS, action=APPLICATION, confirmed=codes)
    with_new_signing_certificate(stage.ours)
    async with stage.ours.sending():
        await stage.ours.reaches(sent, "stale")
    replaced = resend_message(stage.ours.node, stage.ours.directory.snapshot(), sent, actor="officer")
    assert (replaced["replaces"], stage.ours.state(replaced["id"])) == (sent, "queued")
