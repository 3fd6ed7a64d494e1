"""Deliveries: claim what is due, encrypt it anew, post it, judge the answer, settle it. One `Courier` a process.

A claim, the posting and the settlement are three steps of which each may be the last that this process lives to see:
the claim runs out, the peer answers the same receipt to the same message, and nothing is settled twice.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import aiohttp
from cryptography.hazmat.primitives import hashes
from sqlalchemy import Connection, select

from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.clock import JudgedClock
from node.exchange.contents import to_send
from node.exchange.directory import Directory
from node.exchange.groups import STEPS_TOGETHER, InGroups, step_by_step
from node.exchange.node import Node
from node.exchange.outbox import Claim
from node.exchange.packing import NoLongerCovered, NotSealed, Packed, Parcel, StaleSignature, pack_together
from node.exchange.peers import KnownPeer, PeerRefused, configuration_version
from node.exchange.responses import Attempt, Judgement, disputed, judge
from node.exchange.settlement import (
    MESSAGE,
    NOT_COVERED,
    NOT_SENT,
    Settlement,
    failures_on_the_way,
    refuse_uncovered,
    seal_answer,
    settle,
    stale,
)
from node.exchange.silent_peers import SilentPeers
from node.exchange.transport import HttpAnswer, Progress, client_session, in_words, peer_tls, post
from node.journal import journal
from node.store.presence import Presence
from node.store.row_ids import follow_stored_ids
from node.store.trouble import StoreUnavailable
from node.trust.pins import CertificateRefused
from node.trust.revocation_list import RevocationList

log = journal("exchange.delivery")

# How soon messages queued by another process are noticed, and how long the outbox is left alone after trouble.
LOOK_SECONDS = 0.25
TROUBLE_SECONDS = 5
# How often to look whether another process died with deliveries under way.
LOOK_FOR_DEAD_SECONDS = 1.0
# A clock that falls by more than this was set back.
CLOCK_STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What an attempt came to, with the answer's bytes where they are evidence."""

    judgement: Judgement
    body: bytes | None
    began: datetime


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer, and what it is judged by."""

    attempt: Attempt
    answer: HttpAnswer


def _judge(one: _Answered) -> Judgement:
    answer = one.answer
    return judge(one.attempt, answer.status, answer.content_type, answer.body, answer.retry_after)


def _ended(task: asyncio.Task[None]) -> None:
    """What runs beside the deliveries ends when it is cancelled, and not before."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task beside the deliveries ended", error=type(error).__name__, exc_info=error)


class Courier:
    """Delivers what is due until it is stopped. Tests hand in their own `directory`."""

    def __init__(self, node: Node, directory: Directory) -> None:
        self._node = node
        self._directory = directory
        self._presence = Presence(node.database)
        self.clock: JudgedClock | None = None
        self.attempts = 0
        """how many this process has made"""
        self._worker = ""
        self._now_seen: datetime | None = None
        self._looked_for_dead = -LOOK_FOR_DEAD_SECONDS
        self._wake = asyncio.Event()
        self._stopping = False
        self._under_way: dict[asyncio.Task[None], int] = {}
        """each attempt with the row id of its message"""
        self._tls: WeakValueDictionary[tuple[bytes, tuple[int, ...]], ssl.SSLContext] = WeakValueDictionary()
        self._tls_of_peers: dict[str, tuple[KnownPeer, tuple[RevocationList, ...], ssl.SSLContext]] = {}
        self._judge: InGroups[_Answered, Judgement] = InGroups(
            partial(step_by_step, steps=(), last=_judge), largest=STEPS_TOGETHER
        )
        self._settle: InGroups[Settlement, None] = InGroups(
            partial(settle, node),
            gather_seconds=node.settings.commit_gather_milliseconds / 1000,
            in_thread=node.settings.commit_in_thread,
            expected=lambda: len(self._under_way),
        )

    def wake(self) -> None:
        """Look into the outbox now: something was queued."""
        self._wake.set()

    def stop(self) -> None:
        """Take up nothing more; `run` ends once the attempts under way are settled."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until `stop`; trouble of the store is waited out, never given up on."""
        silent = SilentPeers(self._node, self._directory, self._tls_of, self.wake)
        beside = [asyncio.create_task(self._renew_claims()), asyncio.create_task(silent.watch())]
        for task in beside:
            task.add_done_callback(_ended)
        try:
            await self._deliver_until_stopped()
        finally:
            for task in beside:
                task.cancel()
            self._presence.close()

    async def _deliver_until_stopped(self) -> None:
        async with client_session() as session:
            while not self._stopping:
                self._wake.clear()
                pause = LOOK_SECONDS
                try:
                    self._worker = self._presence.name()
                    self._put_right()
                    if await self._take_up(session):
                        continue
                except StoreUnavailable as trouble:
                    log.error("the outbox cannot be used", reason=str(trouble))
                    pause = TROUBLE_SECONDS
                await self._woken_within(pause)
            if self._under_way:
                _, late = await asyncio.wait(self._under_way, timeout=self._node.settings.attempt_seconds)
                for task in late:
                    task.cancel()  # a large message on a slow line: the next process sends it again
                await asyncio.gather(*late, return_exceptions=True)
            await self._judge.close()
            await self._settle.close()

    def _put_right(self) -> None:
        """Release what the dead had claimed; as this process begins, and after its clock was set back, also bring
        times forward that only a clock that stood ahead can have written."""
        now = self._node.now()
        clock_moved = self._now_seen is None or now < self._now_seen - CLOCK_STEP
        dead = self._dead()
        if clock_moved and self._now_seen is not None:
            # Other processes may have come further than this one before the clock was set back.
            follow_stored_ids(self._node.database, now)
        if clock_moved or dead:
            attempt = timedelta(seconds=self._node.settings.attempt_seconds)
            with self._node.database.write() as connection:
                released = sum(outbox.release_claims(connection, worker) for worker in dead)
                early = outbox.bring_forward(connection, now, attempt, self._node.retries) if clock_moved else 0
                crash_point("release: before commit")
            crash_point("release: after commit")
            if released:
                log.warning("attempts had been cut off", count=released)
            if early:
                log.warning("times brought forward", count=early)
        self._now_seen = now

    def _dead(self) -> list[str | None]:
        """Whose claims are to be released. On SQLite all (None) as this process begins: no other can hold any. On
        PostgreSQL, asked now and then, those of processes that are surely gone."""
        if self._node.database.dialect == "sqlite":
            return [None] if self._now_seen is None else []
        now = time.monotonic()
        if now - self._looked_for_dead < LOOK_FOR_DEAD_SECONDS:
            return []
        self._looked_for_dead = now
        with self._node.database.read() as connection:
            return [*outbox.claimed_by_the_gone(connection, self._worker)]

    async def _renew_claims(self) -> None:
        """Hold what is under way for longer than one claim lasts: a large message on a slow line."""
        attempt = timedelta(seconds=self._node.settings.attempt_seconds)
        while True:
            await asyncio.sleep(attempt.total_seconds() / 2)
            if not self._under_way:
                continue
            try:
                messages = [*self._under_way.values()]
                outbox.renew_claims(self._node.database, self._worker, messages, self._node.now(), attempt)
            except StoreUnavailable as trouble:
                log.error("claims cannot be renewed", reason=str(trouble))

    async def _woken_within(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _take_up(self, session: aiohttp.ClientSession) -> bool:
        """Start attempts while there is room; returns whether to look again at once."""
        room = self._node.settings.deliveries_in_flight - len(self._under_way)
        if room <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return True
        attempt = timedelta(seconds=self._node.settings.attempt_seconds)
        node = self._node
        claims = outbox.claim(
            node.database, self._worker, node.now(), room, attempt, node.retries, self._refuse_uncovered
        )
        if not claims:
            return False
        parcels = self._parcels(claims)
        for start in range(0, len(parcels), STEPS_TOGETHER):
            some = parcels[start : start + STEPS_TOGETHER]
            for parcel, packed in zip(some, pack_together(node, self._directory, some), strict=True):
                task = asyncio.create_task(self._attempt(session, parcel.claim, packed))
                self._under_way[task] = parcel.claim.message
                task.add_done_callback(self._done)
            await asyncio.sleep(0)  # these are on their way before the next are packed
        return True

    def _parcels(self, claims: Sequence[Claim]) -> list[Parcel]:
        """What these deliveries send. An agreement may have ended since they were claimed: what was not sent by then
        never is."""
        with self._node.database.read() as connection:
            version = configuration_version(connection)
            content = to_send(self._node, connection, [claim.message for claim in claims])
            return [
                Parcel(claim, content[claim.message], self._is_covered(connection, claim, version)) for claim in claims
            ]

    def _is_covered(self, connection: Connection, claim: Claim, version: int) -> bool:
        if version == claim.configuration or claim.body_sent_before:
            return True
        message = connection.execute(select(MESSAGE).where(MESSAGE.c.id == claim.message)).mappings().one()
        return not self._directory.uncovered(connection, [dict(message)], version)

    def _refuse_uncovered(self, connection: Connection, messages: Sequence[Mapping[str, Any]]) -> set[int]:
        """End what was never sent and may not be any more, in the transaction of the claim; returns the row ids."""
        ended = self._directory.uncovered(connection, messages, messages[0]["configuration"])
        if ended:
            refuse_uncovered(self._node, connection, ended, self._node.now())
            log.warning("not sent: no agreement covers them any more", count=len(ended))
        return {message["message"] for message in ended}

    def _done(self, task: asyncio.Task[None]) -> None:
        self.attempts += 1
        self._under_way.pop(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its claim runs out and the message is tried again; a person must hear of what was not foreseen.
            log.error("an attempt could not be settled", error=type(error).__name__, exc_info=error)

    async def _attempt(self, session: aiohttp.ClientSession, claim: Claim, packed: Packed | Exception) -> None:
        progress = Progress()
        began = self._node.now()
        in_doubt = self._clock_is_in_doubt()
        body: bytes | None = None
        try:
            outcome = await self._deliver(session, claim, packed, progress)
            judgement, body, began = outcome.judgement, outcome.body, outcome.began
        except StaleSignature as reason:
            if not self._clock_is_in_doubt():
                stale(self._node, claim, str(reason))
                log.warning("stale", message=claim.message_id, peer=claim.peer)
                return
            judgement = Judgement("failed", "EBMS:0101", f"not sent: {reason}, by a clock that is in doubt")
        except NoLongerCovered:
            judgement = Judgement("uncovered", NOT_COVERED, NOT_SENT)
        except (CertificateRefused, PeerRefused) as refused:
            judgement = Judgement("failed", "EBMS:0101", f"not sent: {refused}")
        except NotSealed as reason:
            log.error("not sealed", message=claim.message_id, peer=claim.peer, reason=str(reason))
            judgement = Judgement("failed", "EBMS:0004", f"not sent: {reason}")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            judgement = Judgement("unreachable", "EBMS:0005", f"no connection: {in_words(error)}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            judgement = Judgement(
                "unreachable",
                "EBMS:0005",
                f"the attempt broke off: {in_words(error)}",
                readable=not progress.body_sent,
            )
        if progress.repeated:
            # Whatever came of the second request, the first may have reached the peer.
            judgement = replace(judgement, readable=False)
        may_give_up = not (in_doubt or self._clock_is_in_doubt())
        await self._settle.add(self._settlement(claim, judgement, body, began, may_give_up))
        log.info(judgement.kind, message=claim.message_id, peer=claim.peer, attempt=claim.attempts, code=judgement.code)

    async def _deliver(
        self, session: aiohttp.ClientSession, claim: Claim, packed: Packed | Exception, progress: Progress
    ) -> _Outcome:
        if isinstance(packed, Exception):
            raise packed
        node, peer = self._node, packed.peer
        tls = self._tls_of(peer)
        began = node.now()
        crash_point("send: before the request")
        answer = await post(session, packed.url, tls, packed.wire, progress, node.settings.attempt_seconds)
        crash_point("send: after the answer")
        attempt = Attempt(
            sent=packed.signed,
            suite=packed.suite,
            accepts_signer=partial(self._directory.accept_receipt_signer, peer, claim.timestamp),
            failures_on_the_way=self._failures_on_the_way(claim),
            body_sent_before=claim.body_sent_before or progress.repeated,
            limits=node.limits,
        )
        judgement = await self._judge.add(_Answered(attempt, answer))
        evidence = answer.body if judgement.kind in ("delivered", "refused") else None
        return _Outcome(judgement, evidence, began)

    def _failures_on_the_way(self, claim: Claim) -> int:
        if claim.attempts == 1:
            return 0
        with self._node.database.read() as connection:
            return failures_on_the_way(connection, claim.message)

    def _tls_of(self, peer: KnownPeer) -> ssl.SSLContext:
        lists = self._directory.revocation_lists(peer)
        before = self._tls_of_peers.get(peer.party)
        if before is None or before[0] is not peer or before[1] is not lists:
            # Both are of one snapshot: another one may say something else of the peer.
            self._tls_of_peers[peer.party] = before = (peer, lists, self._tls_for(peer, lists))
        return before[2]

    def _tls_for(self, peer: KnownPeer, lists: tuple[RevocationList, ...]) -> ssl.SSLContext:
        known = peer.certificates_for("tls") + peer.certificates_for("ca")
        pinned = b"".join(one.certificate.fingerprint(hashes.SHA256()) for one in known if one.revoked_at is None)
        # The context holds the lists: as long as it is here, no other object can get the identity of one of them.
        key = (pinned, tuple(id(one) for one in lists))
        context = self._tls.get(key)
        if context is None:
            self._tls[key] = context = peer_tls(peer, lists, self._node.tls_terms)
        return context

    def _clock_is_in_doubt(self) -> bool:
        return self.clock is not None and self.clock.doubted

    def _settlement(
        self, claim: Claim, judgement: Judgement, body: bytes | None, began: datetime, may_give_up: bool
    ) -> Settlement:
        now = self._node.now()
        receipt = judgement.receipt
        # The receipt may be of an earlier attempt, whose answer was lost.
        earliest = min(began, claim.first_attempt_at) if claim.body_sent_before else began
        return Settlement(
            claim=claim,
            judgement=judgement,
            receipt=None if body is None else seal_answer(self._node, body),
            disputed_time=receipt is not None and disputed(receipt.timestamp, earliest, now),
            began=began,
            at=now,
            may_give_up=may_give_up,
        )
