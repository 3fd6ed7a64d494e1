"""A serving node dies while it records that a period has ended: it is recorded whole or not, once, at its instant."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from node.exchange.case_ends import END
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.settlement import LOG_ENTRY
from node.exchange.terms_drafts import change_terms
from tests.exchange.case_steps import TERMS
from tests.faults.homes import BACKSTOP_SECONDS, Home, until
from tests.faults.kills import KILLED
from tests.faults.points import ON_CLOCKS


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A node with terms; it knows a peer that does not serve."""
    home, peer = (Home(tmp_path / party, party) for party in ("ours", "theirs"))
    for one in (home, peer):
        one.make(None)
    home.know_by_certificate(peer)
    assert change_terms(home.node, "theirs", "returns", TERMS, "test")["waiting"] == {}
    yield home
    for one in (home, peer):
        one.end()


def recorded(home: Home) -> tuple[int, int]:
    """How many ends stand in the table, and how many in the log."""
    entries = select(LOG_ENTRY.c.id).where(LOG_ENTRY.c.type == "case.period-ended")
    with home.node.database.read() as connection:
        return len(connection.execute(select(END.c.id)).all()), len(connection.execute(entries).all())


def test_an_end_whose_recording_dies_is_recorded_whole_and_once(home: Home) -> None:
    done = home.node.now() - timedelta(hours=241)
    told = ActOnPaper(
        act="apply", channel="fax", done=done, received=done, persons=["p1"], peer="theirs", domain="returns"
    )
    record_on_paper(home.node, "new", told, "test")
    for point, then in zip(sorted(ON_CLOCKS, reverse=True), ((0, 0), (1, 1)), strict=True):
        assert recorded(home) == (0, 0)
        running = home.serve(point)
        assert running.ended_within(BACKSTOP_SECONDS) == KILLED, running.describe()
        assert recorded(home) == then, point
    running = home.serve_ready()
    until(lambda: not _waits(home), running.describe)
    assert recorded(home) == (1, 1)


def _waits(home: Home) -> bool:
    case = home.do("case", "list")[0]
    return bool(case["state"] != "deemed-accepted")
