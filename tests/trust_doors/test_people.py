"""Who is told what is due, by the commands: addresses, absences, whose a case is."""

import os
from pathlib import Path

from tests.trust_doors.homes import Home


def test_addresses_and_absences_of_people(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "south")
    home.set(zone="Europe/Belgrade")
    home.do("user", "add", "Ana Kostić", "--role", "officer", "--mail", "ana@interior.example")
    away = home.do("user", "away", "Ana Kostić", "--from", "2026-08-03", "--until", "2026-08-14")
    assert away == {"name": "Ana Kostić", "from": "2026-08-02T22:00:00.000Z", "until": "2026-08-14T22:00:00.000Z"}
    said = home.run("user", "away", "Ana Kostić", "--from", "2026-08-03", "--until", "2026-08-14").out
    assert said == "Ana Kostić is away from 2026-08-03 to 2026-08-14, that day too.\n"
    (listed,) = home.do("user", "list")
    assert (listed["mail"], listed["away_from"]) == ("ana@interior.example", away["from"])
    assert home.do("user", "away", "Ana Kostić", "--back")["from"] is None
    home.do("user", "add", "Ana Kostić", "--role", "officer", "--mail", "")
    assert home.do("user", "list")[0]["mail"] is None


def test_what_cannot_be_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "south")
    assert "no mail address" in home.refuses("user", "add", "Ana", "--role", "officer", "--mail", "ana at interior")
    assert home.do("user", "list") == []
    home.do("user", "add", "Ana", "--role", "officer")
    assert "expected a day" in home.refuses("user", "away", "Ana", "--from", "3 August", status=2)
    assert "before its first" in home.refuses("user", "away", "Ana", "--from", "2026-08-03", "--until", "2026-08-01")
    assert "--back" in home.refuses("user", "away", "Ana", "--back", "--until", "2026-08-01", status=2)
    assert "There is no account" in home.refuses("user", "away", "Nobody")
    assert "There is no case" in home.refuses("case", "assign", "2026-0001", "Ana")
    assert home.do("user", "list")[0]["away_from"] is None
    home.set(mail_server="smtp://mail.example:587")
    assert "mail_from" in home.refuses("user", "list", status=2)
    home.set(mail_server="https://mail.example", mail_from="a@b.example")
    assert "smtps://HOST:PORT" in home.refuses("user", "list", status=2)


def test_a_name_that_a_terminal_sent_in_another_encoding_is_refused_in_words(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "south")
    latin_2 = os.fsdecode("Ana Kostić".encode("iso8859_2"))
    said = home.refuses("user", "add", latin_2, "--role", "officer", status=2)
    assert said == "b'Ana Kosti\\xe6' is not UTF-8. Set the terminal to UTF-8, and write it again.\n"
    assert home.do("user", "list") == []
