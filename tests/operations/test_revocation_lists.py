"""The check of revocation lists: each thing that can be wrong with them is broken, and seen to be told."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from node.operations.checks import Check, run_checks
from node.operations.metrics import render_metrics
from tests.trust_doors.authorities import Authority, Party
from tests.trust_doors.homes import Home

URL = "http://crl.example/ca.crl"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whose certificates name where its list is."""
    return Authority(tmp_path_factory.mktemp("authorities") / "federation", "Federation", "--crl-url", URL)


@pytest.fixture(scope="module")
def blue(authority: Authority) -> Party:
    return authority.party("blue")


@pytest.fixture
def home(tmp_path: Path, authority: Authority, blue: Party) -> Home:
    """A node that knows a peer by that authority."""
    home = Home(tmp_path / "home", "north")
    known = ("--party", "blue", "--url", "https://blue.example/as4", "--ca", authority.certificate)
    home.do("peer", "add", *known, *blue.as_given())
    return home


def found(home: Home, days: int = 0) -> Check:
    """The check, so many days from now, with what metrics make of it."""
    node = home.node()
    node = replace(node, now=lambda now=node.now: now() + timedelta(days=days))
    check = next(one for one in run_checks(node) if one.name == "revocation-lists")
    value = f'depesha_check_ok{{check="revocation-lists"}} {float(check.ok)}'
    assert value in render_metrics(node, [check], {}).decode()
    assert not check.needed
    assert bool(check.remedy) == (not check.ok)
    return check


def publish(home: Home, authority: Authority) -> Path:
    folder = home.folder / "crls"
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(authority.folder / "ca.crl", folder / "federation.crl"))


def test_a_list_that_is_missing_although_a_certificate_names_it_is_told(home: Home, authority: Authority) -> None:
    check = found(home)
    assert not check.ok
    assert "certified blue" in check.found
    publish(home, authority)
    check = found(home)
    assert (check.ok, check.found) == (True, "1 in use")


def test_a_list_that_is_overdue_is_told(home: Home, authority: Authority) -> None:
    publish(home, authority)
    assert found(home, days=34).ok
    check = found(home, days=36)
    assert (check.ok, check.found) == (False, "federation.crl: a newer list is due: fetch it")


def test_a_file_that_is_no_list_is_told(home: Home, authority: Authority) -> None:
    publish(home, authority).write_bytes(b"<html>404</html>")
    check = found(home)
    assert not check.ok
    assert check.found.startswith("federation.crl: revocation list: found bytes that cannot be read")
    assert str(home.folder / "crls") in check.remedy


def test_without_peers_of_an_authority_there_is_nothing_to_say(home: Home) -> None:
    home.do("peer", "remove", "blue")
    assert found(home).ok
