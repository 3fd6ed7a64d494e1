"""The exchanges recorded between two phase4 peers, as the tests read them. What they are: vectors/phase4/README.md."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from node.as4 import (
    SUITES,
    DecryptionIdentity,
    FailedAuthentication,
    PeerPolicy,
    ProcessingModeMismatch,
    SigningIdentity,
    Suite,
    UserMessage,
)

VECTORS = Path(__file__).parent / "vectors" / "phase4"
MANIFEST: dict[str, Any] = json.loads((VECTORS / "manifest.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["case"]: case for case in MANIFEST["cases"]}


@functools.cache
def certificate(name: str) -> x509.Certificate:
    """A certificate of the recordings by its file name."""
    return x509.load_pem_x509_certificate((VECTORS / "keys" / f"{name}.cert.pem").read_bytes())


@functools.cache
def key(name: str) -> Any:
    """A private key of the recordings by its file name."""
    return load_pem_private_key((VECTORS / "keys" / f"{name}.key.pem").read_bytes(), None)


@dataclass(frozen=True)
class Http:
    """A recorded HTTP message."""

    start: str
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers["content-type"]


def read_http(path: Path) -> Http:
    """Start line, headers and body, the chunked coding undone."""
    head, _, rest = path.read_bytes().partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return Http(start, headers, rest)
    body = bytearray()
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            return Http(start, headers, bytes(body))
        body += rest[:length]
        rest = rest[length + 2 :]


def request(case: str, n: int = 0) -> Http:
    """The n-th request of a case."""
    return read_http(VECTORS / CASES[case]["exchanges"][n]["request"])


def response(case: str, n: int = 0) -> Http:
    """The n-th response of a case."""
    return read_http(VECTORS / CASES[case]["exchanges"][n]["response"])


def suite(case: str) -> Suite:
    """The suite that the peers had agreed on."""
    return SUITES[CASES[case]["suite"]]


def _infix(case: str) -> str:
    return "-p256" if CASES[case]["suite"] == "ecdsa-p256" else ""


def signing(case: str, party: str) -> SigningIdentity:
    """The signing identity of blue or red in the suite of that case."""
    name = f"{party}{_infix(case)}-sign"
    return SigningIdentity(key(name), certificate(name))


def decryption(case: str, party: str) -> DecryptionIdentity:
    """The decryption identity of blue or red in the suite of that case."""
    name = f"{party}{_infix(case)}-kex"
    return DecryptionIdentity(key(name), certificate(name))


def only(expected: x509.Certificate) -> Any:
    """Accept this certificate as signer and no other."""

    def accepts(found: x509.Certificate) -> None:
        if found != expected:
            raise FailedAuthentication("signing certificate: not the one that is pinned")

    return accepts


def policy(case: str, sender: str = "blue", receiver: str = "red") -> PeerPolicy:
    """The processing mode of the receiver in the recordings."""
    return PeerPolicy(suite(case), only(signing(case, sender).certificate), [decryption(case, receiver)])


def policy_for(case: str, sender: str = "blue", receiver: str = "red") -> Any:
    """The receiver's one agreement: one peer, one AgreementRef."""

    def find(message: UserMessage) -> PeerPolicy:
        if message.sender.id != sender or message.agreement != MANIFEST["agreement"]:
            raise ProcessingModeMismatch("From, AgreementRef: no agreement covers the message")
        return policy(case, sender, receiver)

    return find
