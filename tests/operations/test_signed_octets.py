"""What `message parts --signed` writes is checked by openssl and sha256sum alone, by the how-to page's commands."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import select

from node.as4 import PartInfo, digest_for_signature, digested_octets
from node.exchange.node import open_node
from node.store.columns import table_of
from node.store.tables import Message
from tests.docs.console import ROOT
from tests.trust_doors.authorities import Authority
from tests.trust_doors.homes import Home

PAGE = (ROOT / "docs/how-to/check-a-message.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "schemas/returns/1/examples"
VECTORS = ROOT / "tests/as4/vectors/phase4"
SERVICE, ACTION = "urn:depesha:returns:1", "ReadmissionApplication"


def script() -> str:
    """The commands of the page's section on checking."""
    section = PAGE.partition("## Check it")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S))


def check(folder: Path) -> list[str]:
    """What the page's commands say in the folder, standard error included."""
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script()}"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    return done.stdout.splitlines()


def good(said: list[str]) -> bool:
    verified = [line for line in said if line in ("Signature Verified Successfully", "Verified OK")]
    bad = [line for line in said if re.search("NOT|FAILED|ailure|rror", line)]
    return len(verified) == 2 and not bad


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(suite, marks=pytest.mark.xdist_group(f"signed-octets-{suite}"))
        for suite in ("eddsa-x25519", "ecdsa-p256")
    ],
)
def exchanged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What both sides took out of one delivered message with three parts: the sender's folder, the receiver's."""
    folder = tmp_path_factory.mktemp("exchanged")
    brought: dict[str, tuple[str, ...]] = {"north": (), "south": ()}
    if request.param == "ecdsa-p256":
        authority = Authority(folder / "authority")
        brought = {party: authority.party(party, "--suite", request.param).as_brought() for party in brought}
    north, south = (Home(folder / party, party, init=words) for party, words in brought.items())
    for one, other in ((north, south), (south, north)):
        one.set(allow_unilateral_terms=True)
        one.do("peer", "add", str(other.card(folder)), "--words", other.words())
        one.do("agreement", "unilateral", "--peer", other.party, "--service", SERVICE, "--action", ACTION)
    attached = [str(EXAMPLES / "attachments" / name) for name in ("photograph-p1.jpg", "passport-p1.pdf")]
    with north.serving(), south.serving():
        words = (str(EXAMPLES / "good/application.xml"), "--to", "south", "--attach", *attached, "--wait", "30")
        sent = north.do("send", *words)["id"]
        for home in (north, south):
            home.do("message", "parts", sent, "--signed", "--out", str(folder / f"{home.party}-evidence"))
    return folder / "north-evidence", folder / "south-evidence"


@pytest.fixture(params=[0, 1], ids=["sender", "receiver"])
def evidence(request: pytest.FixtureRequest, exchanged: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of what one of them took out."""
    return Path(shutil.copytree(exchanged[request.param], tmp_path / "evidence"))


def test_the_commands_of_the_page_say_that_all_is_as_it_was_signed(evidence: Path) -> None:
    said = check(evidence)
    assert good(said), said
    assert said.count("part-1.xml.gz: OK") == 1
    for part in ("part-1.xml.gz", "part-2.jpg.gz", "part-3.pdf.gz", "messaging.xml", "body.xml"):
        assert f"{part}: in signedinfo.xml" in said
        assert f"{part}: in receipt-messaging.xml" in said
    assert {path.name for path in evidence.iterdir()} >= set(
        re.findall(r"`((?:receipt-)?[a-z]+\.(?:xml|pem))`", PAGE)
    ) - {"error-signedinfo.xml"}


@pytest.mark.parametrize(
    "name",
    ["part-1.xml.gz", "part-3.pdf.gz", "messaging.xml", "body.xml", "signedinfo.xml", "receipt-messaging.xml",
     "receipt-signedinfo.xml", "signature", "receipt-signature"],
)  # fmt: skip
def test_a_changed_file_is_found(evidence: Path, name: str) -> None:
    path = evidence / name
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)
    assert not good(check(evidence))


def test_the_digest_of_all_on_the_page_comes_out_of_what_was_signed(
    exchanged: tuple[Path, Path], evidence: Path
) -> None:
    section = PAGE.partition("## What the page shows")[2].partition("\n## ")[0]
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)
    done = subprocess.run(["bash", "-c", commands], cwd=evidence, capture_output=True, text=True, timeout=60)
    digests = set()
    for folder in exchanged:
        home = folder.with_name(folder.name.removesuffix("-evidence"))
        with open_node(home).database.read() as connection:
            digests.add(bytes(connection.scalars(select(table_of(Message).c.digests)).one()).hex())
    assert digests == {done.stdout.split()[0]}


def test_a_changed_list_of_sums_does_not_hide_a_changed_part(evidence: Path) -> None:
    sums = evidence / "SHA256SUMS"
    before = hashlib.sha256((evidence / "part-1.xml.gz").read_bytes()).hexdigest()
    (evidence / "part-1.xml.gz").write_bytes(b"another")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(b"another").hexdigest()))
    said = check(evidence)
    assert "part-1.xml.gz: OK" in said
    assert "part-1.xml.gz: NOT in signedinfo.xml" in said
    assert "part-1.xml.gz: NOT in receipt-messaging.xml" in said


@pytest.mark.parametrize(("name", "media_type"), [("plain-xml", "application/xml"), ("plain-text", "text/plain")])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_uncompressed_text_is_taken_out_as_it_was_digested(name: str, media_type: str, size: int) -> None:
    octets = (VECTORS / name / "part-1.decrypted").read_bytes()
    blocks = [octets[start : start + size] for start in range(0, len(octets), size)]
    info = PartInfo("one@example", media_type, compressed=False)
    written = b"".join(digested_octets(blocks, info))
    assert written == (VECTORS / name / "part-1.digested").read_bytes()
    assert hashlib.sha256(written).digest() == digest_for_signature(blocks, info)
