"""What the pages of one node need: handed in once by the program that puts the rooms together."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import get_global

from node.records import Domains
from node.store.blobs import BlobStore
from node.store.database import Database
from node.store.sealing import KeyEncryptionKey

UTC = "UTC"


@lru_cache
def zone_of_country(country: str | None) -> str:
    """The time zone of a country (ISO 3166-1 alpha-3) that has only one, by CLDR; else UTC, which misleads nobody."""
    if country is None:
        return UTC
    territory = (get_global("territory_aliases").get(country) or [country])[0]
    zones = [zone for zone, where in get_global("zone_territories").items() if where == territory]
    if len(zones) != 1:
        return UTC
    try:
        ZoneInfo(zones[0])
    except ZoneInfoNotFoundError:  # a machine without zone data
        return UTC
    return zones[0]


@dataclass(frozen=True, slots=True)
class PageSettings:
    """The settings that pages show or depend on; `secure_cookies` when browsers reach the pages by https."""

    name: str
    party: str
    country: str | None = None
    demonstration: bool = False
    secure_cookies: bool = True
    language: str = "en"
    """Locale of the pages; English is the only one yet."""
    zone: str | None = None
    """IANA zone of the times shown; None takes the country's."""


@dataclass(frozen=True, slots=True)
class Context:
    """`mark_opened(row id of the message, account handle)` records that an officer opened it; it may be called again.

    `settle_alarm(id, note, account handle)` settles one; it raises what `node.exchange.alarms.settle_alarm` does.
    """

    database: Database
    kek: KeyEncryptionKey
    blobs: BlobStore
    domains: Domains
    settings: PageSettings
    clock: Callable[[], datetime]
    mark_opened: Callable[[int, str], None]
    settle_alarm: Callable[[str, str, str], object]
