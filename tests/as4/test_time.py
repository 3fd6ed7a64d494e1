"""No input takes time that grows faster than its length: the worst ones that we know, at the largest size allowed."""

import gzip
import time
from collections.abc import Callable

import pytest

from node.as4 import As4Error, DecompressionFailure, Limits, MessageReader, PartInfo, decompress, digest_for_signature
from node.as4.mime import parse_media_type
from node.as4.multipart import Splitter
from node.as4.tree import parse_envelope
from tests.as4 import material
from tests.as4.surgery import Surgery

SECONDS = 3.0
"""CPU for what takes milliseconds on a quiet machine; quadratic time at these sizes takes minutes."""

SIZE = 500_000
LIMITS = Limits()


def xml(inner: bytes, before: bytes = b"") -> bytes:
    return before + b"<Envelope>" + inner + b"</Envelope>"


ENVELOPES = {
    "elements": xml(b"<a/>" * 8000),
    "depth": xml(b"<a>" * 200 + b"</a>" * 200),
    "open tags": b"<a>" * 8000,
    "open angles": b"<" * 8000,
    "attributes": xml(b"<a" + b"".join(b" a%d=''" % n for n in range(8000)) + b"/>"),
    "attributes of many elements": xml((b"<a" + b"".join(b" a%d=''" % n for n in range(60)) + b"/>") * 130),
    "namespaces": xml(
        b"<a" + b"".join(b" xmlns:a%d='u%d'" % (n, n) for n in range(500)) + b">" + b"<b/>" * 7000 + b"</a>"
    ),
    "namespaces used": xml(
        b"<a" + b"".join(b" xmlns:a%d='u%d'" % (n, n) for n in range(500)) + b">" + b"<a499:b/>" * 7000 + b"</a>"
    ),
    "text": xml(b"x" * SIZE),
    "spaces": xml(b" " * SIZE),
    "spaces and names": xml(b" a" * (SIZE // 2)),
    "spaces in a tag": xml(b"<a" + b" " * SIZE + b"/>"),
    "long name": xml(b"<" + b"a" * SIZE + b"/>"),
    "long attribute name": xml(b"<a " + b"a" * SIZE + b"=''/>"),
    "ids": xml(b"".join(b"<a Id='%d'/>" % n for n in range(8000))),
    "nearly ids": xml(b" Id" * (SIZE // 3)),
    "nearly ids with spaces": xml(b" Id" + b" " * SIZE),
    "nearly namespaces": xml(b"xmlns" * 500 + b"=" * 8000),
    "comments": xml(b"<!--" + b"-" * SIZE),
    "many comments": xml(b"<!---->" * 8000),
    "cdata": xml(b"<![CDATA[" + b"]" * SIZE),
    "references": xml(b"&#1;" * (SIZE // 4)),
    "ampersands": xml(b"&" * SIZE),
    "declaration": b"<?xml version='1.0'" + b" " * SIZE + b"?>",
    "declaration with nearly an end": b"<?xml version='1.0' encoding='utf-8' standalone='yes'" + b"?" * SIZE,
    "quotes": xml(b"<a b='" + b'"' * SIZE + b"'/>"),
}


def within(work: Callable[[], object]) -> None:
    before = time.process_time()
    with pytest.raises(As4Error):
        work()
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelope(name: str) -> None:
    assert len(ENVELOPES[name]) < LIMITS.envelope_bytes

    within(lambda: material.open_as("application/soap+xml", ENVELOPES[name]))


def values_of(path: str, text: str) -> Surgery:
    patient = Surgery()
    patient.find(path).text = text
    return patient


VALUES = {
    "digits": (".//eb:Timestamp", "2" * 15_000),
    "fraction": (".//eb:Timestamp", "2026-11-25T02:24:57." + "1" * 15_000),
    "base64 spaces": (".//ds:SignatureValue", " " * 16_000),
    "base64 rubbish": (".//ds:SignatureValue", "=" * 4000),
    "message id": (".//eb:MessageId", "x" * 400_000),
    "party": (".//eb:PartyId", "x" * 400_000),
    "media type": (".//eb:Property[@name='MimeType']", "a/b" + " " * 16_000),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    within(lambda: values_of(*VALUES[name]).open())


@pytest.mark.parametrize(
    "filler",
    [b"\r", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--boundar", b"-", b"x--boundary", b"x"],
)
@pytest.mark.parametrize("piece", [1, 1000, SIZE])
def test_splitter(filler: bytes, piece: int) -> None:
    count = SIZE if piece > 1 else SIZE // 5
    body = b"--boundary\r\n\r\n" + (filler * (count // len(filler) + 1))[:count]
    before = time.process_time()
    splitter = Splitter(b"boundary", LIMITS)
    for at in range(0, len(body), piece):
        for _ in splitter.feed(body[at : at + piece]):
            pass
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize(
    "header", [b"A: " + b"x" * 9000, b"A:" + b"\r\n " * 3000, b"\r\n" * 5000, b"A" * 9000, b"A: b\r\n" * 1500]
)
def test_part_header_byte_by_byte(header: bytes) -> None:
    body = b"--b\r\n" + header

    def read() -> None:
        reader = MessageReader("multipart/related; boundary=b", lambda _: 1 / 0, lambda _, __: 1 / 0)  # type: ignore
        for at in range(len(body)):
            reader.feed(body[at : at + 1])
        reader.finish()

    within(read)


@pytest.mark.parametrize(
    "value",
    [
        "multipart/related" + ";" * 100_000,
        "multipart/related" + "; a" * 100_000,
        "multipart/related" + " " * 100_000,
        'multipart/related; a="' + "\\" * 100_000,
        "multipart/related; a=" + '"' * 100_000,
        "a" * 100_000,
        "\r\n " * 100_000,
    ],
)
def test_content_type(value: str) -> None:
    within(lambda: parse_media_type(value))


def test_gzip_of_very_many_members() -> None:
    octets = gzip.compress(b"") * 20_000
    before = time.process_time()

    assert b"".join(decompress([octets])) == b""

    assert time.process_time() - before < SECONDS


def test_bomb_is_left_after_its_allowance() -> None:
    octets = gzip.compress(gzip.compress(b"\0" * 30_000_000) + b"\0" * 100_000_000)
    before = time.process_time()
    with pytest.raises(DecompressionFailure):
        for _ in decompress([octets]):
            pass
    assert time.process_time() - before < SECONDS


PLAIN = {
    "wide": b"<a" + b"".join(b" a%d=''" % n for n in range(200_000)) + b"/>",
    "namespaces": b"<a"
    + b"".join(b" xmlns:a%d='u%d'" % (n, n) for n in range(4000))
    + b">"
    + b"<b/>" * 100_000
    + b"</a>",
    "namespaces in utf-16": (
        "<a" + "".join(f" xmlns:a{n}='u{n}'" for n in range(4000)) + ">" + "<b/>" * 100_000 + "</a>"
    ).encode("utf-16"),
    "deep": b"<a>" * 200_000,
    "declaration": b"<?xml" + b" encoding" * 100_000 + b"?><a/>",
    "spaces": b" " * 1_000_000,
}


@pytest.mark.parametrize("name", PLAIN)
def test_uncompressed_xml(name: str) -> None:
    within(lambda: digest_for_signature([PLAIN[name]], PartInfo("a@x", "application/xml", False)))


def test_text_in_single_octets() -> None:
    info = PartInfo("a@x", "text/plain", False)
    before = time.process_time()
    digest_for_signature((b"\r" for _ in range(200_000)), info)
    digest_for_signature([b"\r" * 10_000_000], info)
    assert time.process_time() - before < SECONDS * 2


def test_parse_of_the_largest_envelope() -> None:
    before = time.process_time()
    parse_envelope(xml(b"<a/>" * 8000 + b" " * 400_000), LIMITS)
    assert time.process_time() - before < SECONDS
