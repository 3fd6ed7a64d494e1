"""The four-corner topology: the parties behind the two message handlers."""

import pytest

from node.as4 import Property
from tests.conformance.simulated import received
from tests.exchange.conftest import World
from tests.exchange.offices import text_part


async def message_properties(world: World, *properties: Property, **submission: str) -> dict[str | None, str | None]:
    """The message properties that the receiver got."""
    sent = world.ours.submit("theirs", text_part("x"), properties=properties, **submission)
    shown = await world.ours.reaches(sent, "delivered")
    assert shown["receipt_time"] is not None
    found = received(world.theirs, sent).findall(".//{*}MessageProperties/{*}Property")
    assert len({one.get("name") for one in found}) == len(found)
    return {one.get("name"): one.text for one in found}


@pytest.mark.assertion("AS4_4CT_TA01")
async def test_original_sender_and_final_recipient_are_those_that_the_producer_gives(world: World) -> None:
    given = (Property("originalSender", "urn:unit:consulate-7"), Property("finalRecipient", "urn:unit:border-post-3"))
    assert await message_properties(world, *given) == {one.name: one.value for one in given}
    assert await message_properties(world, unit="consulate-7") == {
        "originalSender": "consulate-7",
        "finalRecipient": "theirs",
    }


@pytest.mark.assertion("AS4_4CT_TA02")
async def test_a_tracking_identifier_arrives_and_is_receipted(world: World) -> None:
    found = await message_properties(world, Property("trackingIdentifier", "2026/0417-a"))
    assert found["trackingIdentifier"] == "2026/0417-a"


@pytest.mark.assertion("AS4_4CT_TA03")
async def test_sender_and_receiver_are_the_message_handlers_and_not_the_units_behind_them(world: World) -> None:
    corners = (Property("originalSender", "urn:unit:consulate-7"), Property("finalRecipient", "urn:unit:border-post-3"))
    sent = world.ours.submit("theirs", text_part("x"), properties=corners)
    await world.ours.reaches(sent, "delivered")
    envelope = received(world.theirs, sent)
    assert [one.text for one in envelope.iterfind(".//{*}PartyInfo//{*}PartyId")] == ["ours", "theirs"]
