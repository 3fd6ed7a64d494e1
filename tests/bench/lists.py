"""Lists and cases among many messages: what the command line asks the tables, and pages from request to answer.

    python -m tests.bench.lists fill FOLDER [--messages N] [--database URL]
    python -m tests.bench.lists measure FOLDER

Everything is asked within this process: pages through the whole application of the inside listener, sign-in included,
without a socket. Each question is asked several times, of another case each time.
"""

import argparse
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from node.access import add_user, make_link
from node.app import pages_of
from node.exchange.cases import CASE
from node.exchange.directory import Directory
from node.exchange.listing import list_cases, list_messages, show_case
from node.exchange.node import Node, open_node
from node.exchange.settlement import MESSAGE
from node.journal import start_journal
from tests.bench.archive import NUMBER_YEAR, RARE, UNIT, fill
from tests.bench.offices import LOG_LEVEL, command, databases
from tests.web.browser_like import BrowserLike

GOAL = 50
"""Milliseconds"""
TIMES = 15
OFFICER, OF_UNIT = "Ana Kostić", "Dragan Pavlović"
PARTNER = "partner-05"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked again and again; `ask` is given a number that is another each time."""

    name: str
    ask: Callable[[int], object]


def questions(node: Node, cases: int, seed: int = 4) -> list[Question]:
    """What officers and IT staff ask, of cases drawn at random, but from the same seed."""
    drawn = random.Random(seed)
    numbers = [drawn.randrange(cases) + 1 for _ in range(TIMES)]
    aliases = [f"{NUMBER_YEAR}-{number:04d}" for number in numbers]
    with node.database.read() as connection:
        some = list(connection.scalars(select(MESSAGE.c.message_id).order_by(MESSAGE.c.id).limit(TIMES)))
    officer, of_unit = (_signed_in(node, name) for name in (OFFICER, OF_UNIT))

    def reading(ask: Callable[[Connection, int], object]) -> Callable[[int], object]:
        def asked(n: int) -> object:
            with node.database.read() as connection:
                return ask(connection, n)

        return asked

    def page(browser: BrowserLike, address: Callable[[int], str]) -> Callable[[int], object]:
        def asked(n: int) -> object:
            answer = browser.get(address(n))
            if answer.status != 200:
                raise RuntimeError(f"{address(n)} was answered by {answer.status}")
            return answer

        return asked

    return [
        Question("message list", reading(lambda c, n: list_messages(c))),
        Question("message list --after ID", reading(lambda c, n: list_messages(c, after=some[n]))),
        Question("message list --state given-up", reading(lambda c, n: list_messages(c, state="given-up"))),
        Question("message list --peer, a rare one", reading(lambda c, n: list_messages(c, peer=RARE))),
        Question("case list", reading(lambda c, n: list_cases(c))),
        Question("case show", reading(lambda c, n: show_case(c, aliases[n]))),
        Question("page: open cases", page(officer, lambda n: "/cases")),
        Question("page: open cases, 20th page", page(officer, lambda n: "/cases?view=open&after=950")),
        Question("page: not read yet", page(officer, lambda n: "/cases?view=unread")),
        Question("page: waiting for us", page(officer, lambda n: "/cases?view=waiting-for-us")),
        Question("page: not delivered", page(officer, lambda n: "/cases?view=trouble")),
        Question("page: closed cases", page(officer, lambda n: "/cases?view=closed")),
        Question("page: cases of a partner", page(officer, lambda n: f"/cases?party={PARTNER}")),
        Question("page: cases of a rare partner", page(officer, lambda n: f"/cases?party={RARE}")),
        Question("page: cases for a unit", page(of_unit, lambda n: "/cases")),
        Question("page: a case", page(officer, lambda n: f"/cases/{aliases[n]}")),
        Question("page: a message", page(officer, lambda n: f"/cases/{aliases[n]}/messages/1")),
        Question("page: needs attention", page(officer, lambda n: "/queue")),
    ]


def _signed_in(node: Node, name: str) -> BrowserLike:
    browser = BrowserLike(pages_of(node, Directory(node), secure=True))
    with node.database.write() as connection:
        token = make_link(connection, name, node.now())
    answer = browser.get(f"/sign-in?token={token}")
    sent = {field: answer.field(field) for field in ("token", "form_token")}
    if browser.post("/sign-in", sent).status != 303:
        raise RuntimeError(f"{name} could not sign in")
    return browser


def make(folder: Path, messages: int, database_url: str | None = None) -> None:
    """A node in `folder` with so many messages."""
    environment = {} if database_url is None else {"DEPESHA_DATABASE_URL": database_url}
    words = ["init", "--home", str(folder), "--party", "bench", "--name", "Bench", "--url", "http://127.0.0.1:9/as4"]
    command(*words, environment=environment)
    if database_url is not None:
        with (folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.write(f'database_url = "{database_url}"\n')
    node = open_node(folder)
    try:
        with node.database.write() as connection:
            add_user(connection, OFFICER, "officer", None, node.now())
            add_user(connection, OF_UNIT, "officer", UNIT, node.now())
        fill(node, messages, lambda text: print(text, file=sys.stderr))
    finally:
        node.database.close()


def measure(folder: Path) -> Iterator[str]:
    """Ask everything of the node in `folder`, line by line."""
    start_journal(LOG_LEVEL)
    node = open_node(folder)
    gc.collect()
    gc.freeze()  # as a node that serves does
    try:
        with node.database.read() as connection:
            messages, cases = (
                connection.scalar(select(func.count()).select_from(table)) or 0 for table in (MESSAGE, CASE)
            )
        yield f"{messages} messages in {cases} cases; ms at the server, {TIMES} times each; goal {GOAL} at the median"
        yield f"{node.database.dialect:34}{'CPU':>8}{'median':>8}{'longest':>9}"
        slow = []
        for question in questions(node, cases):
            cpu, wall = _times(question)
            median = statistics.median(wall)
            slow += [question.name] if median >= GOAL else []
            yield f"{question.name:34}{statistics.median(cpu):8.1f}{median:8.1f}{max(wall):9.1f}"
        yield f"goal of {GOAL} ms: {'reached by all' if not slow else 'not reached by ' + '; '.join(slow)}"
    finally:
        node.database.close()


def _times(question: Question) -> tuple[list[float], list[float]]:
    """CPU and wall milliseconds of each time; statements and templates are compiled before the first."""
    question.ask(0)
    cpu, wall = [], []
    for n in range(TIMES):
        began, began_wall = time.process_time(), time.perf_counter()
        question.ask(n)
        cpu.append((time.process_time() - began) * 1000)
        wall.append((time.perf_counter() - began_wall) * 1000)
    return cpu, wall


def table(kind: str, messages: int) -> Iterator[str]:
    """Fill a database of this kind and ask everything of it."""
    with databases(kind) as urls, tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        make(Path(folder) / "node", messages, urls[0])
        yield from measure(Path(folder) / "node")


def main() -> None:
    """Fill or measure, each by itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lists", description="Time lists among many messages.")
    parser.add_argument("what", choices=["fill", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--database", help="URL of an empty PostgreSQL database, in place of SQLite in the folder")
    asked = parser.parse_args()
    if asked.what == "fill":
        make(asked.folder, asked.messages, asked.database)
    else:
        for line in measure(asked.folder):
            print(line, flush=True)


if __name__ == "__main__":
    main()
