"""Asking a virus scanner about one file: a command that reads it, or a server that speaks ICAP (RFC 3507, RESPMOD).

The setting `virus_scanner` says which. A command gets the octets on standard input and ends with 0 for clean and 1 for
infected, as clamdscan does; its last line names what was found. An ICAP server answers 204 for clean; for infected a
header that names it, or a blocking page.
"""

import asyncio
import contextlib
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from node.exchange.node import Node
from node.exchange.part_scans import CLEAN, FAILED, INFECTED, Said, Scans, scan_part
from node.journal import journal
from node.store.trouble import StoreUnavailable

log = journal("virus-scanner")

LOOK_SECONDS = 1.0
TROUBLE_SECONDS = 5.0
ICAP = "icap"
ICAP_PORT = 1344
SECONDS = 300.0
LONGEST_NAME = 200
# What an ICAP answer's head, and that of the page within it, may have together.
_LARGEST_HEAD = 64 * 1024
_ENDED_CLEAN, _ENDED_INFECTED = 0, 1
_NAMING = ("x-infection-found", "x-virus-id", "x-violations-found")
_RESPONSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n"


class ScannerFailed(Exception):
    """The scanner gave no verdict; the text says why and holds nothing of the file."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found` names what an infected file has in it."""

    infected: bool
    found: str | None = None


def scan(scanner: str, chunks: Iterable[bytes], seconds: float = SECONDS) -> Verdict:
    """What the scanner says of a file. Raises ScannerFailed."""
    if urlsplit(scanner).scheme == ICAP:
        return _by_icap(scanner, chunks, seconds)
    return _by_command(scanner, chunks, seconds)


async def scan_received(node: Node, stop: asyncio.Event) -> None:
    """Scan what was received, one part after the other, until the node stops."""
    scans = Scans(node)
    while not stop.is_set():
        pause = LOOK_SECONDS
        try:
            waiting = await asyncio.to_thread(scans.next)
            for part in waiting:
                if stop.is_set():
                    return
                await asyncio.to_thread(scan_part, node, part, partial(_asked, node.settings.virus_scanner or ""))
            pause = 0.0 if waiting else LOOK_SECONDS
        except StoreUnavailable as trouble:
            log.error("parts cannot be scanned", reason=str(trouble))
            pause = TROUBLE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


def _asked(scanner: str, chunks: Iterable[bytes]) -> Said:
    """What the scanner says, as it is recorded."""
    try:
        verdict = scan(scanner, chunks)
    except ScannerFailed as error:
        log.warning("no verdict", reason=str(error))
        return Said(FAILED, str(error)[:LONGEST_NAME])
    return Said(INFECTED if verdict.infected else CLEAN, verdict.found)


def _by_command(command: str, chunks: Iterable[bytes], seconds: float) -> Verdict:
    try:
        process = subprocess.Popen(  # noqa: S603 - the administrator's own setting
            shlex.split(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except (OSError, ValueError) as error:
        raise ScannerFailed(f"the command cannot be started: {error}") from error
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        said = _fed(process, chunks)
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    if code == _ENDED_CLEAN:
        return Verdict(infected=False)
    if code == _ENDED_INFECTED:
        lines = said.decode("utf-8", "replace").split("\n")
        return Verdict(True, _named(next((line for line in reversed(lines) if line.strip()), "")))
    raise ScannerFailed(f"the command ended with {code}, expected 0 or 1, or did not end within {seconds:g} seconds")


def _fed(process: "subprocess.Popen[bytes]", chunks: Iterable[bytes]) -> bytes:
    """Give the command the file, and take what it says meanwhile; a part of it is enough for a verdict."""
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    said = bytearray()
    output = process.stdout

    def take() -> None:
        while chunk := output.read(4096):
            said.extend(chunk[: max(0, _LARGEST_HEAD - len(said))])

    taking = threading.Thread(target=take)
    taking.start()
    try:
        with process.stdin as given:
            for chunk in chunks:
                given.write(chunk)
    except BrokenPipeError:
        pass  # it has read enough: its exit status tells
    finally:
        taking.join()
        output.close()
    return bytes(said)


def _by_icap(address: str, chunks: Iterable[bytes], seconds: float) -> Verdict:
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or ICAP_PORT
    head = (
        f"RESPMOD {address} ICAP/1.0\r\nHost: {parts.netloc}\r\nAllow: 204\r\n"
        f"Connection: close\r\nEncapsulated: res-hdr=0, res-body={len(_RESPONSE_HEAD)}\r\n\r\n"
    ).encode()
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            for piece in _icap_request(head, chunks):
                connection.sendall(piece)
            answer = _answered(connection)
    except OSError as error:
        raise ScannerFailed(f"{host}:{port}: {error}") from error
    return _judged(answer)


def _icap_request(head: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield head + _RESPONSE_HEAD
    for chunk in chunks:
        if chunk:
            yield b"%x\r\n" % len(chunk) + bytes(chunk) + b"\r\n"
    yield b"0\r\n\r\n"


def _answered(connection: socket.socket) -> bytes:
    """The heads of the answer; its page is not needed."""
    answer = b""
    while len(answer) < _LARGEST_HEAD and (received := connection.recv(4096)):
        answer += received
        heads = answer.split(b"\r\n\r\n")
        if len(heads) > 2 or (len(heads) > 1 and b" 204 " in heads[0].split(b"\r\n")[0] + b" "):
            break
    return answer


def _judged(answer: bytes) -> Verdict:
    head, _, inner = answer.decode("latin-1").partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    code = [*status.split(), "", ""][1]
    if not status.startswith("ICAP/") or code not in ("200", "204"):
        raise ScannerFailed(f"found the answer {_named(status) or 'nothing'}, expected ICAP/1.0 200 or 204")
    named = next((headers[name] for name in _NAMING if headers.get(name)), None)
    if named is not None:
        return Verdict(True, _named(named))
    page = [*inner.split("\r\n")[0].split(), "", ""][1]
    if code == "200" and page != "200":
        return Verdict(True, _named(f"blocked with {page or 'a page'}"))
    return Verdict(infected=False)


def _named(text: str) -> str | None:
    """A name as it may be shown: printable, not too long."""
    shown = "".join(letter for letter in text.strip() if letter.isprintable())[:LONGEST_NAME]
    return shown or None
