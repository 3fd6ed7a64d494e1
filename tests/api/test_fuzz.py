"""Schemathesis finds nothing: a little of it in `make test`, all of it in `make api-fuzz`, on both databases."""

import os
from pathlib import Path

import pytest

from tests.api.conftest import ROLES, Site
from tests.api.fuzzing import fuzz, fuzz_here


def test_a_little(site: Site) -> None:
    fuzz_here(site, "officer", 2)


@pytest.mark.api_fuzz
@pytest.mark.parametrize("role", ROLES)
def test_much(site: Site, tmp_path: Path, role: str) -> None:
    fuzz(site, role, tmp_path, "--max-examples", os.environ.get("API_FUZZ_EXAMPLES", "100"))
