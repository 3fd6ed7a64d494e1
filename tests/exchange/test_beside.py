"""Work beside the loop: its outcome comes back, and nobody cleans up under it."""

import asyncio
import threading

import pytest

from node.exchange.beside import AHEAD, Taking, beside_loop


async def test_what_the_work_gives_or_raises_comes_back() -> None:
    assert await beside_loop(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await beside_loop(divmod, 7, 0)


async def test_the_loop_goes_on_meanwhile() -> None:
    go_on = threading.Event()
    task = asyncio.create_task(beside_loop(go_on.wait, 30))
    await asyncio.sleep(0)
    go_on.set()
    assert await task


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_waits_until_the_work_is_done(fails: bool) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(30)
        done.set()
        if fails:
            raise ValueError("of the work")

    task = asyncio.create_task(beside_loop(work))
    assert await asyncio.to_thread(begun.wait, 30)
    for _ in range(2):  # one who is in a hurry cancels twice
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_pieces_are_taken_in_their_order_while_more_come() -> None:
    taken: list[bytes] = []
    taking = Taking(taken.append)
    pieces = [bytes([n]) * 1000 for n in range(200)]
    for piece in pieces:
        await taking.add(piece)
        await asyncio.sleep(0)
    await taking.end()
    assert taken == pieces


async def test_whoever_brings_more_than_may_wait_is_held_back() -> None:
    go_on = threading.Event()
    taken: list[int] = []

    def slowly(piece: bytes) -> None:
        assert go_on.wait(30)
        taken.append(len(piece))

    taking = Taking(slowly)
    piece = bytes(AHEAD // 4)

    async def bring() -> None:
        for _ in range(20):
            await taking.add(piece)
            brought.append(len(piece))
        await taking.end()

    brought: list[int] = []
    task = asyncio.create_task(bring())
    await asyncio.sleep(0.05)
    assert sum(brought) <= AHEAD + len(piece)
    assert taken == []
    go_on.set()
    await task
    assert taken == [len(piece)] * 20


async def test_what_a_piece_raised_is_raised_and_nothing_is_taken_after_it() -> None:
    taken: list[bytes] = []

    def take(piece: bytes) -> None:
        if piece == b"bad":
            raise ValueError("of the piece")
        taken.append(piece)

    taking = Taking(take)

    async def bring() -> None:
        for piece in (b"good", b"bad", b"never"):
            await taking.add(piece)
        await taking.end()

    with pytest.raises(ValueError, match="of the piece"):
        await bring()
    await taking.leave()
    assert taken == [b"good"]


async def test_nothing_is_taken_once_it_was_left() -> None:
    begun, go_on = threading.Event(), threading.Event()
    taken: list[bytes] = []

    def take(piece: bytes) -> None:
        begun.set()
        assert go_on.wait(30)
        taken.append(piece)

    taking = Taking(take)
    await taking.add(b"first")
    assert await asyncio.to_thread(begun.wait, 30)
    await taking.add(b"second")
    leaving = asyncio.create_task(taking.leave())
    await asyncio.sleep(0.01)
    assert not leaving.done()
    go_on.set()
    await leaving
    assert taken == [b"first"]
