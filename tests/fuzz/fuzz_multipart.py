"""Fuzzes the multipart parser, part headers and media types: nothing but `MimeInconsistency` and `NotSoap`, and
laws.

Input: a boundary, a line end, a line of lengths, a body. However the body is cut into pieces the events are the same;
no part holds its delimiter; what was read, written again, is read again; a header or media type that is read has no
second reading.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["node.as4.mime", "node.as4.multipart", "node.as4.content_id"]):
    from node.as4.errors import MimeInconsistency, NotSoap
    from node.as4.limits import Limits
    from node.as4.mime import boundary_of, content_id_in, parse_media_type, parse_part_header
    from node.as4.multipart import PART_DATA, PART_END, PART_HEADER, Splitter

from tests.as4 import material
from tests.as4.surgery import CONTENTS
from tests.fuzz import harness

LIMITS = Limits(preamble_bytes=64, part_header_bytes=512, part_header_fields=8)
Parts = list[tuple[bytes, bytes]]


def split(boundary: bytes, pieces: list[bytes]) -> tuple[Parts, bool] | str:
    """The parts as header and octets, and whether the last boundary came; or the text of the refusal."""
    splitter = Splitter(boundary, LIMITS)
    parts: list[tuple[bytes, bytearray]] = []
    is_open = False
    try:
        for piece in pieces:
            for kind, octets in splitter.feed(piece):
                if kind == PART_HEADER:
                    assert not is_open
                    parts.append((octets, bytearray()))
                    is_open = True
                elif kind == PART_DATA:
                    assert is_open
                    assert octets
                    parts[-1][1].extend(octets)
                else:
                    assert kind == PART_END
                    assert is_open
                    assert not octets
                    is_open = False
    except MimeInconsistency as refusal:
        return refusal.detail
    assert not (splitter.ended and is_open)
    return [(header, bytes(octets)) for header, octets in parts], splitter.ended


MOST_PIECES = 64


def cut(body: bytes, lengths: bytes) -> list[bytes]:
    """The body in pieces of these lengths, over and over; after many the rest in one."""
    pieces, at = [], 0
    while at < len(body) and len(pieces) < MOST_PIECES:
        size = lengths[len(pieces) % len(lengths)] % 40 + 1 if lengths else 1
        pieces.append(body[at : at + size])
        at += size
    return [*pieces, body[at:]] if at < len(body) else pieces


def test_one_input(data: bytes) -> None:
    head, _, rest = data.partition(b"\n")
    lengths, _, body = rest.partition(b"\n")
    if head.startswith(b"T"):
        types(rest.decode("latin-1"))
        return
    boundary = head[1:70] or b"b"
    whole = split(boundary, [body] if body else [])
    assert split(boundary, cut(body, lengths)) == whole
    if isinstance(whole, str):
        return
    parts, ended = whole
    for header, octets in parts:
        assert b"\r\n--" + boundary not in octets
        assert b"\r\n\r\n" not in header
        headers(header)
    if ended:
        written = b"".join(
            b"--" + boundary + b"\r\n" + header + (b"\r\n" if header else b"") + b"\r\n" + octets + b"\r\n"
            for header, octets in parts
        )
        assert split(boundary, [written + b"--" + boundary + b"--"]) == (parts, True)


def headers(header: bytes) -> None:
    try:
        read = parse_part_header(header, LIMITS)
        again = parse_part_header(header + b"\r\nX-More: x", LIMITS)
    except MimeInconsistency:
        return
    assert again == read
    if read.content_id is not None:
        known = frozenset({read.content_id})
        assert content_id_in(read, known) == read.content_id


def types(value: str) -> None:
    try:
        read = parse_media_type(value)
    except MimeInconsistency:
        return
    assert read.type == read.type.lower()
    quoted = "".join(
        '; {}="{}"'.format(name, text.replace("\\", "\\\\").replace('"', '\\"'))
        for name, text in read.parameters.items()
    )
    if len(read.type + quoted) < 2000:
        assert parse_media_type(read.type + quoted) == read
    try:
        boundary = boundary_of(read)
    except (MimeInconsistency, NotSoap):
        return
    assert 0 < len(boundary) <= 70
    assert b"\r" not in boundary
    assert b"\n" not in boundary


def seeds() -> Iterator[bytes]:
    """What the corpus starts from."""
    wire = material.sealed(CONTENTS)[1]
    boundary = wire.content_type.split('boundary="')[1].split('"')[0].encode()
    yield b"B" + boundary + b"\n\x05\x20\n" + wire.body()
    yield b"T\n" + wire.content_type.encode()
    yield b'T\nmultipart/related; boundary="a\\"b"; type="application/soap+xml"; start="<r@x>"'
    small = b"--b\r\nA: b\r\n\r\none\r\n--b\r\n\r\n\r\n--b \r\nContent-ID: <x%40y>\r\n\r\n--c\r\n--b--\r\n"
    yield b"Bb\n\x01\x02\n" + small
    yield b"Bb\n\n" + b"preamble\r\n" + small + b"epilogue"


WORDS = (
    *(b"\r\n--b", b"\r\n--b--", b"\r\n\r\n", b"\r\n ", b"--b\r\n", b"Content-ID: <", b"Content-Type: ", b"multipart/"),
    *(
        b"Content-Transfer-Encoding: binary",
        b"boundary=",
        b'type="application/soap+xml"',
        b"start=",
        b"%40",
        b"message/",
    ),
)

if __name__ == "__main__":
    harness.run(__file__, test_one_input, seeds, WORDS, longest=4096)
