"""CSV and XLSX in and out: row errors named, all or nothing, no formulas."""

import csv
import io
import json
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from adapters.tables import TableRefused, read_table, write_table
from node.cli import main
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord, check
from node.records.domains import load_domains
from node.records.table_files import empty_head
from node.records.table_rows import Column, column_named, in_order, record_of, row_error, row_of
from tests.exchange.conftest import World
from tests.exchange.offices import APPLICATION, EXAMPLES

DOMAINS = load_domains()
SHAPE = DOMAINS.known("returns").records[APPLICATION]
SCHEMAS = Path(__file__).parents[2] / "schemas"
RECORD = (EXAMPLES / "good/minimal-application.xml").read_bytes()
ENDINGS = pytest.mark.parametrize("ending", [".csv", ".xlsx"])


def row(**changes: str) -> dict[str, str]:
    found = check(RECORD, DOMAINS)
    assert isinstance(found, CheckedRecord)
    return row_of(found.root, SHAPE) | changes


def table(path: Path, *rows: dict[str, str]) -> Path:
    names = in_order(SHAPE, [name for one in rows for name in one if not name.startswith("#")])
    head = sorted({name for one in rows for name in one if name.startswith("#")}) + names
    write_table(path, head, [[one.get(name, "") for name in head] for one in rows], SHAPE)
    return path


@ENDINGS
def test_what_is_written_is_read_as_it_was(tmp_path: Path, ending: str) -> None:
    text = next(name for name, value in row().items() if not name.startswith("@") and value.isalpha())
    rows = [row(), row(**{text: '=HYPERLINK("http://example")'}), row(**{text: '\'-Đorđe; "Ђорђе", 1\n2'})]
    found = read_table(table(tmp_path / f"t{ending}", *rows), SHAPE)
    assert [one.number for one in found.rows] == [2, 3, 4]
    assert [dict(one.values) for one in found.rows] == rows


def test_no_cell_that_is_written_is_a_formula(tmp_path: Path) -> None:
    evil = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "=cmd|' /C calc'!A0")
    name = next(iter(row()))
    rows = [{name: text} for text in evil]
    written = csv.reader(io.StringIO(table(tmp_path / "t.csv", *rows).read_text("utf-8-sig"), newline=""))
    assert [one[0][0] for one in written][1:] == ["'"] * len(evil)
    book = load_workbook(table(tmp_path / "t.xlsx", *rows))
    cells = [cell for line in book.worksheets[0].iter_rows(min_row=2) for cell in line]
    assert {(cell.data_type, cell.quotePrefix, cell.number_format) for cell in cells} == {("s", True, "@")}
    assert [cell.value for cell in cells] == list(evil)


def test_a_formula_that_is_read_is_refused_by_its_cell(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["Head/Place"])
    book.active.append(["=1+1"])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(TableRefused, match=r"cell A2 holds a formula.\nrow 2, column Head/Place: found =1\+1"):
        read_table(tmp_path / "t.xlsx", SHAPE)


def test_cells_of_a_spreadsheet_become_what_records_say(tmp_path: Path) -> None:
    book = Workbook()
    names = empty_head(SHAPE)[1:7]
    book.active.append(names)
    book.active.append([date(1990, 1, 2), datetime.fromisoformat("2026-04-17T10:30"), True, 7.0, 8, None])
    book.save(tmp_path / "t.xlsx")
    [found] = read_table(tmp_path / "t.xlsx", SHAPE).rows
    assert [found.values[name] for name in names] == ["1990-01-02", "2026-04-17T10:30:00", "true", "7", "8", ""]


@pytest.mark.parametrize(
    ("value", "shown_as", "said"),
    [
        (7, "000", "007"),
        (-7.0, "000", "-007"),
        (1234, "000", "1234"),
        (999_999_999_999_999, "General", "999999999999999"),
        (7.5, "0.00", "7.5"),
        (7500, "#,##0", "7500"),
        (7.5, "000", "that is shown with zeros before it.*expected a text. Make the cell text"),
        (7, "000-00", "found 7, .* its format is 000-00"),
        (10**15, "General", "a number of more than 15 digits"),
        (-1.5e18, "0", "a number of more than 15 digits"),
        ("#N/A", "General", "cell A2 holds an error.*row 2, column Head/Place: found #N/A, expected a value"),
    ],
)
def test_a_cell_says_what_it_shows_or_is_refused(tmp_path: Path, value: object, shown_as: str, said: str) -> None:
    book = Workbook()
    book.active.append(["Head/Place"])
    book.active.append([value])
    book.active["A2"].number_format = shown_as
    book.save(tmp_path / "t.xlsx")
    if said.lstrip("-").isdigit() or said == "7.5":
        [found] = read_table(tmp_path / "t.xlsx", SHAPE).rows
        assert found.values["Head/Place"] == said
        return
    with pytest.raises(TableRefused, match=f"(?s){said}"):
        read_table(tmp_path / "t.xlsx", SHAPE)


@pytest.mark.parametrize("name", ["Question", "Kind", "Head/Date", "Head/Reference", "Head/From/Name", "@occurred"])
def test_a_missing_value_is_named_by_its_own_column(name: str) -> None:
    shape = DOMAINS.known("inquiry").records["Inquiry"]
    found = check((SCHEMAS / "inquiry/1/examples/good/inquiry.xml").read_bytes(), DOMAINS)
    assert isinstance(found, CheckedRecord)
    values = row_of(found.root, shape)
    columns = {one: column for one in values if isinstance(column := column_named(shape, one), Column)}
    del values[name]
    content = record_of(values, columns, shape, 2)
    assert isinstance(content, bytes)
    problems = check(content, DOMAINS)
    assert isinstance(problems, list)
    assert name in [row_error(one, 2).column for one in problems]


def test_a_file_that_is_no_table_is_told_in_words(tmp_path: Path) -> None:
    name = next(iter(row()))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    for file, content, said in (
        ("a.xlsx", b"no zip", "found no XLSX file"),
        ("b.xlsx", bomb.getvalue(), "declares entities"),
        ("c.csv", "Đ".encode("cp1250"), "found no UTF-8"),
        ("d.csv", f'{name}\r\n"open'.encode(), "found no CSV"),
        ("e.csv", b"", "found nothing in row 1, expected the names of the columns"),
        ("e2.csv", b"#case,#confirm\r\n", "expected at least one column of ReadmissionApplication"),
        ("e.xls", b"text", "found .xls, expected .csv or .xlsx"),
        ("e3.csv", bytes.fromhex("d0cf11e0a1b11ae1"), "found an old office format, expected CSV"),
        ("e4.csv", b"PK\x03\x04", "found ZIP, expected CSV"),
        ("f.csv", f"{name},{name}\r\n".encode(), "the column again"),
        ("g.csv", f"{name}x\r\n".encode(), f"Did you mean {name}?"),
        ("h.csv", f"{name}\r\na,b\r\n".encode(), "a cell stands under no column"),
        ("i.csv", f"{name}\r\n".encode() + b"a\r\n" * 10_001, "more than 10000 rows"),
    ):
        (tmp_path / file).write_bytes(content)
        with pytest.raises(TableRefused) as raised:
            read_table(tmp_path / file, SHAPE)
        assert said in str(raised.value), file


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, world: World) -> World:
    """Commands run on our office."""
    monkeypatch.setattr("node.cli.tables.open_node", lambda _: world.ours.node)
    return world


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    capsys.readouterr()
    status = main([str(word) for word in (*words, "--json")])
    out = capsys.readouterr().out
    return status, json.loads(out) if out else None


@ENDINGS
async def test_a_row_is_sent_as_a_record_and_comes_out_at_the_other_side(
    home: World, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = table(tmp_path / f"t{ending}", row(), row())
    words = ("table", "send", file, "returns", APPLICATION, "--to", "theirs")
    status, told = run(capsys, *words)
    if status == 1:
        codes: dict[int, list[str]] = {2: [], 3: []}
        for one in told["errors"]:
            codes[one["row"]].append(one["remedy"].split("put ")[1].split()[0])
        assert home.ours.count(MESSAGE) == 0
        table(file, *(row() | {"#confirm": " ".join(codes[n])} for n in (2, 3)))
        status, told = run(capsys, *words)
    assert status == 0, told
    assert [one["row"] for one in told] == [2, 3]
    assert len({one["number"] for one in told}) == 2
    home.ours.courier.wake()
    for one in told:
        await home.ours.reaches(one["id"], "delivered")
    monkeypatch.setattr("node.cli.tables.open_node", lambda _: home.theirs.node)
    out = tmp_path / f"out{ending}"
    assert run(capsys, "table", "export", "returns", APPLICATION, "--out", out, "--peer", "ours")[1]["rows"] == 2
    found = read_table(out, SHAPE, ("message", "peer"))
    assert [dict(one.values) for one in found.rows] == [row(), row()]
    assert [one.ours["message"] for one in found.rows] == [one["id"] for one in told]


async def test_with_one_wrong_row_none_is_sent_and_each_error_is_named(
    home: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = next(name for name, value in row().items() if value == "false")
    file = table(tmp_path / "t.csv", row(), row(**{name: "perhaps"}), row(**{"#case": "2026-9999"}))
    status, told = run(capsys, "table", "send", file, "returns", APPLICATION, "--to", "theirs")
    assert status == 1
    assert [(one["row"], one["column"]) for one in told["errors"]] == [(3, name)]
    assert "perhaps" in told["errors"][0]["value"]
    assert told["errors"][0]["remedy"]
    status, told = run(capsys, "table", "check", file, "returns", APPLICATION)
    assert (status, len(told["errors"])) == (1, 1)
    file = table(tmp_path / "t.csv", row(), row(**{"#case": "2026-9999"}))
    status, told = run(capsys, "table", "send", file, "returns", APPLICATION, "--to", "theirs")
    assert status == 1
    assert home.ours.count(MESSAGE) == 0
    assert home.ours.blob_files() == set()


async def test_attachments_that_rows_name_are_taken_from_a_folder_with_their_digests(
    home: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check((EXAMPLES / "good/application.xml").read_bytes(), DOMAINS)
    assert isinstance(found, CheckedRecord)
    values = row_of(found.root, SHAPE)
    digests = [
        name for name, value in values.items() if len(value) == 64 and all(one in "0123456789abcdef" for one in value)
    ]
    assert len(digests) == 2
    file = table(tmp_path / "t.csv", values | dict.fromkeys(digests, ""))
    words = ("table", "send", file, "returns", APPLICATION, "--to", "theirs")
    assert run(capsys, *words)[0] == 1, "without the files it says what is missing"
    status, told = run(capsys, *words, "--files", EXAMPLES / "attachments")
    assert status == 0, told
    assert len(home.ours.shown(told[0]["id"])["parts"]) == 3


def test_an_empty_table_has_every_column_with_what_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for domain in DOMAINS:
        for record in domain.records:
            file = tmp_path / f"{domain.name}-{record}.csv"
            status, told = run(capsys, "table", "new", domain.name, record, "--out", file, "--home", tmp_path / "none")
            assert status == 0
            assert told["columns"][:2] == ["#case", "#confirm"]
    file = tmp_path / "t.xlsx"
    run(capsys, "table", "new", "returns", APPLICATION, "--out", file, "--home", tmp_path / "none")
    head = next(load_workbook(file).worksheets[0].iter_rows())
    notes = {cell.value: cell.comment.text for cell in head if cell.comment}
    assert any("a day as" in text for text in notes.values())
    status, told = run(capsys, "table", "new", "returns", APPLICATION, "--out", tmp_path / "t.ods")
    assert status == 1
