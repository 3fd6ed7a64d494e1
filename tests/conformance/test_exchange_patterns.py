"""One-way and two-way exchanges: what links a message with its answer, and what every header holds once."""

import pytest
from lxml import etree

from node.as4 import Property
from tests.conformance.onwire import properties_of
from tests.conformance.simulated import intercepted, letter_of, part, received, taken_apart
from tests.exchange.conftest import Stage, World, WorldMaker
from tests.exchange.offices import text_part
from tests.exchange.wire import post

SOAP = "application/soap+xml"


def value(envelope: etree._Element, name: str) -> str | None:
    """The text of the one element of that name in eb:Messaging."""
    (element,) = envelope.iterfind(f".//{{*}}Messaging//{{*}}{name}")
    return element.text


@pytest.mark.assertion("AS4_CP_TA02", "AS4_CP_TA14", "AS4_CP_TA19")
async def test_an_answer_names_its_message_and_conversation_and_both_are_receipted_at_once(
    make_world: WorldMaker,
) -> None:
    world = await make_world(send=False)
    conversation = "the producer's own conversation"
    async with (
        intercepted(world.ours, world.theirs) as there,
        intercepted(world.theirs, world.ours) as back,
        world.ours.sending(),
        world.theirs.sending(),
    ):
        asked = world.ours.submitted("theirs", text_part("a question"), case=conversation)
        await world.ours.reaches(asked.id, "delivered")
        answer = world.theirs.submit("ours", text_part("an answer"), case=conversation, ref_to_message_id=asked.id)
        await world.theirs.reaches(answer, "delivered")
    first, second = received(world.theirs, asked.id), received(world.ours, answer)
    assert value(first, "MessageId") == asked.id
    assert value(second, "RefToMessageId") == asked.id
    assert value(first, "ConversationId") == value(second, "ConversationId") == conversation
    for between, message in ((there, asked.id), (back, answer)):
        ((status, content_type, body),) = between.answers
        assert (status, content_type.partition(";")[0]) == (200, SOAP)
        receipt = etree.fromstring(body)
        assert receipt.find(".//{*}SignalMessage/{*}Receipt/{*}NonRepudiationInformation") is not None
        assert value(receipt, "RefToMessageId") == message


@pytest.mark.assertion("AS4_CP_TA03")
async def test_every_message_has_one_sender_and_one_receiver(make_world: WorldMaker) -> None:
    world = await make_world(they_send=True)
    there = [world.ours.submit("theirs", *(text_part(str(n)) for n in range(count))) for count in range(3)]
    back = [world.theirs.submit("ours", text_part("x")) for _ in range(2)]
    for office, others, messages in ((world.ours, world.theirs, there), (world.theirs, world.ours, back)):
        for message in messages:
            await office.reaches(message, "delivered")
            envelope = received(others, message)
            assert [one.text for one in envelope.iterfind(".//{*}From/{*}PartyId")] == [office.party]
            assert [one.text for one in envelope.iterfind(".//{*}To/{*}PartyId")] == [others.party]
            assert len(envelope.findall(".//{*}From")) == len(envelope.findall(".//{*}To")) == 1


@pytest.mark.assertion("AS4_CP_TA18")
async def test_a_conversation_id_is_made_where_the_producer_gives_none(stage: Stage) -> None:
    made = [stage.ours.submitted("theirs", text_part(str(n))) for n in range(2)]
    for one in made:
        await stage.ours.reaches(one.id, "delivered")
    found = {}
    for request in stage.peer.requests:
        envelope = taken_apart(request.content_type, request.body, stage.ours.node).root
        found[request.id] = value(envelope, "ConversationId")
    assert found == {one.id: one.case for one in made}
    assert all(found.values())
    assert len(set(found.values())) == 2


PROPERTIES = (Property("with", "a type", "urn:example:type"), Property("without", "a type"))


@pytest.mark.assertion("AS4_CP_TA20")
async def test_message_properties_with_and_without_type_are_receipted(world: World) -> None:
    sent = letter_of(world.theirs.node, world.ours.node, part(b"x", "text/plain"), properties=PROPERTIES)
    (await post(world.ours, sent)).receipt(sent, world.ours.node)
    found = received(world.ours, sent.id).iterfind(".//{*}MessageProperties/{*}Property")
    assert [(one.get("name"), one.text, one.get("type")) for one in found] == [
        ("with", "a type", "urn:example:type"),
        ("without", "a type", None),
    ]


@pytest.mark.assertion("AS4_CP_TA44")
async def test_part_properties_with_and_without_type_are_receipted(world: World) -> None:
    sent = letter_of(world.theirs.node, world.ours.node, part(b"x", "text/plain", properties=PROPERTIES))
    (await post(world.ours, sent)).receipt(sent, world.ours.node)
    (part_info,) = received(world.ours, sent.id).iterfind(".//{*}PartInfo")
    assert properties_of(part_info).items() >= {"with": "a type", "without": "a type"}.items()
    types = {one.get("name"): one.get("type") for one in part_info.iterfind("{*}PartProperties/{*}Property")}
    assert (types["with"], types["without"]) == ("urn:example:type", None)
