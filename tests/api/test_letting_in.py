"""Who is let in where: every route asked as every role and as nobody; units, scopes, assertions, cookies."""

import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519
from fastapi.routing import APIRoute

from node.access import Act, Role, allowed
from node.api.application import routed
from node.api.context import ApiContext
from node.api.routes import Declared, Guarded
from node.api.table import declared_routes
from tests.access.test_programs import public
from tests.api.conftest import PEER, ROLES, Site
from tests.exchange.conftest import OURS

NOWHERE: Any = ApiContext(None, None, None, None)  # type: ignore[arg-type]
ROUTES = declared_routes(NOWHERE)


def address(declared: Declared) -> str:
    path = declared.path
    for place in ("{id:path}", "{party:path}", "{id}", "{n}", "{act}", "{domain}", "{record}", "{handle}"):
        path = path.replace(place, "1")
    assert "{" not in path
    return path


def test_nothing_is_there_that_is_not_declared() -> None:
    routes = routed(NOWHERE).routes
    assert all(isinstance(route, Guarded) for route in routes if isinstance(route, APIRoute))
    assert len(routes) == len(ROUTES) + 1
    found = {(method, route.path) for route in routes if isinstance(route, Guarded) for method in route.methods or ()}
    assert found == {(one.method, one.path) for one in ROUTES} | {("GET", "/openapi.json")}
    for route in routes:
        assert isinstance(route, Guarded), "an address without a declaration of who may"
        assert isinstance(route.declared.act, Act)


def test_every_route_lets_in_whom_its_act_allows_and_nobody_else(sqlite_site: Site) -> None:
    for declared in ROUTES:
        at = address(declared)
        stranger = sqlite_site.ask(declared.method, at, role=None)
        assert (stranger.status_code, stranger.headers["www-authenticate"]) == (401, 'Bearer realm="depesha"'), at
        for role in ROLES:
            status = sqlite_site.ask(declared.method, at, role).status_code
            if allowed(Role(role), declared.act):
                assert status in (200, 404, 409, 415), (declared.method, at, role, status)
            else:
                assert status == 403, (declared.method, at, role, status)


def test_scopes_hold_a_program_within_its_role(sqlite_site: Site) -> None:
    reading = sqlite_site.program("reading", "officer", scopes=["cases:read"])
    assert sqlite_site.ask("GET", "/cases", token=reading).status_code == 200
    assert sqlite_site.ask("GET", "/version", token=reading).status_code == 200
    for declared in ROUTES:
        if declared.scope not in (None, "cases:read"):
            answer = sqlite_site.ask(declared.method, address(declared), token=reading)
            assert answer.status_code == 403, (declared.method, declared.path)
    beyond = sqlite_site.program("beyond", "auditor", scopes=["messages:send"])
    assert sqlite_site.ask("POST", "/messages", token=beyond).status_code == 403, (
        "a scope gives nothing that the role may not"
    )


def test_a_unit_sees_its_cases_and_those_of_none(site: Site) -> None:
    lyon, graz = (site.program(unit, "officer", unit=unit) for unit in ("Lyon", "Graz"))
    sent = site.send(token=lyon)
    assert sent.status_code == 201, sent.text
    message, case = sent.json()["id"], sent.json()["case"]
    open_to_all = site.send().json()
    for token, ids in ((lyon, [message, open_to_all["id"]]), (graz, [open_to_all["id"]])):
        assert [one["id"] for one in site.ask("GET", "/messages", token=token).json()] == ids
        listed = site.ask("GET", "/cases", token=token).json()
        assert (case in {one["id"] for one in listed}) == (token == lyon)
    [found] = [one for one in site.ask("GET", "/cases", token=lyon).json() if one["id"] == case]
    assert found["unit"] == "Lyon"
    for method, path in [
        ("GET", f"/cases/{case}"),
        ("GET", f"/cases/{found['number']}"),
        ("GET", f"/cases?after={case}"),
        ("GET", f"/messages/{message}"),
        ("GET", f"/messages/{message}/raw"),
        ("GET", f"/messages/{message}/parts"),
        ("GET", f"/messages/{message}/parts/1"),
        ("GET", f"/messages?after={message}"),
        ("GET", f"/messages?case={case}"),
        ("POST", f"/messages/{message}/withdraw"),
        ("POST", f"/messages/{message}/resend"),
    ]:
        assert site.ask(method, path, token=graz).status_code == 404, path
    assert site.send(token=graz, fields={"case": case}).status_code == 404
    assert site.send(token=graz, fields={"unit": "Lyon"}).status_code == 422
    assert site.ask("GET", f"/messages/{message}/raw", token=lyon).status_code == 200


def test_it_staff_see_that_messages_move_and_no_file_names(site: Site) -> None:
    sent = site.send().json()
    for path in (f"/messages/{sent['id']}", "/messages", f"/cases/{sent['case']}"):
        assert "application.xml" in site.ask("GET", path).text
        text = site.ask("GET", path, "it").text
        assert sent["id"] in text
        assert "application.xml" not in text
    assert site.ask("GET", f"/messages/{sent['id']}/parts/1", "it").status_code == 403


def test_cookies_and_what_is_no_token_let_nobody_in(site: Site) -> None:
    token = site.tokens["officer"]
    for headers in (
        {"Cookie": f"depesha={token}"},
        {"Authorization": f"Basic {token}"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer e30.W10.e30"},
    ):
        for path in ("/version", "/openapi.json", "/nowhere"):
            answer = site.ask("GET", path, role=None, headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
            assert token not in answer.text
    site.office.clock.advance(days=366)
    assert site.ask("GET", "/version").status_code == 401


def test_an_assertion_lets_its_program_in_once(site: Site) -> None:
    key, now = ed25519.Ed25519PrivateKey.generate(), int(site.office.node.now().timestamp())
    site.program("register", "officer", public_key=public(key))
    claims = {
        "iss": "register", "aud": [OURS, "https://depesha.example/api/v1"], "exp": now + 300, "jti": str(uuid.uuid4()),
    }  # fmt: skip
    assertion = jwt.encode(claims, key, "EdDSA")
    assert site.ask("GET", "/version", token=assertion).status_code == 200
    again = site.ask("GET", "/version", token=assertion)
    assert (again.status_code, "used before" in again.json()["detail"]) == (401, True)
    assert 'error="invalid_token"' in again.headers["www-authenticate"]
    stranger = jwt.encode(claims, ed25519.Ed25519PrivateKey.generate(), "EdDSA")
    unknown = jwt.encode(claims | {"iss": "nobody"}, key, "EdDSA")
    said = {site.ask("GET", "/version", token=one).json()["detail"] for one in (stranger, unknown)}
    assert len(said) == 1, "it does not tell which programs there are"
    elsewhere = jwt.encode(claims | {"jti": "2", "aud": [PEER, "https://depesha.example/api/v1"]}, key, "EdDSA")
    assert "aud" in site.ask("GET", "/version", token=elsewhere).json()["detail"]


def test_head_and_options(sqlite_site: Site) -> None:
    head = sqlite_site.ask("HEAD", "/cases")
    assert (head.status_code, head.content) == (200, b"")
    for path, allow in (
        ("/messages", "GET, HEAD, POST"),
        ("/messages/a/withdraw", "POST"),
        ("/messages/a", "GET, HEAD"),
    ):
        options = sqlite_site.ask("OPTIONS", path)
        assert (options.status_code, options.headers["allow"]) == (405, allow)
