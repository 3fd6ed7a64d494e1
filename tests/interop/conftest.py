"""The interoperability tests need Java and Maven: where these are missing, they say so; in CI that is a failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.keys import SUITES, certificates_in, make_party, write_certificates
from tests.interop.link import OURS, PEERS, Link
from tests.interop.nodes import NodeByCommand
from tests.interop.phase4 import NotAvailable, Phase4, build, require_java
from tests.left_out import leave_out, tell_left_out

LEFT_OUT = "phase4 was left out"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all says what was left out."""
    tell_left_out(config, LEFT_OUT)


@pytest.fixture(scope="session")
def phase4(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phase4]:
    """The phase4 peer, built if need be, and running."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", end="", flush=True)

    try:
        require_java()
    except NotAvailable as error:
        leave_out(f"{LEFT_OUT}: {error}")
    build(say)
    peer = Phase4(tmp_path_factory.mktemp("phase4"))
    yield peer
    peer.close()


def _make(link: Link, *words: str) -> None:
    link.node.do("init", "--party", OURS, "--name", "Red administration", "--url", link.node.url, *words)


@pytest.fixture(scope="session", params=SUITES)
def link(request: pytest.FixtureRequest, phase4: Phase4, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """A serving node of ours, its keys brought along, and phase4 as its peers; in each suite."""
    directory = tmp_path_factory.mktemp(request.param)
    ours = make_party(directory / "keys", OURS, request.param)
    made = Link(request.param, phase4, NodeByCommand(directory / OURS), directory, ours)
    brought = {
        "--signing-cert": ours.sign_cert,
        "--signing-key": ours.sign_key,
        "--encryption-cert": ours.kex_cert,
        "--encryption-key": ours.kex_key,
    }
    _make(made, *(word for option, path in brought.items() for word in (option, str(path))))
    for peer in PEERS:
        made.add(peer)
    with made.node.serving():
        yield made


@pytest.fixture
def link_by_card(phase4: Phase4, tmp_path: Path) -> Iterator[Link]:
    """A serving node that made its keys itself; phase4 has the certificates that stand in its card."""
    made = Link("eddsa-x25519", phase4, NodeByCommand(tmp_path / OURS), tmp_path, certificates_in(tmp_path / "keys"))
    _make(made)
    write_certificates(made.node.do("card")["card"], made.ours)
    made.add(PEERS[0])
    with made.node.serving():
        yield made
