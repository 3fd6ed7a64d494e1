"""Addresses for calendar programs: each gives its officer's or unit's calendar without a header, and nothing else."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import structlog
from sqlalchemy import select, text, update

from node.access.accounts import add_user, remove_user
from node.api.feed_address import MOST_WITHIN
from node.exchange.assignment import assign_case
from node.exchange.cases import CASE
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from tests.api.conftest import PEER, Site
from tests.exchange.clock import Clock


class Case:
    """Three cases with something due: one of Lyon, which Ana has, and one of no unit; and one of Graz."""

    def __init__(self, site: Site) -> None:
        self.site, node = site, site.office.node
        people = {"Ana": ("officer", "Lyon"), "Mia": ("officer", "Lyon"), "Eva": ("officer", None), "Ole": ("it", None)}
        with node.database.write() as connection:
            self.handles = {
                name: add_user(connection, name, *given, node.now()).handle for name, given in people.items()
            }
        self.lyon, self.graz, self.none = (self._opened(unit) for unit in ("Lyon", "Graz", None))
        assign_case(node, self.lyon, "Ana", "test")

    def _opened(self, unit: str | None) -> str:
        node = self.site.office.node
        told = ActOnPaper(act="apply", channel="fax", done=node.now(), peer=PEER, domain="returns", persons=("p1",))
        recorded = record_on_paper(node, "new", told, "test")
        with node.database.write() as connection:
            connection.execute(update(CASE).where(CASE.c.conversation_id == recorded["case"]).values(unit=unit))
        number: str = recorded["number"]
        return number

    def made(self, role: str = "head", **given: Any) -> dict[str, Any]:
        more = {"token": given.pop("token")} if "token" in given else {}
        answer = self.site.ask("POST", "/feeds", role, json=given, **more)
        assert answer.status_code == 201, answer.text
        value: dict[str, Any] = answer.json()
        return value

    def read(self, address: str, method: str = "GET", **more: Any) -> requests.Response:
        """As a calendar program: by the address alone."""
        at = self.site.base.removesuffix("/api/v1") + urlsplit(address).path
        return requests.request(method, at, timeout=30, allow_redirects=False, **more)


@pytest.fixture
def case(site: Site) -> Case:
    return Case(site)


@pytest.fixture
def said() -> Iterator[list[dict[str, Any]]]:
    """Every line of the running log."""
    with structlog.testing.capture_logs() as lines:
        yield lines


def test_an_address_gives_what_its_officer_or_unit_has_to_do_and_nothing_of_others(case: Case) -> None:
    numbers = {case.lyon, case.graz, case.none}
    for given, seen in (
        ({"officer": case.handles["Ana"]}, {case.lyon, case.none}),
        ({"officer": case.handles["Mia"]}, {case.none}),
        ({"unit": "Graz"}, {case.graz, case.none}),
    ):
        made = case.made(**given)
        got = case.read(made["address"])
        assert got.status_code == 200, got.text
        assert got.headers["content-type"].startswith("text/calendar")
        assert (got.headers["cache-control"], got.headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert {number for number in numbers if number in got.text} == seen, given
        assert not {name for name in ("Ana", "Mia", PEER, "Lyon", "Graz") if name in got.text}
        head = case.read(made["address"], "HEAD")
        assert (head.status_code, head.content) == (200, b"")


def test_the_secret_opens_nothing_else_and_only_its_digest_is_kept(case: Case, said: list[dict[str, Any]]) -> None:
    made = case.made(unit="Lyon")
    secret = urlsplit(made["address"]).path.rpartition("/")[2].removesuffix(".ics")
    assert len(secret) == 43
    for path in ("/due", "/cases", "/feeds", "/version"):
        assert case.site.ask("GET", path, token=secret).status_code == 401
    for path in (f"/feeds/{secret}", f"/feeds/{secret}.ics/", f"/feeds/x{secret}.ics", "/feeds/.ics", "/feeds/a/b.ics"):
        refused = case.read(path)
        assert (refused.status_code, secret in refused.text, "location" in refused.headers) == (404, False, False), path
    assert case.read(made["address"], "POST").status_code == 404
    assert case.read(made["address"]).status_code == 200
    assert "feed refused" in {line["event"] for line in said}
    assert secret not in str(said)
    with case.site.office.node.database.read() as connection:
        stored = connection.execute(text("SELECT * FROM calendar_feed")).all()
        kept = connection.execute(text("SELECT * FROM keyed_answer")).all()
    assert len(stored) == 1
    assert secret not in str(stored) + str(kept)


def test_what_was_removed_has_ended_or_is_of_an_officer_who_left_is_not_there(case: Case, clock: Clock) -> None:
    node = case.site.office.node
    removed, short, of_ana, longer = (
        case.made(unit="Lyon"), case.made(unit="Lyon", days=1), case.made(officer=case.handles["Ana"]),
        case.made(unit="Graz"),
    )  # fmt: skip
    assert [case.read(one["address"]).status_code for one in (removed, short, of_ana, longer)] == [200] * 4
    ended = case.site.ask("DELETE", f"/feeds/{removed['id']}", "head")
    assert (ended.status_code, ended.json()["id"], ended.json()["removed"] is None) == (200, removed["id"], False)
    assert case.site.ask("DELETE", f"/feeds/{removed['id']}", "head").status_code == 404
    with node.database.write() as connection:
        remove_user(connection, "Ana", node.now())
    clock.advance(days=1)
    assert [case.read(one["address"]).status_code for one in (removed, short, of_ana, longer)] == [404, 404, 404, 200]
    listed = case.site.ask("GET", "/feeds", "it").json()
    assert [one["id"] for one in listed] == [short["id"], of_ana["id"], longer["id"]]
    assert not {"address", "secret"} & set(listed[0])


def test_a_key_brings_the_same_answer_without_the_address(case: Case) -> None:
    key = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}
    first, again = (case.site.ask("POST", "/feeds", "it", json={"unit": "Lyon"}, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() | {"address": None}
    assert case.read(first.json()["address"]).status_code == 200
    assert len(case.site.ask("GET", "/feeds", "it").json()) == 1


def test_a_program_of_a_unit_makes_and_sees_those_of_its_unit_alone(case: Case) -> None:
    lyon = case.site.program("lyon", "head", unit="Lyon")
    everybodys, own = case.made(officer=case.handles["Eva"]), case.made(officer=case.handles["Ana"], token=lyon)
    graz = case.made(unit="Graz")
    assert [one["id"] for one in case.site.ask("GET", "/feeds", token=lyon).json()] == [own["id"]]
    for other in (everybodys, graz):
        assert case.site.ask("DELETE", f"/feeds/{other['id']}", token=lyon).status_code == 404
    for wrong, named in (
        ({"officer": case.handles["Eva"]}, "officer"),
        ({"officer": case.handles["Ole"]}, "officer"),
        ({"officer": "Ana"}, "officer"),
        ({"unit": "Graz"}, "unit"),
        ({"unit": " "}, "unit"),
        ({"unit": "Lyon", "officer": case.handles["Ana"]}, "officer"),
        ({}, "officer"),
        ({"unit": "Lyon", "days": 0}, "days"),
    ):
        refused = case.site.ask("POST", "/feeds", token=lyon, json=wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, named), wrong
    assert len(case.site.ask("GET", "/feeds", "head").json()) == 3


def test_an_address_that_is_read_too_often_says_when_to_come_again(case: Case, clock: Clock) -> None:
    busy, calm = case.made(unit="Lyon"), case.made(unit="Lyon")
    assert [case.read(busy["address"]).status_code for _ in range(MOST_WITHIN)] == [200] * MOST_WITHIN
    refused = case.read(busy["address"])
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert case.read(calm["address"]).status_code == 200
    clock.advance(minutes=1)
    assert case.read(busy["address"]).status_code == 200


def test_making_and_removing_stand_in_the_log_of_the_node(case: Case) -> None:
    made = case.made(unit="Lyon")
    case.site.ask("DELETE", f"/feeds/{made['id']}", "head")
    with case.site.office.node.database.read() as connection:
        types = list(connection.execute(select(text("type")).select_from(text("log_entry"))).scalars())
    assert [one for one in types if one.startswith("feed.")] == ["feed.added", "feed.removed"]
