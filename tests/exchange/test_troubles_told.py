"""What a person is told when a folder, a file or the database is not as it should be: which, and what to do."""

from pathlib import Path

import pytest

from tests.interop.nodes import free_port
from tests.trust_doors.homes import Home, Said, command

INIT = ("init", "--party", "south", "--name", "Office of south")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", "south")


def told(said: Said, status: int) -> str:
    """The complaint of a command that must have said nothing else."""
    assert (said.status, said.out) == (status, ""), said
    assert "Traceback" not in said.err
    return said.err.strip()


def test_a_file_in_place_of_the_home_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert told(command(*INIT, "--home", str(file)), 1) == f"{file}: File exists. Check the path and its rights."
    assert told(command("message", "list", "--home", str(file)), 2).startswith(f"There is no node in {file}.")
    assert file.read_text() == "mine"


def test_a_home_that_cannot_be_made_is_named() -> None:
    said = told(command(*INIT, "--home", "/proc/depesha"), 1)
    assert said == "/proc/depesha: No such file or directory. Check the path and its rights."


@pytest.mark.parametrize(("party", "name", "option"), [("", "N", "--party"), ("p", " ", "--name")])
def test_a_node_without_a_name_is_not_made(tmp_path: Path, party: str, name: str, option: str) -> None:
    said = told(command("init", "--party", party, "--name", name, "--home", str(tmp_path / "h")), 2)
    assert said.startswith(f"{option} is empty:")
    assert not (tmp_path / "h").exists()


def test_a_file_in_place_of_a_folder_for_parts_is_named(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other", "north")
    keys = other.folder / "keys"
    home.do(
        "peer", "add", "--party", "north", "--url", other.url,
        "--signing-cert", str(keys / "signing.cert.pem"), "--encryption-cert", str(keys / "encryption.cert.pem"),
    )  # fmt: skip
    home.do("agreement", "unilateral", "--peer", "north", "--service", "urn:example", "--action", "Dispatch")
    file = tmp_path / "file"
    file.write_text("mine")
    send = ("send", "--service", "urn:example", "--action", "Dispatch", "--to", "north")
    sent = home.do(*send, "--part", f"{file}:text/plain")["id"]
    for mode in ((), ("--signed",)):
        said = told(home.run("message", "parts", sent, "--out", str(file), *mode), 1)
        assert said == f"{file}: File exists. Check the path and its rights."
    assert file.read_text() == "mine"


@pytest.mark.parametrize("address", ["mysql://me:secret@h/d", "sqlite://", "me:secret"])
def test_an_address_of_no_database_is_wrong_usage(
    home: Home, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPESHA_DATABASE_URL", address)
    for said in (home.run("message", "list"), command(*INIT, "--home", str(tmp_path / "fresh"))):
        text = told(said, 2)
        assert text.startswith("database_url: found")
        assert "postgresql+psycopg://" in text
        assert "secret" not in text
    assert not (tmp_path / "fresh").exists()


def test_a_server_that_is_not_there_is_named_without_its_password_and_leaves_no_half_node(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, fresh = free_port(), tmp_path / "new" / "fresh"
    monkeypatch.setenv("DEPESHA_DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{port}/records")
    for said in (home.run("message", "list"), command(*INIT, "--home", str(fresh))):
        text = told(said, 1)
        assert f"the database records on 127.0.0.1:{port} cannot be reached" in text
        assert "DEPESHA_DATABASE_URL" in text
        assert "secret" not in text
    assert not (tmp_path / "new").exists()
    monkeypatch.delenv("DEPESHA_DATABASE_URL")
    assert command(*INIT, "--home", str(fresh)).status == 0


def test_a_failed_init_takes_away_what_it_made_and_nothing_else(tmp_path: Path) -> None:
    home, mine = tmp_path / "home", tmp_path / "home" / "mine"
    home.mkdir()
    mine.write_text("kept")
    (home / "depesha.toml").symlink_to(tmp_path / "nowhere" / "settings")  # the last file cannot be written
    told(command(*INIT, "--home", str(home)), 1)
    assert sorted(path.name for path in home.iterdir()) == ["depesha.toml", "mine"]
    (home / "depesha.toml").unlink()
    assert command(*INIT, "--home", str(home)).status == 0
    assert mine.read_text() == "kept"


def test_a_damaged_database_file_is_named(home: Home) -> None:
    file = home.folder / "depesha.db"
    file.write_bytes(b"no database at all" * 1000)
    text = told(home.run("message", "list"), 1)
    assert text.startswith(f"damaged: the database {file} is damaged.")
    assert "copy" in text


def test_a_missing_database_or_settings_file_is_to_be_put_back_and_no_node_to_be_made(home: Home) -> None:
    (home.folder / "depesha.db").unlink()
    text = told(home.run("message", "list"), 1)
    assert f"there is no database at {home.folder / 'depesha.db'}: put your copy of it back" in text
    assert "init" not in text
    (home.folder / "depesha.toml").unlink()
    text = told(home.run("message", "list"), 2)
    assert text.startswith(
        f"{home.folder} holds keys of a node, but no depesha.toml: put your copy of this folder back"
    )
