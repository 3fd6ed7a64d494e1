"""Reading envelopes that are written exactly as this library writes them, by one regular expression and without a tree.

Such an envelope is in canonical form as it stands, so that a slice of it is what its signature digests. The whole
envelope must match, with narrow slots of ASCII (no markup, no reference, no quote), suite `eddsa-x25519`, and the Ids
as `sign` and `seal` derive them from one another, so that no Id and no element of the frame can occur twice. Anything
else is not judged here but left to the parser (`reading`), of which this is a shortcut that gives the same values; it
never refuses. What follows (signer, signature, digests, policy, keys) is the same code for both.
"""

import binascii
import re
from datetime import datetime
from functools import lru_cache, partial
from re import Match
from typing import Final

from cryptography import x509

from node.as4 import names, templates
from node.as4.ed25519_x25519 import Ed25519X25519
from node.as4.encryption import Encryption, WrappedKey
from node.as4.envelope import Envelope
from node.as4.errors import As4Error
from node.as4.limits import Limits
from node.as4.message import PartInfo, Party, Property, Reference, UserMessage
from node.as4.read_messaging import part_info
from node.as4.recipient import identity_with
from node.as4.signals import Receipt
from node.as4.signature import Signable, SignatureParts, load_certificate
from node.as4.tree import check_size

# What may stand in a slot needs no escaping, in text or between quotes. Possessive: no octet is looked at twice.
_TEXT: Final = r"[ !#-%(-;=?-~]{0,1024}+"
_FILLED: Final = r"[!#-%(-;=?-~][ !#-%(-;=?-~]{0,1023}+"
_ID: Final = r"[!#-%(-;=?-~]{1,1024}+"
_CONTENT_ID: Final = r"[A-Za-z0-9._@=-]{1,200}+"
_BASE64: Final = r"[A-Za-z0-9+/=]{4,8192}+"
_DIGEST: Final = r"[A-Za-z0-9+/]{43}="
_KEY: Final = r"[0-9a-f]{32}"
_INSTANT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
_LONGEST_USUAL: Final = 512
_PLACE: Final = re.compile(r"%(?:\((\w+)\))?[sd]")


def _of(template: str, *slots: str, **named: str) -> str:
    """The expression of a template, its places filled with expressions in their order or by their names."""
    expression, at, rest = [], 0, iter(slots)
    for place in _PLACE.finditer(template):
        expression += [re.escape(template[at : place.start()]), named[place[1]] if place[1] else next(rest)]
        at = place.end()
    return "".join(expression) + re.escape(template[at:])


def _unnamed(expression: str) -> str:
    """The expression without its names, to be repeated in a larger one."""
    return re.sub(r"\(\?P<\w+>", "(?:", expression)


def _data(unique: str) -> str:
    return _of(
        templates.ENCRYPTED_DATA,
        id=unique,
        n=r"(?P<n>[0-9]{1,3})",
        type=f"(?P<type>{_TEXT})",
        cid=f"(?P<cid>{_CONTENT_ID})",
    )


def _receipt_reference(uri: str, transform: str) -> str:
    return _of(templates.RECEIPT_REFERENCE, uri, re.escape(transform), "", _DIGEST)


_PROPERTY: Final = (
    f'<eb:Property name="(?P<name>{_FILLED})"(?: type="(?P<type>{_TEXT})")?+>(?P<value>{_TEXT})</eb:Property>'
)
_PROPERTIES: Final = f"(?:{_unnamed(_PROPERTY)})*+"
_PART: Final = (
    f'<eb:PartInfo href="cid:(?P<cid>{_CONTENT_ID})"><eb:PartProperties>(?P<properties>{_PROPERTIES})'
    "</eb:PartProperties></eb:PartInfo>"
)
_PART_REFERENCE: Final = _of(
    templates.REFERENCE, f"(?P<uri>cid:{_CONTENT_ID})", re.escape(names.SWA_CONTENT), f"(?P<digest>{_DIGEST})"
)
_ENCRYPTION: Final = (
    _of(
        templates.ENCRYPTED_KEY.replace("%(id)s", "%(first)s", 1),
        first=f"(?P<unique>{_KEY})",
        id="(?P=unique)",
        certificate=f"(?P<recipient>{_BASE64})",
        agreement=re.escape(Ed25519X25519.agreement_uri),
        salt="(?P<salt>[A-Za-z0-9+/=]{4,64}+)",
        originator=_of(templates.DER_KEY_VALUE, "(?P<originator>[A-Za-z0-9+/=]{60})"),
        wrapped="(?P<wrapped>[A-Za-z0-9+/]{32})",
        references=f"(?P<listed>(?:{_of(templates.DATA_REFERENCE, '(?P=unique)', r'[0-9]{1,3}')})*+)",
    )
    + f"(?P<data>(?:{_unnamed(_data('(?P=unique)'))})*+)"
)
_SIGNATURE: Final = _of(templates.TOKEN, f"X-(?P<key>{_KEY})", f"(?P<certificate>{_BASE64})") + _of(
    templates.SIGNATURE,
    "(?P=key)",
    "(?P<signed_info>"
    + _of(templates.SIGNED_INFO_START, re.escape(Ed25519X25519.signature_uri))
    + _of(templates.REFERENCE, "#M-(?P=key)", re.escape(names.EXC_C14N), f"(?P<messaging_digest>{_DIGEST})")
    + _of(templates.REFERENCE, "#B-(?P=key)", re.escape(names.EXC_C14N), f"(?P<body_digest>{_DIGEST})")
    + f"(?P<references>(?:{_unnamed(_PART_REFERENCE)})*+)"
    + re.escape(templates.SIGNED_INFO_END)
    + ")",
    f"(?P<signature>{_BASE64})",
    "X-(?P=key)",
)
_MESSAGE_INFO: Final = (
    f"<eb:MessageInfo><eb:Timestamp>(?P<timestamp>{_INSTANT})</eb:Timestamp><eb:MessageId>(?P<id>{_ID})</eb:MessageId>"
    f"(?:<eb:RefToMessageId>(?P<ref>{_ID})</eb:RefToMessageId>)?+</eb:MessageInfo>"
)
_PARTY: Final = (
    '<eb:PartyId(?: type="(?P<{0}_type>{1})")?+>(?P<{0}>{2})</eb:PartyId><eb:Role>(?P<{0}_role>{2})</eb:Role>'
)
_USER_MESSAGE: Final = (
    f"<eb:PartyInfo><eb:From>{_PARTY.format('sender', _TEXT, _FILLED)}</eb:From>"
    f"<eb:To>{_PARTY.format('receiver', _TEXT, _FILLED)}</eb:To></eb:PartyInfo><eb:CollaborationInfo>"
    f'(?:<eb:AgreementRef(?: pmode="(?P<pmode>{_TEXT})")?+(?: type="(?P<agreement_type>{_TEXT})")?+>'
    f"(?P<agreement>{_FILLED})</eb:AgreementRef>)?+"
    f'<eb:Service(?: type="(?P<service_type>{_TEXT})")?+>(?P<service>{_FILLED})</eb:Service>'
    f"<eb:Action>(?P<action>{_FILLED})</eb:Action><eb:ConversationId>(?P<conversation>{_TEXT})</eb:ConversationId>"
    f"</eb:CollaborationInfo>(?:<eb:MessageProperties>(?P<properties>{_PROPERTIES})</eb:MessageProperties>)?+"
    f"(?:<eb:PayloadInfo>(?P<parts>(?:{_unnamed(_PART)})*+)</eb:PayloadInfo>)?+</eb:UserMessage>"
)
_RECEIPT: Final = (
    f'<eb:Receipt><ebbp:NonRepudiationInformation xmlns:ebbp="{re.escape(names.EBBP)}">'
    f"(?P<receipted>(?:{_receipt_reference('#' + _ID, names.EXC_C14N)}"
    f"|{_receipt_reference('cid:' + _ID, names.SWA_CONTENT)})*+)"
    "</ebbp:NonRepudiationInformation></eb:Receipt></eb:SignalMessage>"
)
_ENVELOPE: Final = re.compile(
    re.escape(templates.ENVELOPE_START + templates.SECURITY_START)
    + f"(?:{_ENCRYPTION})?+{_SIGNATURE}"
    + re.escape(templates.SECURITY_END)
    + f"(?P<messaging>{_of(templates.MESSAGING_START, 'M-(?P=key)')}"
    + f'<eb:(?:(?P<user>UserMessage)(?: mpc="(?P<mpc>{_TEXT})")?+|SignalMessage)>{_MESSAGE_INFO}'
    + f"(?(user){_USER_MESSAGE}|{_RECEIPT})"
    + f"{re.escape(templates.MESSAGING_END)})"
    + re.escape(templates.HEADER_END)
    + f"(?P<body>{_of(templates.BODY, 'B-(?P=key)')})"
    + re.escape(templates.ENVELOPE_END)
)
_EACH_PROPERTY: Final = re.compile(_PROPERTY)
_EACH_PART: Final = re.compile(_PART)
_EACH_PART_REFERENCE: Final = re.compile(_PART_REFERENCE)
_EACH_DATA: Final = re.compile(_data(_KEY))
_EACH_LISTED: Final = re.compile(r'-([0-9]+)"')
_EACH_RECEIPTED: Final = re.compile(r' URI="([^"]*)".*?<ds:DigestValue>([^<]*)')


def recognise(octets: bytes, limits: Limits) -> Envelope | None:
    """The values of an envelope that is written as this library writes it; None for any other. Raises nothing."""
    if len(octets) > limits.envelope_bytes or not octets.isascii():
        return None
    match = _ENVELOPE.fullmatch(octets.decode("ascii"))
    if match is None:
        return None
    try:
        check_size(octets, limits)
        return _envelope(match, limits)
    except (As4Error, ValueError, _Otherwise):
        return None


class _Otherwise(Exception):
    """The envelope is not one of ours after all."""


def _envelope(match: Match[str], limits: Limits) -> Envelope:
    key = match["key"]
    message, encryption = _user_message(match, limits) if match["user"] else _receipt(match), None
    if match["unique"] is not None:
        if not isinstance(message, UserMessage):
            raise _Otherwise
        encryption = _encryption(match, message.parts)
    references = [
        Reference("#M-" + key, names.EXC_C14N, (), _base64(match["messaging_digest"])),
        Reference("#B-" + key, names.EXC_C14N, (), _base64(match["body_digest"])),
    ]
    for each in _EACH_PART_REFERENCE.finditer(match["references"]):
        references.append(Reference(each["uri"], names.SWA_CONTENT, (), _base64(each["digest"])))
    if len({r.uri for r in references}) != len(references):
        raise _Otherwise
    signature = SignatureParts(
        lambda _: match["signed_info"].encode("ascii"),
        (),
        Ed25519X25519.signature_uri,
        tuple(references),
        _base64(match["signature"]),
        _certificate(match["certificate"]),
    )
    signable = (
        Signable("eb:Messaging", "M-" + key, lambda _: match["messaging"].encode("ascii")),
        Signable("S12:Body", "B-" + key, lambda _: match["body"].encode("ascii")),
    )
    return Envelope(message, signature, signable, lambda: None, lambda _: encryption)


def _user_message(match: Match[str], limits: Limits) -> UserMessage:
    group = match.group
    return UserMessage(
        message_id=group("id"),
        timestamp=datetime.fromisoformat(group("timestamp")),
        sender=_party(*group("sender", "sender_type", "sender_role")),
        receiver=_party(*group("receiver", "receiver_type", "receiver_role")),
        service=group("service"),
        service_type=group("service_type"),
        action=group("action"),
        conversation_id=group("conversation"),
        agreement=group("agreement"),
        agreement_type=group("agreement_type"),
        pmode=group("pmode"),
        ref_to_message_id=group("ref"),
        mpc=group("mpc"),
        properties=_properties(group("properties")),
        parts=_parts(group("parts"), limits),
    )


@lru_cache(maxsize=256)
def _party(name: str, kind: str | None, role: str) -> Party:
    """The same two come with every message of a peer."""
    return Party(name, kind, role)


def _properties(written: str | None) -> tuple[Property, ...]:
    if not written:
        return ()
    found: dict[str, Property] = {}
    for each in _EACH_PROPERTY.finditer(written):
        name = each["name"]
        if name in found:
            raise _Otherwise
        found[name] = Property(name, each["value"], each["type"])
    return tuple(found.values())


def _part_properties(written: str) -> tuple[Property, ...]:
    return _usual_properties(written) if len(written) <= _LONGEST_USUAL else _properties(written)


@lru_cache(maxsize=128)
def _usual_properties(written: str) -> tuple[Property, ...]:
    """Most parts have the same few: media type and compression."""
    return _properties(written)


def _parts(written: str | None, limits: Limits) -> tuple[PartInfo, ...]:
    parts: dict[str, PartInfo] = {}
    for each in _EACH_PART.finditer(written or ""):
        content_id = each["cid"]
        if content_id in parts or len(parts) == limits.parts:
            raise _Otherwise
        parts[content_id] = part_info(content_id, _part_properties(each["properties"]))
    return tuple(parts.values())


def _encryption(match: Match[str], parts: tuple[PartInfo, ...]) -> Encryption:
    by_id = {p.content_id: p for p in parts}
    encrypted: list[str] = []
    for n, each in enumerate(_EACH_DATA.finditer(match["data"])):
        info = by_id.pop(each["cid"], None)
        if info is None or each["n"] != str(n):
            raise _Otherwise
        if each["type"] != (names.GZIP if info.compressed else info.mime_type):
            raise _Otherwise
        encrypted.append(info.content_id)
    numbers = [str(n) for n in range(len(encrypted))]
    if not encrypted or _EACH_LISTED.findall(match["listed"]) != numbers:
        raise _Otherwise
    unique = match["unique"]
    originator = _base64(match["originator"])
    key = WrappedKey(
        "EK-" + unique,
        Ed25519X25519.agreement_uri,
        lambda _: originator,
        partial(identity_with, _octets_of_certificate(match["recipient"])),
        _base64(match["salt"]) or None,
        b"",
        _base64(match["wrapped"]),
        tuple(f"ED-{unique}-{n}" for n in range(len(encrypted))),
    )
    return Encryption(frozenset(encrypted), key)


def _receipt(match: Match[str]) -> Receipt:
    references = []
    for uri, digest in _EACH_RECEIPTED.findall(match["receipted"]):
        transform = names.SWA_CONTENT if uri.startswith("cid:") else names.EXC_C14N
        references.append(Reference(uri, transform, (), _base64(digest)))
    return Receipt(match["id"], match["ref"], datetime.fromisoformat(match["timestamp"]), tuple(references))


def _base64(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


@lru_cache(maxsize=256)
def _octets_of_certificate(text: str) -> bytes:
    return _base64(text)


@lru_cache(maxsize=256)
def _certificate(text: str) -> x509.Certificate:
    try:
        return load_certificate(_base64(text))
    except Exception:  # the parsers of certificates and keys raise many kinds
        raise _Otherwise from None
