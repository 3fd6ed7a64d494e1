"""Entries of the log: a salted commitment that may be published, and what it commits to, sealed.

    body = RFC 8785 JSON {actor, at, case, facts, message, peer, type, v}
    leaf = 0x01 ‖ SHA-256("depesha/entry/v1" LF ‖ salt ‖ body)        33 bytes; the salt is 32 random bytes

Bodies hold random ids and salted digests only, no content and no name of a person: who acted is `node`, `command line`,
or an account by its random handle. Erasing an entry destroys body and salt; its leaf stays, and so do all roots and
proofs.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from node.store.columns import new_row_id, row_ids_follow, table_of
from node.store.rows import insert_rows
from node.store.sealing import KEY_BYTES, KeyEncryptionKey, RandomBytes, SealBroken, seal, unseal
from node.store.tables import LogEntryKey, LoggedEntry

VERSION = 1
SALT_BYTES = 32
LEAF_BYTES = 33
_LEAF_VERSION = b"\x01"
_DOMAIN = b"depesha/entry/v1\n"
_LARGEST_INTEGER = 2**53 - 1  # beyond it JSON readers may round (RFC 8785, 3.2.2.3; RFC 7493)
# Within the bounds of _check Python's encoder writes what RFC 8785 asks for, several times faster than a general one.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry. `message_row` and `case_row` are local row ids to find it by; they are not part of what it says."""

    leaf: bytes
    salt: bytes
    body: bytes
    type: str
    at: datetime
    message_row: int | None = None
    case_row: int | None = None


@dataclass(frozen=True, slots=True)
class EntryRows:
    """Rows to insert in the caller's transaction, each list by one executemany."""

    entries: list[dict[str, Any]]
    keys: list[dict[str, Any]]


def canonical(value: Json) -> bytes:
    """RFC 8785 JSON of a value without fractions, with ASCII names only.

    Raises ValueError for anything else: a float, an integer beyond 2^53 - 1, another name, half a surrogate pair.
    """
    _check(value)
    return _CANONICAL.encode(value).encode()


def _check(value: Json) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > _LARGEST_INTEGER:
            raise ValueError("an integer that JSON readers may round")
    elif isinstance(value, dict):
        for name, member in value.items():
            if not (isinstance(name, str) and name.isascii()):
                raise ValueError("a name that is not ASCII")
            if type(member) is not str:
                _check(member)
    elif isinstance(value, list):
        for member in value:
            _check(member)
    else:
        raise ValueError(f"a {type(value).__name__} in an entry of the log")


def _format_at(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def leaf_of(salt: bytes, body: bytes) -> bytes:
    """The leaf that commits to `body` under `salt`."""
    return _LEAF_VERSION + hashlib.sha256(_DOMAIN + salt + body).digest()


def entry(
    type: str,
    at: datetime,
    actor: str,
    facts: Mapping[str, Json],
    peer: str | None = None,
    case: str | None = None,
    message: str | None = None,
    salt: bytes | None = None,
    *,
    message_row: int | None = None,
    case_row: int | None = None,
) -> LogEntry:
    """Make an entry. `case` and `message` are ids as both sides know them (ConversationId, MessageId).

    The salt is drawn unless given. Raises ValueError for facts that RFC 8785 cannot say exactly.
    """
    body = canonical(
        {
            "v": VERSION,
            "type": type,
            "at": _format_at(at),
            "actor": actor,
            "peer": peer,
            "case": case,
            "message": message,
            "facts": dict(facts),
        }
    )
    drawn = os.urandom(SALT_BYTES) if salt is None else salt
    if len(drawn) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return LogEntry(leaf_of(drawn, body), drawn, body, type, at, message_row, case_row)


def append_rows(entries: Iterable[LogEntry], kek: KeyEncryptionKey, random: RandomBytes = os.urandom) -> EntryRows:
    """The rows of these entries for `log_entry` and `log_entry_key`, without position: the sequencer gives that."""
    rows, keys = [], []
    for made in entries:
        # By a clock that was set one process may stand a year before another that made the message: what became of it
        # must not come before that.
        row_ids_follow(made.message_row or made.case_row or 0, made.at)
        id_ = new_row_id(made.at)
        key = random(KEY_BYTES)
        rows.append(
            {
                "id": id_,
                "leaf": made.leaf,
                "time": made.at,
                "type": made.type,
                "message": made.message_row,
                "case_id": made.case_row,
                "sealed": seal(key, made.salt + made.body),
            }
        )
        keys.append({"id": id_, "wrapped": kek.wrap(key)})
    return EntryRows(rows, keys)


def append(connection: Connection, entries: Iterable[LogEntry], kek: KeyEncryptionKey) -> None:
    """Insert these entries in the caller's transaction, which makes the facts true that they speak of."""
    rows = append_rows(entries, kek)
    if rows.entries:
        insert_rows(connection, table_of(LoggedEntry), rows.entries)
        insert_rows(connection, table_of(LogEntryKey), rows.keys)


def open_entry(leaf: bytes, sealed: bytes, wrapped: bytes, kek: KeyEncryptionKey) -> tuple[bytes, bytes]:
    """Salt and body of a stored entry. Raises SealBroken when they are not what the leaf commits to."""
    opened = unseal(kek.unwrap(wrapped), sealed)
    salt, body = opened[:SALT_BYTES], opened[SALT_BYTES:]
    if not hmac.compare_digest(leaf_of(salt, body), leaf):
        raise SealBroken("the entry is not what its leaf commits to")
    return salt, body
