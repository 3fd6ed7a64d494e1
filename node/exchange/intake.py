"""Taking in one request of the wire as it streams: opened, checked, its answer signed, ready for the commit.

The root part is verified, and the agreement found, before any attachment byte is stored. The answer made here leaves
only after the commit (`inbox`). Texts of refusals follow the rule: to an authenticated peer element, found, expected,
and for content path, rule and what was expected, never the value; to anyone else a bare code and a reference number.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from node.as4 import (
    SIGNAL_CONTENT_TYPE,
    As4Error,
    EbmsError,
    FeatureNotSupported,
    InvalidHeader,
    MessageReader,
    NotSoap,
    OpenedMessage,
    OpenedSignal,
    PartInfo,
    PartSink,
    PeerPolicy,
    Suite,
    UserMessage,
    make_error,
    make_receipt,
)
from node.exchange.agreements import OpenPair
from node.exchange.directory import Directory
from node.exchange.groups import step_by_step
from node.exchange.node import Node
from node.exchange.own_trouble import OwnTrouble
from node.exchange.refusals import RefusedIncoming
from node.exchange.search_index import sealed_terms
from node.journal import journal
from node.records.check import CheckedRecord, check
from node.records.notices import Notice, is_notice, read_notice
from node.records.procedure_acts import StatedCase, case_stated_in
from node.records.reading import MAX_RECORD_BYTES
from node.records.recalls import RecallTold, recall_told
from node.store.payloads import PayloadWriter, SealedPayload

log = journal("exchange.intake")

# A record is XML that people fill in; what is larger is an attachment. It is checked in memory. Compressed octets of
# one that is allowed may be a little more than itself.
LARGEST_SIGNED = MAX_RECORD_BYTES + 64 * 1024
# So many problems of a record are told to the peer; more would not help it to mend the first.
PROBLEMS_TOLD = 10
# In UTF-8; as long as a MessageId may be. PostgreSQL indexes nothing above 2,704 bytes.
LONGEST_CONVERSATION_ID = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """A message whose signed answer is ready; `state` is received, or rejected for its content."""

    message: OpenedMessage
    pair: OpenPair | None
    payloads: tuple[SealedPayload, ...]
    answer: bytes
    state: str
    error_code: str | None
    error_detail: str | None
    notice: Notice | None
    at: datetime
    terms: str | None = None
    """what its record is found by; None for one without"""
    recall: RecallTold | None = None
    case: StatedCase | None = None
    """what it says of a case that may not be known here yet"""


class _Sink:
    """Seals the octets of one part as they come."""

    def __init__(self, writer: PayloadWriter) -> None:
        self._writer = writer
        self.sealed: SealedPayload | None = None

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    def close(self) -> None:
        self.sealed = self._writer.finish()

    def discard(self) -> None:
        self._writer.abort()


class _RecordSink(_Sink):
    """Keeps the content for the check too: whole, or no more of it than shows that it is too large for a record."""

    def __init__(self, writer: PayloadWriter) -> None:
        super().__init__(writer)
        self._content = bytearray()

    def write_content(self, octets: bytes) -> None:
        if len(self._content) <= MAX_RECORD_BYTES:
            self._content += octets

    def take_content(self) -> bytes:
        """What was kept; it is not kept any longer."""
        content, self._content = bytes(self._content), bytearray()
        return content


class _Nowhere:
    """Takes the parts of a test message, which are verified and then of no use: they never touch the disk."""

    def write(self, octets: bytes) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing was kept."""

    def discard(self) -> None:
        """Nothing was kept."""


class Intake:
    """One request: feed its body in, then `finish`, then either commit what it gives or send its answer."""

    def __init__(self, node: Node, directory: Directory, content_type: str) -> None:
        self._node = node
        self._directory = directory
        self._pair: OpenPair | None = None
        self._claimed: UserMessage | None = None
        self._sinks: dict[str, _Sink] = {}
        self._content_type = content_type
        self._reader: MessageReader | None = None
        self._verified: OpenedMessage | OpenedSignal | None = None
        self._checked: CheckedRecord | str | None = None
        self._terms: str | None = None
        self.refused: RefusedIncoming | None = None
        """what our people are to be told of, once `refusal` was asked"""

    @property
    def header(self) -> UserMessage | None:
        """The message's header once its sender is certain."""
        if isinstance(self._verified, OpenedMessage):
            return self._verified.header
        return None if self._reader is None else self._reader.header

    def feed(self, data: bytes) -> None:
        """Take in more of the body. Raises As4Error (see `refusal`), or StoreUnavailable."""
        self._opened().feed(data)

    def verify(self) -> None:
        """The whole body is in: verify the message and make its parts durable. Large ones take the disk a while.

        Raises As4Error, or StoreUnavailable.
        """
        if self._verified is not None:
            return
        self._verified = self._opened().finish()
        self._reader = None  # it refers to this object: with both gone, nothing is left to the collector of garbage

    def judge(self) -> None:
        """The whole body is in: judge the record, if it is one of ours.

        Raises As4Error, StoreUnavailable, or OwnTrouble for a domain that is broken here: what cannot be judged is not
        receipted.
        """
        self.verify()
        opened = self._verified
        if not isinstance(opened, OpenedMessage):
            raise FeatureNotSupported("signals are not taken here: receipts and errors go back in the HTTP response")
        if not opened.header.is_test:
            self._checked = self._content_problems(opened)

    def describe(self) -> None:
        """Seal what the record is found by."""
        if isinstance(self._checked, CheckedRecord):
            self._terms = sealed_terms(self._node, self._checked)

    def finish(self) -> Received | Answer:
        """What is to be committed, with its signed answer, or an answer that needs no commit (the test service).

        `judge` and `describe` come before. Raises As4Error, or StoreUnavailable.
        """
        opened, checked = self._verified, self._checked
        if not isinstance(opened, OpenedMessage):
            raise RuntimeError("not judged yet")
        node, header, now = self._node, opened.header, self._node.now()
        suite = self._directory.policy_of(header.sender.id, header.sender.type).suite
        if header.is_test:
            return Answer(200, SIGNAL_CONTENT_TYPE, self._receipt(opened, now, suite))
        notice, detail = None, None
        if isinstance(checked, str):
            detail = checked
        elif checked is not None and is_notice(node.domains, header.service):
            notice = read_notice(checked, node.domains)
        if detail is None:
            state, code, answer = "received", None, self._receipt(opened, now, suite)
        else:
            state, code = "rejected", RecordRefused.code
            refusal = authenticated(RecordRefused(detail), header.message_id)
            answer = self._error(refusal, now, suite)
        # A peer may send its parts in another order than its header names them.
        payloads = tuple(self._sealed(part.info) for part in opened.parts)
        recall, case = None, None
        if isinstance(checked, CheckedRecord):
            recall, case = recall_told(checked), case_stated_in(checked)
        return Received(
            opened, self._pair, payloads, answer, state, code, detail, notice, now, self._terms, recall, case
        )

    def abandon(self) -> None:
        """Throw away what was stored of a request that ended early."""
        for sink in self._sinks.values():
            sink.discard()

    def refusal(self, error: As4Error) -> Answer:
        """The answer to a message that is refused before any commit; nothing of it is kept."""
        if isinstance(error, NotSoap):
            return Answer(400, "text/plain; charset=utf-8", b"This address takes ebMS 3.0 messages (SOAP 1.2) only.\n")
        now = self._node.now()
        reference = uuid.uuid4().hex[:12]
        # What the root part claims is its sender's own word once the error says that the signature was verified.
        header = self._claimed if error.authenticated else None
        log.warning(
            "refused",
            code=error.code,
            reference=reference,
            proved=error.proved,
            peer=header.sender.id if header is not None else None,
            message=header.message_id if header is not None else None,
            detail=error.detail,
        )
        suite = None
        if header is not None:
            if error.proved:  # what the commit refuses has an alarm of its own
                self.refused = RefusedIncoming.of(error, header.sender.id, reference, now)
            suite = self._directory.policy_of(header.sender.id, header.sender.type).suite
        return Answer(200, SIGNAL_CONTENT_TYPE, self._error(error, now, suite, reference))

    def _opened(self) -> MessageReader:
        """The reader, made when the first bytes come: a Content-Type that is none of the wire's is refused as any fault
        of a message is."""
        if self._reader is None:
            self._reader = MessageReader(self._content_type, self._policy_for, self._sink_for, self._node.limits)
        return self._reader

    def _sink_for(self, header: UserMessage, info: PartInfo) -> PartSink:
        if header.is_test:
            return _Nowhere()
        node = self._node
        is_record = info == header.parts[0] and node.domains.find(header.service) is not None
        sink = (_RecordSink if is_record else _Sink)(PayloadWriter(node.kek, node.blobs))
        self._sinks[info.content_id] = sink
        return sink

    def _sealed(self, info: PartInfo) -> SealedPayload:
        payload = self._sinks[info.content_id].sealed
        if payload is None:
            raise RuntimeError("a verified part was not sealed")
        return payload

    def _policy_for(self, header: UserMessage) -> PeerPolicy:
        """Who must have signed; what no agreement covers is refused as soon as that is certain."""
        self._claimed = header
        policy = self._directory.policy_for(header)
        try:
            _require_indexable(header)
            self._pair = self._directory.require_agreement(header)
        except As4Error as refusal:
            return replace(policy, refusal=refusal)
        return policy

    def _content_problems(self, opened: OpenedMessage) -> CheckedRecord | str | None:
        """The record that was found good (None: no domain of ours), or why it is refused: path, rule and expectation
        of each problem, no value."""
        header = opened.header
        domains = self._node.domains
        if (broken := domains.broken_one(header.service)) is not None:
            raise OwnTrouble(f"records of {header.service} cannot be judged here: {broken}")
        if domains.find(header.service) is None:
            return None
        first = self._sinks[opened.parts[0].info.content_id] if opened.parts else None
        if not isinstance(first, _RecordSink) or opened.parts[0].signed_size > LARGEST_SIGNED:
            return f"eb:PayloadInfo: the first part must be the record, of at most {MAX_RECORD_BYTES} bytes"
        problems = check(first.take_content(), domains, service=header.service, action=header.action)
        if isinstance(problems, CheckedRecord):
            return problems
        told = "; ".join(str(problem.for_peer()) for problem in problems[:PROBLEMS_TOLD])
        more = len(problems) - PROBLEMS_TOLD
        return f"{told}; and {more} more" if more > 0 else told

    def _receipt(self, opened: OpenedMessage, now: datetime, suite: Suite) -> bytes:
        return make_receipt(opened, f"{uuid.uuid4()}@depesha", now, self._node.signing, suite)

    def _error(self, error: As4Error, now: datetime, suite: Suite | None, reference: str | None = None) -> bytes:
        """The error signal, signed where the peer is certain (`suite`), else with nothing but code and reference."""
        told = EbmsError.of(error, reference)
        identity = self._node.signing if suite is not None else None
        return make_error([told], f"{uuid.uuid4()}@depesha", now, error.ref_to_message_id, identity, suite)


def finish_together(intakes: Sequence[Intake]) -> list[Received | Answer | Exception]:
    """`finish` for several whose bodies are in, each step for all of them; what one raises is its outcome alone."""
    return step_by_step(intakes, (Intake.judge, Intake.describe), Intake.finish)


def _require_indexable(header: UserMessage) -> None:
    """Cases are found by ConversationId through an index, whose entries are bounded. Raises InvalidHeader."""
    size = len(header.conversation_id.encode())
    if size > LONGEST_CONVERSATION_ID:
        raise InvalidHeader(f"eb:ConversationId: found {size} bytes, expected at most {LONGEST_CONVERSATION_ID}")


class RecordRefused(As4Error):
    """The record breaks its schema or a rule: refused for its content, by id, for good."""

    code = "EBMS:0004"


def authenticated(error: As4Error, message_id: str) -> As4Error:
    """The error as one about a message whose sender is certain: it may be told in full, and signed."""
    error.authenticated = True
    error.ref_to_message_id = message_id
    return error
