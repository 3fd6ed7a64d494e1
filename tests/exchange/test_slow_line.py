"""A large message over a slow line: an attempt lasts as long as the peer takes more, and not much longer."""

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta

from node.exchange import outbox
from node.exchange.parts_to_send import PartToSend
from tests.exchange.clock import until
from tests.exchange.conftest import Stage, StageMaker

ATTEMPT_SECONDS = 4
PIECE = 1 << 20
# More than the buffers of both ends hold, so that what the peer does not take waits with us.
PIECES = 18
# Linux lets a receiver's buffer grow to 32 MiB, and would take the whole message into it.
PEERS_BUFFER = 1 << 18
PAUSE = 1.5 * ATTEMPT_SECONDS / PIECES

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def large() -> PartToSend:
    return PartToSend("application/octet-stream", lambda: [bytes(PIECE)] * PIECES, compress=False)


def taking(stage: Stage, between: Callable[[int], asyncio.Future[None] | None]) -> list[int]:
    """Let the peer take a request in pieces, waiting for what `between` gives after each; the octets it has taken."""
    taken = [0]

    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PEERS_BUFFER)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = bytearray()
        while len(body) < length:
            body += await reader.readexactly(min(PIECE, length - len(body)))
            taken[0] = len(body)
            if (wait := between(len(body) // PIECE)) is not None:
                await wait
        content_type = head_value(head, "content-type")
        opened, _ = stage.peer.open(content_type, bytes(body))
        answer = stage.peer.receipt(opened)
        lines = f"HTTP/1.1 200 OK\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(answer.body)}\r\n\r\n"
        writer.write(lines.encode() + answer.body)
        await writer.drain()

    stage.peer.door = door
    return taken


def head_value(head: str, name: str) -> str:
    return head.split(f"{name}:")[1].split("\r\n")[0].strip()


async def test_a_message_that_takes_longer_than_an_attempt_without_progress_is_delivered(
    make_stage: StageMaker,
) -> None:
    """It goes for several times `attempt_seconds`, in one attempt, and nobody else takes it up meanwhile."""
    stage = await make_stage(attempt_seconds=ATTEMPT_SECONDS)
    others: list[list[outbox.Claim]] = []

    async def slowly(piece: int) -> None:
        if piece in (4, 9, 14):
            # By the clock that claims go by most of a claim's time passes, three times: it must be held anew.
            until_now = stage.ours.waiting()[0]["claimed_until"]
            stage.clock.advance(seconds=20)
            await until(lambda: stage.ours.waiting()[0]["claimed_until"] > until_now, "the claim is renewed")
            others.append(claimed_by_another(stage))
        await asyncio.sleep(PAUSE)

    taking(stage, lambda piece: asyncio.ensure_future(slowly(piece)))
    sent = stage.ours.submit("theirs", large())
    shown = await stage.ours.reaches(sent, "delivered")
    assert shown["attempts"] == 1
    assert others == [[], [], []]


def claimed_by_another(stage: Stage) -> list[outbox.Claim]:
    node = stage.ours.node
    attempt = timedelta(seconds=ATTEMPT_SECONDS)
    return outbox.claim(node.database, "another", node.now(), 10, attempt, node.retries)


async def test_a_peer_that_takes_no_more_is_left_after_one_attempts_time(make_stage: StageMaker) -> None:
    stage = await make_stage(attempt_seconds=ATTEMPT_SECONDS)
    never = asyncio.Event()
    stalled = asyncio.Event()

    def stall(piece: int) -> asyncio.Future[None] | None:
        if piece != 1:
            return None
        stalled.set()
        return asyncio.ensure_future(wait_for(never))

    taken = taking(stage, stall)
    sent = stage.ours.submit("theirs", large())
    await stalled.wait()
    shown = await stage.ours.attempted(sent, 1)
    assert shown["error"]["code"] == "EBMS:0005"
    assert taken == [PIECE]
    never.set()


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()
