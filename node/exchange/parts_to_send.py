"""Parts on their way out: where their content comes from, and their octets compressed, digested and sealed."""

import hashlib
import mimetypes
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.as4 import PartInfo, compress
from node.as4.gzip_stream import SECTION
from node.as4.parts import PartOctetsDigest, digest_of
from node.exchange.judgement import SubmissionRefused
from node.exchange.node import Node
from node.records.content_types import HEAD_BYTES, UNKNOWN, content_type
from node.store.payloads import PayloadWriter, SealedPayload

GZIP_EXTRA_BYTES = 16
_CHARSET = re.compile(r';[ \t]*charset[ \t]*=[ \t]*"?([^";]*)"?', re.I)
_ENCODING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PartToSend:
    """One payload: its media type, where its content comes from, and the name that our own lists show."""

    media_type: str
    content: Callable[[], Iterable[bytes]]
    name: str | None = None
    compress: bool = True

    @classmethod
    def of_file(cls, path: Path, media_type: str | None = None) -> "PartToSend":
        """A file; its media type, when none is given, by its content, and by its name where that does not tell.

        Raises SubmissionRefused if it is no file.
        """
        if not path.is_file():
            raise SubmissionRefused(f"There is no file {path}. Check the name.")
        return cls(media_type or _type_of(path), lambda: _file_chunks(path), path.name)

    @classmethod
    def of_bytes(cls, content: bytes, media_type: str, name: str | None = None) -> "PartToSend":
        """Content that is in memory."""
        return cls(media_type, lambda: (content,), name)

    @property
    def character_set(self) -> str | None:
        """The charset of the media type, which the header names beside it (AS4 profile, 3.1: CharacterSet).

        Raises SubmissionRefused if it is no encoding name (XML 1.0, 4.3.3): the peer would refuse it.
        """
        found = _CHARSET.search(self.media_type)
        if found is None:
            return None
        name = found[1].strip()
        if not _ENCODING_NAME.fullmatch(name):
            raise SubmissionRefused(
                f"{self.media_type}: found charset {name!r}, expected a name such as UTF-8. Correct the media type."
            )
        return name


@dataclass(frozen=True, slots=True)
class PreparedPart:
    """A part whose signed octets are sealed; not referenced by any row yet."""

    info: PartInfo
    name: str | None
    size: int
    sha256: bytes
    signed_size: int
    signed_sha256: bytes
    digest: bytes
    sealed: SealedPayload
    head: bytes
    """the first octets of the content, which tell what it is"""


def prepare_part(node: Node, part: PartToSend) -> PreparedPart:
    """Compress, digest and seal one part as it streams. Its octets are on disk, or in hand, when this returns."""
    info = PartInfo(
        content_id=f"{uuid.uuid4()}@depesha",
        mime_type=part.media_type,
        compressed=part.compress,
        character_set=part.character_set,
    )
    content = _Tally()
    digest = digest_of(info)
    # Of a compressed part, and of most others, the plain digest is the signed one: then nothing is digested twice.
    plain = digest if isinstance(digest, PartOctetsDigest) else PartOctetsDigest()
    writer = PayloadWriter(node.kek, node.blobs)
    size = 0
    try:
        source = content.through(part.content())
        for octets in compress(source, os.urandom(GZIP_EXTRA_BYTES)) if part.compress else source:
            size += len(octets)
            plain.update(octets)
            if digest is not plain:
                digest.update(octets)
            writer.write(octets)
        signed_sha256 = plain.digest()
        signed = signed_sha256 if digest is plain else digest.digest()
        sealed = writer.finish()
    except BaseException:
        writer.abort()
        raise
    return PreparedPart(
        info=info,
        name=part.name,
        size=content.size,
        sha256=content.digest(),
        signed_size=size,
        signed_sha256=signed_sha256,
        digest=signed,
        sealed=sealed,
        head=content.head,
    )


class _Tally:
    """Counts and digests what passes through, and keeps its first octets."""

    def __init__(self) -> None:
        self.size = 0
        self.head = b""
        self._hash = hashlib.sha256()

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.size += len(chunk)
            if len(self.head) < HEAD_BYTES:
                self.head += bytes(chunk[: HEAD_BYTES - len(self.head)])
            self._hash.update(chunk)
            yield chunk

    def digest(self) -> bytes:
        return self._hash.digest()


def _type_of(path: Path) -> str:
    by_name = mimetypes.guess_type(path.name)[0] or UNKNOWN
    with path.open("rb") as file:
        found = content_type(file.read(HEAD_BYTES))
    return by_name if found is None or found.may_be_called(by_name) else found.media_type


def _file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(SECTION):
            yield chunk
