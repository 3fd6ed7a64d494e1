"""Units that are ready together share a commit; none takes another down."""

import asyncio
from collections.abc import Sequence

import pytest

from node.exchange.groups import LARGEST_GROUP, InGroups


class Refused(Exception):
    """A unit that its commit refuses."""


def commit_of(groups: list[list[int]], expected: int = 1000) -> InGroups[int, int]:
    def apply(units: Sequence[int]) -> list[int | Exception]:
        groups.append(list(units))
        return [Refused(str(unit)) if unit < 0 else unit * 2 for unit in units]

    return InGroups(apply, gather_seconds=0.02, in_thread=False, expected=lambda: expected)


async def test_units_that_come_together_are_committed_together() -> None:
    groups: list[list[int]] = []
    commit = commit_of(groups)
    results = await asyncio.gather(*(commit.add(n) for n in range(10)))
    assert results == [n * 2 for n in range(10)]
    assert groups == [list(range(10))]


async def test_a_group_is_bounded() -> None:
    groups: list[list[int]] = []
    commit = commit_of(groups)
    await asyncio.gather(*(commit.add(n) for n in range(LARGEST_GROUP * 2 + 1)))
    assert max(map(len, groups)) == LARGEST_GROUP
    assert sum(map(len, groups)) == LARGEST_GROUP * 2 + 1


async def test_a_refused_unit_leaves_the_others_of_its_group_alone() -> None:
    groups: list[list[int]] = []
    commit = commit_of(groups)
    results = await asyncio.gather(commit.add(1), commit.add(-1), commit.add(2), return_exceptions=True)
    assert results[0] == 2
    assert results[2] == 4
    assert isinstance(results[1], Refused)
    assert len(groups) == 1


async def test_when_the_store_fails_all_hear_of_it_and_the_next_group_is_committed() -> None:
    failing = [True]

    def apply(units: Sequence[int]) -> list[int | Exception]:
        if failing[0]:
            raise OSError("disk full")
        return list(units)

    commit: InGroups[int, int] = InGroups(apply, gather_seconds=0, in_thread=True, expected=lambda: 2)
    results = await asyncio.gather(commit.add(1), commit.add(2), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError]
    failing[0] = False
    assert await commit.add(3) == 3


async def test_closing_finishes_what_is_waiting() -> None:
    groups: list[list[int]] = []
    commit = commit_of(groups)
    waiting = asyncio.create_task(commit.add(5))
    await asyncio.sleep(0)
    await commit.close()
    assert await waiting == 10


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_caller_that_left_does_not_disturb_the_group(in_thread: bool) -> None:
    def apply(units: Sequence[int]) -> list[int | Exception]:
        return list(units)

    commit: InGroups[int, int] = InGroups(apply, gather_seconds=0.05, in_thread=in_thread, expected=lambda: 9)
    leaving = asyncio.create_task(commit.add(1))
    staying = asyncio.create_task(commit.add(2))
    await asyncio.sleep(0.01)
    leaving.cancel()
    assert await staying == 2
