"""`/feeds/SECRET.ics`: what is due, for calendar programs that can send no header. The secret is in the address alone.

It stands outside `/api/v1`, whose door asks for a token, and beside the pages, which ask for sign-in. Whatever is no
address that may be read is answered 404, all alike. The running log never has the path.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from node.exchange.calendar_feeds import due_by_feed, find_feed
from node.exchange.node import Node
from node.journal import journal
from node.operations.listening import FEEDS, SUFFIX
from node.records.clocks import feed
from node.store.trouble import StoreUnavailable

WITHIN = timedelta(minutes=1)
MOST_WITHIN = 12
"""Calendar programs ask a few times an hour, some devices at once; each answer looks through all open cases."""
RETRY_SECONDS = 60
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "referrer-policy": "no-referrer",
}

log = journal("feeds")


@dataclass(slots=True)
class FeedAddress:
    """Answers calendar programs. It counts, in this process, how often each address is read."""

    node: Node
    _counted: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    @property
    def route(self) -> Route:
        """All addresses below `FEEDS`."""
        return Route(FEEDS + "{name:path}", self._answer)

    async def _answer(self, request: Request) -> Response:
        name: str = request.path_params["name"]
        try:
            answer = await run_in_threadpool(self._read, name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else "")
        except StoreUnavailable:
            answer = _told(503, "The node cannot reach what it keeps. Ask again in a moment.")
        answer.headers.update(_HEADERS)
        return answer

    def _read(self, secret: str) -> Response:
        found = find_feed(self.node, secret) if secret else None
        if found is None:
            log.info("feed refused")
            return _told(404, "There is no calendar at this address.")
        if self._is_too_often(found.handle):
            log.warning("feed read too often", feed=found.handle)
            return _told(429, f"This calendar was read more than {MOST_WITHIN} times within a minute.")
        dues = due_by_feed(self.node, found)
        if dues is None:
            log.info("feed refused", feed=found.handle)
            return _told(404, "There is no calendar at this address.")
        return Response(feed(dues, self.node.now()), media_type="text/calendar")

    def _is_too_often(self, handle: str) -> bool:
        now = self.node.now()
        began, count = self._counted.get(handle, (now, 0))
        if not began <= now < began + WITHIN:
            began, count = now, 0
        self._counted[handle] = (began, count + 1)
        return count >= MOST_WITHIN


def _told(status: int, words: str) -> Response:
    headers = {} if status == 404 else {"retry-after": str(RETRY_SECONDS)}
    return PlainTextResponse(words + "\n", status, headers)
