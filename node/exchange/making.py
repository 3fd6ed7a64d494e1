"""Making a node: its folder, keys, store and, last, its settings: a home without those is no node."""

import os
from collections.abc import Mapping
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

    Raises NodeExists, KeysRefused, StoreUnavailable or OSError. What a failed call left behind is no node; a later
    call needs an empty `keys` folder.
    """
    if settings_path(home).exists():
        raise NodeExists(f"There is a node in {home} already. Choose another folder with --home.")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)
    host = urlsplit(identity.url).hostname if identity.url else None
    keys = create_keys(
        home / KEYS,
        identity.party,
        identity.name,
        now=utc_now(),
        tls_hosts=(host,) if host else ("localhost", "127.0.0.1"),
        brought=brought,
    )
    (home / BLOBS).mkdir(mode=0o700, exist_ok=True)
    # A database named in the environment stays named there: its address may hold a password.
    address = os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{(home / DATABASE_FILE).absolute()}"
    database = open_database(address, create=True)
    upgrade(database)
    database.close()
    given = {
        "party": identity.party,
        "party_type": identity.party_type,
        "name": identity.name,
        "country": identity.country,
        "url": identity.url,
    }
    write_settings(home, {name: value for name, value in given.items() if value is not None} | dict(settings or {}))
    return keys
