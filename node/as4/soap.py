"""The frame: Envelope, one Header with one eb:Messaging and at most one Security, one Body (SOAP 1.2; ebMS 3.0)."""

from dataclasses import dataclass
from typing import Final

from lxml import etree

from node.as4 import names
from node.as4.errors import As4Error, FailedAuthentication, InvalidHeader, NotSoap, PolicyNoncompliance
from node.as4.limits import Limits
from node.as4.tree import check_unique_ids, children_of, parse_envelope

_ENVELOPE: Final = f"{{{names.SOAP}}}Envelope"
_HEADER: Final = f"{{{names.SOAP}}}Header"
_BODY: Final = f"{{{names.SOAP}}}Body"
_MUST_UNDERSTAND: Final = f"{{{names.SOAP}}}mustUnderstand"
_MESSAGING: Final = f"{{{names.EB}}}Messaging"
_SECURITY: Final = f"{{{names.WSSE}}}Security"
_SIGNATURE: Final = f"{{{names.DS}}}Signature"
_SIGNED_INFO: Final = f"{{{names.DS}}}SignedInfo"
_ENCRYPTED_KEY: Final = f"{{{names.XENC}}}EncryptedKey"
_SINGLE: Final = (
    _ENVELOPE, _HEADER, _BODY, _MESSAGING, _SECURITY, _SIGNATURE, _SIGNED_INFO, _ENCRYPTED_KEY,
)  # fmt: skip
WSU_ID: Final = f"{{{names.WSU}}}Id"


@dataclass(frozen=True, slots=True)
class Soap:
    """The elements that everything else is read from, each the only one of its name in the whole document."""

    messaging: etree._Element
    security: etree._Element | None
    body: etree._Element


def read_envelope(octets: bytes, limits: Limits) -> Soap:
    """Find the elements of the frame.

    Raises NotSoap, InvalidHeader without eb:Messaging, PolicyNoncompliance above a limit or for a payload in the Body,
    FailedAuthentication for a repeated element or Id.
    """
    root = parse_envelope(octets, limits)
    if root.tag != _ENVELOPE:
        raise NotSoap("SOAP envelope: root element is not a SOAP 1.2 Envelope")
    frame = children_of(root, NotSoap)
    if [e.tag for e in frame] != [_HEADER, _BODY]:
        raise NotSoap("SOAP envelope: expected one Header and one Body")
    header, body = frame
    messaging = security = None
    for block in children_of(header, NotSoap):
        if block.tag == _MESSAGING:
            messaging = _first(messaging, block)
        elif block.tag == _SECURITY:
            security = _first(security, block)
        elif block.get(_MUST_UNDERSTAND, "false").strip() not in ("false", "0"):
            raise NotSoap("SOAP header: unknown block that must be understood")
    if messaging is None:
        raise InvalidHeader("SOAP header: eb:Messaging missing")
    # an element of the frame anywhere else can only be there to be taken for the real one
    seen: set[str] = set()
    for element in root.iter(*_SINGLE):
        tag = str(element.tag)
        if tag in seen:
            raise FailedAuthentication(f"{tag.rpartition('}')[2]}: found twice")
        seen.add(tag)
    check_unique_ids(root, octets)
    return Soap(messaging, security, body)


def check_empty(body: etree._Element, error: type[As4Error] = PolicyNoncompliance) -> None:
    """Raise unless the SOAP body is empty: payloads travel as parts only (AS4 profile, section 2.1)."""
    if children_of(body, error):
        raise error("S12:Body: expected to be empty")


def _first(found: etree._Element | None, block: etree._Element) -> etree._Element:
    if found is not None:
        raise FailedAuthentication(f"{str(block.tag).rpartition('}')[2]}: found twice")
    return block
