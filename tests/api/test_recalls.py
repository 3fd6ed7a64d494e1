"""What went to the wrong party, by programs: who may recall, erase, see and close, and who sees the words."""

from typing import Any

from sqlalchemy import update

from node.exchange.settlement import MESSAGE
from tests.api.conftest import PEER, Site
from tests.exchange.case_steps import open_records
from tests.exchange.offices import RECORDS

REASON = "Meant for the other ministry."


def at_peer(site: Site, **more: Any) -> str:
    """A record that the peer has; its id."""
    open_records(site.office, PEER, RECORDS, "ErasureNotice")
    site.office.configured()
    message: str = site.send(**more).json()["id"]
    with site.office.node.database.write() as connection:
        connection.execute(update(MESSAGE).where(MESSAGE.c.message_id == message).values(state="delivered"))
    return message


def test_an_officer_recalls_and_a_breach_is_seen_by_those_who_may_read(site: Site) -> None:
    message = at_peer(site)
    for role in ("head", "auditor", "it"):
        assert site.ask("POST", f"/messages/{message}/recall", role, json={"reason": REASON}).status_code == 403
    done = site.ask("POST", f"/messages/{message}/recall", json={"reason": REASON})
    assert done.status_code == 201, done.text
    assert site.ask("POST", f"/messages/{message}/recall", json={"reason": REASON}).status_code == 409
    (recall,) = site.ask("GET", "/recalls", "auditor").json()
    assert (recall["message"], recall["request"], recall["direction"]) == (message, done.json()["request"], "out")
    for role in ("officer", "head", "auditor"):
        (breach,) = site.ask("GET", "/breaches", role).json()
        assert (breach["id"], breach["reason"], breach["end"]) == (done.json()["breach"], REASON, done.json()["end"])
    assert site.ask("GET", "/breaches", "it").status_code == 403
    due = site.ask("GET", "/due", "it")
    assert {"erasure", "notification"} <= {one["act"].split()[0] for one in due.json()}
    assert REASON not in due.text


def test_a_breach_is_closed_once_with_words_by_who_may(site: Site) -> None:
    message = at_peer(site)
    breach = site.ask("POST", f"/messages/{message}/recall", json={"reason": REASON}).json()["breach"]
    closing = {"words": "Erased within the hour, never opened."}
    for role in ("auditor", "it"):
        assert site.ask("POST", f"/breaches/{breach}/close", role, json=closing).status_code == 403
    for wrong, status in (
        ({}, 422),
        ({**closing, "notified": "2026-11-26"}, 422),
        ({**closing, "notified": "2026-13-26T09:00:00Z"}, 422),
        ({**closing, "notified": "2020-01-01T09:00:00Z"}, 409),
    ):
        assert site.ask("POST", f"/breaches/{breach}/close", json=wrong).status_code == status, wrong
    shown = site.ask("GET", f"/breaches/{breach}")
    closed = site.ask(
        "POST", f"/breaches/{breach}/close", "head", json=closing, headers={"If-Match": shown.headers["etag"]}
    )
    assert closed.status_code == 200, closed.text
    assert (closed.json()["outcome"], closed.json()["done"]) == ("not-needed", closing["words"])
    assert site.ask("POST", f"/breaches/{breach}/close", json=closing).status_code == 409
    assert site.ask("GET", "/breaches").json() == []
    assert [one["id"] for one in site.ask("GET", "/breaches?all=true").json()] == [breach]
    assert site.ask("GET", "/breaches/99999999999999999999").status_code == 404


def test_a_unit_neither_sees_nor_recalls_what_another_sent(site: Site) -> None:
    lyon, graz = (site.program(unit, "officer", unit=unit) for unit in ("Lyon", "Graz"))
    message = at_peer(site, token=lyon)
    assert site.ask("POST", f"/messages/{message}/recall", token=graz, json={"reason": REASON}).status_code == 404
    breach = site.ask("POST", f"/messages/{message}/recall", token=lyon, json={"reason": REASON}).json()["breach"]
    for path in ("/recalls", "/breaches"):
        assert site.ask("GET", path, token=graz).json() == []
        assert len(site.ask("GET", path, token=lyon).json()) == 1
    assert site.ask("GET", f"/breaches/{breach}", token=graz).status_code == 404
    closing = {"words": "None of theirs."}
    assert site.ask("POST", f"/breaches/{breach}/close", token=graz, json=closing).status_code == 404


def test_nothing_is_erased_that_nobody_recalled(site: Site) -> None:
    message = at_peer(site)
    answer = {"place": "Belgrade", "office": "Readmission department"}
    assert site.ask("POST", f"/messages/{message}/erase", json=answer).status_code == 404
    for role in ("head", "auditor", "it"):
        assert site.ask("POST", f"/messages/{message}/erase", role, json=answer).status_code == 403
