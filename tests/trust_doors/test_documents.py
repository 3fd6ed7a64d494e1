"""What a travel document says, by the commands: without a node, from standard input."""

import io
import json
from pathlib import Path

import pytest

from tests.trust_doors.homes import command

PASSPORT = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\n"


def test_lines_are_read_from_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSPORT))
    said = command("person", "mrz", "--json", "--home", str(tmp_path / "none"))
    assert said.status == 0, said.err
    read = json.loads(said.out)
    assert (read["format"], read["primary"], read["expiry"], read["problems"]) == ("TD3", "ERIKSSON", "2012-04-15", [])
    assert not (tmp_path / "none").exists()


def test_what_does_not_agree_is_named_and_nothing_is_corrected() -> None:
    first, second = PASSPORT.replace("L898902C3", "LB98902C3").split()
    said = command("person", "mrz", first, second)
    assert said.status == 1
    assert "LB98902C3" in said.out
    assert "It would agree with L898902C3" in said.out


def test_lines_of_no_format_are_wrong_usage() -> None:
    said = command("person", "mrz", PASSPORT.split()[0])
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("line 1, position 1: found 1 lines, expected 2 or 3 lines. Enter all lines")


def test_latin_letters_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    said = command("person", "latin", "Ђорђе", "Ђорђевић", "--language", "sr")
    assert said.out == "in documents     DORDE DORDEVIC\nin the language  Đorđe Đorđević\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("Παπαδόπουλος\n"))
    assert "No table has Π Α Δ" in command("person", "latin", "--language", "el").out
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command("person", "latin", "--language", "el").status == 2
