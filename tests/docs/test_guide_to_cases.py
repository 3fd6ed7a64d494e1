"""The page that follows a case by its clock does what it says, in order, on two nodes: from terms to the transfer."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.docs.console import ROOT
from tests.docs.reader import Reader
from tests.interop.nodes import until
from tests.trust_doors.homes import Home

pytestmark = pytest.mark.xdist_group("guides")
GOOD = ROOT / "schemas/returns/1/examples/good"
RETURNS, ADMINISTRATIVE, DAYS_OFF = (f"urn:depesha:{name}:1" for name in ("returns", "administrative", "days-off"))
NAMES = {"mup.srb": "srb-interior", "mi.fra": "fra-interior"}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home]]:
    """France, which applies, and Serbia: peers, with all records open that the page speaks of. Both serve."""
    folder = tmp_path_factory.mktemp("guide")
    france = Home(folder / "france", "fra-interior", init=("--country", "FRA"))
    serbia = Home(folder / "serbia", "srb-interior", init=("--country", "SRB"))
    for home, other in ((france, serbia), (serbia, france)):
        home.set(allow_unilateral_terms=True)
        home.do("peer", "add", str(other.card(folder)), "--words", other.words())
        for service in (RETURNS, ADMINISTRATIVE, DAYS_OFF):
            home.do("agreement", "unilateral", "--peer", other.party, "--ref", "urn:example:page", "--service", service)
    with france.serving(), serbia.serving():
        yield france, serbia


def write(folder: Path, file: str, example: str, concerning: str = "", case: str = "") -> None:
    """A filled record as the page wants it: of one person, about that message, in that case."""
    text = (GOOD / f"{example}.xml").read_text(encoding="utf-8")
    text = re.sub("<Concerning>[^<]*<", f"<Concerning>{concerning}<", text)
    for listed in re.findall(r"  <Listed.*?</Listed>\n", text, flags=re.S):
        of_one = re.findall("<Person>(.*?)</Person>", listed) == ["p1"]
        if not of_one or "<NotArrived>" in listed:
            text = text.replace(listed, "")
    text = re.sub("<Case>[^<]*<", f"<Case>{case}<", text)
    (folder / file).write_text(text, encoding="utf-8")


def serbia_makes_terms(serbia: Home) -> None:
    """The page's first two commands, as the other side gives them."""
    made = ("agreement", "terms", "--peer", "fra-interior")
    places = ("fra-interior=Europe/Paris", "srb-interior=Europe/Belgrade")
    serbia.run(*made, "--domain", "returns", "--template", "ec-serbia", "--place", *places)
    given = ("--confirm", "counting", "--set", "reply-accelerated=2 working-days")
    serbia.do(*made, "--domain", "returns", *given, "--drop", "error", "submission-accelerated", "transit-reply")


def test_follow_a_case_by_its_clock(nodes: tuple[Home, Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    france, serbia = nodes
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer.pdf").write_bytes(
        (ROOT / "schemas/returns/1/examples/attachments/passport-p1.pdf").read_bytes()
    )
    write(tmp_path, "application.xml", "minimal-application")
    point = json.loads(france.run("send", "application.xml", "--to", "srb-interior", "--json").out)["findings"]
    codes = [one["code"] for one in point]
    opened = france.do("send", "application.xml", "--to", "srb-interior", "--confirm", *codes)
    until(lambda: france.message(opened["id"])["state"] == "delivered", 30, "the application arrives")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    reader = Reader("follow-a-case-by-its-clock", tmp_path, NAMES)

    terms = reader.run("agreement terms", france)
    assert terms.status == 1, "figures wait for a person"
    assert "article" in terms.out
    assert "In use since" in reader.do("agreement terms", france)
    serbia_makes_terms(serbia)
    reader.do("calendar propose", france)
    days_off = france.do("send", "days-off.xml", "--to", "srb-interior")["id"]
    until(lambda: france.message(days_off)["state"] == "delivered", 30, "the calendar arrives")
    assert "answer to the application" in reader.do("due", france)
    assert re.search("2026-0001 .*applied", reader.do("case list", france))
    assert "silence: deemed-accepted" in reader.do("case show", france)
    reader.do("user add", france)
    reader.do("feed add", france)
    assert len(france.do("feed", "list")) == 1
    assert "Ana Kostić's" in reader.do("case assign", france)
    assert "is away from" in reader.do("user away", france)
    recorded = reader.do("case record 2026-0001", france, **{"2026-04-17T10:30:00+02:00": now})
    assert "applied → accepted" in recorded
    assert "draft → applied" in reader.do("case record new", france)

    def step(by: Home, file: str, example: str, concerning: str = "", **names: str) -> dict[str, Any]:
        write(tmp_path, file, example, concerning, names.get("CASE", ""))
        said = reader.sent(f"send {file}", by, **names)
        until(lambda: by.message(said["id"])["state"] == "delivered", 30, f"{file} arrives")
        return said

    application = step(france, "application.xml", "minimal-application")
    case, about = application["case"], application["id"]
    step(serbia, "reply.xml", "reply", about, CASE=case)
    step(serbia, "travel-document.xml", "travel-document", about, CASE=case)
    notice = step(france, "transfer-notice.xml", "transfer-notice", CASE=case)["id"]
    step(serbia, "transfer-confirmation.xml", "transfer-confirmation", notice, CASE=case)
    step(serbia, "transfer-outcome.xml", "transfer-outcome", notice, CASE=case)
    assert "state     transferred" in reader.do("case show", france, CASE=case)
    reader.end()
    assert serbia.do("case", "show", case)["procedure"]["state"] == "transferred"
