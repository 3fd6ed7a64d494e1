"""Opening what a peer sent: octets in, verified values out (eDelivery AS4 2.0; WSS 1.1.1 with SwA).

`MessageReader` takes a body as it arrives. From the root part alone it checks structure, certificate, signature,
Messaging, Body and policy; only then does the first octet of an attachment reach a sink. Then each part's tag and
digest are checked as it ends, and the sinks are closed when the whole message is verified. The only exception raised
for what a peer sent is `As4Error`; what the caller's functions and sinks raise passes through, after all sinks were
discarded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cryptography import x509

from node.as4 import multipart
from node.as4.encryption import content_key
from node.as4.errors import (
    As4Error,
    ExternalPayloadError,
    FeatureNotSupported,
    MimeInconsistency,
    NotSoap,
    PolicyNoncompliance,
)
from node.as4.limits import DEFAULT_LIMITS, Limits
from node.as4.message import PartInfo, Reference, UserMessage
from node.as4.mime import boundary_of, check_soap, content_id_in, parse_media_type, parse_part_header
from node.as4.part_reader import MAX_PART_BYTES, OpenedPart, PartReader, PartSink
from node.as4.reading import envelope_in
from node.as4.signals import ErrorSignal, Signal
from node.as4.signature import SignatureParts, verify_elements, verify_signed_info
from node.as4.suite import DecryptionIdentity, Suite


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """What the agreement in force says for one (From, AgreementRef, Service, Action).

    accepts_signer: returns if the certificate is the peer's and valid, else raises FailedAuthentication.
    decryption: our key agreement keys that the peer may use.
    max_bytes: of all parts of a message together, as they are on the wire.
    require_compression: refuse parts that are not gzip.
    refusal: raised once the signature is verified, so that the peer may be told the reason.
    """

    suite: Suite
    accepts_signer: Callable[[x509.Certificate], None]
    decryption: Sequence[DecryptionIdentity]
    require_encryption: bool = True
    require_compression: bool = False
    max_bytes: int = MAX_PART_BYTES
    refusal: As4Error | None = None


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A verified user message. references: of its signature, in order. envelope: the root part as received."""

    header: UserMessage
    references: tuple[Reference, ...]
    signer: x509.Certificate
    parts: tuple[OpenedPart, ...]
    envelope: bytes


@dataclass(frozen=True, slots=True)
class OpenedSignal:
    """A verified signal that came as a request: a pull request, or the receipt or error for something pulled."""

    signal: Signal
    references: tuple[Reference, ...]
    signer: x509.Certificate
    envelope: bytes


class MessageReader:
    """Push parser of one HTTP body: `feed` the octets, then `finish`. `abort` if the body breaks off."""

    def __init__(
        self,
        content_type: str,
        policy_for: Callable[[UserMessage], PeerPolicy],
        sink_for: Callable[[UserMessage, PartInfo], PartSink],
        limits: Limits = DEFAULT_LIMITS,
        policy_for_signal: Callable[[Signal], PeerPolicy] | None = None,
    ) -> None:
        """policy_for is asked before anything is verified and raises ProcessingModeMismatch for what no agreement
        covers. Without policy_for_signal, signals are refused. Raises NotSoap, MimeInconsistency."""
        self.header: UserMessage | None = None
        self._policy_for, self._policy_for_signal, self._sink_for = policy_for, policy_for_signal, sink_for
        self._limits = limits
        self._message_id: str | None = None
        self._authenticated = False
        self._judging_signed = False
        self._failure: BaseException | None = None
        self._root: list[bytes] = []
        self._root_size = 0
        self._opened: tuple[UserMessage | Signal, SignatureParts, bytes] | None = None
        self._infos: dict[str, PartInfo] = {}
        self._digests: dict[str, bytes] = {}
        self._encrypted: frozenset[str] = frozenset()
        self._key: bytes | None = None
        self._bytes_left = self._inflated_left = 0
        self._part: PartReader | None = None
        self._part_id = ""
        self._sinks: list[PartSink] = []
        self._done: dict[str, OpenedPart] = {}
        self._begun = False
        media_type = parse_media_type(content_type)
        self._start: str | None = None
        self._splitter: multipart.Splitter | None = None
        if media_type.type == "multipart/related":
            self._splitter = multipart.Splitter(boundary_of(media_type), limits)
            self._start = media_type.parameters.get("start")
        else:
            check_soap(media_type)

    def feed(self, data: bytes) -> None:
        """Take the next octets of the body. Raises As4Error."""
        self._check_usable()
        try:
            self._feed(data)
        except BaseException as error:
            self._fail(error)
            raise

    def finish(self) -> OpenedMessage | OpenedSignal:
        """The message, all of it verified and its sinks closed. Raises As4Error."""
        self._check_usable()
        try:
            return self._finish()
        except BaseException as error:
            self._fail(error)
            raise

    def abort(self) -> None:
        """Give up: discard what the sinks have. Does nothing after `finish` or a failure."""
        sinks, self._sinks = self._sinks, []
        for sink in sinks:
            sink.discard()

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: BaseException) -> None:
        """Discard everything; say in the error what the peer may be told."""
        self._failure = error
        if isinstance(error, As4Error):
            error.authenticated = self._authenticated
            error.proved = error.proved or self._judging_signed
            error.ref_to_message_id = error.ref_to_message_id or self._message_id
        self.abort()

    def _feed(self, data: bytes) -> None:
        if self._splitter is None:
            self._root_data(data)
            return
        for kind, octets in self._splitter.feed(data):
            if kind == multipart.PART_DATA:
                if self._part is not None:
                    self._part.feed(octets)
                else:
                    self._root_data(octets)
            elif kind == multipart.PART_HEADER:
                self._part_begins(octets)
            elif self._part is not None:
                self._done[self._part_id] = part = self._part.finish()
                self._inflated_left -= part.size
                self._part = None
            else:
                self._open_root()

    def _root_data(self, data: bytes) -> None:
        self._root_size += len(data)
        if self._root_size > self._limits.envelope_bytes:
            raise PolicyNoncompliance(f"SOAP envelope: more than {self._limits.envelope_bytes} bytes")
        self._root.append(data)

    def _part_begins(self, octets: bytes) -> None:
        header = parse_part_header(octets, self._limits)
        if not self._begun:
            self._begun = True
            check_soap(header.media_type)
            start = self._start
            if start is not None and header.content_id != start.removeprefix("<").removesuffix(">"):
                raise MimeInconsistency("Content-Type: parameter start does not name the first part")
            return
        if self._opened is None or self.header is None:
            raise ExternalPayloadError("part: found with a signal")
        content_id = content_id_in(header, frozenset(self._infos))
        if content_id is None:
            raise ExternalPayloadError("part: found without a PartInfo")
        if content_id in self._done:
            raise ExternalPayloadError("part: Content-ID found twice")
        info = self._infos[content_id]
        sink = self._sink_for(self.header, info)
        self._sinks.append(sink)
        self._part_id = content_id
        self._part = PartReader(
            info,
            sink,
            self._key if content_id in self._encrypted else None,
            self._digests[content_id],
            self._limits,
            self._allow,
            self._inflated_left,
        )

    def _allow(self, count: int) -> None:
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise PolicyNoncompliance("parts: more bytes than the agreement allows")

    def _open_root(self) -> None:
        """Everything that the root part alone decides."""
        envelope = b"".join(self._root)
        self._root.clear()
        values = envelope_in(envelope, self._limits)
        message = values.message
        self._message_id = message.message_id
        if isinstance(message, UserMessage):
            policy = self._policy_for(message)
            self._infos = {p.content_id: p for p in message.parts}
        elif self._policy_for_signal is not None:
            policy = self._policy_for_signal(message)
        else:
            raise FeatureNotSupported("SignalMessage: not expected as a request")
        signature = values.signature
        if signature is None:
            raise PolicyNoncompliance("wsse:Security: the message is not signed")
        policy.accepts_signer(signature.certificate)
        verify_signed_info(signature, policy.suite)
        self._digests = verify_elements(signature, values.signable, frozenset(self._infos))
        self._authenticated = self._judging_signed = True
        if policy.refusal is not None:
            raise policy.refusal
        values.require_empty_body()
        if policy.require_compression and not all(p.compressed for p in self._infos.values()):
            raise PolicyNoncompliance("PartInfo: a part is not compressed")
        self._judging_signed = False
        encryption = values.encryption(tuple(self._infos.values()))
        if encryption is not None:
            self._encrypted = encryption.parts
            self._key = content_key(encryption, policy.suite, policy.decryption)
        if policy.require_encryption and len(self._encrypted) != len(self._infos):
            raise PolicyNoncompliance("PartInfo: a part is not encrypted")
        self._bytes_left, self._inflated_left = policy.max_bytes, self._limits.inflated_bytes
        self._opened = (message, signature, envelope)
        if isinstance(message, UserMessage):
            self.header = message

    def _finish(self) -> OpenedMessage | OpenedSignal:
        if self._splitter is None:
            self._open_root()
        elif not self._splitter.ended:
            raise MimeInconsistency("multipart: ends before its last boundary")
        if self._opened is None:
            raise NotSoap("multipart: no root part")
        message, signature, envelope = self._opened
        missing = [content_id for content_id in self._infos if content_id not in self._done]
        if missing:
            raise ExternalPayloadError("PartInfo: a part is missing")
        while self._sinks:
            self._sinks[-1].close()
            self._sinks.pop()
        if isinstance(message, UserMessage):
            parts = tuple(self._done[p.content_id] for p in message.parts)
            return OpenedMessage(message, signature.references, signature.certificate, parts, envelope)
        if isinstance(message, ErrorSignal):
            message = replace(message, signed_by_peer=True)
        return OpenedSignal(message, signature.references, signature.certificate, envelope)


class _Memory:
    """A sink that keeps the content."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, octets: bytes) -> None:
        pass

    def write_content(self, octets: bytes) -> None:
        self.pieces.append(octets)

    def close(self) -> None:
        pass

    def discard(self) -> None:
        self.pieces.clear()


def open_bytes(
    content_type: str,
    body: bytes,
    policy_for: Callable[[UserMessage], PeerPolicy],
    policy_for_signal: Callable[[Signal], PeerPolicy] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[OpenedMessage | OpenedSignal, list[bytes]]:
    """Open a whole body in memory: the message and the contents of its parts in their order. Raises As4Error."""
    sinks: dict[str, _Memory] = {}

    def sink_for(_: UserMessage, info: PartInfo) -> PartSink:
        sinks[info.content_id] = sink = _Memory()
        return sink

    reader = MessageReader(content_type, policy_for, sink_for, limits, policy_for_signal)
    reader.feed(body)
    opened = reader.finish()
    if isinstance(opened, OpenedSignal):
        return opened, []
    return opened, [b"".join(sinks[part.info.content_id].pieces) for part in opened.parts]
