"""Taking a message out by command: its envelope to the octet, its parts for one reader, never among another's."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from node.exchange.contents import envelope_of
from node.exchange.settlement import MESSAGE
from tests.exchange.test_doors import SEND, acquaint
from tests.trust_doors.homes import ROOT, Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A node that nobody serves, with a peer that is not there."""
    folder = tmp_path_factory.mktemp("taking-out")
    made, other = Home(folder / "home", "south"), Home(folder / "other", "north")
    acquaint(made, other)
    return made


def queued(home: Home, folder: Path, *contents: str) -> str:
    """The id of a message with these texts as parts."""
    words: list[str] = []
    for n, content in enumerate(contents):
        (folder / f"{n}.txt").write_text(content)
        words += ["--part", f"{folder / f'{n}.txt'}:text/plain"]
    sent: str = home.do(*SEND, "north", *words)["id"]
    return sent


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_raw_prints_the_octets_and_nothing_else(home: Home, tmp_path: Path) -> None:
    sent = queued(home, tmp_path, "one")
    node = home.node()
    with node.database.read() as connection:
        row = connection.scalar(select(MESSAGE.c.id).where(MESSAGE.c.message_id == sent))
    assert row is not None
    raw = [sys.executable, "-m", "node", "message", "raw", sent, "--home", str(home.folder)]
    printed = subprocess.run(raw, cwd=ROOT, capture_output=True, check=True).stdout
    assert hashlib.sha256(printed).digest() == hashlib.sha256(envelope_of(node, row)).digest()
    node.database.close()


def test_parts_are_for_their_owner_only_also_where_a_file_was_open_to_others(home: Home, tmp_path: Path) -> None:
    sent, out = queued(home, tmp_path, "one", "two"), tmp_path / "out"
    out.mkdir()
    (out / "part-1.txt").write_text("one")
    (out / "part-1.txt").chmod(0o644)
    home.do("message", "parts", sent, "--out", str(out))
    home.do("message", "parts", sent, "--out", str(out), "--signed")
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert held(out)["part-2.txt"] == b"two"


@pytest.mark.parametrize("mode", [(), ("--signed",)], ids=["parts", "signed"])
@pytest.mark.parametrize(
    ("first", "second"),
    [(["one"], ["another"]), (["one", "two"], ["one"]), (["one"], ["one", "two"])],
    ids=["other content", "fewer parts", "more parts"],
)
def test_a_folder_of_another_message_is_refused_and_stays_as_it_was(
    home: Home, tmp_path: Path, first: Sequence[str], second: Sequence[str], mode: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    home.do("message", "parts", queued(home, tmp_path, *first), "--out", str(out), *mode)
    before, other = held(out), queued(home, tmp_path, *second)
    if not mode and second == ["one", "two"]:
        # All that is there is this message's too: nothing is lost or mixed.
        home.do("message", "parts", other, "--out", str(out))
        return
    said = home.refuses("message", "parts", other, "--out", str(out), *mode)
    name = "part-2.txt" if len(first) > len(second) and not mode else said.split(" holds ")[1].split(" ")[0]
    assert said.startswith(f"{out} holds {name} already. Give a folder of its own for each message.")
    assert held(out) == before


def test_what_was_signed_does_not_go_among_the_parts_of_another_message(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "out"
    home.do("message", "parts", queued(home, tmp_path, "one"), "--out", str(out))
    before = held(out)
    said = home.refuses("message", "parts", queued(home, tmp_path, "two"), "--out", str(out), "--signed")
    assert f"{out} holds part-1.txt already." in said
    assert held(out) == before
