"""Terms and calendars through the interface: drafted, confirmed figure by figure, made; days off proposed."""

from typing import Any

import pytest
from lxml import etree

from node.exchange.terms_drafts import show_terms
from tests.api.conftest import PEER, Site
from tests.exchange.case_steps import REPLY
from tests.exchange.conftest import OURS

TEMPLATE = "ec-serbia"
PATH = f"/partners/{PEER}/terms/returns"
PLACES = {OURS: {"zone": "Europe/Paris"}, PEER: {"zone": "Europe/Belgrade", "day_ends": "24:00"}}


def drafted(site: Site, **more: Any) -> dict[str, Any]:
    body = {"template": TEMPLATE, "places": PLACES, "countries": {OURS: "FRA", PEER: "SRB"}} | more
    answer = site.ask("POST", PATH, "it", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_terms_are_made_once_each_figure_that_waits_was_confirmed_or_dropped(site: Site) -> None:
    empty = site.ask("GET", PATH, "it")
    assert (empty.status_code, empty.json()["in_use"]) == (200, None)
    assert TEMPLATE in empty.json()["templates"]
    first = drafted(site)
    assert first["waiting"], "a template has figures that nobody has confirmed"
    assert first["in_use"] is None
    own = {"reply": REPLY.partition("=")[2], "reply.extension": "144 hours extends=added"}
    own |= {"transfer": "3 months calendars=none"}
    rest = sorted(first["waiting"].keys() - {*own, "counting"})
    made = drafted(site, confirm=["counting"], set=own, drop=rest)
    assert made["waiting"] == {}
    assert len(made["in_use"]["digest"]) == 64
    assert made["terms"]["evidence"] is not None
    by = {one["confirmed_by"] for one in made["figures"] if one["name"] in first["waiting"]}
    assert len(by) == 1
    assert all(handle.startswith("program-") for handle in by), "by the name that the log has"
    shown = site.ask("GET", PATH, "auditor")
    assert shown.json() == made == show_terms(site.office.node, PEER, "returns")
    assert "etag" in shown.headers


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"template": "nowhere"}, "template"),
        ({"places": {"nobody": {"zone": "Europe/Paris"}}}, "places"),
        ({"countries": {"nobody": "FRA"}}, "countries"),
        ({"set": {"reply": "soon"}}, "set"),
        ({}, "body"),
        ({"places": {OURS: {"zone": "Europe/Paris", "day_ends": "late"}}}, "places"),
    ],
)
def test_what_is_wrong_is_told_by_the_field_of_the_body_and_changes_nothing(
    site: Site, wrong: dict[str, Any], field: str
) -> None:
    drafted(site)
    before = site.ask("GET", PATH, "it").json()
    answer = site.ask("POST", PATH, "it", json=wrong)
    assert answer.status_code == 422, answer.text
    [told] = answer.json()["errors"]
    assert field in told["field"]
    assert {"found", "expected", "remedy"} <= set(told)
    assert "--" not in answer.json()["detail"]
    assert site.ask("GET", PATH, "it").json() == before


def test_only_who_may_change_partners_changes_terms(site: Site) -> None:
    for role in ("officer", "auditor"):
        assert site.ask("POST", PATH, role, json={"template": TEMPLATE}).status_code == 403
    assert site.ask("GET", "/partners/nobody/terms/returns", "it").status_code == 404
    assert site.ask("GET", f"/partners/{PEER}/terms/nothing", "it").status_code == 404


def test_our_days_off_are_proposed_as_a_record(sqlite_site: Site) -> None:
    answer = sqlite_site.ask("GET", "/calendars/proposal?first=2027&last=2027&country=SRB", "it")
    assert answer.status_code == 200, answer.text
    proposed = answer.json()
    assert proposed["party"] == OURS
    days = {one.text for one in etree.fromstring(proposed["content"].encode()).iter("{*}Date")}
    assert {"2027-01-01", "2027-05-01"} <= days
    assert sqlite_site.ask("GET", "/calendars/proposal?first=2027&last=2027", "it").status_code == 409
    assert sqlite_site.ask("GET", "/calendars/proposal?first=soon&last=2027", "it").status_code == 422
