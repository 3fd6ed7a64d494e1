"""Each step of an exchange by itself: two nodes in one process that take every step for a group of messages in turn,
without HTTP, without waiting for anything but the disk."""

import contextlib
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from node.audit.sequencer import sequence
from node.exchange import outbox
from node.exchange.delivery import Courier
from node.exchange.directory import Directory
from node.exchange.groups import STEPS_TOGETHER
from node.exchange.inbox import Taken, take
from node.exchange.intake import Intake, Received
from node.exchange.node import Node, open_node
from node.exchange.outbox import Claim
from node.exchange.packing import Packed, _Packing
from node.exchange.parts_to_send import PartToSend
from node.exchange.preparation import _Preparation
from node.exchange.responses import Attempt, Judgement, judge
from node.exchange.settlement import Settlement, seal_answer, settle
from node.exchange.submission import Submission, _queue
from node.journal import start_journal
from tests.bench.exchange import record
from tests.bench.offices import ACTION, LOG_LEVEL, SERVICE, two_offices

WARM_UP = 3
CLAIM = timedelta(seconds=60)
SENDER, RECEIVER = "sender", "receiver"
Laps = dict[tuple[str, str], list[float]]


class _Group:
    """The messages of one group, from step to step."""

    def __init__(self, sender: Node, receiver: Node, count: int, laps: Laps) -> None:
        self._sender, self._receiver = sender, receiver
        self._count = count
        self._laps = laps
        self._ours, self._theirs = Directory(sender), Directory(receiver)
        self._courier = Courier(sender, self._ours)

    @contextlib.contextmanager
    def _lap(self, side: str, step: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self._laps.setdefault((side, step), []).append((time.process_time() - began) / self._count * 1e6)

    def _each(self, side: str, step: str, work: Callable[[Any], Any], units: Sequence[Any]) -> list[Any]:
        with self._lap(side, step):
            return [work(unit) for unit in units]

    def go_through(self) -> None:
        """From the submission to the settled receipt. Raises RuntimeError if one is not delivered."""
        packed, claims, bodies = self._send()
        taken = self._take(packed, bodies)
        self._settle(packed, claims, taken)
        for side, node in ((SENDER, self._sender), (RECEIVER, self._receiver)):
            with self._lap(side, "positions in the log"):
                while sequence(node.database):
                    continue

    def _send(self) -> tuple[list[Packed], list[Claim], list[bytes]]:
        node = self._sender
        snapshot = self._ours.snapshot()
        preparing = [_Preparation(node, snapshot, _submission()) for _ in range(self._count)]
        for step, work in (
            ("its peer and agreement", _Preparation.open),
            ("schema and rules", _Preparation.check),
            ("second look", _Preparation.look_again),
            ("compress and seal", _Preparation.seal),
            ("index for the search", _Preparation.describe),
        ):
            self._each(SENDER, step, work, preparing)
        with self._lap(SENDER, "sign and queue"):
            _queue(node, [one.ready() for one in preparing])
        with self._lap(SENDER, "claim and read back"):
            refuse = self._courier._refuse_uncovered
            claims = [*outbox.claim(node.database, "bench", node.now(), self._count, CLAIM, node.retries, refuse)]
            packing = [_Packing(node, self._ours, parcel) for parcel in self._courier._parcels(claims)]
        self._each(SENDER, "open the frozen envelope", _Packing.open, packing)
        with self._lap(SENDER, "encrypt"):
            for one in packing:
                one.seal()
            packed = [one.packed() for one in packing]
            bodies = [one.wire.body() for one in packed]
        return packed, claims, bodies

    def _take(self, packed: Sequence[Packed], bodies: Sequence[bytes]) -> list[Taken]:
        intakes = [Intake(self._receiver, self._theirs, one.wire.content_type) for one in packed]
        with self._lap(RECEIVER, "open, verify and seal"):
            for intake, body in zip(intakes, bodies, strict=True):
                intake.feed(body)
                intake.verify()
        self._each(RECEIVER, "schema and rules", Intake.judge, intakes)
        self._each(RECEIVER, "index for the search", Intake.describe, intakes)
        received = self._each(RECEIVER, "sign the receipt", Intake.finish, intakes)
        with self._lap(RECEIVER, "commit"):
            taken = take(self._receiver, [one for one in received if isinstance(one, Received)])
        return [one for one in taken if isinstance(one, Taken)]

    def _settle(self, packed: Sequence[Packed], claims: Sequence[Claim], taken: Sequence[Taken]) -> None:
        node = self._sender
        triples = [*zip(packed, claims, taken, strict=True)]
        judged = self._each(SENDER, "verify the receipt", self._judged, triples)
        if any(judgement.kind != "delivered" for judgement in judged):
            raise RuntimeError(f"not delivered: {judged}")
        with self._lap(SENDER, "settle"):
            settle(node, [self._settlement(*one) for one in zip(claims, judged, taken, strict=True)])

    def _judged(self, one: tuple[Packed, Claim, Taken]) -> Judgement:
        packed, claim, taken = one
        accepts = partial(self._ours.accept_receipt_signer, packed.peer, claim.timestamp)
        attempt = Attempt(packed.signed, packed.suite, accepts, 0, body_sent_before=False, limits=self._sender.limits)
        return judge(attempt, taken.answer.status, taken.answer.content_type, taken.answer.body)

    def _settlement(self, claim: Claim, judgement: Judgement, taken: Taken) -> Settlement:
        node = self._sender
        answer = seal_answer(node, taken.answer.body)
        return Settlement(claim, judgement, answer, disputed_time=False, began=node.now(), at=node.now())


def _submission() -> Submission:
    part = PartToSend.of_bytes(record(), "application/xml", "application.xml")
    return Submission(peer=RECEIVER, service=SERVICE, action=ACTION, parts=[part])


def table(rounds: int) -> Iterator[str]:
    """Take so many groups through all steps; the least and the median CPU time of each, line by line."""
    start_journal(LOG_LEVEL)
    laps: Laps = {}
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        offices = two_offices(Path(folder), [None, None])
        nodes = [open_node(office.folder) for office in offices]
        try:
            group = _Group(*nodes, STEPS_TOGETHER, laps)
            for _ in range(WARM_UP):
                group.go_through()
            laps.clear()
            # As a node does once it serves.
            gc.collect()
            gc.freeze()
            for _ in range(rounds):
                group.go_through()
        finally:
            for node in nodes:
                node.database.close()
    yield f"record {len(record())} bytes, groups of {STEPS_TOGETHER}, SQLite; µs of CPU a message, {rounds} rounds"
    yield f"{'':44}{'least':>8}{'median':>8}"
    for side in (SENDER, RECEIVER):
        of_side = {step: found for (whose, step), found in laps.items() if whose == side}
        for step, found in of_side.items():
            yield f"{side + ': ' + step:44}{min(found):8.0f}{statistics.median(found):8.0f}"
        least, median = (sum(map(of, of_side.values())) for of in (min, statistics.median))
        yield f"{side + ', together':44}{least:8.0f}{median:8.0f}"
