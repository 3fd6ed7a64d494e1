"""Places of transfer are held against the points that protocols name, where the terms name a protocol's list."""

from collections.abc import Sequence

import pytest

from node.records.check import CheckedRecord, check
from node.records.clocks import read_templates
from node.records.crossing_points import (
    FILE,
    NOT_AGREED,
    AgreedPoints,
    CrossingPointError,
    crossing_findings,
    read_crossing_points,
)
from node.records.domains import Domain, Domains, load_domains

KOSOVO = "Switzerland-Kosovo"


@pytest.fixture(scope="module")
def domains() -> Domains:
    return load_domains()


@pytest.fixture(scope="module")
def returns(domains: Domains) -> Domain:
    found = domains.find("urn:depesha:returns:1")
    assert found is not None
    return found


def notice(domains: Domains, returns: Domain, leaves: tuple[str, str], enters: tuple[str, str]) -> CheckedRecord:
    """The example's transfer notice, from one place and State to another."""
    text = returns.files["examples/good/transfer-notice.xml"].decode()
    for (place, state), (at, of) in ((("Paris, airport", "FRA"), leaves), (("Zenith, airport", "UTO"), enters)):
        text = text.replace(
            f"<At>{place}</At>\n      <State>{state}</State>", f"<At>{at}</At>\n      <State>{of}</State>"
        )
    checked = check(text.encode(), domains)
    assert isinstance(checked, CheckedRecord), checked
    return checked


def asked(
    domains: Domains, returns: Domain, stops: tuple[tuple[str, str], tuple[str, str]], lists: Sequence[str] = (KOSOVO,)
) -> list[str]:
    """What is found of these two stops."""
    points = tuple(point for point in read_crossing_points(returns.files) if point.list in lists)
    problems = crossing_findings(notice(domains, returns, *stops).fields, AgreedPoints(points, "the terms"))
    assert {one.rule for one in problems} <= {NOT_AGREED}
    return [one.found for one in problems]


@pytest.mark.parametrize(
    ("leaves", "enters", "found"),
    [
        ("Zurich Kloten", "Pristina", []),
        ("Zürich Kloten", "Prishtina airport", []),
        ("Flughafen Zürich-Kloten", "Приштина", []),
        ("St. Margrethen", "Vermica", []),
        ("Basel", "Merdare", []),
        ("Bern", "Merdare", ["Bern"]),
        ("Zurich Kloten", "Prizren", ["Prizren"]),
        ("Bern", "Prizren", ["Bern", "Prizren"]),
    ],
)
def test_a_place_that_is_no_agreed_point_is_asked_about(
    domains: Domains, returns: Domain, leaves: str, enters: str, found: list[str]
) -> None:
    assert asked(domains, returns, ((leaves, "CHE"), (enters, "XKX"))) == found
    assert asked(domains, returns, ((enters, "XKX"), (leaves, "CHE"))) == found[::-1], "whichever way"


def test_a_list_holds_between_its_two_states_alone(domains: Domains, returns: Domain) -> None:
    stops = (("Bern", "CHE"), ("Skopje, station", "MKD"))
    assert asked(domains, returns, stops) == []
    assert asked(domains, returns, stops, lists=()) == []
    assert asked(domains, returns, (("Linz", "AUT"), ("Skopje", "MKD")), (KOSOVO, "Austria-North Macedonia")) == [
        "Linz"
    ]


def test_what_is_expected_names_the_points_and_their_source(domains: Domains, returns: Domain) -> None:
    points = tuple(point for point in read_crossing_points(returns.files) if point.list == KOSOVO)
    record = notice(domains, returns, ("Zurich Kloten", "CHE"), ("Prizren", "XKX"))
    (problem,) = crossing_findings(record.fields, AgreedPoints(points, "Switzerland and Kosovo"))
    assert problem.field.endswith("/Arrival/At")
    assert problem.expected == (
        "one of Pristina (air); Hani i Elezit (road); Vermica (road); Kulla (road); Merdare (road)"
    )
    assert "Switzerland and Kosovo (SR 0.142.114.759 (3.2.2010))" in problem.remedy


def test_each_list_that_a_template_names_has_points_of_two_states(returns: Domain) -> None:
    points = read_crossing_points(returns.files)
    named = {one for template in read_templates(returns.files).values() for one in template.crossing_points}
    assert named == {point.list for point in points}
    assert {len({point.country for point in points if point.list == one}) for one in named} == {2}


def test_a_broken_table_is_refused_by_its_row(returns: Domain) -> None:
    rows = returns.files[FILE].decode().splitlines()
    broken = {FILE: "\n".join([*rows[:2], ",".join(["list", "", "air", "name", "source"])]).encode()}
    with pytest.raises(CrossingPointError, match=r"crossing-points\.csv: row 2: ValueError country is empty"):
        read_crossing_points(returns.files | broken)
