"""Bringing a node's tables to the version that this program needs, while no process serves them."""

from dataclasses import dataclass
from pathlib import Path

from node.config import load_settings
from node.exchange.node import database_url
from node.operations.serving_lock import alone
from node.store.database import open_database
from node.store.migrations import HEAD, require_current, table_version, upgrade


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What the tables were and are."""

    before: str
    after: str


def bring_up_to_date(home: Path) -> Upgrade:
    """Upgrade the tables of the node in `home` in one transaction; `before` equals `after` if there was nothing to do.

    Any number of processes may call it at once: one does the work, the others find it done. Raises ConfigError, or
    StoreUnavailable when a process serves the older tables, when they are of a newer program, or there are none;
    nothing is changed then.
    """
    database = open_database(database_url(home, load_settings(home)))
    try:
        before = table_version(database)
        if before is None or before >= HEAD:
            require_current(database)
            return Upgrade(HEAD, HEAD)
        with alone(home, database):
            # The one that we waited for may have done it.
            before = table_version(database) or HEAD
            upgrade(database)
        return Upgrade(before, HEAD)
    finally:
        database.close()
