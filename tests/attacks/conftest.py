"""One node under attack for all tests of a session (of a worker under xdist)."""

from collections.abc import Iterator

import pytest

from tests.attacks.target import Target, running_target


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
