"""Where a node listens: what is refused before it starts, and the one port of a trial on loopback."""

from pathlib import Path

import pytest

from tests.interop.nodes import free_port
from tests.trust_doors.foreign import answers_at
from tests.trust_doors.homes import Home, command, post_bytes


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
