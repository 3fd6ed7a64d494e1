"""Reading eb:Messaging strictly by schema and profile: one message or signal, one PartyId a party, no payload outside.

In: the element that the signature covers. Out: values. What the schema leaves open is settled here: a property name
occurs once; MimeType is required of every part (0009), CompressionType is application/gzip or absent, CharacterSet
follows XML 1.0, section 4.3.3.
"""

import re
from datetime import datetime
from typing import Final

from lxml import etree

from node.as4 import names
from node.as4.content_id import content_id_of
from node.as4.errors import As4Error, ExternalPayloadError, InvalidHeader, PolicyNoncompliance, ValueInconsistent
from node.as4.limits import MAX_ERRORS, MAX_ID_LENGTH, Limits
from node.as4.message import DEFAULT_MPC, PartInfo, Party, Property, Reference, UserMessage, parse_instant
from node.as4.signals import EbmsError, ErrorSignal, PullRequest, Receipt, Signal
from node.as4.signature import read_reference
from node.as4.tree import attribute_of, children_of, local_name, only_child, text_of

MESSAGE_ID: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_ID_LENGTH}}}")
RESERVED_PROPERTIES: Final = ("MimeType", "CharacterSet", "CompressionType")
_ENCODING_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)
_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}([ \t]*;[\x20-\x7e]*)?", re.ASCII
)
_MAX_ERROR_TEXT: Final = 4096
"""Longer descriptions (stack traces) are cut."""


class _Sequence:
    """The children of an element, taken in the order of the schema."""

    def __init__(self, element: etree._Element) -> None:
        self._of = element
        self._rest = children_of(element)
        self._rest.reverse()

    def maybe(self, name: str) -> etree._Element | None:
        """The next child if it is that element of the eb namespace."""
        if self._rest and self._rest[-1].tag == f"{{{names.EB}}}{name}":
            return self._rest.pop()
        return None

    def take(self, name: str) -> etree._Element:
        """The next child, which must be that element."""
        element = self.maybe(name)
        if element is None:
            found = local_name(self._rest[-1]) if self._rest else "nothing"
            raise InvalidHeader(f"{local_name(self._of)}: found {found}, expected {name}")
        return element

    def end(self) -> None:
        """Nothing may follow."""
        if self._rest:
            raise InvalidHeader(f"{local_name(self._of)}: unexpected {local_name(self._rest[-1])}")


def read_messaging(messaging: etree._Element, limits: Limits) -> UserMessage | Signal:
    """The one message in eb:Messaging.

    Raises ValueInconsistent if there is none, else InvalidHeader, ExternalPayloadError, PolicyNoncompliance.
    """
    children = children_of(messaging)
    if not children:
        raise ValueInconsistent("eb:Messaging: neither UserMessage nor SignalMessage found")
    if len(children) > 1:
        raise InvalidHeader("eb:Messaging: more than one message found")
    message = children[0]
    parts = _Sequence(message)
    if message.tag not in (f"{{{names.EB}}}UserMessage", f"{{{names.EB}}}SignalMessage"):
        raise InvalidHeader(f"eb:Messaging: unexpected {local_name(message)}")
    message_id, ref, timestamp = _message_info(parts.take("MessageInfo"))
    try:
        if message.tag == f"{{{names.EB}}}UserMessage":
            return _user_message(message, parts, message_id, ref, timestamp, limits)
        return _signal(parts, message_id, ref, timestamp)
    except As4Error as error:
        error.ref_to_message_id = message_id
        raise


def _message_info(element: etree._Element) -> tuple[str, str | None, datetime]:
    children = _Sequence(element)
    stamp = children.take("Timestamp")
    try:
        timestamp = parse_instant(text_of(stamp).strip(" \t\r\n"))
    except ValueError:
        raise InvalidHeader("MessageInfo/Timestamp: expected an xs:dateTime in UTC") from None
    message_id = _id(children.take("MessageId"))
    ref = children.maybe("RefToMessageId")
    children.end()
    return message_id, None if ref is None else _id(ref), timestamp


def _id(element: etree._Element) -> str:
    value = text_of(element)
    if not MESSAGE_ID.fullmatch(value):
        raise InvalidHeader(
            f"MessageInfo/{local_name(element)}: expected 1 to {MAX_ID_LENGTH} visible ASCII characters"
        )
    return value


def _required(element: etree._Element) -> str:
    value = text_of(element)
    if not value.strip():
        raise InvalidHeader(f"{local_name(element)}: empty")
    return value


def _optional(element: etree._Element, name: str) -> str | None:
    return None if element.get(name) is None else attribute_of(element, name)


def _user_message(
    message: etree._Element, parts: _Sequence, message_id: str, ref: str | None, timestamp: datetime, limits: Limits
) -> UserMessage:
    parties = _Sequence(parts.take("PartyInfo"))
    sender, receiver = _party(parties.take("From")), _party(parties.take("To"))
    parties.end()
    info = _Sequence(parts.take("CollaborationInfo"))
    agreement = info.maybe("AgreementRef")
    service, action, conversation = info.take("Service"), info.take("Action"), info.take("ConversationId")
    info.end()
    message_properties = parts.maybe("MessageProperties")
    payload = parts.maybe("PayloadInfo")
    parts.end()
    return UserMessage(
        message_id=message_id,
        timestamp=timestamp,
        sender=sender,
        receiver=receiver,
        service=_required(service),
        service_type=_optional(service, "type"),
        action=_required(action),
        conversation_id=text_of(conversation),
        agreement=None if agreement is None else _required(agreement),
        agreement_type=None if agreement is None else _optional(agreement, "type"),
        pmode=None if agreement is None else _optional(agreement, "pmode"),
        ref_to_message_id=ref,
        mpc=_optional(message, "mpc"),
        properties=() if message_properties is None else _properties(_Sequence(message_properties)),
        parts=() if payload is None else _payload(payload, limits),
    )


def _party(element: etree._Element) -> Party:
    children = _Sequence(element)
    party, role = children.take("PartyId"), children.take("Role")
    children.end()
    return Party(_required(party), _optional(party, "type"), _required(role))


def _properties(children: _Sequence) -> tuple[Property, ...]:
    found: dict[str, Property] = {}
    while (element := children.maybe("Property")) is not None:
        name = attribute_of(element, "name")
        if not name or name in found:
            raise InvalidHeader("Property/@name: empty or found twice")
        found[name] = Property(name, text_of(element), _optional(element, "type"))
    children.end()
    return tuple(found.values())


def _payload(element: etree._Element, limits: Limits) -> tuple[PartInfo, ...]:
    children = _Sequence(element)
    parts: dict[str, PartInfo] = {}
    while (part := children.maybe("PartInfo")) is not None:
        if len(parts) == limits.parts:
            raise PolicyNoncompliance(f"PayloadInfo: more than {limits.parts} parts")
        info = _part_info(part)
        if info.content_id in parts:
            raise ExternalPayloadError("PartInfo/@href: found twice")
        parts[info.content_id] = info
    children.end()
    return tuple(parts.values())


def _part_info(element: etree._Element) -> PartInfo:
    content_id = content_id_of(attribute_of(element, "href"), ExternalPayloadError)
    children = _Sequence(element)
    children.maybe("Schema")
    children.maybe("Description")
    listed = children.maybe("PartProperties")
    children.end()
    return part_info(content_id, () if listed is None else _properties(_Sequence(listed)))


def part_info(content_id: str, properties: tuple[Property, ...]) -> PartInfo:
    """What the header says of a part by all its properties. Raises InvalidHeader."""
    known = {p.name: p.value for p in properties}
    mime_type, compression = known.get("MimeType"), known.get("CompressionType")
    character_set = known.get("CharacterSet")
    if mime_type is None or not _MEDIA_TYPE.fullmatch(mime_type):
        raise InvalidHeader("PartProperties/Property MimeType: missing or no media type")
    if compression is not None and compression != names.GZIP:
        raise InvalidHeader(f"PartProperties/Property CompressionType: expected {names.GZIP}")
    if character_set is not None and not _ENCODING_NAME.fullmatch(character_set):
        raise InvalidHeader("PartProperties/Property CharacterSet: expected an encoding name (XML 1.0, 4.3.3)")
    others = tuple(p for p in properties if p.name not in RESERVED_PROPERTIES)
    return PartInfo(content_id, mime_type, compression is not None, character_set, others)


def _signal(parts: _Sequence, message_id: str, ref: str | None, timestamp: datetime) -> Signal:
    if (pull := parts.maybe("PullRequest")) is not None:
        parts.end()
        return PullRequest(message_id, ref, timestamp, _optional(pull, "mpc") or DEFAULT_MPC)
    if (receipt := parts.maybe("Receipt")) is not None:
        parts.end()
        return Receipt(message_id, ref, timestamp, _receipt(receipt))
    errors: list[EbmsError] = []
    while (error := parts.maybe("Error")) is not None:
        if len(errors) == MAX_ERRORS:
            raise PolicyNoncompliance(f"SignalMessage: more than {MAX_ERRORS} errors")
        errors.append(_error(error))
    parts.end()
    if not errors:
        raise InvalidHeader("SignalMessage: expected PullRequest, Receipt or Error")
    return ErrorSignal(message_id, ref, timestamp, tuple(errors))


def _receipt(element: etree._Element) -> tuple[Reference, ...]:
    """The references; elements of other namespaces in eb:Receipt are left alone, as the schema allows them."""
    information = [c for c in children_of(element) if str(c.tag).startswith(f"{{{names.EBBP}}}")]
    if not information:
        return ()
    if len(information) > 1 or information[0].tag != f"{{{names.EBBP}}}NonRepudiationInformation":
        raise InvalidHeader("Receipt: expected one NonRepudiationInformation")
    references = []
    for part in children_of(information[0]):
        if part.tag != f"{{{names.EBBP}}}MessagePartNRInformation":
            raise InvalidHeader("NonRepudiationInformation: expected MessagePartNRInformation")
        references.append(read_reference(only_child(part, f"{{{names.DS}}}Reference"), InvalidHeader))
    return tuple(references)


def _error(element: etree._Element) -> EbmsError:
    children = _Sequence(element)
    description, detail = children.maybe("Description"), children.maybe("ErrorDetail")
    children.end()
    return EbmsError(
        code=attribute_of(element, "errorCode"),
        short=_optional(element, "shortDescription") or "",
        category=_optional(element, "category") or "",
        severity=_optional(element, "severity") or "failure",
        ref_to_message=_optional(element, "refToMessageInError"),
        description=None if description is None else text_of(description, limit=1 << 20)[:_MAX_ERROR_TEXT],
        detail=None if detail is None else text_of(detail, limit=1 << 20)[:_MAX_ERROR_TEXT],
        origin=_optional(element, "origin"),
    )
