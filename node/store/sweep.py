"""The sweep that a serving node makes now and then: blobs that no row names are deleted, a day after they were written.

A blob is complete before the transaction that names it (`blobs`). How long that may take at most is a matter of time
that passed, not of what a clock says: a clock that jumps a day ahead must not cost a message whose parts are just
coming in. So what looks like an orphan is watched for some hours by this process before it goes.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import text

from node.store.blobs import BlobStore
from node.store.database import Database
from node.store.payloads import SWEEP_AFTER, orphans

WATCHED = timedelta(hours=6)
"""Longer than one message may take to come in, from its first octet to its commit (`exchange.endpoint`)."""

# Any constant number would do; all processes of a node use the same.
_SWEEP_LOCK = 0x44455045_00000005


def _never() -> bool:
    return False


class Sweep:
    """What one process has seen of orphans; `look` every hour or so."""

    def __init__(self, blobs: BlobStore, database: Database) -> None:
        self._blobs = blobs
        self._database = database
        self._seen: dict[str, float] = {}

    def look(self, now: datetime, seconds: float, stop: Callable[[], bool] = _never) -> int:
        """Delete blobs that no row names, and begun ones whose writer is gone; return how many.

        `now` by the clock and `seconds` that passed by one that nobody can set (time.monotonic). Of several processes
        of a node one looks at a time, the others do nothing then. `stop` ends it early. Killed at any point, it leaves
        what is still to be deleted for the next look. Raises StoreUnavailable.
        """
        if self._database.dialect == "sqlite":
            return self._look(now, seconds, stop)  # one process serves a home
        with self._database.read() as connection:
            if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _SWEEP_LOCK}):
                return 0
            return self._look(now, seconds, stop)

    def _look(self, now: datetime, seconds: float, stop: Callable[[], bool]) -> int:
        moment = now - SWEEP_AFTER
        deleted = self._blobs.delete_abandoned(moment)
        still: dict[str, float] = {}
        for name in orphans(self._blobs, self._database, moment):
            if stop():
                return deleted
            first = self._seen.get(name, seconds)
            if seconds - first >= WATCHED.total_seconds():
                self._blobs.delete(name)
                deleted += 1
            else:
                still[name] = first
        self._seen = still
        return deleted
