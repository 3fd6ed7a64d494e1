"""`POST /as4`: one request of the wire, from its first byte to the answer that leaves after the commit.

Our own trouble (store, disk, clock, load, stopping) is HTTP 503 with Retry-After, never an ebMS error: an error would
make the peer give up.
"""

import asyncio
import contextlib
import shutil
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from node.as4 import As4Error
from node.crash_points import crash_point
from node.exchange.beside import LARGE, Taking, beside_loop
from node.exchange.clock import JudgedClock
from node.exchange.directory import Directory
from node.exchange.groups import STEPS_TOGETHER, InGroups
from node.exchange.inbox import Taken, came_before, take
from node.exchange.intake import Answer, Intake, Received, finish_together
from node.exchange.node import Node
from node.exchange.own_trouble import RETRY_AFTER_SECONDS, OwnTrouble
from node.exchange.refusals import RefusalAlarms, RefusedIncoming
from node.exchange.under_way import Place, TooMany, UnderWay
from node.journal import journal, lines_say
from node.store.trouble import StoreUnavailable

log = journal("exchange.endpoint")

BUSY_RETRY_SECONDS = 2
# Who has too many requests open is told so late, and has waited as long for a place before: coming again at once then
# costs us little.
HOLD_SECONDS = 1
# The disk is asked once for so many requests, and at each large one.
DISK_LOOK_EVERY = 64
# What is larger may hold a record that takes its time to be judged: between two of them sockets have their turn.
SMALL = 64 * 1024


# From the first octet of a request to its last. A node of this kind lets an attempt take two hours at most
# (`transport`), and the largest message that may be allowed comes in within that at 10 MB/s. Blobs of the first parts
# lie without a row until the last part is in: the sweep must not take them for orphans (`store.sweep`).
LONGEST_REQUEST = timedelta(hours=4)

# A sender that is refused early, on the root part, is let finish so long: many read no answer before they are through.
DRAIN_SECONDS = 60
# And with so many octets: who still sends more has either read the answer or will not.
DRAIN_OCTETS = 64_000_000


class TooSlow(Exception):
    """A request was not whole within LONGEST_REQUEST."""


class Endpoint:
    """Takes the wire's requests; counts what it took for the metrics."""

    def __init__(self, node: Node, directory: Directory, wake: Callable[[], None] | None = None) -> None:
        self._node = node
        self._directory = directory
        settings = node.settings
        self._under_way = UnderWay(settings.connections_per_peer, settings.unproved_per_address, HOLD_SECONDS)
        self._requests = 0
        self._disk_is_full = False
        self.clock: JudgedClock | None = None
        self.stopping = False
        self.counts: Counter[str] = Counter()
        self._wake = wake
        self._refusals = RefusalAlarms(node)
        self._finish: InGroups[Intake, Received | Answer] = InGroups(finish_together, largest=STEPS_TOGETHER)
        self._commit: InGroups[Received, Taken] = InGroups(
            partial(take, node),
            gather_seconds=node.settings.commit_gather_milliseconds / 1000,
            in_thread=node.settings.commit_in_thread,
            expected=lambda: self._under_way.count,
        )

    async def close(self) -> None:
        """Finish what is being committed, and the alarms about what was refused."""
        self.stopping = True
        await self._finish.close()
        await self._commit.close()
        await self._refusals.close()

    async def answer(self, request: Request) -> Response:
        """The Starlette route."""
        try:
            self._require_ready(request)
            answer = await self._take(request)
        except TooMany as crowd:
            self._tell_of(crowd)
            await asyncio.sleep(HOLD_SECONDS)
            answer = self._later(BUSY_RETRY_SECONDS)
        except (StoreUnavailable, OwnTrouble) as trouble:
            log.error("not ready", reason=str(trouble))
            answer = self._later(trouble.seconds if isinstance(trouble, OwnTrouble) else RETRY_AFTER_SECONDS)
        except TooSlow:
            self.counts["too slow"] += 1
            answer = _too_slow()
        except ClientDisconnect:
            # Nobody is left to answer; nothing was kept.
            self.counts["cut off"] += 1
            return Response(status_code=400)
        except Exception as error:
            # A fault of ours must not cost the peer its message: to be tried again, once it is mended.
            log.error("a request could not be handled", error=type(error).__name__, exc_info=error)
            answer = self._later(RETRY_AFTER_SECONDS)
        crash_point("answer: before it leaves")
        return Response(answer.body, answer.status, {"Content-Type": answer.content_type, **answer.headers})

    def _tell_of(self, crowd: TooMany) -> None:
        """In the running log, and by an alarm if it is one of our peers."""
        reference = uuid.uuid4().hex[:12]
        log.warning("not taken", reason=str(crowd), reference=reference)
        if crowd.peer is not None:
            now = self._node.now()
            self._refusals.note(RefusedIncoming(crowd.peer, "HTTP 503", "too many requests at once", reference, now))

    def _later(self, seconds: int) -> Answer:
        self.counts["not ready"] += 1
        body = b"This node cannot take messages now. Try again later.\n"
        return Answer(503, "text/plain; charset=utf-8", body, {"Retry-After": str(seconds)})

    def _require_ready(self, request: Request) -> None:
        if self.stopping:
            raise OwnTrouble("stopping", BUSY_RETRY_SECONDS)
        self._require_clock()
        self._requests += 1
        length = request.headers.get("content-length", "")
        large = not length.isdigit() or int(length) > LARGE
        if large or self._disk_is_full or self._requests % DISK_LOOK_EVERY == 1:
            free = shutil.disk_usage(self._node.home).free
            self._disk_is_full = free < self._node.settings.disk_floor_megabytes * 1_000_000
        if self._disk_is_full:
            raise OwnTrouble("the disk is nearly full; intake has stopped, sending goes on")

    def _require_clock(self) -> None:
        if self.clock is not None and self.clock.doubted:
            raise OwnTrouble(f"the clock is in doubt: {self.clock.found}")

    async def _prove(self, place: Place, intake: Intake) -> None:
        """Count a request for its sender once that is certain. Raises TooMany, or StoreUnavailable."""
        header = intake.header
        if header is not None:
            await place.prove(header.sender.id, header.message_id, lambda: came_before(self._node, header))

    async def _finished(self, intake: Intake, size: int) -> Received | Answer:
        """Each step with others, but for what may take so long that the others had better not wait for it."""
        if size <= SMALL:
            return await self._finish.add(intake)
        (outcome,) = finish_together([intake])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _take(self, request: Request) -> Answer:
        intake = Intake(self._node, self._directory, request.headers.get("content-type", ""))
        body, taking = request.stream(), Taking(intake.feed)
        size = 0
        # Whoever it came from, or what a proxy among `trusted_proxies` says of that: uvicorn has judged it.
        source = request.client.host if request.client is not None else None
        place = self._under_way.enter(source)
        try:
            try:
                async with asyncio.timeout(LONGEST_REQUEST.total_seconds()):
                    async for chunk in body:
                        size += len(chunk)
                        if size > LARGE:
                            await taking.add(chunk)
                        else:
                            intake.feed(chunk)
                        if not place.is_proved:
                            await self._prove(place, intake)
                    if size > LARGE:
                        await taking.end()
                        await beside_loop(intake.verify)
                if not place.is_proved:
                    intake.verify()  # only now is one opened that has no parts
                    await self._prove(place, intake)
            except TimeoutError:
                raise TooSlow from None
            finally:
                await taking.leave()
            received = await self._finished(intake, size)
            # It may have been set since; what was signed by it then goes nowhere.
            self._require_clock()
            if isinstance(received, Answer):
                self.counts["test"] += 1
                return received
            taken = await self._commit.add(received)
            self.counts["received" if taken.new else "duplicate"] += 1
            if taken.peer_is_back and self._wake is not None:
                self._wake()
            return taken.answer
        except As4Error as error:
            intake.abandon()
            self.counts["refused"] += 1
            with lines_say(source=source):
                answer = intake.refusal(error)
            if intake.refused is not None:
                self._refusals.note(intake.refused)
            return answer if await _drained(body) else replace(answer, headers={"Connection": "close"})
        except BaseException:
            intake.abandon()
            raise
        finally:
            place.leave()


def _too_slow() -> Answer:
    hours = LONGEST_REQUEST.total_seconds() / 3600
    body = f"A request must be whole within {hours:g} hours: send less in one, or over a faster line.\n".encode()
    return Answer(408, "text/plain; charset=utf-8", body, {"Connection": "close"})


async def _drained(body: AsyncIterator[bytes]) -> bool:
    """Read what is left of a request's body and throw it away; False if DRAIN_SECONDS or DRAIN_OCTETS were not enough:
    then the connection must end with the answer."""
    left = DRAIN_OCTETS
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for piece in body:
                left -= len(piece)
                if left < 0:
                    return False
            return True
    return False
