"""What is answered: lists that lead on, entity tags, problems, octets, and nothing of a stack."""

import re
from contextlib import contextmanager
from typing import Any

import pytest

from node.store.database import Database
from node.store.trouble import StoreUnavailable, Trouble
from tests.api.conftest import PEER, Site
from tests.exchange.conftest import OURS
from tests.exchange.offices import ACTION, SERVICE

TYPES = "urn:depesha:problem:"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data"}


def sent(site: Site, **more: str) -> str:
    """Queue a small message; its id."""
    data = {"to": PEER, "service": SERVICE, "action": ACTION} | more
    answer = site.ask("POST", "/messages", data=data, files=[("part", ("a.txt", b"one", "text/plain"))])
    assert answer.status_code == 201, answer.text
    message: str = answer.json()["id"]
    return message


def pages(site: Site, path: str) -> list[list[str]]:
    """The ids of each page, as the header Link leads on."""
    found = []
    while path:
        answer = site.ask("GET", path)
        assert answer.status_code == 200, answer.text
        found.append([one["id"] for one in answer.json()])
        link = re.fullmatch('</api/v1(.+)>; rel="next"', answer.headers.get("link", ""))
        path = link[1] if link else ""
    return found


def test_lists_lead_on_until_their_end(site: Site) -> None:
    ids = [sent(site) for _ in range(5)]
    assert pages(site, "/messages?limit=2") == [ids[:2], ids[2:4], ids[4:]]
    assert pages(site, f"/messages?limit=2&state=queued&peer={PEER}&after={ids[0]}") == [ids[1:3], ids[3:]]
    assert pages(site, "/messages?state=delivered") == [[]]
    cases = [site.ask("GET", f"/messages/{message}").json()["case"] for message in reversed(ids)]
    assert pages(site, "/cases?limit=2") == [cases[:2], cases[2:4], cases[4:]]
    assert pages(site, f"/cases?limit=5&after={cases[1]}") == [cases[2:]]
    assert pages(site, f"/messages?case={cases[0]}") == [[ids[4]]]


def test_what_has_not_changed_is_not_sent_again_and_what_has_is_not_acted_on(site: Site) -> None:
    message = sent(site)
    shown = site.ask("GET", f"/messages/{message}")
    case = f"/cases/{shown.json()['case']}"
    tag, of_case = shown.headers["etag"], site.ask("GET", case).headers["etag"]
    for given in (tag, f'W/{tag}, "x"', "*"):
        same = site.ask("GET", f"/messages/{message}", headers={"If-None-Match": given})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    part = site.ask("GET", f"/messages/{message}/parts/1").headers["etag"]
    assert site.ask("GET", f"/messages/{message}/parts/1", headers={"If-None-Match": part}).status_code == 304
    changed = site.ask("POST", f"/messages/{message}/withdraw", headers={"If-Match": '"other"'})
    assert (changed.status_code, changed.json()["type"]) == (412, TYPES + "changed")
    assert site.ask("POST", f"/messages/{message}/withdraw", headers={"If-Match": f"W/{tag}"}).status_code == 412
    assert site.office.state(message) == "queued"
    assert site.ask("POST", f"/messages/{message}/withdraw", headers={"If-Match": tag}).status_code == 200
    assert site.ask("GET", f"/messages/{message}", headers={"If-None-Match": tag}).status_code == 200
    stale = {"If-Match": of_case}
    fields = {"to": PEER, "service": SERVICE, "action": ACTION, "case": case.rpartition("/")[2]}
    files = [("part", ("a.txt", b"two", "text/plain"))]
    assert site.ask("POST", "/messages", data=fields, files=files, headers=stale).status_code == 412
    fresh = {"If-Match": site.ask("GET", case).headers["etag"]}
    assert site.ask("POST", "/messages", data=fields, files=files, headers=fresh).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "kind"),
    [
        ("GET", "/nowhere", {}, 404, "not-found"),
        ("GET", "/messages/", {}, 404, "not-found"),
        ("GET", "/messages/unknown", {}, 404, "not-found"),
        ("GET", "/messages/a%00b", {}, 404, "not-found"),
        ("GET", "/cases/2026-9999", {}, 404, "not-found"),
        ("GET", "/alarms/99999999999999999999", {}, 404, "not-found"),
        ("PUT", "/messages/1", {}, 405, "method-not-allowed"),
        ("GET", "/messages", {"headers": {"Accept": "text/html, application/json;q=0"}}, 406, "not-acceptable"),
        ("POST", "/agreements", {"json": {"peer": "x" * 300_000}}, 413, "too-large"),
        ("POST", "/agreements", {"data": b"{}"}, 415, "media-type"),
        ("POST", "/messages", {"json": {}}, 415, "media-type"),
        ("POST", "/agreements", {"data": b"{", "headers": JSON}, 400, "no-json"),
        ("POST", "/agreements", {"data": b"\xff", "headers": JSON}, 400, "no-json"),
        (
            "POST", "/agreements",
            {"data": b"[" * 100_000, "headers": JSON}, 400, "no-json",
        ),
        (
            "POST", "/agreements",
            {"data": b'{"peer": "\\ud800", "service": "s", "action": "a"}', "headers": JSON},
            422, "invalid-request",
        ),
        ("POST", "/agreements", {"json": {"peer": "nobody", "service": "s", "action": "a"}}, 404, "not-found"),
        ("POST", "/partners", {"json": {"card": "no card"}}, 422, "invalid-request"),
        ("GET", "/messages?limit=0", {}, 422, "invalid-request"),
        ("GET", "/messages?peer=nobody", {}, 404, "not-found"),
        ("GET", "/messages?limit=1&limit=2", {}, 422, "invalid-request"),
        ("GET", "/messages?stat=queued", {}, 422, "invalid-request"),
        ("GET", "/messages?peer=%00", {}, 422, "invalid-request"),
        (
            "POST", "/messages/1/withdraw", {"headers": {"Idempotency-Key": "x" * 256}}, 422, "invalid-request",
        ),
        ("POST", "/messages", {"data": b"x", "headers": FORM}, 422, "invalid-request"),
        (
            "POST", "/messages", {"data": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            422, "invalid-request",
        ),
        ("POST", "/messages", {"files": {"two": b"x"}}, 422, "invalid-request"),
        ("POST", "/messages", {"files": {"record": b"<a/>"}}, 422, "invalid-request"),
        ("POST", "/messages", {"files": {"record": b"<a/>"}, "data": {"to": "\x01"}}, 422, "invalid-request"),
        ("POST", "/messages", {"files": {"record": b"<a/>"}, "data": {"to": PEER}}, 422, "record-refused"),
        ("POST", "/messages", {"files": {"record": b"<!DOCTYPE a><a/>"}, "data": {"to": PEER}}, 422, "record-refused"),
    ],
)  # fmt: skip
def test_refusals_are_problems(
    sqlite_site: Site, method: str, path: str, more: dict[str, Any], status: int, kind: str
) -> None:
    role = "it" if path.startswith(("/agreements", "/partners")) else "officer"
    answer = sqlite_site.ask(method, path, role, **more)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (TYPES + kind, status)
    assert {"title", "detail"} <= set(problem)
    for error in problem.get("errors", []):
        assert {"field", "found", "expected", "remedy"} <= set(error)
    if status == 422:
        assert problem["errors"]
    assert not re.search(r"Traceback|\.py|node/", answer.text)
    assert answer.headers["cache-control"] == "no-store"


def test_a_number_that_is_none_is_told_as_it_was_written(sqlite_site: Site) -> None:
    (error,) = sqlite_site.ask("GET", "/messages?limit=abc").json()["errors"]
    assert (error["field"], error["found"], error["expected"]) == ("limit", "abc", "a whole number")


def test_trouble_of_the_store_is_told_as_such(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    message = sent(site)

    @contextmanager
    def gone(self: Database) -> Any:
        raise StoreUnavailable(Trouble.GONE, "secret-host cannot be reached")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", gone)
        refused = site.ask("POST", f"/messages/{message}/withdraw")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert "secret-host" not in refused.text
        data = {"to": PEER, "service": SERVICE, "action": ACTION}
        assert site.ask("POST", "/messages", data=data, files=[("part", b"x")]).status_code == 503
        patch.setattr(Database, "read", gone)
        assert site.ask("GET", "/messages").status_code == 503
    assert site.office.state(message) == "queued"


def test_partners_and_agreements(site: Site) -> None:
    [partner] = site.ask("GET", "/partners", "it").json()
    assert (partner["party"], partner["kind"], partner["state"]) == (PEER, "pinned", "confirmed")
    shown = site.ask("GET", f"/partners/{PEER}", "it").json()
    assert {"words", "certificates", "missing"} <= set(shown)
    pair = {"peer": PEER, "ref": "urn:example:agreement:2", "service": "urn:x", "action": "Y"}
    opened = site.ask("POST", "/agreements", "it", json=pair)
    assert opened.status_code == 201, opened.text
    assert site.ask("POST", "/agreements", "it", json=pair).status_code == 409
    assert site.ask("GET", "/agreements/urn:example:agreement:2", "it").json() == opened.json()
    ended = site.ask("POST", f"/agreements/{opened.json()['id']}/end", "it")
    assert ended.json() == {"id": opened.json()["id"], "state": "ended", "refused": 0}
    ping = site.ask("POST", f"/partners/{PEER}/ping", "it").json()
    assert (ping["receipt"], ping["error"]["code"]) == (False, "EBMS:0005")
    assert site.ask("DELETE", f"/partners/{PEER}", "it").json() == {"party": PEER, "state": "removed"}
    assert site.ask("DELETE", "/partners/nobody", "it").status_code == 404


def test_alarms_are_settled_with_a_note(site: Site) -> None:
    message = sent(site)
    [agreement] = site.ask("GET", "/agreements", "it").json()
    ended = site.ask("POST", f"/agreements/{agreement['id']}/end", "it")
    assert (ended.status_code, ended.json()["refused"]) == (200, 1)
    [alarm] = site.ask("GET", "/alarms").json()
    assert alarm["message"] == message
    note = {"note": "Told by telephone"}
    settled = site.ask("POST", f"/alarms/{alarm['id']}/settle", json=note)
    assert (settled.status_code, settled.json()["note"]) == (200, "Told by telephone")
    assert site.ask("POST", f"/alarms/{alarm['id']}/settle", json=note).status_code == 409
    assert site.ask("GET", "/alarms").json() == []
    assert [one["id"] for one in site.ask("GET", "/alarms?all=true").json()] == [alarm["id"]]


def test_domains_empty_records_checks_and_version(site: Site) -> None:
    domains = site.ask("GET", "/domains").json()
    [returns] = [one for one in domains if one["name"] == "returns"]
    assert "ReadmissionApplication" in returns["records"]
    made = site.ask("GET", "/domains/returns/records/ReadmissionApplication").json()
    assert made["content"].startswith("<?xml")
    assert site.ask("GET", "/domains/returns/records/Nothing").status_code == 404
    checks = site.ask("GET", "/checks", "it").json()
    assert {"check", "ok", "found", "remedy"} == set(checks[0])
    assert set(site.ask("GET", "/version").json()) == {"version"}
    assert site.office.party == OURS
