"""Figures of all cases: how many, how long, overdue and deemed, with the small numbers hidden."""

from dataclasses import replace
from typing import Any

import pytest

from node.exchange.figures import Ended, figures, figures_as_csv, table_of_figures
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.peers import add_peer
from node.exchange.terms_drafts import Changes, change_terms
from tests.exchange.conftest import World
from tests.exchange.offices import Office
from tests.exchange.test_cases_run import TERMS

ON_PAPER = "@ministry"


@pytest.fixture
def office(world: World) -> Office:
    """One office with a partner without a node, under a name that a spreadsheet would carry out."""
    with world.ours.node.database.write() as connection:
        add_peer(
            connection, party=ON_PAPER, party_type=None, name="On paper", kind="paper", state="confirmed", url=None,
            suite=None, certificates=[], depesha=False, now=world.clock(),
        )  # fmt: skip
    for peer in ("theirs", ON_PAPER):
        terms = TERMS if peer == "theirs" else _places(peer)
        assert change_terms(world.ours.node, peer, "returns", terms, "test")["waiting"] == {}
    return world.ours


def _places(peer: str) -> Changes:
    return replace(
        TERMS, places=["ours=Europe/Paris", f"{peer}=Europe/Belgrade"], countries=["ours=FRA", f"{peer}=SRB"]
    )


def applied(office: Office, peer: str) -> str:
    told = ActOnPaper(
        act="apply", channel="mail", done=office.clock(), received=office.clock(), persons=["p1"], peer=peer,
        domain="returns",
    )  # fmt: skip
    case: str = record_on_paper(office.node, "new", told, "test")["case"]
    return case


def of_figures(office: Office, **keys: Any) -> list[dict[str, Any]]:
    with office.node.database.read() as connection:
        rows = figures(office.node, connection)
    return [row for row in rows if all(row[name] == value for name, value in keys.items())]


async def test_cases_are_counted_by_partner_procedure_and_outcome(office: Office) -> None:
    year = office.clock().year
    cases = [applied(office, "theirs") for _ in range(6)]
    for _ in range(7):
        applied(office, ON_PAPER)
    office.clock.advance(days=3)
    for case in cases:
        told = ActOnPaper(act="refuse", channel="fax", done=office.clock(), by_us=False, persons=["p1"])
        record_on_paper(office.node, case, told, "test")
    office.clock.advance(days=40)
    [refused] = of_figures(office, level="outcome", partner="theirs")
    assert refused == {
        "level": "outcome", "year": year, "partner": "theirs", "procedure": "returns",
        "outcome": "refused", "cases": 6, "median_days": 3, "longest_days": 3, "overdue": 0, "deemed": 0,
    }  # fmt: skip
    [silent] = of_figures(office, level="outcome", partner=ON_PAPER)
    assert (silent["outcome"], silent["cases"], silent["deemed"]) == ("deemed-accepted", 7, 7)
    assert silent["longest_days"] == 43, "a period runs: they have to be transferred"
    [total] = of_figures(office, level="all")
    assert (total["cases"], total["deemed"], total["partner"]) == (13, 7, None)
    text = figures_as_csv(of_figures(office))
    assert text.startswith("level,year,partner,procedure,outcome,cases,")
    assert f",'{ON_PAPER}," in text
    assert f",{ON_PAPER}," not in text


async def test_overdue_cases_are_counted_where_they_are_not_few(office: Office) -> None:
    silent = Changes(set=["reply=240 hours silence=overdue"])
    assert change_terms(office.node, "theirs", "returns", silent, "test")["waiting"] == {}
    for _ in range(7):
        applied(office, "theirs")
    assert of_figures(office, level="all")[0]["overdue"] == 0
    office.clock.advance(days=11)
    for _ in range(6):
        applied(office, "theirs")
    rows = {row["outcome"]: (row["cases"], row["overdue"]) for row in of_figures(office, level="outcome")}
    assert rows == {"overdue": (7, 7), "applied": (6, 0)}
    [total] = of_figures(office, level="all")
    assert (total["cases"], total["overdue"], total["deemed"]) == (13, 7, 0)


async def test_few_cases_are_hidden_with_what_would_give_them_back(office: Office) -> None:
    for _ in range(6):
        applied(office, "theirs")
    for _ in range(2):
        applied(office, ON_PAPER)
    [total] = of_figures(office, level="all")
    assert total["cases"] == 8
    for level in ("partner", "procedure", "outcome"):
        lines = of_figures(office, level=level)
        assert [one["cases"] for one in lines] == [None, None], "six would tell that two are left"
        assert {one[name] for one in lines for name in ("median_days", "longest_days", "overdue", "deemed")} == {None}


def test_no_cases_make_no_table_and_a_case_without_a_procedure_has_no_outcome() -> None:
    assert table_of_figures([]) == []
    rows = table_of_figures([Ended(2026, "SRB-MOI", None, None, n) for n in range(6)])
    assert [row["level"] for row in rows] == ["all", "year", "partner", "procedure", "outcome"]
    assert (rows[-1]["cases"], rows[-1]["median_days"], rows[-1]["outcome"]) == (6, 2.5, None)


async def test_a_unit_has_the_figures_of_its_own_cases(office: Office) -> None:
    for _ in range(5):
        applied(office, "theirs")
    with office.node.database.read() as connection:
        assert figures(office.node, connection, "Lyon")[0]["cases"] == 5, "they are of no unit yet"
