"""A case under the terms of an agreement: the engine's deadlines are those worked out by hand, alike on both sides."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from node.records import Domain
from node.records.clocks import (
    Silence,
    Template,
    read_templates,
)
from node.records.procedure_clock import ClockTerms
from node.records.procedure_events import Event, Span
from node.records.procedure_view import view
from node.records.procedures import REQUESTING, Procedure
from tests.records.clocks.drafted import NOW, case_terms

APPLICATIONS = {"reply": "apply", "reply-accelerated": "apply-accelerated"}
REPLIES = [
    row
    for row in csv.DictReader(Path(__file__).with_name("worked-examples.csv").open())
    if row["period"] in APPLICATIONS
]
MOMENT = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def templates(returns: Domain) -> dict[str, Template]:
    return read_templates(returns.files)


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: f"{row['template']}-{row['period']}-{row['start']}")
def test_silence_has_the_effect_agreed_at_the_end_worked_out(
    returns: Domain, templates: dict[str, Template], row: dict[str, str]
) -> None:
    procedure = returns.procedure
    assert isinstance(procedure, Procedure)
    template = templates[row["template"]]
    terms = ClockTerms(case_terms(template, rolls="rolling" in row["shows"]))
    start, end = (datetime.fromisoformat(row[key]) for key in ("start", "end"))
    application = APPLICATIONS[row["period"]]
    # The two sides wrote the application down at other times; the receipt's time is the same.
    sent, receipt = start - timedelta(hours=3), Span.at(start)
    ours = Event("a", application, REQUESTING, sent, receipt, 1, 0, persons=frozenset({"p1"}), recorded=sent)
    theirs = Event("a", application, REQUESTING, sent, receipt, 1, 0, persons=frozenset({"p1"}), recorded=NOW)
    for event in (ours, theirs):
        (reply,) = view(procedure, terms, [event], start).deadlines
        assert reply.end == Span.at(end), row["by hand"]
        assert view(procedure, terms, [event], end - MOMENT).state == "applied"
        silence = template.figures[row["period"]].silence
        after = "deemed-accepted" if silence is Silence.ACCEPTED else "overdue"
        assert view(procedure, terms, [event], end).state == after
