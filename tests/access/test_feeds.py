"""`feed …` as it is typed: an address is shown once, listed without its secret, and ended."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.trust_doors.homes import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", "north")
    made.do("user", "add", "anna", "--role", "officer", "--unit", "Lyon")
    made.do("user", "add", "igor", "--role", "it")
    return made


def read(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_an_address_is_read_by_whoever_has_it_until_it_is_removed(home: Home) -> None:
    with home.serving("--outside", home.inside, "--inside", home.inside):
        made = home.do("feed", "add", "--officer", "anna")
        assert made["address"].startswith(f"http://{home.inside}/feeds/")
        status, calendar = read(made["address"])
        assert (status, calendar.splitlines()[0]) == (200, "BEGIN:VCALENDAR")
        secret = made.pop("address").rpartition("/")[2].removesuffix(".ics")
        assert home.do("feed", "list") == [made]
        shown = home.run("feed", "list")
        assert ("anna" in shown.out, secret in shown.out) == (True, False)
        assert home.do("feed", "remove", made["id"])["id"] == made["id"]
        assert read(f"http://{home.inside}/feeds/{secret}.ics")[0] == 404
    assert secret not in home.log.read_text()
    assert home.do("feed", "list") == []
    assert [one["id"] for one in home.do("feed", "list", "--all")] == [made["id"]]


def test_what_cannot_be_an_address_is_refused(home: Home) -> None:
    for words, status, said in (
        (["--officer", "igor"], 1, "igor is no officer or head"),
        (["--officer", "nobody"], 1, "no account"),
        (["--unit", " "], 1, "cannot be a unit"),
        (["--unit", "Lyon", "--days", "4000"], 1, "give 1 to 3650"),
        ([], 2, "one of the arguments"),
        (["--unit", "Lyon", "--officer", "anna"], 2, "not allowed"),
    ):
        refused = home.run("feed", "add", *words)
        assert (refused.status, said in refused.err) == (status, True), refused
    gone = home.run("feed", "remove", "feed-0000000000000000")
    assert (gone.status, "depesha feed list" in gone.err) == (1, True)
    assert home.do("feed", "list") == []
