"""Verifying one's own log: everything recomputed from what is stored, nothing believed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from node.audit.entry import LEAF_BYTES, open_entry
from node.audit.tree import Frontier, leaf_hash
from node.store.columns import table_of
from node.store.database import Database
from node.store.sealing import KeyEncryptionKey, SealBroken
from node.store.tables import LogEntryKey, LoggedEntry, LogState

_BATCH = 1000
_entry = table_of(LoggedEntry)
_key = table_of(LogEntryKey)
_state = table_of(LogState)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: at a position, or (None) with the log as a whole."""

    position: int | None
    what: str


@dataclass(frozen=True, slots=True)
class LogReport:
    """What was found. `size` and `root` are recomputed from the leaves; erased entries keep their leaf only."""

    size: int
    root: bytes
    pending: int
    erased: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify_log(database: Database, kek: KeyEncryptionKey) -> LogReport:
    """Recompute each leaf from its sealed salt and body, and the root from the leaves; compare with the log's state.

    In constant memory, beside a running sequencer. Raises StoreUnavailable.
    """
    findings: list[Finding] = []
    frontier = Frontier()
    erased, hole = 0, False
    with database.read() as connection:
        # The state first: what is sequenced afterwards has positions beyond its size, and is left for the next time.
        state = connection.execute(select(_state)).one()
        for row in _sequenced(connection, state.size):
            # A hole shifts all that follow: only the first place of it is told.
            if row.position != frontier.size and not hole:
                hole = True
                findings.append(Finding(frontier.size, f"no entry here, the next is at {row.position}"))
            frontier = frontier.extended((leaf_hash(row.leaf),))
            erased += row.wrapped is None
            findings += _judge(row, kek)
        pending = connection.scalar(select(func.count()).select_from(_entry).where(_entry.c.position.is_(None))) or 0
    if frontier.size != state.size:
        findings.append(Finding(None, f"{frontier.size} entries where the log's size is {state.size}"))
    elif frontier.root() != state.root:
        findings.append(Finding(None, "the entries do not give the log's root"))
    elif frontier.to_bytes() != state.frontier:
        findings.append(Finding(None, "the entries do not give the log's frontier"))
    return LogReport(frontier.size, frontier.root(), pending, erased, tuple(findings))


def _sequenced(connection: Connection, size: int) -> Iterator[Row[Any, Any, Any, Any]]:
    following = -1
    while True:
        rows = connection.execute(
            select(_entry.c.position, _entry.c.leaf, _entry.c.sealed, _key.c.wrapped)
            .select_from(_entry.outerjoin(_key, _entry.c.id == _key.c.id))
            .where(_entry.c.position > following, _entry.c.position < size)
            .order_by(_entry.c.position)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        yield from rows
        following = rows[-1].position


def _judge(row: Row[Any, Any, Any, Any], kek: KeyEncryptionKey) -> list[Finding]:
    if len(row.leaf) != LEAF_BYTES:
        return [Finding(row.position, f"a leaf of {len(row.leaf)} bytes")]
    if row.wrapped is None:
        return []
    try:
        open_entry(row.leaf, row.sealed, row.wrapped, kek)
    except SealBroken as broken:
        return [Finding(row.position, broken.detail)]
    return []
