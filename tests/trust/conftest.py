"""Keys made once for the room's tests."""

import pytest

from node.trust.keys import NodeKeys, create_keys
from tests.trust.material import NOW, Authority, make_authority


@pytest.fixture(scope="session")
def authority() -> Authority:
    return make_authority()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> NodeKeys:
    return create_keys(
        tmp_path_factory.mktemp("first") / "keys", "urn:x:north", "North", now=NOW, tls_hosts=("localhost", "127.0.0.1")
    )


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> NodeKeys:
    return create_keys(tmp_path_factory.mktemp("second") / "keys", "urn:x:south", "South", now=NOW, suite="ecdsa-p256")
