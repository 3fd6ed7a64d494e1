"""Several serving processes of one node on one PostgreSQL: what is done by the clock is done once.

Mails go to a real SMTP server, events to a real receiver; processes die, or stand still, in the middle of a job.
"""

import asyncio
import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select

from node.access.accounts import add_user, set_mail
from node.exchange.assignment import assign_case
from node.exchange.reminders import REMINDER
from node.exchange.settlement import ALARM
from tests.exchange.mailbox import Mailbox, listening
from tests.faults.clocked import HOURS, Applied, ClockedHome, Pair, clocked_pair, compared
from tests.faults.homes import READY, Running, until
from tests.interop.nodes import free_port

pytestmark = pytest.mark.faults

OFFICER, COLLEAGUE, HEAD = "officer@interior.example", "colleague@interior.example", "head@interior.example"
SECRET = "whsec_" + "QUFB" * 11
FIGURES = (f"reply={HOURS} hours silence=accepted", "counting=answer=received")
CLAIM_OVER = timedelta(seconds=90)
"""Longer than a claim on a mail lasts, and less than a clock may be moved while a node serves."""


@dataclass
class HeldMailbox(Mailbox):
    """Holds back its answer to the next recipient while `free` is not set; `held` says that it does."""

    free: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    holding: bool = False

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.holding:
            self.holding = False
            self.held.set()
            await asyncio.to_thread(self.free.wait)
        return await super().handle_RCPT(server, session, envelope, address, options)

    def times(self) -> Counter[str]:
        """How often each mail was taken, by its Message-ID."""
        ids = [line for _, _, mail in self.taken for line in mail.splitlines() if line.startswith("Message-ID")]
        assert len(ids) == len(self.taken)
        return Counter(ids)


@contextmanager
def receiving(events: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """A receiver of events that takes all; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            events.append((self.headers["webhook-id"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/events"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def set_up(home: ClockedHome, mailbox: Mailbox, hook: str) -> None:
    """A mail server, a receiver, two officers and a head."""
    with (home.folder / "depesha.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'mail_server = "smtp://127.0.0.1:{mailbox.port}"\nmail_from = "depesha@interior.example"\n'
            f'webhooks = ["{hook}"]\nwebhook_secrets = ["{SECRET}"]\n'
        )
    for name, role, mail in (("O", "officer", OFFICER), ("C", "officer", COLLEAGUE), ("H", "head", HEAD)):
        with home.node.database.write() as connection:
            add_user(connection, name, role, None, home.node.now())
            set_mail(connection, name, mail)


def serving(home: ClockedHome, count: int) -> list[Running]:
    """So many processes of a node, all started at once, once they serve."""
    ports = home.outside, home.inside
    running = []
    for _ in range(count):
        running.append(home.serve())
        home.outside, home.inside = free_port(), free_port()
    home.outside, home.inside = ports
    for one in running:
        until(lambda one=one: READY in one.text(), one.describe)  # type: ignore[misc]
    return running


def stop(running: list[Running]) -> None:
    for one in running:
        one.stop()


def reminders(home: ClockedHome, state: str) -> int:
    query = (
        select(func.count()).select_from(REMINDER).where(REMINDER.c.state == state, REMINDER.c.account != "webhooks")
    )
    with home.node.database.read() as connection:
        return connection.scalar(query) or 0


def told(home: ClockedHome, made: int) -> Callable[[], bool]:
    """Whether so many reminders were made in all, and none of them waits."""
    return lambda: reminders(home, "waiting") == 0 and reminders(home, "sent") + reminders(home, "refused") == made


@contextmanager
def opened(
    folder: Path, urls: tuple[str, str], mailbox: Mailbox, hook: str
) -> Iterator[tuple[Pair, ClockedHome, Applied]]:
    """An application that theirs has, with an officer who does not open it; nothing runs."""
    with clocked_pair(folder, FIGURES, urls=urls) as pair:
        for home in pair.both:
            home.begin()
        applied = pair.apply()
        for home in pair.both:
            home.stop()
        set_up(pair.theirs, mailbox, hook)
        assign_case(pair.theirs.node, applied.case, "O", "test")
        yield pair, pair.theirs, applied


def test_each_mail_event_and_end_comes_once_from_three_processes_until_the_end(
    postgresql_urls: tuple[str, str], tmp_path: Path
) -> None:
    """Nobody signs in: at half its time an application is the team's; then the mail server answers 550, and its head
    was not told either; then the end comes."""
    events: list[tuple[str, dict[str, Any]]] = []
    with (
        listening(HeldMailbox()) as mailbox,
        receiving(events) as hook,
        opened(tmp_path, postgresql_urls, mailbox, hook) as (pair, theirs, applied),
    ):
        pair.set_time(applied.end - timedelta(hours=HOURS / 2))
        running = serving(theirs, 3)
        until(told(theirs, 2), lambda: f"two are told, not {mailbox.taken}")
        until(lambda: "case.due" in [one["type"] for _, one in events], lambda: "the program is told")
        stop(running)
        assert sorted(to for to, _, _ in mailbox.taken) == [COLLEAGUE, OFFICER]

        mailbox.refusing = dict.fromkeys((OFFICER, COLLEAGUE, HEAD), "550 no such person here")
        pair.set_time(applied.end - timedelta(hours=HOURS / 4))
        running = serving(theirs, 3)
        until(told(theirs, 5), lambda: "three more are refused")
        stop(running)
        with theirs.node.database.read() as connection:
            kinds = connection.scalars(select(ALARM.c.kind)).all()
        assert kinds == ["reminder-refused"] * 3
        assert [one["act"].startswith("a reminder by mail was refused") for one in theirs.do("due")].count(True) == 3
        checks = json.loads(theirs.run("doctor", "--json").text().splitlines()[0])
        assert [one["ok"] for one in checks if one["check"] == "mail"] == [False]

        pair.set_time(applied.end + timedelta(hours=1))
        running = serving(pair.ours, 2) + serving(theirs, 3)
        until(lambda: all(home.ends(applied.case) for home in pair.both), lambda: "both record the end")
        shown, recorded = compared(pair, applied.case)
        stop(running)
        assert shown["state"] == "deemed-accepted"
        assert [one["effect"] for one in recorded] == ["deemed-accepted"]
        assert [home.entries("case.period-ended") for home in pair.both] == [1, 1]
        assert set(mailbox.times().values()) == {1}
        assert set(Counter(event for event, _ in events).values()) == {1}


@pytest.mark.parametrize("befalls", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "stands still"])
def test_what_a_process_leaves_in_the_middle_of_its_mails_another_sends_once(
    postgresql_urls: tuple[str, str], tmp_path: Path, befalls: signal.Signals
) -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    with (
        listening(HeldMailbox(holding=True)) as mailbox,
        receiving(events) as hook,
        opened(tmp_path, postgresql_urls, mailbox, hook) as (pair, theirs, applied),
    ):
        pair.set_time(applied.end - timedelta(hours=HOURS / 4))
        [first] = serving(theirs, 1)
        until(mailbox.held.is_set, first.describe)
        theirs.outside, theirs.inside = free_port(), free_port()
        [second] = serving(theirs, 1)
        first.process.signal(befalls)
        assert mailbox.taken == []
        theirs.pass_time(CLAIM_OVER)
        until(told(theirs, 3), lambda: f"the other sends all, not {mailbox.taken}: {second.describe()}")
        mailbox.free.set()
        if befalls == signal.SIGSTOP:
            first.process.signal(signal.SIGCONT)
            first.stop()  # what its job had under way is finished first
        second.stop()
        assert sorted(to for to, _, _ in mailbox.taken) == [COLLEAGUE, HEAD, OFFICER]
        assert set(mailbox.times().values()) == {1}
