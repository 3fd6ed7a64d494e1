"""No node of the demonstration outlives it, however it ends; and a folder holds one demonstration at a time."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from node.demo import Teller
from node.demo_processes import ended_by_signal
from node.exchange.case_standing import cases_with_state
from node.exchange.due_list import due_now
from node.exchange.listing import case_rows, list_messages
from node.exchange.node import open_node
from node.exchange.peers import PEER
from node.records.procedures import Procedure
from tests.interop.nodes import until
from tests.trust_doors.homes import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; only Linux ends them when we are killed")


def nodes_in(folder: Path) -> list[int]:
    """Processes that serve a home in this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"serve" in words and any(word.startswith(bytes(folder)) for word in words):
                    found.append(int(entry.name))
    return found


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "node", "demo", "--dir", str(folder), *words]


@pytest.fixture
def running(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A demonstration that has come so far that both nodes serve."""
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command(tmp_path / "demo"), cwd=ROOT, stdout=out, stderr=out)
        try:
            until(lambda: b"Done in" in (tmp_path / "out").read_bytes(), 90, "the demonstration stays")
            assert len(nodes_in(tmp_path / "demo")) == 2
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_both_nodes_end_with_it(
    running: "subprocess.Popen[bytes]", tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    running.send_signal(sent)
    assert running.wait(60) == status
    until(lambda: not nodes_in(tmp_path / "demo"), 10, "no node is left")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_end_asked_for_where_python_drops_exceptions_is_not_forgotten() -> None:
    class Asks:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with ended_by_signal() as asked:
        said = Teller(True, asked.look)
        said.say("one")
        Asks()
        with pytest.raises(SystemExit) as ended:
            said.say("two")
    assert ended.value.code == 143


def test_a_second_one_in_the_same_folder_is_refused_and_harms_nothing(
    running: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    second = subprocess.run(command(tmp_path / "demo", "--once"), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert f"process {running.pid}" in second.stderr
    assert "--dir" in second.stderr
    assert len(nodes_in(tmp_path / "demo")) == 2
    running.kill()
    running.wait()
    until(lambda: not nodes_in(tmp_path / "demo"), 10, "no node is left")
    again = subprocess.run(command(tmp_path / "demo", "--once"), cwd=ROOT, capture_output=True, text=True, timeout=90)
    assert again.returncode == 0, again.stderr


def test_once_the_addresses_are_shown_cases_in_every_state_follow_and_are_made_once(
    running: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    until(lambda: b"All cases are there" in (tmp_path / "out").read_bytes(), 60, "the cases are made")
    said = (tmp_path / "out").read_text(encoding="utf-8")
    assert said.index("sign-in?token=") < said.index("Meanwhile")
    node = open_node(tmp_path / "demo" / "france")
    with node.database.read() as connection:
        cases = cases_with_state(node, connection, case_rows(connection, 100))
        due = due_now(node, connection)
        paper = {one["party"] for one in connection.execute(select(PEER).where(PEER.c.kind == "paper")).mappings()}
        silent = {one["peer"] for one in list_messages(connection, state="queued")}
    procedure = node.domains.known("returns").procedure
    assert isinstance(procedure, Procedure)
    returns, inquiries = ([one for one in cases if one["domain"] == name] for name in ("returns", "inquiry"))
    assert {one["state"] for one in returns} == {*procedure.states}
    assert {one["state"] for one in inquiries} == {"asked", "answered", "not-objected"}
    for partner in (paper, silent):
        assert len(partner) == 1
        assert any(partner <= {*one["members"]} for one in cases)
    today = [one for one in due if one.left < timedelta(hours=3)]
    assert {one.deadline.ours for one in today} == {True, False}, "one that waits for us, and one for the partner"
    running.send_signal(signal.SIGTERM)
    running.wait(60)
    with (tmp_path / "again").open("wb") as out:
        again = subprocess.Popen(command(tmp_path / "demo"), cwd=ROOT, stdout=out, stderr=out)
        try:
            until(lambda: b"All cases are there" in (tmp_path / "again").read_bytes(), 60, "it is up again")
        finally:
            again.terminate()
            again.wait(60)
    with node.database.read() as connection:
        assert len(case_rows(connection, 100)) == len(cases) + 1, "the first exchange is made anew, the others are not"
