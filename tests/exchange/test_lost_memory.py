"""What counters tell of a peer, or of ourselves, that lost its memory; and what tells nothing."""

import pytest
from sqlalchemy import update

from node.as4 import Property
from node.exchange.lost_memory import PEER_LOST, WE_LOST, losses
from node.exchange.peers import PEER
from node.exchange.settlement import ALARM
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import text_part

# (row, number, seen), the highest number first; three of ours were given.
OLD = [(12, 2, 1), (11, 1, 0)]
GIVEN = 3


def kinds(numbered: list[tuple[int, int, int]], new: set[int], given: int = GIVEN) -> list[str]:
    numbers = {row: number for row, number, _ in numbered if row in new}
    return [loss.kind for loss in losses(numbered, numbers, given)]


@pytest.mark.parametrize(
    ("numbered", "new", "found"),
    [
        ([(13, 3, 1), *OLD], {13}, []),
        ([(13, 3, 3), *OLD], {13}, []),
        ([(13, 5, 2), *OLD], {13}, []),
        ([(13, 2, 1), *OLD], {13}, [PEER_LOST]),
        ([(13, 3, 0), *OLD], {13}, [PEER_LOST]),
        ([(13, 3, 4), *OLD], {13}, [WE_LOST]),
        ([(14, 4, 2), (13, 3, 2), *OLD], {13, 14}, []),
        ([(14, 3, 2), (13, 3, 2), *OLD], {13, 14}, [PEER_LOST]),
        ([(12, 5, 3), (13, 4, 2), (11, 1, 0)], {13}, []),
        ([(12, 5, 1), (13, 4, 2), (11, 1, 0)], {13}, [PEER_LOST]),
    ],
    ids=[
        "the next", "has seen more", "beyond a gap", "a number again", "has forgotten", "has seen what we forgot",
        "two at once", "two of one number at once", "overtaken", "overtaken, and forgot",
    ],
)  # fmt: skip
def test_losses(numbered: list[tuple[int, int, int]], new: set[int], found: list[str]) -> None:
    assert kinds(numbered, new) == found


def test_what_was_found_before_is_not_found_again() -> None:
    assert kinds([(13, 3, 0), *OLD], set()) == []


@pytest.fixture
async def both(make_world: WorldMaker) -> World:
    return await make_world(depesha=True, they_send=True)


async def arrives(world: World) -> None:
    sent = world.theirs.submit("ours", text_part("x"))
    await world.theirs.reaches(sent, "delivered")


def found(world: World) -> list[str]:
    return [alarm["kind"] for alarm in world.ours.rows(ALARM)]


async def test_a_peer_that_gives_its_numbers_again_is_taken_and_told_of_once(both: World) -> None:
    for _ in range(3):
        await arrives(both)
    assert found(both) == []
    with both.theirs.node.database.write() as connection:
        connection.execute(update(PEER).values(sequence_out=1))
    for _ in range(2):
        await arrives(both)
    assert found(both) == [PEER_LOST]
    [alarm] = both.ours.rows(ALARM)
    assert "number 2 to two messages" in alarm["detail"]


async def test_a_peer_that_has_seen_more_than_we_sent_shows_that_we_forgot(both: World) -> None:
    for _ in range(3):
        sent = both.ours.submit("theirs", text_part("x"))
        await both.ours.reaches(sent, "delivered")
    with both.ours.node.database.write() as connection:
        connection.execute(update(PEER).values(sequence_out=1))
    await arrives(both)
    assert found(both) == [WE_LOST]


async def test_messages_that_overtake_each_other_tell_nothing(both: World) -> None:
    for number, seen in ((3, 0), (1, 0), (2, 0)):
        properties = (Property("sequence", str(number)), Property("seen", str(seen)))
        sent = both.theirs.submit("ours", text_part("x"), properties=properties)
        await both.theirs.reaches(sent, "delivered")
    assert found(both) == []
