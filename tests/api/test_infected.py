"""An infected part is handed out on purpose only."""

from sqlalchemy import insert

from node.exchange.listing import SCAN
from tests.api.conftest import Site


def test_an_infected_part_needs_a_word_more(site: Site) -> None:
    sent = site.send().json()["id"]
    office = site.office
    with office.node.database.write() as connection:
        row = {"message": office.row(sent)["id"], "n": 3, "verdict": "infected", "found": "Specimen.Bad"}
        connection.execute(insert(SCAN).values(scanned_at=office.node.now(), attempts=1, **row))
    scans = [part["scan"] and part["scan"]["verdict"] for part in site.ask("GET", f"/messages/{sent}").json()["parts"]]
    assert scans == [None, None, "infected"]
    refused = site.ask("GET", f"/messages/{sent}/parts/3")
    assert refused.status_code == 409
    assert "Specimen.Bad" in refused.json()["detail"]
    assert site.ask("GET", f"/messages/{sent}/parts/3?infected=true").content.startswith(b"%PDF")
    assert site.ask("GET", f"/messages/{sent}/parts/2").status_code == 200
    assert site.ask("GET", f"/messages/{sent}/parts/3?infected=true", "it").status_code == 403
