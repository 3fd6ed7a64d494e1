"""Payloads: octets of a message, sealed, in a row up to 64 KiB and in the blob store above.

In: write through a PayloadWriter (or `seal_payload` for octets at hand), then insert `payload_rows` in the transaction
that makes the message true. Out: `find_payload`, then `open_payload`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, select

from node.store.blobs import BlobStore, BlobWriter
from node.store.columns import table_of
from node.store.database import Database
from node.store.prepared import Prepared, among
from node.store.sealing import KEY_BYTES, KeyEncryptionKey, RandomBytes, SealBroken, Sealer, seal, unseal, unseal_stream
from node.store.tables import Payload, PayloadKey
from node.store.trouble import StoreUnavailable

Kind = Literal["part", "envelope", "response", "note"]

INLINE_LIMIT = 65_536
"""Octets (before sealing) that are kept in the row; more go to the blob store."""
SWEEP_AFTER = timedelta(days=1)
"""A blob without a row is swept after this: long after any transaction that might still name it."""
_BATCH = 500

_payload = table_of(Payload)
_payload_key = table_of(PayloadKey)


class PayloadErased(Exception):
    """The payload's key was destroyed: what it held was erased, and is not to be had."""

    def __init__(self) -> None:
        super().__init__("It was erased: nobody can open it any more. The log holds an entry of the erasure.")


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """A payload ready for its rows: sealed octets `inline`, or the name of a durable `blob`; its key, wrapped."""

    size: int
    inline: bytes | None
    blob: str | None
    wrapped_key: bytes


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """A payload as its rows have it; `wrapped_key` is None once it was erased."""

    size: int
    inline: bytes | None
    blob: str | None
    wrapped_key: bytes | None


def seal_payload(
    octets: bytes, kek: KeyEncryptionKey, blobs: BlobStore, random: RandomBytes = os.urandom
) -> SealedPayload:
    """Seal octets at hand. Raises StoreUnavailable."""
    if len(octets) > INLINE_LIMIT:
        writer = PayloadWriter(kek, blobs, random)
        try:
            writer.write(octets)
            return writer.finish()
        except StoreUnavailable:
            writer.abort()
            raise
    key = random(KEY_BYTES)
    return SealedPayload(len(octets), seal(key, octets), None, kek.wrap(key))


class PayloadWriter:
    """Seals a stream into a payload, in constant memory. End it by `finish` or `abort`."""

    def __init__(self, kek: KeyEncryptionKey, blobs: BlobStore, random: RandomBytes = os.urandom) -> None:
        self._kek = kek
        self._blobs = blobs
        self._key = random(KEY_BYTES)
        self._sealer = Sealer(self._key)
        self._size = 0
        self._blob: BlobWriter | None = None

    def write(self, octets: bytes) -> None:
        """Append. Raises StoreUnavailable; then call abort."""
        self._size += len(octets)
        sealed = self._sealer.update(octets)
        # The sealer gives nothing out before more than one chunk has come: then it is too large for a row.
        if sealed:
            if self._blob is None:
                self._blob = self._blobs.create()
            self._blob.write(sealed)

    def finish(self) -> SealedPayload:
        """Return the payload; a blob is durable by then. Raises StoreUnavailable; then call abort."""
        rest = self._sealer.finish()
        wrapped = self._kek.wrap(self._key)
        if self._blob is None:
            return SealedPayload(self._size, rest, None, wrapped)
        self._blob.write(rest)
        return SealedPayload(self._size, None, self._blob.finish(), wrapped)

    def abort(self) -> None:
        """Throw away what was written; after `finish` that is too late, and the sweep does it."""
        if self._blob is not None:
            self._blob.abort()


def payload_rows(message: int, kind: Kind, n: int, payload: SealedPayload) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row for `payload` and the row for `payload_key`; the keys of each are the same for all payloads."""
    row = {
        "message": message,
        "kind": kind,
        "n": n,
        "size": payload.size,
        "inline": payload.inline,
        "blob": payload.blob,
    }
    return row, {"message": message, "kind": kind, "n": n, "wrapped": payload.wrapped_key}


_WITH_KEYS = _payload.outerjoin(
    _payload_key, and_(*(_payload.c[name] == _payload_key.c[name] for name in ("message", "kind", "n")))
)
_STORED = (_payload.c.size, _payload.c.inline, _payload.c.blob, _payload_key.c.wrapped)
_FIND = Prepared(
    select(*_STORED)
    .select_from(_WITH_KEYS)
    .where(
        _payload.c.message == bindparam("of_message"),
        _payload.c.kind == bindparam("of_kind"),
        _payload.c.n == bindparam("of_n"),
    )
)
_FIND_ALL = Prepared(
    select(_payload.c.message, _payload.c.n, *_STORED)
    .select_from(_WITH_KEYS)
    .where(among(_payload.c.message, "of_messages"), _payload.c.kind == bindparam("of_kind"))
)


def find_payload(connection: Connection, message: int, kind: Kind, n: int = 0) -> StoredPayload | None:
    """The stored payload, or None if there is none."""
    row = _FIND.first(connection, of_message=message, of_kind=kind, of_n=n)
    return None if row is None else StoredPayload(*row)


def find_payloads(
    connection: Connection, messages: Sequence[int], kind: Kind
) -> dict[tuple[int, Kind, int], StoredPayload]:
    """The stored payloads of this kind of these messages, by (message, kind, n)."""
    rows = _FIND_ALL.rows(connection, of_messages=[*messages], of_kind=kind)
    return {(message, kind, n): StoredPayload(*stored) for message, n, *stored in rows}


def open_payload(stored: StoredPayload | SealedPayload, kek: KeyEncryptionKey, blobs: BlobStore) -> Iterator[bytes]:
    """The octets, verified, in pieces and constant memory.

    Raises at once, or while reading: PayloadErased; SealBroken when it was changed, cut or exchanged; StoreUnavailable.
    """
    if stored.wrapped_key is None:
        raise PayloadErased
    key = kek.unwrap(stored.wrapped_key)
    if stored.inline is not None:
        return iter((unseal(key, stored.inline),))
    if stored.blob is None:
        raise SealBroken("a payload without octets")
    return unseal_stream(key, blobs.open(stored.blob))


def sweep(blobs: BlobStore, database: Database, now: datetime) -> int:
    """Delete blobs that no row names, and begun ones whose writer is gone, both a day old at `now`; return how many.

    For a node at rest: one that serves watches them first (`store.sweep`). Others are never touched. Raises
    StoreUnavailable.
    """
    moment = now - SWEEP_AFTER
    swept = blobs.delete_abandoned(moment)
    for name in orphans(blobs, database, moment):
        blobs.delete(name)
        swept += 1
    return swept


def orphans(blobs: BlobStore, database: Database, moment: datetime) -> Iterator[str]:
    """The names of complete blobs, last written before `moment`, that no row names. Raises StoreUnavailable."""
    old = blobs.older_than(moment)
    while names := list(islice(old, _BATCH)):
        named = _named(database, names)
        yield from (name for name in names if name not in named)


def _named(database: Database, names: Sequence[str]) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(_payload.c.blob).where(_payload.c.blob.in_(names))))
