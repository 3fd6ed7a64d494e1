"""The page about speed shows the figures that the bench wrote, of the lines that the bench has."""

from tests.bench.__main__ import SHORT
from tests.bench.wire import FLOORS
from tests.docs.console import ROOT

PAGE = ROOT / "docs/reference/speed.md"
FIGURES = ROOT / "docs/reference/speed.txt"


def test_the_page_quotes_the_figures_as_they_were_written() -> None:
    assert f"```text\n{FIGURES.read_text(encoding='utf-8')}```\n" in PAGE.read_text(encoding="utf-8")


def test_the_figures_have_every_line_of_the_bench() -> None:
    of_wire, of_exchanges = (part.splitlines()[2:] for part in FIGURES.read_text(encoding="utf-8").split("\n\n"))
    assert [line[:26].rstrip() for line in of_wire] == [*FLOORS, "all four"]
    assert [line[:34].rstrip() for line in of_exchanges] == [str(one) for one in SHORT]
