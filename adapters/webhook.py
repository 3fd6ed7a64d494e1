"""Posting events to the receivers that the setting `webhooks` names, signed, until each has taken them.

The form is that of Standard Webhooks 1.0: the headers webhook-id, webhook-timestamp and webhook-signature, the last
`v1,` and the base64 of HMAC-SHA256(secret, id "." timestamp "." body), one for each secret, with spaces between.
Each receiver has a task of its own, so that one which hangs holds up no other. Redirects are not followed, and proxies
of the environment are not used: nothing is sent anywhere but to the addresses that are set.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp

from node.config import WEBHOOK_SECRET_PREFIX
from node.exchange.node import Node
from node.exchange.webhooks import CLAIM, Waiting, done, failed, forget_others, take_up, taken
from node.journal import journal
from node.store.trouble import StoreUnavailable

log = journal("webhook")

LOOK_SECONDS = 1.0
ANSWER_SECONDS = 15.0
TROUBLE_SECONDS = 5.0


class NotTaken(Exception):
    """The receiver did not take an event; the text says why, without its address."""


def signature(secrets: Sequence[str], event: str, timestamp: int, body: str) -> str:
    """The header webhook-signature. `secrets` as in the settings, `timestamp` in seconds since 1970."""
    signed = f"{event}.{timestamp}.{body}".encode()
    macs = (hmac.digest(_key(secret), signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


async def deliver(node: Node, stop: asyncio.Event) -> None:
    """Post events to all receivers until the node stops."""
    await asyncio.to_thread(forget_others, node)
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        await asyncio.gather(*(_to_one(node, session, address, stop) for address in node.settings.webhooks))


async def _to_one(node: Node, session: aiohttp.ClientSession, address: str, stop: asyncio.Event) -> None:
    while not stop.is_set():
        pause = LOOK_SECONDS
        try:
            if await _some(node, session, address, stop):
                continue
        except StoreUnavailable as trouble:
            log.error("events cannot be read", reason=str(trouble))
            pause = TROUBLE_SECONDS
        await _stopped_within(stop, pause)


async def _some(node: Node, session: aiohttp.ClientSession, address: str, stop: asyncio.Event) -> bool:
    """Deliver what waits for a receiver, as long as it is ours; whether to look again at once."""
    loop = asyncio.get_running_loop()
    until = loop.time() + CLAIM.total_seconds() - 2 * ANSWER_SECONDS
    claimed = await asyncio.to_thread(take_up, node, address)
    if claimed is None:
        return False
    for one in claimed.waiting:
        if stop.is_set() or loop.time() > until:
            break
        try:
            await _post(node, session, address, one)
        except NotTaken as error:
            left_out = await asyncio.to_thread(failed, node, address, claimed, str(error))
            log.warning("event not taken", host=_host(address), reason=str(error), left_out=left_out)
            return False
        if not await asyncio.to_thread(taken, node, address, claimed, one):
            return False
    await asyncio.to_thread(done, node, address, claimed)
    return bool(claimed.waiting)


async def _post(node: Node, session: aiohttp.ClientSession, address: str, one: Waiting) -> None:
    timestamp = int(node.now().timestamp())
    secrets = [secret.get_secret_value() for secret in node.settings.webhook_secrets]
    headers = {
        "content-type": "application/json",
        aiohttp.hdrs.USER_AGENT: "depesha",
        "webhook-id": one.event,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secrets, one.event, timestamp, one.body),
    }
    try:
        async with session.post(address, data=one.body.encode(), headers=headers, allow_redirects=False) as answer:
            if not 200 <= answer.status < 300:
                raise NotTaken(f"HTTP {answer.status}")
    except TimeoutError:
        raise NotTaken(f"no answer within {ANSWER_SECONDS:g} seconds") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NotTaken(_reason(error)) from None


def _reason(error: Exception) -> str:
    """What kind of failure it was; an error of the client may hold the whole address, which may be a secret."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its TLS certificate is not accepted"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "it cannot be reached"
    return "the connection broke off"


def _host(address: str) -> str:
    return urlsplit(address).netloc


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(WEBHOOK_SECRET_PREFIX))


async def _stopped_within(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
