"""Who is let in where: every route asked as every role and as nobody, forms, cookies, headers."""

import re
from datetime import timedelta

import pytest

from node.access import Act, Role, allowed
from node.web import PageSettings
from node.web.alarm_pages import AlarmPages
from node.web.case_pages import CasePages
from node.web.pages import page_routes
from node.web.sign_in_pages import SignInPages
from node.web.visits import FORM_LIMIT, cookie_name, own_address
from tests.web.browser_like import Answer
from tests.web.conftest import Site, SiteMaker
from tests.web.seed import ACCOUNTS, GIVEN_UP, OWN

PLACES = {"{alias:alias}": "2026-0417", "{n:n}": "1", "{k:n}": "2", "{id:row}": str(GIVEN_UP)}
ROUTES = page_routes(SignInPages.__new__(SignInPages), CasePages.__new__(CasePages), AlarmPages.__new__(AlarmPages))
GUARDED = [route for route in ROUTES if route.act is not None]


def _address(path: str) -> str:
    for place, value in PLACES.items():
        path = path.replace(place, value)
    assert "{" not in path
    return path


def test_only_signing_in_and_out_is_open_to_everybody() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.act is None} == {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("POST", "/sign-out"),
    }


@pytest.mark.parametrize("role", [None, *ACCOUNTS])
def test_every_route_lets_in_whom_its_act_allows_and_nobody_else(site: Site, role: str | None) -> None:
    browser = site.browser() if role is None else site.signed_in(role)
    for route in GUARDED:
        address = _address(route.path)
        if route.method == "POST":
            answer = browser.post(address, {"form_token": "x"})
            may = role is not None and allowed(Role(role), route.act or Act.READ_RECORDS)
            assert answer.status == (403 if may else 404), "without its page's token nothing is done"
            continue
        answer = browser.ask(route.method, address)
        if role is None:
            assert (answer.status, answer.headers["location"][:9]) == (303, "/sign-in?"), address
        elif allowed(Role(role), route.act or Act.READ_RECORDS):
            assert answer.status in (200, 303), address
        else:
            assert answer.status == 404, address


def test_what_one_may_not_see_looks_as_if_it_were_not_there(site: Site) -> None:
    it = site.signed_in("it")
    hidden = it.get("/cases/2026-0417/messages/1/raw")
    missing = it.get("/cases/2026-9999/messages/1/raw")
    elsewhere = site.signed_in_as("Dragan Pavlović").get("/cases/2026-9999")
    assert hidden.status == missing.status == elsewhere.status == 404
    assert hidden.text.replace("2026-0417", "2026-9999") == missing.text
    assert "There is nothing at this address" in elsewhere.text


def test_a_unit_sees_its_cases_and_those_of_none(make_site: SiteMaker) -> None:
    site = make_site()
    lyon, anna = site.signed_in_as("Dragan Pavlović"), site.signed_in("officer")
    assert lyon.get("/cases/2026-0422").status == anna.get("/cases/2026-0422").status == 200
    graz = site.signed_in_as(site.add_account("Graz Officer", "officer", "Consulate in Graz"))
    assert graz.get("/cases/2026-0422").status == 404
    assert graz.get("/cases/2026-0422/messages/1").status == 404
    assert graz.get("/cases/2026-0422/messages/1/parts/1").status == 404
    assert "2026-0422" not in graz.get("/cases").text
    assert "2026-0417" in graz.get("/cases").text


def test_it_staff_see_that_messages_move_and_nothing_about_persons(site: Site) -> None:
    it = site.signed_in("it")
    for address in ("/cases", "/cases/2026-0417", "/cases/2026-0417/messages/1"):
        text = it.get(address).text
        assert "2026-0417" in text
        assert not re.search("Eriksson|Stevenson|Ерикссон|Photograph|L898902C3|1974", text), address


class TestSigningIn:
    def test_looking_at_the_link_uses_nothing_up_and_the_button_does(self, site: Site) -> None:
        link = site.link("Ana Kostić")
        for scanner in range(3):
            assert site.browser().get(link).status == 200, scanner
        browser = site.browser()
        page = browser.get(link)
        fields = {name: page.field(name) for name in ("token", "form_token")}
        answer = browser.post("/sign-in", fields)
        assert (answer.status, answer.headers["location"]) == (303, "/cases")
        assert "Ana Kostić, officer" in browser.get("/cases").text
        assert site.browser().get(link).status == 410

    def test_a_used_or_old_link_says_what_to_do(self, site: Site) -> None:
        link = site.link("Ana Kostić")
        browser = site.browser()
        page = browser.get(link)
        site.now += timedelta(minutes=15)
        answer = browser.post("/sign-in", {name: page.field(name) for name in ("token", "form_token")})
        assert answer.status == 410
        assert "Ask your IT staff for a new link" in answer.text
        assert site.browser().get("/cases").status == 303

    def test_a_link_posted_from_elsewhere_signs_nobody_in(self, site: Site) -> None:
        link = site.link("Ana Kostić")
        page = site.browser().get(link)
        fields = {name: page.field(name) for name in ("token", "form_token")}
        assert site.browser().post("/sign-in", fields).status == 403, "without the cookie of the page"
        own = site.browser()
        fields = {name: own.get(link).field(name) for name in ("token", "form_token")}
        assert own.post("/sign-in", {"token": fields["token"]}).status == 403, "without the form's token"
        assert own.post("/sign-in", fields, sec_fetch_site="cross-site").status == 403
        assert site.browser().get(link).status == 200, "and the link was not used up"

    def test_the_page_shows_no_name_to_whoever_holds_the_link(self, site: Site) -> None:
        assert "Kosti" not in site.browser().get(site.link("Ana Kostić")).text

    def test_who_is_not_signed_in_comes_back_to_the_page_that_was_asked_for(self, site: Site) -> None:
        answer = site.browser().get("/cases/2026-0417")
        assert answer.headers["location"] == "/sign-in?next=%2Fcases%2F2026-0417"
        assert 'href="/cases/2026-0417"' in site.browser().get(answer.headers["location"]).text
        # A link on another site comes without the cookie; the button on our page brings it along.
        assert site.signed_in("officer").get(answer.headers["location"]).headers["location"] == "/cases/2026-0417"

    @pytest.mark.parametrize("address", ["//evil.example/x", "https://evil.example", "/\\evil", "javascript:x", "/a?b"])
    def test_nobody_is_sent_elsewhere(self, address: str) -> None:
        assert own_address(address) is None

    def test_signing_out_ends_the_session_here_and_for_whoever_copied_it(self, site: Site) -> None:
        browser, thief = site.signed_in("officer"), site.browser()
        thief.cookies |= browser.cookies
        token = browser.get("/cases").field("form_token")
        assert thief.post("/sign-out", {"form_token": "0" * 64}).status == 403
        assert browser.get("/cases").status == 200
        assert browser.post("/sign-out", {"form_token": token}).status == 303
        assert browser.cookies == {}
        assert thief.get("/cases").status == 303

    def test_a_session_ends_after_8_hours(self, site: Site) -> None:
        browser = site.signed_in("officer")
        site.now += timedelta(hours=8)
        assert browser.get("/cases").status == 303


class TestCookie:
    def _set(self, site: Site) -> str:
        browser = site.browser()
        page = browser.get(site.link("Ana Kostić"))
        answer = browser.post("/sign-in", {name: page.field(name) for name in ("token", "form_token")})
        return next(cookie for cookie in answer.cookies if "Max-Age=28800" in cookie)

    def test_by_https_it_is_bound_to_the_host(self, site: Site) -> None:
        cookie = self._set(site)
        assert cookie.startswith("__Host-depesha-")
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
        assert "Domain" not in cookie

    def test_on_loopback_without_tls_it_has_no_prefix_that_browsers_would_refuse(self, make_site: SiteMaker) -> None:
        cookie = self._set(make_site(secure_cookies=False))
        assert cookie.startswith("depesha-")
        assert "Secure" not in cookie

    def test_two_nodes_on_one_host_do_not_take_each_other_s(self) -> None:
        assert cookie_name("SRB-MOI", True) != cookie_name("FRA-MOI", True)


class TestForms:
    def test_a_form_that_is_no_form_is_refused(self, site: Site) -> None:
        browser = site.signed_in("officer")
        assert browser.post("/sign-out", {}, content_type="application/json").status == 415
        assert browser.post("/sign-out", {"form_token": "x" * FORM_LIMIT}).status == 413
        assert (
            browser.ask("POST", "/sign-out", b"%%%", {"content_type": "application/x-www-form-urlencoded"}).status
            == 400
        )

    def test_pages_take_no_other_method(self, site: Site) -> None:
        browser = site.signed_in("officer")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            answer = browser.ask(method, "/cases/2026-0417")
            assert answer.status == 405, method
            assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


class TestHeaders:
    def _check(self, answer: Answer) -> None:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["strict-transport-security"]

    def test_every_answer_carries_them(self, site: Site) -> None:
        officer, nobody = site.signed_in("officer"), site.browser()
        for route in GUARDED:
            for browser in (officer, nobody):
                self._check(browser.ask(route.method, _address(route.path)))
        for address in ("/sign-in", "/sign-in?token=x", "/nowhere", "/cases/2026-9999"):
            self._check(nobody.get(address))
        self._check(officer.post("/sign-out", {"form_token": "x"}))

    def test_pages_have_no_inline_style_and_no_script(self, site: Site) -> None:
        officer = site.signed_in("officer")
        for address in ("/cases", "/cases/2026-0417", "/cases/2026-0417/messages/1", "/sign-in", "/nowhere"):
            assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", officer.get(address).text), address

    def test_what_others_made_is_in_a_sandbox(self, site: Site) -> None:
        officer = site.signed_in("officer")
        base = "/cases/2026-0417/messages/1"
        for address in (
            f"{base}/raw",
            f"{base}/response",
            f"{base}/parts/1",
            f"{base}/parts/2",
            f"{base}/parts/2/picture",
        ):
            answer = officer.get(address)
            assert answer.status == 200, address
            assert "sandbox" in answer.headers["content-security-policy"], address
            assert int(answer.headers["content-length"]) == len(answer.body), address

    def test_static_files_may_be_kept_by_browsers(self, site: Site) -> None:
        answer = site.browser().get("/static/depesha.css")
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert site.browser().get("/static/../pages.py").status == 404
        assert site.browser().get("/static/fonts/OFL.txt").status == 200


def test_page_settings_are_safe_unless_told_otherwise() -> None:
    assert PageSettings(name="N", party=OWN).secure_cookies
