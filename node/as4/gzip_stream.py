"""The gzip streams that carry parts (RFC 1952; AS4 profile, section 3.1, payload compression), out and in."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from isal import isal_zlib

from node.as4.errors import DecompressionFailure
from node.as4.limits import DEFAULT_LIMITS, Limits

_SUBFIELD: Final = b"DP"
_BLOCK: Final = 1 << 16
_STORED: Final = 65_535
"""What one stored block holds (RFC 1951, 3.2.4)."""
SECTION: Final = 4 * _STORED
"""So much content is judged at a time: compressed, or stored where that would not make it smaller. Whoever reads a file
in pieces of this size spares a copy."""
_SAMPLES: Final = 4
_SAMPLE: Final = 1 << 12
_WORTH: Final = 0.95
_NO_MORE: Final = b"\x01\0\0\xff\xff"
"""A stored block of nothing, the last one of a stream."""


def compress(content: Iterable[bytes], extra: bytes) -> Iterator[bytes]:
    """The content as one gzip member, without time or name, so that equal content gives equal octets, however it comes.

    What is compressed already (pictures, archives) is stored: to compress it again takes most of the time and no octet
    away. Memory is constant.

    extra: random octets that make the digest of the part unguessable; they stand as subfield `DP` of the header's extra
        field (RFC 1952, 2.3.1.1). Empty leaves the field out. At most 65,531 octets, else ValueError.
    """
    if len(extra) > 0xFFFF - 4:
        raise ValueError("extra: at most 65,531 octets")
    if extra:
        subfield = _SUBFIELD + len(extra).to_bytes(2, "little") + extra
        yield b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + len(subfield).to_bytes(2, "little") + subfield
    else:
        yield b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    packer: Any = None
    check, size = 0, 0
    for section in _sections(content):
        check = isal_zlib.crc32(section, check)
        size += len(section)
        if _shrinks(section):
            # One of its own after what was stored: it must not refer to octets that it has not seen.
            packer = packer or isal_zlib.compressobj(1, zlib.DEFLATED, -15)
            if packed := packer.compress(section):
                yield packed
            continue
        if packer is not None:
            yield packer.flush(isal_zlib.Z_FULL_FLUSH)
            packer = None
        yield _stored(section)
    last = _NO_MORE if packer is None else packer.flush()
    yield last + check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _sections(content: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """The content in pieces of SECTION and a last one that may be shorter, whatever pieces it comes in."""
    waiting = bytearray()
    for piece in content:
        view = memoryview(piece)
        if waiting:
            missing = SECTION - len(waiting)
            waiting += view[:missing]
            view = view[missing:]
            if len(waiting) == SECTION:
                yield bytes(waiting)
                waiting.clear()
        while len(view) >= SECTION:
            yield view[:SECTION]
            view = view[SECTION:]
        waiting += view
    if waiting:
        yield bytes(waiting)


def _shrinks(section: bytes | memoryview) -> bool:
    """Whether compression makes a whole section smaller, judged by samples of it; shorter ones are worth no look."""
    if len(section) < SECTION:
        return True
    step = SECTION // _SAMPLES
    sample = b"".join(section[at : at + _SAMPLE] for at in range(0, SECTION - _SAMPLE, step))
    return len(isal_zlib.compress(sample, 1, -15)) < _WORTH * len(sample)


def _stored(section: bytes | memoryview) -> bytes:
    """The octets as stored blocks, none of them the last of the stream."""
    pieces: list[bytes | memoryview] = []
    for at in range(0, len(section), _STORED):
        block = section[at : at + _STORED]
        pieces += (b"\0" + len(block).to_bytes(2, "little") + (len(block) ^ 0xFFFF).to_bytes(2, "little"), block)
    return b"".join(pieces)


class Inflater:
    """Inflates a gzip stream of any number of members piece by piece, within the limits.

    zlib, not isal: this side reads what strangers wrote.
    """

    def __init__(self, limits: Limits, allowance: int) -> None:
        """allowance: how much content may come out at most."""
        self._limits = limits
        self._allowance = min(allowance, limits.inflated_bytes)
        self._member = zlib.decompressobj(31)
        self._started = False
        self._taken = 0
        self.size = 0

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The content that these octets complete. Raises DecompressionFailure."""
        self._taken += len(octets)
        view = memoryview(octets)
        for at in range(0, len(view), _BLOCK):
            # What zlib leaves of a piece is copied: so pieces are small.
            yield from self._inflated(view[at : at + _BLOCK])

    def _inflated(self, pending: bytes | memoryview) -> Iterator[bytes]:
        while pending:
            if self._member.eof:
                self._member = zlib.decompressobj(31)
                self._started = False
            self._started = True
            try:
                content = self._member.decompress(pending, _BLOCK)
            except zlib.error:
                raise DecompressionFailure("part: damaged gzip stream") from None
            pending = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if content:
                self._count(len(content))
                yield content
            while not pending and len(content) == _BLOCK and not self._member.eof:
                content = self._rest()
                if content:
                    self._count(len(content))
                    yield content

    def _rest(self) -> bytes:
        """Content that zlib still holds although it has taken all octets."""
        try:
            return self._member.decompress(b"", _BLOCK)
        except zlib.error:
            raise DecompressionFailure("part: damaged gzip stream") from None

    def finish(self) -> None:
        """Raises DecompressionFailure if the stream has not ended."""
        if not self._started or not self._member.eof:
            raise DecompressionFailure("part: gzip stream ends early")

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self._allowance:
            raise DecompressionFailure(f"part: inflates to more than {self._allowance} bytes")
        if self.size > self._limits.inflated_free and self.size > self._taken * self._limits.inflated_ratio:
            raise DecompressionFailure(f"part: inflates more than {self._limits.inflated_ratio}-fold")


def decompress(octets: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """The content of a gzip part, piece by piece. Raises DecompressionFailure if it is damaged or above the limits."""
    inflater = Inflater(limits, limits.inflated_bytes)
    for block in octets:
        yield from inflater.feed(block)
    inflater.finish()
