"""What a part holds once it is read: gzip good, damaged and endless, XML in its canonical form, text."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from node.as4 import (
    As4Error,
    DecompressionFailure,
    FailedDecryption,
    Limits,
    PartInfo,
    PartOctets,
    PolicyNoncompliance,
    seal,
    sign,
)
from node.as4.parts import digest_for_signature
from tests.as4 import material
from tests.as4.desk import Desk
from tests.as4.surgery import Surgery


def compressed(octets: bytes, limits: Limits | None = None, **policy: Any) -> bytes:
    """Open a message whose part is this gzip stream; the content."""
    who = material.parties()
    info = PartInfo("record@x", "application/xml", True)
    frozen = sign(material.message([info]), [digest_for_signature([octets], info)], who.sender, who.suite)
    wire = seal(frozen.xml, [PartOctets.of(info, octets)], who.recipient, who.suite)
    patient = Surgery()
    patient.content_type = wire.content_type
    patient.body = wire.body  # type: ignore[method-assign]
    desk = Desk(patient, limits=limits or Limits(), policy={"max_bytes": 1 << 30, **policy})
    opened = desk.read(1 << 16)
    content = b"".join(zlib.decompressobj(47).decompress(desk.sinks["record@x"].octets) for _ in range(1))
    assert opened.parts[0].size >= len(content)
    return content


GOOD = gzip.compress(b"content" * 100, mtime=0)
DAMAGED = {
    "not gzip": b"content",
    "empty": b"",
    "cut": GOOD[:-3],
    "without trailer": GOOD[:-8],
    "check": GOOD[:-5] + bytes([GOOD[-5] ^ 1]) + GOOD[-4:],
    "size": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "middle": GOOD[:15] + bytes([GOOD[15] ^ 0xFF]) + GOOD[16:],
    "rubbish behind": GOOD + b"rubbish",
    "zlib instead": zlib.compress(b"content"),
    "header only": GOOD[:10],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_gzip(name: str) -> None:
    with pytest.raises(DecompressionFailure) as caught:
        compressed(DAMAGED[name])

    assert (caught.value.code, caught.value.category) == ("EBMS:0303", "Communication")
    assert caught.value.authenticated


def test_good_gzip_of_two_members() -> None:
    assert compressed(GOOD + gzip.compress(b"more")).startswith(b"content")


def test_damage_on_the_way_is_not_called_bad_gzip() -> None:
    patient = Surgery()
    octets = patient.parts[0][1]
    patient.parts[0][1] = octets[:14] + bytes([octets[14] ^ 0xFF]) + octets[15:]

    with pytest.raises(FailedDecryption):
        patient.open()


def bomb() -> bytes:
    return gzip.compress(b"\0" * 50_000_000)


def test_decompression_bomb() -> None:
    with pytest.raises(DecompressionFailure, match="fold"):
        compressed(bomb())


def test_inflated_size() -> None:
    with pytest.raises(DecompressionFailure, match="inflates to more than"):
        compressed(gzip.compress(b"\0" * 100_000), Limits(inflated_bytes=99_999))
    assert compressed(gzip.compress(b"\0" * 100_000), Limits(inflated_bytes=100_000))


def plain_xml(content: bytes, limits: Limits | None = None) -> None:
    info = PartInfo("a@x", "application/xml", False)
    patient = Surgery([(info, content)])
    Desk(patient, limits=limits or Limits()).read()


def forged_xml(content: bytes, digest: bytes = bytes(32)) -> As4Error:
    """Sign a digest for content that cannot be digested, and see the refusal."""
    who = material.parties()
    info = PartInfo("a@x", "application/xml", False)
    frozen = sign(material.message([info]), [digest], who.sender, who.suite)
    wire = seal(frozen.xml, [PartOctets.of(info, content)], who.recipient, who.suite)
    with pytest.raises(As4Error) as caught:
        material.opened(wire, who)
    return caught.value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EBMS:0101"),
        (b"no xml", "EBMS:0101"),
        (b"<a>", "EBMS:0101"),
        (b"<a/>", "EBMS:0101"),
        (b"<!DOCTYPE a><a/>", "EBMS:0103"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "EBMS:0103"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "EBMS:0103"),
        ("<a/>".encode("utf-32"), "EBMS:0101"),
        ("<a/>".encode("utf-16-le"), "EBMS:0101"),
        (b'<?xml version="1.0" encoding="IBM037"?><a/>', "EBMS:0101"),
        (b"<a" + b"".join(b" n%d='u'" % n for n in range(300)) + b"/>", "EBMS:0103"),
        (b"<a>" + b"<a/>" * 400_001 + b"</a>", "EBMS:0103"),
        (b"<a xmlns='relative'/>", "EBMS:0101"),
        (b"<a><b xmlns:c='u'/>" + b"<b xmlns:c='u'/>" * 5000 + b"</a>", "EBMS:0103"),
        (b"\xff\xfe<", "EBMS:0101"),
    ],
)
def test_uncompressed_xml_that_cannot_be_canonicalised(content: bytes, code: str) -> None:
    assert forged_xml(content).code == code


SPACES = b" " * 300


@pytest.mark.parametrize(
    "declaration",
    [
        b"<?xml version='1.0'" + SPACES + b"encoding='UTF-7'?>",
        b"<?xml version='1.0' encoding=" + SPACES + b"'UTF-7' standalone='yes'?>",
        b"\xef\xbb\xbf<?xml" + SPACES + b"version='1.0' encoding='UTF-7'" + SPACES + b"?>",
        b"<?xml version='" + b"1" * 300 + b"' encoding='UTF-7'?>",
        b"<?xml version='1.0' standalone='>' encoding='UTF-7'?>",
        b"<?xml" + SPACES + b"encoding='UTF-7'?>",
    ],
)
@pytest.mark.parametrize("prologue", [b"", b"+ADwAIQ-DOCTYPE a [+ADwAIQ-ATTLIST a d CDATA 'x'>]>"])
def test_a_long_declaration_hides_no_encoding(declaration: bytes, prologue: bytes) -> None:
    """Refused for what it is: the digest is that of what a parser which believes the declaration reads."""
    seen = hashlib.sha256(b'<a d="x"></a>' if prologue else b"<a></a>").digest()
    refusal = forged_xml(declaration + prologue + b"<a/>", seen)
    assert refusal.code == "EBMS:0101"
    assert "digest" not in refusal.detail


@pytest.mark.parametrize("spaces", [1, 300, 100_000])
def test_a_long_declaration_of_an_encoding_that_is_known(spaces: int) -> None:
    plain_xml(b'<?xml version="1.0"%bencoding="utf-8"%b?><a/>' % (b" " * spaces, b" " * spaces))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-2", "windows-1250"])
def test_uncompressed_xml_in_other_encodings(encoding: str) -> None:
    plain_xml(f'<?xml version="1.0" encoding="{encoding}"?><a>čćžšđ</a>'.encode(encoding))


def test_uncompressed_xml_above_the_limit() -> None:
    with pytest.raises(PolicyNoncompliance, match="uncompressed XML"):
        plain_xml(b"<a>" + b"x" * 1000 + b"</a>", Limits(canonical_bytes=1000))


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb", b"a\r\nb"),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\rb", b"a\r\nb"),
        (b"\r\r\n\n\n\r", b"\r\n\r\n\r\n\r\n\r\n"),
        (b"", b""),
        (b"\r", b"\r\n"),
    ],
)
def test_text_is_digested_with_crlf(content: bytes, expected: bytes, pieces: int) -> None:
    def cut() -> Iterator[bytes]:
        for at in range(0, len(content), pieces):
            yield content[at : at + pieces]

    info = PartInfo("a@x", "text/plain; charset=utf-8", False)
    assert digest_for_signature(cut(), info) == hashlib.sha256(expected).digest()


@pytest.mark.parametrize(
    ("mime_type", "canonical"),
    [
        ("text/xml", True),
        ("Application/XML; charset=utf-8", True),
        ("application/atom+xml", True),
        ("image/svg+xml", True),
        ("application/pdf", False),
        ("application/json", False),
    ],
)
def test_which_types_are_canonicalised(mime_type: str, canonical: bool) -> None:
    info = PartInfo("a@x", mime_type, False)

    same = digest_for_signature([b"<a b='1'/>"], info) == digest_for_signature([b'<a b="1"></a>'], info)

    assert same is canonical
