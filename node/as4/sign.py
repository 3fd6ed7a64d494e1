"""Writing a signed user message (ebMS 3.0 Core; WSS 1.1.1; XML Signature 1.1). Out: the envelope that is frozen.

The envelope is text from templates. The elements that are signed (SignedInfo, Messaging, Body) are written as exclusive
canonicalisation would write them, each with its own namespace declarations, so what we digest is the slice itself.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509

from node.as4 import names, templates
from node.as4.canonical_text import attribute, base64_text, text
from node.as4.errors import As4Error
from node.as4.limits import DEFAULT_LIMITS, MAX_ID_LENGTH, Limits
from node.as4.message import PartInfo, Party, Property, Reference, UserMessage, format_instant
from node.as4.read_messaging import MESSAGE_ID, RESERVED_PROPERTIES
from node.as4.reading import envelope_in
from node.as4.suite import SigningIdentity, Suite

PLAIN_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9._@=-]{1,200}", re.ASCII)
"""What we write as Content-ID: nothing that one implementation percent-decodes and another does not."""

_BEFORE_TOKEN: Final = (templates.ENVELOPE_START + templates.SECURITY_START).encode()
_AFTER_SIGNATURE: Final = templates.SECURITY_END.encode()
_HEADER_END: Final = templates.HEADER_END.encode()
_ENVELOPE_END: Final = templates.ENVELOPE_END.encode()


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A signed envelope without any element of encryption: what is frozen, stored and sealed anew for each attempt.

    references: those of the signature, in order; the receipt has to repeat them.
    """

    xml: bytes
    message_id: str
    references: tuple[Reference, ...]


def sign(message: UserMessage, digests: Sequence[bytes], identity: SigningIdentity, suite: Suite) -> SignedMessage:
    """Sign the message with the digests of its parts, in the order of `message.parts` (see `digest_for_signature`).

    Raises ValueError naming the field if a value cannot be written, TypeError if the key is of another suite.
    """
    if len(digests) != len(message.parts):
        raise ValueError(f"digests: {len(digests)} given for {len(message.parts)} parts")
    parts = [
        Reference("cid:" + info.content_id, names.SWA_CONTENT, (), digest)
        for info, digest in zip(message.parts, digests, strict=True)
    ]
    xml, references = sign_messaging(_user_message(message), message.message_id, parts, identity, suite)
    return SignedMessage(xml, message.message_id, references)


def read_signed(xml: bytes, limits: Limits = DEFAULT_LIMITS) -> SignedMessage:
    """A signed message of ours back from storage, however long. Raises ValueError if these octets are none."""
    return read_signed_by(xml, limits)[0]


def read_signed_by(xml: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[SignedMessage, x509.Certificate]:
    """As `read_signed`, with the certificate that the message says it was signed with."""
    try:
        values = envelope_in(xml, replace(limits, envelope_bytes=len(xml)))
    except As4Error as error:
        raise ValueError(f"stored message: {error.detail}") from error
    if values.signature is None or not isinstance(values.message, UserMessage):
        raise ValueError("stored message: not a signed user message")
    signature = values.signature
    return SignedMessage(xml, values.message.message_id, signature.references), signature.certificate


def sign_messaging(
    content: str, message_id: str, parts: Sequence[Reference], identity: SigningIdentity, suite: Suite
) -> tuple[bytes, tuple[Reference, ...]]:
    """The whole envelope around the content of eb:Messaging, signed, and the references of its signature."""
    key = _key_of(message_id)
    messaging = f"{templates.MESSAGING_START % ('M-' + key)}{content}{templates.MESSAGING_END}".encode()
    body = (templates.BODY % ("B-" + key)).encode()
    references = (
        Reference("#M-" + key, names.EXC_C14N, (), hashlib.sha256(messaging).digest()),
        Reference("#B-" + key, names.EXC_C14N, (), hashlib.sha256(body).digest()),
        *parts,
    )
    written = [templates.REFERENCE % (ref.uri, ref.transform, base64_text(ref.digest)) for ref in references]
    signed = f"{templates.SIGNED_INFO_START % suite.signature_uri}{''.join(written)}{templates.SIGNED_INFO_END}"
    signature = base64_text(suite.sign(identity.key, signed.encode()))
    security = (templates.TOKEN % ("X-" + key, identity.token)) + (
        templates.SIGNATURE % (key, signed, signature, "X-" + key)
    )
    xml = (_BEFORE_TOKEN, security.encode(), _AFTER_SIGNATURE, messaging, _HEADER_END, body, _ENVELOPE_END)
    return b"".join(xml), references


def unsigned_messaging(content: str, message_id: str) -> bytes:
    """The whole envelope around the content of eb:Messaging, without Security."""
    key = _key_of(message_id)
    xml = (
        templates.ENVELOPE_START,
        templates.MESSAGING_START % ("M-" + key),
        content,
        templates.MESSAGING_END,
        templates.HEADER_END,
        templates.BODY % ("B-" + key),
        templates.ENVELOPE_END,
    )
    return "".join(xml).encode()


def message_info(message_id: str, timestamp: str, ref_to_message_id: str | None) -> str:
    """eb:MessageInfo. Raises ValueError for an id that is none."""
    for field, value in (("MessageId", message_id), ("RefToMessageId", ref_to_message_id)):
        if value is not None and not MESSAGE_ID.fullmatch(value):
            raise ValueError(f"{field}: expected 1 to {MAX_ID_LENGTH} visible ASCII characters")
    ref = (
        f"<eb:RefToMessageId>{text(ref_to_message_id, 'RefToMessageId')}</eb:RefToMessageId>"
        if ref_to_message_id
        else ""
    )
    return (
        f"<eb:MessageInfo><eb:Timestamp>{timestamp}</eb:Timestamp>"
        f"<eb:MessageId>{text(message_id, 'MessageId')}</eb:MessageId>{ref}</eb:MessageInfo>"
    )


def _key_of(message_id: str) -> str:
    """A part of an XML Id that is the same for the same message and differs between messages."""
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def _user_message(m: UserMessage) -> str:
    mpc = f' mpc="{attribute(m.mpc, "mpc")}"' if m.mpc is not None else ""
    agreement = ""
    if m.agreement is not None:
        pmode = f' pmode="{attribute(m.pmode, "AgreementRef/@pmode")}"' if m.pmode is not None else ""
        attributes = pmode + _type(m.agreement_type, "AgreementRef/@type")
        agreement = f"<eb:AgreementRef{attributes}>{_required(m.agreement, 'AgreementRef')}</eb:AgreementRef>"
    elif m.pmode is not None or m.agreement_type is not None:
        raise ValueError("AgreementRef: pmode and type need an agreement")
    properties = ""
    if m.properties:
        properties = f"<eb:MessageProperties>{_properties(m.properties, ())}</eb:MessageProperties>"
    payload = ""
    if m.parts:
        if len({p.content_id for p in m.parts}) != len(m.parts):
            raise ValueError("PartInfo: Content-ID given twice")
        payload = f"<eb:PayloadInfo>{''.join(map(_part_info, m.parts))}</eb:PayloadInfo>"
    return (
        f"<eb:UserMessage{mpc}>{message_info(m.message_id, format_instant(m.timestamp), m.ref_to_message_id)}"
        f"<eb:PartyInfo><eb:From>{_party(m.sender, 'From')}</eb:From><eb:To>{_party(m.receiver, 'To')}</eb:To>"
        f"</eb:PartyInfo><eb:CollaborationInfo>{agreement}"
        f"<eb:Service{_type(m.service_type, 'Service/@type')}>{_required(m.service, 'Service')}</eb:Service>"
        f"<eb:Action>{_required(m.action, 'Action')}</eb:Action>"
        f"<eb:ConversationId>{text(m.conversation_id, 'ConversationId')}</eb:ConversationId></eb:CollaborationInfo>"
        f"{properties}{payload}</eb:UserMessage>"
    )


def _required(value: str, field: str) -> str:
    if not value:
        raise ValueError(f"{field}: empty")
    return text(value, field)


def _type(value: str | None, field: str) -> str:
    return "" if value is None else f' type="{attribute(value, field)}"'


def _party(party: Party, field: str) -> str:
    return (
        f"<eb:PartyId{_type(party.type, field + '/PartyId/@type')}>"
        f"{_required(party.id, field + '/PartyId')}</eb:PartyId>"
        f"<eb:Role>{_required(party.role, field + '/Role')}</eb:Role>"
    )


def _properties(properties: Sequence[Property], reserved: Sequence[str]) -> str:
    seen = set(reserved)
    written = []
    for p in properties:
        if not p.name or p.name in seen:
            raise ValueError(f"Property: name {p.name!r} is empty, reserved or given twice")
        seen.add(p.name)
        name, value = attribute(p.name, "Property/@name"), text(p.value, f"Property {p.name}")
        written.append(f'<eb:Property name="{name}"{_type(p.type, "Property/@type")}>{value}</eb:Property>')
    return "".join(written)


def _part_info(info: PartInfo) -> str:
    if not PLAIN_CONTENT_ID.fullmatch(info.content_id):
        raise ValueError("PartInfo: a Content-ID is letters, digits and . _ @ = -")
    if not info.mime_type:
        raise ValueError("PartInfo: media type missing")
    properties = [Property("MimeType", info.mime_type)]
    if info.character_set is not None:
        properties.append(Property("CharacterSet", info.character_set))
    if info.compressed:
        properties.append(Property("CompressionType", names.GZIP))
    return (
        f'<eb:PartInfo href="cid:{info.content_id}"><eb:PartProperties>{_properties(properties, ())}'
        f"{_properties(info.properties, RESERVED_PROPERTIES)}</eb:PartProperties></eb:PartInfo>"
    )
