"""Terms from templates: figures with their source, a person where none confirms them, ends as worked out by hand."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from node.records import Domain
from node.records.clocks import (
    CaseTerms,
    Confirmed,
    Counting,
    Counts,
    Draft,
    Extends,
    PeriodError,
    Place,
    Silence,
    Span,
    Template,
    TemplateError,
    Terms,
    TermsPeriod,
    Unconfirmed,
    Unit,
    WithoutReceipt,
    confirm,
    read_templates,
    read_terms,
    terms_of,
    unconfirmed,
    write_terms,
)
from node.records.clocks.templates import COUNTING, EXTENSION, FIGURES, read_figures
from node.records.procedures import BY_TERMS, Procedure
from tests.records.clocks.drafted import NOW, ROLES, case_terms, confirmed, draft

CONSENT = ("tacit acceptance", "document is accepted", "no answer: operation may begin")
SHIPPED = [
    "austria-kosovo", "austria-montenegro", "austria-serbia", "directive-2003-110", "ec-albania",
    "ec-bosnia-and-herzegovina", "ec-montenegro", "ec-north-macedonia", "ec-serbia", "france-serbia",
    "switzerland-bosnia-and-herzegovina", "switzerland-kosovo", "switzerland-montenegro",
    "switzerland-north-macedonia", "switzerland-serbia", "transit-clause",
]  # fmt: skip


@pytest.fixture(scope="module")
def templates(returns: Domain) -> dict[str, Template]:
    return read_templates(returns.files)


def test_the_list_is_of_all_templates(templates: dict[str, Template]) -> None:
    assert sorted(templates) == SHIPPED


def test_every_row_that_a_template_uses_gives_its_number_unit_and_doubt(templates: dict[str, Template]) -> None:
    units = {"calendar days": "calendar-days", "working days": "working-days", "days": "calendar-days"}
    seen = 0
    for template in templates.values():
        for figure in template.figures.values():
            row = figure.rows[0]
            assert row.agreement in template.agreements
            assert figure.number == row.number
            if row.number is not None:
                plain = row.unit.partition(" (")[0]
                expected = "working-days" if "working days" in row.unit else units.get(plain, plain)
                assert figure.unit == expected, row
                seen += 1
            assert figure.ground.source == row.source
            assert bool(figure.unconfirmed) == (figure.confirmed is not Confirmed.YES)
    assert seen >= 60


def test_silence_accepts_only_where_a_row_says_so(templates: dict[str, Template]) -> None:
    for template in templates.values():
        for figure in template.figures.values():
            if figure.silence is Silence.ACCEPTED:
                said = " ".join(f"{row.what} {row.counted_from}" for row in figure.rows)
                assert any(words in said for words in ("tacit acceptance", "document is accepted", "no answer: ")), (
                    figure
                )
    assert templates["switzerland-north-macedonia"].figures["reply"].silence is Silence.OVERDUE


def test_unconfirmed_figures_are_named_with_their_source_and_stop_the_terms(templates: dict[str, Template]) -> None:
    made = draft(templates["ec-serbia"])
    waiting = unconfirmed(made)
    assert sorted(waiting) == ["counting", "error", "reply-accelerated", "submission-accelerated", "transit-reply"]
    assert waiting["reply-accelerated"] == (
        "its length (2 working days (unit masked in the copy)) is confirmed in part only (EC-Serbia 10(2); source: "
        'Serbian ratification text, clause "Rokovi" (lawinsider hr/clause/rokovi/_2); some words masked in the copy)'
    )
    with pytest.raises(Unconfirmed, match="confirm or change it") as stopped:
        terms_of(made)
    assert stopped.value.figures == waiting
    for name in ("reply-accelerated", "submission-accelerated", "counting"):
        made = confirm(made, name, "head", NOW)
    made = confirm(made, "transit-reply", "head", NOW, dropped=True)
    with pytest.raises(Unconfirmed) as stopped:
        terms_of(made)
    assert list(stopped.value.figures) == ["error"]
    # Its length is not known, so that saying yes is not enough.
    with pytest.raises(PeriodError, match="error: found no length"):
        confirm(made, "error", "head", NOW)
    terms = terms_of(confirm(made, "error", "head", NOW, TermsPeriod(3, Unit.MONTHS, "requested")))
    assert terms.periods["error"].number == 3
    assert (terms.grounds["error"].confirmed_by, terms.grounds["error"].confirmed_at) == ("head", NOW)
    assert terms.grounds["reply"].confirmed_by is None
    assert terms.grounds["reply"].article == "EC-Serbia 10(2)"


def test_a_person_may_change_drop_and_add(templates: dict[str, Template]) -> None:
    made = draft(templates["ec-montenegro"])
    counting = Counting(
        "requested", ("requested", "requesting"), rolls=True, answer=Counts.SENT,
        without_receipt=WithoutReceipt(48, received=True),
    )  # fmt: skip
    made = confirm(made, "counting", "head", NOW, counting)
    made = confirm(made, "reply", "head", NOW)
    made = confirm(made, "reply.extension", "head", NOW, dropped=True)
    made = confirm(
        made, "reply-accelerated", "head", NOW, TermsPeriod(3, Unit.WORKING_DAYS, "requested", ("requested",))
    )
    made = confirm(made, "transfer", "head", NOW, TermsPeriod(3, Unit.MONTHS, "requested"))
    terms = terms_of(made)
    assert terms.answer is Counts.SENT
    assert terms.without_receipt == WithoutReceipt(48, received=True)
    assert terms.periods["reply"].rolls
    assert terms.periods["reply"].extension is None
    assert terms.periods["reply-accelerated"].number == 3
    assert terms.periods["transfer"].number == 3
    assert terms.grounds["transfer"].confirmed_by == "head"


def test_an_extension_that_the_template_lacks_extends_its_period(templates: dict[str, Template]) -> None:
    made = confirm(draft(templates["ec-albania"]), "counting", "head", NOW)
    for name in unconfirmed(made):
        made = confirm(made, name, "head", NOW, dropped=True)
    assert "reply.extension" not in made.template.figures
    plain = TermsPeriod(6, Unit.CALENDAR_DAYS, "requested")
    with pytest.raises(PeriodError, match=r"reply\.extension: found no extends, expected added or total"):
        confirm(made, "reply.extension", "head", NOW, plain)
    added = replace(plain, extends=Extends.ADDED)
    with pytest.raises(PeriodError, match=r"repply\.extension: found no period repply, expected an extension of"):
        confirm(made, "repply.extension", "head", NOW, added)
    extended = confirm(made, "reply.extension", "head", NOW, added)
    terms = terms_of(extended)
    assert terms.periods["reply"].extension == added
    assert "reply.extension" not in terms.periods
    assert terms.grounds["reply.extension"].confirmed_by == "head"
    # What a person added, a person takes away again.
    assert terms_of(confirm(extended, "reply.extension", "head", NOW, dropped=True)) == terms_of(made)


def test_an_added_period_may_be_extended_and_goes_with_its_extension(templates: dict[str, Template]) -> None:
    made = confirm(draft(templates["ec-bosnia-and-herzegovina"]), "counting", "head", NOW)
    made = confirm(made, "reply", "head", NOW, dropped=True)
    longer = confirm(made, "travel-document", "head", NOW, TermsPeriod(3, Unit.CALENDAR_DAYS, "requested"))
    extension = TermsPeriod(2, Unit.CALENDAR_DAYS, "requested", extends=Extends.ADDED)
    longer = confirm(longer, "travel-document.extension", "head", NOW, extension)
    assert terms_of(longer).periods["travel-document"].extension == extension
    assert terms_of(confirm(longer, "travel-document", "head", NOW, dropped=True)).periods == {}


def test_what_depends_on_a_dropped_period_goes_with_it(templates: dict[str, Template]) -> None:
    made = confirm(draft(templates["ec-bosnia-and-herzegovina"]), "counting", "head", NOW)
    made = confirm(made, "reply", "head", NOW, dropped=True)
    assert unconfirmed(made) == {}
    assert terms_of(made).periods == {}


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("nothing", {}, "figure: found nothing, expected one of counting, submission"),
        ("reply", {"value": Counting("requested", ())}, "reply: found Counting"),
        ("counting", {"value": TermsPeriod(3, Unit.MONTHS, "requested")}, "counting: found TermsPeriod"),
        ("counting", {"dropped": True}, "counting: found dropped"),
        ("reply", {"by": ""}, "confirmation: found nobody"),
        ("reply", {"at": NOW.replace(tzinfo=None)}, "a time with its zone"),
    ],
)
def test_a_confirmation_that_says_nothing_is_refused(
    templates: dict[str, Template], name: str, arguments: dict[str, object], named: str
) -> None:
    given = {"by": "head", "at": NOW, **arguments}
    with pytest.raises(PeriodError) as refused:
        confirm(draft(templates["ec-serbia"]), name, **given)  # type: ignore[arg-type]
    assert named in str(refused.value)


def test_sides_follow_from_the_countries(templates: dict[str, Template]) -> None:
    assert confirmed(templates["ec-serbia"]).sides == {"we": "Member State", "they": "Serbia"}
    assert confirmed(templates["austria-kosovo"]).sides == {"we": "Austria", "they": "Kosovo"}
    made = draft(templates["austria-kosovo"])
    wrong = Draft(made.template, made.service, made.places, {"we": "DEU", "they": "XKX"})
    for name in unconfirmed(wrong):
        wrong = confirm(wrong, name, "head", NOW)
    with pytest.raises(PeriodError, match="one of each side: Kosovo, Austria"):
        terms_of(wrong)


def test_two_sides_compare_what_counts_and_not_who_confirmed_it(templates: dict[str, Template]) -> None:
    ours, theirs = confirmed(templates["ec-albania"]), confirmed(templates["ec-albania"])
    theirs = replace(theirs, title="Another", grounds={})
    assert ours.digest != theirs.digest
    assert ours.common_digest == theirs.common_digest
    longer = {**theirs.periods, "reply": replace(theirs.periods["reply"], number=15)}
    assert replace(theirs, periods=longer).common_digest != ours.common_digest


def test_terms_come_back_as_they_were_with_the_same_digest(templates: dict[str, Template]) -> None:
    digests = set()
    for template in templates.values():
        terms = confirmed(template)
        content = write_terms(terms)
        read = read_terms(json.loads(content))
        assert read == terms
        assert write_terms(read) == content
        digests.add(read.digest)
    assert len(digests) == len(SHIPPED)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": "depesha/terms/v2"}, "format"),
        ({"places": {"we": {"zone": "Europe/Vienna", "day_ends": "24:00"}}}, "places: found 1"),
        ({"places": {"we": {"zone": "Europe/Wien", "day_ends": "24:00"}, "they": {}}}, "zone: found Europe/Wien"),
        ({"periods": {"reply": {"number": "10"}}}, "number: found 10"),
        ({"periods": {"reply": {"number": 10, "unit": "fortnights", "days_of": "requested"}}}, "fortnights"),
        ({"periods": {"reply": {"nmber": 10}}}, "period: found nmber"),
        ({"periods": []}, "terms: found"),
        ({"without_receipt": {"hours": -1, "received": True}}, "without_receipt"),
    ],
)
def test_terms_that_are_broken_are_refused_in_words(
    templates: dict[str, Template], change: dict[str, object], named: str
) -> None:
    document = json.loads(write_terms(confirmed(templates["ec-serbia"])))
    with pytest.raises(PeriodError) as refused:
        read_terms({**document, **change})
    assert named in str(refused.value)


def test_days_are_those_of_the_role_that_the_terms_name(templates: dict[str, Template]) -> None:
    terms = confirmed(templates["ec-albania"])
    places = {"we": Place("Europe/Athens", time(16)), "they": Place("Europe/Belgrade")}
    moved = Terms(**{**{name: getattr(terms, name) for name in Terms.__dataclass_fields__}, "places": places})
    start = Span.at(datetime(2026, 11, 2, 9, tzinfo=UTC))
    ours = CaseTerms(moved, {"requesting": "they", "requested": "we"}, {}).ends("reply", start)
    theirs = CaseTerms(moved, ROLES, {}).ends("reply", start)
    assert ours is not None
    assert theirs is not None
    assert ours.latest == datetime(2026, 11, 16, 14, tzinfo=UTC)
    assert theirs.latest == datetime(2026, 11, 16, 23, tzinfo=UTC)


def test_a_case_asks_its_terms(templates: dict[str, Template]) -> None:
    terms = case_terms(templates["switzerland-bosnia-and-herzegovina"])
    assert (terms.begins("interview"), terms.begins("reply"), terms.begins("other")) == ("sent", "received", "received")
    assert (terms.silence_accepts("reply"), terms.silence_accepts("travel-document")) == (True, False)
    assert terms.party("travel-document") == "requested"
    assert terms.party("other") is None
    assert terms.answered() == "received"
    assert terms.without_receipt() is None
    assert terms.end_of_day("document-validity", date(2026, 11, 12)) == datetime(2026, 11, 12, 23, tzinfo=UTC)
    assert terms.end_of_day("not in the terms", date(2026, 7, 12)) == datetime(2026, 7, 12, 22, tzinfo=UTC)
    start = Span.at(NOW)
    with pytest.raises(PeriodError, match="period transfer: found none in the terms"):
        terms.ends("transfer", start)
    with pytest.raises(PeriodError, match="cannot be extended"):
        terms.ends("interview", start, extended=True)
    assert terms.ends("reply", start, pauses=((NOW + timedelta(days=1), None),)) is None
    asked = terms.ends("reply", start, extended=True, until=date(2026, 12, 18))
    assert asked is not None
    assert asked.last_day == date(2026, 12, 18)
    kosovo = case_terms(templates["switzerland-kosovo"])
    assert kosovo.party("travel-document") == "requesting"


def test_the_table_of_figures_is_read_whole(returns: Domain) -> None:
    rows = read_figures(returns.files[FIGURES])
    assert len(rows) == 94
    assert all(row.agreement and row.what and row.source for row in rows)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('what = "reply, all other cases"', 'what = "answer"', "reply: 0 rows of terms/periods.csv"),
        ('agreement = ["EC-Serbia"]', 'agreement = ["EC-Atlantis"]', "of the agreement EC-Atlantis"),
        ("first_day = false", "frist_day = false", "counting: unknown frist_day"),
        ('days_of = "requested"', "", "'days_of' is missing"),
        ("[period.transfer]", '[period.transfer]\nunit = "weeks"', "transfer.unit: found weeks"),
        ('extends = "added"', "", "extends"),
        ('extends = "added"', 'extends = "twice"', "twice"),
        ("title =", "title", "no TOML"),
    ],
)
def test_a_template_that_cannot_be_used_says_why(returns: Domain, old: str, new: str, named: str) -> None:
    path = "terms/ec-serbia.toml"
    files = {FIGURES: returns.files[FIGURES], path: returns.files[path].replace(old.encode(), new.encode(), 1)}
    with pytest.raises(TemplateError) as refused:
        read_templates(files)
    assert refused.value.file == path
    assert named in refused.value.reason


def test_templates_need_their_figures(returns: Domain) -> None:
    with pytest.raises(TemplateError, match=FIGURES):
        read_templates({"terms/ec-serbia.toml": returns.files["terms/ec-serbia.toml"]})
    assert read_templates({}) == {}
    with pytest.raises(TemplateError, match="row 1: KeyError"):
        read_templates({FIGURES: b"agreement,article\nx,1\n", "terms/ec-serbia.toml": b""})


def test_an_extension_says_how_it_is_meant() -> None:
    plain = TermsPeriod(6, Unit.CALENDAR_DAYS, "requested")
    with pytest.raises(PeriodError, match="extension: found no extension"):
        TermsPeriod(10, Unit.CALENDAR_DAYS, "requested", extension=plain)
    added = TermsPeriod(6, Unit.CALENDAR_DAYS, "requested", extends=Extends.ADDED)
    assert TermsPeriod(10, Unit.CALENDAR_DAYS, "requested", extension=added).extension == added


def test_the_page_names_what_waits_for_a_person(templates: dict[str, Template]) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/terms.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    said = {name.strip(" `"): set(re.findall("`([^`]+)`", what)) for names, what in rows for name in names.split(",")}
    waiting = {name: set(unconfirmed(draft(one))) - {COUNTING} for name, one in templates.items()}
    assert {name: waits for name, waits in said.items() if name in waiting} == waiting


def test_templates_speak_of_periods_and_parties_of_the_procedure(
    returns: Domain, templates: dict[str, Template]
) -> None:
    procedure = returns.procedure
    assert isinstance(procedure, Procedure)
    parties = {one.who.removeprefix(BY_TERMS) for one in procedure.transitions if one.who.startswith(BY_TERMS)}
    for template in templates.values():
        names = {name.removesuffix(EXTENSION) for name in template.figures}
        assert names <= set(procedure.periods), template.name
        assert set(template.named) <= parties, template.name
        assert {*template.named.values(), template.counting.days_of, *template.counting.calendars} <= set(ROLES)
