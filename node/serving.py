"""A running node until it is stopped: its listeners, its courier, the log's sequencer, the look at its own clock, the
sweep of blobs, and what is done by the clock."""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from node.app import api_of, inside_app, outside_app, pages_of
from node.config import SECRETS_REMEDY, ConfigError, host_is_loopback, split_address
from node.exchange.breaches import warn_of_breaches
from node.exchange.case_clocks import AT_ONCE, WHILE_BUSY, look_at_clocks
from node.exchange.case_standing import touch_kept_otherwise
from node.exchange.delivery import Courier
from node.exchange.directory import Directory
from node.exchange.endpoint import Endpoint
from node.exchange.node import Node
from node.exchange.reminders import make_reminders
from node.exchange.submission import Submissions
from node.http_listener import BoundedHttp
from node.journal import journal
from node.operations.listening import INTERFACE, announced, interface_address, pages_address
from node.operations.own_clock import OwnClock
from node.operations.own_log import OwnLog
from node.operations.schedules import Job, scheduled
from node.operations.serving_lock import ServingHold, hold_serving
from node.store.sweep import Sweep
from node.store.trouble import StoreUnavailable, Trouble
from node.trust.tls import server_context

log = journal("serving")

SEQUENCE_SECONDS = 0.5
CLOCK_SECONDS = 10
HOLD_SECONDS = 5
HELD_SECONDS = 0.05
SWEEP_SECONDS = 3600
# What is kept of all open cases is read for it.
REMINDERS_SECONDS = 300
MAILS_SECONDS = 10
CASES_SECONDS = 1
CATCHING_UP_SECONDS = 0.3
TOUCHED_AT_ONCE = 2_000
# With more messages than this since the last look at the clocks of cases there is better to do.
BUSY_MESSAGES = 20
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how the node listens, and whether it sends."""

    outside: str
    inside: str
    plain_http: bool
    send: bool = True

    @property
    def one_port(self) -> bool:
        """Outside and inside on the same address."""
        return self.outside == self.inside

    @property
    def plain_inside(self) -> bool:
        """The inside speaks no TLS: on loopback, unless the wire is there too."""
        return self.plain_http or (not self.one_port and host_is_loopback(split_address(self.inside)[0]))

    def check(self) -> None:
        """Raise ConfigError for plain HTTP, or one port for both, off loopback."""
        for address in (self.outside, self.inside):
            host, _ = split_address(address)
            if (self.plain_http or self.one_port) and not host_is_loopback(host):
                raise ConfigError(
                    f"{address}: plain HTTP, and one port for outside and inside, are for loopback addresses only. "
                    "Leave --plain-http out, or put a reverse proxy that speaks TLS before a loopback address."
                )


async def serve(node: Node, listening: Listening, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once both listeners answer.

    Raises ConfigError when this home is served already, an address cannot be listened on, plain HTTP is asked for off
    loopback, or events cannot be signed; StoreUnavailable for tables of another version, also when a newer program
    upgrades them meanwhile.
    """
    listening.check()
    if node.settings.unsigned_webhooks:
        raise ConfigError(f"{node.settings.unsigned_webhooks}. {SECRETS_REMEDY}")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if not stop.is_set():
            say("Stopping: finishing what is under way.")
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    directory = Directory(node)
    courier = Courier(node, directory)
    endpoint = Endpoint(node, directory, courier.wake)
    clock = OwnClock(node, directory)
    endpoint.clock = clock
    courier.clock = clock

    def moved() -> int:
        return endpoint.counts.total() + courier.attempts

    with hold_serving(node.home, node.database) as hold:
        async with contextlib.AsyncExitStack() as stack:
            # Left in reverse order: the listeners close first, then the courier settles what is under way.
            own_log = OwnLog(node)
            await stack.enter_async_context(_working(_sequencing(own_log, stop), stop))
            await stack.enter_async_context(_working(_watching_clock(clock, stop), stop))
            await stack.enter_async_context(_working(_watching_tables(hold, stop), stop))
            await stack.enter_async_context(_working(_sweeping(node, stop), stop))
            await stack.enter_async_context(scheduled(_jobs(node, directory, clock, moved), stop))
            if listening.send:
                await stack.enter_async_context(_working(_sending(courier, own_log, stop), stop, courier.stop))
            if node.settings.webhooks:
                from adapters.webhook import deliver

                await stack.enter_async_context(_working(deliver(node, stop), stop))
            if node.settings.virus_scanner is not None:
                from adapters.virus_scanner import scan_received

                await stack.enter_async_context(_working(scan_received(node, stop), stop))
            stack.push_async_callback(endpoint.close)
            submissions = Submissions(node, directory, courier.wake)
            stack.push_async_callback(submissions.close)
            servers = _servers(node, directory, listening, endpoint, submissions)
            for server in servers:
                await stack.enter_async_context(_serving(server))
            port = servers[-1].servers[0].sockets[0].getsockname()[1]
            # What is there now stays as long as the process: the collector of garbage need not walk through it.
            gc.collect()
            gc.freeze()
            stack.enter_context(announced(node.home, pages_address(listening.inside, listening.plain_inside, port)))
            ready()
            log.info("serving", outside=listening.outside, inside=listening.inside, send=listening.send)
            await stop.wait()
            endpoint.stopping = True
            log.info("stopping")


def _servers(
    node: Node, directory: Directory, listening: Listening, endpoint: Endpoint, submissions: Submissions
) -> list[uvicorn.Server]:
    plain_inside = listening.plain_inside
    by_https = not plain_inside or (node.settings.pages_url or "").startswith("https:")
    pages = pages_of(node, directory, secure=by_https)
    own_address = pages_address(listening.inside, plain_inside) + INTERFACE

    def addresses() -> frozenset[str]:
        """Where programs reach us: as we listen, and as `token add` says."""
        return frozenset({own_address, interface_address(node.home, node.settings)})

    api = api_of(node, directory, submissions, addresses)
    inside = inside_app(node, endpoint, pages, listening.one_port, api)
    if listening.one_port:
        return [_server(node, inside, listening.inside, listening.plain_http)]
    return [
        _server(node, outside_app(endpoint), listening.outside, listening.plain_http),
        _server(node, inside, listening.inside, plain_inside),
    ]


def _jobs(node: Node, directory: Directory, clock: OwnClock, moved: Callable[[], int]) -> list[Job]:
    """`moved` counts the messages that came in and went out so far."""
    before, kept_otherwise = 0, 1

    def cases() -> int:
        nonlocal before, kept_otherwise
        so_far = moved()
        few, before = so_far - before > BUSY_MESSAGES, so_far
        # By a clock that may be wrong no time is over.
        if clock.doubted:
            return 0
        until = time.monotonic() + CATCHING_UP_SECONDS
        looked = count = look_at_clocks(node, directory, WHILE_BUSY if few else AT_ONCE)
        # What waits is computed whenever it is asked for.
        while count == AT_ONCE and time.monotonic() < until:
            count = look_at_clocks(node, directory)
            looked += count
        if not looked and kept_otherwise:
            looked = kept_otherwise = touch_kept_otherwise(node, TOUCHED_AT_ONCE)
        return looked

    jobs = [
        Job("clocks of cases", CASES_SECONDS, cases),
        Job("breaches", REMINDERS_SECONDS, lambda: 0 if clock.doubted else warn_of_breaches(node)),
    ]
    if node.settings.mail_server is not None or node.settings.webhooks:
        jobs.append(Job("reminders", REMINDERS_SECONDS, lambda: 0 if clock.doubted else make_reminders(node)))
    if node.settings.mail_server is not None:
        from adapters.mail import send_waiting

        jobs.append(Job("mails", MAILS_SECONDS, partial(send_waiting, node)))
    return jobs


class _QuietServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process that holds several."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(node: Node, app: ASGIApp, address: str, plain: bool) -> uvicorn.Server:
    host, port = split_address(address)
    certificate, key = node.keys.tls_files

    def tls(config: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        return server_context(certificate, key, node.tls_terms)

    proxies = list(node.settings.trusted_proxies)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedHttp,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_context_factory=None if plain else tls,
    )
    return _QuietServer(config)


@contextlib.asynccontextmanager
async def _serving(server: uvicorn.Server) -> AsyncIterator[None]:
    """Listen while the block runs. Raises ConfigError when the address cannot be listened on."""
    task = asyncio.create_task(_run(server))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.01)
    if task.done():
        await task
    try:
        yield
    finally:
        server.should_exit = True
        await task


async def _run(server: uvicorn.Server) -> None:
    # uvicorn logs why it cannot listen, and then wants to leave the process: we say it ourselves.
    logging.getLogger("uvicorn.error").addFilter(_is_no_os_error)
    try:
        await server.serve()
    except SystemExit as leaving:
        raise ConfigError(_not_listening(server.config.host, server.config.port, leaving.__context__)) from None


def _is_no_os_error(record: logging.LogRecord) -> bool:
    return not isinstance(record.msg, OSError)


def _not_listening(host: str, port: int, reason: BaseException | None) -> str:
    """Why the address cannot be listened on, and what helps."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = reason.errno if isinstance(reason, OSError) else None
    if number == errno.EADDRINUSE:
        return f"{address} is in use by another program: stop that one, or choose another address."
    if number == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine: choose one that is (`ip address` lists them)."
    if isinstance(reason, socket.gaierror):
        return f"{address}: no address is known for {host}: correct the name, or give the address itself."
    if number in (errno.EACCES, errno.EPERM):
        return f"{address} may not be listened on by this user: choose a port from 1024 on."
    return f"{address} cannot be listened on ({reason}): choose another address."


@contextlib.asynccontextmanager
async def _working(
    work: Coroutine[Any, Any, None], stop: asyncio.Event, end: Callable[[], None] | None = None
) -> AsyncIterator[None]:
    """Run background work while the block runs; if it fails, the node stops rather than going on without it.

    Whatever ends the block stops the node: the work ends with it.
    """
    failures: list[BaseException] = []

    async def watched() -> None:
        try:
            await work
        except Exception as error:
            log.error("background work failed", error=type(error).__name__, exc_info=error)
            failures.append(error)
            stop.set()

    task = asyncio.create_task(watched())
    try:
        yield
    finally:
        stop.set()
        if end is not None:
            end()
        await task
    if failures:
        raise failures[0]


async def _sequencing(own_log: OwnLog, stop: asyncio.Event) -> None:
    """Give log entries their positions until the node stops."""
    while not stop.is_set():
        try:
            own_log.sequence()
        except StoreUnavailable as trouble:
            log.error("the log cannot be written", reason=str(trouble))
        await _stopped_within(stop, SEQUENCE_SECONDS)


async def _sending(courier: Courier, own_log: OwnLog, stop: asyncio.Event) -> None:
    """Deliver until the node stops, from when its database is known not to be behind."""
    while own_log.held:
        if await _stopped_within(stop, HELD_SECONDS):
            return
    await courier.run()


async def _watching_clock(clock: OwnClock, stop: asyncio.Event) -> None:
    """Look at the clock now and then: a node that doubts it takes nothing in and gives nothing up."""
    while not stop.is_set():
        try:
            await clock.look()
        except StoreUnavailable as trouble:
            log.error("the clock cannot be judged", reason=str(trouble))
        await _stopped_within(stop, CLOCK_SECONDS)


async def _watching_tables(hold: ServingHold, stop: asyncio.Event) -> None:
    """Stop when a newer program has upgraded the tables while our lock was lost with its connection."""
    while not await _stopped_within(stop, HOLD_SECONDS):
        try:
            await asyncio.to_thread(hold.renew)
        except StoreUnavailable as trouble:
            if trouble.reason is Trouble.OUTDATED:
                raise
            log.error("the lock of serving processes cannot be taken", reason=str(trouble))


async def _sweeping(node: Node, stop: asyncio.Event) -> None:
    """Delete blobs that no row names, every hour by the time that passes: a clock set back puts nothing off."""
    sweep = Sweep(node.blobs, node.database)
    while not stop.is_set():
        try:
            deleted = await asyncio.to_thread(sweep.look, node.now(), time.monotonic(), stop.is_set)
            if deleted:
                log.info("blobs without a row deleted", count=deleted)
        except StoreUnavailable as trouble:
            log.error("blobs cannot be swept", reason=str(trouble))
        await _stopped_within(stop, SWEEP_SECONDS)


async def _stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


def say(text: str) -> None:
    """A line for the person at the terminal; at once, so that scripts can wait for it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
