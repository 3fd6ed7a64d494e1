"""Submitting a message: it is judged, its parts compressed and sealed, then it is queued in a transaction (`queueing`).

Those that come together share one: `submit_many`, and `Submissions` for whoever submits concurrently.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, bindparam, select

from node.as4 import TEST_ACTION, TEST_SERVICE
from node.crash_points import crash_point
from node.exchange.agreements import OpenPair
from node.exchange.attachments import require_size, require_true_types, stripped
from node.exchange.cases import opener_of
from node.exchange.commit import GroupCommit
from node.exchange.contents import discard
from node.exchange.directory import Directory, Snapshot
from node.exchange.evidence_lists import lists_of, terms_in_use
from node.exchange.judgement import Route, SubmissionRefused, refused_record, require_attached, require_sendable
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend, PreparedPart, prepare_part
from node.exchange.peers import KnownPeer
from node.exchange.queueing import ReadySubmission, queue
from node.exchange.queueing import Submission as Submission
from node.exchange.queueing import Submitted as Submitted
from node.exchange.search_index import sealed_terms
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord, check
from node.records.domains import Domain
from node.records.person_findings import EvidenceLists
from node.records.reading import octets_of_record
from node.store.prepared import Prepared, among
from node.store.trouble import StoreUnavailable

_EXCHANGED = Prepared(
    select(MESSAGE.c.message_id).where(among(MESSAGE.c.message_id, "ids"), MESSAGE.c.peer == bindparam("with_peer"))
)


def submit(
    node: Node, snapshot: Snapshot, request: Submission, along: Callable[[Connection], None] | None = None
) -> Submitted:
    """Queue a message durably, and do `along` in the same transaction: what it raises comes through, nothing is queued.

    A record is judged first. Raises SubmissionRefused, ConfirmationNeeded for a record that a person must look at
    again, or StoreUnavailable when the store cannot take it.
    """
    return _queue(node, [_ready(node, snapshot, request)], along)[0]


def submit_many(node: Node, snapshot: Snapshot, requests: Sequence[Submission]) -> list[Submitted | Exception]:
    """Queue messages durably, in their order and by one commit; for each what `submit` would return or raise.

    One that is refused takes no other down with it. Raises StoreUnavailable when none of them was queued for that.
    """
    outcomes: list[Submitted | Exception | None] = []
    ready: list[ReadySubmission] = []
    for request in requests:
        try:
            ready.append(_ready(node, snapshot, request))
            outcomes.append(None)
        except StoreUnavailable:
            raise
        except Exception as error:  # whatever it is, it is this one's alone
            outcomes.append(error)
    queued = iter(_queue_together(node, ready))
    return [next(queued) if outcome is None else outcome for outcome in outcomes]


class TogetherRefused(Exception):
    """Of messages that go together or not at all some are refused; nothing was queued. `refused`: by their places."""

    def __init__(self, refused: Mapping[int, SubmissionRefused]) -> None:
        super().__init__("\n".join(str(error) for error in refused.values()))
        self.refused = dict(refused)


def submit_together(node: Node, snapshot: Snapshot, requests: Sequence[Submission]) -> list[Submitted]:
    """Queue messages durably, in their order and in one transaction: all of them or none.

    Each is judged before any is queued. Raises TogetherRefused; StoreUnavailable when the store cannot take them.
    """
    ready: list[ReadySubmission] = []
    refused: dict[int, SubmissionRefused] = {}
    queued: list[Submitted] = []
    try:
        for place, request in enumerate(requests):
            try:
                ready.append(_ready(node, snapshot, request))
            except SubmissionRefused as error:
                refused[place] = error
        if refused:
            raise TogetherRefused(refused)
        with node.database.write() as connection:
            for place, one in enumerate(ready):
                try:
                    queued += queue(node, connection, [one], node.now())
                except SubmissionRefused as error:
                    raise TogetherRefused({place: error}) from error
    except TogetherRefused:
        for part in (part for one in ready for part in one.parts):
            discard(node, part.sealed)
        raise
    return queued


class Submissions:
    """Submissions of concurrent callers: those that are ready together share one commit."""

    def __init__(self, node: Node, directory: Directory, queued: Callable[[], None] = lambda: None) -> None:
        """`queued` is called after each commit: let it wake the courier."""
        self._node = node
        self._directory = directory
        self._queued = queued
        self._commit: GroupCommit[ReadySubmission, Submitted] = GroupCommit(
            self._together,
            gather_seconds=0,
            in_thread=node.settings.commit_in_thread,
            expected=lambda: 0,
        )

    async def submit(self, request: Submission, in_thread: bool = False) -> Submitted:
        """As the function of this name, in a commit shared with others.

        `in_thread`: it is judged and sealed in a thread, for parts so large that other callers would have to wait.
        """
        ready = await asyncio.to_thread(self._made_ready, request) if in_thread else self._made_ready(request)
        return await self._commit.commit(ready)

    async def close(self) -> None:
        """Finish what is under way."""
        await self._commit.close()

    def _made_ready(self, request: Submission) -> ReadySubmission:
        return _ready(self._node, self._directory.snapshot(), request)

    def _together(self, group: Sequence[ReadySubmission]) -> list[Submitted | Exception]:
        outcomes = _queue_together(self._node, group)
        self._queued()
        return outcomes


def _queue_together(node: Node, group: Sequence[ReadySubmission]) -> list[Submitted | Exception]:
    """Queue a group by one commit; when one of it cannot be queued, each by a commit of its own."""
    try:
        return [*_queue(node, group)] if group else []
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(group) == 1:
            return [error]
    return [_queue_alone(node, ready) for ready in group]


def _queue_alone(node: Node, ready: ReadySubmission) -> Submitted | Exception:
    try:
        return _queue(node, [ready])[0]
    except Exception as error:  # each of the group gets its own outcome
        return error


def _queue(
    node: Node, group: Sequence[ReadySubmission], along: Callable[[Connection], None] | None = None
) -> list[Submitted]:
    now = node.now()
    with node.database.write() as connection:
        if along is not None:
            along(connection)
        submitted = queue(node, connection, group, now)
        for ready, done in zip(group, submitted, strict=True):
            if ready.request.on_queued is not None:
                ready.request.on_queued(connection, done)
        crash_point("submission: before commit")
    crash_point("submission: after commit")
    return submitted


def _ready(node: Node, snapshot: Snapshot, request: Submission) -> ReadySubmission:
    peer, pair = _require_open(snapshot, request)
    return ReadySubmission(request, peer, pair, *_prepare(node, snapshot, request, peer))


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


def _prepare(
    node: Node, snapshot: Snapshot, request: Submission, peer: KnownPeer
) -> tuple[list[PreparedPart], str | None]:
    """The parts, sealed, and what the record is found by; those of a domain that we have only after its record was
    judged fit to be sent."""
    if node.domains.find(request.service) is None:
        if request.strip_metadata:
            raise SubmissionRefused(f"{request.service}: metadata is taken out of what goes with a record only.")
        return _sized(node, [prepare_part(node, part) for part in request.parts]), None
    if not request.parts:
        raise SubmissionRefused(f"{request.service} {request.action}: the first part must be the record. Attach it.")
    first, *others = request.parts
    content = octets_of_record(first.content())
    name = first.name or "the record"
    if request.strip_metadata:
        content, others = _stripped(node, request, content, name, others)
    record = require_sendable(
        content,
        name,
        (request.service, request.action),
        node.domains,
        Route(peer.party, node.settings.country, peer.country),
        None if request.replaces is not None else request.confirmed,
        partial(_exchanged_with, node, peer.party),
        today=node.now().date(),
        lists=partial(_lists_with, node, snapshot, request, peer.party),
    )
    prepared = [prepare_part(node, part) for part in (replace(first, content=lambda: (content,)), *others)]
    try:
        attached = [(part.name or f"part {n}", part.sha256.hex()) for n, part in enumerate(prepared[1:], start=2)]
        require_attached(record, name, attached)
        require_true_types(record, name, prepared[1:])
    except SubmissionRefused:
        _throw_away(node, prepared)
        raise
    return _sized(node, prepared), sealed_terms(node, record)


def _sized(node: Node, prepared: list[PreparedPart]) -> list[PreparedPart]:
    """The parts, if they are together small enough for a message."""
    try:
        require_size(prepared, node.settings.largest_message_megabytes)
    except SubmissionRefused:
        _throw_away(node, prepared)
        raise
    return prepared


def _throw_away(node: Node, prepared: Sequence[PreparedPart]) -> None:
    for part in prepared:
        if part.sealed.blob is not None:
            node.blobs.delete(part.sealed.blob)


def _stripped(
    node: Node, request: Submission, content: bytes, name: str, others: Sequence[PartToSend]
) -> tuple[bytes, list[PartToSend]]:
    """The record and its attachments, images without metadata."""
    record = check(content, node.domains, request.service, request.action)
    if not isinstance(record, CheckedRecord):
        raise refused_record(name, record)
    changed, parts = stripped(record, others)
    return changed or content, parts


def _lists_with(node: Node, snapshot: Snapshot, request: Submission, peer: str, domain: Domain) -> EvidenceLists | None:
    """What evidence counts by against the party that the case asks something of: not the one that opened it."""
    key = (peer, domain.namespace)
    opener: str | None = None
    if key not in snapshot.terms or request.case is not None or request.case_id is not None:
        with node.database.read() as connection:
            snapshot.terms[key] = terms_in_use(connection, domain, peer)
            opener = opener_of(connection, request.case, request.case_id)
    return lists_of(snapshot.terms[key], domain, peer if opener in (None, node.party) else node.party)


def _exchanged_with(node: Node, peer: str, message_ids: Sequence[str]) -> set[str]:
    """Those of the message ids that were sent to the peer or received from it."""
    with node.database.read() as connection:
        return {row.message_id for row in _EXCHANGED.rows(connection, ids=[*message_ids], with_peer=peer)}
