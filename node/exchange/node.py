"""One node's standing equipment: settings, keys, store and domains, opened once and handed to all who need it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from node.as4 import SUITES, DecryptionIdentity, Limits, SigningIdentity, Suite
from node.config import Settings, load_settings
from node.exchange.retry import RetrySchedule
from node.records.domains import Domains, load_domains, schemas_directory
from node.store.blobs import BlobStore
from node.store.database import Database, open_database
from node.store.migrations import require_current
from node.store.row_ids import follow_stored_ids
from node.store.sealing import KeyEncryptionKey
from node.trust.keys import NodeKeys, load_keys
from node.trust.tls import TlsTerms

DATABASE_FILE = "depesha.db"
BLOBS = "blobs"
KEYS = "keys"
OWN_SCHEMAS = "schemas"
SEARCH_PURPOSE = b"depesha/search/v1"
# What the largest message that is allowed may come to at most once its parts are decompressed.
INFLATED = 2


def utc_now() -> datetime:
    """The present instant, in UTC and whole milliseconds, as eb:Timestamp can say it to a peer."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass(frozen=True)
class Node:
    """What a node is and has. `now` gives the present instant; tests put their own clock there."""

    home: Path
    settings: Settings
    keys: NodeKeys
    database: Database
    kek: KeyEncryptionKey
    blobs: BlobStore
    now: Callable[[], datetime] = utc_now

    @cached_property
    def domains(self) -> Domains:
        """The domains, read when they are first asked for: most commands never ask."""
        return load_domains(domain_directories(self.home))

    @property
    def party(self) -> str:
        """Our party id."""
        return self.settings.party

    @property
    def suite(self) -> Suite:
        """The suite that our wire keys are of."""
        return SUITES[self.keys.suite]

    @property
    def signing(self) -> SigningIdentity:
        """Our wire signing key and its certificate."""
        return SigningIdentity(self.keys.signing_key, self.keys.signing_certificate)

    @property
    def decryption(self) -> tuple[DecryptionIdentity, ...]:
        """The key-agreement keys that peers may encrypt for."""
        return (DecryptionIdentity(self.keys.encryption_key, self.keys.encryption_certificate),)

    @property
    def tls_terms(self) -> TlsTerms:
        """Which TLS we speak, as listener and towards peers."""
        return TlsTerms(self.settings.tls_lowest, self.settings.tls_ciphers)

    @cached_property
    def search_key(self) -> bytes:
        """What seals the index that persons are found by."""
        return self.kek.derive(SEARCH_PURPOSE)

    @cached_property
    def limits(self) -> Limits:
        """Bounds on what peers send, and how it is read."""
        least, largest = Limits(), self.settings.largest_message_megabytes * 1_000_000
        return Limits(
            part_bytes=max(least.part_bytes, largest),
            inflated_bytes=max(least.inflated_bytes, INFLATED * largest),
            recognise=self.settings.recognise_own_form,
        )

    @cached_property
    def retries(self) -> RetrySchedule:
        """When deliveries are tried again."""
        settings = self.settings
        return RetrySchedule(
            first=timedelta(seconds=settings.retry_first_seconds),
            longest=timedelta(seconds=settings.retry_longest_seconds),
            span=timedelta(hours=settings.retry_hours),
        )


def database_url(home: Path, settings: Settings) -> str:
    """The address of the node's database: as set, or the file in its home folder."""
    return settings.database_url or f"sqlite:///{(home / DATABASE_FILE).absolute()}"


def domain_directories(home: Path) -> list[Path]:
    """Where domains are read from: those that come with the node, then the home folder's own."""
    own = home / OWN_SCHEMAS
    return [schemas_directory(), *([own] if own.is_dir() else [])]


def open_node(home: Path, now: Callable[[], datetime] = utc_now) -> Node:
    """Open the node in `home`.

    Raises ConfigError for wrong settings, KeysRefused for keys that are missing or do not fit, StoreUnavailable when
    the database cannot be used or is of another version.
    """
    settings = load_settings(home)
    keys = load_keys(home / KEYS)
    database = open_database(database_url(home, settings))
    require_current(database)
    follow_stored_ids(database, now())
    return Node(
        home=home,
        settings=settings,
        keys=keys,
        database=database,
        kek=KeyEncryptionKey(keys.kek),
        blobs=BlobStore(home / BLOBS),
        now=now,
    )
