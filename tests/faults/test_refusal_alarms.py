"""A serving node dies while it raises an alarm about what it refused: the answer is none of that, the alarm is one."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select

from node.as4 import ROLE_INITIATOR, ROLE_RESPONDER, ErrorSignal, Party, UserMessage, read_response, seal, sign
from node.exchange.directory import Directory
from node.exchange.refusals import KIND
from node.exchange.settlement import ALARM
from node.exchange.transport import HttpAnswer, Progress, client_session, peer_tls, post
from tests.faults.homes import BACKSTOP_SECONDS, Home
from tests.faults.kills import KILLED
from tests.faults.points import ON_REFUSALS


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """Two that know each other; neither serves."""
    home, peer = (Home(tmp_path / party, party) for party in ("one", "two"))
    for one in (home, peer):
        one.make(None)
    home.know_by_certificate(peer)
    peer.know_by_certificate(home)
    yield home, peer
    for one in (home, peer):
        one.end()


def sends_uncovered(peer: Home, home: Home) -> HttpAnswer:
    """The answer to a message of `peer`, signed well, that no agreement covers."""
    node, directory = peer.node, Directory(peer.node)
    known = directory.snapshot().peers[home.party]
    header = UserMessage(
        message_id=f"{uuid.uuid4()}@{peer.party}",
        timestamp=node.now(),
        sender=Party(node.party, None, ROLE_INITIATOR),
        receiver=Party(home.party, None, ROLE_RESPONDER),
        service="urn:example:never-agreed:1",
        action="Report",
        conversation_id=str(uuid.uuid4()),
    )
    wire = seal(sign(header, [], node.signing, node.suite).xml, [], directory.recipient_certificate(known), node.suite)

    async def send() -> HttpAnswer:
        async with client_session() as session:
            return await post(session, home.url, wire=wire, tls=peer_tls(known), progress=Progress(), seconds=60)

    return asyncio.run(send())


def is_refusal(answer: HttpAnswer) -> bool:
    signal = read_response(answer.content_type, answer.body).signal
    return isinstance(signal, ErrorSignal) and signal.errors[0].code == "EBMS:0010"


def raised(home: Home) -> list[tuple[int, str]]:
    """The alarms of the kind: id and detail."""
    query = select(ALARM.c.id, ALARM.c.detail).where(ALARM.c.kind == KIND)
    with home.node.database.read() as connection:
        return [(row.id, row.detail) for row in connection.execute(query)]


def dies_at(home: Home, peer: Home, point: str) -> None:
    running = home.serve_ready(point)
    # The answer leaves while the alarm is raised: the connection may be cut before it, and says nothing else if not.
    with contextlib.suppress(aiohttp.ClientError):
        assert is_refusal(sends_uncovered(peer, home))
    assert running.ended_within(BACKSTOP_SECONDS) == KILLED, running.describe()


def test_an_alarm_whose_node_dies_is_raised_whole_or_not_and_never_twice(homes: tuple[Home, Home]) -> None:
    home, peer = homes
    dies_at(home, peer, "refusal: before commit")
    assert raised(home) == []
    dies_at(home, peer, "refusal: after commit")
    ((alarm, detail),) = raised(home)
    dies_at(home, peer, "refusal: before commit")
    assert raised(home) == [(alarm, detail)]
    running = home.serve_ready()
    assert is_refusal(sends_uncovered(peer, home))
    running.stop()
    ((again, later),) = raised(home)
    assert (again, later != detail) == (alarm, True), "the open one says the latest"


def test_every_point_of_such_alarms_is_killed_at() -> None:
    assert set(ON_REFUSALS) == {"refusal: before commit", "refusal: after commit"}
