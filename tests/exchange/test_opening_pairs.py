"""Pairs that are opened together by one's own word: all or none, and of a domain all that are not open yet."""

from typing import Any

import pytest

from node.exchange.agreements import load_pairs
from node.exchange.partners import open_by_own_word
from node.exchange.peers import PeerRefused
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import RECORDS

REF = "urn:example:together"


@pytest.fixture
async def world(make_world: WorldMaker) -> World:
    return await make_world(depesha=True)


def opened(world: World, *actions: str, service: str = RECORDS) -> dict[str, Any]:
    return open_by_own_word(
        world.ours.node, party="theirs", ref=REF, service=service, service_type=None, actions=actions
    )


def pairs(world: World) -> list[str]:
    with world.ours.node.database.read() as connection:
        return sorted(one.action for one in load_pairs(connection) if one.ref == REF)


async def test_a_pair_that_cannot_be_opened_takes_the_others_with_it(world: World) -> None:
    opened(world, "Reply")
    with pytest.raises(PeerRefused, match="no record 'Replies'"):
        opened(world, "TravelDocument", "Replies")
    with pytest.raises(PeerRefused, match="Reply is open with theirs already"):
        opened(world, "TravelDocument", "Reply")
    assert pairs(world) == ["Reply"]


async def test_without_actions_all_records_of_the_domain_are_opened_that_are_not(world: World) -> None:
    opened(world, "Reply")
    agreement = opened(world)
    records = sorted(world.ours.node.domains.known("returns").records)
    assert pairs(world) == sorted(pair["action"] for pair in agreement["pairs"]) == records
    with pytest.raises(PeerRefused, match=f"All records of {RECORDS} are open with theirs already"):
        opened(world)


async def test_a_domain_that_is_not_here_is_refused_by_name(world: World) -> None:
    with pytest.raises(PeerRefused, match=r"no domain 'urn:depesha:return:1'\. As --service give one of: .*returns:1"):
        opened(world, "Reply", service="urn:depesha:return:1")
    with pytest.raises(PeerRefused, match="give its actions"):
        opened(world, service="urn:example:foreign")
    opened(world, "Submit", service="urn:example:foreign")
    assert pairs(world) == ["Submit"]
