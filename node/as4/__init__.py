"""The wire as a pure library: eDelivery AS4 2.0 (ebMS 3.0 messages, WS-Security, AS4 receipts).

Octets in, values out, and back. No database, no sockets, no clock; randomness is an argument. It imports nothing else
of this project.

Out: `compress` the content, `digest_for_signature`, `sign` once (what is kept), `seal` for each attempt, then
`verify_receipt` or `verify_error` on what comes back. In: `MessageReader`, then `make_receipt` or `make_error`.
"""

from node.as4.answers import make_error, make_pull_request, make_receipt
from node.as4.errors import (
    ERRORS,
    As4Error,
    DecompressionFailure,
    EmptyMessagePartitionChannel,
    ExternalPayloadError,
    FailedAuthentication,
    FailedDecryption,
    FeatureNotSupported,
    InvalidHeader,
    InvalidReceipt,
    MimeInconsistency,
    MissingReceipt,
    NotEbms,
    NotSoap,
    Other,
    PolicyNoncompliance,
    ProcessingModeMismatch,
    ValueInconsistent,
    ValueNotRecognized,
)
from node.as4.limits import DEFAULT_LIMITS, Limits
from node.as4.message import (
    DEFAULT_MPC,
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    TEST_ACTION,
    TEST_SERVICE,
    PartInfo,
    Party,
    Property,
    Reference,
    UserMessage,
    format_instant,
    parse_instant,
)
from node.as4.names import SIGNAL_CONTENT_TYPE
from node.as4.open import MessageReader, OpenedMessage, OpenedSignal, PeerPolicy, open_bytes
from node.as4.part_reader import ContentSink, OpenedPart, PartSink
from node.as4.parts import compress, decompress, digest_for_signature, digested_octets
from node.as4.response import (
    ReadSignal,
    VerifiedReceipt,
    read_response,
    verify_error,
    verify_read_receipt,
    verify_receipt,
)
from node.as4.seal import PartOctets, WireMessage, seal
from node.as4.sign import SignedMessage, read_signed, read_signed_by, sign
from node.as4.signals import EbmsError, ErrorSignal, PullRequest, Receipt, Signal
from node.as4.suite import DecryptionIdentity, SigningIdentity, Suite
from node.as4.suites import ECDSA_P256, EDDSA_X25519, SUITES, suite_of

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_MPC",
    "ECDSA_P256",
    "EDDSA_X25519",
    "ERRORS",
    "ROLE_INITIATOR",
    "ROLE_RESPONDER",
    "SIGNAL_CONTENT_TYPE",
    "SUITES",
    "TEST_ACTION",
    "TEST_SERVICE",
    "As4Error",
    "ContentSink",
    "DecompressionFailure",
    "DecryptionIdentity",
    "EbmsError",
    "EmptyMessagePartitionChannel",
    "ErrorSignal",
    "ExternalPayloadError",
    "FailedAuthentication",
    "FailedDecryption",
    "FeatureNotSupported",
    "InvalidHeader",
    "InvalidReceipt",
    "Limits",
    "MessageReader",
    "MimeInconsistency",
    "MissingReceipt",
    "NotEbms",
    "NotSoap",
    "OpenedMessage",
    "OpenedPart",
    "OpenedSignal",
    "Other",
    "PartInfo",
    "PartOctets",
    "PartSink",
    "Party",
    "PeerPolicy",
    "PolicyNoncompliance",
    "ProcessingModeMismatch",
    "Property",
    "PullRequest",
    "ReadSignal",
    "Receipt",
    "Reference",
    "Signal",
    "SignedMessage",
    "SigningIdentity",
    "Suite",
    "UserMessage",
    "ValueInconsistent",
    "ValueNotRecognized",
    "VerifiedReceipt",
    "WireMessage",
    "compress",
    "decompress",
    "digest_for_signature",
    "digested_octets",
    "format_instant",
    "make_error",
    "make_pull_request",
    "make_receipt",
    "open_bytes",
    "parse_instant",
    "read_response",
    "read_signed",
    "read_signed_by",
    "seal",
    "sign",
    "suite_of",
    "verify_error",
    "verify_read_receipt",
    "verify_receipt",
]
