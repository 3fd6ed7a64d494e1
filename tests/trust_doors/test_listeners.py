"""Where a node listens: what is refused before it starts, and the one port of a trial on loopback."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.nodes import free_port, until
from tests.trust_doors.foreign import answers_at
from tests.trust_doors.homes import ROOT, START_SECONDS, STOP_SECONDS, Home, command, post_bytes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("listeners") / "home", "south")


@pytest.mark.parametrize(
    "words",
    [
        ("--outside", "0.0.0.0:17443", "--inside", "127.0.0.1:17080", "--plain-http"),
        ("--outside", "[::]:17443", "--inside", "127.0.0.1:17080", "--plain-http"),
        ("--outside", "127.0.0.1:17443", "--inside", "10.1.2.3:17080", "--plain-http"),
        ("--outside", "node.example:17443", "--inside", "127.0.0.1:17080", "--plain-http"),
        ("--outside", "0.0.0.0:17443", "--inside", "0.0.0.0:17443"),
        ("--outside", "127.0.0.1", "--inside", "127.0.0.1:17080"),
    ],
    ids=" ".join,
)
def test_plain_http_and_one_port_off_loopback_are_wrong_usage(home: Home, words: tuple[str, ...]) -> None:
    said = home.refuses("serve", *words, status=2)
    assert "loopback" in said or "HOST:PORT" in said


@pytest.mark.parametrize("url", ["http://node.example/as4", "ftp://127.0.0.1/as4", "node.example/as4"])
def test_an_address_without_tls_off_loopback_is_wrong_usage(tmp_path: Path, url: str) -> None:
    fresh = str(tmp_path / "fresh")
    said = command("init", "--party", "x", "--name", "X", "--url", url, "--home", fresh)
    assert said.status == 2
    assert "https://" in said.err
    assert not (tmp_path / "fresh").exists()


def test_one_port_on_loopback_answers_everything(tmp_path: Path) -> None:
    node = Home(tmp_path / "home", "south")
    both = f"127.0.0.1:{free_port()}"
    node.outside = node.inside = both
    node.url = f"http://{both}/as4"
    with node.serving():
        found = answers_at(f"http://{both}", ("/healthz", "/metrics", "/static/pages.css"))
        assert set(found.values()) == {200}
        assert post_bytes(node.url, "text/plain", b"no message") == 400


def ended(home: Home, *words: str) -> tuple[int, str, str]:
    """`serve` in a process of its own, which must end by itself: its status, what it said, what it said of errors."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DEPESHA_", "COVERAGE_"))}
    serve = [sys.executable, "-m", "node", "serve", "--home", str(home.folder), *words]
    done = subprocess.run(serve, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=START_SECONDS)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(("taken", "other"), [("--outside", "--inside"), ("--inside", "--outside")])
def test_a_port_in_use_ends_serve_with_one_sentence(home: Home, host: str, taken: str, other: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"{host}:{busy.getsockname()[1]}"
        said = ended(home, taken, address, other, f"127.0.0.1:{free_port()}")
    assert said == (2, "", f"{address} is in use by another program: stop that one, or choose another address.\n")


def test_an_address_of_another_machine_ends_serve_with_one_sentence(home: Home) -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    said = ended(home, "--outside", "192.0.2.1:17443", "--inside", f"127.0.0.1:{free_port()}")
    told = "192.0.2.1:17443 is no address of this machine: choose one that is (`ip address` lists them).\n"
    assert said == (2, "", told)


def test_a_name_without_an_address_ends_serve_with_one_sentence(home: Home) -> None:
    # .invalid has no names (RFC 6761).
    said = ended(home, "--outside", "node.invalid:17443", "--inside", f"127.0.0.1:{free_port()}")
    told = "node.invalid:17443: no address is known for node.invalid: correct the name, or give the address itself.\n"
    assert said == (2, "", told)


def test_ctrl_c_says_a_line_to_the_person_who_pressed_it(home: Home) -> None:
    with home.serving():
        os.kill(home.pid, signal.SIGINT)
        until(lambda: "Stopping" in home.log.read_text(), STOP_SECONDS, "it says that it stops")
    lines = [line for line in home.log.read_text().splitlines() if not line.startswith("{")]
    assert lines[1:] == ["Stopping: finishing what is under way."]
