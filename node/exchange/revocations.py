"""Revocation lists (RFC 5280, 5) as files in <home>/crls: *.crl and *.pem, one list a file, DER or PEM.

Whoever fetches the lists of an authority puts them there; a running node notices within a second. A list counts for
the peers whose recorded authority signed it. A file that cannot be used is named in the log, and the list that it held
before stays in use: a broken download must not make a revoked certificate good again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from node.journal import journal
from node.trust.refused import TrustRefused
from node.trust.revocation_list import RevocationList, load_crl

log = journal("exchange.revocations")

FOLDER = "crls"
SUFFIXES = frozenset({".crl", ".pem"})
# The largest lists of public authorities are of some 50 MB; a federation's has a few entries.
LARGEST_LIST = 64 * 1024 * 1024

Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class ListFinding:
    """What became of one file: `problem` is None for a list that is in use and not overdue; `authority` issued it."""

    file: Path
    problem: str | None
    authority: x509.Certificate | None


class RevocationFolder:
    """The lists in a home's folder, read anew when a file has changed."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._last_good: dict[Path, RevocationList] = {}

    def stamp(self) -> Stamp:
        """What tells one content of the folder from another; empty when there is none. Costs one look at the folder."""
        found = []
        for path in self._files():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # renamed between the two looks; the next one finds it
            found.append((path.name, status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def load(self, authorities: Iterable[x509.Certificate]) -> tuple[RevocationList, ...]:
        """The lists that one of `authorities` has signed; those of other authorities are logged and not used."""
        known = tuple(dict.fromkeys(authorities))
        lists: dict[Path, RevocationList] = {}
        for path in self._files():
            try:
                lists[path] = _read(path, known)
            except (OSError, TrustRefused) as error:
                log.error("a revocation list is not used", file=path.name, reason=str(error))
                before = self._last_good.get(path)
                if before is not None and before.authority in known:
                    lists[path] = before
        self._last_good = lists
        return tuple(lists.values())

    def findings(self, authorities: Iterable[x509.Certificate], now: datetime) -> list[ListFinding]:
        """Each file with what is wrong with it: unreadable, of an unknown authority, or a newer list is due."""
        known = tuple(dict.fromkeys(authorities))
        found = []
        for path in self._files():
            try:
                one = _read(path, known)
                problem = "a newer list is due: fetch it" if one.is_stale(now) else None
                found.append(ListFinding(path, problem, one.authority))
            except (OSError, TrustRefused) as error:
                found.append(ListFinding(path, str(error), None))
        return found

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix in SUFFIXES)
        except FileNotFoundError:
            return []


def _read(path: Path, authorities: tuple[x509.Certificate, ...]) -> RevocationList:
    with path.open("rb") as file:
        data = file.read(LARGEST_LIST + 1)
    if len(data) > LARGEST_LIST:
        raise OSError(f"{path.name} is larger than {LARGEST_LIST} bytes")
    return load_crl(data, authorities)
