from pathlib import Path

import pytest

from node.records import Domain, Domains, load_domains
from node.records.procedures import Procedure
from tests.records.procedure_case import Case

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.fixture(scope="session")
def domains() -> Domains:
    loaded = load_domains([SCHEMAS])
    assert loaded.broken == ()
    return loaded


@pytest.fixture(scope="session")
def returns(domains: Domains) -> Domain:
    found = domains.find("urn:depesha:returns:1")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def procedure(returns: Domain) -> Procedure:
    assert isinstance(returns.procedure, Procedure)
    return returns.procedure


@pytest.fixture
def case() -> Case:
    return Case()


@pytest.fixture(scope="session")
def application(returns: Domain) -> bytes:
    return returns.files["examples/good/application.xml"]


@pytest.fixture(scope="session")
def full_application(returns: Domain) -> bytes:
    return returns.files["examples/good/full-application.xml"]
