"""What one message costs on the wire, against the bare primitives on the same octets in the same run.

CPU time of this process, median of several rounds in which everything has its turn. The floor of each line is the sum
of the primitives that it cannot do without (`FLOORS`): signature, verification, key generation and agreement, HKDF and
key wrap, AES-GCM, gzip, SHA-256 of what is signed, one parse with the options for strangers' XML, canonical form of
what is signed. A ratio is the floor over the line: 100 % would be nothing but primitives.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
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
from node.as4.names import DS, EB
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of

ROUNDS = 7
CALLS = 200
RECORD = b"<record xmlns='urn:example'>" + b"".join(b"<field n='%d'>value %d</field>" % (n, n * n) for n in range(125))
RECORD += b"</record>"
FLOORS = {
    "pack (gzip, sign, seal)": (
        "gzip", "SHA-256 of part", "SHA-256 of message", "sign", "make key, agree, derive, wrap", "encrypt",
    ),
    "open": (
        "parse message", "C14N of message", "SHA-256 of message", "verify",
        "agree, derive", "unwrap", "decrypt", "SHA-256 of part", "gunzip",
    ),
    "sign receipt": ("SHA-256 of receipt", "sign"),
    "verify receipt": ("parse receipt", "C14N of receipt", "SHA-256 of receipt", "verify"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of one call, in microseconds: CPU time of this process, and wall time."""

    cpu: float
    wall: float


def costs(calls: dict[str, Callable[[], object]]) -> dict[str, Cost]:
    """What each call costs. In every round each has its turn, so that a disturbance of the machine falls on all."""
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    wall: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began, began_wall = time.process_time_ns(), time.perf_counter_ns()
            for _ in range(CALLS):
                call()
            cpu[name].append((time.process_time_ns() - began) / CALLS / 1000)
            wall[name].append((time.perf_counter_ns() - began_wall) / CALLS / 1000)
    return {name: Cost(statistics.median(cpu[name]), statistics.median(wall[name])) for name in calls}


def measure(record: bytes = RECORD) -> tuple[list[str], float]:
    """Time the four operations and their floors: the table, and the floor of all four in microseconds."""
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
    octets = b"".join(compress([record], extra))
    signed = sign(header, [digest_for_signature([octets], info)], identity, suite)
    parts = [PartOctets(info, len(octets), lambda: [octets])]
    wire = seal(signed.xml, parts, exchange, suite)
    body = b"".join(wire.chunks())
    opened, _ = open_bytes(wire.content_type, body, lambda _: policy)
    assert isinstance(opened, OpenedMessage)
    receipt = make_receipt(opened, "receipt@bench", now, identity, suite)

    def pack() -> bytes:
        packed = b"".join(compress([record], extra))
        frozen = sign(header, [digest_for_signature([packed], info)], identity, suite)
        return b"".join(seal(frozen.xml, [PartOctets(info, len(packed), lambda: [packed])], exchange, suite).chunks())

    primitives = _primitives(record, signing_key, exchange_key, octets, extra, signed.xml, receipt)
    took = costs(
        {
            "pack (gzip, sign, seal)": pack,
            "open": lambda: open_bytes(wire.content_type, body, lambda _: policy),
            "sign receipt": lambda: make_receipt(opened, "r@bench", now, identity, suite),
            "verify receipt": lambda: verify_receipt(receipt, SIGNAL_CONTENT_TYPE, signed, suite, lambda _: None),
            **primitives,
        }
    )
    rows = [(what, took[what].cpu, took[what].wall, sum(took[n].cpu for n in needs)) for what, needs in FLOORS.items()]
    rows.append(("all four", *(sum(row[column] for row in rows) for column in (1, 2, 3))))
    table = [
        f"record {len(record)} bytes, request {len(body)}, receipt {len(receipt)}; "
        f"µs a call, median of {ROUNDS} rounds of {CALLS}",
        f"{'':26}{'CPU':>8}{'wall':>8}{'floor':>8}{'ratio':>8}",
        *(f"{what:26}{cpu:8.0f}{wall:8.0f}{bare:8.0f}{bare / cpu:8.0%}" for what, cpu, wall, bare in rows),
    ]
    return table, rows[-1][3]


def _primitives(
    record: bytes,
    signing_key: Ed25519PrivateKey,
    exchange_key: X25519PrivateKey,
    octets: bytes,
    extra: bytes,
    envelope: bytes,
    receipt: bytes,
) -> dict[str, Callable[[], object]]:
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

    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )

    def parsing(data: bytes) -> Callable[[], object]:
        return lambda: etree.fromstring(data, parser)

    def signed_elements(data: bytes) -> list[etree._Element]:
        root = etree.fromstring(data, parser)
        info, messaging = root.find(f".//{{{DS}}}SignedInfo"), root.find(f".//{{{EB}}}Messaging")
        assert info is not None
        assert messaging is not None
        return [info, messaging, root[1]]

    def canonical(data: bytes) -> Callable[[], object]:
        parts = signed_elements(data)
        return lambda: [etree.tostring(part, method="c14n", exclusive=True) for part in parts]

    def hashing(data: bytes) -> Callable[[], object]:
        """Messaging and Body; the signature algorithm hashes SignedInfo itself."""
        parts = [etree.tostring(part, method="c14n", exclusive=True) for part in signed_elements(data)[1:]]
        return lambda: [sha(part) for part in parts]

    return {
        "gzip": lambda: b"".join(compress([record], extra)),
        "gunzip": lambda: b"".join(decompress([octets])),
        "sign": lambda: signing_key.sign(signed_info),
        "verify": lambda: public.verify(signature, signed_info),
        "make key, agree, derive, wrap": agree_new,
        "agree, derive": lambda: derive(exchange_key.exchange(other)),
        "unwrap": lambda: aes_key_unwrap(key, wrapped),
        "encrypt": lambda: AESGCM(key).encrypt(iv, octets, None),
        "decrypt": lambda: AESGCM(key).decrypt(iv, cipher, None),
        "SHA-256 of part": lambda: sha(octets),
        "parse message": parsing(envelope),
        "C14N of message": canonical(envelope),
        "SHA-256 of message": hashing(envelope),
        "parse receipt": parsing(receipt),
        "C14N of receipt": canonical(receipt),
        "SHA-256 of receipt": hashing(receipt),
    }
