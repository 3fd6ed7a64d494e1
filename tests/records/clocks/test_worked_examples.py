"""Ends worked out by hand from the articles: each figure of each template, and all that makes days count otherwise."""

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from node.records import Domain, Domains
from node.records.clocks import CaseTerms, Span, Template, Unit, read_templates
from node.records.clocks.templates import EXTENSION, FIGURES, read_figures
from tests.records.clocks.drafted import case_terms

EXAMPLES = list(csv.DictReader(Path(__file__).with_name("worked-examples.csv").open()))
ZONE = ZoneInfo("Europe/Belgrade")
DAY = timedelta(days=1)
DAYS = {Unit.CALENDAR_DAYS, Unit.WORKING_DAYS, Unit.WEEKS, Unit.MONTHS, Unit.YEARS}
PERIODS_PAGE = Path(__file__).parents[3] / "docs/reference/periods.md"


@pytest.fixture(scope="module")
def templates(domains: Domains) -> dict[str, Template]:
    return {name: one for domain in domains for name, one in read_templates(domain.files).items()}


def end_of(terms: CaseTerms, row: dict[str, str]) -> datetime:
    name = row["period"].removesuffix(EXTENSION)
    found = terms.ends(name, Span.at(datetime.fromisoformat(row["start"])), extended=name != row["period"])
    assert found is not None
    assert found.certain
    return found.latest


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: f"{row['template']}-{row['period']}-{row['start']}")
def test_a_deadline_is_as_worked_out_by_hand(templates: dict[str, Template], row: dict[str, str]) -> None:
    terms = case_terms(templates[row["template"]], rolls="rolling" in row["shows"])
    assert end_of(terms, row) == datetime.fromisoformat(row["end"]), row["by hand"]


def test_every_figure_of_a_template_has_a_worked_example(templates: dict[str, Template]) -> None:
    known = {(name, figure.name) for name, one in templates.items() for figure in one.figures.values() if figure.number}
    assert known == {(row["template"], row["period"]) for row in EXAMPLES}
    assert all(row["by hand"].count(":") for row in EXAMPLES)


def test_every_template_has_examples_of_what_makes_days_count_otherwise(templates: dict[str, Template]) -> None:
    for name, template in templates.items():
        units = {one.unit for one in template.figures.values() if one.number}
        wanted = {"spring", "autumn", "leap", "rolling"} if units & DAYS else set()
        wanted |= {"holiday"} if Unit.WORKING_DAYS in units else set()
        wanted |= {"month-end"} if units & {Unit.MONTHS, Unit.YEARS} else set()
        shown = {one for row in EXAMPLES if row["template"] == name for one in row["shows"].split()}
        assert wanted <= shown, f"{name} lacks {sorted(wanted - shown)}"


def test_the_examples_show_what_they_say(templates: dict[str, Template]) -> None:
    for row in EXAMPLES:
        for mark in row["shows"].split():
            assert SHOWN[mark](templates[row["template"]], row), (mark, row)


def days_between(row: dict[str, str]) -> list[date]:
    start, end = (datetime.fromisoformat(row[key]).astimezone(ZONE) for key in ("start", "end"))
    first, last = sorted((start.date(), (end - timedelta(microseconds=1)).date()))
    return [first + DAY * number for number in range((last - first).days + 1)]


def hours_change(row: dict[str, str], by: int) -> bool:
    found = sorted(datetime.fromisoformat(row[key]).astimezone(ZONE) for key in ("start", "end"))
    first, last = (one.utcoffset() for one in found)
    assert first is not None
    assert last is not None
    # A period that counts back may end with the last day before the change.
    return last - first == timedelta(hours=by)


def falls_short(_: Template, row: dict[str, str]) -> bool:
    start = datetime.fromisoformat(row["start"]).astimezone(ZONE).date()
    last = days_between(row)[-1]
    return start.day > last.day and (last + DAY).day == 1


def has_a_holiday(template: Template, row: dict[str, str]) -> bool:
    calendar = case_terms(template).calendars["they"]
    return any(not calendar.works(day) and day.weekday() < 5 for day in days_between(row))


def rolls_over(template: Template, row: dict[str, str]) -> bool:
    return end_of(case_terms(template), row) != end_of(case_terms(template, rolls=True), row)


SHOWN = {
    "spring": lambda _, row: hours_change(row, 1),
    "autumn": lambda _, row: hours_change(row, -1),
    "leap": lambda _, row: any((day.month, day.day) == (2, 29) for day in days_between(row)),
    "month-end": falls_short,
    "holiday": has_a_holiday,
    "rolling": rolls_over,
}


def test_every_row_of_the_figures_is_used_or_is_named_with_the_reason_why_not(domains: Domains) -> None:
    listed = rows_without_use(PERIODS_PAGE.read_text(encoding="utf-8"))
    known = {key for domain in domains for key in keys(domain)}
    unused = {key for domain in domains for key in keys(domain) - used(domain)}
    assert unused - listed.keys() == set(), "neither used by a template nor listed in periods.md"
    assert listed.keys() - unused == set(), "listed as unused, but used or not there"
    assert all(listed.values())
    assert len(known) > len(unused) > 0


def keys(domain: Domain) -> set[tuple[str, str, str]]:
    if FIGURES not in domain.files:
        return set()
    rows = read_figures(domain.files[FIGURES])
    found = {(row.agreement, row.article, row.what) for row in rows}
    assert len(found) == len(rows), "two rows of one agreement, article and subject cannot be told apart"
    return found


def used(domain: Domain) -> set[tuple[str, str, str]]:
    return {
        (row.agreement, row.article, row.what)
        for template in read_templates(domain.files).values()
        for figure in template.figures.values()
        for row in figure.rows
    }


def rows_without_use(page: str) -> dict[tuple[str, str, str], str]:
    """The table under the heading that says so: agreement, article and subject of a row, and why nothing uses it."""
    section = page.partition("## Figures that no template uses\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {(agreement, article, what): why for agreement, article, what, why in cells[2:]}
