"""The values of ebMS signal messages (ebMS 3.0 Core, section 5.2.3; AS4 profile, section 5.1.8)."""

from dataclasses import dataclass
from datetime import datetime

from node.as4.errors import ERRORS, As4Error
from node.as4.message import Reference


@dataclass(frozen=True, slots=True)
class Receipt:
    """A non-repudiation receipt: the sender of it declares that it has what these references digest."""

    message_id: str
    ref_to_message_id: str | None
    timestamp: datetime
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class EbmsError:
    """One eb:Error."""

    code: str
    short: str
    category: str
    severity: str = "failure"
    ref_to_message: str | None = None
    description: str | None = None
    detail: str | None = None
    origin: str | None = None

    @classmethod
    def of(cls, error: As4Error, reference: str | None = None) -> "EbmsError":
        """What a peer may be told of an error: the detail only if it was authenticated and is no secret's business,
        else the reference number."""
        told = error.authenticated and error.may_be_told
        detail = error.detail if told else reference and f"reference {reference}"
        return cls(error.code, error.short, error.category, error.severity, error.ref_to_message_id, None, detail)

    @classmethod
    def coded(cls, code: str, detail: str | None = None, severity: str = "failure") -> "EbmsError":
        """An error of that code with its standard words. Raises KeyError for an unknown code."""
        short, category = ERRORS[code]
        return cls(code, short, category, severity, None, None, detail)


@dataclass(frozen=True, slots=True)
class ErrorSignal:
    """A signal of one or more errors.

    signed_by_peer: the signature over it was verified as that of an accepted signer; without it the signal fails an
        attempt and proves nothing.
    """

    message_id: str
    ref_to_message_id: str | None
    timestamp: datetime
    errors: tuple[EbmsError, ...]
    signed_by_peer: bool = False

    @property
    def concerns(self) -> str | None:
        """The id of the message it is about, from wherever the peer's software writes it."""
        return self.ref_to_message_id or next((e.ref_to_message for e in self.errors if e.ref_to_message), None)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A request for the next message waiting in a channel."""

    message_id: str
    ref_to_message_id: str | None
    timestamp: datetime
    mpc: str


Signal = Receipt | ErrorSignal | PullRequest
