"""The floors of an exchange: one POST by the same client and server, and the rows that it left, written alone."""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from cryptography.hazmat.primitives import serialization
from sqlalchemy import Table, func, select
from sqlalchemy.engine import URL, make_url

from node.exchange.node import database_url, open_node
from node.store.database import Database, open_database
from node.store.migrations import upgrade
from node.store.rows import insert_rows
from node.store.tables import metadata
from node.trust.tls import client_context
from tests.bench.offices import Office, cpu_seconds, free_port, running, wall

POSTS = 1000
REQUEST_OCTETS = 9_000
ANSWER_OCTETS = 5_300
MESSAGES_OF_ROWS = 512
# What grows with every message; messages first.
TABLES = [
    metadata.tables[name]
    for name in (
        "message", "part", "payload", "payload_key", "log_entry", "log_entry_key", "exchange_case", "case_member",
    )
]  # fmt: skip


def post_cost(offices: tuple[Office, Office], tls: bool, in_flight: int) -> float:
    """Microseconds of one POST: wall time if one is in flight, CPU time of both sides if more are."""
    port = free_port()
    words = [sys.executable, "-m", "tests.bench.answering", str(offices[1].folder), str(port)]
    node = open_node(offices[1].folder)
    node.database.close()
    der = node.keys.tls_certificate.public_bytes(serialization.Encoding.DER)
    context = client_context(pinned_der=der)
    url = f"http{'s' if tls else ''}://127.0.0.1:{port}/as4"
    with running([*words, "tls" if tls else "plain", str(ANSWER_OCTETS)], "answering") as process:

        async def post_all() -> float:
            # as the courier's, without its times
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=0)
            async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
                await _post(session, url, context, 100, in_flight)
                began, own, others = wall(), time.process_time(), cpu_seconds(process)
                await _post(session, url, context, POSTS, in_flight)
                if in_flight == 1:
                    return wall() - began
                return time.process_time() - own + cpu_seconds(process) - others

        return asyncio.run(post_all()) / POSTS * 1e6


async def _post(session: aiohttp.ClientSession, url: str, context: Any, count: int, in_flight: int) -> None:
    body = b"x" * REQUEST_OCTETS
    left = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            async with session.post(url, data=body, ssl=context, allow_redirects=False) as answer:
                async for _ in answer.content.iter_any():
                    pass

    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))


def rows_cost(offices: tuple[Office, Office], group: int) -> float:
    """Wall microseconds a message of writing the rows that the last messages left on both sides, by the same statements
    and committed durably in groups of so many messages."""
    return sum(_rows_cost(office, group) for office in offices)


def _rows_cost(office: Office, group: int) -> float:
    node = open_node(office.folder)
    try:
        rows = _last_rows(node.database)
        with _empty_like(make_url(database_url(office.folder, node.settings)), office.folder) as target:
            return _written(target, rows, group)
    finally:
        node.database.close()


def _last_rows(database: Database) -> dict[Table, list[dict[str, Any]]]:
    """Per table the rows of the last messages, in the order in which they were made."""
    rows = {}
    with database.read() as connection:
        count = connection.scalar(select(func.count()).select_from(TABLES[0])) or 0
        share = min(1.0, MESSAGES_OF_ROWS / count)
        for table in TABLES:
            found = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
            rows[table] = [dict(row) for row in found[len(found) - round(len(found) * share) :]]
    return rows


def _written(database: Database, rows: dict[Table, list[dict[str, Any]]], group: int) -> float:
    messages = len(rows[TABLES[0]])
    groups = [
        [(table, _share(of_it, at, min(at + group, messages), messages)) for table, of_it in rows.items()]
        for at in range(0, messages, group)
    ]
    began = wall()
    for one in groups:
        with database.write() as connection:
            for table, of_it in one:
                if of_it:
                    insert_rows(connection, table, of_it)
    return (wall() - began) / messages * 1e6


def _share(rows: list[dict[str, Any]], start: int, end: int, of: int) -> list[dict[str, Any]]:
    return rows[len(rows) * start // of : len(rows) * end // of]


@contextlib.contextmanager
def _empty_like(url: URL, folder: Path) -> Iterator[Database]:
    """A database of the same kind and on the same disk, with the tables and nothing in them, while the block runs."""
    if url.get_backend_name() == "sqlite":
        with (
            tempfile.TemporaryDirectory(dir=folder) as beside,
            contextlib.closing(open_database(f"sqlite:///{beside}/rows.db", create=True)) as database,
        ):
            upgrade(database)
            yield database
        return
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    of_rows = url.set(database="rows").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE DATABASE rows")
        try:
            with contextlib.closing(open_database(of_rows)) as database:
                upgrade(database)
                yield database
        finally:
            connection.execute("DROP DATABASE rows WITH (FORCE)")
