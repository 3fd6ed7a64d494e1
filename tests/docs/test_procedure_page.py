"""The page on procedures has every key that a procedure.toml may have, and no other; and every finding and reason."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from node.records import procedure_act_file, procedure_file
from node.records.domains import load_domains
from node.records.procedure_states import REASONS

PAGE = (Path(__file__).parents[2] / "docs/reference/procedure.md").read_text(encoding="utf-8")
GRAMMAR = PAGE[PAGE.index("## procedure.toml") : PAGE.index("### What does not load")]
HEADERS = {"groups", "statement", "exception", "state", "act", "period", "transition"}


def keys_that_are_read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What the reader knows, of all tables that the folders here have."""
    known: set[str] = set()

    def noting(place: str, about: Mapping[str, Any], keys: Iterable[str]) -> None:
        known.update(keys)

    with monkeypatch.context() as patched:
        for module in (procedure_file, procedure_act_file):
            patched.setattr(module, "check_keys", noting)
        assert load_domains().broken == ()
    return known


def test_each_key_of_the_grammar_is_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    on_page = set(re.findall(r"`([a-z_]+)`", GRAMMAR))
    assert keys_that_are_read(monkeypatch) - HEADERS <= on_page


def test_each_key_of_the_page_is_one_of_the_grammar(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = re.findall(r"^\| (`[^|]+`) \|", GRAMMAR, flags=re.M)
    keys = {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}
    assert keys <= keys_that_are_read(monkeypatch)


def test_each_reason_for_an_act_out_of_step_is_on_the_page() -> None:
    table = PAGE[PAGE.index("**Out of step.**") : PAGE.index("**Clock.**")]
    rows = re.findall(r"^\| (`[^|]+`) \|", table, flags=re.M)
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == {*REASONS}
