"""What `send` and its neighbours tell: what is wrong with a record, which case, why a message is not delivered."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from node.cli.messages import why_not
from node.exchange.agreements import open_unilateral
from tests.exchange.offices import APPLICATION, EXAMPLES, RECORDS
from tests.exchange.test_doors import SEND, acquaint
from tests.trust_doors.homes import Home, command

FIELDS = {"code", "rule", "file", "line", "field", "found", "expected", "remedy"}
UNILATERAL = ("agreement", "unilateral", "--peer", "north")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A node that nobody serves, with a peer that is not there."""
    folder = tmp_path_factory.mktemp("sending-told")
    made, other = Home(folder / "home", "south"), Home(folder / "other", "north")
    acquaint(made, other)
    return made


def findings(home: Home, *words: str) -> list[dict[str, Any]]:
    """Those of a record that must be refused, after they were told in words too."""
    said = home.run("send", "--to", "north", "--json", *words)
    assert said.status == 1, said
    value = json.loads(said.out)
    assert {name: value[name] for name in ("id", "case", "state")} == {"id": None, "case": None, "state": None}
    found: list[dict[str, Any]] = value["findings"]
    assert all(set(one) == FIELDS and one["code"] is None for one in found)
    assert all(one["remedy"] in said.err for one in found)
    return found


def test_a_record_that_is_refused_is_told_as_one_value_too(home: Home) -> None:
    bad = EXAMPLES / "bad" / "name-with-digit.xml"
    (named,) = {one["file"] for one in findings(home, str(bad))}
    assert named == str(bad)
    as_part = ("--service", RECORDS, "--action", APPLICATION, "--part", f"{bad}:application/xml")
    assert [one["found"] for one in findings(home, *as_part)] == [one["found"] for one in findings(home, str(bad))]


def test_an_attachment_of_another_content_is_told_with_both_digests(home: Home, tmp_path: Path) -> None:
    photograph, passport = (EXAMPLES / "attachments" / name for name in ("photograph-p1.jpg", "passport-p1.pdf"))
    other = tmp_path / photograph.name
    other.write_bytes(b"another photograph")
    record = EXAMPLES / "good" / "application.xml"
    (found,) = findings(home, str(record), "--attach", str(other), str(passport))
    assert found["rule"] == "attachment:digest"
    assert found["found"] == f"another content, SHA-256 {hashlib.sha256(other.read_bytes()).hexdigest()}"
    assert found["expected"] == hashlib.sha256(photograph.read_bytes()).hexdigest()


def test_a_case_that_is_new_is_called_new(home: Home) -> None:
    first = home.run(*SEND, "north").out
    number = first.split(" in the new case ")[1].split(".")[0]
    assert home.run(*SEND, "north", "--case", number).out.split(" in case ")[1].startswith(f"{number}.")
    assert " in the new case " in home.run(*SEND, "north", "--case", "freeform").out
    assert " in case " in home.run(*SEND, "north", "--case", "freeform").out


@pytest.mark.parametrize("name", ["2026-0001x", "2026-", "2026-0001 ", "2026-1234567890"])
def test_a_number_mistyped_opens_no_case(home: Home, name: str) -> None:
    before = home.do("case", "list")
    assert f"There is no case {name}." in home.refuses(*SEND, "north", "--case", name)
    assert home.do("case", "list") == before


def test_a_pair_that_no_record_of_a_domain_has_is_not_opened(home: Home) -> None:
    before = home.do("agreement", "list")
    said = home.refuses(*UNILATERAL, "--service", RECORDS, "--action", "Mistyped")
    assert RECORDS in said
    assert APPLICATION in said
    assert home.do("agreement", "list") == before


def test_an_agreement_is_ended_by_its_reference_if_that_names_one(home: Home) -> None:
    made = home.do(*UNILATERAL, "--ref", "urn:example:one", "--service", "urn:s", "--action", "A")
    assert home.do("agreement", "end", "urn:example:one") == {"id": made["id"], "state": "ended", "refused": 0}
    assert "in force" in home.refuses("agreement", "end", "urn:example:one")
    again = home.do(*UNILATERAL, "--ref", "urn:example:one", "--service", "urn:s", "--action", "A")
    home.do("peer", "add", "--paper", "--party", "another", "--name", "Another")
    node = home.node()
    with node.database.write() as connection:
        other = open_unilateral(
            connection, peer="another", ref="urn:example:one", service="urn:s", service_type=None, action="A",
            now=node.now(),
        )  # fmt: skip
    node.database.close()
    said = home.refuses("agreement", "end", "urn:example:one")
    assert again["id"] in said
    assert str(other) in said
    assert home.do("agreement", "show", again["id"])["state"] == "in force"


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        ("refused", {"code": "EBMS:0004", "detail": "no such record."},
         "Not delivered. EBMS:0004: no such record. `depesha message show m@x`"),
        ("queued", {"code": "EBMS:0202", "detail": "refused"},
         "Not delivered within 8 seconds; it stays queued. Last attempt: EBMS:0202: refused."),
        ("sending", None, "Not delivered within 8 seconds; an attempt is under way. `depesha message show m@x`"),
    ],
)  # fmt: skip
def test_why_a_message_is_not_delivered(state: str, error: dict[str, str] | None, told: str) -> None:
    assert why_not({"id": "m@x", "state": state, "error": error}, 8) == told


def test_waiting_in_vain_tells_that_it_stays_queued(home: Home) -> None:
    said = home.run(*SEND, "north", "--wait", "0.1")
    assert said.status == 1
    assert said.out.startswith("queued: ")
    told = "Not delivered within 0.1 seconds; it stays queued. Last attempt: none; `depesha serve` delivers it.\n"
    assert said.err == told


def test_a_file_that_is_no_card_is_named(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("# No card\n")
    said = home.refuses("peer", "add", str(file))
    assert said.startswith(f"{file} is no card: ")


def test_a_file_that_cannot_be_read_is_said_once(tmp_path: Path) -> None:
    said = command("record", "check", str(tmp_path / "none.xml"))
    assert said.status == 1
    assert said.out.count("No such file or directory") == 1
    assert "Check the path and its rights." in said.out


def test_send_explains_what_it_takes() -> None:
    text = " ".join(command("send", "-h").out.split())
    for words in ("a record of a domain", "the peer that gets it", "its service", "its action", "its parts, in order"):
        assert words in text
