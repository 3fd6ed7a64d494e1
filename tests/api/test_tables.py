"""Tables by the interface: each row is checked, all are sent or none, and what was exchanged comes out as a table."""

import io
from typing import Any

import pytest
import requests
from openpyxl import load_workbook

from node.api.tables import CSV, MOST_ROWS, XLSX
from node.exchange.settlement import MESSAGE
from node.records.cells import plain
from node.records.check import CheckedRecord, check
from node.records.domains import load_domains
from node.records.table_files import csv_table, read_table, xlsx_table
from node.records.table_rows import in_order, row_of
from tests.api.conftest import PEER, Site
from tests.exchange.offices import APPLICATION, EXAMPLES

DOMAINS = load_domains()
SHAPE = DOMAINS.known("returns").records[APPLICATION]
RECORD = (EXAMPLES / "good/minimal-application.xml").read_bytes()
AT = f"/tables/returns/{APPLICATION}"
KEY = {"Idempotency-Key": "6f0f7f3e-9a3c-4a55-8f5e-1d7a3a1f0c11"}


def row(record: bytes = RECORD, **changes: str) -> dict[str, str]:
    found = check(record, DOMAINS)
    assert isinstance(found, CheckedRecord)
    return row_of(found.root, SHAPE) | changes


def table(*rows: dict[str, str], xlsx: bool = False) -> bytes:
    names = in_order(SHAPE, [name for one in rows for name in one if not name.startswith("#")])
    head = sorted({name for one in rows for name in one if name.startswith("#")}) + names
    lines = [[one.get(name, "") for name in head] for one in rows]
    return xlsx_table(head, lines, SHAPE) if xlsx else csv_table(head, lines)


def send(site: Site, content: bytes, to: str = PEER, attached: Any = (), **more: Any) -> requests.Response:
    files = [("table", ("t.csv", content)), *(("attachment", one) for one in attached)]
    return site.ask("POST", AT, data={"to": to}, files=files, **more)


def confirmed(site: Site, *rows: dict[str, str], xlsx: bool = False, **more: Any) -> bytes:
    """The table with the codes of what is asked of each row."""
    asked = send(site, table(*rows, xlsx=xlsx), **more)
    if asked.status_code == 201:
        return table(*rows, xlsx=xlsx)
    codes: dict[int, list[str]] = {}
    for one in asked.json()["errors"]:
        codes.setdefault(one["row"], []).append(one["remedy"].split("put ")[1].split()[0])
    return table(*(one | {"#confirm": " ".join(codes.get(n, []))} for n, one in enumerate(rows, start=2)), xlsx=xlsx)


@pytest.mark.parametrize("xlsx", [False, True])
def test_rows_are_sent_and_come_out_as_they_were(site: Site, xlsx: bool) -> None:
    content = confirmed(site, row(), row(), xlsx=xlsx)
    before = site.office.count(MESSAGE)
    answer = send(site, content)
    assert answer.status_code == 201, answer.text
    sent = answer.json()
    assert [(one["row"], one["state"]) for one in sent] == [(2, "queued"), (3, "queued")]
    assert site.office.count(MESSAGE) == before + 2
    one = sent[0]
    for ending, media_type in (("csv", CSV), ("xlsx", XLSX)):
        got = site.ask("GET", f"{AT}/records.{ending}?case={one['case']}&peer={PEER}")
        assert got.headers["content-type"].startswith(media_type)
        [found] = read_table(got.content, "t", SHAPE, ("message", "case", "peer"), xlsx=ending == "xlsx").rows
        assert dict(found.values) == row()
        assert found.ours == {"message": one["id"], "case": one["number"], "peer": PEER}
    for query, status in (("peer=nobody", 404), ("case=2020-0001", 404), ("state=queued", 422)):
        assert site.ask("GET", f"{AT}/records.csv?{query}").status_code == status, query


def test_with_one_wrong_row_none_is_sent_and_each_error_is_named(site: Site) -> None:
    name = next(name for name, value in row().items() if value == "false")
    answer = send(site, table(row(), row(**{name: "perhaps"}), row(**{name: "never"})), headers=KEY)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "urn:depesha:problem:table-refused"
    assert [(one["row"], one["field"]) for one in problem["errors"]] == [(3, name), (4, name)]
    assert "perhaps" in problem["errors"][0]["found"]
    assert all(one["expected"] and one["remedy"] for one in problem["errors"])
    checked = site.ask("POST", f"{AT}/check", files={"table": ("t.csv", table(row(), row(**{name: "perhaps"})))})
    assert checked.status_code == 200
    assert [(one["row"], one["column"], one["value"]) for one in checked.json()["errors"]] == [(3, name, "perhaps")]
    fine = site.ask("POST", f"{AT}/check", "auditor", files={"table": ("t.csv", table(row(), row()))})
    assert fine.json() == {"rows": 2, "errors": [], "detail": None}
    unknown = send(site, table(row(), row(**{"#case": "2026-9999"})), to="nobody")
    assert {one["row"] for one in unknown.json()["errors"]} == {2, 3}
    assert site.office.count(MESSAGE) == 0
    assert site.office.blob_files() == set()


def test_a_table_under_a_key_is_sent_once_and_a_refusal_takes_no_key(site: Site) -> None:
    name = next(name for name, value in row().items() if value == "false")
    assert send(site, table(row(**{name: "perhaps"})), headers=KEY).status_code == 422
    content = confirmed(site, row(), row())
    first, again = send(site, content, headers=KEY), send(site, content, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.content == first.content
    assert site.office.count(MESSAGE) == 2
    assert send(site, content + b"\r\n", headers=KEY).json()["type"] == "urn:depesha:problem:key-reused"


def test_attachments_go_with_the_rows_that_name_them(site: Site) -> None:
    values = row((EXAMPLES / "good/application.xml").read_bytes())
    digests = [name for name, value in values.items() if name.endswith("Sha256") or len(value) == 64]
    bare = values | dict.fromkeys(digests, "")
    attached = [(path.name, path.read_bytes()) for path in sorted((EXAMPLES / "attachments").iterdir())]
    assert send(site, table(bare)).status_code == 422
    answer = send(site, confirmed(site, bare, attached=attached), attached=attached)
    assert answer.status_code == 201, answer.text
    assert len(site.office.shown(answer.json()[0]["id"])["parts"]) == 3
    twice = send(site, table(bare), attached=[attached[0], attached[0]])
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "attachment")


def test_a_unit_sends_into_and_reads_its_own_cases_and_those_of_none(site: Site) -> None:
    lyon, graz = (site.program(unit, "officer", unit=unit) for unit in ("Lyon", "Graz"))
    content = confirmed(site, row(), token=lyon)
    case = send(site, content, token=lyon).json()[0]
    for token, seen in ((lyon, True), (graz, False)):
        exported = site.ask("GET", f"{AT}/records.csv", token=token)
        assert (exported.status_code, case["number"] in exported.text) == (200, seen)
    assert site.ask("GET", f"{AT}/records.csv?case={case['number']}", token=graz).status_code == 404
    refused = send(site, table(row(**{"#case": case["number"]})), token=graz)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["row"], error["field"], error["found"]) == (422, 2, "#case", case["number"])
    answer = site.ask("POST", AT, data={"to": PEER, "unit": "Lyon"}, files={"table": ("t.csv", content)}, token=graz)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "unit")


def test_an_empty_table_has_every_column(site: Site) -> None:
    got = site.ask("GET", f"{AT}/new.csv", "it")
    assert got.text.lstrip("\ufeff").startswith("#case,#confirm,")
    book = load_workbook(io.BytesIO(site.ask("GET", f"{AT}/new.xlsx").content))
    head = [cell.value for cell in next(book.worksheets[0].iter_rows())]
    assert head == [plain(one) for one in got.text.lstrip("\ufeff").strip().split(",")]
    for path in ("/tables/nothing/Inquiry/new.csv", "/tables/returns/Nothing/new.csv"):
        assert site.ask("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "found nothing in row 1"),
        (b"PK\x03\x04nothing", "found no XLSX file"),
        (table(row()).splitlines()[0] + b"\r\n", "no row with a value"),
        (table(*[row()] * (MOST_ROWS + 1)), f"at most {MOST_ROWS}"),
    ],
)
def test_what_is_no_table_or_too_much_is_told_in_words(site: Site, content: bytes, said: str) -> None:
    refused = send(site, content)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:depesha:problem:table-refused")
    assert said in refused.json()["detail"]
    missing = site.ask("POST", AT, data={"to": PEER}, files={"attachment": ("a", b"a")})
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "table")
