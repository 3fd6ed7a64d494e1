"""Idempotency keys: the same key with the same request brings the first answer again, byte for byte.

A key is taken before the request is carried out, or, for a message, in the very transaction that queues it; so a crash
leaves either nothing or a key that lets nothing be done twice. Only what was done is kept: after a refusal the key is
free again. Bodies are sealed, each under a key of its own.
"""

import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from node.api.problems import Refusal, invalid
from node.exchange.node import Node
from node.store.columns import table_of
from node.store.sealing import KEY_BYTES, seal, unseal
from node.store.tables import KeyedAnswer

KEPT = timedelta(hours=48)
LONGEST = 255
PATTERN = "^[!-~]+$"
KEPT_HEADERS = ("content-type", "location", "etag")

_KEY = re.compile(f"[!-~]{{1,{LONGEST}}}")
_ANSWER = table_of(KeyedAnswer)


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key of one program, as a digest, and the digest of the request that came with it."""

    program: str
    key_sha256: bytes
    request_sha256: bytes


def key_in(request: Request) -> str | None:
    """The idempotency key of a request, if it has one. Raises Refusal."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        expected = f"one of 1 to {LONGEST} printable ASCII characters without spaces"
        raise invalid("Idempotency-Key", ascii(values[0]), expected, "Use a new random UUID for each thing to be done.")
    return values[0]


def key_of(program: str, text: str, *request: bytes) -> Key:
    """The key `text` of a program, with what tells this request from another."""
    digest = hashlib.sha256()
    for one in request:
        digest.update(len(one).to_bytes(8, "big") + one)
    return Key(program, hashlib.sha256(text.encode()).digest(), digest.digest())


def answer_kept(node: Node, key: Key) -> Response | None:
    """The answer that the key brings back; None if it is free. Raises Refusal for another request's, or one under
    way."""
    query = select(_ANSWER).where(_ANSWER.c.program == key.program, _ANSWER.c.key_sha256 == key.key_sha256)
    with node.database.read() as connection:
        row = connection.execute(query).one_or_none()
    if row is None or row.created_at <= node.now() - KEPT:
        return None
    if bytes(row.request_sha256) != key.request_sha256:
        raise Refusal(422, "key-reused", "Nothing was done. Use another key for another request.")
    if row.status is None:
        detail = "Look whether it was done; if it was not, ask again with another key."
        raise Refusal(409, "under-way", detail)
    body = unseal(node.kek.unwrap(bytes(row.wrapped_key)), bytes(row.sealed))
    return Response(body, row.status, row.headers)


def take(node: Node, key: Key) -> Response | None:
    """Take the key; returns the answer if it was taken before and has one. Raises Refusal as `answer_kept`."""
    try:
        with node.database.write() as connection:
            _forget_old(node, connection)
            connection.execute(insert(_ANSWER).values(**_row(key), created_at=node.now()))
    except IntegrityError:
        kept = answer_kept(node, key)
        if kept is None:
            raise Refusal(409, "under-way", "It has ended at this moment. Ask again.") from None
        return kept
    return None


def keep(node: Node, key: Key, answer: Response) -> None:
    """Keep the answer to what was done under a key that was taken."""
    with node.database.write() as connection:
        connection.execute(update(_ANSWER).where(*_is(key)).values(_kept(node, answer)))


def give_back(node: Node, key: Key) -> None:
    """Free a key under which nothing was done."""
    with node.database.write() as connection:
        connection.execute(delete(_ANSWER).where(*_is(key), _ANSWER.c.status.is_(None)))


def keep_within(node: Node, connection: Connection, key: Key, answer: Response) -> None:
    """Take the key and keep its answer in the transaction that does what it tells of. Raises IntegrityError where the
    key was taken."""
    _forget_old(node, connection)
    connection.execute(insert(_ANSWER).values(**_row(key), created_at=node.now(), **_kept(node, answer)))


async def once(
    node: Node,
    key: Key,
    act: Callable[[], Awaitable[Response]],
    kept_of: Callable[[Response], Response] | None = None,
) -> Response:
    """Do `act` under a key, or give the answer that it brings back; of an answer `kept_of` makes what is kept.
    Raises what `act` does, and Refusal."""
    kept = await run_in_threadpool(take, node, key)
    if kept is not None:
        return kept
    try:
        answer = await act()
    except Exception:
        await run_in_threadpool(give_back, node, key)
        raise
    await run_in_threadpool(keep, node, key, answer if kept_of is None else kept_of(answer))
    return answer


def _forget_old(node: Node, connection: Connection) -> None:
    connection.execute(delete(_ANSWER).where(_ANSWER.c.created_at <= node.now() - KEPT))


def _row(key: Key) -> Mapping[str, Any]:
    return {"program": key.program, "key_sha256": key.key_sha256, "request_sha256": key.request_sha256}


def _is(key: Key) -> tuple[Any, ...]:
    return (_ANSWER.c.program == key.program, _ANSWER.c.key_sha256 == key.key_sha256)


def _kept(node: Node, answer: Response) -> dict[str, Any]:
    data_key = os.urandom(KEY_BYTES)
    return {
        "status": answer.status_code,
        "headers": {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers},
        "sealed": seal(data_key, bytes(answer.body)),
        "wrapped_key": node.kek.wrap(data_key),
    }
