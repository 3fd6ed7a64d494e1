"""One node under attack for all tests of a session (of a worker under xdist)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.target import Target, running_target

HERE = Path(__file__).parent
# What compares pages with catalogues needs no node.
OF_PAGES = frozenset({"test_catalogue.py", "test_threat_model.py"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever attacks a node is an attack: it has its own command."""
    for item in items:
        if item.path.parent == HERE and item.path.name not in OF_PAGES:
            item.add_marker("attacks")


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The running node, known to take good messages."""
    with running_target(tmp_path_factory.mktemp("attacked")) as running:
        running.serves()
        yield running


@pytest.fixture(scope="session")
def target_p256(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The same in the suite ECDSA P-256."""
    with running_target(tmp_path_factory.mktemp("attacked-p256"), "ecdsa-p256") as running:
        running.serves()
        yield running
