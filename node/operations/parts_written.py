"""Files that hold the parts of a message: in a folder of their message alone, for their owner's eyes only."""

import hashlib
import mimetypes
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection, select

from node.exchange.contents import PART

_READ_BYTES = 64 * 1024


class FolderTaken(Exception):
    """The folder holds something of another message; nothing was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path.parent} holds {path.name} already. Give a folder of its own for each message. Nothing was written."
        )


def part_files(connection: Connection, message: int, extensions: Sequence[str]) -> dict[str, set[str]]:
    """The names of files that the parts of the message with this row id are written to, with the SHA-256 (hex) that
    each may have: as content, and as signed."""
    query = select(PART.c.n, PART.c.compressed, PART.c.sha256, PART.c.signed_sha256).where(PART.c.message == message)
    found: dict[str, set[str]] = {}
    for row in connection.execute(query.order_by(PART.c.n)):
        name = f"part-{row.n}{extensions[row.n - 1]}"
        found.setdefault(name, set()).add(bytes(row.sha256).hex())
        found.setdefault(f"{name}.gz" if row.compressed else name, set()).add(bytes(row.signed_sha256).hex())
    return found


def require_own_folder(folder: Path, files: Mapping[str, Collection[str]]) -> None:
    """Raise FolderTaken when `folder` holds a part, or a file named in `files`, of another SHA-256 than those given
    there; OSError when it cannot be read. A folder that is not there is anybody's."""
    named = [folder / name for name in files if not name.startswith("part-")]
    for path in sorted([*folder.glob("part-*.*"), *(path for path in named if path.exists())]):
        if not path.is_file() or _sha256(path) not in files.get(path.name, ()):
            raise FolderTaken(path)


def extension(media_type: str | None) -> str:
    """The file name ending that goes with a media type; .bin where none is known."""
    known = {"application/xml": ".xml", "text/xml": ".xml", "text/plain": ".txt", "image/jpeg": ".jpg",
             "image/jp2": ".jp2", "image/heic": ".heic", "image/x-wsq": ".wsq", "image/tiff": ".tif"}  # fmt: skip
    plain = (media_type or "").partition(";")[0].strip().lower()
    return known.get(plain) or mimetypes.guess_extension(plain) or ".bin"


def write_private(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file, mode 0600: what a message says is personal data. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        for chunk in chunks:
            file.write(chunk)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
