"""Preparing submissions: each is judged, its parts compressed and sealed, before any of them is queued.

Those that come together go through it step by step: the code and tables of a step, once in the caches of the processor,
serve all of them.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam, select

from node.as4 import TEST_ACTION, TEST_SERVICE
from node.exchange.agreements import OpenPair
from node.exchange.attachments import require_size, require_true_types, stripped
from node.exchange.case_fit import misfits
from node.exchange.cases import opener_of, resolve_case
from node.exchange.directory import Snapshot
from node.exchange.evidence_lists import lists_of, points_of, terms_in_use
from node.exchange.groups import step_by_step
from node.exchange.judgement import Route, SubmissionRefused, require_attached, require_good, require_sendable
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend, PreparedPart, prepare_part
from node.exchange.peers import KnownPeer
from node.exchange.queueing import ReadySubmission, Submission
from node.exchange.search_index import sealed_terms
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord
from node.records.clocks import Terms
from node.records.crossing_points import AgreedPoints
from node.records.domains import Domain
from node.records.person_findings import EvidenceLists
from node.records.problems import Problem
from node.records.reading import octets_of_record
from node.store.prepared import Prepared, among

_EXCHANGED = Prepared(
    select(MESSAGE.c.message_id).where(among(MESSAGE.c.message_id, "ids"), MESSAGE.c.peer == bindparam("with_peer"))
)


def prepare(node: Node, snapshot: Snapshot, request: Submission) -> ReadySubmission:
    """The submission, ready to be queued. Raises SubmissionRefused, or StoreUnavailable."""
    (outcome,) = prepare_together(node, snapshot, [request])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def prepare_together(
    node: Node, snapshot: Snapshot, requests: Sequence[Submission]
) -> list[ReadySubmission | Exception]:
    """For each submission what `prepare` would return or raise; one that is refused takes no other down with it."""
    all_ = [_Preparation(node, snapshot, request) for request in requests]
    steps = (
        _Preparation.open,
        _Preparation.check,
        _Preparation.look_again,
        _Preparation.seal,
        _Preparation.describe,
    )
    outcomes = step_by_step(all_, steps, _Preparation.ready)
    for preparation, outcome in zip(all_, outcomes, strict=True):
        if isinstance(outcome, Exception):
            preparation.throw_away()
    return outcomes


class _Preparation:
    """One submission on its way through the steps, which are taken in the order in which they stand here."""

    def __init__(self, node: Node, snapshot: Snapshot, request: Submission) -> None:
        self._node = node
        self._snapshot = snapshot
        self._request = request
        self._peer: KnownPeer | None = None
        self._pair: OpenPair | None = None
        self._parts: Sequence[PartToSend] = request.parts
        self._content = b""
        self._record: CheckedRecord | None = None
        self._prepared: list[PreparedPart] = []
        self._terms: str | None = None

    @property
    def _name(self) -> str:
        return self._request.parts[0].name or "the record"

    @property
    def _to(self) -> KnownPeer:
        if self._peer is None:
            raise RuntimeError("nothing was opened")
        return self._peer

    def open(self) -> None:
        """Whether the peer is there, and an agreement in force covers the message."""
        self._peer, self._pair = _require_open(self._snapshot, self._request)

    def check(self) -> None:
        """The record by its schema and rules; without metadata in images, where that is asked for."""
        request, domains = self._request, self._node.domains
        if (broken := domains.broken_one(request.service)) is not None:
            raise SubmissionRefused(
                f"{request.service}: its records cannot be judged here, since the domain did not load. {broken}. Mend "
                "the folder, then start the node again."
            )
        if domains.find(request.service) is None:
            if request.strip_metadata:
                raise SubmissionRefused(f"{request.service}: metadata is taken out of what goes with a record only.")
            return
        if not request.parts:
            raise SubmissionRefused(
                f"{request.service} {request.action}: the first part must be the record. Attach it."
            )
        header = (request.service, request.action)
        first, *others = request.parts
        self._content = octets_of_record(first.content())
        self._record = require_good(self._content, self._name, header, domains)
        if request.strip_metadata:
            changed, others = stripped(self._record, others)
            if changed:
                self._content = changed
                self._record = require_good(self._content, self._name, header, domains)
        content = self._content
        self._parts = [replace(first, content=lambda: (content,)), *others]

    def look_again(self) -> None:
        """What refuses a good record on this way, and what a person must confirm."""
        if self._record is None:
            return
        node, request, peer = self._node, self._request, self._to
        require_sendable(
            self._record,
            self._content,
            self._name,
            Route(peer.party, node.settings.country, peer.country),
            None if request.replaces is not None else request.confirmed,
            self._exchanged,
            today=node.now().date(),
            lists=self._lists,
            points=self._points,
            fit=self._misfits,
        )

    def seal(self) -> None:
        """The parts, compressed, digested and sealed."""
        for part in self._parts:
            self._prepared.append(prepare_part(self._node, part))

    def describe(self) -> None:
        """Whether the parts are what the record says, and small enough together; what the record is found by."""
        prepared = self._prepared
        if self._record is not None:
            attached = [(part.name or f"part {n}", part.sha256.hex()) for n, part in enumerate(prepared[1:], start=2)]
            require_attached(self._record, self._name, attached)
            require_true_types(self._record, self._name, prepared[1:])
        require_size(prepared, self._node.settings.largest_message_megabytes)
        if self._record is not None:
            self._terms = sealed_terms(self._node, self._record)

    def ready(self) -> ReadySubmission:
        """What the steps came to."""
        return ReadySubmission(self._request, self._to, self._pair, self._prepared, self._terms)

    def throw_away(self) -> None:
        """Delete what was stored of a submission that is refused."""
        for part in self._prepared:
            if part.sealed.blob is not None:
                self._node.blobs.delete(part.sealed.blob)
        self._prepared = []

    def _exchanged(self, message_ids: Sequence[str]) -> set[str]:
        """Those of the message ids that were sent to the peer or received from it."""
        with self._node.database.read() as connection:
            return {row.message_id for row in _EXCHANGED.rows(connection, ids=[*message_ids], with_peer=self._to.party)}

    def _misfits(self, record: CheckedRecord) -> list[Problem]:
        """What of the record does not fit the case that it joins, or those that it names."""
        request = self._request
        if not request.ask_fit:
            return []
        with self._node.database.read() as connection:
            joined = request.case_id
            if joined is None and request.case is not None:
                row = resolve_case(connection, request.case)
                joined = None if row is None else int(str(row["id"]))
            return misfits(self._node, connection, record, self._to.party, joined)

    def _lists(self, domain: Domain) -> EvidenceLists | None:
        """What evidence counts by against the party that the case asks something of: not the one that opened it."""
        node, request, peer = self._node, self._request, self._to.party
        opener: str | None = None
        if request.case is not None or request.case_id is not None:
            with node.database.read() as connection:
                opener = opener_of(connection, request.case, request.case_id)
        return lists_of(self._agreed(domain), domain, peer if opener in (None, node.party) else node.party)

    def _points(self, domain: Domain) -> AgreedPoints | None:
        """The crossing points of the terms with the peer."""
        return points_of(self._agreed(domain), domain)

    def _agreed(self, domain: Domain) -> Terms | None:
        """The terms in use with the peer, kept with the snapshot of partners."""
        terms, key = self._snapshot.terms, (self._to.party, domain.namespace)
        if key not in terms:
            with self._node.database.read() as connection:
                terms[key] = terms_in_use(connection, domain, self._to.party)
        return terms[key]


def _require_open(snapshot: Snapshot, request: Submission) -> tuple[KnownPeer, OpenPair | None]:
    peer = snapshot.peers.get(request.peer)
    if peer is None or peer.state == "removed":
        raise SubmissionRefused(f"There is no peer {request.peer!r}. `depesha peer list` shows those that are known.")
    if peer.kind == "paper" or peer.url is None:
        raise SubmissionRefused(f"{peer.party} has no node: its messages go on paper. Record what you send by hand.")
    if (request.service, request.action) == (TEST_SERVICE, TEST_ACTION):
        return peer, None
    if peer.state == "unconfirmed":
        raise SubmissionRefused(
            f"{peer.party} is not confirmed yet: compare the eight words by telephone, then "
            f'`depesha peer confirm {peer.party} --words "…"`.'
        )
    pair = snapshot.pair_for_sending(peer.party, request.service, request.service_type, request.action)
    if pair is None:
        raise SubmissionRefused(
            f"No agreement in force with {peer.party} covers {request.service} {request.action}. "
            "`depesha agreement list` shows what is open; `depesha agreement unilateral` opens a pair by your own word."
        )
    return peer, pair
