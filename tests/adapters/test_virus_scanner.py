"""What is received is scanned after its receipt, by a command or by ICAP; what is infected is handed out on purpose."""

import asyncio
import json
import socket
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from adapters.folder import held
from adapters.virus_scanner import ScannerFailed, Verdict, _asked, scan, scan_received
from node.cli import messages
from node.cli.printing import No
from node.config import ConfigError, load_settings
from node.exchange.part_scans import (
    ALARM_KIND,
    FAILED_KIND,
    MOST_ATTEMPTS,
    InfectedPart,
    Scans,
    require_clean,
    scan_part,
)
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import LOG_ENTRY
from tests.exchange.conftest import World, WorldMaker

# Not the EICAR file itself, which scanners of the machine that runs the tests would take away.
pytestmark = pytest.mark.theirs_on_both_databases
BAD = b"specimen of something bad"
COMMAND = (
    f"{sys.executable} -c \"import sys; bad = b'specimen' in sys.stdin.buffer.read(); "
    "print('scanned'); print('Specimen.Bad FOUND' if bad else 'OK'); sys.exit(bad)\""
)


def test_a_command_tells_by_its_exit_status() -> None:
    assert scan(COMMAND, [b"good", b" file"]) == Verdict(infected=False)
    assert scan(COMMAND, [BAD[:5], BAD[5:]]) == Verdict(True, "Specimen.Bad FOUND")
    assert scan("false", [bytes(1_000_000)]).infected, "one that reads nothing does not hang"
    for command, word in (("sh -c 'exit 2'", "ended with 2"), ("/nowhere/scanner", "cannot be started")):
        with pytest.raises(ScannerFailed, match=word):
            scan(command, [b"file"])
    with pytest.raises(ScannerFailed, match=r"within 0\.2 seconds"):
        scan(f'{sys.executable} -c "import time; time.sleep(60)"', [b"file"], seconds=0.2)


@contextmanager
def icap(answer: Callable[[bytes], bytes], requests: int = 1) -> Iterator[str]:
    """A server that takes so many requests, and answers what `answer` makes of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(requests):
                connection, _address = listening.accept()
                with connection:
                    request = b""
                    while not request.endswith(b"\r\n0\r\n\r\n"):
                        request += connection.recv(4096)
                    connection.sendall(answer(request))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"icap://127.0.0.1:{listening.getsockname()[1]}/avscan"
        thread.join()


def test_an_icap_server_is_asked_as_rfc_3507_says() -> None:
    asked: list[bytes] = []

    def clean(request: bytes) -> bytes:
        asked.append(request)
        return b"ICAP/1.0 204 No Content\r\nConnection: close\r\n\r\n"

    with icap(clean) as address:
        assert scan(address, [b"good", b"", b" file"]) == Verdict(infected=False)
    head, response, body = asked[0].split(b"\r\n\r\n", 2)
    lines = head.decode().split("\r\n")
    assert lines[0].startswith("RESPMOD icap://127.0.0.1:")
    assert f"Encapsulated: res-hdr=0, res-body={len(response) + 4}" in lines
    assert "Allow: 204" in lines
    assert body == b"4\r\ngood\r\n5\r\n file\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Threat=Specimen;\r\n\r\n", "Type=0; Threat=Specimen;"),
        (b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n", "blocked with 403"),
        (b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", None),
    ],
)
def test_an_icap_server_names_what_it_found(answer: bytes, found: str | None) -> None:
    with icap(lambda request: answer) as address:
        assert scan(address, [b"file"]) == Verdict(found is not None, found)


def test_no_answer_is_no_verdict() -> None:
    for answer in (b"", b"ICAP/1.0 500 Server Error\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"):
        with icap(partial(lambda said, request: said, answer)) as address, pytest.raises(ScannerFailed):
            scan(address, [b"file"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ScannerFailed, match=f"127.0.0.1:{port}"):
        scan(f"icap://127.0.0.1:{port}/avscan", [b"file"])


def scanned(world: World, command: str = COMMAND) -> int:
    """Scan what waits at the other side; how many parts that were."""
    scans, count = Scans(world.theirs.node), 0
    while waiting := scans.next():
        for part in waiting:
            scan_part(world.theirs.node, part, partial(_asked, command))
            count += 1
    return count


async def received(world: World, *contents: bytes) -> str:
    parts = [PartToSend.of_bytes(content, "application/pdf", f"{n}.pdf") for n, content in enumerate(contents)]
    sent = world.ours.submit("theirs", *parts)
    await world.ours.reaches(sent, "delivered")
    return sent


async def test_the_receipt_comes_first_and_the_verdict_is_shown_at_the_message(make_world: WorldMaker) -> None:
    world = await make_world()
    sent = await received(world, b"good", BAD)
    assert [part["scan"] for part in world.theirs.shown(sent)["parts"]] == [None, None]
    assert scanned(world) == 2
    good, bad = (part["scan"] for part in world.theirs.shown(sent)["parts"])
    assert (good["verdict"], good["found"]) == ("clean", None)
    assert (bad["verdict"], bad["found"]) == ("infected", "Specimen.Bad FOUND")
    assert scanned(world) == 0
    (alarm,) = world.theirs.alarms(ALARM_KIND)
    assert alarm["detail"] == "part 2: infected (Specimen.Bad FOUND)"
    assert [part["scan"] for part in world.ours.shown(sent)["parts"]] == [None, None], "what we send is not scanned"


async def test_a_scanner_that_hangs_delays_no_receipt(make_world: WorldMaker, tmp_path: Path) -> None:
    world = await make_world()
    node, asked, answer, stop = world.theirs.node, tmp_path / "asked", tmp_path / "answer", asyncio.Event()
    command = f"sh -c 'touch {asked}; until test -e {answer}; do sleep 0.05; done'"
    node.__dict__["settings"] = node.settings.model_copy(update={"virus_scanner": command})
    await received(world, b"first")
    scanning = asyncio.create_task(scan_received(node, stop))
    try:
        async with asyncio.timeout(30):
            while not asked.exists():  # noqa: ASYNC110 - another process says so
                await asyncio.sleep(0.02)
        later = await received(world, b"second")
        assert not scanning.done()
        assert [part["scan"] for part in world.theirs.shown(later)["parts"]] == [None]
    finally:
        stop.set()
        answer.touch()
        await scanning


async def test_an_infected_part_is_handed_out_on_purpose_only_and_the_log_says_by_whom(make_world: WorldMaker) -> None:
    world = await make_world()
    sent = await received(world, b"good", BAD)
    scanned(world)
    node, row = world.theirs.node, world.theirs.row(sent)
    require_clean(node, row, [1], "officer")
    with pytest.raises(InfectedPart, match=r"Part 2 is infected \(Specimen\.Bad FOUND\)"):
        require_clean(node, row, [1, 2], "officer")
    types = [entry["type"] for entry in world.theirs.rows(LOG_ENTRY)]
    assert (types.count("part.infected"), types.count("part.infected-handed-out")) == (1, 0)
    require_clean(node, row, [1, 2], "officer", on_purpose=True)
    types = [entry["type"] for entry in world.theirs.rows(LOG_ENTRY)]
    assert types.count("part.infected-handed-out") == 1


async def test_a_scanner_that_fails_is_asked_again_later_and_in_the_end_a_person_is_told(
    make_world: WorldMaker,
) -> None:
    world = await make_world()
    sent = await received(world, b"good")
    assert scanned(world, "false-scanner") == 1
    (failed,) = (part["scan"] for part in world.theirs.shown(sent)["parts"])
    assert (failed["verdict"], "cannot be started" in failed["found"]) == ("failed", True)
    assert scanned(world) == 0
    world.clock.advance(seconds=61)
    assert scanned(world) == 1
    assert [part["scan"]["verdict"] for part in world.theirs.shown(sent)["parts"]] == ["clean"]
    await received(world, b"more")
    for _ in range(MOST_ATTEMPTS):
        assert scanned(world, "false-scanner") == 1
        world.clock.advance(days=1)
    assert scanned(world, "false-scanner") == 0
    assert len(world.theirs.alarms(FAILED_KIND)) == 1


async def test_a_folder_gets_what_is_clean_and_a_command_wants_to_be_asked_twice(
    make_world: WorldMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = await make_world()
    sent = await received(world, b"good", BAD)
    scanned(world)
    world.theirs.sequenced()
    with held(world.theirs.node, tmp_path / "folder") as folder:
        folder.look()
    (written,) = (tmp_path / "folder" / "received").iterdir()
    told = json.loads((written / "message.json").read_bytes())
    assert [part["file"] is None for part in told["parts"]] == [False, True]
    assert BAD not in [path.read_bytes() for path in written.iterdir()]

    out = tmp_path / "out"
    asked = Namespace(home=str(world.theirs.node.home), id=sent, out=out, signed=False, json=False, infected=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(messages, "open_node", lambda home: world.theirs.node)
        with pytest.raises(No, match=r"Part 2 is infected .* --infected writes it"):
            messages.parts(asked)
        assert not out.exists()
        asked.infected = True
        assert messages.parts(asked) == 0
        assert BAD in [path.read_bytes() for path in out.iterdir()]
        capsys.readouterr()
        messages.show_(asked)
    assert "infected (Specimen.Bad FOUND), scanned " in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["", "icap:///service", "https://scanner.example", "clamdscan 'unclosed"])
def test_a_scanner_that_cannot_be_is_named(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "depesha.toml").write_text(f'party = "a"\nname = "A"\nvirus_scanner = "{wrong}"\n')
    with pytest.raises(ConfigError, match="virus_scanner"):
        load_settings(tmp_path, {})
