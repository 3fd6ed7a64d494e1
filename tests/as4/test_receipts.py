"""A receipt counts only if it is about our message, whole, unchanged, and signed by the peer: each lie is found out."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from node.as4 import (
    SUITES,
    EbmsError,
    InvalidReceipt,
    NotEbms,
    OpenedMessage,
    PullRequest,
    Receipt,
    UserMessage,
    make_error,
    make_pull_request,
    make_receipt,
    read_response,
    verify_error,
    verify_receipt,
)
from tests.as4 import material, recordings
from tests.as4.surgery import CONTENTS, NS, etree_text

Change = Callable[["Paper"], None]
PREFIXED = '<ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="S12"/>'


class Paper:
    """A receipt to be forged: `root` the envelope; signed again by the receiver unless told otherwise."""

    def __init__(self, suite: str = "eddsa-x25519") -> None:
        self.who = material.parties(suite)
        self.sent, wire = material.sealed(CONTENTS, self.who)
        self.opened, _ = material.opened(wire, self.who)
        self.signer = self.who.receiver_signing
        self.content_type = "application/soap+xml;charset=UTF-8"
        self.root = etree.fromstring(self.make(self.opened))

    def make(self, opened: OpenedMessage) -> bytes:
        return make_receipt(opened, "receipt@red", material.NOW, self.signer, self.who.suite)

    def all(self, path: str) -> list[etree._Element]:
        return self.root.findall(path, NS)

    def find(self, path: str) -> etree._Element:
        return self.all(path)[0]

    def resign(self) -> None:
        import hashlib

        for reference, name in zip(self.all(".//ds:SignedInfo/ds:Reference"), ("Messaging", "Body"), strict=False):
            element = next(self.root.iter("{*}" + name))
            digest = hashlib.sha256(etree.tostring(element, method="c14n", exclusive=True)).digest()
            reference.find("ds:DigestValue", NS).text = base64.b64encode(digest).decode()  # type: ignore[union-attr]
        signed_info = etree.tostring(self.find(".//ds:SignedInfo"), method="c14n", exclusive=True)
        value = self.who.suite.sign(self.signer.key, signed_info)
        self.find(".//ds:SignatureValue").text = base64.b64encode(value).decode()

    def verify(self, sent: Any = None) -> Any:
        accepts = recordings.only(self.who.receiver_signing.certificate)
        body = etree.tostring(self.root)
        return verify_receipt(body, self.content_type, sent or self.sent, self.who.suite, accepts)


LIES: dict[str, tuple[str, bool, Change]] = {}


def lie(match: str, signed: bool = True) -> Callable[[Change], Change]:
    def note(change: Change) -> Change:
        LIES[change.__name__] = (match, signed, change)
        return change

    return note


@lie("other message")
def about_another_message(p: Paper) -> None:
    p.find(".//eb:RefToMessageId").text = "other@x"


@lie("other message")
def about_no_message(p: Paper) -> None:
    ref = p.find(".//eb:RefToMessageId")
    ref.getparent().remove(ref)  # type: ignore[union-attr]


for n in range(4):

    def digest_of_reference(p: Paper, n: int = n) -> None:
        p.all(".//ebbp:NonRepudiationInformation//ds:DigestValue")[n].text = base64.b64encode(b"x" * 32).decode()

    digest_of_reference.__name__ = f"other_digest_{n}"
    lie("other digests")(digest_of_reference)

    def without_reference(p: Paper, n: int = n) -> None:
        part = p.all(".//ebbp:MessagePartNRInformation")[n]
        part.getparent().remove(part)  # type: ignore[union-attr]

    without_reference.__name__ = f"missing_reference_{n}"
    lie("missing reference")(without_reference)


@lie("missing reference")
def no_references_at_all(p: Paper) -> None:
    information = p.find(".//ebbp:NonRepudiationInformation")
    information.getparent().remove(information)  # type: ignore[union-attr]


@lie("reference to something that was not sent")
def one_reference_too_many(p: Paper) -> None:
    information = p.find(".//ebbp:NonRepudiationInformation")
    part = etree.fromstring(etree_text(information[2]))
    part[0].set("URI", "cid:more@x")
    information.append(part)


@lie("found twice")
def reference_twice(p: Paper) -> None:
    information = p.find(".//ebbp:NonRepudiationInformation")
    information.append(etree.fromstring(etree_text(information[2])))


@lie("missing reference")
def reference_renamed(p: Paper) -> None:
    p.all(".//ebbp:NonRepudiationInformation//ds:Reference")[2].set("URI", "cid:more@x")


@lie("malformed")
def another_transform(p: Paper) -> None:
    transform = p.all(".//ebbp:NonRepudiationInformation//ds:Transform")[2]
    transform.set("Algorithm", "http://www.w3.org/2001/10/xml-exc-c14n#")


@lie("prefixes")
def another_prefix_list(p: Paper) -> None:
    p.all(".//ebbp:NonRepudiationInformation//ds:Transform")[0].append(etree.fromstring(PREFIXED))


@lie("malformed")
def another_digest_method(p: Paper) -> None:
    method = p.find(".//ebbp:NonRepudiationInformation//ds:DigestMethod")
    method.set("Algorithm", "http://www.w3.org/2001/04/xmlenc#sha512")


@lie("malformed")
def part_identifier_instead_of_a_digest(p: Paper) -> None:
    part = p.find(".//ebbp:MessagePartNRInformation")
    part.replace(part[0], etree.SubElement(part, f"{{{NS['ebbp']}}}MessagePartIdentifier"))


@lie("unsigned", signed=False)
def without_signature(p: Paper) -> None:
    security = p.find(".//wsse:Security")
    security.getparent().remove(security)  # type: ignore[union-attr]


@lie("bad signature", signed=False)
def changed_after_signing(p: Paper) -> None:
    p.find(".//eb:Timestamp").text = "2020-01-01T00:00:00Z"


@lie("bad signature")
def messaging_not_signed(p: Paper) -> None:
    info = p.find(".//ds:SignedInfo")
    info.remove(info.findall("ds:Reference", NS)[0])


@lie("bad signature")
def body_not_signed(p: Paper) -> None:
    info = p.find(".//ds:SignedInfo")
    info.remove(info.findall("ds:Reference", NS)[1])


@lie("other certificate")
def signed_by_another(p: Paper) -> None:
    p.signer = p.who.sender
    p.root = etree.fromstring(p.make(p.opened))


@lie("bad signature", signed=False)
def certificate_of_the_peer_signature_of_another(p: Paper) -> None:
    p.signer = p.who.sender
    p.resign()


@lie("malformed", signed=False)
def token_missing(p: Paper) -> None:
    token = p.find(".//wsse:BinarySecurityToken")
    token.getparent().remove(token)  # type: ignore[union-attr]


@lie("no receipt", signed=False)
def second_messaging(p: Paper) -> None:
    header = p.find(".//S12:Header")
    header.append(etree.fromstring(etree_text(p.find(".//eb:Messaging"))))


def test_untouched_receipt_is_accepted() -> None:
    paper = Paper()
    paper.resign()

    assert paper.verify().message_id == "receipt@red"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", LIES)
def test_lie_is_found_out(name: str, suite: str) -> None:
    match, signed, change = LIES[name]
    paper = Paper(suite)
    change(paper)
    if signed:
        paper.resign()

    with pytest.raises(InvalidReceipt, match=match):
        paper.verify()


def test_receipt_for_an_earlier_message_with_the_same_id_is_refused() -> None:
    paper = Paper()
    other, _ = material.signed([(CONTENTS[0][0], b"<record>other</record>"), CONTENTS[1]], paper.who)

    with pytest.raises(InvalidReceipt, match="other digests"):
        paper.verify(other)


def test_receipt_of_another_suite_is_refused() -> None:
    paper, other = Paper(), Paper("ecdsa-p256")
    accepts = recordings.only(other.signer.certificate)

    with pytest.raises(InvalidReceipt, match="bad signature"):
        verify_receipt(etree.tostring(other.root), other.content_type, other.sent, paper.who.suite, accepts)


def test_foreign_elements_in_a_receipt_are_tolerated() -> None:
    paper = Paper()
    paper.find(".//eb:Receipt").append(etree.fromstring('<x xmlns="urn:foreign"><y/></x>'))
    paper.resign()

    assert paper.verify().message_id == "receipt@red"


ANSWERS = {
    "empty": ("text/html", b""),
    "empty soap": ("application/soap+xml", b" \r\n"),
    "html": ("text/html; charset=utf-8", b"<html><body>502 Bad Gateway</body></html>"),
    "json": ("application/json", b'{"ok": true}'),
    "other": ("text/plain", b"OK"),
    "other no type": ("", b"OK"),
    "other not soap": ("application/soap+xml", b"<html/>"),
    "other not xml": ("application/soap+xml", b"OK"),
    "other doctype": ("application/soap+xml", b"<!DOCTYPE html><html/>"),
    "fault": (
        "application/soap+xml",
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault/></e:Body></e:Envelope>',
    ),
    "fault with header": (
        "application/soap+xml",
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header/><e:Body><e:Fault/></e:Body>'
        b"</e:Envelope>",
    ),
    "multipart": ("multipart/related; boundary=b", b"--b--"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_that_is_no_signal(name: str) -> None:
    content_type, body = ANSWERS[name]
    paper = Paper()

    with pytest.raises(NotEbms) as caught:
        read_response(content_type, body)
    with pytest.raises(InvalidReceipt, match="no receipt"):
        verify_receipt(body, content_type, paper.sent, paper.who.suite, lambda _: None)

    assert caught.value.kind == name.split()[0]


def test_error_instead_of_a_receipt() -> None:
    paper = Paper()
    xml = make_error([EbmsError.coded("EBMS:0004")], "e@red", material.NOW, paper.sent.message_id)

    with pytest.raises(InvalidReceipt, match="ErrorSignal"):
        verify_receipt(xml, paper.content_type, paper.sent, paper.who.suite, lambda _: None)


def test_receipt_instead_of_an_error() -> None:
    paper = Paper()

    with pytest.raises(InvalidReceipt, match="Receipt"):
        verify_error(etree.tostring(paper.root), paper.content_type, paper.sent, paper.who.suite, lambda _: None)


def test_error_about_another_message_is_refused() -> None:
    paper = Paper()
    for ref, in_error in (("other@x", None), (None, "other@x"), (paper.sent.message_id, "other@x")):
        error = EbmsError("EBMS:0004", "Other", "Content", "failure", in_error)
        xml = make_error([error], "e@red", material.NOW, ref, paper.signer, paper.who.suite)

        with pytest.raises(InvalidReceipt, match="other message"):
            verify_error(xml, paper.content_type, paper.sent, paper.who.suite, lambda _: None)


def test_signed_error_that_names_no_message_proves_nothing() -> None:
    paper = Paper()
    xml = make_error([EbmsError.coded("EBMS:0004")], "e@red", material.NOW, None, paper.signer, paper.who.suite)

    error = verify_error(xml, paper.content_type, paper.sent, paper.who.suite, lambda _: None)

    assert not error.signed_by_peer


def test_error_by_another_signer_is_not_the_peers() -> None:
    paper = Paper()
    who = paper.who
    xml = make_error([EbmsError.coded("EBMS:0004")], "e@x", material.NOW, paper.sent.message_id, who.sender, who.suite)

    accepts = recordings.only(who.receiver_signing.certificate)
    assert not verify_error(xml, paper.content_type, paper.sent, who.suite, accepts).signed_by_peer


def test_read_response_tells_what_came_and_whether_it_is_the_peers() -> None:
    paper = Paper()
    who = paper.who
    accepts = recordings.only(who.receiver_signing.certificate)
    pull = make_pull_request("urn:mpc", "p@x", material.NOW, who.receiver_signing, who.suite)
    message, _ = material.signed((), who)

    assert read_response(paper.content_type, etree.tostring(paper.root)).verified is False
    read = read_response(paper.content_type, etree.tostring(paper.root), suite=who.suite, accepts_signer=accepts)
    assert isinstance(read.signal, Receipt)
    assert (read.verified, read.signer) == (True, who.receiver_signing.certificate)
    assert isinstance(read_response(paper.content_type, pull).signal, PullRequest)
    other = read_response(paper.content_type, message.xml, suite=who.suite, accepts_signer=accepts)
    assert isinstance(other.signal, UserMessage)
    assert other.verified is False
