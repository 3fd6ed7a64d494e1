"""The same wrapping against a sender: a true receipt for one message, dressed as one for another that never arrived.

Whoever stands between the two nodes has the receipt for the first message and the references of the second. Here the
courier's own judgement is asked, for whatever came back over HTTP.
"""

import base64
import functools
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from node.as4 import SIGNAL_CONTENT_TYPE, SignedMessage, SigningIdentity, WireMessage, make_receipt
from node.as4.suite import der_of
from node.exchange.responses import Attempt, Judgement, judge
from tests.as4 import material, recordings
from tests.as4.surgery import CONTENTS, NS, Surgery
from tests.attacks.catalogue import Actor, Catalogue
from tests.attacks.target import GREEN, STRANGER
from tests.attacks.test_wrapping import NAMED, PLACES, WRAPPING, WSU_ID

catalogue = Catalogue("Receipts")
WHO = material.parties()
ACCEPTS = recordings.only(WHO.receiver_signing.certificate)
HIDDEN = {name: place for name, place in PLACES.items() if name != "in_encrypted_data"}


def sent(name: str) -> tuple[SignedMessage, bytes]:
    """A message of ours, and what the peer would answer to it."""
    frozen, wire = material.sealed(CONTENTS, WHO, message_id=f"{name}@blue.example")
    opened, _ = material.opened(wire, WHO)
    return frozen, make_receipt(opened, f"receipt-{name}@red", material.NOW, WHO.receiver_signing, WHO.suite)


@functools.cache
def pair() -> tuple[SignedMessage, bytes, bytes]:
    """The message that never arrived, the receipt it would get, and the receipt for another one."""
    frozen, receipt = sent("second")
    return frozen, receipt, sent("first")[1]


def judged(body: bytes) -> Judgement:
    """What the courier makes of that answer to the second message."""
    attempt = Attempt(pair()[0], WHO.suite, lambda certificate, _: ACCEPTS(certificate), 0, False)
    return judge(attempt, 200, SIGNAL_CONTENT_TYPE, body)


def taken_apart(xml: bytes) -> Surgery:
    """A receipt, opened up."""
    return Surgery(wire=WireMessage(SIGNAL_CONTENT_TYPE, len(xml), lambda: iter([xml])))


for place_ in HIDDEN:
    for named_ in NAMED:
        catalogue.named(f"receipt_{place_}_{named_}", "outsider", *WRAPPING)


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("place", HIDDEN)
def test_a_receipt_for_another_message_is_no_receipt_however_it_is_dressed(place: str, named: str) -> None:
    _, wanted, other = pair()
    s = taken_apart(other)
    signed = s.find(".//eb:Messaging")
    forged = etree.fromstring(wanted).find(".//eb:Messaging", NS)
    assert forged is not None
    signed_id = signed.get(WSU_ID) or ""
    forged.set(WSU_ID, signed_id)
    NAMED[named](forged, signed_id)
    signed.getparent().replace(signed, forged)
    HIDDEN[place](s, signed, forged)
    assert judged(s.envelope()).kind != "delivered"


def signed_by(s: Surgery, identity: SigningIdentity) -> None:
    """Sign anew, by whomever."""
    s.find(".//wsse:BinarySecurityToken").text = base64.b64encode(der_of(identity.certificate)).decode()
    s.who = replace(s.who, sender=identity)
    s.resign()


def of_a_stranger(s: Surgery) -> None:
    signed_by(s, STRANGER)


def of_the_sender_itself(s: Surgery) -> None:
    signed_by(s, WHO.sender)


def with_the_id_of_another_message(s: Surgery) -> None:
    """The peer itself says by its signature that it has the second message, with the digests of the first."""
    s.root = taken_apart(pair()[2]).root
    s.find(".//eb:RefToMessageId").text = pair()[0].message_id
    signed_by(s, WHO.receiver_signing)


def with_a_reference_less(s: Surgery) -> None:
    information = s.find(".//ebbp:NonRepudiationInformation")
    information.remove(information[-1])
    signed_by(s, WHO.receiver_signing)


def with_two_digests_exchanged(s: Surgery) -> None:
    """Every digest is there, each with the name of another part."""
    digests = s.all(".//ebbp:NonRepudiationInformation//ds:DigestValue")
    digests[-1].text, digests[-2].text = digests[-2].text, digests[-1].text
    signed_by(s, WHO.receiver_signing)


def with_a_reference_of_another_message(s: Surgery) -> None:
    information = s.find(".//ebbp:NonRepudiationInformation")
    other = etree.fromstring(pair()[2]).find(".//ebbp:NonRepudiationInformation", NS)
    assert other is not None
    information.replace(information[0], other[0])
    signed_by(s, WHO.receiver_signing)


def with_the_information_of_two_messages(s: Surgery) -> None:
    other = etree.fromstring(pair()[2]).find(".//ebbp:NonRepudiationInformation", NS)
    assert other is not None
    s.find(".//eb:Receipt").append(other)
    signed_by(s, WHO.receiver_signing)


def beside_an_error(s: Surgery) -> None:
    """Received, and refused, in one signal."""
    s.find(".//eb:SignalMessage").append(
        s.new('<eb:Error errorCode="EBMS:0004" severity="failure" category="Content"/>')
    )
    signed_by(s, WHO.receiver_signing)


def of_another_partner(s: Surgery) -> None:
    signed_by(s, GREEN)


def with_another_digest_under_a_comment(s: Surgery) -> None:
    end = b"</ds:DigestValue></ds:Reference></ebbp"
    s.raw.append(lambda xml: xml.replace(end, b"<!-- -->" + end, 1))


def with_a_doctype(s: Surgery) -> None:
    s.raw.append(lambda xml: b"<!DOCTYPE x>" + xml)


def without_canonical_form(s: Surgery) -> None:
    s.raw.append(lambda xml: xml.replace(b"<eb:Messaging", b'<eb:Messaging xmlns:void="1"', 1))


def unsigned(s: Surgery) -> None:
    security = s.find(".//wsse:Security")
    security.getparent().remove(security)


def signed_by_a_mac_with_the_public_key(s: Surgery) -> None:
    s.find(".//ds:SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    key = WHO.receiver_signing.certificate.public_key().public_bytes_raw()  # type: ignore[union-attr]
    info = etree.tostring(s.find(".//ds:SignedInfo"), method="c14n", exclusive=True)
    s.find(".//ds:SignatureValue").text = base64.b64encode(hmac.digest(key, info, "sha256")).decode()


EDITS: dict[str, tuple[Callable[[Surgery], None], Actor, str]] = {
    f"receipt_{edit.__name__}": (edit, actor, source)
    for edit, actor, source in (
        (of_a_stranger, "outsider", "Mainka 2014"),
        (of_the_sender_itself, "outsider", "Mainka 2014"),
        (with_the_id_of_another_message, "partner", "ebMS 3.0"),
        (with_a_reference_less, "partner", "ebMS 3.0"),
        (with_two_digests_exchanged, "partner", "CVE-2026-33487"),
        (with_a_reference_of_another_message, "partner", "ebMS 3.0"),
        (with_the_information_of_two_messages, "partner", "ebMS 3.0"),
        (beside_an_error, "partner", "ebMS 3.0"),
        (of_another_partner, "partner", "Mainka 2014"),
        (with_another_digest_under_a_comment, "outsider", "CVE-2025-29775"),
        (with_a_doctype, "outsider", "CVE-2025-25291"),
        (without_canonical_form, "outsider", "CVE-2025-66568"),
        (unsigned, "outsider", "Somorovsky 2012"),
        (signed_by_a_mac_with_the_public_key, "outsider", "CVE-2015-9235"),
    )
}
for name_, (_, actor_, source_) in EDITS.items():
    catalogue.named(name_, actor_, source_)


@pytest.mark.parametrize("name", EDITS)
def test_a_receipt_that_was_changed_is_none(name: str) -> None:
    s = taken_apart(pair()[1])
    EDITS[name][0](s)
    assert s.envelope() != taken_apart(pair()[1]).envelope()
    assert judged(s.envelope()).kind != "delivered"


def test_the_true_receipt_is_a_delivery() -> None:
    """Else the others would be refused for something else."""
    assert judged(pair()[1]).kind == "delivered"
    assert judged(pair()[2]).kind != "delivered"
