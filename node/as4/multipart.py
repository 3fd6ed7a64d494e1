"""Splitting multipart/related as it arrives (RFC 2046, section 5.1), whatever pieces the network makes of it.

A delimiter is CRLF, two hyphens and the boundary, then white space and CRLF, or two hyphens at the end. Anything else
after those octets is refused instead of guessed: a sender must choose a boundary that its parts do not contain. Every
octet is looked at a constant number of times.
"""

from collections.abc import Iterator
from typing import Final

from node.as4.errors import MimeInconsistency
from node.as4.limits import Limits

_MAX_PADDING: Final = 64
"""White space between a delimiter and its line end; nobody sends any."""

PART_HEADER: Final = "header"
PART_DATA: Final = "data"
PART_END: Final = "end"


class Splitter:
    """Feed it the body, take events: (PART_HEADER, octets of the header), (PART_DATA, octets)…, (PART_END, b"")."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        self._limits = limits
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning, without its line end
        self._at = 0  # what stands before it in the buffer is done with
        self._looked = 0  # where the search of the buffer goes on
        # not bound to this object: it would refer to itself, and be left to the collector of garbage
        self._state = Splitter._preamble
        self._after = 0
        self.ended = False

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that these octets complete. Raises MimeInconsistency."""
        if self._at:
            del self._buffer[: self._at]
            self._looked = max(self._looked - self._at, 0)
            self._at = 0
        if self._state == Splitter._data and not self._buffer:
            clear = self._without_delimiter(data)
            if clear == len(data):
                yield PART_DATA, data
                return
            if clear:
                yield PART_DATA, data[:clear]
                data = data[clear:]
        self._buffer += data
        while True:
            before = self._state
            event = self._state(self)
            if event is not None:
                yield event
            elif self._state == before:
                return

    def _preamble(self) -> tuple[str, bytes] | None:
        at = self._find()
        if at > self._limits.preamble_bytes or (
            at < 0 and self._waiting() > self._limits.preamble_bytes + len(self._delimiter)
        ):
            raise MimeInconsistency("multipart: no boundary found at the beginning")
        if at >= 0:
            self._drop(at + len(self._delimiter))
            self._state = Splitter._boundary_end
        return None

    def _boundary_end(self) -> tuple[str, bytes] | None:
        """What follows a delimiter: another part, the end, or something that no delimiter has."""
        buffer, at = self._buffer, self._at
        if buffer.startswith(b"\r\n", at):
            # the line end stays: an empty header is CRLF CRLF together with it
            self._state = Splitter._header
            return None
        if buffer.startswith(b"--", at):
            self._drop(2)
            self._state = Splitter._epilogue
            self.ended = True
            return None
        line = bytes(buffer[at : at + _MAX_PADDING + 2])
        padding = len(line) - len(line.lstrip(b" \t"))
        rest = line[padding : padding + 2]
        if rest == b"\r\n":
            self._drop(padding)
            self._state = Splitter._header
            return None
        if padding <= _MAX_PADDING and (rest in (b"", b"\r") or (padding == 0 and line == b"-")):
            return None
        raise MimeInconsistency("multipart: boundary found inside a part")

    def _header(self) -> tuple[str, bytes] | None:
        at = self._at
        end = self._buffer.find(b"\r\n\r\n", max(self._looked - 3, at))
        # until its end is there, the last octets may be the first three of that
        size = (len(self._buffer) - len(b"\r\n\r") if end < 0 else end) - at
        if size > self._limits.part_header_bytes:
            raise MimeInconsistency(f"part header: more than {self._limits.part_header_bytes} bytes")
        if end < 0:
            self._looked = len(self._buffer)
            return None
        header = bytes(self._buffer[at + 2 : end])
        # the last line end stays: the delimiter of an empty part begins with it
        self._drop(end + 2 - at)
        self._state = Splitter._first_data
        return PART_HEADER, header

    def _first_data(self) -> tuple[str, bytes] | None:
        """The line end that closes the header, unless it is the one that begins a delimiter."""
        if self._buffer.startswith(self._delimiter, self._at):
            self._drop(len(self._delimiter))
            self._state = Splitter._boundary_end
            return PART_END, b""
        if self._waiting() < len(self._delimiter) and self._delimiter.startswith(self._buffer[self._at :]):
            return None
        self._drop(2)
        self._state = Splitter._data
        return None

    def _data(self) -> tuple[str, bytes] | None:
        size = self._find()
        if size == 0:
            self._drop(len(self._delimiter))
            self._state = Splitter._boundary_end
            return PART_END, b""
        if size < 0:
            # all but what may be the beginning of a delimiter
            tail = max(len(self._buffer) - len(self._delimiter) + 1, self._at)
            cr = self._buffer.find(b"\r", tail)
            size = (len(self._buffer) if cr < 0 else cr) - self._at
            if size <= 0:
                return None
        data = bytes(self._buffer[self._at : self._at + size])
        self._drop(size)
        return PART_DATA, data

    def _without_delimiter(self, data: bytes) -> int:
        """How much of this belongs to the part for certain: what comes before what is, or may be, a delimiter."""
        at = data.find(self._delimiter)
        if at < 0:
            at = data.find(b"\r", max(len(data) - len(self._delimiter) + 1, 0))
        return len(data) if at < 0 else at

    def _epilogue(self) -> tuple[str, bytes] | None:
        self._after += self._waiting()
        self._drop(self._waiting())
        if self._after > self._limits.preamble_bytes:
            raise MimeInconsistency("multipart: data found after the last boundary")
        return None

    def _waiting(self) -> int:
        return len(self._buffer) - self._at

    def _find(self) -> int:
        """How far away the next delimiter begins, or -1; what was searched once is not searched again."""
        found = self._buffer.find(self._delimiter, max(self._looked - len(self._delimiter) + 1, self._at))
        if found < 0:
            self._looked = len(self._buffer)
            return -1
        self._looked = found
        return found - self._at

    def _drop(self, count: int) -> None:
        self._at += count
