"""Images without what cameras and programs write beside the picture: place, time, device, author, thumbnails.

The picture's own octets are not touched. JPEG: APPn segments but JFIF, ICC profile and Adobe's, and comments (ISO/IEC
10918-1 B.2.4); the orientation is kept, else the picture would lie. PNG: text, time and Exif chunks (ISO/IEC 15948
clause 11). JPEG 2000: XML, UUID and information boxes (ISO/IEC 15444-1 annex I).
"""

import struct
from collections.abc import Callable, Iterator, Mapping

from node.records.content_types import JPEG, JPEG2000, PNG, ContentType, content_type

# An image is held in memory for this; larger ones are scans, which have no place and time of a camera.
LARGEST_IMAGE = 64 * 1024 * 1024
_JPEG_START, _JPEG_SCAN, _APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xD8, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_KEPT_JPEG = {_APP0: b"JFIF\x00", _APP2: b"ICC_PROFILE\x00", _APP14: b"Adobe"}
_EXIF = b"Exif\x00\x00"
_ORIENTATION, _SHORT = 0x0112, 3
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_DROPPED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_JP2_DROPPED = frozenset({b"xml ", b"uuid", b"uinf"})


class MetadataKept(Exception):
    """An image whose metadata cannot be taken out here; the text says why and what to do."""


def without_metadata(content: bytes, name: str) -> bytes:
    """The image without metadata; what is no image as it is. Raises MetadataKept for an image that cannot be done."""
    found = content_type(content)
    if found is None or not found.media_type.startswith("image/"):
        return content
    if found not in _STRIPPERS:
        raise MetadataKept(
            f"{name}: found {found.name}, expected JPEG, PNG or JPEG 2000 to take the metadata out of. Turn it into "
            "one of these, or send it without --strip-metadata."
        )
    if len(content) > LARGEST_IMAGE:
        raise MetadataKept(
            f"{name}: found {len(content)} bytes, expected at most {LARGEST_IMAGE}. Make the image smaller, or send it "
            "without --strip-metadata."
        )
    try:
        return _STRIPPERS[found](content)
    except (ValueError, struct.error, IndexError) as error:
        raise MetadataKept(
            f"{name}: found a broken {found.name} ({error}). Save it anew by an image program."
        ) from error


def _without_in_jpeg(content: bytes) -> bytes:
    kept = [content[:2]]
    orientation = 1
    at = 2
    while True:
        if content[at] != 0xFF:
            raise ValueError("no marker where a segment begins")
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _JPEG_SCAN:
            # Written first: a reader takes the orientation from the beginning.
            head = [kept[0], _orientation_segment(orientation)] if orientation != 1 else kept[:1]
            return b"".join([*head, *kept[1:], content[at:]])
        size = struct.unpack_from(">H", content, at + 2)[0]
        segment, body = content[at : at + 2 + size], content[at + 4 : at + 2 + size]
        if size < 2 or len(segment) < 2 + size:
            raise ValueError("cut off")
        if marker == _APP1 and body.startswith(_EXIF):
            orientation = _orientation_of(body[len(_EXIF) :])
        dropped = marker == _COMMENT or _APP0 <= marker <= _APP15
        if not dropped or (marker in _KEPT_JPEG and body.startswith(_KEPT_JPEG[marker])):
            kept.append(segment)
        at += 2 + size


def _orientation_of(tiff: bytes) -> int:
    """The orientation of the first directory, 1 where there is none that can be read."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        start = struct.unpack_from(order + "I", tiff, 4)[0]
        for n in range(struct.unpack_from(order + "H", tiff, start)[0]):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * n)
            if (tag, kind) == (_ORIENTATION, _SHORT) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def _orientation_segment(orientation: int) -> bytes:
    directory = struct.pack(">HHHIHHI", 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
    body = _EXIF + b"MM\x00*" + struct.pack(">I", 8) + directory
    return struct.pack(">BBH", 0xFF, _APP1, len(body) + 2) + body


def _without_in_png(content: bytes) -> bytes:
    kept = [_PNG_START]
    at = len(_PNG_START)
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + size
        if end > len(content):
            raise ValueError("cut off")
        if kind not in _PNG_DROPPED:
            kept.append(content[at:end])
        at = end
        if kind == b"IEND":
            break  # nothing belongs to the picture after it
    return b"".join(kept)


def _without_in_jpeg2000(content: bytes) -> bytes:
    if content[:2] == b"\xff\x4f":
        return content  # a bare codestream: no boxes
    return b"".join(box for kind, box in _boxes(content) if kind not in _JP2_DROPPED)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size == 1:
            size = struct.unpack_from(">Q", content, at + 8)[0]
        end = len(content) if size == 0 else at + size
        if end <= at or end > len(content):
            raise ValueError("cut off")
        yield kind, content[at:end]
        at = end


_STRIPPERS: Mapping[ContentType, Callable[[bytes], bytes]] = {
    JPEG: _without_in_jpeg,
    PNG: _without_in_png,
    JPEG2000: _without_in_jpeg2000,
}
