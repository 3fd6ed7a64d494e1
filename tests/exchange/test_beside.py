"""Work beside the loop: its outcome comes back, and nobody cleans up under it."""

import asyncio
import threading

import pytest

from node.exchange.beside import beside_loop


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
