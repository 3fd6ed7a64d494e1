"""The test service: a message that asks only whether the other is there."""

import pytest

from node.exchange.ping import ping_peer
from tests.conformance.simulated import taken_apart
from tests.exchange.conftest import Stage

CORE = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"


@pytest.mark.assertion("AS4_CP_TA16")
async def test_a_ping_names_service_and_action_of_the_test(stage: Stage) -> None:
    outcome = await ping_peer(stage.ours.node, stage.ours.directory, "theirs")
    assert outcome.delivered
    (request,) = stage.peer.requests
    s = taken_apart(request.content_type, request.body, stage.ours.node)
    assert s.find(".//eb:UserMessage/eb:CollaborationInfo/eb:Service").text == CORE + "service"
    assert s.find(".//eb:UserMessage/eb:CollaborationInfo/eb:Action").text == CORE + "test"
    assert request.id == outcome.id
