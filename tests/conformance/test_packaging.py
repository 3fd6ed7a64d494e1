"""Payloads: where they stand in a message, in which order, compressed or not."""

import gzip
from collections.abc import Callable

import pytest

from node.as4 import PartOctets
from node.exchange.judgement import SubmissionRefused
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from tests.as4.surgery import Surgery
from tests.conformance.onwire import properties_of, referenced
from tests.conformance.simulated import altered, consumed, letter_of, part, taken_apart
from tests.exchange.conftest import Stage, World
from tests.exchange.wire import post

RECORD = (b"<record>of the case</record>", "application/xml")
SCAN = (b"%PDF a scan", "application/pdf")
PHOTOGRAPH = (b"\x89PNG a photograph", "image/png")


async def sent_by(stage: Stage, *payloads: tuple[bytes, str]) -> Surgery:
    """What our office puts on the wire for these payloads."""
    message = stage.ours.submit("theirs", *(PartToSend.of_bytes(*one) for one in payloads))
    await stage.ours.reaches(message, "delivered")
    request = stage.peer.requests[-1]
    return taken_apart(request.content_type, request.body, stage.ours.node)


def body_is_empty(s: Surgery) -> bool:
    body = s.find("S12:Body")
    return len(body) == 0 and not body.text


@pytest.mark.assertion("AS4_CP_TA05")
async def test_the_payload_stands_compressed_in_a_mime_part_of_its_own(stage: Stage) -> None:
    s = await sent_by(stage, RECORD)
    assert body_is_empty(s)
    assert len(s.parts) == 1
    ((_, octets),) = referenced(s, stage.peer.node)
    assert gzip.decompress(octets) == RECORD[0]
    assert RECORD[0] not in s.envelope()


@pytest.mark.assertion("AS4_CP_TA06", "AS4_CP_TA45")
async def test_the_part_infos_have_the_order_in_which_the_payloads_were_given(stage: Stage) -> None:
    for payloads in ((RECORD, SCAN, PHOTOGRAPH), (RECORD, PHOTOGRAPH, SCAN)):
        s = await sent_by(stage, *payloads)
        assert body_is_empty(s)
        assert len(s.parts) == 3
        found = [(gzip.decompress(octets), said["MimeType"]) for said, octets in referenced(s, stage.peer.node)]
        assert found == list(payloads)


@pytest.mark.assertion("AS4_CP_TA07", "AS4_CP_TA33")
async def test_a_record_with_attachments_is_receipted_and_delivered_decompressed(world: World) -> None:
    payloads = (RECORD, SCAN, PHOTOGRAPH)
    sent = world.ours.submit("theirs", *(PartToSend.of_bytes(*one) for one in payloads))
    assert (await world.ours.reaches(sent, "delivered"))["receipt_time"] is not None
    assert consumed(world.theirs, sent) == [(media_type, content) for content, media_type in payloads]


@pytest.mark.assertion("AS4_CP_TA04")
async def test_uncompressed_payloads_are_receipted_and_delivered(world: World) -> None:
    payloads = (RECORD, SCAN, (b"a line\nand another", "text/plain"))
    sent = letter_of(world.theirs.node, world.ours.node, *(part(*one, compressed=False) for one in payloads))
    (await post(world.ours, sent)).receipt(sent, world.ours.node)
    assert consumed(world.ours, sent.id) == [(media_type, content) for content, media_type in payloads]


@pytest.mark.assertion("AS4_CP_TA08")
async def test_a_payload_behind_a_hyperlink_is_answered_by_an_error(world: World) -> None:
    def link(s: Surgery) -> None:
        s.find(".//eb:PartInfo").set("href", "https://example.org/record.xml")

    reply = await post(world.ours, altered(letter_of(world.theirs.node, world.ours.node, part(*RECORD)), link))
    assert (reply.error.code, reply.error.short) == ("EBMS:0011", "ExternalPayloadError")
    assert world.ours.count(MESSAGE) == 0


@pytest.mark.assertion("AS4_CP_TA23", "AS4_CP_TA24", "AS4_CP_TA25")
async def test_a_payload_goes_as_gzip_and_says_so_beside_its_media_type(stage: Stage) -> None:
    for content, media_type in (RECORD, SCAN):
        s = await sent_by(stage, (content, media_type))
        ((said, octets),) = referenced(s, stage.peer.node)
        assert octets[:2] == b"\x1f\x8b"
        assert gzip.decompress(octets) == content
        assert said["CompressionType"] == "application/gzip"
        assert said["MimeType"] == media_type


@pytest.mark.assertion("AS4_CP_TA26")
async def test_a_part_without_media_type_is_answered_by_an_error(world: World) -> None:
    def without_media_type(s: Surgery) -> None:
        (element,) = s.all(".//eb:PartProperties/eb:Property[@name='MimeType']")
        element.getparent().remove(element)
        assert "MimeType" not in properties_of(s.find(".//eb:PartInfo"))

    sent = letter_of(world.theirs.node, world.ours.node, part(*RECORD))
    reply = await post(world.ours, altered(sent, without_media_type))
    assert (reply.error.code, reply.error.severity) == ("EBMS:0009", "failure")
    assert world.ours.count(MESSAGE) == 0


async def names_character_set(stage: Stage, name: str) -> None:
    """The XML goes out in this encoding and is named so."""
    content = f'<?xml version="1.0" encoding="{name}"?><имя>Ђорђе</имя>'.encode(name)
    media_type = f"application/xml; charset={name}"
    s = await sent_by(stage, (content, media_type))
    ((said, octets),) = referenced(s, stage.peer.node)
    assert (said["CharacterSet"], said["MimeType"]) == (name, media_type)
    assert gzip.decompress(octets) == content


@pytest.mark.assertion("AS4_CP_TA27")
async def test_xml_in_utf_16_is_sent_with_its_character_set(stage: Stage) -> None:
    await names_character_set(stage, "UTF-16")


@pytest.mark.assertion("AS4_CP_TA28")
async def test_xml_in_utf_8_is_sent_with_its_character_set(stage: Stage) -> None:
    await names_character_set(stage, "UTF-8")


@pytest.mark.assertion("AS4_CP_TA29")
async def test_a_character_set_that_is_none_is_answered_by_an_error(world: World) -> None:
    def none(s: Surgery) -> None:
        (element,) = s.all(".//eb:PartProperties/eb:Property[@name='CharacterSet']")
        element.text = "!utf*"

    sent = letter_of(world.theirs.node, world.ours.node, part(*RECORD, character_set="UTF-8"))
    reply = await post(world.ours, altered(sent, none))
    assert (reply.error.code, reply.error.severity) == ("EBMS:0009", "failure")
    assert world.ours.count(MESSAGE) == 0
    (await post(world.ours, sent)).receipt(sent, world.ours.node)


def test_a_character_set_that_is_none_is_not_sent() -> None:
    with pytest.raises(SubmissionRefused, match=r"charset '!utf\*', expected a name such as UTF-8"):
        _ = PartToSend.of_bytes(b"<x/>", 'application/xml; charset="!utf*"').character_set
    assert PartToSend.of_bytes(b"%PDF", "application/pdf").character_set is None


def cut_short(octets: bytes) -> bytes:
    return octets[: len(octets) // 2]


def with_another_checksum(octets: bytes) -> bytes:
    return octets[:-8] + bytes(4) + octets[-4:]


def no_gzip_at_all(octets: bytes) -> bytes:
    return b"what never was compressed"


@pytest.mark.assertion("AS4_CP_TA30")
@pytest.mark.parametrize("damage", [cut_short, with_another_checksum, no_gzip_at_all])
async def test_a_damaged_compressed_payload_is_answered_by_decompression_failure(
    world: World, damage: Callable[[bytes], bytes]
) -> None:
    whole = part(*RECORD)
    broken = PartOctets.of(whole.info, damage(b"".join(whole.open())))
    reply = await post(world.ours, letter_of(world.theirs.node, world.ours.node, broken))
    error = reply.error
    assert (error.code, error.short) == ("EBMS:0303", "DecompressionFailure")
    assert (error.severity, error.category) == ("failure", "Communication")
    assert reply.signed_by(world.ours.node)
    assert world.ours.count(MESSAGE) == 0
