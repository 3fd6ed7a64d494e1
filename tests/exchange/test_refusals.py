"""Our people are told of what a known peer sends and we refuse: once for each peer and code, beside the answer."""

import asyncio
import contextlib
import io
import json
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

import node.cli.alarms as verbs
from node.as4 import PartOctets
from node.cli import main
from node.exchange import refusals
from node.exchange.alarms import settle_alarm
from node.exchange.peers import PEER
from node.exchange.refusals import KIND, RefusedIncoming, raise_alarms
from node.exchange.responses import ON_THE_WAY
from node.exchange.settlement import ALARM, MESSAGE
from node.operations.checks import run_checks
from tests.conformance.simulated import letter_of, part
from tests.conformance.test_packaging import cut_short, no_gzip_at_all, with_another_checksum
from tests.exchange.clock import until
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office, writes_refused
from tests.exchange.wire import Reply, letter, post, post_bytes

CONTENT = b"<record>of Ana Anic</record>"


@pytest.fixture
async def quiet(make_world: WorldMaker) -> World:
    return await make_world(send=False)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alarms are not held back."""
    monkeypatch.setattr(refusals, "PAUSE_SECONDS", 0.01)


async def sends_damaged(world: World, damage: Callable[[bytes], bytes] = cut_short) -> Reply:
    whole = part(CONTENT, "application/xml")
    broken = PartOctets.of(whole.info, damage(b"".join(whole.open())))
    reply = await post(world.ours, letter_of(world.theirs.node, world.ours.node, broken))
    assert (reply.error.code, reply.signed_by(world.ours.node)) == ("EBMS:0303", True)
    return reply


async def sends_uncovered(world: World) -> Reply:
    reply = await post(world.ours, letter(world.theirs.node, world.ours.node, service="urn:example:other:1"))
    assert (reply.error.code, reply.signed_by(world.ours.node)) == ("EBMS:0010", True)
    return reply


def listed(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """`depesha alarm list --json`."""
    monkeypatch.setattr(verbs, "open_node", lambda home: office.node)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["alarm", "list", "--json", "--home", "unused"]) == 0
    found: list[dict[str, str]] = json.loads(out.getvalue())
    return found


@pytest.mark.assertion("AS4_CP_TA31")
@pytest.mark.parametrize("damage", [cut_short, with_another_checksum, no_gzip_at_all])
async def test_people_are_told_of_a_damaged_message_that_the_peer_is_told_of(
    quiet: World, damage: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        reply = await sends_damaged(quiet, damage)
        await until(lambda: quiet.ours.alarms(KIND), "the alarm is raised")
    assert (reply.error.short, reply.error.severity) == ("DecompressionFailure", "failure")
    assert quiet.ours.count(MESSAGE) == 0
    (alarm,) = listed(quiet.ours, monkeypatch)
    (line,) = [line for line in logs if line["event"] == "refused"]
    assert (alarm["kind"], alarm["peer"], alarm["message"]) == ("refused-incoming", "theirs", None)
    assert alarm["detail"].startswith("EBMS:0303 DecompressionFailure; the latest at ")
    assert alarm["detail"].endswith(f"reference {line['reference']} in the running log")
    check = next(one for one in run_checks(quiet.ours.node) if one.name == "alarms")
    assert (check.ok, check.found, check.needed) == (False, "1 open", False)


async def test_a_stranger_and_a_false_signature_raise_none(quiet: World) -> None:
    known_as = letter(quiet.theirs.node, quiet.ours.node, identity=quiet.stranger.signing)
    for one, code in ((letter(quiet.stranger, quiet.ours.node), "EBMS:0010"), (known_as, "EBMS:0101")):
        assert (await post(quiet.ours, one)).error.code == code
    await quiet.ours.endpoint.close()  # writes what waits
    assert quiet.ours.rows(ALARM) == []


CHANGES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "a part changed": lambda body, boundary: body.replace(part_of(body, boundary), bytes(len(part_of(body, boundary)))),
    "a part left out": lambda body, boundary: boundary.join((*body.split(boundary)[:-2], body.split(boundary)[-1])),
    "a part added": lambda body, boundary: body.replace(
        boundary + b"--", boundary + b"\r\nContent-ID: <more@x>\r\n\r\nx\r\n" + boundary + b"--"
    ),
    "its end cut off": lambda body, boundary: body[: -len(boundary) - 8],
    "an encryption that does not open": lambda body, boundary: body.replace(
        b"<xenc:CipherValue>", b"<xenc:CipherValue>AAAA"
    ),
}


def part_of(body: bytes, boundary: bytes) -> bytes:
    """The octets of the last part."""
    return body.split(boundary)[-2].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@pytest.mark.parametrize("change", CHANGES)
async def test_one_who_changes_a_peers_message_on_its_way_raises_none_about_it(quiet: World, change: str) -> None:
    wire = letter(quiet.theirs.node, quiet.ours.node).sealed()
    boundary = b"--" + wire.content_type.split('boundary="')[1].split('"')[0].encode()
    changed = CHANGES[change](wire.body(), boundary)
    assert changed != wire.body()
    with capture_logs() as logs:
        reply = await post_bytes(quiet.ours, wire.content_type, changed)
    assert reply.error.code in ON_THE_WAY
    (line,) = [line for line in logs if line["event"] == "refused"]
    assert (line["peer"], line["proved"]) == ("theirs", False)
    await quiet.ours.endpoint.close()
    assert quiet.ours.rows(ALARM) == []


async def test_what_the_commit_refuses_has_the_alarm_of_its_own_only(quiet: World) -> None:
    sent = letter(quiet.theirs.node, quiet.ours.node)
    await post(quiet.ours, sent)
    other = letter(quiet.theirs.node, quiet.ours.node, [("text/plain", b"other")], message_id=sent.id)
    assert (await post(quiet.ours, other)).error.code == "EBMS:0003"
    await quiet.ours.endpoint.close()
    assert [alarm["kind"] for alarm in quiet.ours.rows(ALARM)] == ["other-content"]


@pytest.mark.usefixtures("hurried")
async def test_one_is_open_for_each_code_and_says_the_latest(quiet: World) -> None:
    await sends_damaged(quiet)
    (first,) = await until(lambda: quiet.ours.alarms(KIND), "the alarm is raised")
    quiet.clock.advance(hours=3)
    for _ in range(3):
        await sends_damaged(quiet)
        await sends_uncovered(quiet)

    def both() -> bool:
        found = quiet.ours.alarms(KIND)
        return len(found) == 2 and found[0]["detail"] != first["detail"]

    await until(both, "the first is brought up to date, and there is one of the other code")
    await quiet.ours.endpoint.close()
    again, other = sorted(quiet.ours.rows(ALARM), key=lambda row: int(row["id"]))
    assert {**again, "detail": ""} == {**first, "detail": ""}
    assert other["detail"].startswith("EBMS:0010 ProcessingModeMismatch; the latest at ")
    for row in (again, other):
        assert "Ana" not in row["detail"]
        assert "urn:" not in row["detail"]


@pytest.mark.usefixtures("hurried")
async def test_after_a_person_has_settled_it_a_new_one_is_raised(quiet: World) -> None:
    await sends_damaged(quiet)
    (first,) = await until(lambda: quiet.ours.alarms(KIND), "the alarm is raised")
    settle_alarm(quiet.ours.node, str(first["id"]), "they mend it", "command line")
    assert quiet.ours.alarms() == []
    await sends_damaged(quiet)
    (second,) = await until(lambda: quiet.ours.alarms(KIND), "a new alarm is raised")
    assert second["id"] != first["id"]


async def test_a_flood_is_written_once_and_the_rest_when_the_node_stops(
    quiet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def counting(node: object, refused: list[RefusedIncoming]) -> None:
        written.append(len(refused))
        raise_alarms(quiet.ours.node, refused)

    monkeypatch.setattr(refusals, "raise_alarms", counting)
    await sends_damaged(quiet)
    await until(lambda: quiet.ours.alarms(KIND), "the alarm is raised")
    for _ in range(5):
        await sends_damaged(quiet)
        await sends_uncovered(quiet)
    assert written == [1]
    await quiet.ours.endpoint.close()
    assert written == [1, 2]
    assert len(quiet.ours.alarms(KIND)) == 2


async def test_the_answer_does_not_wait_for_the_alarm(quiet: World) -> None:
    with quiet.ours.node.database.write() as connection:
        connection.execute(select(PEER).with_for_update()).all()
        await sends_damaged(quiet)
        assert quiet.ours.alarms() == []
    await until(lambda: quiet.ours.alarms(KIND), "the alarm is raised once the store is free")


@pytest.mark.usefixtures("hurried")
async def test_a_store_that_cannot_be_written_changes_no_answer_and_the_alarm_comes_after(quiet: World) -> None:
    with capture_logs() as logs, writes_refused(quiet.ours.node.database):
        await sends_damaged(quiet)
        await sends_damaged(quiet)
        await until(
            lambda: sum(line["event"] == "an alarm cannot be raised" for line in logs) > 1, "it was tried again"
        )
        assert quiet.ours.endpoint.counts == {"refused": 2}
    assert len(await until(lambda: quiet.ours.alarms(KIND), "the alarm is raised")) == 1


async def test_two_processes_raise_one_alarm(quiet: World) -> None:
    together = threading.Barrier(4)

    def raise_one(n: int) -> None:
        one = RefusedIncoming("theirs", "EBMS:0303", "DecompressionFailure", f"reference-{n}", quiet.clock())
        together.wait(10)
        raise_alarms(quiet.ours.node, [one])

    await asyncio.gather(*(asyncio.to_thread(raise_one, n) for n in range(4)))
    assert len(quiet.ours.alarms(KIND)) == 1
