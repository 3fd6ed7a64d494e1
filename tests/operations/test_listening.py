"""Sign-in links lead to where the pages are: as a proxy shows them, as a process serves them now, or as set."""

import re
import socket
import urllib.request
from pathlib import Path

import pytest

from node.config import ConfigError, Settings, load_settings
from node.operations.listening import FOLDER, announced, pages_address, sign_in_base
from tests.trust_doors.homes import Home, get

SETTINGS = Settings(party="office", name="An office", inside="127.0.0.1:17080")


@pytest.mark.parametrize(
    ("inside", "plain", "address"),
    [
        ("127.0.0.1:17080", True, "http://127.0.0.1:17080"),
        ("10.1.2.3:443", False, "https://10.1.2.3:443"),
        ("0.0.0.0:17080", False, f"https://{socket.gethostname()}:17080"),
        ("[::]:17080", False, f"https://{socket.gethostname()}:17080"),
        ("[2001:db8::1]:17080", False, "https://[2001:db8::1]:17080"),
        ("pages.example:17080", False, "https://pages.example:17080"),
    ],
)
def test_an_address_is_one_that_a_browser_can_open(inside: str, plain: bool, address: str) -> None:
    assert pages_address(inside, plain) == address


def test_a_link_to_every_address_leads_to_the_host_name_and_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "office")
    words = ("user", "add", "Ana", "--role", "officer")
    assert "host name" not in home.run(*words).out
    home.set(inside="0.0.0.0:17080")
    told = home.run(*words).out
    assert f"https://{socket.gethostname()}:17080/sign-in?token=" in told
    assert "leads to this machine's host name" in told
    home.set(pages_url="https://depesha.interior.example")
    assert "host name" not in home.run(*words).out


def test_what_is_served_now_goes_before_what_is_set(tmp_path: Path) -> None:
    assert sign_in_base(tmp_path, SETTINGS) == "http://127.0.0.1:17080"
    with announced(tmp_path, "https://10.1.2.3:443"):
        assert sign_in_base(tmp_path, SETTINGS) == "https://10.1.2.3:443"
        with announced(tmp_path, "https://10.1.2.3:444"):
            assert sign_in_base(tmp_path, SETTINGS) == "https://10.1.2.3:444", "the one that began last"
        assert sign_in_base(tmp_path, SETTINGS) == "https://10.1.2.3:443"
    assert sign_in_base(tmp_path, SETTINGS) == "http://127.0.0.1:17080"
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_what_a_killed_process_said_no_longer_counts(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "left").write_text("https://10.1.2.3:443\n")
    assert sign_in_base(tmp_path, SETTINGS) == "http://127.0.0.1:17080"
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_where_a_proxy_shows_the_pages_goes_before_all(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"pages_url": "https://depesha.interior.example"})
    with announced(tmp_path, "http://127.0.0.1:17080"):
        assert sign_in_base(tmp_path, settings) == "https://depesha.interior.example"


def test_a_link_made_while_the_node_serves_elsewhere_than_set_works(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "office")
    with home.serving("--outside", home.outside, "--inside", "127.0.0.1:0"):
        link = home.do("user", "add", "Ana", "--role", "officer")["link"]
        assert re.match(r"http://127\.0\.0\.1:[1-9]\d*/sign-in\?token=", link)
        status, page = get(link)
        assert (status, b"The link is good." in page) == (200, True)


def test_pages_that_a_proxy_shows_by_https_have_cookies_for_https_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "office")
    home.set(pages_url="https://depesha.interior.example")
    with home.serving():
        link = home.do("user", "add", "Ana", "--role", "officer")["link"]
        here = link.replace("https://depesha.interior.example", f"http://{home.inside}")
        assert here != link
        with urllib.request.urlopen(here, timeout=10) as answer:
            cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-depesha-")
    assert "; Secure" in cookie


def settings_file(home: Path, *lines: str) -> Path:
    (home / "depesha.toml").write_text("\n".join(['party = "office"', 'name = "An office"', *lines]))
    return home


@pytest.mark.parametrize("zone", ["Europe/Beograd", "Europe", "../etc/passwd", "", "UTC+1"])
def test_an_unknown_time_zone_is_refused_with_words(tmp_path: Path, zone: str) -> None:
    with pytest.raises(ConfigError, match="knows no such time zone; give one as Europe/Belgrade") as caught:
        load_settings(settings_file(tmp_path, f'zone = "{zone}"'), {})
    assert f"zone = {zone!r}" in str(caught.value)


def test_a_known_time_zone_is_taken(tmp_path: Path) -> None:
    assert load_settings(settings_file(tmp_path, 'zone = "Europe/Sarajevo"'), {}).zone == "Europe/Sarajevo"
    assert load_settings(tmp_path, {"DEPESHA_ZONE": "Europe/Tirane"}).zone == "Europe/Tirane"


@pytest.mark.parametrize(
    "url", ["depesha.example", "ftp://a.example", "https://a.example/pages", "https://", "https://a/"]
)
def test_an_address_of_pages_that_is_none_is_refused_with_words(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="scheme, host and port only"):
        load_settings(settings_file(tmp_path, f'pages_url = "{url}"'), {})
