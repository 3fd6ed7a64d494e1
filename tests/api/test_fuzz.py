"""Schemathesis finds nothing: a little of it in `make test`, all of it in `make api-fuzz`, on both databases."""

from pathlib import Path

import pytest

from tests.api.conftest import Site
from tests.api.fuzzing import fuzz


def test_a_little(site: Site, tmp_path: Path) -> None:
    # Everything on the database that takes less; what writes on the other, too.
    some = () if site.office.node.database.dialect == "postgresql" else ("--include-method", "POST")
    fuzz(site, "officer", tmp_path, "--phases", "fuzzing", "--max-examples", "1", *some)


@pytest.mark.api_fuzz
@pytest.mark.parametrize("role", ["officer", "it"])
def test_much(site: Site, tmp_path: Path, role: str) -> None:
    fuzz(site, role, tmp_path, "--max-examples", "100")
