"""Our own trouble is 503 with Retry-After, never an ebMS error; nothing is lost by it."""

import asyncio
import contextlib
import os
from collections import namedtuple
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from structlog.testing import capture_logs

from node.as4 import Limits, WireMessage
from node.exchange import endpoint as endpoint_module
from node.exchange.clock import ClockState
from node.exchange.refusals import KIND
from node.exchange.settlement import MESSAGE
from node.exchange.transport import LONGEST_SECONDS
from node.exchange.under_way import WAITING_FOR_EACH, TooMany
from node.store.database import Database
from node.store.payloads import SWEEP_AFTER
from node.store.sweep import WATCHED
from node.store.trouble import StoreUnavailable
from tests.exchange.clock import until
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import Known, text_part, writes_refused
from tests.exchange.wire import Letter, Reply, letter, post


@pytest.fixture
async def quiet(make_world: WorldMaker) -> World:
    return await make_world(send=False)


def some_letter(world: World) -> Letter:
    return letter(world.theirs.node, world.ours.node)


def is_own_trouble(reply: Reply) -> None:
    assert reply.status == 503
    assert reply.retry_after is not None
    assert int(reply.retry_after) > 0
    assert b"eb:" not in reply.body


async def test_a_store_that_cannot_be_written_is_503_and_afterwards_all_is_taken(quiet: World) -> None:
    sent = some_letter(quiet)
    with writes_refused(quiet.ours.node.database):
        is_own_trouble(await post(quiet.ours, sent))
        is_own_trouble(await post(quiet.ours, sent))
    assert quiet.ours.count(MESSAGE) == 0
    (await post(quiet.ours, sent)).receipt(sent, quiet.ours.node)
    assert quiet.ours.endpoint.counts == {"not ready": 2, "received": 1}


@contextlib.contextmanager
def gone(database: Database) -> Iterator[None]:
    """The PostgreSQL server takes no connections to this database."""
    name = database.engine.url.database
    postgres = database.engine.url.set(drivername="postgresql", database="postgres").render_as_string(False)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def test_a_database_server_that_is_gone_is_503_and_both_directions_go_on_after(make_world: WorldMaker) -> None:
    world = await make_world()
    if world.ours.node.database.dialect == "sqlite":
        return  # there is no server that could be gone
    sent = world.ours.submit("theirs", text_part("before"))
    await world.ours.reaches(sent, "delivered")
    letters = [some_letter(world) for _ in range(3)]
    with gone(world.ours.node.database):
        world.clock.advance(seconds=2)  # the directory must look again, too
        for one in letters:
            is_own_trouble(await post(world.ours, one))
        with pytest.raises(StoreUnavailable):
            world.ours.submit("theirs", text_part("meanwhile"))
    for one in letters:
        reply = await post(world.ours, one)
        if reply.status == 503:  # a connection of the pool that was cut is found out once
            reply = await post(world.ours, one)
        reply.receipt(one, world.ours.node)
    after = world.ours.submit("theirs", text_part("after"))
    await world.ours.reaches(after, "delivered")


async def test_a_courier_whose_store_fails_as_it_starts_waits_and_goes_on(make_world: WorldMaker) -> None:
    world = await make_world()
    first = world.ours.submit("theirs", text_part("x"))
    with capture_logs() as logs, writes_refused(world.ours.node.database):
        with pytest.raises(StoreUnavailable):
            world.ours.submit("theirs", text_part("y"))
        await until(lambda: "the outbox cannot be used" in [line["event"] for line in logs], "it has met the trouble")
    world.ours.courier.wake()
    await world.ours.reaches(first, "delivered")


async def test_a_delivery_that_cannot_be_settled_is_made_again_and_the_receipt_is_the_same(
    make_world: WorldMaker,
) -> None:
    """The peer has it and receipts it, but our store cannot keep that: the claim runs out, all is asked again."""
    world = await make_world(send=False)
    sent = world.ours.submit("theirs", text_part("x"))
    broken = contextlib.ExitStack()
    original = world.theirs.endpoint._take

    async def and_then_we_break(request):  # type: ignore[no-untyped-def]
        answer = await original(request)
        if len(world.theirs.listed()) == 1 and not broken._exit_callbacks:  # type: ignore[attr-defined]
            broken.enter_context(writes_refused(world.ours.node.database))
        return answer

    world.theirs.endpoint._take = and_then_we_break  # type: ignore[method-assign]
    async with world.ours.sending():
        await until(lambda: world.theirs.listed(), "they have it")
        await until(lambda: not world.ours.courier._under_way, "the attempt is over")
        assert world.ours.state(sent) == "sending"
        world.theirs.endpoint._take = original  # type: ignore[method-assign]
        broken.close()
        world.ours.retry_now(seconds=world.ours.node.settings.attempt_seconds + 31)
        shown = await world.ours.reaches(sent, "delivered")
    assert shown["attempts"] == 2
    assert len(world.theirs.listed()) == 1
    assert world.ours.row(sent)["receipt_time"] == world.theirs.row(sent)["receipt_time"]


async def test_a_clock_in_doubt_takes_nothing_in_and_sends_all_the_same(make_world: WorldMaker) -> None:
    world = await make_world()
    world.ours.endpoint.clock = ClockState(trusted=False, doubted=True, found="2 peers are +600 s from this clock")
    is_own_trouble(await post(world.ours, some_letter(world)))
    sent = world.ours.submit("theirs", text_part("x"))
    await world.ours.reaches(sent, "delivered")
    world.ours.endpoint.clock = ClockState(trusted=False, doubted=False, found="unknown")
    assert (await post(world.ours, some_letter(world))).status == 200


async def test_a_full_disk_stops_intake_while_sending_goes_on(
    make_world: WorldMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await make_world()
    usage = namedtuple("usage", "total used free")
    free = [100_000_000]
    monkeypatch.setattr(endpoint_module.shutil, "disk_usage", lambda path: usage(10**12, 0, free[0]))
    is_own_trouble(await post(world.ours, some_letter(world)))
    sent = world.ours.submit("theirs")
    free[0] = 10**12
    await world.ours.reaches(sent, "delivered")
    assert (await post(world.ours, some_letter(world))).status == 200, "it is noticed at once that there is room again"


async def test_while_stopping_everything_new_is_503(quiet: World) -> None:
    quiet.ours.endpoint.stopping = True
    is_own_trouble(await post(quiet.ours, some_letter(quiet)))


async def test_one_peer_cannot_take_all_connections(make_world: WorldMaker) -> None:
    """Two requests of a peer hang half-way: its third is told to wait, another peer's is taken."""
    world = await make_world(send=False, connections_per_peer=2)
    world.ours.know(Known(world.stranger, "http://127.0.0.1:9/as4"))
    world.ours.configured()
    host, port = world.ours.url.removeprefix("http://").removesuffix("/as4").split(":")
    hanging = []
    for _ in range(2):
        wire = some_letter(world).sealed()
        body = wire.body()
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: {wire.content_type}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-10])
        await writer.drain()
        hanging.append((writer, body[-10:]))
    await until(lambda: world.ours.endpoint._under_way._peers["theirs"] == 2, "both are known to be of this peer")
    is_own_trouble(await post(world.ours, some_letter(world)))
    other = letter(world.stranger, world.ours.node)
    (await post(world.ours, other)).receipt(other, world.ours.node)
    for writer, rest in hanging:
        writer.write(rest)
        await writer.drain()
    await until(lambda: world.ours.count(MESSAGE) == 3, "those that hung have been taken")
    assert (await post(world.ours, some_letter(world))).status == 200
    for writer, _ in hanging:
        writer.close()


async def test_a_request_waits_for_one_of_its_peer_to_end(make_world: WorldMaker) -> None:
    """A partner with several processes comes in bursts: what finds no place is taken once there is one."""
    world = await make_world(send=False, connections_per_peer=1)
    writer, rest = await half_sent(world, some_letter(world).sealed())
    under_way = world.ours.endpoint._under_way
    await until(lambda: under_way._peers["theirs"] == 1, "the first is known to be of this peer")
    second = some_letter(world)
    posted = asyncio.create_task(post(world.ours, second))
    await until(lambda: len(under_way._waiting.get("theirs", ())) == 1, "the second waits")
    more = [asyncio.create_task(under_way.add_for("theirs")) for _ in range(WAITING_FOR_EACH - 1)]
    await until(lambda: len(under_way._waiting["theirs"]) == WAITING_FOR_EACH, "more wait")
    with pytest.raises(TooMany, match="theirs"):
        await under_way.add_for("theirs")
    for one in more:
        one.cancel()
    writer.write(rest)
    (await posted).receipt(second, world.ours.node)
    await until(lambda: under_way.count == 0 and not under_way._waiting, "nothing is under way")
    writer.close()


async def half_sent(world: World, wire: WireMessage) -> tuple[asyncio.StreamWriter, bytes]:
    """A request but for its last octets, on a connection of its own, and what is left."""
    host, port = world.ours.url.removeprefix("http://").removesuffix("/as4").split(":")
    body = wire.body()
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: {wire.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:-10])
    await writer.drain()
    return writer, body[-10:]


async def test_messages_without_parts_count_for_their_peer_too(make_world: WorldMaker) -> None:
    world = await make_world(send=False, connections_per_peer=1)
    writer, rest = await half_sent(world, some_letter(world).sealed())
    await until(lambda: world.ours.endpoint._under_way._peers["theirs"] == 1, "the first is known to be of this peer")
    without = letter(world.theirs.node, world.ours.node, [])
    assert without.sealed().content_type.startswith("application/soap+xml")
    is_own_trouble(await post(world.ours, without))
    (alarm,) = await until(lambda: world.ours.alarms(KIND), "an alarm tells of it")
    assert alarm["peer"] == "theirs"
    assert alarm["detail"].startswith("HTTP 503 too many requests at once; the latest at ")
    writer.write(rest)
    await until(lambda: world.ours.count(MESSAGE) == 1, "the one that hung has been taken")
    await until(lambda: world.ours.endpoint._under_way.count == 0, "nothing is under way")
    (await post(world.ours, without)).receipt(without, world.ours.node)
    writer.close()


async def test_one_address_cannot_have_all_requests_whose_sender_is_unknown(make_world: WorldMaker) -> None:
    """A request that names nobody yet hangs: from its address no other is begun until it has ended."""
    world = await make_world(send=False, unproved_per_address=1)
    without = letter(world.theirs.node, world.ours.node, []).sealed()
    writer, rest = await half_sent(world, without)
    await until(lambda: world.ours.endpoint._under_way.count == 1, "the first is under way")
    is_own_trouble(await post(world.ours, some_letter(world)))
    writer.write(rest)
    await until(lambda: world.ours.endpoint._under_way.count == 0, "it has been taken")
    assert (await post(world.ours, some_letter(world))).status == 200
    assert not world.ours.endpoint._under_way._addresses, "nothing is remembered of an address without requests"
    writer.close()


async def test_a_request_that_takes_too_long_is_told_so_and_leaves_nothing(
    quiet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint_module, "LONGEST_REQUEST", timedelta(seconds=0.2))
    wire = letter(quiet.theirs.node, quiet.ours.node, [("image/png", os.urandom(300_000))]).sealed()
    body = wire.body()
    host, port = quiet.ours.url.removeprefix("http://").removesuffix("/as4").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: {wire.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:-10])
    answer = await reader.read()  # to the end of the connection
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"must be whole within" in answer
    assert b"eb:" not in answer
    assert quiet.ours.endpoint.counts == {"too slow": 1}
    assert quiet.ours.count(MESSAGE) == 0
    assert quiet.ours.blob_files() == set()
    assert quiet.ours.endpoint._under_way.count == 0
    whole = some_letter(quiet)
    (await post(quiet.ours, whole)).receipt(whole, quiet.ours.node)


def test_the_sweep_waits_longer_than_a_request_may_take() -> None:
    longest = endpoint_module.LONGEST_REQUEST
    assert timedelta(seconds=LONGEST_SECONDS) < longest, "an attempt of a node of this kind"
    assert longest * 1.5 <= WATCHED < SWEEP_AFTER


async def test_a_message_over_the_limit_is_refused_before_it_is_kept(make_world: WorldMaker) -> None:
    world = await make_world(send=False, largest_message_megabytes=1)
    large = letter(world.theirs.node, world.ours.node, [("image/png", os.urandom(1_500_000))])
    reply = await post(world.ours, large)
    assert reply.error.code == "EBMS:0103"
    assert world.ours.count(MESSAGE) == 0
    assert world.ours.blob_files() == set()


@pytest.mark.parametrize(("megabytes", "inflated"), [(5000, 10_000_000_000), (1, Limits().inflated_bytes)])
async def test_the_limit_of_a_message_bounds_a_single_part_no_closer(
    make_world: WorldMaker, megabytes: int, inflated: int
) -> None:
    world = await make_world(send=False, largest_message_megabytes=megabytes)
    limits = world.ours.node.limits
    assert limits.part_bytes >= megabytes * 1_000_000
    assert limits.inflated_bytes == inflated


async def test_what_we_are_told_by_503_we_try_again(make_world: WorldMaker) -> None:
    world = await make_world()
    world.theirs.endpoint.stopping = True
    sent = world.ours.submit("theirs", text_part("x"))
    shown = await world.ours.attempted(sent, 1)
    assert shown["error"]["detail"] == "the peer is not ready (HTTP 503)"
    world.theirs.endpoint.stopping = False
    world.ours.retry_now()
    await world.ours.reaches(sent, "delivered")
