"""Partners without a card, our own card, calendars, and who is away, by programs."""

from cryptography.hazmat.primitives import serialization

from node.access.accounts import add_user
from node.exchange.node import Node
from tests.api.conftest import PEER, Site
from tests.exchange.conftest import OURS, THEIRS

PEM = serialization.Encoding.PEM


def test_a_partner_without_a_node_is_added_and_its_case_runs_on_paper(site: Site) -> None:
    given = {"party": "paper-moi", "name": "Ministry on paper"}
    added = site.ask("POST", "/partners/on-paper", "it", json=given)
    assert (added.status_code, added.json()["kind"], added.json()["state"]) == (201, "paper", "confirmed"), added.text
    told = {
        "act": "apply", "channel": "mail", "done": "2026-01-05T10:00:00Z", "persons": "p1", "peer": "paper-moi",
        "domain": "returns",
    }  # fmt: skip
    files = {name: (None, value) for name, value in told.items()}
    opened = site.ask("POST", "/cases/new/on-paper", files=files)
    assert opened.status_code == 201, opened.text
    for party in (OURS, PEER):
        refused = site.ask("POST", "/partners/on-paper", "it", json={**given, "party": party})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "party"), refused.text
    assert site.ask("GET", f"/partners/{PEER}", "it").json()["kind"] != "paper"


def test_a_partner_is_added_by_the_certificates_that_a_person_vouches_for(site: Site, made: dict[str, Node]) -> None:
    keys = made[THEIRS].keys
    given = {
        "party": "given", "url": "https://given.example/as4",
        "signing_cert": keys.signing_certificate.public_bytes(PEM).decode(),
        "encryption_cert": keys.encryption_certificate.public_bytes(PEM).decode(),
    }  # fmt: skip
    added = site.ask("POST", "/partners/as-given", "it", json=given)
    assert (added.status_code, added.json()["kind"], added.json()["name"]) == (201, "pinned", "given"), added.text
    for field, value in (
        ("url", "http://given.example/as4"),
        ("url", "https://[/as4"),
        ("signing_cert", "no certificate"),
        ("party", OURS),
    ):
        refused = site.ask("POST", "/partners/as-given", "it", json={**given, "party": "other", field: value})
        assert refused.status_code == 422, refused.text
        [told] = refused.json()["errors"]
        assert told["field"] == field
        assert told["expected"]
        assert told["remedy"]
    swapped = {**given, "party": "other", "encryption_cert": given["signing_cert"]}
    assert site.ask("POST", "/partners/as-given", "it", json=swapped).status_code == 422
    assert site.ask("GET", "/partners/other", "it").status_code == 404
    assert site.ask("POST", "/partners/as-given", "officer", json=given).status_code == 403


def test_who_is_away_is_said_by_heads_and_seen_by_officers(site: Site) -> None:
    with site.office.node.database.write() as connection:
        now = site.office.node.now()
        ana = add_user(connection, "Ana Kostić", "officer", "Lyon", now).handle
        auditor = add_user(connection, "Vesna Marić", "auditor", None, now).handle
    [listed] = site.ask("GET", "/officers").json()
    assert (listed["handle"], listed["name"], listed["away_from"]) == (ana, "Ana Kostić", None)
    away = site.ask(
        "POST", f"/officers/{ana}/away", "head", json={"first": "2027-08-03", "last": "2027-08-14"}
    )  # fmt: skip
    assert away.status_code == 200, away.text
    assert (away.json()["away_from"], away.json()["away_until"]) == (
        "2027-08-03T00:00:00.000Z", "2027-08-15T00:00:00.000Z"
    )  # fmt: skip
    assert site.ask("POST", f"/officers/{ana}/away", "head", json={"back": True}).json()["away_from"] is None
    for wrong in (
        {"first": "2027-08-03", "last": "2027-08-01"},
        {"first": "2027-08-03", "back": True},
        {"last": "9999-12-31"},
        {"first": "soon"},
    ):
        assert site.ask("POST", f"/officers/{ana}/away", "head", json=wrong).status_code == 422, wrong
    assert site.ask("POST", f"/officers/{ana}/away", "officer", json={}).status_code == 403
    for unknown in (auditor, "account-0", "nobody"):
        assert site.ask("POST", f"/officers/{unknown}/away", "head", json={}).status_code == 404
    graz = site.program("graz", "head", unit="Graz")
    assert site.ask("GET", "/officers", token=graz).json() == []
    assert site.ask("POST", f"/officers/{ana}/away", token=graz, json={}).status_code == 404


def test_our_card_and_calendars(site: Site) -> None:
    assert site.ask("GET", "/calendars", "officer").json() == []
    assert site.ask("GET", "/calendars?peer=nobody", "officer").status_code == 404
    card = site.ask("GET", "/card", "it")
    assert card.status_code in (200, 409), card.text
    if card.status_code == 200:
        assert (card.json()["party"], len(card.json()["words"])) == (OURS, 8)


def test_several_pairs_or_all_records_of_a_domain_are_opened_at_once(site: Site) -> None:
    given = {"peer": PEER, "service": "urn:depesha:inquiry:1"}
    several = site.ask("POST", "/agreements", "it", json=given | {"actions": ["Inquiry", "InquiryReply"]})
    assert several.status_code == 201, several.text
    assert {"Inquiry", "InquiryReply"} <= {one["action"] for one in several.json()["pairs"]}
    rest = site.ask("POST", "/agreements", "it", json=given)
    assert rest.status_code == 201, rest.text
    assert "PriorConsultation" in {one["action"] for one in rest.json()["pairs"]}
    unknown = site.ask("POST", "/agreements", "it", json=given | {"action": "Inquiry", "actions": ["Nothing"]})
    assert unknown.status_code == 409, unknown.text
