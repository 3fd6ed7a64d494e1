"""Records as rows and back, for every domain that there is."""

from pathlib import Path

import pytest
from lxml import etree

from node.records.check import CheckedRecord, check
from node.records.domains import load_domains, schemas_directory
from node.records.table_rows import Column, RowError, all_columns, column_named, in_order, record_of, row_error, row_of

DOMAINS = load_domains()
GOOD = [
    pytest.param(path, id=f"{path.parts[-5]}/{path.stem}")
    for path in sorted(schemas_directory().glob("*/*/examples/good/*.xml"))
]


def checked(content: bytes) -> CheckedRecord:
    found = check(content, DOMAINS)
    assert isinstance(found, CheckedRecord), found
    return found


def same(one: etree._Element, other: etree._Element) -> None:
    """As a receiver reads them: without the nonce, spaces between elements and comments."""
    assert one.tag == other.tag
    without = [{name: value for name, value in node.attrib.items() if name != "nonce"} for node in (one, other)]
    assert without[0] == without[1], one.tag
    children = [list(node.iterchildren("{*}*")) for node in (one, other)]
    if not children[0]:
        assert (one.text or "").strip() == (other.text or "").strip(), one.tag
    assert len(children[0]) == len(children[1]), one.tag
    for left, right in zip(*children, strict=True):
        same(left, right)


@pytest.mark.parametrize("path", GOOD)
def test_every_good_example_of_every_domain_comes_back_from_its_row(path: Path) -> None:
    record = checked(path.read_bytes())
    values = row_of(record.root, record.shape)
    columns = {name: column_named(record.shape, name) for name in values}
    assert not [name for name, column in columns.items() if isinstance(column, str)]
    known = {name: column for name, column in columns.items() if isinstance(column, Column)}
    # Columns may stand in any order.
    content = record_of(dict(reversed(values.items())), known, record.shape, 2)
    assert isinstance(content, bytes)
    again = checked(content)
    same(record.root, again.root)
    nonces = {name: record.root.get(name) for name in record.root.attrib if name == "nonce"}
    assert all(again.root.get(name) != value for name, value in nonces.items())


def test_columns_follow_from_the_shape_of_any_record() -> None:
    for domain in DOMAINS:
        for shape in domain.records.values():
            names = [one.name for one in all_columns(shape)]
            assert len(names) == len(set(names))
            assert "@nonce" not in names
            assert in_order(shape, list(reversed(names))) == names


def shape_with_children() -> tuple[str, CheckedRecord]:
    for path in sorted(schemas_directory().glob("*/*/examples/good/*.xml")):
        record = checked(path.read_bytes())
        for name in row_of(record.root, record.shape):
            if "[2]" in name:
                return name, record
    raise AssertionError("an example repeats an element")


def test_a_name_that_is_no_column_brings_the_nearest_one() -> None:
    name, record = shape_with_children()
    assert isinstance(column_named(record.shape, name), Column)
    assert isinstance(column_named(record.shape, name.replace("[2]", "[17]")), Column)
    close = column_named(record.shape, all_columns(record.shape)[3].name + "e")
    assert close == f"Did you mean {all_columns(record.shape)[3].name}?"
    for wrong in ("", "/", "@", "a[0]", "../x", "x[1001]", "a//b", "@a/b"):
        assert isinstance(column_named(record.shape, wrong), str), wrong


def test_what_is_wrong_names_row_column_value_and_remedy() -> None:
    name, record = shape_with_children()
    values = row_of(record.root, record.shape)
    known = {one: column for one in values if isinstance(column := column_named(record.shape, one), Column)}
    date = next(one for one, column in known.items() if column.field.type == "date" or "Date" in one)
    content = record_of(values | {date: "yesterday"}, known, record.shape, 7)
    assert isinstance(content, bytes)
    problems = check(content, DOMAINS)
    assert isinstance(problems, list)
    errors = [row_error(problem, 7) for problem in problems]
    assert (date, "yesterday") in [(one.column, one.value.strip("'\"")) for one in errors]
    assert all(one.row == 7 and one.remedy for one in errors)
    assert record_of({name: "a\x00b"}, known, record.shape, 7) == [
        RowError(7, name, "'a\\x00b'", "no control characters", "Take them out.")
    ]
