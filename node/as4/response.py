"""Reading what a peer answers, and verifying that a receipt proves what it seems to (AS4 profile, section 5.1.8).

A receipt counts only if its Messaging and Body are signed by an accepted signer, it refers to our message, and it
repeats every reference of what we signed, no more and no less: URI, transform, prefixes and digest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from lxml import etree

from node.as4 import names
from node.as4.envelope import Envelope
from node.as4.errors import As4Error, FailedAuthentication, InvalidReceipt, NotEbms
from node.as4.limits import DEFAULT_LIMITS, Limits
from node.as4.message import UserMessage
from node.as4.mime import check_soap, parse_media_type
from node.as4.reading import recognised, values_of
from node.as4.sign import SignedMessage
from node.as4.signals import ErrorSignal, Receipt, Signal
from node.as4.signature import verify_elements, verify_signed_info
from node.as4.soap import read_envelope
from node.as4.suite import Suite
from node.as4.tree import parse_envelope

AcceptsSigner = Callable[[x509.Certificate], None]


@dataclass(frozen=True, slots=True)
class ReadSignal:
    """What an answer says. signer: the certificate it claims to be signed by, if any.

    verified: the signature over it is right and by an accepted signer; never so without a suite to judge by.
    """

    signal: Signal | UserMessage
    signer: x509.Certificate | None
    verified: bool
    xml: bytes
    envelope: Envelope = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt that proves that the holder of the signer's key declared our message received."""

    message_id: str
    timestamp: datetime
    signer: x509.Certificate
    xml: bytes


def read_response(
    content_type: str,
    body: bytes,
    limits: Limits = DEFAULT_LIMITS,
    suite: Suite | None = None,
    accepts_signer: AcceptsSigner | None = None,
) -> ReadSignal:
    """What came back, whatever it is. A user message pulled with parts is multipart and read by `MessageReader`.

    Raises NotEbms, whose `kind` is empty, html, json, multipart, fault or other; As4Error for a malformed signal.
    """
    answer = _read(content_type, body, limits)
    signer = None if answer.signature is None else answer.signature.certificate
    verified = False
    if suite is not None and accepts_signer is not None:
        try:
            _verify(answer, suite, accepts_signer)
            verified = True
        except FailedAuthentication:
            verified = False
    signal = (
        replace(answer.message, signed_by_peer=verified) if isinstance(answer.message, ErrorSignal) else answer.message
    )
    return ReadSignal(signal, signer, verified, body, answer)


def verify_receipt(
    response: bytes,
    content_type: str,
    sent: SignedMessage,
    suite: Suite,
    accepts_signer: AcceptsSigner,
    limits: Limits = DEFAULT_LIMITS,
) -> VerifiedReceipt:
    """The receipt for what was sent. Raises InvalidReceipt with a detail that says what is wrong with the answer."""
    try:
        read = read_response(content_type, response, limits)
    except NotEbms as error:
        raise InvalidReceipt(f"no receipt: {error.detail}") from error
    except As4Error as error:
        raise InvalidReceipt(f"malformed: {error.detail}") from error
    return verify_read_receipt(read, sent, suite, accepts_signer)


def verify_read_receipt(
    read: ReadSignal, sent: SignedMessage, suite: Suite, accepts_signer: AcceptsSigner
) -> VerifiedReceipt:
    """The receipt for what was sent, from an answer that was read already. Raises InvalidReceipt."""
    answer = read.envelope
    receipt = answer.message
    if not isinstance(receipt, Receipt):
        raise InvalidReceipt(f"no receipt: the answer is {type(receipt).__name__}")
    if receipt.ref_to_message_id != sent.message_id:
        raise InvalidReceipt("other message: RefToMessageId is not that of what was sent")
    try:
        _verify(answer, suite, accepts_signer)
    except FailedAuthentication as error:
        raise InvalidReceipt(error.detail) from error
    _compare(receipt, sent)
    assert answer.signature is not None
    return VerifiedReceipt(receipt.message_id, receipt.timestamp, answer.signature.certificate, read.xml)


def verify_error(
    response: bytes,
    content_type: str,
    sent: SignedMessage,
    suite: Suite,
    accepts_signer: AcceptsSigner,
    limits: Limits = DEFAULT_LIMITS,
) -> ErrorSignal:
    """The error signal for what was sent; `signed_by_peer` tells whether it proves a refusal.

    An error that names no message at all may be an old one: it is never taken as signed. Raises InvalidReceipt if the
    answer is no error signal or is about another message, NotEbms and As4Error as `read_response`.
    """
    read = read_response(content_type, response, limits, suite, accepts_signer)
    signal = read.signal
    if not isinstance(signal, ErrorSignal):
        raise InvalidReceipt(f"no error signal: the answer is {type(signal).__name__}")
    named = {signal.ref_to_message_id, *(e.ref_to_message for e in signal.errors)} - {None, ""}
    if named - {sent.message_id}:
        raise InvalidReceipt("other message: the error is not about what was sent")
    return signal if named else replace(signal, signed_by_peer=False)


def _read(content_type: str, body: bytes, limits: Limits) -> Envelope:
    if not body.strip():
        raise NotEbms("the answer is empty", "empty")
    try:
        media_type = parse_media_type(content_type)
        check_soap(media_type)
    except As4Error:
        raise NotEbms(*_other_kind(content_type)) from None
    if (ours := recognised(body, limits)) is not None:
        return ours
    try:
        soap = read_envelope(body, limits)
    except As4Error as error:
        if _is_fault(body, limits):
            raise NotEbms("the answer is a SOAP fault", "fault") from None
        raise NotEbms(f"the answer is no ebMS signal: {error.detail}", "other") from None
    if soap.body.find(f"{{{names.SOAP}}}Fault") is not None:
        raise NotEbms("the answer is a SOAP fault", "fault")
    return values_of(soap, limits)


def _other_kind(content_type: str) -> tuple[str, str]:
    kind = content_type.partition(";")[0].strip().lower()
    if "html" in kind:
        return "the answer is a page in HTML", "html"
    if "json" in kind:
        return "the answer is JSON", "json"
    if kind.startswith("multipart/"):
        return "the answer is a multipart message", "multipart"
    return "the answer has another media type than SOAP", "other"


def _is_fault(body: bytes, limits: Limits) -> bool:
    try:
        root = parse_envelope(body, limits)
    except As4Error:
        return False
    return any(isinstance(e, etree._Element) for e in root.iter(f"{{{names.SOAP}}}Fault"))


def _verify(answer: Envelope, suite: Suite, accepts_signer: AcceptsSigner) -> None:
    """Check signer and signature over the answer. Raises FailedAuthentication that says what is wrong."""
    signature = answer.signature
    if signature is None:
        raise FailedAuthentication("unsigned")
    try:
        accepts_signer(signature.certificate)
    except As4Error as error:
        raise FailedAuthentication(f"other certificate: {error.detail}") from error
    try:
        verify_signed_info(signature, suite)
        verify_elements(signature, answer.signable, frozenset())
    except As4Error as error:
        raise FailedAuthentication(f"bad signature: {error.detail}") from error


def _compare(receipt: Receipt, sent: SignedMessage) -> None:
    found = {r.uri: r for r in receipt.references}
    if len(found) != len(receipt.references):
        raise InvalidReceipt("other digests: a reference is found twice")
    for wanted in sent.references:
        ref = found.pop(wanted.uri, None)
        if ref is None:
            raise InvalidReceipt(f"missing reference: {wanted.uri[:200]}")
        if ref.digest != wanted.digest or ref.transform != wanted.transform:
            raise InvalidReceipt(f"other digests: {wanted.uri[:200]}")
        if sorted(ref.prefix_list) != sorted(wanted.prefix_list):
            raise InvalidReceipt(f"other digests: prefixes of {wanted.uri[:200]}")
    if found:
        raise InvalidReceipt("other digests: a reference to something that was not sent")
