"""Two nodes of ours, as they come to trust each other, over TLS with the certificates of their cards.

Each test first brings the acquaintance to the point that it speaks of.
"""

import os
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from node.as4 import SigningIdentity
from node.exchange.settlement import MESSAGE
from node.trust.bootstrap import AGREEMENT_REF, MAX_BYTES
from node.trust.card import Card, make_card, read_card
from node.trust.keys import NodeKeys, create_keys
from node.trust.tls import client_context, server_context
from tests.interop.nodes import until
from tests.trust_doors.foreign import ACTION, AGREEMENT, SERVICE, TEST, Answer, answers_at, message, post
from tests.trust_doors.homes import ROOT, Home, refused_within

pytestmark = pytest.mark.xdist_group("trust-doors-between-nodes")
OPEN = ("--ref", AGREEMENT, "--service", SERVICE, "--action", ACTION)
PARTNERSHIP = "urn:depesha:partnership:1"


@dataclass
class Pair:
    """Both nodes; south serves, and knows north's card."""

    north: Home
    south: Home
    keys: NodeKeys
    card: Path
    """north's present card"""

    def unconfirmed(self) -> None:
        """South has north's card and has compared nothing."""
        self.south.do("peer", "remove", "north")
        self.south.do("peer", "add", str(self.card))
        until(lambda: "not confirmed" in (self.sends().detail or ""), 3, "south has seen it")

    def confirmed(self) -> None:
        """Both have compared the words."""
        if self.south.state("north") == "removed":
            self.unconfirmed()
        self.south.do("peer", "confirm", "north", "--words", self.north.words())
        self.north.do("peer", "confirm", "south", "--words", self.south.words())
        until(lambda: "not confirmed" not in (self.sends().detail or ""), 3, "south has seen it")

    def opened(self) -> None:
        """South has opened a pair with north besides."""
        self.confirmed()
        if not any(one["ref"] == AGREEMENT for one in self.south.do("agreement", "list")):
            self.south.do("agreement", "unilateral", "--peer", "north", *OPEN)
        until(lambda: self.sends().receipt, 3, "open at south")

    def hands_over(self, card: Card) -> None:
        """South gets a later card of north's."""
        assert self.keys.identity is not None
        self.card = self.card.with_name(f"north-{card.serial}.card")
        self.card.write_text(make_card(card, self.keys.identity))
        self.south.do("peer", "add", str(self.card))

    def sends(self, signer: SigningIdentity | None = None, content: bytes = b"a dispatch", **header: object) -> Answer:
        """South's answer to a message by north, over TLS."""
        keys = self.south.node().keys
        signer = signer or SigningIdentity(self.keys.signing_key, self.keys.signing_certificate)
        wire = message(signer, keys.encryption_certificate, "north", "south", content, **header)  # type: ignore[arg-type]
        trusted = client_context(_der(keys))
        return post(self.south.url, wire, context=trusted)


def _der(keys: NodeKeys) -> bytes:
    return ssl.PEM_cert_to_DER_cert(keys.tls_files[0].read_text())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    north, south = Home(folder / "north", "north", tls=True), Home(folder / "south", "south", tls=True)
    for home in (north, south):
        home.set(allow_unilateral_terms=True)
        # The domain that confirmed cards open; any folder will do for that.
        shutil.copytree(ROOT / "schemas" / "returns" / "1", home.folder / "schemas" / "partnership" / "1")
    card = north.card(folder)
    south.do("peer", "add", str(card))
    north.do("peer", "add", str(south.card(folder)))
    with south.serving():
        yield Pair(north, south, north.node().keys, card)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record of that domain."""
    good = (ROOT / "schemas/returns/1/examples/good/application.xml").read_text()
    path = tmp_path / "record.xml"
    path.write_text(good.replace("urn:depesha:returns:1", PARTNERSHIP))
    return path


def test_the_listener_speaks_tls_of_today_with_the_certificate_of_the_card(pair: Pair) -> None:
    host, port = pair.south.outside.split(":")
    keys = pair.south.node().keys

    def version(context: ssl.SSLContext) -> str | None:
        with socket.create_connection((host, int(port)), 10) as plain, context.wrap_socket(plain) as tls:
            return tls.version()

    assert version(client_context(_der(keys))) == "TLSv1.3"
    oldest = client_context(_der(keys))
    oldest.maximum_version = ssl.TLSVersion.TLSv1_2
    assert version(oldest) == "TLSv1.2"
    ancient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ancient.check_hostname, ancient.verify_mode = False, ssl.CERT_NONE
    ancient.set_ciphers("ALL:@SECLEVEL=0")
    ancient.minimum_version = ancient.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        version(ancient)


def test_outside_answers_the_wire_and_its_health_and_nothing_of_the_inside(pair: Pair) -> None:
    outside, inside = f"https://{pair.south.outside}", f"http://{pair.south.inside}"
    paths = (
        "/",
        "/cases",
        "/sign-in",
        "/readyz",
        "/metrics",
        "/api/v1/",
        "/openapi.json",
        "/docs",
        "/static/pages.css",
    )
    assert set(answers_at(outside, paths).values()) == {404}
    assert answers_at(outside, ("/healthz", "/as4")) == {"/healthz": 200, "/as4": 405}
    assert answers_at(inside, ("/metrics", "/static/pages.css")) == {"/metrics": 200, "/static/pages.css": 200}
    assert answers_at(inside, ("/readyz",))["/readyz"] in (200, 503)
    assert answers_at(inside, ("/as4", "/healthz")) == {"/as4": 404, "/healthz": 404}


def test_before_the_words_test_messages_pass(pair: Pair) -> None:
    pair.unconfirmed()
    assert pair.north.do("peer", "ping", "south")["receipt"] is True
    assert pair.sends(**TEST).receipt


def test_before_the_words_nothing_else_is_taken(pair: Pair) -> None:
    pair.unconfirmed()
    before = pair.south.do("message", "list")
    for agreement, service in ((AGREEMENT, SERVICE), (AGREEMENT_REF, PARTNERSHIP), (None, SERVICE)):
        answer = pair.sends(agreement=agreement, service=service)
        assert (answer.code, answer.signed) == ("EBMS:0010", True)
        assert "not confirmed" in (answer.detail or "")
    assert pair.south.do("message", "list") == before


def test_before_the_words_nobody_fills_the_disk(pair: Pair) -> None:
    pair.unconfirmed()
    blobs = pair.south.folder / "blobs"
    assert pair.sends(content=os.urandom(1_000_000), **TEST).receipt
    answer = pair.sends(content=os.urandom(MAX_BYTES + 1_000_000), **TEST)
    assert (answer.receipt, answer.code) == (False, "EBMS:0103")
    assert [path for path in blobs.rglob("*") if path.is_file()] == []


def test_an_impostor_at_the_address_gets_nothing(pair: Pair, tmp_path: Path) -> None:
    """A card whose address leads to a server with another certificate than the card's, for the right host."""
    theirs = create_keys(tmp_path / "west", "west", "West", now=datetime.now(UTC))
    other = create_keys(tmp_path / "other", "west", "West", now=datetime.now(UTC), tls_hosts=("127.0.0.1",))
    assert theirs.identity is not None
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def impostor() -> None:
            plain, _ = listener.accept()
            try:
                with server_context(*other.tls_files).wrap_socket(plain, server_side=True) as tls:
                    tls.settimeout(10)
                    came.append(tls.recv(100))
            except (ssl.SSLError, ConnectionError):
                came.append(b"")

        thread = threading.Thread(target=impostor)
        thread.start()
        card = replace(
            read_card(pair.north.do("card")["card"]), party="west", identity=theirs.identity_raw,
            tls=(theirs.tls_certificate,), address=f"https://127.0.0.1:{port}/as4",
        )  # fmt: skip
        (tmp_path / "west.card").write_text(make_card(card, theirs.identity))
        pair.north.do("peer", "add", str(tmp_path / "west.card"))
        said = pair.north.run("peer", "ping", "west")
        thread.join(15)
    assert said.status == 1
    assert "certificate" in said.out
    assert came == [b""]


def test_confirmed_cards_open_the_partnership_and_no_more(pair: Pair, record: Path) -> None:
    pair.south.do("peer", "confirm", "north", "--words", pair.north.words())
    pair.north.do("peer", "confirm", "south", "--words", pair.south.words())
    until(
        lambda: pair.sends().detail != "this party is not confirmed here yet: expected the test service only", 3, "seen"
    )
    with pair.north.serving():
        attached = map(str, sorted((ROOT / "schemas/returns/1/examples/attachments").iterdir()))
        sent = pair.north.do("send", str(record), "--attach", *attached, "--to", "south", "--wait")
    shown = pair.north.message(sent["id"])
    assert (shown["state"], shown["agreement"], shown["service"]) == ("delivered", AGREEMENT_REF, PARTNERSHIP)
    answer = pair.sends(agreement="urn:example:agreement:never-made")
    assert answer.code == "EBMS:0010"
    assert AGREEMENT_REF in (answer.detail or "")
    assert "No agreement" in pair.north.refuses("send", "--service", SERVICE, "--action", ACTION, "--to", "south")


def test_the_partnership_is_limited_in_size(pair: Pair) -> None:
    pair.confirmed()
    header = {"service": PARTNERSHIP, "action": "ReadmissionApplication", "agreement": AGREEMENT_REF}
    answer = pair.sends(content=os.urandom(MAX_BYTES + 1_000_000), **header)
    assert answer.code == "EBMS:0103"


def test_terms_by_our_own_word_are_marked_where_they_are_received(pair: Pair) -> None:
    pair.opened()
    received = [one for one in pair.south.do("message", "list") if one["agreement"] == AGREEMENT]
    node = pair.south.node()
    with node.database.read() as connection:
        rows = connection.execute(select(MESSAGE.c.message_id, MESSAGE.c.unilateral)).all()
    node.database.close()
    assert dict(map(tuple, rows))[received[-1]["id"]] is True


def test_a_new_card_changes_the_keys_of_a_running_node_within_a_second(pair: Pair, tmp_path: Path) -> None:
    pair.opened()
    new = create_keys(tmp_path / "new", "north", "Office of north", now=datetime.now(UTC))
    old = SigningIdentity(pair.keys.signing_key, pair.keys.signing_certificate)
    fresh = SigningIdentity(new.signing_key, new.signing_certificate)
    assert pair.sends(old).receipt
    assert pair.sends(fresh).code == "EBMS:0101"
    card = read_card(pair.card.read_text())
    pair.hands_over(replace(card, serial=card.serial + 1, signing=(new.signing_certificate,)))
    refused_within(1.1, lambda: pair.sends(old).receipt)
    assert pair.sends(fresh).receipt
    pair.hands_over(replace(card, serial=card.serial + 2))
    until(lambda: pair.sends(old).receipt, 3, "the key that is named again counts again")


def test_a_removed_peer_is_refused_within_a_second(pair: Pair) -> None:
    pair.opened()
    pair.south.do("peer", "remove", "north")
    refused_within(1.1, lambda: pair.sends().receipt)
    assert pair.sends().code == "EBMS:0010"
    assert pair.sends(**TEST).code == "EBMS:0010", "not even a test message"
    said = pair.south.refuses("send", "--service", SERVICE, "--action", ACTION, "--to", "north")
    assert "no peer" in said
    assert "no peer" in pair.south.refuses("peer", "ping", "north")
