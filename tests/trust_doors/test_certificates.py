"""Certificates that are not the peer's, or not any more, are refused: on receipt, before sending, and on its receipts.

One node runs; the peers are access points of others, certified by an authority that the issuing tool of the project
made. What the node says to a stranger is a bare code; the reason stands in its own log.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from node.as4 import OpenedMessage, SigningIdentity
from tests.interop.nodes import until
from tests.trust_doors import authorities
from tests.trust_doors.authorities import Authority, Party
from tests.trust_doors.foreign import ACTION, AGREEMENT, SERVICE, Answer, Foreign, instant, message, post, receipt_by
from tests.trust_doors.homes import Home

pytestmark = pytest.mark.xdist_group("trust-doors-certificates")
OPEN = ("--ref", AGREEMENT, "--service", SERVICE, "--action", ACTION)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    """The running node, the authority, and the authority's party that the node knows by its subject."""

    node: Home
    authority: Authority
    blue: Party
    foreign: Foreign

    def sends(self, signer: SigningIdentity, sender: str = "blue", **header: object) -> Answer:
        """The node's answer to a message signed so."""
        recipient = self.node.node().keys.encryption_certificate
        return post(self.node.url, message(signer, recipient, sender, self.node.party, **header))

    def queue(self, to: str = "blue") -> str:
        """A message of ours."""
        queued: str = self.node.do("send", "--service", SERVICE, "--action", ACTION, "--to", to)["id"]
        return queued

    def know(self, party: str, files: tuple[str, ...], url: str, *more: str) -> None:
        self.node.do("peer", "add", "--party", party, "--url", url, *files, *more)
        self.node.do("agreement", "unilateral", "--peer", party, *OPEN)

    def refusals(self) -> list[str]:
        """The reasons of refusals in the node's log."""
        lines = [json.loads(line) for line in self.node.log.read_text().splitlines() if line.startswith("{")]
        return [line["detail"] for line in lines if line["event"] == "refused"]

    def publish(self, crl: Path) -> None:
        """Bring a revocation list in, as its file."""
        folder = self.node.folder / "crls"
        folder.mkdir(exist_ok=True)
        shutil.copy(crl, folder / ".incoming")
        (folder / ".incoming").rename(folder / f"{crl.parent.name}.crl")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder / "authority")
    blue = authority.party("blue")
    node = Home(folder / "home", "south")
    with Foreign(blue.decryption).serving() as foreign:
        made = World(node, authority, blue, foreign)
        made.know("blue", blue.as_given(), foreign.url, "--ca", authority.certificate)
        with node.serving():
            yield made


def wrong_signers(authority: Authority) -> dict[str, SigningIdentity]:
    """Who may not sign as blue, by the reason that our own log must give."""
    issuer = authority.issuer
    return {
        "expired": authorities.signer("blue", issuer, starts=-3 * DAY, days=2),
        "not-yet-valid": authorities.signer("blue", issuer, starts=DAY),
        "wrong-subject": authorities.signer("green", issuer),
        "foreign": authorities.signer("blue", authorities.self_issuer("blue")),
        "foreign by the authority's name": authorities.signer("blue", authorities.namesake(issuer)),
    }


REASONS = ("expired", "not-yet-valid", "wrong-subject", "foreign", "foreign by the authority's name")


def test_the_certificate_that_was_given_signs(world: World) -> None:
    assert world.sends(world.blue.signing).receipt


def test_a_renewed_certificate_of_the_same_subject_signs(world: World) -> None:
    assert world.sends(authorities.signer("blue", world.authority.issuer)).receipt


@pytest.mark.parametrize("why", REASONS)
def test_what_another_certificate_signed_is_refused_on_receipt(world: World, why: str) -> None:
    before = len(world.node.do("message", "list", "--limit", "1000"))
    answer = world.sends(wrong_signers(world.authority)[why])
    assert (answer.code, answer.signed) == ("EBMS:0101", False)
    assert not any(word in (answer.detail or "") for word in ("expired", "subject", "foreign", "certificate"))
    assert world.refusals()[-1].endswith(f"not accepted: {why.split()[0]}")
    assert len(world.node.do("message", "list", "--limit", "1000")) == before


def test_a_peers_certificate_does_not_sign_for_another_peer(world: World) -> None:
    green = world.authority.party("green")
    world.know("green", green.as_given(), world.foreign.url, "--ca", world.authority.certificate)
    until(lambda: world.sends(green.signing, "green").receipt, 5, "green is known")
    assert world.sends(green.signing, "blue").code == "EBMS:0101"
    assert world.refusals()[-1].endswith("wrong-subject")


def test_a_receipt_by_a_renewed_certificate_delivers(world: World) -> None:
    world.foreign.reply = receipt_by(authorities.signer("blue", world.authority.issuer))
    queued = world.queue()
    until(lambda: world.node.message(queued)["state"] == "delivered", 20, "delivered")


@pytest.mark.parametrize("why", REASONS)
def test_a_receipt_by_another_certificate_delivers_nothing(world: World, why: str) -> None:
    world.foreign.reply = receipt_by(wrong_signers(world.authority)[why])
    queued = world.queue()
    shown = world.node.attempted(queued)
    assert (shown["state"], shown["receipt_time"], shown["error"]["code"]) == ("queued", None, "EBMS:0302")
    assert f"not accepted: {why.split()[0]}" in shown["error"]["detail"]
    world.foreign.reply = receipt_by(world.blue.signing)
    until(lambda: world.node.message(queued)["state"] == "delivered", 20, "the true receipt delivers it")


def test_nothing_is_encrypted_for_a_certificate_that_has_ended(world: World, tmp_path: Path) -> None:
    short = authorities.encryption_for_seconds("amber", authorities.self_issuer("amber"), 4)
    (tmp_path / "encryption.cert.pem").write_bytes(short.certificate.public_bytes(Encoding.PEM))
    amber = world.authority.party("amber")
    files = ("--signing-cert", amber.file("signing.cert"), "--encryption-cert", str(tmp_path / "encryption.cert.pem"))
    world.know("amber", files, world.foreign.url)
    until(lambda: datetime.now(UTC) > short.certificate.not_valid_after_utc, 10, "it has ended")
    came = len(world.foreign.received)
    shown = world.node.attempted(world.queue("amber"))
    assert shown["error"]["code"] == "EBMS:0101"
    assert "not sent" in shown["error"]["detail"]
    assert "valid until" in shown["error"]["detail"]
    assert len(world.foreign.received) == came


def test_certificates_that_cannot_be_believed_are_not_taken_as_given(world: World, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "Other Authority")
    red = other.party("red")
    words = ("peer", "add", "--party", "red", "--url", world.foreign.url)
    said = world.node.refuses(*words, *red.as_given(), "--ca", world.authority.certificate)
    assert "not issued by the authority" in said
    ended = authorities.signer("red", world.authority.issuer, starts=-3 * DAY, days=2)
    (tmp_path / "ended.pem").write_bytes(ended.certificate.public_bytes(Encoding.PEM))
    said = world.node.refuses(
        *words, "--signing-cert", str(tmp_path / "ended.pem"), "--encryption-cert", red.file("encryption.cert")
    )
    assert "valid until" in said
    said = world.node.refuses(
        *words, "--signing-cert", red.file("encryption.cert"), "--encryption-cert", red.file("encryption.cert")
    )
    assert "suite" in said
    assert "red" not in [one["party"] for one in world.node.do("peer", "list")]


def test_revocation_ends_what_was_good_on_both_sides_and_leaves_receipts_of_before(
    world: World, tmp_path: Path
) -> None:
    """A party with its own authority, so that the other tests keep theirs."""
    authority = Authority(tmp_path / "rose", "Rose Authority")
    rose = authority.party("rose")
    with Foreign(rose.decryption).serving() as foreign:
        world.know("rose", rose.as_given(), foreign.url, "--ca", authority.certificate)
        until(lambda: world.sends(rose.signing, "rose").receipt, 5, "rose is known")
        before, after = world.queue("rose"), world.queue("rose")
        for queued in (before, after):
            world.node.attempted(queued)
        good = instant()
        # Revocation times have whole seconds.
        until(lambda: instant() > good.replace(microsecond=0) + timedelta(seconds=1), 3, "the next second")

        world.publish(authority.revoke(rose.file("signing.cert")))
        until(lambda: not world.sends(rose.signing, "rose").receipt, 3, "its messages are refused")
        assert world.refusals()[-1].endswith("revoked")
        assert world.sends(world.blue.signing).receipt, "another authority's party is not concerned"

        def reply(opened: OpenedMessage) -> tuple[int, str, bytes]:
            """The first message's receipt is of before the revocation, the second's of after."""
            at = good if opened.header.message_id == before else None
            return receipt_by(rose.signing, at)(opened)

        foreign.reply = reply
        until(lambda: world.node.message(before)["state"] == "delivered", 20, "a receipt of before still proves it")
        until(lambda: "revoked" in world.node.message(after)["error"]["detail"], 20, "one of after proves nothing")
        until(lambda: world.node.message(after)["state"] == "queued", 20, "it waits for its next attempt")

        # A list that cannot be read, or is a stranger's, does not make the certificate good again.
        (world.node.folder / "crls" / "rose.crl").write_bytes(b"<html>404</html>")
        _stays_refused(world, rose)
        stranger = Authority(tmp_path / "stranger", "Rose Authority")
        shutil.copy(stranger.folder / "ca.crl.pem", world.node.folder / "crls" / "rose.crl")
        _stays_refused(world, rose)

        # Nothing is encrypted for a revoked certificate.
        world.publish(authority.revoke(rose.file("encryption.cert")))
        until(lambda: "not sent" in world.node.message(after)["error"]["detail"], 20, "sending has stopped")
        came = len(foreign.received)
        attempts = world.node.message(after)["attempts"]
        shown = world.node.attempted(after, attempts + 1)
        assert "revoked" in shown["error"]["detail"]
        assert len(foreign.received) == came


def _stays_refused(world: World, party: Party) -> None:
    """Longer than the node takes to look at a changed folder."""
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        assert not world.sends(party.signing, "rose").receipt
        time.sleep(0.1)
