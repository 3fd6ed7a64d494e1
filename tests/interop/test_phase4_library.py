"""What the doors never send, the wire library can: phase4 reads uncompressed parts and types of ours.

Built by `node.as4` alone and posted as it is: no node, no store.
"""

import datetime
import urllib.request
import uuid
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    SUITES,
    InvalidReceipt,
    PartInfo,
    PartOctets,
    Party,
    Property,
    SigningIdentity,
    UserMessage,
    WireMessage,
    digest_for_signature,
    read_signed,
    seal,
    sign,
    verify_receipt,
)
from tests.interop.contents import TEXT, UNCOMPRESSED, XML, Payload
from tests.interop.keys import PartyKeys, make_party
from tests.interop.link import ACTION, AGREEMENT, PARTY_TYPE, SERVICE, SERVICE_TYPE
from tests.interop.phase4 import KNOWN_STUMBLE, Inbox, Phase4, read

pytestmark = pytest.mark.interop

INVALID = "a signature by another certificate"


class Endpoint:
    """phase4 as `blue`, in one suite, and us as `red`."""

    def __init__(self, phase4: Phase4, suite: str, directory: Path) -> None:
        self.suite = SUITES[suite]
        self.red, self.blue = (make_party(directory, name, suite) for name in ("red", "blue"))
        self.inbox = Inbox(directory / "inbox")
        self.url = phase4.order(
            "serve",
            path=f"/library/{suite}/{uuid.uuid4()}",
            suite=suite,
            party="blue",
            peer="red",
            agreement=AGREEMENT,
            pairs=[{"service": SERVICE, "action": ACTION, "service_type": SERVICE_TYPE}],
            keys=self.blue.as_order(),
            peer_sign_cert=str(self.red.sign_cert),
            out=str(self.inbox.directory),
        )["url"]

    def post(self, message: UserMessage, octets: list[bytes]) -> Path:
        """Sign, seal and post; verify the receipt; the folder of phase4's delivery."""
        digests = [digest_for_signature([one], info) for one, info in zip(octets, message.parts, strict=True)]
        identity = SigningIdentity(_key(self.red), _certificate(self.red.sign_cert))
        signed = sign(message, digests, identity, self.suite)
        parts = [PartOctets.of(info, one) for one, info in zip(octets, message.parts, strict=True)]
        recipient = _certificate(self.blue.kex_cert)
        content_type, answer = self._exchange(seal(signed.xml, parts, recipient, self.suite))
        if KNOWN_STUMBLE in answer:
            content_type, answer = self._exchange(seal(signed.xml, parts, recipient, self.suite))
        try:
            receipt = verify_receipt(answer, content_type, read_signed(signed.xml), self.suite, self._is_blue)
        except InvalidReceipt as error:
            raise AssertionError(f"{error}: {answer.decode()}") from error
        assert abs(receipt.timestamp - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
        [folder] = self.inbox.messages(message.message_id)
        return folder

    def _exchange(self, wire: WireMessage) -> tuple[str, bytes]:
        request = urllib.request.Request(self.url, wire.body(), {"Content-Type": wire.content_type})
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.headers["Content-Type"], response.read()

    def _is_blue(self, certificate: x509.Certificate) -> None:
        assert certificate == _certificate(self.blue.sign_cert), INVALID


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _key(keys: PartyKeys) -> object:
    return load_pem_private_key(keys.sign_key.read_bytes(), None)


@pytest.fixture(params=list(SUITES))
def endpoint(request: pytest.FixtureRequest, phase4: Phase4, tmp_path: Path) -> Endpoint:
    """A fresh endpoint of phase4 in each suite."""
    return Endpoint(phase4, request.param, tmp_path)


def message(*parts: PartInfo, **changes: object) -> UserMessage:
    """A message from red to blue."""
    fields: dict[str, object] = {
        "message_id": f"{uuid.uuid4()}@depesha",
        "timestamp": datetime.datetime.now(datetime.UTC),
        "sender": Party("red", None, ROLE_INITIATOR),
        "receiver": Party("blue", None, ROLE_RESPONDER),
        "service": SERVICE,
        "action": ACTION,
        "conversation_id": str(uuid.uuid4()),
        "agreement": AGREEMENT,
        "parts": parts,
    }
    return UserMessage(**(fields | changes))  # type: ignore[arg-type]


def info(payload: Payload) -> PartInfo:
    """An uncompressed part."""
    return PartInfo(f"{uuid.uuid4()}@depesha", payload.media_type, False, payload.character_set)


@pytest.mark.parametrize(
    "payload",
    [
        *(next(part for part in parts if not part.compress) for parts in UNCOMPRESSED.values()),
        Payload(b"\xef\xbb\xbf" + XML, "text/xml", compress=False),
        Payload(TEXT.replace(b"\r\n", b"\n"), "text/csv", compress=False),
        Payload(b"\r\n--\r\n", "application/octet-stream", compress=False),
    ],
    ids=[*UNCOMPRESSED, "XML with a byte order mark", "text with LF", "binary that looks like a boundary"],
)
def test_uncompressed_part_of_ours_is_taken(endpoint: Endpoint, payload: Payload) -> None:
    folder = endpoint.post(message(info(payload)), [payload.content])
    assert (folder / "part-1").read_bytes() == payload.content


def test_types_of_ours_are_read(endpoint: Endpoint) -> None:
    properties = (
        Property("originalSender", "consulate-7", "urn:depesha:corner"),
        Property("finalRecipient", 'office <3> & "more"', "urn:depesha:corner"),
        Property("trackingIdentifier", "Ђ-1"),
    )
    sent = message(
        sender=Party("red", PARTY_TYPE, ROLE_INITIATOR),
        receiver=Party("blue", PARTY_TYPE, ROLE_RESPONDER),
        service_type=SERVICE_TYPE,
        properties=properties,
    )
    header = read(endpoint.post(sent, []))
    assert (header["from"]["type"], header["to"]["type"], header["service_type"]) == (
        PARTY_TYPE,
        PARTY_TYPE,
        SERVICE_TYPE,
    )
    read_back = [Property(prop["name"], prop["value"], prop["type"]) for prop in header["properties"]]
    assert read_back == list(properties)


def test_character_set_and_further_properties_of_a_part_are_read(endpoint: Endpoint) -> None:
    content = '<?xml version="1.0" encoding="UTF-16"?><a>Ђорђе</a>'.encode("utf-16")
    part = PartInfo(
        f"{uuid.uuid4()}@depesha", "application/xml", False, "UTF-16", (Property("Description", "an application"),)
    )
    folder = endpoint.post(message(part), [content])
    assert (folder / "part-1").read_bytes() == content
    [described] = read(folder)["parts"]
    named = {prop["name"]: prop["value"] for prop in described["properties"]}
    assert (named["CharacterSet"], named["Description"]) == ("UTF-16", "an application")
