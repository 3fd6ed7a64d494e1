"""`make bench`: what one message costs on the wire, against the bare primitives on the same octets in the same run.

CPU time of this process, median of several rounds. The floor of each line is the sum of the primitives that it cannot
do without (signature, verification, key generation and agreement, HKDF and key wrap, AES-GCM, gzip, SHA-256, one parse,
canonical form of what is signed). A ratio is the floor over the line: 100 % would be nothing but primitives.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from lxml import etree

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    SIGNAL_CONTENT_TYPE,
    SUITES,
    DecryptionIdentity,
    OpenedMessage,
    PartInfo,
    PartOctets,
    Party,
    PeerPolicy,
    SigningIdentity,
    UserMessage,
    compress,
    decompress,
    digest_for_signature,
    make_receipt,
    open_bytes,
    seal,
    sign,
    verify_receipt,
)
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of

ROUNDS = 7
CALLS = 200
RECORD = b"<record xmlns='urn:example'>" + b"".join(b"<field n='%d'>value %d</field>" % (n, n * n) for n in range(125))
RECORD += b"</record>"


def cpu(call: Callable[[], object]) -> float:
    """Median CPU time of a call, in microseconds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        for _ in range(CALLS):
            call()
        rounds.append((time.process_time_ns() - began) / CALLS / 1000)
    return statistics.median(rounds)


def main() -> None:
    """Time the five operations and their floors, print one table."""
    now = datetime.now(UTC)
    suite = SUITES["eddsa-x25519"]
    signing_key, exchange_key = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    name = subject_of("bench", "Bench")
    issuer = Issuer(name, signing_key)
    signing = make_certificate(SELF_MADE[Use.SIGNING], signing_key.public_key(), name, issuer, now)
    exchange = make_certificate(SELF_MADE[Use.ENCRYPTION], exchange_key.public_key(), name, issuer, now)
    identity = SigningIdentity(signing_key, signing)
    policy = PeerPolicy(
        suite=suite, accepts_signer=lambda _: None, decryption=[DecryptionIdentity(exchange_key, exchange)]
    )
    info = PartInfo("part@bench", "application/xml", True)
    extra = os.urandom(16)
    sender, receiver = Party("a", None, ROLE_INITIATOR), Party("b", None, ROLE_RESPONDER)
    header = UserMessage("message@bench", now, sender, receiver, "urn:s", "act", "case", parts=(info,))
    octets = b"".join(compress([RECORD], extra))
    signed = sign(header, [digest_for_signature([octets], info)], identity, suite)
    parts = [PartOctets(info, len(octets), lambda: [octets])]
    wire = seal(signed.xml, parts, exchange, suite)
    body = b"".join(wire.chunks())
    opened, _ = open_bytes(wire.content_type, body, lambda _: policy)
    assert isinstance(opened, OpenedMessage)
    receipt = make_receipt(opened, "receipt@bench", now, identity, suite)

    def pack() -> bytes:
        packed = b"".join(compress([RECORD], extra))
        frozen = sign(header, [digest_for_signature([packed], info)], identity, suite)
        return b"".join(seal(frozen.xml, [PartOctets(info, len(packed), lambda: [packed])], exchange, suite).chunks())

    floor = _floor(signing_key, exchange_key, octets, extra, signed.xml, receipt)
    lines: list[tuple[str, float, float]] = [
        ("pack (gzip, sign, seal)", cpu(pack), floor["pack"]),
        ("open", cpu(lambda: open_bytes(wire.content_type, body, lambda _: policy)), floor["open"]),
        ("sign receipt", cpu(lambda: make_receipt(opened, "r@bench", now, identity, suite)), floor["sign receipt"]),
        (
            "verify receipt",
            cpu(lambda: verify_receipt(receipt, SIGNAL_CONTENT_TYPE, signed, suite, lambda _: None)),
            floor["verify receipt"],
        ),
    ]
    print(f"record {len(RECORD)} bytes, request {len(body)}, receipt {len(receipt)}; CPU µs a call, median of {ROUNDS}")
    print(f"{'':26}{'µs':>8}{'floor':>8}{'ratio':>8}")
    lines.append(("all four", sum(line[1] for line in lines), sum(line[2] for line in lines)))
    for what, took, bare in lines:
        print(f"{what:26}{took:8.0f}{bare:8.0f}{bare / took:8.0%}")


def _floor(
    signing_key: Ed25519PrivateKey,
    exchange_key: X25519PrivateKey,
    octets: bytes,
    extra: bytes,
    envelope: bytes,
    receipt: bytes,
) -> dict[str, float]:
    """The primitives alone, on octets of the same sizes."""
    key, iv, salt = os.urandom(16), os.urandom(12), os.urandom(16)
    public = signing_key.public_key()
    signed_info = os.urandom(900)
    signature = signing_key.sign(signed_info)
    cipher = AESGCM(key).encrypt(iv, octets, None)
    other = exchange_key.public_key()
    wrapped = aes_key_wrap(key, key)

    def derive(secret: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 16, salt, b"").derive(secret)

    def sha(data: bytes) -> bytes:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        return digest.finalize()

    def agree_new() -> bytes:
        fresh = X25519PrivateKey.generate()
        fresh.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return aes_key_wrap(derive(fresh.exchange(other)), key)

    def canonical(data: bytes) -> Callable[[], object]:
        root = etree.fromstring(data)
        parts = [root[0][0].find("{http://www.w3.org/2000/09/xmldsig#}Signature")[0], root[0][1], root[1]]
        return lambda: [etree.tostring(part, method="c14n", exclusive=True) for part in parts]

    sign_cost = cpu(lambda: signing_key.sign(signed_info))
    verify_cost = cpu(lambda: public.verify(signature, signed_info))
    pack = cpu(lambda: b"".join(compress([RECORD], extra))) + sign_cost + cpu(agree_new)
    pack += cpu(lambda: AESGCM(key).encrypt(iv, octets, None)) + cpu(lambda: sha(octets)) + cpu(lambda: sha(envelope))
    opening = (
        verify_cost + cpu(lambda: derive(exchange_key.exchange(other))) + cpu(lambda: aes_key_unwrap(key, wrapped))
    )
    opening += cpu(lambda: AESGCM(key).decrypt(iv, cipher, None)) + cpu(lambda: b"".join(decompress([octets])))
    opening += cpu(lambda: sha(octets)) + cpu(lambda: etree.fromstring(envelope)) + cpu(canonical(envelope))
    verifying = (
        verify_cost + cpu(lambda: etree.fromstring(receipt)) + cpu(canonical(receipt)) + cpu(lambda: sha(receipt))
    )
    return {
        "pack": pack,
        "open": opening,
        "sign receipt": sign_cost + cpu(lambda: sha(receipt)),
        "verify receipt": verifying,
    }


if __name__ == "__main__":
    main()
