"""What one side packs the other opens, in both suites; what we write is in canonical form."""

import hashlib
import os
from datetime import timedelta

import pytest
from lxml import etree

from node.as4 import (
    ECDSA_P256,
    EDDSA_X25519,
    SUITES,
    TEST_ACTION,
    TEST_SERVICE,
    EbmsError,
    ErrorSignal,
    FailedAuthentication,
    FailedDecryption,
    OpenedSignal,
    PartInfo,
    PartOctets,
    PolicyNoncompliance,
    Property,
    PullRequest,
    Receipt,
    make_error,
    make_pull_request,
    make_receipt,
    open_bytes,
    read_response,
    read_signed,
    seal,
    sign,
    suite_of,
    verify_error,
    verify_receipt,
)
from tests.as4 import material, recordings

XML = b'<?xml version="1.0"?>\n<r b="2" a="1"><!-- gone -->text</r>\n'
SUITE_NAMES = list(SUITES)
PARTS = [
    (PartInfo("record@x", "application/xml", True), XML),
    (PartInfo("plain@x", "application/xml", False), XML),
    (PartInfo("svg@x", "image/svg+xml", False), b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    (PartInfo("note@x", "text/plain", False, "UTF-8"), b"one\ntwo\r\nthree\rfour\r"),
    (PartInfo("scan@x", "application/pdf", False, None, (Property("name", "scan.pdf"),)), b"%PDF\r\n--\r\n" * 300),
    (PartInfo("empty@x", "application/octet-stream", False), b""),
    (PartInfo("nothing@x", "application/octet-stream", True), b""),
]


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_what_is_packed_is_opened(suite: str) -> None:
    who = material.parties(suite)
    frozen, wire = material.sealed(PARTS, who)

    opened, contents = material.opened(wire, who)

    assert contents == [content for _, content in PARTS]
    assert opened.header == material.message([info for info, _ in PARTS])
    assert opened.references == frozen.references
    assert opened.signer == who.sender.certificate
    assert [p.info for p in opened.parts] == [info for info, _ in PARTS]
    assert [p.sha256 for p in opened.parts] == [hashlib.sha256(content).digest() for _, content in PARTS]
    assert wire.length == len(wire.body())
    assert wire.body() == wire.body()


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_receipt_proves_what_was_sent(suite: str) -> None:
    who = material.parties(suite)
    frozen, wire = material.sealed(PARTS, who)
    opened, _ = material.opened(wire, who)
    when = material.NOW + timedelta(seconds=1)

    xml = make_receipt(opened, "receipt@red", when, who.receiver_signing, who.suite)

    verified = verify_receipt(
        xml, "application/soap+xml", frozen, who.suite, recordings.only(who.receiver_signing.certificate)
    )
    assert (verified.message_id, verified.timestamp, verified.xml) == ("receipt@red", when, xml)
    assert verified.signer == who.receiver_signing.certificate


def test_receipt_repeats_the_references_of_a_foreign_request_with_their_prefixes() -> None:
    recorded = recordings.request("one-xml")
    opened, _ = open_bytes(recorded.content_type, recorded.body, recordings.policy_for("one-xml"))
    who = material.parties()

    xml = make_receipt(opened, "receipt@red", material.NOW, who.receiver_signing, who.suite)  # type: ignore[arg-type]

    signal = read_response("application/soap+xml", xml).signal
    assert isinstance(signal, Receipt)
    assert signal.references == opened.references
    assert signal.references[0].prefix_list == ("S12",)


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_test_service_without_parts_is_plain_soap(suite: str) -> None:
    who = material.parties(suite)
    frozen, wire = material.sealed((), who, service=TEST_SERVICE, action=TEST_ACTION)

    opened, contents = material.opened(wire, who)

    assert wire.content_type == "application/soap+xml;charset=UTF-8"
    assert wire.body() == frozen.xml
    assert opened.header.is_test
    assert contents == []


def test_frozen_message_is_read_back() -> None:
    frozen, _ = material.sealed(PARTS)

    assert read_signed(frozen.xml) == frozen


def test_reading_back_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="stored message"):
        read_signed(b"<a/>")


def test_sealing_again_keeps_the_signature_and_changes_the_encryption() -> None:
    who = material.parties()
    frozen, parts = material.signed(PARTS, who)
    first, second = (seal(frozen.xml, parts, who.recipient, who.suite) for _ in range(2))

    assert first.body() != second.body()
    assert material.opened(first, who)[0].references == material.opened(second, who)[0].references


def test_signed_elements_are_written_in_canonical_form() -> None:
    odd = [Property("a<b>&\"'\t\r\n", "x<y>&\"'\t\r\nz é 漢 𝄞", 't"&<\t')]
    frozen, _ = material.sealed(PARTS, conversation_id=" a  b\r\n\t]]> ", properties=tuple(odd))
    root = etree.fromstring(frozen.xml)

    def slice_of(name: str) -> bytes:
        start = frozen.xml.index(b"<" + name.encode() + b" ")
        end = b"</" + name.encode() + b">"
        return frozen.xml[start : frozen.xml.index(end) + len(end)]

    for name, local in (("eb:Messaging", "Messaging"), ("ds:SignedInfo", "SignedInfo"), ("S12:Body", "Body")):
        element = next(e for e in root.iter() if etree.QName(e).localname == local)
        assert slice_of(name) == etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def test_canonical_form_of_a_receipt_and_an_error() -> None:
    who = material.parties()
    opened, _ = material.opened(material.sealed(PARTS, who)[1], who)
    errors = [
        EbmsError.coded("EBMS:0004", "detail <&>\r\n"),
        EbmsError("X", "s", "c", "warning", "m@x", "d", None, "o"),
    ]
    for xml in (
        make_receipt(opened, "r@x", material.NOW, who.sender, who.suite),
        make_error(errors, "e@x", material.NOW, "m@x", who.sender, who.suite),
        make_pull_request("urn:mpc", "p@x", material.NOW, who.sender, who.suite),
    ):
        root = etree.fromstring(xml)
        element = next(e for e in root.iter() if etree.QName(e).localname == "Messaging")
        assert etree.tostring(element, method="c14n", exclusive=True) in xml


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_error_signal(suite: str) -> None:
    who = material.parties(suite)
    frozen, _ = material.sealed((), who)
    error = EbmsError("EBMS:0101", "FailedAuthentication", "Processing", "failure", None, "words", "detail & <more>")

    xml = make_error([error], "e@red", material.NOW, frozen.message_id, who.receiver_signing, who.suite)

    accepts = recordings.only(who.receiver_signing.certificate)
    read = verify_error(xml, "application/soap+xml", frozen, who.suite, accepts)
    assert read == ErrorSignal("e@red", frozen.message_id, material.NOW, (error,), signed_by_peer=True)


def test_error_that_comes_as_a_request_is_known_to_be_the_peers() -> None:
    who = material.parties()
    xml = make_error([EbmsError.coded("EBMS:0303")], "e@x", material.NOW, "m@x", who.sender, who.suite)

    opened, _ = open_bytes("application/soap+xml", xml, lambda _: who.policy(), lambda _: who.policy())

    assert isinstance(opened, OpenedSignal)
    assert isinstance(opened.signal, ErrorSignal)
    assert opened.signal.signed_by_peer


def test_unsigned_error_as_a_request_is_refused() -> None:
    who = material.parties()
    xml = make_error([EbmsError.coded("EBMS:0303")], "e@x", material.NOW, "m@x")

    with pytest.raises(PolicyNoncompliance, match="not signed"):
        open_bytes("application/soap+xml", xml, lambda _: who.policy(), lambda _: who.policy())


def test_unsigned_error_proves_nothing() -> None:
    who = material.parties()
    frozen, _ = material.sealed((), who)

    xml = make_error([EbmsError.coded("EBMS:0010")], "e@red", material.NOW, frozen.message_id)

    accepts = recordings.only(who.receiver_signing.certificate)
    assert not verify_error(xml, "application/soap+xml", frozen, who.suite, accepts).signed_by_peer


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_pull_request(suite: str) -> None:
    who = material.parties(suite)
    xml = make_pull_request("urn:mpc", "p@blue", material.NOW, who.sender, who.suite)

    opened, _ = open_bytes("application/soap+xml", xml, lambda _: who.policy(), lambda _: who.policy())

    assert isinstance(opened, OpenedSignal)
    assert opened.signal == PullRequest("p@blue", None, material.NOW, "urn:mpc")


def test_the_agreement_chooses_the_suite_not_the_message() -> None:
    edwards, nist = (material.parties(name) for name in SUITE_NAMES)
    _, wire = material.sealed(PARTS[:1], nist)

    with pytest.raises(FailedAuthentication, match="SignatureMethod"):
        material.opened(wire, nist, suite=edwards.suite)


def test_encryption_of_another_suite_is_refused() -> None:
    edwards, nist = (material.parties(name) for name in SUITE_NAMES)
    frozen, parts = material.signed(PARTS[:1], edwards)
    wire = seal(frozen.xml, parts, nist.recipient, nist.suite)

    with pytest.raises(FailedDecryption, match="AgreementMethod"):
        material.opened(wire, edwards, decryption=[edwards.receiver, nist.receiver])


def test_key_of_another_suite_is_the_callers_mistake() -> None:
    edwards, nist = (material.parties(name) for name in SUITE_NAMES)

    with pytest.raises(TypeError):
        sign(material.message(), [], nist.sender, edwards.suite)
    with pytest.raises(TypeError):
        sign(material.message(), [], edwards.sender, nist.suite)
    frozen, parts = material.signed(PARTS[:1], edwards)
    with pytest.raises(TypeError):
        seal(frozen.xml, parts, nist.recipient, edwards.suite)
    with pytest.raises(TypeError):
        seal(frozen.xml, parts, edwards.recipient, nist.suite)


def test_suite_follows_from_a_key() -> None:
    edwards, nist = (material.parties(name) for name in SUITE_NAMES)

    assert suite_of(edwards.sender.key) is suite_of(edwards.recipient) is EDDSA_X25519
    assert suite_of(nist.sender.certificate) is suite_of(nist.receiver.key.public_key()) is ECDSA_P256
    with pytest.raises(ValueError, match="Ed25519"):
        suite_of("no key")


def test_second_key_of_ours_opens_during_a_rotation() -> None:
    who = material.parties()
    _, wire = material.sealed(PARTS[:1], who)
    other = recordings.decryption("one-xml", "blue")

    _, contents = material.opened(wire, who, decryption=[other, who.receiver])

    assert contents == [XML]


def test_unencrypted_message_where_the_agreement_allows_it() -> None:
    who = material.parties()
    frozen, parts = material.signed(PARTS, who)
    boundary = "b"
    body = b"--b\r\nContent-Type: application/soap+xml\r\n\r\n" + frozen.xml
    for part in parts:
        body += f"\r\n--b\r\nContent-ID: <{part.info.content_id}>\r\n\r\n".encode() + b"".join(part.open())
    body += b"\r\n--b--"
    content_type = f"multipart/related; boundary={boundary}"

    _, contents = material.open_as(content_type, body, who, require_encryption=False)

    assert contents == [content for _, content in PARTS]
    with pytest.raises(PolicyNoncompliance, match="not encrypted"):
        material.open_as(content_type, body, who)


def test_large_part_streams_both_ways_in_small_pieces() -> None:
    who = material.parties()
    block, count = os.urandom(1 << 16), 40
    info = PartInfo("big@x", "application/octet-stream", False)
    part = PartOctets(info, len(block) * count, lambda: (block for _ in range(count)))
    digest = hashlib.sha256(block * count).digest()
    frozen = sign(material.message([info]), [digest], who.sender, who.suite)
    wire = seal(frozen.xml, [part], who.recipient, who.suite)

    pieces = list(wire.chunks())
    opened, contents = material.opened(wire, who, max_bytes=1 << 30)

    assert max(map(len, pieces)) <= len(block) + 64
    assert sum(map(len, pieces)) == wire.length
    assert opened.parts[0].signed_sha256 == hashlib.sha256(contents[0]).digest() == digest


def test_part_that_is_not_as_long_as_it_said_is_the_callers_mistake() -> None:
    who = material.parties()
    frozen, parts = material.signed(PARTS[:1], who)
    wrong = PartOctets(parts[0].info, parts[0].size + 1, parts[0].open)

    with pytest.raises(ValueError, match="expected"):
        seal(frozen.xml, [wrong], who.recipient, who.suite).body()
