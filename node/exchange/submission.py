"""Submitting a message: it is prepared (`preparation`), then it is queued in a transaction (`queueing`).

Those that come together share one: `submit_many`, and `Submissions` for whoever submits concurrently.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from node.crash_points import crash_point
from node.exchange.contents import discard
from node.exchange.directory import Directory, Snapshot
from node.exchange.groups import STEPS_TOGETHER, InGroups
from node.exchange.judgement import SubmissionRefused
from node.exchange.node import Node
from node.exchange.preparation import prepare, prepare_together
from node.exchange.queueing import ReadySubmission, queue
from node.exchange.queueing import Submission as Submission
from node.exchange.queueing import Submitted as Submitted
from node.store.trouble import StoreUnavailable


def submit(
    node: Node, snapshot: Snapshot, request: Submission, along: Callable[[Connection], None] | None = None
) -> Submitted:
    """Queue a message durably, and do `along` in the same transaction: what it raises comes through, nothing is queued.

    A record is judged first. Raises SubmissionRefused, ConfirmationNeeded for a record that a person must look at
    again, or StoreUnavailable when the store cannot take it.
    """
    return _queue(node, [prepare(node, snapshot, request)], along)[0]


def submit_many(node: Node, snapshot: Snapshot, requests: Sequence[Submission]) -> list[Submitted | Exception]:
    """Queue messages durably, in their order and by one commit; for each what `submit` would return or raise.

    One that is refused takes no other down with it. Raises StoreUnavailable when none of them was queued for that.
    """
    prepared = prepare_together(node, snapshot, requests)
    for one in prepared:
        if isinstance(one, StoreUnavailable):
            raise one
    queued = iter(_queue_together(node, [one for one in prepared if isinstance(one, ReadySubmission)]))
    return [next(queued) if isinstance(one, ReadySubmission) else one for one in prepared]


class TogetherRefused(Exception):
    """Of messages that go together or not at all some are refused; nothing was queued. `refused`: by their places."""

    def __init__(self, refused: Mapping[int, SubmissionRefused]) -> None:
        super().__init__("\n".join(str(error) for error in refused.values()))
        self.refused = dict(refused)


def submit_together(
    node: Node,
    snapshot: Snapshot,
    requests: Sequence[Submission],
    along: Callable[[Connection, list[Submitted]], None] | None = None,
) -> list[Submitted]:
    """Queue messages durably, in their order and in one transaction: all of them or none. `along` is done in it.

    Each is judged before any is queued. Raises TogetherRefused; IntegrityError where `along` does; StoreUnavailable
    when the store cannot take them.
    """
    prepared = prepare_together(node, snapshot, requests)
    ready = [one for one in prepared if isinstance(one, ReadySubmission)]
    refused = {place: one for place, one in enumerate(prepared) if isinstance(one, SubmissionRefused)}
    trouble = [one for one in prepared if not isinstance(one, ReadySubmission | SubmissionRefused)]
    if trouble or refused:
        _throw_away(node, ready)
        raise trouble[0] if trouble else TogetherRefused(refused)
    queued: list[Submitted] = []
    try:
        with node.database.write() as connection:
            for place, submission in enumerate(ready):
                try:
                    queued += queue(node, connection, [submission], node.now())
                except SubmissionRefused as error:
                    raise TogetherRefused({place: error}) from error
            if along is not None:
                along(connection, queued)
    except (TogetherRefused, IntegrityError):
        _throw_away(node, ready)
        raise
    return queued


def _throw_away(node: Node, prepared: Sequence[ReadySubmission]) -> None:
    for part in (part for one in prepared for part in one.parts):
        discard(node, part.sealed)


class Submissions:
    """Submissions of concurrent callers: those that are ready together share one commit."""

    def __init__(self, node: Node, directory: Directory, queued: Callable[[], None] = lambda: None) -> None:
        """`queued` is called after each commit: let it wake the courier."""
        self._node = node
        self._directory = directory
        self._queued = queued
        self._prepare: InGroups[Submission, ReadySubmission] = InGroups(self._prepared, largest=STEPS_TOGETHER)
        self._commit: InGroups[ReadySubmission, Submitted] = InGroups(
            self._together, in_thread=node.settings.commit_in_thread
        )

    async def submit(self, request: Submission, in_thread: bool = False) -> Submitted:
        """As the function of this name, in a commit shared with others.

        `in_thread`: it is judged and sealed in a thread, for parts so large that other callers would have to wait.
        """
        if in_thread:
            ready = await asyncio.to_thread(prepare, self._node, self._directory.snapshot(), request)
        else:
            ready = await self._prepare.add(request)
        return await self._commit.add(ready)

    async def submit_together(
        self, requests: Sequence[Submission], along: Callable[[Connection, list[Submitted]], None] | None = None
    ) -> list[Submitted]:
        """As the function of this name, in a thread: its commit is of these alone."""
        done = await asyncio.to_thread(submit_together, self._node, self._directory.snapshot(), requests, along)
        self._queued()
        return done

    async def close(self) -> None:
        """Finish what is under way."""
        await self._prepare.close()
        await self._commit.close()

    def _prepared(self, requests: Sequence[Submission]) -> list[ReadySubmission | Exception]:
        return prepare_together(self._node, self._directory.snapshot(), requests)

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
