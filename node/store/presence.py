"""That a process lives, as the others that share its database can see it.

On PostgreSQL each process holds an advisory lock under a number of its own, on a connection that does nothing else.
The lock goes with the connection: when the process is killed, or its machine is gone, the server gives the lock back,
and whoever can take it knows that the process does nothing any more. A process that only lost this connection takes the
lock again; what others did with its claims meanwhile does no harm (`exchange.settlement`).

On SQLite one process serves a home, and there is nobody to tell.
"""

import secrets
import time

from sqlalchemy import Connection, text

from node.store.database import Database
from node.store.trouble import StoreUnavailable, told_apart

# The first half of a lock's number in two halves; any constant would do. Locks of one number are apart from these.
_PRESENCE = 0x44455045
_NUMBERS = 31
LOOK_SECONDS = 1.0
"""How often a process makes sure that its connection stands."""

# The server notices within half a minute that a machine is gone which could not say so.
_KEEPALIVE = "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
_HOLD = text("SELECT pg_try_advisory_lock(:presence, :number)")
_IS_FREE = text("SELECT pg_try_advisory_xact_lock(:presence, :number)")


class Presence:
    """This process, as others see it. `close` it at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._number = secrets.randbits(_NUMBERS)
        self._looked_at = 0.0

    def name(self) -> str:
        """What this process is known by while it lives; another one after its connection was lost.

        Raises StoreUnavailable when it cannot be made known.
        """
        if self._database.dialect == "postgresql":
            now = time.monotonic()
            if self._connection is None or now - self._looked_at >= LOOK_SECONDS:
                self._make_sure()
                self._looked_at = now
        return str(self._number)

    def close(self) -> None:
        """Be gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _make_sure(self) -> None:
        if self._connection is not None:
            try:
                with told_apart():
                    self._connection.execute(text("SELECT 1"))
            except StoreUnavailable:
                self.close()
        if self._connection is None:
            self._connection = self._held()

    def _held(self) -> Connection:
        connection = self._database.lock_connection()
        try:
            with told_apart():
                connection.exec_driver_sql(_KEEPALIVE)
                while not connection.scalar(_HOLD, {"presence": _PRESENCE, "number": self._number}):
                    # Another process has it, or a connection of ours that the server does not know to be lost.
                    self._number = secrets.randbits(_NUMBERS)
        except BaseException:
            connection.close()
            raise
        return connection


def is_gone(connection: Connection, name: str) -> bool:
    """Whether the process of this name is surely gone, on PostgreSQL; nobody can be it until the transaction ends."""
    if not name.isascii() or not name.isdigit() or int(name) >= 2**_NUMBERS:
        return False
    return bool(connection.scalar(_IS_FREE, {"presence": _PRESENCE, "number": int(name)}))
