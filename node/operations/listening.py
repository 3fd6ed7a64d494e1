"""Where the pages of a serving node are: each process says so in a file of the home folder, for sign-in links.

The settings may say otherwise: `serve --inside` goes before them. A file counts while its process lives, which holds a
lock on it.
"""

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from node.config import Settings, host_is_loopback, split_address

FOLDER = "serving"
INTERFACE = "/api/v1"
FEEDS = "/feeds/"
SUFFIX = ".ics"
ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - not listened on here: a link cannot lead to every address


def pages_address(inside: str, plain: bool, port: int | None = None) -> str:
    """The address, without a path, of pages on the listener `inside`; `port` where that says 0.

    A listener on every address is called by this machine's host name: loopback would lead nobody else there.
    """
    host, given = split_address(inside)
    name = socket.gethostname() if host in ANY_HOST else host
    return f"{'http' if plain else 'https'}://{f'[{name}]' if ':' in name else name}:{port or given}"


@contextlib.contextmanager
def announced(home: Path, address: str) -> Iterator[None]:
    """Say, while the block runs, that a process serves the pages of this home at `address`."""
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / secrets.token_hex(8)
    with path.open("x", encoding="ascii") as file:
        # Locked before it says anything: an empty file is one that is being written.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(address + "\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def sign_in_base(home: Path, settings: Settings) -> str:
    """Where people reach the pages: as set for a proxy, else where a process serves them now, else as it would."""
    if settings.pages_url is not None:
        return settings.pages_url
    host, _ = split_address(settings.inside)
    return _announced(home) or pages_address(settings.inside, plain=host_is_loopback(host))


def interface_address(home: Path, settings: Settings) -> str:
    """Where programs reach the programming interface, on the listener of the pages."""
    return sign_in_base(home, settings) + INTERFACE


def feed_address(home: Path, settings: Settings, secret: str) -> str:
    """Where calendar programs read the feed with this secret, on the listener of the pages."""
    return f"{sign_in_base(home, settings)}{FEEDS}{secret}{SUFFIX}"


def is_by_host_name(address: str) -> bool:
    """Whether an address that `sign_in_base` gave leads to this machine's host name, which others may not know."""
    return urlsplit(address).hostname == socket.gethostname().lower()


def _announced(home: Path) -> str | None:
    """What the process says that began last; files of processes that were killed are removed."""
    living = []
    for path in (home / FOLDER).glob("*"):
        try:
            with path.open(encoding="ascii") as file:
                began, text = os.fstat(file.fileno()).st_mtime_ns, file.read().strip()
                if text and _is_locked(file.fileno()):
                    living.append((began, text))
                elif text:
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # its process ended between the two looks
    return max(living)[1] if living else None


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
