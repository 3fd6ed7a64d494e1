"""`doctor` says what is well and what is not, with what helps, and its exit status says whether all is."""

from pathlib import Path

import pytest

from node.operations import checks
from tests.trust_doors.homes import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(checks, "kernel_clock", lambda: "synchronised")
    return Home(tmp_path / "home", "north")


def test_a_node_that_is_well_says_so(home: Home) -> None:
    said = home.run("doctor")
    assert said.status == 0, said
    assert "NOT OK" not in said.out
    found = {one["check"]: one for one in home.do("doctor")}
    assert set(found) >= {
        "sign",
        "decrypt",
        "write",
        "clock",
        "disk",
        "alarms",
        "revocation-lists",
        "domains",
        "settings",
    }
    assert all(set(one) == {"check", "ok", "found", "remedy"} for one in found.values())


def test_what_is_wrong_comes_with_what_helps(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPESHA_RETRY_HORS", "3")
    said = home.run("doctor")
    assert said.status == 1
    assert "NOT OK  settings" in said.out
    assert "no settings: DEPESHA_RETRY_HORS" in said.out
    assert "Correct their names" in said.out
