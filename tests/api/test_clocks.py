"""Cases by their clocks, through the interface: how one stands, what is due, an act on paper."""

import re
from typing import Any

import pytest
import requests
from sqlalchemy import update

from node.access.accounts import add_user
from node.exchange.assignment import assign_case
from node.exchange.cases import CASE
from node.exchange.terms_drafts import Changes, change_terms
from tests.api.conftest import PEER, Site
from tests.exchange.offices import EXAMPLES
from tests.exchange.test_cases_run import TERMS

KEY = {"Idempotency-Key": "0d5b0f0c-3f1d-4a5c-9a8e-5f0a3c1b7e42"}
SCAN = b"%PDF-1.7 a fax"


@pytest.fixture
def agreed(site: Site) -> Site:
    """Terms with the peer are made."""
    terms: Changes = TERMS
    assert change_terms(site.office.node, PEER, "returns", terms, "test")["waiting"] == {}
    return site


APPLICATION = (EXAMPLES / "good/minimal-application.xml").read_bytes()


def on_paper(site: Site, case: str, **more: Any) -> requests.Response:
    done = site.office.node.now().isoformat()
    fields = {"act": "apply", "channel": "fax", "done": done, "persons": ["p1"], "received": done}
    files = [("scan", ("fax.pdf", SCAN, "application/pdf"))]
    return site.ask("POST", f"/cases/{case}/on-paper", data=fields | more.pop("fields", {}), files=files, **more)


def test_an_act_on_paper_is_read_from_a_record(agreed: Site) -> None:
    done = agreed.office.node.now().isoformat()
    fields = {"channel": "fax", "done": done, "peer": PEER}
    record = ("record", ("application.xml", APPLICATION, "application/xml"))
    answer = agreed.ask("POST", "/cases/new/on-paper", data=fields, files=[record])
    assert answer.status_code == 201, answer.text
    assert [one["act"] for one in answer.json()["acts"]] == ["apply", "request-interview"]
    assert answer.json()["acts"][0]["steps"] == [{"person": "p1", "from": "draft", "to": "applied"}]
    for wrong, files, field in (
        ({"act": "apply"}, [record], "act"),
        ({}, [("scan", ("fax.pdf", SCAN, "application/pdf"))], "act"),
        ({"act": "apply"}, [("scan", ("fax.pdf", b"a note", "application/pdf"))], "scan"),
        ({"persons": "p1"}, [record], "persons"),
        ({}, [record, record], "record"),
    ):
        refused = agreed.ask("POST", "/cases/new/on-paper", data=fields | wrong, files=files)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), refused.text
    for_nobody = on_paper(agreed, answer.json()["case"], fields={"act": "accept", "by": "us"}).json()["acts"][0]
    assert for_nobody["steps"] == []
    [misfit] = for_nobody["misfits"]
    assert (misfit["kind"], misfit["reason"]) == ("out-of-step", "the act is the other party's")
    assert misfit["expected"] == "the act by the other party"
    assert misfit["taken"].startswith("nothing")
    bad = ("record", ("application.xml", APPLICATION.replace(b"<Date>", b"<Day>", 1), "application/xml"))
    refused = agreed.ask("POST", "/cases/new/on-paper", data=fields, files=[bad])
    assert refused.status_code == 422
    assert refused.json()["type"].endswith(":record-refused")


def test_an_act_on_paper_opens_a_case_whose_clock_runs(agreed: Site) -> None:
    fields = {
        "peer": PEER,
        "domain": "returns",
        "done": "2026-11-20T10:30:00+01:00",
        "received": "2026-11-20T10:31:00Z",
    }
    answer = on_paper(agreed, "new", fields=fields, headers=KEY)
    assert answer.status_code == 201, answer.text
    recorded = answer.json()
    assert (recorded["act"], recorded["channel"], recorded["scans"]) == ("apply", "fax", 1)
    assert recorded["done"] == "2026-11-20T09:30:00.000Z"
    again = on_paper(agreed, "new", fields=fields, headers=KEY)
    assert (again.status_code, again.content) == (201, answer.content)
    [listed] = agreed.ask("GET", "/cases").json()
    assert listed["id"] == recorded["case"]
    assert listed["state"] is not None
    shown = agreed.ask("GET", f"/cases/{recorded['number']}")
    assert [one["act"] for one in shown.json()["procedure"]["on_paper"]] == ["apply"]
    assert agreed.ask("GET", f"/cases/{recorded['number']}", "it").json()["procedure"] is None
    due = agreed.ask("GET", "/due").json()
    assert {one["case"] for one in due} == {recorded["number"]}
    assert min(one["end"] for one in due) == listed["next_deadline"]
    calendar = agreed.ask("GET", "/due.ics", headers={"Accept": "text/calendar"})
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert recorded["number"] in calendar.text
    lyon = agreed.program("lyon", "officer", unit="Lyon")
    assert agreed.ask("GET", "/due?unit=Graz", token=lyon).status_code == 422


def test_an_act_on_paper_states_its_day(agreed: Site) -> None:
    fields = {"peer": PEER, "domain": "returns", "day": "2026-04-17"}
    assert on_paper(agreed, "new", fields=fields).status_code == 201
    for wrong in ("yesterday", "2026-13-01"):
        refused = on_paper(agreed, "new", fields=fields | {"day": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "day"), refused.text


def test_an_act_on_paper_says_who_recorded_it_and_gives_its_scans_back(agreed: Site) -> None:
    recorded = on_paper(agreed, "new", fields={"peer": PEER, "domain": "returns"}).json()
    other = on_paper(agreed, "new", fields={"peer": PEER, "domain": "returns"}).json()
    [shown] = agreed.ask("GET", f"/cases/{recorded['number']}").json()["procedure"]["on_paper"]
    assert (shown["id"], shown["scans"]) == (recorded["id"], 1)
    assert re.fullmatch("program-[0-9a-f]{16}", shown["recorded_by"])
    scans = f"/cases/{recorded['number']}/on-paper/{recorded['id']}/scans"
    got = agreed.ask("GET", f"{scans}/1")
    assert (got.status_code, got.content) == (200, SCAN)
    assert got.headers["content-type"] == "application/octet-stream"
    for path in (
        f"{scans}/2",
        f"{scans}/0",
        scans.replace(recorded["id"], other["id"]) + "/1",
        scans.replace(recorded["id"], "9" * 19) + "/1",
        scans.replace(recorded["id"], "x") + "/1",
    ):
        assert agreed.ask("GET", path).status_code == 404, path
    assert agreed.ask("GET", f"{scans}/1", "it").status_code == 403
    with agreed.office.node.database.write() as connection:
        connection.execute(update(CASE).where(CASE.c.conversation_id == recorded["case"]).values(unit="Lyon"))
    graz = agreed.program("graz", "officer", unit="Graz")
    assert agreed.ask("GET", f"{scans}/1", token=graz).status_code == 404


def test_what_is_due_is_told_to_its_unit_and_its_officer(agreed: Site) -> None:
    node = agreed.office.node
    theirs, nobodys = (on_paper(agreed, "new", fields={"peer": PEER, "domain": "returns"}).json() for _ in range(2))
    people = {
        "Ana": ("officer", "Lyon"), "Mia": ("officer", "Lyon"), "Eva": ("officer", None), "Uwe": ("officer", "Graz"),
        "Ida": ("head", "Lyon"), "Ole": ("it", "Lyon"),
    }  # fmt: skip
    with node.database.write() as connection:
        handles = {name: add_user(connection, name, *given, node.now()).handle for name, given in people.items()}
        connection.execute(update(CASE).where(CASE.c.conversation_id == theirs["case"]).values(unit="Lyon"))
    assign_case(node, theirs["case"], "Ana", "test")

    def told(query: str, **more: Any) -> set[str]:
        return {one["case"] for one in agreed.ask("GET", f"/due?{query}", **more).json()}

    both, rest = {theirs["number"], nobodys["number"]}, {nobodys["number"]}
    assert (told("unit=Lyon"), told("unit=Graz")) == (both, rest)
    by_officer = {name: told(f"officer={handles[name]}") for name in people if name != "Ole"}
    assert by_officer == {"Ana": both, "Mia": rest, "Eva": rest, "Uwe": rest, "Ida": both}
    calendar = agreed.ask("GET", f"/due.ics?officer={handles['Mia']}", headers={"Accept": "text/calendar"}).text
    assert (theirs["number"] in calendar, nobodys["number"] in calendar) == (False, True)
    lyon = agreed.program("lyon", "officer", unit="Lyon")
    assert told(f"officer={handles['Ana']}", token=lyon) == both
    for wrong in ("Ana", "account-0000000000000000", handles["Ole"], handles["Uwe"]):
        refused = agreed.ask("GET", f"/due?officer={wrong}", token=lyon)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "officer"), wrong


def test_figures_hide_what_is_few_as_json_and_as_csv(agreed: Site) -> None:
    fields = {"peer": PEER, "domain": "returns"}
    for _ in range(2):
        assert on_paper(agreed, "new", fields=fields).status_code == 201
    rows = agreed.ask("GET", "/figures", "auditor").json()
    assert [row["level"] for row in rows] == ["all", "year", "partner", "procedure", "outcome"]
    assert {row["cases"] for row in rows} == {None}
    for _ in range(3):
        assert on_paper(agreed, "new", fields=fields).status_code == 201
    answer = agreed.ask("GET", "/figures.csv", "head", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    names, total, *_ = (line.split(",") for line in answer.text.splitlines())
    assert dict(zip(names, total, strict=True))["cases"] == "5"
    assert agreed.ask("GET", "/figures", "it").status_code == 403


def test_what_cannot_be_recorded_changes_nothing(agreed: Site) -> None:
    for fields, status in (
        ({}, 409),
        ({"peer": PEER, "domain": "returns", "act": "dance"}, 422),
        ({"peer": PEER, "domain": "returns", "channel": "pigeon"}, 422),
        ({"peer": PEER, "domain": "returns", "done": "2026-11-20T10:30:00"}, 422),
        ({"peer": PEER, "domain": "returns", "done": "2026-13-20T10:30:00Z"}, 422),
        ({"peer": PEER, "domain": "returns", "done": "9999-12-31T23:59:59Z"}, 422),
        ({"peer": PEER, "domain": "returns", "until": "2026-02-30"}, 422),
    ):
        assert on_paper(agreed, "new", fields=fields, headers=KEY).status_code == status, fields
    dance = on_paper(agreed, "new", fields={"peer": PEER, "domain": "returns", "act": "dance"}).json()
    assert dance["type"].endswith(":invalid-request")
    assert [(one["field"], one["found"]) for one in dance["errors"]] == [("act", "dance")]
    assert on_paper(agreed, "2026-9999").status_code == 404
    assert on_paper(agreed, "new", role="head").status_code == 403
    assert agreed.ask("GET", "/cases").json() == []
