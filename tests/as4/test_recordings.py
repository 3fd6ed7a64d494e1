"""Every exchange recorded between phase4 peers: opened as expected, its receipt verified, its error read."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from node.as4 import (
    As4Error,
    ErrorSignal,
    InvalidReceipt,
    NotEbms,
    OpenedMessage,
    OpenedSignal,
    PullRequest,
    Receipt,
    SignedMessage,
    UserMessage,
    open_bytes,
    parse_instant,
    read_response,
    verify_error,
    verify_receipt,
)
from node.as4.encryption import content_key, derive_key, read_encryption
from node.as4.limits import DEFAULT_LIMITS
from node.as4.read_messaging import read_messaging
from node.as4.signature import read_security
from node.as4.soap import read_envelope
from node.as4.tree import canonical
from tests.as4 import recordings
from tests.as4.recordings import CASES, VECTORS

USER_MESSAGES = [name for name, case in CASES.items() if "user_message" in case["expect"]]
RECEIPTED = [name for name in USER_MESSAGES if "receipt_references" in CASES[name]["exchanges"][0]["answer"]]
REFUSED = {
    "wrong-recipient-key": ("EBMS:0102", True),
    "unknown-party": ("EBMS:0010", False),
    "tampered-attachment": ("EBMS:0102", True),
    "tampered-action": ("EBMS:0101", False),
}
INTERMEDIATE = [name for name, case in CASES.items() if "intermediate" in case]


def open_request(case: str) -> tuple[OpenedMessage, list[bytes]]:
    recorded = recordings.request(case)
    opened, contents = open_bytes(recorded.content_type, recorded.body, recordings.policy_for(case))
    assert isinstance(opened, OpenedMessage)
    return opened, contents


def check_message(opened: OpenedMessage, contents: list[bytes], expect: dict[str, Any]) -> None:
    header = opened.header
    assert header.message_id == expect["message_id"]
    assert header.timestamp == parse_instant(expect["timestamp"])
    assert header.mpc == expect["mpc"]
    for party, wanted in ((header.sender, expect["from"]), (header.receiver, expect["to"])):
        assert (party.id, party.type, party.role) == (wanted["id"], wanted["type"], wanted["role"])
    assert (header.service, header.service_type) == (expect["service"], expect["service_type"])
    assert (header.action, header.agreement) == (expect["action"], expect["agreement"])
    assert header.conversation_id == expect["conversation_id"]
    found = [{"name": p.name, "type": p.type, "value": p.value} for p in header.properties]
    assert found == expect["properties"]
    for part, content, wanted in zip(opened.parts, contents, expect["parts"], strict=True):
        assert "cid:" + part.info.content_id == wanted["href"]
        assert part.info.mime_type == wanted["mime_type"]
        assert part.info.compressed == (wanted["compression"] == "application/gzip")
        assert part.size == len(content) == wanted["size"]
        assert part.sha256 == hashlib.sha256(content).digest() == bytes.fromhex(wanted["sha256"])
    references = [(r.uri, r.transform, base64.b64encode(r.digest).decode()) for r in opened.references]
    assert references == [(r["uri"], r["transform"], r["digest"]) for r in expect["signed_references"]]
    assert opened.signer.subject.rfc4514_string() == expect["signer"]


@pytest.mark.parametrize("case", USER_MESSAGES)
def test_message_is_opened_as_expected(case: str) -> None:
    opened, contents = open_request(case)

    check_message(opened, contents, CASES[case]["expect"]["user_message"])


def test_every_recording_is_used() -> None:
    others = {"duplicate", "pull", "pull-empty"}

    assert set(CASES) == set(USER_MESSAGES) | set(REFUSED) | others


@pytest.mark.parametrize("case", REFUSED)
def test_error_case_is_refused_with_the_expected_code(case: str) -> None:
    code, authenticated = REFUSED[case]

    with pytest.raises(As4Error) as caught:
        open_request(case)

    assert caught.value.code == code
    assert code.split(":")[1] in CASES[case]["expect"]["answer"]
    assert caught.value.authenticated is authenticated
    assert caught.value.ref_to_message_id == CASES[case]["exchanges"][0]["answer"]["ref_to_message_id"]


def test_duplicate_is_the_same_message_again() -> None:
    first, second = open_request("before-duplicate")[0], open_request("duplicate")[0]

    assert (second.header, second.references) == (first.header, first.references)


@pytest.mark.parametrize("case", INTERMEDIATE)
def test_intermediate_values(case: str) -> None:
    values = json.loads((VECTORS / case / "values.json").read_text())
    opened, _ = open_request(case)
    soap = read_envelope(opened.envelope, DEFAULT_LIMITS)
    message = read_messaging(soap.messaging, DEFAULT_LIMITS)
    assert isinstance(message, UserMessage)
    security = read_security(soap)
    signature = security.signature
    assert signature is not None
    encryption = read_encryption(security, message.parts)
    assert encryption is not None
    own = recordings.decryption(case, "red")
    suite = recordings.suite(case)
    secret = suite.agree(own.key, encryption.key.originator(suite))
    by_uri = {r.uri: r for r in signature.references}
    messaging_uri, body_uri = (r.uri for r in signature.references[:2])

    assert signature.signed_info(signature.prefixes) == (VECTORS / case / "signedinfo.c14n").read_bytes()
    messaging = canonical(soap.messaging, by_uri[messaging_uri].prefix_list)
    assert messaging == (VECTORS / case / "messaging.c14n").read_bytes()
    assert canonical(soap.body, by_uri[body_uri].prefix_list) == (VECTORS / case / "body.c14n").read_bytes()
    assert encryption.key.agreement == values["agreement"]
    assert secret.hex() == values["shared_secret"]
    assert (encryption.key.salt or b"").hex() == values["hkdf_salt"]
    assert encryption.key.info.hex() == values["hkdf_info"]
    assert derive_key(secret, encryption.key.salt, encryption.key.info).hex() == values["kek"]
    assert encryption.key.wrapped.hex() == values["wrapped_key"]
    assert content_key(encryption, suite, [own]).hex() == values["cek"]
    decrypted = (VECTORS / case / "part-1.decrypted").read_bytes()
    assert opened.parts[0].signed_sha256 == hashlib.sha256(decrypted).digest()
    digested = VECTORS / case / "part-1.digested"
    octets = digested.read_bytes() if digested.exists() else decrypted
    assert opened.references[2].digest == hashlib.sha256(octets).digest()


def sent_in(case: str) -> SignedMessage:
    opened, _ = open_request(case)
    return SignedMessage(opened.envelope, opened.header.message_id, opened.references)


@pytest.mark.parametrize("case", RECEIPTED)
def test_receipt_of_phase4_is_verified_against_what_was_sent(case: str) -> None:
    answer = CASES[case]["exchanges"][0]["answer"]
    recorded = recordings.response(case)
    red = recordings.signing(case, "red").certificate

    receipt = verify_receipt(
        recorded.body, recorded.content_type, sent_in(case), recordings.suite(case), recordings.only(red)
    )

    assert receipt.message_id == answer["message_id"]
    assert receipt.signer == red
    assert receipt.timestamp.tzinfo is UTC
    assert receipt.timestamp > datetime(2026, 11, 25, tzinfo=UTC)
    signal = read_response(recorded.content_type, recorded.body).signal
    assert isinstance(signal, Receipt)
    repeated = [{"uri": r.uri, "digest": base64.b64encode(r.digest).decode()} for r in signal.references]
    assert repeated == answer["receipt_references"]


def test_receipt_for_another_message_is_refused() -> None:
    recorded = recordings.response("one-xml")
    red = recordings.signing("one-xml", "red").certificate

    with pytest.raises(InvalidReceipt, match="other message"):
        verify_receipt(
            recorded.body,
            recorded.content_type,
            sent_in("xml-pdf"),
            recordings.suite("one-xml"),
            recordings.only(red),
        )


@pytest.mark.parametrize("case", [name for name in CASES if "errors" in CASES[name]["exchanges"][0]["answer"]])
def test_error_signal_of_phase4_is_read(case: str) -> None:
    answer = CASES[case]["exchanges"][0]["answer"]
    recorded = recordings.response(case)
    red = recordings.signing(case, "red").certificate
    sent = SignedMessage(b"", answer["ref_to_message_id"], ())

    error = verify_error(recorded.body, recorded.content_type, sent, recordings.suite(case), recordings.only(red))

    assert isinstance(error, ErrorSignal)
    assert error.signed_by_peer is (answer["signed_by"] is not None)
    assert error.concerns == answer["ref_to_message_id"]
    found = [
        {
            "errorCode": e.code,
            "severity": e.severity,
            "shortDescription": e.short,
            "category": e.category,
            "origin": e.origin,
            "refToMessageInError": e.ref_to_message,
            "description": e.description,
            "detail": e.detail,
        }
        for e in error.errors
    ]
    assert found == answer["errors"]


@pytest.mark.parametrize("case", ["pull", "pull-empty"])
def test_pull_request_is_opened(case: str) -> None:
    recorded = recordings.request(case)

    opened, contents = open_bytes(
        recorded.content_type, recorded.body, recordings.policy_for(case), lambda _: recordings.policy(case)
    )

    assert isinstance(opened, OpenedSignal)
    assert isinstance(opened.signal, PullRequest)
    assert opened.signal.mpc == CASES[case]["expect"]["pull_request_mpc"]
    assert opened.signer == recordings.signing(case, "blue").certificate
    assert contents == []


def test_pulled_message_and_its_receipt() -> None:
    answer = recordings.response("pull", 0)
    opened, contents = open_bytes(
        answer.content_type, answer.body, recordings.policy_for("pull", sender="red", receiver="blue")
    )
    assert isinstance(opened, OpenedMessage)
    check_message(opened, contents, CASES["pull"]["expect"]["user_message_in_response"])

    receipt = recordings.request("pull", 1)
    sent = SignedMessage(opened.envelope, opened.header.message_id, opened.references)
    blue = recordings.signing("pull", "blue").certificate
    verified = verify_receipt(receipt.body, receipt.content_type, sent, recordings.suite("pull"), recordings.only(blue))
    assert verified.signer == blue


def test_answer_to_an_empty_channel_is_an_unsigned_error() -> None:
    recorded = recordings.response("pull-empty")

    read = read_response(recorded.content_type, recorded.body)

    assert isinstance(read.signal, ErrorSignal)
    assert read.signal.errors[0].code == "EBMS:0006"
    assert (read.verified, read.signer) == (False, None)


def test_pulled_message_is_no_signal() -> None:
    answer = recordings.response("pull", 0)

    with pytest.raises(NotEbms) as caught:
        read_response(answer.content_type, answer.body)

    assert caught.value.kind == "multipart"
