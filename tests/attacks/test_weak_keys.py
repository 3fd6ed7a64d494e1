"""Keys that are nobody's secret, brought in as those of a partner, and used once they are there."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from node.as4.suite import der_of
from node.exchange.peers import add_peer
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.as4 import material, recordings
from tests.attacks.catalogue import Catalogue
from tests.attacks.target import ACTION, AGREEMENT, PARTY_TYPE, SERVICE, Target, code_of, signing_token, valid
from tests.interop.nodes import until

catalogue = Catalogue("Weak keys")
NEUTRAL = b"\x01" + bytes(31)
"""Of Ed25519: under it the neutral point and zero are a signature of every text."""
UNIVERSAL = b"\x01" + bytes(63)
KEYS = {
    "signing_key_of_small_order": (Use.SIGNING, Ed25519PublicKey.from_public_bytes(NEUTRAL), "Brendel 2021"),
    "signing_key_in_another_spelling": (
        Use.SIGNING, Ed25519PublicKey.from_public_bytes((2**255 - 16).to_bytes(32, "little")), "Brendel 2021"
    ),
    "encryption_key_of_zeros": (Use.ENCRYPTION, X25519PublicKey.from_public_bytes(bytes(32)), "RFC 7748"),
}  # fmt: skip
for name_, (_, _, source_) in KEYS.items():
    catalogue.named(name_, "partner", source_)
catalogue.named("signature_of_nobody_under_a_key_of_small_order", "outsider", "Brendel 2021")


def certificate(use: Use, key: Ed25519PublicKey | X25519PublicKey) -> x509.Certificate:
    """One of lilac's for that key."""
    subject = subject_of("lilac", "Office of lilac")
    issuer = Issuer(subject, Ed25519PrivateKey.generate())
    return make_certificate(SELF_MADE[use], key, subject, issuer, datetime.now(UTC))


def lines(target: Target) -> list[dict[str, str]]:
    """The running log."""
    return [json.loads(line) for line in target.home.log.read_text().splitlines() if line.startswith("{")]


@pytest.mark.parametrize("name", KEYS)
def test_no_partner_is_added_with_one(target: Target, tmp_path: Path, name: str) -> None:
    use, key, _ = KEYS[name]
    path = tmp_path / "weak.pem"
    path.write_bytes(certificate(use, key).public_bytes(Encoding.PEM))
    good = recordings.VECTORS / "keys"
    files = {"signing": good / "blue-sign.cert.pem", "encryption": good / "blue-kex.cert.pem"} | {use.value: path}
    words = [word for what, file in files.items() for word in (f"--{what}-cert", str(file))]
    with target.unmoved():
        said = target.home.refuses("peer", "add", "--party", "lilac", "--url", "http://127.0.0.1:9/as4", *words)
    assert "a key that only its holder can use" in said
    assert "Ask the party" in said


def test_nobody_signs_under_one_that_was_there_before(target: Target) -> None:
    """A store may hold it: it was not looked for by whoever wrote it there."""
    weak = certificate(Use.SIGNING, Ed25519PublicKey.from_public_bytes(NEUTRAL))
    node = target.node
    with node.database.write() as connection:
        add_peer(
            connection, party="lilac", party_type=PARTY_TYPE, name="Office of lilac", kind="pinned",
            state="confirmed", url="http://127.0.0.1:9/as4", suite="eddsa-x25519", now=node.now(),
            certificates=[("signing", weak), ("encryption", recordings.certificate("blue-kex"))],
        )  # fmt: skip
    opening = ("agreement", "unilateral", "--peer", "lilac", "--ref", AGREEMENT, "--service", SERVICE)
    target.home.do(*opening, "--action", ACTION)
    message = valid(sender=replace(material.SENDER, id="lilac"))
    signing_token(message).text = base64.b64encode(der_of(weak)).decode()
    message.resign()
    message.find(".//ds:SignatureValue").text = base64.b64encode(UNIVERSAL).decode()

    def refused_for_it() -> bool:
        with target.unmoved():
            assert code_of(target.post(message.content_type, message.body())) in ("EBMS:0010", "EBMS:0101")
        return any(line["event"] == "refused" and "weak-key" in line["detail"] for line in lines(target))

    until(refused_for_it, 20, "the partner is known, and its message refused for the key")
    target.serves()
