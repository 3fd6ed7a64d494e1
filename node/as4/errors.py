"""ebMS errors (ebMS 3.0 Core, section 6.7; AS4 profile, section 3; OASIS AS4 additional features) as exceptions.

Everything that can be wrong with bytes from outside is raised as an `As4Error`; a caller needs no other `except`.
Errors of the caller's own making (a value that XML cannot carry, a missing media type) are `ValueError`.
"""

from typing import ClassVar, Final

ERRORS: Final[dict[str, tuple[str, str]]] = {
    "EBMS:0001": ("ValueNotRecognized", "Content"),
    "EBMS:0002": ("FeatureNotSupported", "Content"),
    "EBMS:0003": ("ValueInconsistent", "Content"),
    "EBMS:0004": ("Other", "Content"),
    "EBMS:0005": ("ConnectionFailure", "Communication"),
    "EBMS:0006": ("EmptyMessagePartitionChannel", "Communication"),
    "EBMS:0007": ("MimeInconsistency", "Unpackaging"),
    "EBMS:0008": ("FeatureNotSupported", "Unpackaging"),
    "EBMS:0009": ("InvalidHeader", "Unpackaging"),
    "EBMS:0010": ("ProcessingModeMismatch", "Processing"),
    "EBMS:0011": ("ExternalPayloadError", "Content"),
    "EBMS:0101": ("FailedAuthentication", "Processing"),
    "EBMS:0102": ("FailedDecryption", "Processing"),
    "EBMS:0103": ("PolicyNoncompliance", "Processing"),
    "EBMS:0201": ("DysfunctionalReliability", "Processing"),
    "EBMS:0202": ("DeliveryFailure", "Communication"),
    "EBMS:0301": ("MissingReceipt", "Communication"),
    "EBMS:0302": ("InvalidReceipt", "Communication"),
    "EBMS:0303": ("DecompressionFailure", "Communication"),
}
"""Error code: (short description, category)."""


class As4Error(Exception):
    """What is wrong with a message, in the words of ebMS.

    detail: names the element or header field, what was found and what was expected. It may be sent to the peer only if
        `authenticated`; it never holds content of a record.
    authenticated: the signature over the header had been verified as that of an accepted signer when this was raised.
    proved: what is wrong was seen in octets that this signature covers, so that its signer wrote it: not in the
        encryption or the packaging, which anybody on the way can change.
    may_be_told: whether the detail is for a peer at all; without, it is for our own log only.
    ref_to_message_id: the MessageId of the offending message, as far as it could be read.
    """

    code: ClassVar[str] = "EBMS:0004"
    may_be_told: ClassVar[bool] = True

    def __init__(self, detail: str, *, severity: str = "failure", ref_to_message_id: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.severity = severity
        self.ref_to_message_id = ref_to_message_id
        self.authenticated = False
        self.proved = False

    @property
    def short(self) -> str:
        """The short description that belongs to the code."""
        return ERRORS[self.code][0]

    @property
    def category(self) -> str:
        """The category that belongs to the code."""
        return ERRORS[self.code][1]

    def __str__(self) -> str:
        return f"{self.code} {self.short}: {self.detail}"


class NotSoap(As4Error):
    """No SOAP 1.2 message that could be answered by ebMS: HTTP 400 (no XML, DTD, unknown header to be understood)."""

    code = "EBMS:0009"


class NotEbms(As4Error):
    """An answer that is no ebMS signal: a proxy's page, an empty body, a SOAP fault, JSON. `kind` says which."""

    code = "EBMS:0302"

    def __init__(self, detail: str, kind: str = "other") -> None:
        super().__init__(detail)
        self.kind = kind


class ValueNotRecognized(As4Error):
    """An element or attribute has a value that is not known."""

    code = "EBMS:0001"


class FeatureNotSupported(As4Error):
    """The message asks for something that this profile leaves out."""

    code = "EBMS:0002"


class ValueInconsistent(As4Error):
    """An element or attribute contradicts the rest of the message."""

    code = "EBMS:0003"


class Other(As4Error):
    """No code fits better."""

    code = "EBMS:0004"


class EmptyMessagePartitionChannel(As4Error):
    """Nothing is waiting in the channel that was pulled from."""

    code = "EBMS:0006"


class MimeInconsistency(As4Error):
    """The MIME packaging is broken or ambiguous."""

    code = "EBMS:0007"


class InvalidHeader(As4Error):
    """The eb:Messaging header is not well formed by its schema and profile."""

    code = "EBMS:0009"


class ProcessingModeMismatch(As4Error):
    """No agreement in force covers the message."""

    code = "EBMS:0010"


class ExternalPayloadError(As4Error):
    """A part is missing, superfluous, repeated, or lies outside the message."""

    code = "EBMS:0011"


class FailedAuthentication(As4Error):
    """The signature is missing its target, is wrong, or is not by a signer that is accepted."""

    code = "EBMS:0101"


class FailedDecryption(As4Error):
    """The payload cannot be decrypted with a key of ours.

    Encryption is not signed: a stranger can change it under a peer's signature. So the answer is the same whatever
    failed, and is no oracle (Jager, Somorovsky: How to Break XML Encryption, 2011).
    """

    code = "EBMS:0102"
    may_be_told = False


class PolicyNoncompliance(As4Error):
    """The message does not satisfy the security policy or a limit."""

    code = "EBMS:0103"


class MissingReceipt(As4Error):
    """No receipt came within the time allowed."""

    code = "EBMS:0301"


class InvalidReceipt(As4Error):
    """The answer does not prove that what we sent was received."""

    code = "EBMS:0302"


class DecompressionFailure(As4Error):
    """A part is not the gzip stream that its header promises, or inflates beyond the limits."""

    code = "EBMS:0303"
