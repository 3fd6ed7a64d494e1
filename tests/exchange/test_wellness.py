"""/healthz, /readyz and /metrics tell the truth: each thing is broken, and seen to be told."""

import json
from collections import namedtuple
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from starlette.applications import Starlette

from node.app import inside_app, outside_app
from node.exchange.settlement import ALARM
from node.operations import checks as checks_module
from node.operations.checks import clock_state
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Known, Office, text_part, writes_refused
from tests.exchange.wire import letter, post


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the kernel says of its clock; a test may put something else there."""
    said = ["synchronised"]
    monkeypatch.setattr(checks_module, "kernel_clock", lambda: said[0])
    return said


@pytest.fixture
async def quiet(make_world: WorldMaker) -> World:
    return await make_world(send=False)


async def ask(app: Any, path: str) -> tuple[int, str]:
    """Status and text of a GET."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


def inside(office: Office) -> Any:
    return inside_app(office.node, office.endpoint, Starlette(), with_outside=False)


async def readiness(office: Office) -> tuple[int, dict[str, dict[str, Any]]]:
    """The status of /readyz and its checks by name."""
    status, text = await ask(inside(office), "/readyz")
    said = json.loads(text)
    assert said["ready"] is (status == 200)
    return status, {check["check"]: check for check in said["checks"]}


async def metrics(office: Office) -> dict[tuple[str, ...], float]:
    """Every sample of /metrics by its name and label values."""
    status, text = await ask(inside(office), "/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_node_that_is_well_says_so(quiet: World) -> None:
    status, checks = await readiness(quiet.ours)
    assert status == 200
    assert list(checks["sign"]) == ["check", "ok", "found", "remedy"]
    assert all(check["ok"] and check["remedy"] == "" for check in checks.values())
    assert await ask(outside_app(quiet.ours.endpoint), "/healthz") == (200, "running\n")
    found = await metrics(quiet.ours)
    assert {key: value for key, value in found.items() if key[0] == "depesha_check_ok"} == {
        ("depesha_check_ok", name): 1.0 for name in checks
    }


async def test_outside_answers_the_wire_and_health_and_nothing_else(quiet: World) -> None:
    app = outside_app(quiet.ours.endpoint)
    for path in ("/", "/readyz", "/metrics", "/cases", "/api/v1/messages", "/sign-in"):
        assert (await ask(app, path))[0] == 404
    assert (await ask(app, "/as4"))[0] == 405


async def test_a_store_that_cannot_be_written_is_told(quiet: World) -> None:
    with writes_refused(quiet.ours.node.database):
        status, checks = await readiness(quiet.ours)
        assert (status, checks["write"]["ok"]) == (503, False)
        assert "read-only" in checks["write"]["found"]
        assert checks["write"]["remedy"]
        assert (await metrics(quiet.ours))["depesha_check_ok", "write"] == 0
        assert (await ask(outside_app(quiet.ours.endpoint), "/healthz"))[0] == 200, "it runs, and should not be killed"
    assert (await readiness(quiet.ours))[0] == 200


async def test_a_blob_folder_that_cannot_be_written_is_told(quiet: World) -> None:
    folder = quiet.ours.node.home / "blobs"
    folder.write_text("in the way")
    status, checks = await readiness(quiet.ours)
    assert (status, checks["write"]["ok"]) == (503, False)
    folder.unlink()
    assert (await readiness(quiet.ours))[0] == 200
    assert quiet.ours.blob_files() == set()


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("sign", lambda keys, other: {"signing_key": other.signing_key}),
        ("decrypt", lambda keys, other: {"encryption_key": other.encryption_key}),
    ],
)
async def test_keys_that_do_not_belong_to_the_certificates_are_told(quiet: World, check: str, change: Any) -> None:
    keys = quiet.ours.node.keys
    quiet.ours.node.__dict__["keys"] = replace(keys, **change(keys, quiet.stranger.keys))
    status, checks = await readiness(quiet.ours)
    assert (status, checks[check]["ok"]) == (503, False)
    assert checks[check]["remedy"]


async def test_an_unknown_clock_is_not_ready_until_a_peer_is_heard(quiet: World, kernel: list[str]) -> None:
    kernel[0] = "unsynchronised"
    status, checks = await readiness(quiet.ours)
    assert (status, checks["clock"]["ok"]) == (503, False)
    assert "exchange a record (no ping) with a peer" in checks["clock"]["remedy"]
    sent = letter(quiet.theirs.node, quiet.ours.node)
    assert (await post(quiet.ours, sent)).status == 200, "unknown is no doubt: intake goes on"
    status, checks = await readiness(quiet.ours)
    assert (status, checks["clock"]["ok"]) == (200, True)
    quiet.clock.advance(hours=2)
    assert (await readiness(quiet.ours))[0] == 503, "an hour later that says nothing any more"


async def test_a_receipt_reassures_about_the_clock(make_world: WorldMaker, kernel: list[str]) -> None:
    world = await make_world()
    kernel[0] = "unknown"
    assert not clock_state(world.ours.node).trusted
    sent = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(sent, "delivered")
    assert clock_state(world.ours.node).trusted


@pytest.mark.parametrize("hours", [-30, 30])
async def test_messages_that_are_old_or_ahead_when_they_arrive_say_nothing_of_the_clock(
    quiet: World, kernel: list[str], hours: int
) -> None:
    kernel[0] = "unknown"
    quiet.ours.know(Known(quiet.stranger, "http://127.0.0.1:9/as4"))
    quiet.ours.configured()
    for sender in (quiet.theirs.node, quiet.stranger, quiet.theirs.node):
        written = quiet.clock() + timedelta(hours=hours)
        assert (await post(quiet.ours, letter(sender, quiet.ours.node, timestamp=written))).status == 200
    state = clock_state(quiet.ours.node)
    assert (state.trusted, state.doubted) == (False, False)


async def test_receipts_of_two_peers_from_another_time_cast_doubt_and_those_of_one_do_not(
    make_world: WorldMaker, kernel: list[str]
) -> None:
    kernel[0] = "unknown"
    world = await make_world()
    world.theirs.node.__dict__["now"] = lambda: world.clock() + timedelta(minutes=30)
    first = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(first, "delivered")
    state = clock_state(world.ours.node)
    assert (state.trusted, state.doubted) == (False, False)
    # The other peer is served by the same office, under another name.
    other = replace(world.theirs.node, settings=world.theirs.node.settings.model_copy(update={"party": "other"}))
    world.theirs.node.__dict__["settings"] = other.settings
    world.ours.know(Known(other, world.theirs.url))
    world.ours.configured()
    second = world.ours.submit("other", text_part("y"))
    await world.ours.reaches(second, "delivered")
    state = clock_state(world.ours.node)
    assert (state.trusted, state.doubted) == (False, True)
    assert "2 peers" in state.found


async def test_a_clock_that_was_set_back_is_doubted(quiet: World) -> None:
    quiet.clock.advance(days=1)
    assert (await post(quiet.ours, letter(quiet.theirs.node, quiet.ours.node))).status == 200
    quiet.clock.advance(days=-1)
    state = clock_state(quiet.ours.node)
    assert (state.trusted, state.doubted) == (False, True)
    status, checks = await readiness(quiet.ours)
    assert (status, checks["clock"]["ok"]) == (503, False)


async def test_a_full_disk_is_told(quiet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(checks_module.shutil, "disk_usage", lambda path: usage(10**12, 0, 10**6))
    status, checks = await readiness(quiet.ours)
    assert (status, checks["disk"]["ok"]) == (503, False)
    assert checks["disk"]["found"].startswith("1 MB free")


async def test_a_certificate_that_ends_soon_warns_and_one_that_ended_is_not_ready(quiet: World) -> None:
    quiet.clock.advance(days=1080)
    status, checks = await readiness(quiet.ours)
    assert status == 200
    assert not checks["certificate-signing"]["ok"]
    assert checks["certificate-signing"]["remedy"]
    seconds = (await metrics(quiet.ours))["depesha_certificate_expiry_seconds", "signing"]
    assert timedelta(days=14) < timedelta(seconds=seconds) < timedelta(days=17)
    quiet.clock.advance(days=20)
    assert (await readiness(quiet.ours))[0] == 503


async def test_a_stopping_node_is_not_ready(quiet: World) -> None:
    quiet.ours.endpoint.stopping = True
    assert (await ask(inside(quiet.ours), "/readyz"))[0] == 503


async def test_metrics_count_what_happened(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    world.ours.know(Known(world.stranger, "http://127.0.0.1:9/as4"))
    world.ours.configured()
    async with world.ours.sending():  # and no longer: later the next attempt would be due
        sent = world.ours.submit("theirs", text_part("x"))
        await world.ours.reaches(sent, "delivered")
        stuck = world.ours.submit("stranger", text_part("y"))
        await world.ours.attempted(stuck, 1)
    received = letter(world.theirs.node, world.ours.node)
    for _ in range(2):
        await post(world.ours, received)
    await post(world.ours, letter(world.theirs.node, world.ours.node, [("text/plain", b"!")], message_id=received.id))
    world.clock.advance(minutes=30)
    found = await metrics(world.ours)
    assert found["depesha_messages", "out", "delivered"] == 1
    assert found["depesha_messages", "out", "queued"] == 1
    assert found["depesha_messages", "in", "received"] == 1
    assert 1800 <= found["depesha_outbox_oldest_seconds", "stranger"] < 1900
    assert ("depesha_outbox_oldest_seconds", "theirs") not in found
    assert found["depesha_alarms_open",] == 1
    assert found["depesha_log_pending",] == 4
    assert found["depesha_wire_requests_total", "received"] == 1
    assert found["depesha_wire_requests_total", "duplicate"] == 1
    assert found["depesha_wire_requests_total", "refused"] == 1
    world.ours.sequenced()
    assert (await metrics(world.ours))["depesha_log_pending",] == 0


async def test_what_a_person_settled_is_no_open_alarm(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    received = letter(world.theirs.node, world.ours.node)
    await post(world.ours, received)
    await post(world.ours, letter(world.theirs.node, world.ours.node, [("text/plain", b"!")], message_id=received.id))
    assert (await metrics(world.ours))["depesha_alarms_open",] == 1
    with world.ours.node.database.write() as connection:
        connection.execute(update(ALARM).values(settled_at=world.clock()))
    assert (await metrics(world.ours))["depesha_alarms_open",] == 0
