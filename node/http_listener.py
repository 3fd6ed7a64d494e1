"""HTTP/1.1 as the listeners speak it (RFC 9112): uvicorn's protocol over llhttp, bounded where it has no bounds.

llhttp refuses every framing that two readers could take differently (both lengths, one twice, odd codings, bare line
ends). What it leaves open is closed here: how many octets and fields a head or trailers may have, how long a peer may
take for a head, be silent within a body and leave an answer unread, and that a request names one host.
"""

import asyncio
import threading
from collections.abc import Sized
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from node.journal import journal

log = journal("http")

MAX_HEAD_OCTETS: Final = 64 * 1024
"""A head, or trailers, or what else moves a request no further. Peers send 500 octets, browsers a few thousand."""
MAX_FIELDS: Final = 100
"""Header fields and trailers of one request; peers send 10, a browser behind a proxy 30."""
MAX_TARGET_OCTETS: Final = 8192
"""The request target; RFC 9112, section 3, asks for 8,000 at least."""
MAX_AHEAD: Final = 16
"""Requests on a connection that came before the answer to the former had left; peers and browsers send none."""
HEAD_SECONDS: Final = 30.0
"""From the connection, or the first octet of a request, to the end of its head."""
SILENCE_SECONDS: Final = 120.0
"""Between two pieces of a body, as the proxies of the how-to page have it."""


INTO_OCTETS: Final = 256 * 1024
"""Read at most so many at a time, into memory that all connections of a thread share: they are copied before the next
read. Without it asyncio makes room for as many octets anew for each TLS record of 16 KiB, which takes five times as
long as to decrypt it."""


class _Into(threading.local):
    def __init__(self) -> None:
        self.octets = memoryview(bytearray(INTO_OCTETS))


_into = _Into()


class _Refused(Exception):
    """Raised within the parser, which then answers 400 and closes the connection."""


class _Flow(FlowControl):
    """Reads nothing more of a connection while whole requests wait there for their turn."""

    def __init__(self, transport: asyncio.Transport, ahead: Sized) -> None:
        super().__init__(transport)
        self._ahead = ahead

    def resume_reading(self) -> None:
        if not self._ahead:
            super().resume_reading()


class BoundedHttp(HttpToolsProtocol, asyncio.BufferedProtocol):
    """One connection. It ends with 400 for a request beyond the bounds, unanswered for a peer beyond the times."""

    head_seconds = HEAD_SECONDS
    silence_seconds = SILENCE_SECONDS
    _moved = False
    _standstill = 0
    _head_octets = 0
    _in_head = True
    _in_body = False
    _last = 0.0
    _unread = 0
    _unread_since = 0.0
    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A new connection: the time for its first head runs."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._last = self.loop.time()
        self._watch = self.loop.call_later(self.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to watch."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next octets go."""
        return _into.octets

    def buffer_updated(self, nbytes: int) -> None:
        """So many octets have come."""
        self.data_received(bytes(_into.octets[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Parse; end a connection whose octets move no request on."""
        self._moved = False
        if not self._in_head:
            self._last = self.loop.time()
        super().data_received(data)
        if self._moved:
            self._standstill = 0
            return
        self._standstill += len(data)
        if self._standstill > MAX_HEAD_OCTETS and not self.transport.is_closing():
            log.warning("refused", detail=f"HTTP: more than {MAX_HEAD_OCTETS} octets without a request")
            self.send_400_response("Header fields too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_octets, self._in_head = 0, True
        self._last = self.loop.time()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_OCTETS:
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head or of the trailers."""
        self._head_octets += len(name) + len(value)
        if self._head_octets > MAX_HEAD_OCTETS or len(self.headers) >= MAX_FIELDS:
            raise _Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: it must name one host and at most one coding, chunked (RFC 9112, sections 3.2 and 6.1)."""
        fields = [name for name, _ in self.headers]
        current = self.parser.get_http_version() == "1.1"
        if fields.count(b"host") > 1 or (current and b"host" not in fields):
            raise _Refused
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (codings != [b"chunked"] or not current):
            raise _Refused
        self._moved, self._in_head, self._in_body = True, False, True
        super().on_headers_complete()
        if len(self.pipeline) > MAX_AHEAD:
            # Unanswered: a 400 now would be taken for the answer to the first of them.
            log.warning("refused", detail=f"HTTP: more than {MAX_AHEAD} requests ahead of their answers")
            self.transport.abort()
            raise _Refused

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._moved, self._in_body = True, False
        super().on_message_complete()

    def _look(self) -> None:
        """Close the connection if its peer has taken too long, else look again when it could have."""
        now = self.loop.time()
        if self._in_body and self.flow.read_paused:
            self._last = now  # it is we who do not read
        if self._leaves_unread(now):
            log.warning("refused", detail="HTTP: an answer was not read in time")
            self.transport.abort()
            return
        waiting = self._in_head or self._in_body
        end = self._last + (self.head_seconds if self._in_head else self.silence_seconds)
        if waiting and now >= end:
            log.warning("refused", detail=f"HTTP: no {'head' if self._in_head else 'more of a body'} in time")
            self.transport.abort()
            return
        self._watch = self.loop.call_later(end - now if waiting else self.head_seconds, self._look)

    def _leaves_unread(self, now: float) -> bool:
        """Whether the peer has read nothing of what we have for it since SILENCE_SECONDS."""
        unread = self.transport.get_write_buffer_size()
        if unread != self._unread or not unread:
            self._unread, self._unread_since = unread, now
        return now >= self._unread_since + self.silence_seconds
