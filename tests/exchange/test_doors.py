"""The commands as documentation names them, on two nodes that run; and what their logs and stores hold of persons."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from node.records.domains import load_domains
from node.records.fields import attachments, with_digests
from tests.exchange.offices import APPLICATION, EXAMPLES, RECORDS, ROOT
from tests.exchange.wire import letter, post_to
from tests.interop.nodes import until
from tests.trust_doors.homes import Home, Said, command, get

# One worker makes and serves the homes.
pytestmark = pytest.mark.xdist_group("exchange-doors")

SERVICE, ACTION = "urn:example:dispatches:1", "Dispatch"
SEND = ("send", "--service", SERVICE, "--action", ACTION, "--to")
NAME_FIELDS = frozenset({"PrimaryIdentifier", "SecondaryIdentifier"})


@dataclass
class Doors:
    """Two homes that know each other by certificate, both served; `files` holds things to send."""

    east: Home
    west: Home
    files: Path

    def file(self, name: str, content: bytes) -> Path:
        path = self.files / name
        path.write_bytes(content)
        return path


def acquaint(one: Home, other: Home) -> None:
    """`peer add --party` and the pairs, as the how-to says."""
    keys = other.folder / "keys"
    one.do(
        "peer", "add", "--party", other.party, "--url", other.url,
        "--signing-cert", str(keys / "signing.cert.pem"), "--encryption-cert", str(keys / "encryption.cert.pem"),
    )  # fmt: skip
    for service, action in ((SERVICE, ACTION), (RECORDS, APPLICATION)):
        one.do("agreement", "unilateral", "--peer", other.party, "--service", service, "--action", action)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("doors")
    east, west = Home(folder / "east", "east"), Home(folder / "west", "west")
    for home in (east, west):
        home.set(log_level="debug")
    acquaint(east, west)
    acquaint(west, east)
    (folder / "files").mkdir()
    with east.serving(), west.serving():
        yield Doors(east, west, folder / "files")


@pytest.fixture(scope="module")
def unserved(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A node that nobody serves, with a peer that is not there; tests that change nothing share it."""
    folder = tmp_path_factory.mktemp("unserved")
    made, other = Home(folder / "home", "south"), Home(folder / "other", "north")
    acquaint(made, other)
    return made


@pytest.fixture
def home(tmp_path: Path, unserved: Home) -> Home:
    """A copy of it, to change."""
    copied = copy(unserved)
    copied.folder = shutil.copytree(unserved.folder, tmp_path / "home")
    return copied


def process(*words: str, **environment: str) -> Said:
    """One command in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DEPESHA_")}
    done = subprocess.run(
        [sys.executable, "-m", "node", *words], cwd=ROOT, env=clean | environment, capture_output=True, text=True
    )
    return Said(done.returncode, done.stdout, done.stderr)


def test_a_message_through_the_doors(doors: Doors) -> None:
    """send --wait, message list, show, raw, parts: in processes of their own, as scripts use them."""
    pdf, text = doors.file("a.pdf", b"%PDF-specimen"), doors.file("b.txt", b"some\ntext")
    said = process(
        *SEND, "west", "--part", f"{pdf}:application/pdf", f"{text}:text/plain", "--wait", "--json",
        "--home", str(doors.east.folder),
    )  # fmt: skip
    assert said.status == 0, said
    sent = json.loads(said.out)
    assert set(sent) == {"id", "case", "state"}
    assert sent["state"] == "delivered"
    listed = process("message", "list", "--json", DEPESHA_HOME=str(doors.west.folder))
    assert listed.status == 0
    (row,) = [row for row in json.loads(listed.out) if row["id"] == sent["id"]]
    assert (row["direction"], row["state"], row["peer"], row["case"]) == ("in", "received", "east", sent["case"])
    assert [part["sha256"] for part in row["parts"]] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in (pdf, text)
    ]
    written = doors.west.do("message", "parts", sent["id"], "--out", str(doors.files / "out"))
    assert [Path(one["file"]).read_bytes() for one in written] == [b"%PDF-specimen", b"some\ntext"]
    raw = doors.west.run("message", "raw", sent["id"])
    assert (raw.status, raw.out.count("<?xml") <= 1, sent["id"] in raw.out) == (0, True, True)
    assert doors.west.do("message", "show", sent["id"])["id"] == sent["id"]
    index = until(lambda: doors.east.do("message", "show", sent["id"])["log_index"] is not None, 10, "it is sequenced")
    assert index
    (case,) = [case for case in doors.east.do("case", "list") if case["id"] == sent["case"]]
    assert [one["id"] for one in doors.east.do("case", "show", case["number"])["messages"]] == [sent["id"]]
    assert doors.east.do("peer", "ping", "west")["receipt"] is True


def test_parts_may_be_named_by_one_flag_or_several(doors: Doors) -> None:
    one, two = doors.file("1.txt", b"1"), doors.file("2.txt", b"2")
    attached = doors.file("3.png", b"3")
    sent = doors.east.do(
        *SEND, "west", "--part", f"{one}:text/plain", "--part", f"{two}:text/plain", "--attach", str(attached)
    )
    shown = doors.east.message(sent["id"])
    assert [part["name"] for part in shown["parts"]] == ["1.txt", "2.txt", "3.png"]
    assert [part["media_type"] for part in shown["parts"]] == ["text/plain", "text/plain", "image/png"]


def test_an_answer_in_the_case(doors: Doors) -> None:
    asked = doors.east.do(*SEND, "west", "--wait")
    answered = doors.west.do(*SEND, "east", "--case", asked["case"], "--wait", "20")
    assert answered["case"] == asked["case"]
    assert [row["id"] for row in doors.east.do("message", "list", "--case", asked["case"])] == [
        asked["id"], answered["id"],
    ]  # fmt: skip
    after = doors.east.do("message", "list", "--after", asked["id"], "--limit", "1000")
    assert answered["id"] in [row["id"] for row in after]
    assert asked["id"] not in [row["id"] for row in after]


def names_of(content: bytes) -> set[str]:
    """Every name and document number in a record."""
    found: set[str] = set()
    for element in etree.fromstring(content).iter():
        name = etree.QName(element).localname if isinstance(element.tag, str) else ""
        if name in NAME_FIELDS or name in {"Number", "PlaceOfBirth", "MRZ", "Line"}:
            found |= {word for word in (element.text or "").split() if len(word) > 4}
    return found


def with_files(doors: Doors, content: bytes) -> tuple[Path, list[Path]]:
    """The record with files of our own making in place of those that it lists, and these files."""
    domain = load_domains().find(RECORDS)
    assert domain is not None
    shape = domain.records[APPLICATION]
    starts = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "application/pdf": b"%PDF-"}
    files = [doors.file(one.name, starts[one.media_type] + os.urandom(100)) for one in attachments(content, shape)]
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return doors.file("record.xml", with_digests(content, shape, digests)), files


def test_names_are_in_no_log_no_metric_no_page_without_sign_in_and_in_no_file_of_the_store(doors: Doors) -> None:
    record, files = with_files(doors, (EXAMPLES / "good" / "full-application.xml").read_bytes())
    words = {word.encode() for word in names_of(record.read_bytes())}
    assert len(words) > 5
    send = ("send", str(record), "--attach", *map(str, files), "--to", "west")
    asked = doors.east.run(*send, "--json")
    assert (asked.status, "second look" in asked.err) == (1, True)
    (finding,) = json.loads(asked.out)["findings"]
    sent = doors.east.do(*send, "--confirm", finding["code"], "--wait")
    bad = doors.file("bad.xml", (EXAMPLES / "bad" / "name-with-digit.xml").read_bytes())
    send_bad = ("send", "--service", RECORDS, "--action", APPLICATION, "--part", f"{bad}:application/xml")
    assert "name-with-digit" not in doors.east.refuses(*send_bad, "--to", "west")
    words |= {word.encode() for word in names_of(bad.read_bytes())}
    refused = letter(
        doors.east.node(), doors.west.node(), [("application/xml", bad.read_bytes())],
        service=RECORDS, action=APPLICATION, agreement=None,
    )  # fmt: skip
    code, _ = asyncio.run(post_to(doors.west.url, refused)).told
    assert code == "EBMS:0004"
    assert doors.west.message(sent["id"])["state"] == "received"
    for home in (doors.east, doors.west):
        places = {"log": home.log.read_bytes()}
        for path in ("/metrics", "/readyz", "/healthz", "/", f"/messages/{sent['id']}"):
            places[path] = get(f"http://{home.inside}{path}")[1]
        for file in home.folder.rglob("*"):
            if file.is_file():
                places[str(file)] = file.read_bytes()
        assert any(name.endswith("-wal") or name.endswith(".db") for name in places)
        for place, octets in places.items():
            for word in words:
                assert word not in octets, f"{word!r} in {place} of {home.party}"
    assert doors.east.message(sent["id"])["error"] is None
    assert doors.west.message(refused.id)["state"] == "rejected"
    assert [row["id"] for row in doors.east.do("message", "list") if row["service"] == RECORDS] == [sent["id"]]


def test_logs_are_json_in_utc(doors: Doors) -> None:
    sent = doors.east.do(*SEND, "west", "--wait")
    until(lambda: sent["id"] in doors.east.log.read_text(), 10, "the delivery is logged")
    lines = [line for line in doors.east.log.read_text().splitlines() if not line.startswith("Depesha serves")]
    events = [json.loads(line) for line in lines]
    assert {"serving", "delivered"} <= {event["event"] for event in events}
    for event in events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", event["timestamp"]), event
        at = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
        assert abs((datetime.now(UTC) - at).total_seconds()) < 3600
        assert event["level"]
        assert event["room"]
    (delivered,) = [event for event in events if event["event"] == "delivered" and event["message"] == sent["id"]]
    assert (delivered["peer"], delivered["attempt"]) == ("west", 1)


def test_without_a_running_node_a_message_is_queued_and_waiting_for_it_is_no(home: Home) -> None:
    queued = home.do(*SEND, "north")
    assert queued["state"] == "queued"
    said = home.run(*SEND, "north", "--wait", "0.2", "--json")
    assert (said.status, json.loads(said.out)["state"]) == (1, "queued")
    assert [row["state"] for row in home.do("message", "list")] == ["queued", "queued"]
    withdrawn = home.do("message", "withdraw", queued["id"])
    assert withdrawn == {"id": queued["id"], "state": "refused"}
    resent = home.do("message", "resend", queued["id"])
    assert resent == {"id": queued["id"], "replaces": None, "state": "queued"}
    said = home.run("peer", "ping", "north", "--json")
    assert (said.status, json.loads(said.out)["receipt"]) == (1, False)


def test_words_for_people_and_one_value_for_programs(home: Home) -> None:
    assert "No messages" in home.run("message", "list").out
    sent = home.do(*SEND, "north")
    for words in (
        ("message", "list"), ("message", "show", sent["id"]), ("message", "raw", sent["id"]), ("case", "list"),
        ("case", "show", sent["case"]), ("peer", "list"), ("peer", "show", "north"), ("agreement", "list"), ("card",),
        ("message", "resend", sent["id"]), ("message", "parts", sent["id"], "--out", str(home.folder / "out")),
    ):  # fmt: skip
        plain, machine = home.run(*words), home.run(*words, "--json")
        assert (plain.status, machine.status) == (0, 0), words
        assert plain.out.strip() or words[1] == "parts", words
        json.loads(machine.out)
        assert machine.out.count("\n") == 1, words
        assert machine.err == ""


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("message", "show", "nothing@x"), 1, "message list"),
        (("message", "raw", "nothing@x"), 1, "message list"),
        (("message", "resend", "nothing@x"), 1, "message list"),
        (("message", "list", "--after", "nothing@x"), 1, "message list"),
        (("message", "list", "--case", "2026-9999"), 1, "case list"),
        (("case", "show", "nothing"), 1, "case list"),
        ((*SEND, "north", "--case", "2026-9999"), 1, "case list"),
        (("message", "list", "--state", "lost"), 2, "queued"),
        (("message", "list", "--limit", "many"), 2, "--limit"),
        (("message", "list", "--limit", "0"), 2, "--limit"),
        (("message", "parts", "x"), 2, "--out"),
        ((*SEND, "nobody"), 1, "peer list"),
        (("send", "--service", "urn:other", "--action", "X", "--to", "north"), 1, "agreement"),
        (("send", "--to", "north"), 2, "RECORD.xml"),
        (("send", "--service", SERVICE, "--to", "north"), 2, "--action"),
        ((*SEND, "north", "--part", "missing.pdf:application/pdf"), 1, "missing.pdf"),
        ((*SEND, "north", "--part", "missing.pdf"), 2, "FILE:MEDIATYPE"),
        ((*SEND, "north", "--wait", "-5"), 2, "--wait"),
        (("send", "missing.xml", "--to", "north"), 1, "missing.xml"),
        (("peer", "add", "--party", "x"), 2, "--url"),
        (("peer", "show", "nobody"), 1, "peer list"),
        (("peer", "remove", "nobody"), 1, "peer list"),
        (("agreement", "show", "nothing"), 1, "agreement list"),
        (("agreement", "end", "nothing"), 1, "agreement list"),
        (("agreement", "unilateral", "--peer", "nobody", "--service", "s", "--action", "a"), 1, "peer list"),
        (("agreement", "unilateral", "--peer", "north", "--service", SERVICE, "--action", ACTION), 1, "open"),
        (("no-such-verb",), 2, "no-such-verb"),
        (("message",), 2, "VERB"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_no_and_wrong_usage_say_what_to_do(unserved: Home, words: tuple[str, ...], status: int, told: str) -> None:
    said = unserved.run(*words, "--json") if words[0] != "no-such-verb" else command(*words)
    assert said.status == status, said
    assert said.out == ""
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_folder_without_a_node_is_wrong_usage_and_a_second_init_is_no(unserved: Home, tmp_path: Path) -> None:
    said = command("message", "list", "--home", str(tmp_path / "nowhere"))
    assert said.status == 2
    assert "depesha init" in said.err
    said = unserved.run("init", "--party", "x", "--name", "X")
    assert said.status == 1
    assert "already" in said.err


def test_init_prints_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    said = command("init", "--party", "p", "--name", "P", "--home", str(tmp_path / "h"), "--json")
    assert said.status == 0
    made: dict[str, Any] = json.loads(said.out)
    assert (made["party"], made["suite"], len(made["words"])) == ("p", "eddsa-x25519", 8)
    assert (tmp_path / "h").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "h" / "keys").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name
    assert (tmp_path / "h" / "depesha.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("words", [("--home", "H", "message", "list"), ("message", "--home", "H", "list")])
def test_home_stands_after_the_verb(unserved: Home, words: tuple[str, ...]) -> None:
    said = command(*(str(unserved.folder) if word == "H" else word for word in words))
    assert said.status == 2


def test_what_went_to_the_wrong_party_is_erased_there_and_its_breach_closed_here(doors: Doors) -> None:
    for one, other in ((doors.east, "west"), (doors.west, "east")):
        for action in ("ErasureNotice", "DataConfirmation"):
            one.do("agreement", "unilateral", "--peer", other, "--service", RECORDS, "--action", action)
    record = doors.file("wrong.xml", (EXAMPLES / "good" / "minimal-application.xml").read_bytes())
    asks = json.loads(doors.east.run("send", str(record), "--to", "west", "--json").out)["findings"]
    sent = doors.east.do("send", str(record), "--to", "west", "--confirm", *(one["code"] for one in asks), "--wait")
    recalled = doors.east.do("message", "recall", sent["id"], "--reason", "Meant for another.")
    assert recalled["case"] == sent["case"]
    (asked,) = until(lambda: doors.west.do("message", "recalls"), 10, "the recall has come")
    assert (asked["message"], asked["request"]) == (sent["id"], recalled["request"])
    signed = ("--place", "Zenith", "--office", "Readmission department")
    erased = doors.west.do("message", "erase", sent["id"], *signed)
    assert erased["outcome"] == "erased"
    again = doors.west.run("message", "erase", sent["id"], *signed)
    assert (again.status, "answered before" in again.err) == (1, True)
    out = doors.files / "erased"
    assert doors.west.run("message", "parts", sent["id"], "--out", str(out)).status == 1
    assert [one for one in out.glob("*") if one.read_bytes()] == []

    until(lambda: doors.east.do("message", "recalls") == [], 10, "the confirmation has come")
    breach = doors.east.do("breach", "show", recalled["breach"])
    assert (breach["recall_outcome"], breach["reason"], breach["outcome"]) == ("erased", "Meant for another.", None)
    assert [one["id"] for one in doors.east.do("breach", "list")] == [recalled["breach"]]
    wrong = doors.east.run("breach", "close", recalled["breach"], "--words", "Neither.")
    assert wrong.status == 2
    doors.east.do("breach", "close", recalled["breach"], "--not-needed", "--words", "Erased at once.")
    file = doors.files / "breaches.json"
    assert doors.east.do("breach", "export", "--out", str(file))["breaches"] == 1
    (kept,) = json.loads(file.read_text(encoding="utf-8"))
    assert (kept["id"], kept["outcome"], kept["done"]) == (recalled["breach"], "not-needed", "Erased at once.")
    assert doors.east.run("breach", "export", "--out", str(file)).status == 2
