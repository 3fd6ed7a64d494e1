"""Laws on messages of every shape: packing then opening is identity; no changed byte delivers other content."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.as4 import (
    DEFAULT_LIMITS,
    SUITES,
    As4Error,
    InvalidReceipt,
    MessageReader,
    OpenedMessage,
    PartInfo,
    Party,
    Property,
    SignedMessage,
    UserMessage,
    VerifiedReceipt,
    WireMessage,
    compress,
    decompress,
    make_receipt,
    read_signed,
    verify_receipt,
)
from node.as4.errors import MimeInconsistency
from node.as4.limits import Limits
from node.as4.multipart import PART_DATA, PART_END, PART_HEADER, Splitter
from tests.as4 import material, recordings

SETTINGS = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])

LEGAL = st.characters(
    exclude_categories=["Cs"],
    exclude_characters=[chr(c) for c in range(32) if c not in (9, 10, 13)] + ["\ufffe", "\uffff"],
)
VALUES = st.text(LEGAL, max_size=30) | st.sampled_from(
    ["\r\n\t <>&\"']]>", "𝄞é漢字", " leading and trailing ", "Ђурђевдан"]
)
NAMES = VALUES.filter(lambda v: v.strip() != "")
TYPES = st.none() | VALUES
IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
CONTENT_IDS = st.text(st.sampled_from("abcXYZ019._@=-"), min_size=1, max_size=20)
PARTIES = st.builds(Party, NAMES, TYPES, NAMES)
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda d: d.replace(tzinfo=UTC, microsecond=d.microsecond // 1000 * 1000)
)


def properties(reserved: tuple[str, ...] = ()) -> st.SearchStrategy[tuple[Property, ...]]:
    names = VALUES.filter(lambda v: v != "" and v not in reserved)
    listed = st.lists(st.builds(Property, names, VALUES, TYPES), max_size=4, unique_by=lambda p: p.name)
    return listed.map(tuple)


XML_TEXT = st.text(LEGAL.filter(lambda c: c not in "<&\r"), max_size=50)
XML = st.builds(
    lambda text, attribute: f'<?xml version="1.0"?>\n<r b="{attribute}" a="1"><!-- c -->\n<x/>{text}</r>'.encode(),
    XML_TEXT.filter(lambda t: "]]>" not in t),
    st.text(st.characters(categories=["L", "N"]), max_size=10),
)


@st.composite
def parts(draw: st.DrawFn) -> list[tuple[PartInfo, bytes]]:
    result = []
    for content_id in draw(st.lists(CONTENT_IDS, max_size=12, unique=True)):
        kind = draw(st.sampled_from(["xml", "text", "other", "gzip"]))
        content = draw(XML if kind == "xml" else st.binary(max_size=200) | st.just(b"z" * 70_000))
        mime_type = {"xml": "application/xml", "text": "text/plain", "other": "application/pdf"}.get(kind)
        info = PartInfo(
            content_id,
            mime_type or draw(st.sampled_from(["application/xml", "text/plain", "image/jpeg"])),
            kind == "gzip",
            draw(st.sampled_from([None, "UTF-8", "iso-8859-2"])),
            draw(properties(("MimeType", "CharacterSet", "CompressionType"))),
        )
        result.append((info, content))
    return result


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    agreement = draw(st.none() | NAMES)
    return {
        "message_id": draw(IDS),
        "ref_to_message_id": draw(st.none() | IDS),
        "timestamp": draw(INSTANTS),
        "sender": draw(PARTIES),
        "receiver": draw(PARTIES),
        "service": draw(NAMES),
        "service_type": draw(TYPES),
        "action": draw(NAMES),
        "conversation_id": draw(VALUES),
        "agreement": agreement,
        "agreement_type": draw(TYPES) if agreement else None,
        "pmode": draw(TYPES) if agreement else None,
        "mpc": draw(TYPES),
        "properties": draw(properties()),
    }


class _Sink:
    def __init__(self) -> None:
        self.octets = b""
        self.closed = False

    def write(self, octets: bytes) -> None:
        assert not self.closed
        self.octets += octets

    def close(self) -> None:
        self.closed = True

    def discard(self) -> None:
        assert not self.closed
        self.octets = b""


def read(wire: WireMessage, body: bytes, cuts: list[int], who: material.Parties) -> tuple[OpenedMessage, list[bytes]]:
    sinks: dict[str, _Sink] = {}

    def sink_for(_: UserMessage, info: PartInfo) -> _Sink:
        sinks[info.content_id] = sink = _Sink()
        return sink

    reader = MessageReader(wire.content_type, lambda _: who.policy(), sink_for)
    at = 0
    for cut in sorted({c % (len(body) + 1) for c in cuts} | {len(body)}):
        reader.feed(body[at:cut])
        at = cut
    opened = reader.finish()
    assert isinstance(opened, OpenedMessage)
    assert all(s.closed for s in sinks.values())
    return opened, [sinks[p.info.content_id].octets for p in opened.parts]


@SETTINGS
@given(messages(), parts(), st.sampled_from(list(SUITES)), st.lists(st.integers(0, 1 << 20), max_size=10))
def test_packing_then_opening_is_identity(
    fields: dict[str, Any], contents: list[tuple[PartInfo, bytes]], suite: str, cuts: list[int]
) -> None:
    who = material.parties(suite)
    frozen, wire = material.sealed(contents, who, **fields)

    opened, octets = read(wire, wire.body(), cuts, who)

    assert opened.header == material.message([i for i, _ in contents], **fields)
    assert octets == [material.octets_of(info, content) for info, content in contents]
    for part, signed, (info, content) in zip(opened.parts, octets, contents, strict=True):
        assert part.info == info
        assert (part.signed_size, part.size) == (len(signed), len(content))
        plain = decompress([signed], replace(DEFAULT_LIMITS, inflated_free=1 << 30)) if info.compressed else [signed]
        assert b"".join(plain) == content
    assert opened.references == frozen.references
    assert read_signed(frozen.xml) == frozen
    receipt = make_receipt(opened, "r@x", material.NOW, who.receiver_signing, who.suite)
    accepts = recordings.only(who.receiver_signing.certificate)
    assert verify_receipt(receipt, "application/soap+xml", frozen, who.suite, accepts).message_id == "r@x"


@cache
def specimen(suite: str) -> tuple[SignedMessage, WireMessage, bytes, OpenedMessage, list[bytes], bytes]:
    """One message with four kinds of parts, what it opens to, and its receipt."""
    who = material.parties(suite)
    contents = [
        (PartInfo("record@x", "application/xml", True), b"<record>content</record>"),
        (PartInfo("plain@x", "text/xml", False), b'<r b="1" a="2">text</r>'),
        (PartInfo("note@x", "text/plain", False), b"one\ntwo"),
        (PartInfo("scan@x", "application/pdf", False), b"%PDF"),
    ]
    frozen, wire = material.sealed(contents, who, properties=(Property("originalSender", "C1"),))
    body = wire.body()
    opened, octets = read(wire, body, [], who)
    receipt = make_receipt(opened, "r@x", material.NOW, who.receiver_signing, who.suite)
    return frozen, wire, body, opened, octets, receipt


def check_changed_request(suite: str, at: int, mask: int) -> None:
    who = material.parties(suite)
    _, wire, body, opened, octets, _ = specimen(suite)
    changed = bytearray(body)
    changed[at] ^= mask
    try:
        other, delivered = read(wire, bytes(changed), [], who)
    except As4Error:
        return
    assert other.header == opened.header
    assert other.references == opened.references
    assert delivered == octets
    assert [p.sha256 for p in other.parts] == [p.sha256 for p in opened.parts]


@settings(SETTINGS, max_examples=1500)
@given(st.sampled_from(list(SUITES)), st.data(), st.integers(1, 255))
def test_one_changed_byte_never_delivers_other_content(suite: str, data: st.DataObject, mask: int) -> None:
    at = data.draw(st.integers(0, len(specimen(suite)[2]) - 1))
    check_changed_request(suite, at, mask)


@settings(SETTINGS, max_examples=1500)
@given(st.sampled_from(list(SUITES)), st.data(), st.integers(1, 255))
def test_one_changed_byte_never_makes_another_receipt(suite: str, data: st.DataObject, mask: int) -> None:
    who = material.parties(suite)
    frozen, _, _, _, _, receipt = specimen(suite)
    at = data.draw(st.integers(0, len(receipt) - 1))
    changed = bytearray(receipt)
    changed[at] ^= mask
    accepts = recordings.only(who.receiver_signing.certificate)

    try:
        verified = verify_receipt(bytes(changed), "application/soap+xml", frozen, who.suite, accepts)
    except InvalidReceipt:
        return

    assert (verified.message_id, verified.timestamp) == ("r@x", material.NOW)
    assert isinstance(verified, VerifiedReceipt)


@SETTINGS
@given(
    st.lists(st.binary(max_size=40), max_size=5),
    st.lists(st.integers(0, 500), max_size=8),
    st.sampled_from([b"b", b"=_x-"]),
)
def test_splitter_finds_the_same_parts_in_any_pieces(contents: list[bytes], cuts: list[int], boundary: bytes) -> None:
    contents = [c.replace(b"\r\n--" + boundary, b"") for c in contents]
    contents = [c for c in contents if b"\r\n--" + boundary not in b"\r\n\r\n" + c + b"\r\n"]
    body = b""
    for n, content in enumerate(contents):
        body += b"--" + boundary + b"\r\nN: %d\r\n\r\n" % n + content + b"\r\n"
    body += b"--" + boundary + b"--\r\n"
    splitter = Splitter(boundary, DEFAULT_LIMITS)
    found: list[list[bytes]] = []
    at = 0
    for cut in sorted({c % (len(body) + 1) for c in cuts} | {len(body)}):
        for kind, octets in splitter.feed(body[at:cut]):
            if kind == PART_HEADER:
                found.append([octets, b""])
            elif kind == PART_DATA:
                found[-1][1] += octets
            else:
                assert kind == PART_END
        at = cut

    assert splitter.ended
    assert found == [[b"N: %d" % n, content] for n, content in enumerate(contents)]


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_part_header_at_its_limit_is_judged_alike_however_it_is_cut(size: int, beyond: int) -> None:
    limits = Limits(part_header_bytes=64)
    header = b"N: ".ljust(64 - len(b"\r\n") + beyond, b"x")
    body = b"--b\r\n" + header + b"\r\n\r\none\r\n--b--"

    def read() -> list[bytes]:
        splitter = Splitter(b"b", limits)
        pieces = (body[at : at + size] for at in range(0, len(body), size))
        events = [event for piece in pieces for event in splitter.feed(piece)]
        return [octets for kind, octets in events if kind == PART_HEADER]

    if beyond > 0:
        with pytest.raises(MimeInconsistency, match="more than 64 bytes"):
            read()
    else:
        assert read() == [header]


@SETTINGS
@given(st.lists(st.binary(max_size=300), max_size=6), st.binary(max_size=40), st.integers(1, 50))
def test_compressing_then_decompressing_is_identity(blocks: list[bytes], extra: bytes, size: int) -> None:
    octets = b"".join(compress(blocks, extra))
    pieces = (octets[at : at + size] for at in range(0, len(octets), size))

    assert b"".join(decompress(pieces)) == b"".join(blocks)


@SETTINGS
@given(INSTANTS)
def test_writing_then_reading_an_instant_is_identity(instant: datetime) -> None:
    from node.as4 import format_instant, parse_instant

    assert parse_instant(format_instant(instant + timedelta(microseconds=999))) == instant
