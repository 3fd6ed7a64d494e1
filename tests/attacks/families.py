"""All catalogues, in the order of the page, each with the file that runs it."""

from tests.attacks import (
    test_bombs,
    test_headers,
    test_http,
    test_keys,
    test_mime,
    test_oracles,
    test_parsers,
    test_receipts,
    test_weak_keys,
    test_wrapping,
)
from tests.attacks.catalogue import Catalogue

FAMILIES: tuple[tuple[Catalogue, str], ...] = (
    (test_wrapping.catalogue, "test_wrapping.py"),
    (test_parsers.catalogue, "test_parsers.py"),
    (test_keys.transforms, "test_keys.py"),
    (test_keys.catalogue, "test_keys.py"),
    (test_keys.p256, "test_keys.py"),
    (test_weak_keys.catalogue, "test_weak_keys.py"),
    (test_oracles.catalogue, "test_oracles.py"),
    (test_mime.catalogue, "test_mime.py"),
    (test_mime.compression, "test_mime.py"),
    (test_bombs.catalogue, "test_bombs.py"),
    (test_bombs.records, "test_bombs.py"),
    (test_http.catalogue, "test_http.py"),
    (test_headers.catalogue, "test_headers.py"),
    (test_headers.replays, "test_headers.py"),
    (test_receipts.catalogue, "test_receipts.py"),
)
ALL = frozenset(name for catalogue, _ in FAMILIES for name in catalogue.names())
"""The name of every attack."""
