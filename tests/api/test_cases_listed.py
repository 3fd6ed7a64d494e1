"""The list of cases by the programming interface: narrowed, page by page, within the program's unit."""

import re

from tests.api.conftest import Site


def test_the_link_leads_on_within_what_was_asked(site: Site) -> None:
    for _ in range(3):
        assert site.send().status_code == 201
    query = "peer=theirs&domain=returns&state=draft&limit=2&from=2026-01-01&until=2099-12-31"
    first = site.ask("GET", f"/cases?{query}")
    assert first.status_code == 200, first.text
    link = re.fullmatch('</api/v1(.+)>; rel="next"', first.headers["link"])
    assert link is not None
    second = site.ask("GET", link[1])
    found = [case["number"] for answer in (first, second) for case in answer.json()]
    assert len(found) == len(set(found)) == 3
    assert "link" not in second.headers
    assert site.ask("GET", "/cases?state=withdrawn").json() == []
    assert site.ask("GET", "/cases?until=2025-12-31").json() == []


def test_what_cannot_be_asked_names_the_field(site: Site) -> None:
    lyon = site.program("Lyon", "officer", unit="Lyon")
    for query, field in (("state=lost", "state"), ("officer=Ana", "officer"), ("officer=account-0", "officer"),
        ("from=2026-13-01", "from"), ("until=today", "until"), ("from=2026-04-02&until=2026-04-01", "until"),
        ("until=9999-12-31", "until"),
    ):  # fmt: skip
        answer = site.ask("GET", f"/cases?{query}")
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert site.ask("GET", "/cases?unit=Graz", token=lyon).status_code == 422
    assert site.ask("GET", "/cases?unit=Lyon", token=lyon).status_code == 200
    for query in ("peer=nobody", "domain=visas"):
        assert site.ask("GET", f"/cases?{query}").status_code == 404
