"""The values of an ebMS user message, as in eb:UserMessage (ebMS 3.0 Core, section 5.2.2; AS4 profile, section 3)."""

import builtins
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_CORE: Final = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
TEST_SERVICE: Final = _CORE + "service"
TEST_ACTION: Final = _CORE + "test"
ROLE_INITIATOR: Final = _CORE + "initiator"
ROLE_RESPONDER: Final = _CORE + "responder"
DEFAULT_MPC: Final = _CORE + "defaultMPC"


@dataclass(frozen=True, slots=True)
class Party:
    """One PartyId, with the type of the identifier, and the role it acts in."""

    id: str
    type: str | None
    role: str


@dataclass(frozen=True, slots=True)
class Property:
    """A message or part property."""

    name: str
    value: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class PartInfo:
    """What the signed header says of one part.

    content_id: without angle brackets and without percent-encoding.
    mime_type: of the content, not of the octets on the wire.
    compressed: the octets that are signed are a gzip stream.
    properties: part properties besides MimeType, CharacterSet and CompressionType.
    """

    content_id: str
    mime_type: str | None
    compressed: bool
    character_set: str | None = None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class UserMessage:
    """One eb:UserMessage. `timestamp` is an aware datetime in UTC, of which the wire carries milliseconds."""

    message_id: str
    timestamp: datetime
    sender: Party
    receiver: Party
    service: str
    action: str
    conversation_id: str
    service_type: str | None = None
    agreement: str | None = None
    agreement_type: str | None = None
    pmode: str | None = None
    ref_to_message_id: str | None = None
    mpc: str | None = None
    properties: tuple[Property, ...] = ()
    parts: tuple[PartInfo, ...] = ()

    def property(self, name: str) -> str | None:
        """The value of the message property of that name, or None."""
        return next((p.value for p in self.properties if p.name == name), None)

    @builtins.property
    def is_test(self) -> bool:
        """Whether this is a message of the test service, which is receipted and not delivered."""
        return self.service == TEST_SERVICE and self.action == TEST_ACTION


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference of a SignedInfo or of a receipt, digested with SHA-256."""

    uri: str
    transform: str
    prefix_list: tuple[str, ...]
    digest: bytes


_INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:(Z)|([+-])(\d\d):(\d\d))?", re.ASCII
)


def format_instant(instant: datetime) -> str:
    """The instant as xs:dateTime in UTC with milliseconds, such as 2026-11-25T02:24:57.184Z.

    Raises ValueError if the instant has no zone.
    """
    if instant.tzinfo is None:
        raise ValueError("timestamp: an instant needs a time zone")
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """An xs:dateTime as an aware datetime in UTC; without a zone it is UTC already (ebMS Core, 5.2.2.1).

    Digits beyond microseconds are dropped. Raises ValueError if the text is none or the instant does not exist.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not an xs:dateTime")
    year, month, day, hour, minute, second = (int(g) for g in match.group(1, 2, 3, 4, 5, 6))
    fraction = int((match[7] or "")[:6].ljust(6, "0"))
    if match[9] is None:
        return datetime(year, month, day, hour, minute, second, fraction, UTC)
    offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
    zone = timezone(-offset if match[9] == "-" else offset)
    try:
        return datetime(year, month, day, hour, minute, second, fraction, zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not an xs:dateTime") from error
