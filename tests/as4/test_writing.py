"""What we refuse to write: mistakes of the caller, named by field, before anything is signed."""

import gzip
import random
import zlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from node.as4 import (
    Limits,
    PartInfo,
    PartOctets,
    Party,
    Property,
    compress,
    decompress,
    format_instant,
    make_error,
    parse_instant,
    seal,
    sign,
)
from node.as4.gzip_stream import SECTION
from tests.as4 import material

PART = PartInfo("a@x", "application/xml", True)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("MessageId", {"message_id": ""}),
        ("MessageId", {"message_id": "a b"}),
        ("MessageId", {"message_id": "ä@x"}),
        ("RefToMessageId", {"ref_to_message_id": "a\nb"}),
        ("Service", {"service": ""}),
        ("Action", {"action": ""}),
        ("Action", {"action": "a\x01"}),
        ("Service/@type", {"service_type": "\x0b"}),
        ("ConversationId", {"conversation_id": "\ufffe"}),
        ("ConversationId", {"conversation_id": "\ud800"}),
        ("AgreementRef", {"agreement": ""}),
        ("AgreementRef", {"agreement": None, "pmode": "p"}),
        ("AgreementRef", {"agreement": None, "agreement_type": "t"}),
        ("AgreementRef/@pmode", {"pmode": "\0"}),
        ("AgreementRef/@type", {"agreement_type": "\0"}),
        ("mpc", {"mpc": "\x1f"}),
        ("From/PartyId", {"sender": Party("", None, "role")}),
        ("From/PartyId/@type", {"sender": Party("a", "\0", "role")}),
        ("To/Role", {"receiver": Party("a", None, "")}),
        ("Property", {"properties": (Property("", "v"),)}),
        ("Property", {"properties": (Property("a", "v"), Property("a", "w"))}),
        ("Property a", {"properties": (Property("a", "\x00"),)}),
        ("Property/@name", {"properties": (Property("\x00", "a"),)}),
        ("Property/@type", {"properties": (Property("a", "v", "\x00"),)}),
        ("timestamp", {"timestamp": datetime(2026, 1, 1)}),  # noqa: DTZ001
    ],
)
def test_value_that_cannot_be_written_is_named(field: str, changes: dict[str, Any]) -> None:
    who = material.parties()

    with pytest.raises(ValueError, match=field):
        sign(material.message(**changes), [], who.sender, who.suite)


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("Content-ID", PartInfo("a b@x", "a/b", False)),
        ("Content-ID", PartInfo("a%20b@x", "a/b", False)),
        ("Content-ID", PartInfo("<a@x>", "a/b", False)),
        ("Content-ID", PartInfo("", "a/b", False)),
        ("media type", PartInfo("a@x", None, False)),
        ("media type", PartInfo("a@x", "", True)),
        ("Property", PartInfo("a@x", "a/b", False, None, (Property("MimeType", "x/y"),))),
        ("Property", PartInfo("a@x", "a/b", False, None, (Property("CompressionType", "x"),))),
        ("Property MimeType", PartInfo("a@x", "a/b\0", False)),
    ],
)
def test_part_that_cannot_be_written_is_named(field: str, part: PartInfo) -> None:
    who = material.parties()

    with pytest.raises(ValueError, match=field):
        sign(material.message([part]), [bytes(32)], who.sender, who.suite)


def test_parts_and_digests_must_match() -> None:
    who = material.parties()
    with pytest.raises(ValueError, match="digests"):
        sign(material.message([PART]), [], who.sender, who.suite)
    with pytest.raises(ValueError, match="given twice"):
        sign(material.message([PART, PART]), [bytes(32)] * 2, who.sender, who.suite)


def test_only_messages_of_ours_are_sealed() -> None:
    who = material.parties()
    with pytest.raises(ValueError, match="not written by this library"):
        seal(b"<a/>", [PartOctets.of(PART, b"x")], who.recipient, who.suite)
    frozen, _ = material.signed([(PART, b"<a/>")])
    with pytest.raises(ValueError, match="Content-ID"):
        seal(frozen.xml, [PartOctets.of(PartInfo("a b", "a/b", True), b"x")], who.recipient, who.suite)


def test_error_signal_needs_an_error() -> None:
    with pytest.raises(ValueError, match="none given"):
        make_error([], "e@x", material.NOW, None)


@pytest.mark.parametrize("extra", [b"", b"0123456789abcdef", b"x" * 65531])
@pytest.mark.parametrize("content", [b"", b"content", b"x" * 300_000])
def test_gzip_is_read_by_others(extra: bytes, content: bytes) -> None:
    octets = b"".join(compress([content[:10], content[10:]], extra))

    assert gzip.decompress(octets) == content
    assert octets == b"".join(compress([content[:10], content[10:]], extra))
    assert extra in octets[:65600]
    assert octets[4:8] == bytes(4)
    assert b"".join(decompress([octets], Limits(inflated_free=10**6))) == content


def _mixed() -> bytes:
    """Sections that shrink and sections that do not, in turn, and a short one at the end."""
    still = random.Random(1).randbytes(2 * SECTION)
    words = b"words that come again and again " * (2 * SECTION // 32)
    return words + still + words[:100_000] + still + words


@pytest.mark.parametrize("size", [999, SECTION - 1, SECTION, SECTION + 1, 10**9])
def test_what_is_compressed_already_is_stored(size: int) -> None:
    content = _mixed()
    octets = b"".join(compress((content[at : at + size] for at in range(0, len(content), size)), b"x" * 16))

    assert gzip.decompress(octets) == content
    assert octets == b"".join(compress([content], b"x" * 16)), "however it comes"
    assert len(octets) < 5 * SECTION
    for section in (2, 3, 5):
        assert content[section * SECTION : section * SECTION + 1000] in octets, "as it is"


@pytest.mark.parametrize("content", [b"", b"x", bytes(SECTION), random.Random(2).randbytes(3 * SECTION)])
def test_gzip_ends_where_the_content_ends(content: bytes) -> None:
    octets = b"".join(compress([content], b""))

    member = zlib.decompressobj(31)
    assert member.decompress(octets) == content
    assert member.eof
    assert member.unused_data == b""
    assert len(octets) <= len(content) + len(content) // 10_000 + 40


def test_extra_field_makes_the_digest_unguessable() -> None:
    one, two = (b"".join(compress([b"yes"], extra)) for extra in (b"a" * 16, b"b" * 16))

    assert one != two
    assert zlib.decompress(one, 47) == zlib.decompress(two, 47) == b"yes"


def test_extra_field_too_long() -> None:
    with pytest.raises(ValueError, match="extra"):
        list(compress([], b"x" * 65532))


def test_instants() -> None:
    local = datetime(2026, 11, 25, 3, 24, 57, 184999, timezone(timedelta(hours=1)))

    assert format_instant(local) == "2026-11-25T02:24:57.184Z"
    assert format_instant(datetime(33, 1, 2, tzinfo=UTC)) == "0033-01-02T00:00:00.000Z"
    assert parse_instant("2026-11-25T02:24:57.184Z") == datetime(2026, 11, 25, 2, 24, 57, 184000, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-25",
        "2026-11-25T25:00:00Z",
        "2026-13-25T02:24:57Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-25T02:24:60Z",
        "2026-11-25T02:24:57.Z",
        "2026-11-25T02:24:57+99:99",
        "２026-11-25T02:24:57Z",
        "x" * 100_000,
    ],
)
def test_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_instant(text)
