"""The list of cases, narrowed by partner, domain, state, unit and officer, page by page."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import update

from node.access.accounts import AccountError, add_user
from node.exchange import case_list
from node.exchange.case_list import CasesAsked, DaysRefused, UnknownState, listed_cases
from node.exchange.cases import CASE
from node.exchange.listing import NotFound
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.peers import add_peer
from node.records.domains import NoSuchDomain
from tests.exchange.conftest import World
from tests.exchange.offices import Office


@pytest.fixture
def office(world: World) -> Office:
    """One office with two partners, and cases with them: 2026-0001 to 0003 with theirs, 0004 with another."""
    with world.ours.node.database.write() as connection:
        add_peer(
            connection, party="other", party_type=None, name="On paper", kind="paper", state="confirmed", url=None,
            suite=None, certificates=[], depesha=False, now=world.clock(),
        )  # fmt: skip
    for peer in ("theirs", "theirs", "theirs", "other"):
        acted(world.ours, "new", "apply", peer=peer, domain="returns")
        world.clock.advance(minutes=1)
    return world.ours


def acted(office: Office, case: str, act: str, **told: Any) -> None:
    now = office.clock()
    record_on_paper(
        office.node, case, ActOnPaper(act=act, channel="mail", done=now, received=now, persons=["p1"], **told), "test"
    )


def pages(office: Office, limit: int = 100, **asked: Any) -> list[list[str]]:
    """The numbers of the cases, page by page."""
    found: list[list[str]] = []
    place = None
    with office.node.database.read() as connection:
        while True:
            rows, place = listed_cases(office.node, connection, CasesAsked(**asked), limit, place)
            found.append([row["number"].partition("-")[2] for row in rows])
            if place is None:
                return found


async def test_by_partner_and_domain(office: Office) -> None:
    assert pages(office) == [["0004", "0003", "0002", "0001"]]
    assert pages(office, peer="other") == [["0004"]]
    assert pages(office, 2, peer="theirs", domain="returns") == [["0003", "0002"], ["0001"]]
    assert pages(office, domain="inquiry") == [[]]


@pytest.mark.parametrize("at_once", [1, 2, 500])
async def test_by_state_however_many_lie_between(office: Office, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_list, "_AT_ONCE", at_once)
    for case in ("2026-0001", "2026-0003"):
        acted(office, case, "withdraw")
    assert pages(office, 1, state="withdrawn") == [["0003"], ["0001"]]
    assert pages(office, state="applied") == [["0004", "0002"]]
    assert pages(office, state="applied", peer="theirs") == [["0002"]]
    assert pages(office, state="accepted") == [[]]


async def test_by_unit_and_officer(office: Office) -> None:
    with office.node.database.write() as connection:
        person = add_user(connection, "Ana Kostić", "officer", None, office.clock())
        for number, values in ((1, {"unit": "Lyon"}), (2, {"unit": "Graz"}), (3, {"officer": person.handle})):
            connection.execute(update(CASE).where(CASE.c.alias_number == number).values(values))
    assert pages(office, unit="Lyon") == [["0004", "0003", "0001"]]
    assert pages(office, officer="Ana Kostić") == pages(office, officer=person.handle) == [["0003"]]


async def test_by_the_days_on_which_they_were_opened(office: Office) -> None:
    with office.node.database.write() as connection:
        for number, at in ((1, "2026-11-20T22:59"), (2, "2026-11-20T23:00"), (3, "2026-11-21T22:59")):
            opened = datetime.fromisoformat(at).replace(tzinfo=UTC)
            connection.execute(update(CASE).where(CASE.c.alias_number == number).values(created_at=opened))
    office.node = replace(office.node, settings=office.node.settings.model_copy(update={"zone": "Europe/Belgrade"}))
    day = date(2026, 11, 21)
    assert pages(office, opened_from=day, opened_until=day) == [["0003", "0002"]]
    assert pages(office, opened_until=date(2026, 11, 20)) == [["0001"]]
    assert pages(office, 2, opened_from=day) == [["0004", "0003"], ["0002"]]
    for asked, field in (
        ({"opened_from": day, "opened_until": date(2026, 11, 20)}, "until"),
        ({"opened_until": date.max}, "until"),
        ({"opened_from": date.min}, "from"),
    ):
        with pytest.raises(DaysRefused) as refused:
            pages(office, **asked)
        assert refused.value.field == field


async def test_what_there_is_not_is_named(office: Office) -> None:
    for asked, refusal, said in (
        ({"peer": "nobody"}, NotFound, "no peer 'nobody'"),
        ({"domain": "visas"}, NoSuchDomain, "There are: administrative"),
        ({"state": "lost"}, UnknownState, "no state 'lost'. There are: "),
        ({"state": "accepted", "domain": "inquiry"}, UnknownState, "no state 'accepted'"),
        ({"officer": "Nobody"}, AccountError, "no account"),
    ):  # fmt: skip
        with pytest.raises(refusal, match=said):
            pages(office, **asked)
