"""Files are told by their content, and images lose what is written beside the picture, never the picture."""

import struct
import zlib
from pathlib import Path

import pytest

from node.records.content_types import (
    HEIC,
    JPEG,
    JPEG2000,
    PDF,
    PNG,
    PROGRAM,
    TIFF,
    WSQ,
    ZIP,
    ContentType,
    content_type,
)
from node.records.image_metadata import MetadataKept, without_metadata

PHOTOGRAPH = (Path(__file__).parents[2] / "schemas/returns/1/examples/attachments/photograph-p1.jpg").read_bytes()
SECRET = b"48 51 24 N 2 21 03 E, a camera's owner"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def exif(orientation: int) -> bytes:
    directory = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"Exif\x00\x00II*\x00" + struct.pack("<I", 8) + directory + SECRET


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


PNG_FILE = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", bytes(13)), chunk(b"IDAT", b"picture"), chunk(b"IEND", b"")]
JP2_FILE = [
    box(b"jP  ", b"\r\n\x87\n"),
    box(b"ftyp", b"jp2 "),
    box(b"jp2h", b"head"),
    box(b"jp2c", b"\xff\x4f\xff\x51"),
]


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (PHOTOGRAPH, JPEG),
        (PNG_FILE[0], PNG),
        (b"II*\x00\x08\x00\x00\x00", TIFF),
        (b"MM\x00*\x00\x00\x00\x08", TIFF),
        (b"".join(JP2_FILE), JPEG2000),
        (b"\xff\x4f\xff\x51\x00", JPEG2000),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", HEIC),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00", HEIC),
        (b"\xff\xa0\xff\xa8\x00\x7a", WSQ),
        (b"%PDF-1.7", PDF),
        (b"PK\x03\x04\x14\x00", ZIP),
        (b"MZ\x90\x00", PROGRAM),
        (b"\x7fELF\x02", PROGRAM),
        (b"#!/bin/sh\n", PROGRAM),
        (b"Dear colleague", None),
        (b"", None),
        (b"\x00\x00\x00\x18ftypisom", None),
    ],
)
def test_a_file_is_what_its_first_octets_say(head: bytes, found: ContentType | None) -> None:
    assert content_type(head[:64]) == found


def test_other_names_of_a_type_are_right_and_those_of_others_are_not() -> None:
    assert WSQ.may_be_called("image/wsq")
    assert JPEG.may_be_called("image/JPG; name=x")
    assert ZIP.may_be_called("application/vnd.openxmlformats-officedocument.wordprocessingml.document")
    assert not PNG.may_be_called("image/jpeg")
    assert not ZIP.may_be_called("image/png")


def test_a_jpeg_keeps_its_picture_and_colours_and_nothing_else() -> None:
    colours = segment(0xE2, b"ICC_PROFILE\x00\x01\x01colours")
    loud = [segment(0xE1, exif(1)), segment(0xED, b"Photoshop 3.0\x00" + SECRET), segment(0xFE, SECRET), colours]
    bare = without_metadata(PHOTOGRAPH[:2] + b"".join(loud) + PHOTOGRAPH[2:], "p.jpg")
    assert bare == PHOTOGRAPH[:2] + colours + PHOTOGRAPH[2:]
    assert without_metadata(PHOTOGRAPH, "p.jpg") == PHOTOGRAPH


def test_a_picture_that_lies_on_its_side_is_still_turned() -> None:
    bare = without_metadata(PHOTOGRAPH[:2] + segment(0xE1, exif(6)) + PHOTOGRAPH[2:], "p.jpg")
    assert SECRET not in bare
    assert b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in bare[:64]
    assert bare.endswith(PHOTOGRAPH[2:])


def test_a_png_and_a_jpeg_2000_lose_their_texts() -> None:
    loud = [*PNG_FILE[:2], chunk(b"tEXt", SECRET), chunk(b"eXIf", SECRET), *PNG_FILE[2:], SECRET]
    assert without_metadata(b"".join(loud), "p.png") == b"".join(PNG_FILE)
    boxes = [*JP2_FILE[:2], box(b"uuid", SECRET), box(b"xml ", SECRET), *JP2_FILE[2:]]
    assert without_metadata(b"".join(boxes), "p.jp2") == b"".join(JP2_FILE)


def test_what_is_no_image_stays_and_what_cannot_be_done_is_said() -> None:
    assert without_metadata(b"%PDF-1.7", "a.pdf") == b"%PDF-1.7"
    for content, word in (
        (b"II*\x00\x08", "a: found TIFF"),
        (b"\x00\x00\x00\x18ftypheic", "a: found HEIC"),
        (b"\xff\xa0\xff\xa8", "a: found WSQ"),
        (PHOTOGRAPH[:30], "a: found a broken JPEG"),
        (b"".join(PNG_FILE)[:-15], "a: found a broken PNG"),
    ):
        with pytest.raises(MetadataKept, match=word):
            without_metadata(content, "a")
