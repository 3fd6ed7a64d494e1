"""The gzip streams that carry parts (RFC 1952; AS4 profile, section 3.1, payload compression), out and in."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from isal import isal_zlib

from node.as4.errors import DecompressionFailure
from node.as4.limits import DEFAULT_LIMITS, Limits

_SUBFIELD: Final = b"DP"
_BLOCK: Final = 1 << 16


def compress(content: Iterable[bytes], extra: bytes) -> Iterator[bytes]:
    """The content as one gzip member, without time or name, so that equal input gives equal octets.

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
    packer: Any = isal_zlib.compressobj(1, zlib.DEFLATED, -15)
    check, size = 0, 0
    for block in content:
        check = isal_zlib.crc32(block, check)
        size += len(block)
        if packed := packer.compress(block):
            yield packed
    yield packer.flush() + check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


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
        pending = octets
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
