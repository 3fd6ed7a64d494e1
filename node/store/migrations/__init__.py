"""Making the tables and bringing them to the version that this program needs.

Each file under versions/ is one step, written out in full: what it makes never changes when the table classes do. The
scripts are part of the package, so that an installed node can upgrade itself.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from node.store.database import Database, take_as_long_as_it_takes
from node.store.trouble import StoreUnavailable, Trouble

HEAD = "0018"
"""The version that this program needs; a test keeps it equal to the newest script."""

# Any constant number would do: it keeps two processes that start at once from upgrading at once.
_UPGRADE_LOCK = 0x44455045_00000001


def upgrade(database: Database, revision: str = HEAD) -> None:
    """Bring the tables to `revision` in one transaction; an empty database gets them all.

    Any number of processes may call it at once: one does the work, the others find it done. Raises StoreUnavailable,
    also for tables of a newer program.
    """
    with database.write() as connection:
        take_as_long_as_it_takes(connection)
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        found = _version(connection)
        if found is not None and found > HEAD:
            raise _outdated(found)
        if found != revision:
            _run_scripts(connection, found, revision)


def _run_scripts(connection: Connection, found: str | None, revision: str) -> None:
    # Here, since it takes long to load and most starts find the tables current.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # '%' starts an interpolation in alembic's settings.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError:
        detail = f"the tables are of version {found}, which this program does not know; nothing was changed"
        raise StoreUnavailable(Trouble.OUTDATED, f"{detail}: use the Depesha that made them") from None


def require_current(database: Database) -> None:
    """Raise StoreUnavailable, saying what to run, unless the tables are of the version that this program needs."""
    found = table_version(database)
    if found != HEAD:
        raise _outdated(found)


def table_version(database: Database) -> str | None:
    """The version that the tables are of; None when there are none yet. Raises StoreUnavailable."""
    with database.read() as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _outdated(found: str | None) -> StoreUnavailable:
    if found is None:
        detail = "the database has no tables: put your copy of it back, or name the right one in database_url"
        return StoreUnavailable(Trouble.OUTDATED, detail)
    if found > HEAD:
        detail = f"newer than this program's {HEAD}; nothing was changed: use the Depesha that made them"
    else:
        detail = f"this program needs {HEAD}; nothing was changed: `depesha upgrade` upgrades them, as `serve` does"
    return StoreUnavailable(Trouble.OUTDATED, f"the tables are of version {found}, {detail}")
