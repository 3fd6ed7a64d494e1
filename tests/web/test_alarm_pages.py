"""What waits for a person is listed with its cause and remedy, and is settled from the page with a note, once."""

import re

import pytest
from sqlalchemy import insert, select, update

from node.exchange.refusals import KIND
from node.store.columns import table_of
from node.store.tables import Alarm, LoggedEntry
from tests.web.conftest import Site, SiteMaker
from tests.web.seed import FRANCE, GIVEN_UP, NO_MESSAGE, NOW, OTHER_CONTENT, REFUSED, SETTLED, UNCONFIRMED

ALARM, LOGGED = table_of(Alarm), table_of(LoggedEntry)
OPEN = [NO_MESSAGE, REFUSED, GIVEN_UP, OTHER_CONTENT, UNCONFIRMED]


def words(html: str) -> str:
    """The page's text without tags, spaces joined."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def listed(html: str) -> list[int]:
    return [int(found) for found in re.findall(r'href="/queue/(\d+)"', html)]


def settled_at(site: Site, alarm: int) -> object:
    with site.database.read() as connection:
        return connection.scalar(select(ALARM.c.settled_at).where(ALARM.c.id == alarm))


def logged(site: Site) -> int:
    with site.database.read() as connection:
        return len(connection.execute(select(LOGGED.c.id).where(LOGGED.c.type == "alarm.settled")).all())


@pytest.mark.parametrize("role", ["officer", "head", "auditor", "it"])
def test_every_role_finds_how_many_wait_and_the_list(site: Site, role: str) -> None:
    browser = site.signed_in(role)
    assert '<a href="/queue">Needs attention <span class="n">5</span></a>' in browser.get("/cases").text
    page = browser.get("/queue").text
    assert listed(page) == OPEN, "oldest first, without the settled one"
    assert "5 things wait for a person" in page


def test_each_says_what_happened_what_helps_and_where_the_message_is(site: Site) -> None:
    page = site.signed_in("it").get("/queue").text
    said = words(page)
    for text in (
        "They refuse the message EBMS:0004: /Reply/Answer[1]/Refused",
        "Correct what is named, then send a new record.",
        "No receipt came in time no receipt within 48 hours",
        "depesha message resend m-0422-2@srb.example",
        "depesha message confirm m-0423-1@srb.example --note &#34;…&#34; depesha message resend m-0423-1@srb.example",
        "They used a message’s id again for other content",
        "The node doubts its own clock the clock of this machine stood still",
    ):
        assert text in said, text
    for address in ("2026-0388/messages/2", "2026-0422/messages/2", "2026-0417/messages/1", "2026-0423/messages/1"):
        assert f'href="/cases/{address}"' in page, address


def test_a_refusal_that_is_not_about_the_record_sends_to_it_staff(site: Site) -> None:
    detail = "EBMS:0010: no agreement in force covers it"
    with site.database.write() as connection:
        connection.execute(update(ALARM).where(ALARM.c.id == REFUSED).values(detail=detail))
    said = words(site.signed_in("officer").get("/queue").text)
    assert "Ask your IT staff: the partner has not opened this kind of record with us" in said
    assert "depesha message resend m-0388-2@" in said
    assert "Correct what is named" not in said


def test_what_we_refuse_of_a_partner_is_said_though_no_message_is_kept(site: Site) -> None:
    detail = "EBMS:0303 DecompressionFailure; the latest at 2026-11-25T12:00:00Z, reference 0123456789ab"
    with site.database.write() as connection:
        row = {"id": UNCONFIRMED + 1, "time": NOW, "kind": KIND, "peer": FRANCE, "message": None, "detail": detail}
        connection.execute(insert(ALARM).values(row))
    said = words(site.signed_in_as(site.add_account("Graz Officer", "officer", "Consulate in Graz")).get("/queue").text)
    assert f"We refuse what they send {detail}" in said
    assert "Ask the partner’s IT staff to mend it" in said


def test_the_end_of_the_time_to_tell_of_a_breach_is_said_in_words(site: Site) -> None:
    detail = "breach 17, case 2026-0417: the 72 hours end at 2026-11-26T12:00:00Z"
    with site.database.write() as connection:
        row = {"id": UNCONFIRMED + 1, "time": NOW, "kind": "breach-near-end", "peer": FRANCE, "detail": detail}
        connection.execute(insert(ALARM).values(row))
    said = words(site.signed_in("officer").get("/queue").text)
    assert "The time to notify the supervisory authority of a breach ends soon" in said
    assert "depesha breach close ID" in said


def test_a_unit_sees_alarms_of_its_cases_and_those_of_none(site: Site) -> None:
    graz = site.signed_in_as(site.add_account("Graz Officer", "officer", "Consulate in Graz"))
    page = graz.get("/queue").text
    assert listed(page) == [one for one in OPEN if one != GIVEN_UP]
    assert "2026-0422" not in page
    assert '<span class="n">4</span>' in page
    assert graz.get(f"/queue/{GIVEN_UP}").status == 404
    assert graz.get(f"/queue?settled={GIVEN_UP}").status == 200
    token = graz.get(f"/queue/{REFUSED}").field("form_token")
    assert graz.post(f"/queue/{GIVEN_UP}", {"form_token": token, "note": "not mine"}).status == 404
    assert settled_at(site, GIVEN_UP) is None
    assert listed(site.signed_in_as("Dragan Pavlović").get("/queue").text) == OPEN


@pytest.mark.parametrize("role", ["officer", "it"])
def test_it_is_settled_with_a_note_once_and_logged(site: Site, role: str) -> None:
    browser = site.signed_in(role)
    form = {
        "form_token": browser.get(f"/queue/{GIVEN_UP}").field("form_token"),
        "note": "Sent by fax.\r\nThey have it.",
    }
    answer = browser.post(f"/queue/{GIVEN_UP}", form)
    assert (answer.status, answer.headers["location"]) == (303, f"/queue?settled={GIVEN_UP}")
    after = browser.get(answer.headers["location"]).text
    assert "Settled: No receipt came in time." in words(after)
    assert listed(after) == [one for one in OPEN if one != GIVEN_UP]
    assert settled_at(site, GIVEN_UP) == NOW
    assert logged(site) == 1
    again = browser.post(f"/queue/{GIVEN_UP}", form)
    assert (again.status, logged(site)) == (409, 1)
    assert "There is nothing more to do here." in again.text
    assert '<form method="post" action="/queue' not in again.text


@pytest.mark.parametrize("note", ["", " \r\n ", "x" * 501, "bell \x07"])
def test_an_unusable_note_settles_nothing_and_stays_in_the_form(site: Site, note: str) -> None:
    browser = site.signed_in("officer")
    token = browser.get(f"/queue/{REFUSED}").field("form_token")
    answer = browser.post(f"/queue/{REFUSED}", {"form_token": token, "note": note})
    assert answer.status == 422
    assert "<title>Error: They refuse the message" in answer.text
    assert re.search(r'tabindex="-1" autofocus', answer.text)
    assert note.strip() in answer.text
    assert (settled_at(site, REFUSED), logged(site)) == (None, 0)


def test_the_longest_note_in_any_script_is_taken(site: Site) -> None:
    browser = site.signed_in("officer")
    token = browser.get(f"/queue/{REFUSED}").field("form_token")
    assert browser.post(f"/queue/{REFUSED}", {"form_token": token, "note": "ქ" * 500}).status == 303


@pytest.mark.parametrize("role", ["head", "auditor"])
def test_who_only_looks_on_finds_no_form_and_settles_nothing(site: Site, role: str) -> None:
    browser = site.signed_in(role)
    page = browser.get(f"/queue/{REFUSED}").text
    assert "EBMS:0004" in page
    assert f'action="/queue/{REFUSED}"' not in page
    token = re.search(r'name="form_token" value="([^"]*)"', page)
    assert token is not None, "of signing out"
    assert browser.post(f"/queue/{REFUSED}", {"form_token": token[1], "note": "mine"}).status == 404
    assert settled_at(site, REFUSED) is None


@pytest.mark.parametrize("fields", [{}, {"form_token": "x"}])
def test_a_form_from_elsewhere_settles_nothing(site: Site, fields: dict[str, str]) -> None:
    browser = site.signed_in("officer")
    assert browser.post(f"/queue/{REFUSED}", {"note": "forged"} | fields).status == 403
    token = browser.get(f"/queue/{REFUSED}").field("form_token")
    cross = browser.post(f"/queue/{REFUSED}", {"note": "forged", "form_token": token}, sec_fetch_site="cross-site")
    assert cross.status == 403
    assert settled_at(site, REFUSED) is None


def test_a_settled_one_says_when(site: Site) -> None:
    page = site.signed_in("officer").get(f"/queue/{SETTLED}").text
    assert "Settled on Fri 20 November 2026, 11:00." in words(page)


@pytest.mark.parametrize(
    "address", ["/queue/1", "/queue/9999999999999999999", "/queue?after=x", f"/queue?settled={2**63}"]
)
def test_an_address_that_no_page_gave_is_not_there(site: Site, address: str) -> None:
    assert site.signed_in("officer").get(address).status == 404


def test_without_any_the_page_says_when_one_comes(make_site: SiteMaker) -> None:
    site = make_site(seeded=False)
    site.add_account("Ana Kostić", "officer", None)
    page = site.signed_in_as("Ana Kostić").get("/queue").text
    assert "Nothing waits for a person" in page
    assert '<span class="n">' not in page


def test_more_than_a_page_holds_are_on_the_next(site: Site) -> None:
    rows = [{"id": 383_100_000_000_000_000 + n, "time": NOW, "kind": "clock", "detail": "again"} for n in range(60)]
    with site.database.write() as connection:
        connection.execute(insert(ALARM), rows)
    browser = site.signed_in("it")
    first = browser.get("/queue").text
    following = re.search(r'href="(/queue\?after=\d+)"', first)
    assert following is not None
    second = browser.get(following[1]).text
    assert [*listed(first), *listed(second)] == [*OPEN, *(row["id"] for row in rows)]
    assert "after=" not in second
