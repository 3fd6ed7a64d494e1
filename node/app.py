"""Putting the rooms together: what the outside and the inside listener answer.

The *outside* answers only the wire and whether the node runs; the *inside* has pages, the programming interface,
readiness and metrics.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from node.api.feed_address import FeedAddress
from node.exchange.alarms import settle_alarm
from node.exchange.directory import Directory
from node.exchange.endpoint import Endpoint
from node.exchange.node import Node
from node.exchange.opening import mark_opened
from node.exchange.submission import Submissions
from node.operations.checks import run_checks
from node.operations.listening import INTERFACE
from node.operations.metrics import CONTENT_TYPE, render_metrics
from node.store.trouble import StoreUnavailable
from node.web.context import Context, PageSettings
from node.web.pages import create_pages


def outside_app(endpoint: Endpoint) -> ASGIApp:
    """What peers reach."""
    routed = Starlette(routes=_outside_routes(endpoint))
    routed.router.redirect_slashes = False  # a redirect would repeat the Host that a stranger wrote

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # The wire's own requests need no routing, which costs as much as reading their heads.
        if scope["type"] == "http" and scope["path"] == "/as4" and scope["method"] == "POST":
            response = await endpoint.answer(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await routed(scope, receive, send)

    return app


def inside_app(
    node: Node, endpoint: Endpoint, pages: Starlette, with_outside: bool, api: ASGIApp | None = None
) -> ASGIApp:
    """What people and programs of this administration reach; `with_outside` puts the wire on the same port."""

    async def readyz(request: Request) -> Response:
        checks = await run_in_threadpool(run_checks, node)
        ready = not endpoint.stopping and all(check.ok for check in checks if check.needed)
        content = {"ready": ready, "checks": [check.as_value() for check in checks]}
        return JSONResponse(content, status_code=200 if ready else 503)

    async def metrics(request: Request) -> Response:
        try:
            checks = await run_in_threadpool(run_checks, node)
            return Response(render_metrics(node, checks, endpoint.counts), media_type=CONTENT_TYPE)
        except StoreUnavailable as trouble:
            return PlainTextResponse(f"{trouble}\n", status_code=503)

    routes: list[BaseRoute] = [Route("/readyz", readyz), Route("/metrics", metrics), FeedAddress(node).route]
    if with_outside:
        routes += _outside_routes(endpoint)
    routed = Starlette(routes=[*routes, Mount("/", pages)])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if api is not None and scope["type"] == "http" and scope["path"].startswith(INTERFACE + "/"):
            # Not by a route: those do not match every address, and all answers here are the interface's own.
            await api({**scope, "root_path": scope.get("root_path", "") + INTERFACE}, receive, send)
        else:
            await routed(scope, receive, send)

    return app


def api_of(
    node: Node, directory: Directory, submissions: Submissions, addresses: Callable[[], frozenset[str]]
) -> ASGIApp:
    """The programming interface; `addresses` are those by which assertions may call it."""

    def make() -> ASGIApp:
        from node.api.application import create_api
        from node.api.context import ApiContext

        return create_api(ApiContext(node, directory, submissions, addresses))

    return _MadeWhenAsked(make)


class _MadeWhenAsked:
    """An application that is made, in a thread, when it is asked for the first time: a start need not wait for it."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            async with self._making:
                if self._made is None:
                    self._made = await run_in_threadpool(self._make)
        await self._made(scope, receive, send)


def pages_of(node: Node, directory: Directory, secure: bool) -> Starlette:
    """The pages of a node; `secure` when browsers reach them by https."""
    settings = node.settings
    context = Context(
        database=node.database,
        kek=node.kek,
        blobs=node.blobs,
        domains=node.domains,
        settings=PageSettings(
            name=settings.name,
            party=settings.party,
            country=settings.country,
            demonstration=settings.demonstration,
            secure_cookies=secure,
            zone=settings.zone,
        ),
        clock=node.now,
        mark_opened=partial(mark_opened, node, directory),
        settle_alarm=partial(settle_alarm, node),
    )
    return create_pages(context)


def _outside_routes(endpoint: Endpoint) -> list[BaseRoute]:
    return [Route("/as4", endpoint.answer, methods=["POST"]), Route("/healthz", _healthz)]


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("running\n")
