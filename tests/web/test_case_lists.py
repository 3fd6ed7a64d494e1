"""Lists of many cases: pages, numbers, units and partners, whichever way they are read."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from node.access import Person, Role
from node.exchange.cases import CASE, MEMBER
from node.exchange.turns import TURNS
from node.store.columns import new_row_id
from node.store.database import Database
from node.web import case_lists
from node.web.case_lists import list_cases
from node.web.views import Number, View
from tests.web.conftest import Site
from tests.web.seed import FRANCE, GERMANY, NOW, OWN

UNITS = (None, "Lyon", "Paris")


@dataclass
class Case:
    """A case as the test knows it."""

    id: int
    turn: str
    unread: int
    unit: str | None
    party: str
    closed: bool

    def is_in(self, view: View) -> bool:
        """By the words of the page."""
        if self.closed or view is View.CLOSED:
            return self.closed and view is View.CLOSED
        turns = {View.OURS: "ours", View.THEIRS: "theirs", View.TROUBLE: "trouble"}
        return view is View.OPEN or (self.unread > 0 if view is View.UNREAD else self.turn == turns[view])


@dataclass
class Shelf:
    """Cases of every kind, the newest change last."""

    database: Database
    cases: list[Case] = field(default_factory=list)

    def fill(self, count: int) -> None:
        if not count:
            return
        rows, members = [], []
        for n in range(count):
            case = Case(
                new_row_id(NOW), TURNS[n % 4], n % 3, UNITS[n % 7 % 3], (FRANCE, GERMANY)[n % 5 == 0], n % 11 == 0
            )
            self.cases.append(case)
            rows.append(
                {
                    "id": case.id, "opener": OWN, "conversation_id": f"c{n}", "alias_year": 2025, "alias_number": n,
                    "created_at": NOW, "changed_at": NOW + timedelta(seconds=n // 2), "turn": case.turn,
                    "unread": case.unread, "unit": case.unit, "closed_at": NOW if case.closed else None,
                }
            )  # fmt: skip
            members += [{"case_id": case.id, "party": party} for party in (OWN, case.party)]
        with self.database.write() as connection:
            connection.execute(insert(CASE), rows)
            connection.execute(insert(MEMBER), members)

    def expected(self, view: View, unit: str | None, party: str | None) -> list[int]:
        return [
            case.id
            for case in reversed(self.cases)
            if case.is_in(view) and (unit is None or case.unit in (None, unit)) and party in (None, case.party)
        ]


@pytest.fixture
def shelf(database: Database) -> Shelf:
    made = Shelf(database)
    made.fill(150)
    return made


def person(unit: str | None) -> Person:
    return Person("Ana", "account-1", Role.OFFICER, unit, NOW)


def pages(shelf: Shelf, unit: str | None, view: View, party: str | None) -> tuple[list[int], dict[View, Number]]:
    """All pages of 20, one after the other."""
    found: list[int] = []
    with shelf.database.read() as connection:
        while True:
            listed = list_cases(connection, person(unit), view, party, len(found), 20)
            found += [row["id"] for row in listed.rows]
            if not listed.more:
                return found, listed.numbers
            assert len(listed.rows) == 20


@pytest.mark.parametrize("few", [10_000, 10], ids=["a partner's few", "a partner's many"])
@pytest.mark.parametrize("party", [None, GERMANY, "NOBODY"])
@pytest.mark.parametrize("unit", [None, "Lyon", "Elsewhere"])
def test_pages_hold_every_case_of_a_view_once_newest_change_first(
    shelf: Shelf, unit: str | None, party: str | None, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_lists, "FEW", few)
    for view in View:
        found, numbers = pages(shelf, unit, view, party)
        assert found == shelf.expected(view, unit, party), view
        assert numbers == {each: Number(len(shelf.expected(each, unit, party))) for each in View}


@pytest.mark.parametrize(("party", "limit"), [(None, "MANY"), (FRANCE, "MANY_OF_PARTNER")])
def test_counting_stops_where_nobody_counts_on(
    shelf: Shelf, party: str | None, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_lists, limit, 25)
    monkeypatch.setattr(case_lists, "FEW", 10)
    _, numbers = pages(shelf, None, View.OPEN, party)
    exact = {view: len(shelf.expected(view, None, party)) for view in View}
    assert numbers == {view: Number(min(n, 25), n > 25) for view, n in exact.items()}
    assert {number.more for number in numbers.values()} == {True, False}


def test_a_page_beyond_the_last_case_is_empty(shelf: Shelf) -> None:
    with shelf.database.read() as connection:
        listed = list_cases(connection, person(None), View.OPEN, None, 1000, 20)
    assert (list(listed.rows), listed.more) == ([], False)


def test_a_page_of_many_cases_asks_the_tables_as_often_as_one_of_few(site: Site) -> None:
    asked: list[str] = []

    @event.listens_for(site.database.readers, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    officer = site.signed_in("officer")
    counts = []
    for more in (0, 40):
        Shelf(site.database).fill(more)
        asked.clear()
        assert officer.get("/cases").status == 200
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0
