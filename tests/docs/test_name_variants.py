"""The published table of spellings is the one that the node reads."""

import csv

from tests.docs.console import ROOT


def test_the_page_has_every_row_of_the_table_and_no_other() -> None:
    page = (ROOT / "docs/reference/name-variants.md").read_text(encoding="utf-8")
    with (ROOT / "node/records/data/name-variants.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            f"| {row['written']} | {', '.join(row['read_as'].split()) or 'nothing'} |" for row in csv.DictReader(file)
        ]
    assert page[page.index("| --- | --- |") :].splitlines()[1:] == rows
