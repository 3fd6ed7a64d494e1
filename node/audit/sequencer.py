"""The sequencer: gives entries their positions in the log, in batches, and extends the tree.

Only one works at a time (an advisory lock on PostgreSQL, the write lock on SQLite), so any number of processes may
call it. Entries get positions in the order of their ids among those that are committed when it looks; one with a lower
id that is committed later comes later. A position once given never changes: positions, frontier, size and root are
committed together.
"""

from sqlalchemy import Connection, bindparam, select, text, update

from node.audit.tree import Frontier, leaf_hash
from node.crash_points import crash_point
from node.store.columns import table_of
from node.store.database import Database
from node.store.prepared import Prepared
from node.store.tables import LoggedEntry, LogState
from node.store.trouble import StoreUnavailable, Trouble

# Any constant number would do; all processes of a node use the same.
_SEQUENCER_LOCK = 0x44455045_00000002

_entry = table_of(LoggedEntry)
_state = table_of(LogState)

# PostgreSQL: one statement for all, since a row at a time costs several times as much there.
_GIVE_MANY = text("""
    UPDATE log_entry SET position = given.position
    FROM unnest(CAST(:ids AS bigint[]), CAST(:positions AS bigint[])) AS given (id, position)
    WHERE log_entry.id = given.id
""")
_GIVE_ONE = "UPDATE log_entry SET position = ? WHERE id = ?"
_STATE = Prepared(select(_state))
_PENDING = Prepared(
    select(_entry.c.id, _entry.c.leaf)
    .where(_entry.c.position.is_(None))
    .order_by(_entry.c.id)
    .limit(bindparam("limit"))
)
_EXTENDED = Prepared(
    update(_state).values(size=bindparam("size"), frontier=bindparam("frontier"), root=bindparam("root"))
)


def sequence(database: Database, limit: int = 1000) -> int:
    """Give up to `limit` pending entries their positions; return how many got one, 0 while the log is frozen.

    Raises StoreUnavailable; nothing is changed then.
    """
    with database.write() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SEQUENCER_LOCK})
        [state] = _STATE.rows(connection)
        if state.frozen:
            return 0
        pending = _PENDING.rows(connection, limit=limit)
        if not pending:
            return 0
        frontier = _frontier(state.size, state.frontier, state.root)
        positions = {id_: state.size + offset for offset, (id_, _) in enumerate(pending)}
        _give_positions(connection, database.dialect, positions)
        frontier = frontier.extended(leaf_hash(leaf) for _, leaf in pending)
        _EXTENDED.run(connection, size=frontier.size, frontier=frontier.to_bytes(), root=frontier.root())
        crash_point("sequencer: before commit")
    crash_point("sequencer: after commit")
    return len(pending)


def _frontier(size: int, octets: bytes, root: bytes) -> Frontier:
    try:
        frontier = Frontier.from_bytes(size, octets)
    except ValueError as error:
        raise StoreUnavailable(Trouble.DAMAGED, f"the state of the log: {error}") from None
    if frontier.root() != root:
        raise StoreUnavailable(Trouble.DAMAGED, "the frontier of the log does not give its root")
    return frontier


def _give_positions(connection: Connection, dialect: str, positions: dict[int, int]) -> None:
    if dialect == "postgresql":
        parameters = {"ids": list(positions), "positions": list(positions.values())}
        changed = connection.execute(_GIVE_MANY, parameters).rowcount
    else:
        rows = [(position, id_) for id_, position in positions.items()]
        options = {"preserve_rowcount": True}
        changed = connection.exec_driver_sql(_GIVE_ONE, rows, execution_options=options).rowcount
    if changed != len(positions):
        raise StoreUnavailable(Trouble.DAMAGED, "entries vanished while they were being sequenced")


def freeze(connection: Connection, frozen: bool = True) -> None:
    """Stop the sequencer, or release it; entries go on being written meanwhile, and stay pending."""
    connection.execute(update(_state).values(frozen=frozen))
