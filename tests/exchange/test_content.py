"""Records on the wire: every example, good and bad; refusals tell where and why, never what was found."""

import os
import re
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node.exchange import intake
from node.exchange.contents import answer_of
from node.exchange.judgement import SubmissionRefused
from node.exchange.node import Node
from node.exchange.search_index import sealed_terms
from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.operations.checks import run_checks
from node.records.check import CheckedRecord, check
from node.records.domains import Domains, load_domains
from node.records.problems import Problem
from node.records.reading import MAX_RECORD_BYTES
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import APPLICATION, EXAMPLES, RECORDS, ROOT, known, record_part
from tests.exchange.wire import letter, post, post_together

# The domains whose records cases are made of, by service.
TRADED = {
    f"urn:depesha:{name}:1": ROOT / "schemas" / name / "1" / "examples"
    for name in ("returns", "administrative", "inquiry")
}
GOOD = [(service, path) for service, folder in TRADED.items() for path in sorted((folder / "good").glob("*.xml"))]
BAD = [(service, path) for service, folder in TRADED.items() for path in sorted((folder / "bad").glob("*.xml"))]
ROOT_ELEMENT = re.compile(rb"<(?:\w+:)?([A-Z]\w+)[\s>]")


def action_of(content: bytes) -> str:
    """What a sender that did not check would say that the record is."""
    found = ROOT_ELEMENT.search(content)
    assert found is not None
    return found[1].decode()


@pytest.fixture
async def trading(make_world: WorldMaker) -> World:
    """Every record of the domains may be exchanged."""
    world = await make_world(send=False)
    pairs = {(service, action_of(path.read_bytes())) for service, path in (*GOOD, *BAD)}
    world.ours.know(known(world.theirs), pairs=sorted(pairs - {(RECORDS, APPLICATION)}))
    world.ours.configured()
    return world


async def test_every_good_record_is_received(trading: World) -> None:
    for service, path in GOOD:
        content = path.read_bytes()
        sent = letter(
            trading.theirs.node,
            trading.ours.node,
            [("application/xml", content)],
            service=service,
            action=action_of(content),
        )
        (await post(trading.ours, sent)).receipt(sent, trading.ours.node)
        assert trading.ours.shown(sent.id)["state"] == "received", path.name
    assert {service for service, _ in GOOD} == set(TRADED)


# Digests, signatures and certificates are as good as random, and so is the moment of an answer to the millisecond:
# three given letters stand in some answers by chance, and the number 1.68 in one of a thousand moments.
BY_CHANCE = re.compile(
    rb"(<(?:\w+:)?(?:DigestValue|SignatureValue|BinarySecurityToken|Timestamp|MessageId|RefToMessageId)\b[^>]*>)[^<]*"
)


def secrets_of(problems: list[Problem], content: bytes) -> set[str]:
    """The values that were found wrong, as far as they are values: no names of elements or rules."""
    text = content.decode("utf-8", "replace")
    said = " ".join(f"{problem.path} {problem.rule} {problem.expected}" for problem in problems)
    found = {value.strip() for problem in problems for value in re.split(r"[,;:]\s", problem.found)}
    return {value for value in found if len(value) >= 4 and value in text and value not in said}


async def test_every_bad_record_is_refused_without_a_word_of_what_it_says(trading: World) -> None:
    names = {name.encode() for name in ("ERIKSSON", "Eriksson", "MARTIN", "UTO", "L898902C")}
    hidden = 0
    for service, path in BAD:
        content = path.read_bytes()
        problems = check(content, trading.ours.node.domains, service=service, action=action_of(content))
        assert not isinstance(problems, CheckedRecord), path.name
        secrets = secrets_of(problems, content)
        hidden += bool(secrets)
        sent = letter(
            trading.theirs.node,
            trading.ours.node,
            [("application/xml", content)],
            service=service,
            action=action_of(content),
        )
        with capture_logs() as logs:
            reply = await post(trading.ours, sent)
        code, told = reply.told
        assert code == "EBMS:0004", path.name
        assert reply.signed_by(trading.ours.node)
        shown = trading.ours.shown(sent.id)
        assert (shown["state"], shown["receipt_time"]) == ("rejected", None)
        assert shown["error"] == {"code": "EBMS:0004", "detail": told}
        assert problems[0].rule in told
        for word in [*(secret.encode() for secret in secrets), *names]:
            for place, octets in (
                ("answer", BY_CHANCE.sub(rb"\1", reply.body)),
                ("error_detail", told.encode()),
                ("logs", repr(logs).encode()),
            ):
                assert word not in octets, f"{path.name}: {word!r} in {place}"
    assert {service for service, _ in BAD} == set(TRADED)
    assert hidden > 10, "the examples do hold values that could have been told"


def bad_application() -> bytes:
    return (EXAMPLES / "bad" / "name-with-digit.xml").read_bytes()


async def test_a_refusal_for_content_is_remembered(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    sent = letter(
        world.theirs.node,
        world.ours.node,
        [("application/xml", bad_application()), ("image/jpeg", b"\xff\xd8\xff")],
        service=RECORDS,
        action=APPLICATION,
    )
    first = await post(world.ours, sent)
    world.clock.advance(days=2)
    again = await post(world.ours, sent)
    assert again.body == first.body
    assert world.ours.endpoint.counts == {"received": 1, "duplicate": 1}
    shown = world.ours.shown(sent.id)
    assert shown["state"] == "rejected"
    assert [part["media_type"] for part in shown["parts"]] == ["application/xml", "image/jpeg"]
    assert answer_of(world.ours.node, world.ours.row(sent.id)["id"]) == first.body
    assert [entry["type"] for entry in world.ours.rows(LOG_ENTRY)] == ["message.rejected"]
    assert world.ours.count(MESSAGE) == 1


async def test_both_sides_see_the_same_refusal(make_world: WorldMaker) -> None:
    """A sender that cannot check, lacking the domain: its office shows path, rule and expectation."""
    world = await make_world()
    world.ours.node.__dict__["domains"] = Domains((), ())
    sent = world.ours.submit("theirs", record_part("bad/name-with-digit.xml"), service=RECORDS, action=APPLICATION)
    mine = await world.ours.reaches(sent, "refused")
    theirs = world.theirs.shown(sent)
    assert theirs["state"] == "rejected"
    assert theirs["error"]["detail"] in mine["error"]["detail"]
    assert mine["error"]["code"] == theirs["error"]["code"] == "EBMS:0004"
    assert answer_of(world.ours.node, world.ours.row(sent)["id"]) == answer_of(
        world.theirs.node, world.theirs.row(sent)["id"]
    )


async def test_a_domain_that_did_not_load_lets_nothing_through_unjudged(trading: World, tmp_path: Path) -> None:
    """Neither out nor in; the peer tries again, and others' messages are taken."""
    folder = shutil.copytree(ROOT / "schemas/returns/1", tmp_path / "returns/1")
    (folder / "procedure.toml").write_text("no procedure", encoding="utf-8")
    ours, theirs = trading.ours, trading.theirs
    content = (EXAMPLES / "bad/name-with-digit.xml").read_bytes()
    sent = letter(theirs.node, ours.node, [("application/xml", content)], service=RECORDS, action=APPLICATION)
    ours.node.__dict__["domains"] = load_domains([tmp_path])
    with pytest.raises(SubmissionRefused, match=r"returns:1: its records cannot be judged here.*procedure\.toml"):
        ours.submit("theirs", record_part("good/application.xml"), service=RECORDS, action=APPLICATION)
    assert (await post(ours, sent)).status == 503
    assert ours.count(MESSAGE) == 0
    check_of = {one.name: one for one in run_checks(ours.node)}
    assert (check_of["domains"].ok, "procedure.toml" in check_of["domains"].found) == (False, True)
    ours.node.__dict__["domains"] = load_domains()
    assert (await post(ours, sent)).told[0] == "EBMS:0004"


async def test_a_good_record_under_another_action_is_refused(trading: World) -> None:
    content = (EXAMPLES / "good" / "application.xml").read_bytes()
    sent = letter(
        trading.theirs.node, trading.ours.node, [("application/xml", content)], service=RECORDS, action="Reply"
    )
    code, told = (await post(trading.ours, sent)).told
    assert code == "EBMS:0004"
    assert "Reply" in told


async def test_a_record_that_inflates_beyond_its_limit_is_refused(trading: World) -> None:
    """Few octets on the wire: what counts is the record that they inflate to."""
    content = (EXAMPLES / "good" / "application.xml").read_bytes()
    for size, code in ((MAX_RECORD_BYTES, None), (MAX_RECORD_BYTES + 1, "EBMS:0004"), (8 << 20, "EBMS:0004")):
        filler = b"<!--" + os.urandom(500).hex().encode() * (size // 1000 + 1)
        large = content + filler[: size - len(content) - 3] + b"-->"
        sent = letter(
            trading.theirs.node, trading.ours.node, [("application/xml", large)], service=RECORDS, action=APPLICATION
        )
        reply = await post(trading.ours, sent)
        if code is None:
            reply.receipt(sent, trading.ours.node)
        else:
            assert (reply.told[0], f"at most {MAX_RECORD_BYTES} bytes" in reply.told[1]) == (code, True)


async def test_a_message_of_a_domain_without_its_record_is_refused(trading: World) -> None:
    sent = letter(trading.theirs.node, trading.ours.node, [], service=RECORDS, action=APPLICATION)
    code, told = (await post(trading.ours, sent)).told
    assert code == "EBMS:0004"
    assert "PayloadInfo" in told


async def test_a_bad_record_in_a_group_takes_no_other_down(trading: World) -> None:
    ours, theirs = trading.ours.node, trading.theirs.node
    bad = letter(theirs, ours, [("application/xml", bad_application())], service=RECORDS, action=APPLICATION)
    good = [letter(theirs, ours) for _ in range(4)]
    replies = await post_together(trading.ours, [*good[:2], bad, bad, *good[2:]])
    assert replies[2].body == replies[3].body
    assert replies[2].error.code == "EBMS:0004"
    for one, reply in zip(good, [*replies[:2], *replies[4:]], strict=True):
        reply.receipt(one, ours)


async def test_a_fault_of_ours_with_one_message_holds_up_no_other(
    trading: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = trading.ours.node, trading.theirs.node
    content = (EXAMPLES / "good" / "application.xml").read_bytes()
    sent = [letter(theirs, ours, [("application/xml", content)], service=RECORDS, action=APPLICATION) for _ in range(4)]
    left = iter([False, True, False, False])

    def sometimes(node: Node, record: CheckedRecord | None) -> str:
        if next(left):
            raise ZeroDivisionError
        return sealed_terms(node, record)

    with monkeypatch.context() as patch:
        patch.setattr(intake, "sealed_terms", sometimes)
        replies = await post_together(trading.ours, sent)
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 503]
    for one, reply in zip(sent, replies, strict=True):
        if reply.status == 503:
            reply = await post(trading.ours, one)
        reply.receipt(one, ours)
    assert {row["state"] for row in trading.ours.listed()} == {"received"}
    assert len(trading.ours.listed()) == len(sent)


def test_the_examples_are_where_they_are_sought() -> None:
    assert Path(EXAMPLES, "good", "application.xml").is_file()
