"""Events for other programs: signed, without personal data, to the addresses that are set and no other."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from adapters import webhook
from node.config import ConfigError, Settings, load_settings, write_settings
from node.exchange.node import Node
from node.exchange.webhooks import EVENT, RECEIVER, announce, failing
from node.operations.checks import run_checks
from node.serving import Listening, serve
from tests.docs.console import ROOT
from tests.exchange.clock import until
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Office, text_part

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 24).decode()
SECRETS = (SecretStr(SECRET),)


@dataclass
class Receiver:
    """A program that is told of events; `answers` says how it answers the next ones, then it takes all."""

    answers: list[Callable[[], web.StreamResponse]] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    hangs: bool = False
    released: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
        try:
            yield self
        finally:
            self.released.set()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        if self.hangs:
            await self.released.wait()
        return self.answers.pop(0)() if self.answers else web.Response(status=204)

    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.asked]

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


def told_of(office: Office, *receivers: Receiver, **more: Any) -> Node:
    """The office with these receivers set."""
    values = {"webhooks": tuple(one.url for one in receivers), "webhook_secrets": SECRETS} | more
    office.node.__dict__["settings"] = office.node.settings.model_copy(update=values)
    office.node.__dict__.pop("retries", None)
    return office.node


@contextlib.asynccontextmanager
async def telling(office: Office, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Deliver events while the block runs, from when each receiver is known."""
    monkeypatch.setattr(webhook, "LOOK_SECONDS", 0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(webhook.deliver(office.node, stop))
    await until(lambda: office.count(RECEIVER) == len(office.node.settings.webhooks), "receivers are known")
    try:
        yield
    finally:
        stop.set()
        await task


async def sent(world: World) -> str:
    """A message, delivered, with its entries placed in the log."""
    message = world.ours.submit("theirs", text_part("Amira Example"))
    await world.ours.reaches(message, "delivered")
    world.ours.sequenced()
    return message


def is_signed(request: web.Request, body: bytes, key: bytes) -> bool:
    """As the documentation says how to verify."""
    signed = b".".join([request.headers["webhook-id"].encode(), request.headers["webhook-timestamp"].encode(), body])
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return any(hmac.compare_digest(expected, one) for one in request.headers["webhook-signature"].split())


async def test_a_receiver_is_told_of_each_step_of_a_message_signed_and_without_content(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver().listening() as receiver:
        other = base64.b64encode(bytes(range(40))).decode()
        told_of(world.ours, receiver, webhook_secrets=(*SECRETS, SecretStr(f"whsec_{other}")))
        await sent(world)
        async with telling(world.ours, monkeypatch):
            message = await sent(world)
            await until(lambda: len(receiver.asked) >= 2, "events came")
        assert [one["type"] for one in receiver.events()] == ["message.queued", "message.delivered"]
        [first, _] = receiver.events()
        assert first["data"] == {
            "message": message, "direction": "out", "peer": "theirs", "service": "urn:example:dispatches:1",
            "action": "Dispatch", "case": f"{world.clock().year}-0002",
        }  # fmt: skip
        assert first["party"] == "ours"
        for request, body in zip(receiver.asked, receiver.bodies, strict=True):
            assert is_signed(request, body, KEY)
            assert is_signed(request, body, bytes(range(40))), "the next secret signs too, so that it can be changed"
            assert not is_signed(request, body, bytes(32))
            assert b"Amira" not in body
        assert world.ours.count(EVENT) == 0


async def test_one_that_is_down_or_hangs_holds_up_no_other_and_gets_the_same_event_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.2)
    async with (
        Receiver().listening() as down,
        Receiver(hangs=True).listening() as hangs,
        Receiver().listening() as well,
    ):
        down.answers = [lambda: web.Response(status=500)]
        told_of(world.ours, down, hangs, well)
        async with telling(world.ours, monkeypatch):
            await sent(world)
            await until(lambda: len(well.asked) == 2, "the one that is well has both")
            await until(lambda: len(down.asked) == 1, "the other was tried")
            await until(lambda: len(failing_of(world.ours)) == 2, "it is known that two fail")
            assert failing_of(world.ours)[down.url] == "HTTP 500"
            assert len(down.asked) == 1, "it is left alone for a while"
            assert [one.ok for one in run_checks(world.ours.node) if one.name == "webhooks"] == [True]
            world.clock.advance(minutes=20)
            await until(lambda: len(down.asked) == 3, "it has both")
        assert down.ids() == [well.ids()[0], *well.ids()]
        assert list(failing_of(world.ours)) == [hangs.url]
        [check] = [one for one in run_checks(world.ours.node) if one.name == "webhooks"]
        assert (check.ok, hangs.url in check.found) == (False, False), "only the host is named"


async def test_what_a_clock_that_stood_ahead_put_off_is_told_once_it_is_right(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Receiver().listening() as receiver:
        receiver.answers = [lambda: web.Response(status=500)]
        told_of(world.ours, receiver)
        async with telling(world.ours, monkeypatch):
            # No event is so old by then that it is left out.
            world.clock.advance(hours=24)
            await sent(world)
            await until(lambda: failing_of(world.ours), "it was tried, and failed")
            assert len(receiver.asked) == 1
            world.clock.advance(hours=-24)
            await until(lambda: len(receiver.asked) == 3, "it has both")


def failing_of(office: Office) -> dict[str, str]:
    with office.node.database.read() as connection:
        return {address: answer for address, (_, answer) in failing(connection).items()}


async def test_nothing_goes_to_an_address_that_is_not_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver().listening() as receiver, Receiver().listening() as elsewhere:

        def redirect() -> web.StreamResponse:
            return web.Response(status=307, headers={"location": elsewhere.url})

        receiver.answers = [redirect, redirect]
        monkeypatch.setenv("http_proxy", elsewhere.url)
        told_of(world.ours, receiver)
        async with telling(world.ours, monkeypatch):
            await sent(world)
            await until(lambda: failing_of(world.ours).get(receiver.url) == "HTTP 307", "the redirect is a failure")
        told_of(world.ours, elsewhere)
        async with telling(world.ours, monkeypatch):
            await until(lambda: world.ours.count(EVENT) == 0, "what waited for the other is let go of")
        assert elsewhere.asked == []


async def test_what_waited_too_long_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver().listening() as receiver:
        receiver.answers = [lambda: web.Response(status=503)] * 2
        told_of(world.ours, receiver)
        async with telling(world.ours, monkeypatch):
            await sent(world)
            await until(lambda: failing_of(world.ours).get(receiver.url) == "HTTP 503", "it was tried")
            world.clock.advance(hours=49)
            await until(lambda: world.ours.count(EVENT) == 0, "they are left out")
            later = await sent(world)
            world.clock.advance(hours=1)
            await until(lambda: len(receiver.asked) == 4, "it takes the next ones")
        assert {one["data"]["message"] for one in receiver.events()[-2:]} == {later}


async def test_other_parts_of_the_node_announce_within_their_transaction(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await make_world(send=False)
    async with Receiver().listening() as receiver:
        node = world.ours.node
        with node.database.write() as connection:
            announce(node, connection, "case.due", {"case": "2026-0001"})
        assert world.ours.count(EVENT) == 0, "nobody is to be told"
        told_of(world.ours, receiver)
        async with telling(world.ours, monkeypatch):
            with contextlib.suppress(LookupError), node.database.write() as connection:
                announce(node, connection, "case.due", {"case": "2026-0002"})
                raise LookupError
            with node.database.write() as connection:
                announce(node, connection, "case.due", {"case": "2026-0003"})
            await until(lambda: receiver.asked, "it came")
        assert [(one["type"], one["data"]) for one in receiver.events()] == [("case.due", {"case": "2026-0003"})]


def test_settings_name_receivers_by_https_and_secrets_that_are_long_enough() -> None:
    base: dict[str, Any] = {"party": "ours", "name": "Ours"}
    good = "https://register.example/depesha"
    assert Settings(**base, webhooks=(good,), webhook_secrets=SECRETS).webhooks == (good,)
    assert SECRET not in repr(Settings(**base, webhooks=(good,), webhook_secrets=SECRETS))
    for address in ("http://register.example/", "ftp://x/", "https://u:p@x/", "https:///x", "https://x/#a"):
        with pytest.raises(ValidationError, match="https://HOST/PATH"):
            Settings(**base, webhooks=(address,), webhook_secrets=SECRETS)
    assert "events are signed" in Settings(**base, webhooks=(good,)).unsigned_webhooks
    for secret in ("whsec_c2hvcnQ=", base64.b64encode(KEY).decode(), "whsec_?"):
        with pytest.raises(ValidationError, match="24 to 64 random bytes"):
            Settings(**base, webhook_secrets=(SecretStr(secret),))


def test_the_documented_way_to_verify_accepts_what_is_signed_and_nothing_else() -> None:
    page = (ROOT / "docs/reference/webhooks.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(compile(code, "webhooks.md", "exec"), names)
    now, body = int(time.time()), b'{"type":"message.queued"}'

    def headers(at: int, event: str = "entry-1") -> dict[str, str]:
        return {
            "webhook-id": event,
            "webhook-timestamp": str(at),
            "webhook-signature": webhook.signature(
                ["whsec_" + base64.b64encode(b"x" * 24).decode(), SECRET], event, at, body.decode()
            ),
        }

    assert names["is_ours"](headers(now), body, SECRET)
    assert not names["is_ours"](headers(now), body + b" ", SECRET)
    assert not names["is_ours"](headers(now) | {"webhook-id": "entry-2"}, body, SECRET)
    assert not names["is_ours"](headers(now - 301), body, SECRET)
    assert not names["is_ours"](headers(now), body, "whsec_" + base64.b64encode(bytes(32)).decode())


async def test_without_a_secret_to_sign_with_nothing_is_served_and_the_check_fails(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    node = told_of(world.ours, Receiver(url="http://127.0.0.1:9/events"), webhook_secrets=())
    with pytest.raises(ConfigError, match=r"webhook_secrets: found none.*DEPESHA_WEBHOOK_SECRETS"):
        await serve(node, Listening("127.0.0.1:0", "127.0.0.1:0", plain_http=True), lambda: None)
    [check] = [one for one in run_checks(node) if one.name == "webhooks"]
    assert (check.ok, "found none" in check.found) == (False, True)


def test_a_wrong_setting_does_not_show_the_secret(tmp_path: Path) -> None:
    write_settings(tmp_path, {"party": "ours", "name": "Ours"})
    with pytest.raises(ConfigError) as raised:
        load_settings(tmp_path, {"DEPESHA_WEBHOOK_SECRETS": "whsec_topsecret"})
    assert "webhook_secrets" in str(raised.value)
    assert "topsecret" not in str(raised.value)
    alone = load_settings(tmp_path, {"DEPESHA_WEBHOOKS": "https://register.example/a?key=hidden"})
    assert "events are signed" in alone.unsigned_webhooks
    assert "hidden" not in alone.unsigned_webhooks
    both = {
        "DEPESHA_WEBHOOKS": "https://a.example/, https://b.example/",
        "DEPESHA_WEBHOOK_SECRETS": f"{SECRET},{SECRET}",
    }
    assert load_settings(tmp_path, both).webhooks == ("https://a.example/", "https://b.example/")
