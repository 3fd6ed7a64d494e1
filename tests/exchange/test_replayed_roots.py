"""Whoever has seen a partner's message can begin to send it again, over and over: that takes no place of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from node.as4 import TEST_ACTION, TEST_SERVICE, WireMessage
from node.exchange import endpoint as endpoint_module
from node.exchange.refusals import KIND
from node.exchange.settlement import MESSAGE
from node.exchange.under_way import Place
from tests.exchange.clock import until
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.test_own_trouble import half_sent, is_own_trouble
from tests.exchange.wire import Letter, letter, post

PER_PEER = 4
COPIES = 12


@pytest.fixture
async def narrow(make_world: WorldMaker) -> World:
    """Few places for each peer."""
    return await make_world(send=False, connections_per_peer=PER_PEER)


def some_letter(world: World, **header: str) -> Letter:
    return letter(world.theirs.node, world.ours.node, **header)


def of_the_partner(world: World) -> int:
    """How many requests count for it."""
    return world.ours.endpoint._under_way._peers["theirs"]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The id of each message whose sender became certain."""
    found: list[str] = []

    async def noted(self: Place, peer: str, message: str, came_before: Callable[[], bool]) -> None:
        await prove(self, peer, message, came_before)
        found.append(message)

    prove = Place.prove
    monkeypatch.setattr(Place, "prove", noted)
    return found


@contextlib.asynccontextmanager
async def hanging(world: World, known: list[str], wires: list[WireMessage]) -> AsyncIterator[list[Callable[[], None]]]:
    """Requests that lack their last octets, each known by its root part; what sends the rest of each."""
    places, before = world.ours.endpoint._under_way, len(known)
    sent = [await half_sent(world, wire) for wire in wires]
    await until(lambda: len(known) == before + len(wires), "of all the root part is known")
    try:
        yield [partial(writer.write, rest) for writer, rest in sent]
    finally:
        for writer, _ in sent:
            writer.close()
        await until(lambda: places.count == 0, "nothing is under way")
        assert not places._messages
        assert not places._peers
        assert not places._addresses


@pytest.mark.parametrize("header", [{}, {"service": TEST_SERVICE, "action": TEST_ACTION}], ids=["message", "test"])
async def test_what_was_taken_before_counts_for_the_address(
    narrow: World, known: list[str], header: dict[str, str]
) -> None:
    seen = [some_letter(narrow, **header) for _ in range(COPIES)]
    wires = [one.sealed() for one in seen]
    for one, wire in zip(seen, wires, strict=True):
        (await post(narrow.ours, wire)).receipt(one, narrow.ours.node)
    async with hanging(narrow, known, wires):
        assert of_the_partner(narrow) == PER_PEER // 2
        await asyncio.gather(*(_is_taken(narrow) for _ in range(PER_PEER)))
    assert narrow.ours.alarms(KIND) == []


async def test_what_is_coming_already_counts_for_the_address(narrow: World, known: list[str]) -> None:
    """It was held back on its way, and is begun on many connections."""
    held = some_letter(narrow)
    wire = held.sealed()
    async with hanging(narrow, known, [wire] * COPIES) as finish:
        assert of_the_partner(narrow) == 1
        await _is_taken(narrow)
        for one in finish:
            one()
        await until(lambda: narrow.ours.count(MESSAGE) == 2, "it has been taken once")
        assert (await post(narrow.ours, held)).receipt(held, narrow.ours.node)


async def test_what_is_new_counts_for_the_peer_all_the_same(narrow: World, known: list[str]) -> None:
    async with hanging(narrow, known, [some_letter(narrow).sealed() for _ in range(PER_PEER)]):
        assert of_the_partner(narrow) == PER_PEER
        is_own_trouble(await post(narrow.ours, some_letter(narrow)))


async def test_the_store_is_not_asked_while_few_are_open(
    narrow: World, known: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(endpoint_module, "came_before", lambda node, header: asked.append(header.message_id))
    async with hanging(narrow, known, [some_letter(narrow).sealed()]):
        await _is_taken(narrow)
    assert asked == []


async def _is_taken(world: World) -> None:
    good = some_letter(world)
    (await post(world.ours, good)).receipt(good, world.ours.node)
