"""A case under the terms of an agreement: the engine's deadlines are those worked out by hand, alike on both sides."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.records import Domain
from node.records.clocks import (
    CaseTerms,
    Draft,
    Place,
    Silence,
    Template,
    confirm,
    proposal,
    read_templates,
    terms_of,
    unconfirmed,
)
from node.records.clocks.templates import COUNTING
from node.records.procedure_clock import ClockTerms
from node.records.procedure_events import Event, Span
from node.records.procedure_view import view
from node.records.procedures import REQUESTED, REQUESTING, Procedure

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
ALPHA2 = {"ALB": "AL", "SRB": "RS", "MNE": "ME", "BIH": "BA", "MKD": "MK", "XKX": "XK"}
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


def case_terms(template: Template) -> ClockTerms:
    (_, (country, *_)), (_, others) = template.sides.items()
    places = {"we": Place("Europe/Vienna"), "they": Place("Europe/Belgrade")}
    made = Draft(template, "urn:test:1", places, {"we": next(iter(others), "DEU"), "they": country})
    for name in unconfirmed(made):
        known = name == COUNTING or template.figures[name].number is not None
        made = confirm(made, name, "head", NOW, dropped=not known)
    calendars = {"they": proposal(ALPHA2[country], 2026, 2030, "they", NOW)}
    return ClockTerms(CaseTerms(terms_of(made), {REQUESTING: "we", REQUESTED: "they"}, calendars))


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: f"{row['template']}-{row['period']}-{row['start']}")
def test_silence_has_the_effect_agreed_at_the_end_worked_out(
    returns: Domain, templates: dict[str, Template], row: dict[str, str]
) -> None:
    procedure = returns.procedure
    assert isinstance(procedure, Procedure)
    template = templates[row["template"]]
    terms = case_terms(template)
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
