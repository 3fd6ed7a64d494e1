"""Making a node: its folder, store, keys and, last, its settings: a home without those is no node."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from node.config import settings_path, write_settings
from node.exchange.node import BLOBS, DATABASE_FILE, KEYS, utc_now
from node.store.database import open_database
from node.store.migrations import upgrade
from node.trust.keys import BroughtKeys, NodeKeys, create_keys

DATABASE_VARIABLE = "DEPESHA_DATABASE_URL"


class NodeExists(Exception):
    """There is a node in that folder already."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is. `url`: the wire's full address, None for one that is set later."""

    party: str
    name: str
    party_type: str | None = None
    country: str | None = None
    url: str | None = None


def make_node(
    home: Path,
    identity: Identity,
    brought: BroughtKeys | None = None,
    settings: Mapping[str, str | int | float | bool] | None = None,
) -> NodeKeys:
    """Make a node in `home`, with further `settings`; returns its keys.

    Raises NodeExists, KeysRefused, ConfigError for the address of the database, StoreUnavailable or OSError. A failed
    call takes away again what it has made, tables in a PostgreSQL database excepted.
    """
    _require_none(home)
    folders = [path for path in (home.absolute(), *home.absolute().parents) if not path.exists()]
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.chmod(0o700)
        with _alone(home):
            return _make(home, identity, brought, settings)
    except BaseException:
        for folder in folders:
            with contextlib.suppress(OSError):  # not empty: not ours alone
                folder.rmdir()
        raise


def _require_none(home: Path) -> None:
    if settings_path(home).exists():
        raise NodeExists(f"There is a node in {home} already. Choose another folder with --home.")


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Of several calls at once each knows what it made itself: the others wait."""
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _make(
    home: Path,
    identity: Identity,
    brought: BroughtKeys | None,
    settings: Mapping[str, str | int | float | bool] | None,
) -> NodeKeys:
    _require_none(home)
    file = home.absolute() / DATABASE_FILE
    made = [path for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm"), home / BLOBS) if not path.exists()]
    try:
        # The database first: keys that nothing was made for would stand in the way of the next call.
        (home / BLOBS).mkdir(mode=0o700, exist_ok=True)
        # A database named in the environment stays named there: its address may hold a password.
        database = open_database(os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{file}", create=True)
        try:
            upgrade(database)
        finally:
            database.close()
        return _make_keys_and_settings(home, identity, brought, settings)
    except BaseException:
        for path in made:
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        raise


def _make_keys_and_settings(
    home: Path,
    identity: Identity,
    brought: BroughtKeys | None,
    settings: Mapping[str, str | int | float | bool] | None,
) -> NodeKeys:
    host = urlsplit(identity.url).hostname if identity.url else None
    keys = create_keys(
        home / KEYS,
        identity.party,
        identity.name,
        now=utc_now(),
        tls_hosts=(host,) if host else ("localhost", "127.0.0.1"),
        brought=brought,
    )
    given = {
        "party": identity.party,
        "party_type": identity.party_type,
        "name": identity.name,
        "country": identity.country,
        "url": identity.url,
    }
    try:
        write_settings(home, {name: value for name, value in given.items() if value is not None} | dict(settings or {}))
    except BaseException:
        # Made by this call: `create_keys` takes no keys that are there.
        shutil.rmtree(home / KEYS)
        raise
    return keys
