"""Forms with files (multipart/form-data, RFC 7578), read as they come: every file is sealed at once, nowhere else held.

A form is bounded in size, in number of fields, and in the length of its texts. What was read is thrown away at the end
of the block, whatever became of it.
"""

import hashlib
import mimetypes
import re
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from node.api.models import PRINTABLE
from node.api.problems import Refusal, invalid
from node.api.routes import has_controls
from node.exchange.contents import discard
from node.exchange.node import Node
from node.store.payloads import PayloadWriter, SealedPayload, StoredPayload, open_payload

FIELDS = 200
TEXT_LETTERS = 500
TEXT_BYTES = 4 * TEXT_LETTERS
NAME_LETTERS = 200
LOOP_BYTES = 256 * 1024
"""What is larger is sealed in a thread, so that nobody else waits."""
UNKNOWN = "application/octet-stream"
NAMED = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": PRINTABLE}
"""The schema of a field that names something."""
MEDIA_TYPE = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""Of a media type without parameters."""
_WITH_PARAMETERS = re.compile(MEDIA_TYPE + "[ -~]{0,150}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form, sealed."""

    node: Node
    name: str | None
    media_type: str
    size: int
    sha256: bytes
    sealed: SealedPayload

    def content(self) -> Iterator[bytes]:
        """Its octets."""
        one = self.sealed
        stored = StoredPayload(one.size, one.inline, one.blob, one.wrapped_key)
        return open_payload(stored, self.node.kek, self.node.blobs)

    def octets(self, most: int) -> bytes:
        """Its first octets, one more than `most` at most."""
        taken = bytearray()
        for piece in self.content():
            taken += piece
            if len(taken) > most:
                break
        return bytes(taken[: most + 1])


@dataclass
class Form:
    """What a form holds, by the names of its fields, in order; `digest` tells its content from another's."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)
    digest: bytes = b""

    def text(self, name: str) -> str | None:
        """The value of a field that may stand once. Raises Refusal."""
        values = self.texts.get(name, [])
        if len(values) > 1:
            raise invalid(name, f"{len(values)} of it", "one value", "Give it once.")
        return values[0] if values else None

    @property
    def size(self) -> int:
        """Octets of all files."""
        return sum(one.size for files in self.files.values() for one in files)


@asynccontextmanager
async def form_of(
    request: Request, node: Node, *, texts: Collection[str], files: Collection[str], limit: int
) -> AsyncIterator[Form]:
    """Read the form of a request with these fields. Raises Refusal (413, 422)."""
    reader = _Reader(node, texts, files)
    try:
        yield await _read(request, reader, limit)
    finally:
        reader.discard()


async def _read(request: Request, reader: "_Reader", limit: int) -> Form:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise invalid("Content-Type", "no boundary", "multipart/form-data with a boundary of at most 70 letters")
    total = 0
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for piece in request.stream():
            total += len(piece)
            if total > limit:
                raise Refusal(413, "too-large", f"At most {limit} bytes are taken.", headers={"connection": "close"})
            if total > LOOP_BYTES:
                await run_in_threadpool(parser.write, piece)
            elif piece:
                parser.write(piece)
        parser.finalize()
    except FormParserError:
        raise invalid("body", "something else", "a form as multipart/form-data") from None
    if not reader.ended:
        raise invalid("body", "a form without its end", "a whole form", "Send it whole.")
    return reader.form()


class _Reader:
    """Takes what the parser finds."""

    def __init__(self, node: Node, texts: Collection[str], files: Collection[str]) -> None:
        self._node = node
        self._texts = texts
        self._files = files
        self._form = Form()
        self._told: list[bytes] = []
        self._count = 0
        self.ended = False
        self._writer: PayloadWriter | None = None
        self._begin()

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._header_begins,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all_ended,
        }

    def form(self) -> Form:
        digest = hashlib.sha256()
        for one in self._told:
            digest.update(len(one).to_bytes(8, "big") + one)
        self._form.digest = digest.digest()
        return self._form

    def discard(self) -> None:
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        for files in self._form.files.values():
            for one in files:
                discard(self._node, one.sealed)

    def _begin(self) -> None:
        self._headers: dict[str, bytes] = {}
        self._name = self._field = ""
        self._file_name: str | None = None
        self._header, self._value = bytearray(), bytearray()
        self._text = bytearray()
        self._size, self._hash = 0, hashlib.sha256()

    def _header_begins(self) -> None:
        self._header, self._value = bytearray(), bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = bytes(self._value)

    def _headers_finished(self) -> None:
        self._count += 1
        if self._count > FIELDS:
            raise invalid("body", f"more than {FIELDS} fields", f"at most {FIELDS}")
        disposition, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._field = _letters(options.get(b"name", b""), "body")
        if disposition != b"form-data" or self._field not in (*self._texts, *self._files):
            expected = ", ".join([*self._texts, *self._files])
            raise invalid(self._field or "body", self._field or "a field without a name", f"one of: {expected}")
        if self._field in self._files:
            given = options.get(b"filename")
            self._file_name = None if given is None else _file_name(_letters(given, self._field), self._field)
            self._writer = PayloadWriter(self._node.kek, self._node.blobs)

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._writer is not None:
            self._size += len(piece)
            self._hash.update(piece)
            self._writer.write(piece)
            return
        self._text += piece
        if len(self._text) > TEXT_BYTES:
            raise invalid(self._field, f"more than {TEXT_BYTES} bytes", f"at most {TEXT_BYTES}")

    def _end(self) -> None:
        if self._writer is None:
            text = _letters(bytes(self._text), self._field)
            if not 1 <= len(text) <= TEXT_LETTERS:
                expected = f"1 to {TEXT_LETTERS} characters"
                raise invalid(self._field, f"{len(text)} characters", expected, "Correct it, or leave the field out.")
            self._form.texts.setdefault(self._field, []).append(text)
            self._told += [self._field.encode(), text.encode()]
            return
        sealed, self._writer = self._writer.finish(), None
        declared = self._headers.get("content-type", b"").decode("latin-1").strip()
        made = Upload(
            self._node, self._file_name, _media_type(declared, self._file_name, self._field), self._size,
            self._hash.digest(), sealed,
        )  # fmt: skip
        self._form.files.setdefault(self._field, []).append(made)
        self._told += [self._field.encode(), (made.name or "").encode(), made.media_type.encode(), made.sha256]

    def _all_ended(self) -> None:
        self.ended = True


def _letters(octets: bytes, name: str) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid(name, "other octets", "text in UTF-8") from None
    if has_controls(text):
        raise invalid(name, ascii(text), "printable characters")
    return text


def _file_name(text: str, where: str) -> str | None:
    """The name without the folders that some programs send along."""
    name = re.split(r"[/\\]", text)[-1]
    if len(name) > NAME_LETTERS:
        raise invalid(where, f"a file name of {len(name)} characters", f"at most {NAME_LETTERS}")
    return name or None


def _media_type(declared: str, name: str | None, where: str) -> str:
    if declared and not _WITH_PARAMETERS.fullmatch(declared):
        raise invalid(where, declared, "a media type, as application/pdf")
    if declared and declared.lower() != UNKNOWN:
        return declared
    return (mimetypes.guess_type(name)[0] if name else None) or UNKNOWN


def only(files: Sequence[Upload], name: str) -> Upload:
    """The one file of that name. Raises Refusal."""
    if len(files) != 1:
        raise invalid(name, f"{len(files)} of it", "one file")
    return files[0]
