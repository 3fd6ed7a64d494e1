"""The pages on peers, terms, sending and what went to the wrong party do what they say, in order, on two nodes."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.docs.console import ROOT
from tests.docs.reader import Reader
from tests.interop.nodes import until
from tests.trust_doors.homes import Home

pytestmark = pytest.mark.xdist_group("guides")
EXAMPLES = ROOT / "schemas/returns/1/examples"
RETURNS = "urn:depesha:returns:1"
REF = "urn:example:returns"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home]]:
    """Two that serve: ours, of Austria, which knows nobody yet, and theirs, of Serbia, which knows us."""
    folder = tmp_path_factory.mktemp("guides")
    ours = Home(folder / "ours", "aut-interior", init=("--country", "AUT"))
    theirs = Home(folder / "theirs", "srb-interior", init=("--country", "SRB"))
    for home in (ours, theirs):
        home.set(allow_unilateral_terms=True, country="AUT" if home is ours else "SRB")
    theirs.do("peer", "add", str(ours.card(folder)), "--words", ours.words())
    theirs.do("agreement", "unilateral", "--peer", "aut-interior", "--ref", REF, "--service", RETURNS)
    with ours.serving(), theirs.serving():
        yield ours, theirs


@pytest.fixture
def met(nodes: tuple[Home, Home], tmp_path: Path) -> tuple[Home, Home]:
    """The two once we know them as well, and both have opened the records of returns."""
    ours, theirs = nodes
    if "srb-interior" not in {one["party"] for one in ours.do("peer", "list")}:
        ours.do("peer", "add", str(theirs.card(tmp_path)), "--words", theirs.words())
    if not any(one["ref"] == REF for one in ours.do("agreement", "list")):
        ours.do("agreement", "unilateral", "--peer", "srb-interior", "--ref", REF, "--service", RETURNS)
    return ours, theirs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reader gives commands."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state_of(home: Home, message: str, state: str) -> bool:
    return bool(home.message(message)["state"] == state)


def test_add_a_peer(nodes: tuple[Home, Home], folder: Path) -> None:
    ours, theirs = nodes
    theirs.card(folder).rename(folder / "their-card")
    other = Home(folder / "other", "blue")
    for kind in ("signing", "encryption"):
        name = {"signing": "sign", "encryption": "kex"}[kind]
        shutil.copy(other.folder / "keys" / f"{kind}.cert.pem", folder / f"blue-{name}.pem")
    reader = Reader("add-a-peer", folder, {})
    reader.do("card >", ours)
    assert (folder / "card").read_text(encoding="utf-8").strip() == str(ours.do("card")["card"]).strip()
    assert "srb-interior is added, unconfirmed" in reader.do("peer add their-card", ours)
    words = "photo around chest initial tongue relax enrich oyster"
    assert "srb-interior is confirmed" in reader.do("peer confirm", ours, **{words: theirs.words()})
    reader.do("peer add --party blue --url", ours)
    assert ours.state("blue") == "confirmed"
    reader.do("peer add --paper", ours)
    assert ours.do("peer", "show", "mkd-interior")["kind"] == "paper"
    assert "srb-interior answered with a signed receipt" in reader.do("peer ping", ours, blue="srb-interior")
    reader.do("peer remove blue", ours)
    assert ours.state("blue") == "removed"
    reader.end()


def test_open_terms(met: tuple[Home, Home], folder: Path) -> None:
    ours, _ = met
    reader = Reader("open-terms", folder, {"blue": "srb-interior"})
    opened = reader.value("agreement unilateral", ours)
    assert [pair["action"] for pair in opened["pairs"]] == ["Submit"]
    assert "urn:as4:agreement" in reader.do("agreement list", ours)
    assert "urn:example:service" in reader.do("agreement show", ours, ID=opened["id"])
    reader.do("agreement end", ours, ID=opened["id"])
    assert ours.do("agreement", "show", opened["id"])["state"] == "ended"
    reader.end()


def write_application(folder: Path) -> None:
    """What the reader makes of the form: a filled record whose files bear the page's names."""
    text = (EXAMPLES / "good/application.xml").read_text(encoding="utf-8")
    for name, there in (("photograph.jpg", "photograph-p1.jpg"), ("passport.pdf", "passport-p1.pdf")):
        text = text.replace(there, name)
        shutil.copy(EXAMPLES / "attachments" / there, folder / name)
    (folder / "application.xml").write_text(text, encoding="utf-8")


def test_send_and_follow_a_message(met: tuple[Home, Home], folder: Path) -> None:
    ours, theirs = met
    ours.do(
        "agreement", "unilateral", "--peer", "srb-interior", "--service", "urn:example:service", "--action", "Submit"
    )
    reader = Reader("send-and-follow-a-message", folder, {"blue": "srb-interior"})
    reader.do("record new returns ReadmissionApplication >", None)
    assert "<!--" in (folder / "application.xml").read_text(encoding="utf-8")
    write_application(folder)
    assert "Nothing is wrong" in reader.do("record check", None)
    sent = reader.value("send application.xml", ours)
    until(lambda: state_of(ours, sent["id"], "delivered"), 30, "the application arrives")
    for name in ("form.xml", "scan.pdf"):
        shutil.copy(folder / {"form.xml": "application.xml", "scan.pdf": "passport.pdf"}[name], folder / name)
    spelt = reader.value("send --service", ours)
    until(lambda: state_of(ours, spelt["id"], "refused"), 30, "what they have not opened is refused")
    reader.do("message list --state given-up", ours)
    assert "state         delivered" in reader.do("message show", ours, ID=sent["id"])
    (number,) = {one["number"] for one in ours.do("case", "list") if one["id"] == sent["case"]}
    assert number in reader.do("case list", ours)
    assert sent["id"] in reader.do("case show", ours, **{"2026-0417": number})
    reader.do("message parts", ours, ID=sent["id"])
    assert sorted(path.suffix for path in (folder / "folder").iterdir()) == [".jpg", ".pdf", ".xml"]
    assert "Envelope" in reader.do("message raw", ours, ID=sent["id"])
    reader.do("message resend", ours, ID=spelt["id"])
    until(lambda: state_of(ours, spelt["id"], "refused"), 30, "it is refused again")
    reader.do("message withdraw", ours, ID=spelt["id"])
    assert ours.message(spelt["id"])["state"] == "refused"
    reader.end()
    assert theirs.message(sent["id"])["state"] == "received"


def test_sent_to_the_wrong_party(met: tuple[Home, Home], folder: Path) -> None:
    ours, theirs = met
    write_application(folder)
    files = ("--attach", "photograph.jpg", "passport.pdf")
    sent = [ours.do("send", "application.xml", "--to", "srb-interior", *files)["id"] for _ in range(2)]
    until(lambda: all(state_of(ours, one, "delivered") for one in sent), 30, "both arrive")
    known = datetime.now(UTC).isoformat(timespec="milliseconds")
    when = {"2026-11-26T09:00:00+01:00": known, "2026-11-26T15:00:00+01:00": known}
    reader = Reader("sent-to-the-wrong-party", folder, when)
    reader.do("message recall", ours, ID=sent[0])
    ours.do("message", "recall", sent[1], "--reason", "Meant for the other ministry.", "--aware", known)
    due = reader.do("due", ours)
    assert len(re.findall("eras", due)) >= 2, due
    listed = reader.value("breach list", ours)
    assert {one["message"] for one in listed} == set(sent)
    reader.do("breach close", ours, BREACH=listed[0]["id"])
    reader.do("breach close", ours, BREACH=listed[1]["id"])
    assert [one["outcome"] for one in ours.do("breach", "list", "--all")] == ["notified", "not-needed"]
    until(lambda: len(theirs.do("message", "recalls")) == 2, 30, "they are asked")
    reader.do("message erase", theirs, ID=sent[0])
    reader.do("message erase", theirs, ID=sent[1])
    reader.end()
    until(lambda: ours.do("message", "recalls") == [], 30, "both are answered here, too")
