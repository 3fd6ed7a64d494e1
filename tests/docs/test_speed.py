"""The page about speed shows the figures that the bench wrote, of the lines that the bench has."""

from collections.abc import Callable

import pytest

from tests.bench import phase4, processes
from tests.bench.__main__ import SECTIONS, SHORT
from tests.bench.sections import read, replaced
from tests.bench.wire import FLOORS
from tests.docs.console import ROOT

PAGE = ROOT / "docs/reference/speed.md"
FIGURES = ROOT / "docs/reference/speed.txt"
# Of sections with fixed lines: how many are heads and feet, and what the others begin with.
LINES: dict[str, tuple[int, int, Callable[[], list[str]]]] = {
    "wire": (3, 0, lambda: [*FLOORS, "all four"]),
    "exchange": (3, 0, lambda: [str(one) for one in SHORT]),
    "phase4": (3, 1, phase4.lines),
    "drain": (3, 1, lambda: ["steady", "drain, from ready on", "drain, from the first receipt on"]),
    "processes": (3, 0, processes.lines),
}


def test_the_page_quotes_the_figures_as_they_were_written() -> None:
    assert f"```text\n{FIGURES.read_text(encoding='utf-8')}```\n" in PAGE.read_text(encoding="utf-8")


def test_every_section_of_the_figures_is_one_of_the_bench_with_every_line_of_it() -> None:
    sections = read(FIGURES.read_text(encoding="utf-8"))
    assert {"wire", "exchange"} <= set(sections) <= set(SECTIONS)
    for name, lines in sections.items():
        if name not in LINES:
            continue
        heads, feet, begins = LINES[name]
        between = lines[heads : len(lines) - feet]
        assert [line[: len(begin) + 1].rstrip() for line, begin in zip(between, begins(), strict=True)] == begins()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "b: new\n"),
        ("a: 1\nx\n", "a: 1\nx\n\nb: new\n"),
        ("b: 1\nx\n\na: 1\n", "b: new\n\na: 1\n"),
    ],
)
def test_a_section_is_replaced_where_it_stands_or_put_at_the_end(before: str, after: str) -> None:
    assert replaced(before, "b", ["b: new"]) == after
