"""A record is held against itself: machine-readable lines against fields, names against their own script, evidence
against the lists of the terms."""

from datetime import date
from pathlib import Path

import pytest

from node.records.check import CheckedRecord, check
from node.records.domains import Domains, load_domains
from node.records.person_findings import (
    NOT_COUNTED,
    TRANSLITERATION,
    UNCERTAIN,
    EvidenceLists,
    evidence_findings,
    person_findings,
    weighed_evidence,
)
from node.records.persons import read_evidence
from node.records.problems import Problem

ROOT = Path(__file__).parents[2]
APPLICATION = ROOT / "schemas/returns/1/examples/good/full-application.xml"
TODAY = date(2026, 11, 26)
LINE = "L898902C36UTO7408122F1204159ZE184226B"
NATIVE = ("<NativePrimary>ЕРИКССОН</NativePrimary>", "<NativeSecondary>АННА МАРИА</NativeSecondary>")


@pytest.fixture(scope="module")
def domains() -> Domains:
    return load_domains()


def record(domains: Domains, *changes: tuple[str, str]) -> CheckedRecord:
    text = APPLICATION.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    checked = check(text.encode(), domains)
    assert isinstance(checked, CheckedRecord), checked
    return checked


def found(domains: Domains, *changes: tuple[str, str]) -> list[Problem]:
    one = record(domains, *changes)
    return person_findings(one.fields, TODAY)


def rules(domains: Domains, *changes: tuple[str, str]) -> list[str]:
    return [one.rule for one in found(domains, *changes)]


def test_a_record_that_agrees_with_itself_asks_nothing(domains: Domains) -> None:
    assert found(domains) == []


def test_a_check_digit_that_does_not_agree_is_found_once(domains: Domains) -> None:
    assert rules(domains, (LINE, LINE.replace("C36UTO", "C37UTO"))) == ["mrz-number"]


def test_the_line_says_another_number_than_the_record(domains: Domains) -> None:
    (one,) = found(domains, ("<Number>L898902C3</Number>", "<Number>L898902C4</Number>"))
    assert (one.rule, one.found) == ("mrz-other-number", "L898902C3")
    assert "L898902C4" in one.expected
    assert rules(domains, ("<Number>L898902C3</Number>", "<Number>l 898-902 c3</Number>")) == []


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        ("1975-08-12", ["mrz-other-birth"]),
        ("1974", []),
        ("unknown", []),
        ("1974-08", []),
        ("1973", ["mrz-other-birth"]),
    ],
)
def test_the_line_says_another_birth_than_the_record(domains: Domains, born: str, expected: list[str]) -> None:
    assert rules(domains, ("<Date>1974-08-12</Date>", f"<Date>{born}</Date>")) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ERIKSON", []),  # a doubled consonant may be written once
        ("Ériksson", []),
        ("JOHANSSON", ["mrz-other-name"]),
    ],
)
def test_the_line_says_another_name_than_the_record(domains: Domains, name: str, expected: list[str]) -> None:
    changes = [("<PrimaryIdentifier>ERIKSSON<", f"<PrimaryIdentifier>{name}<"), *((one, "") for one in NATIVE)]
    assert rules(domains, *changes) == expected


def test_the_line_may_have_the_name_before_marriage(domains: Domains) -> None:
    names = "P&lt;UTOERIKSSON&lt;&lt;ANNA&lt;MARIA"
    before = "P&lt;UTOSMITH&lt;JONES&lt;&lt;ANNA&lt;MARIA" + "&lt;" * 16
    old = names + "&lt;" * 19
    assert rules(domains, (old, before)) == []


def test_a_name_that_was_cut_agrees_as_far_as_it_goes(domains: Domains) -> None:
    old = "P&lt;UTOERIKSSON&lt;&lt;ANNA&lt;MARIA" + "&lt;" * 19
    line = "P<UTONILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"
    name = ("<PrimaryIdentifier>ERIKSSON<", "<PrimaryIdentifier>NILAVADHANANANDA<")
    given = ("<SecondaryIdentifier>ANNA MARIA<", "<SecondaryIdentifier>CHAYAPA DEJTHAMRONG KRASUANG<")
    other = ("<SecondaryIdentifier>ANNA MARIA<", "<SecondaryIdentifier>CHAYAPA DEJTHAMRONG PETCH<")
    changes = [(old, line.replace("<", "&lt;")), name, *((one, "") for one in NATIVE)]
    assert rules(domains, *changes, given) == []
    assert rules(domains, *changes, other) == ["mrz-other-name"]


@pytest.mark.parametrize(
    ("language", "native", "written", "expected"),
    [
        ("sr", "ЂОРЂЕВИЋ", "DORDEVIC", None),
        ("sr", "ЂОРЂЕВИЋ", "Đorđević", None),
        ("sr", "ЂОРЂЕВИЋ", "DJORDJEVIC", "DORDEVIC"),
        ("sr", "ЏАЈИЋ", "DZAJIC", None),
        ("mk", "ЏАМБАЗОВ", "DJAMBAZOV", None),
        ("mk", "ЏАМБАЗОВ", "DZAMBAZOV", "DJAMBAZOV"),
        ("de", "MÜLLER", "MUELLER", None),
        ("de", "MÜLLER", "MÜLLER", None),
        ("de", "MÜLLER", "MULLER", "MUELLER"),
        ("sq", "XHAFERI", "XHAFERI", None),
        ("el", "ΠΑΠΑΔΟΠΟΥΛΟΣ", "PAPADOPOULOS", None),  # no table has it: nothing is proposed
    ],
)
def test_letters_are_those_that_the_language_gives(
    domains: Domains, language: str, native: str, written: str, expected: str | None
) -> None:
    person = "<FullName>\n      <PrimaryIdentifier>VAN DER MUELLEN</PrimaryIdentifier>"
    changed = person.replace(
        "VAN DER MUELLEN</PrimaryIdentifier>",
        f"{written}</PrimaryIdentifier><SecondaryIdentifier>MARTIN</SecondaryIdentifier>"
        f"<NativePrimary>{native}</NativePrimary><NativeSecondary>MARTIN</NativeSecondary>",
    )
    text = APPLICATION.read_text(encoding="utf-8")
    before, spouse, after = text.partition("<Spouse id")
    after = after.replace(f"{person}\n      <SecondaryIdentifier>MARTIN</SecondaryIdentifier>", changed, 1)
    after = after.replace("<Language>en</Language>", f"<Language>{language}</Language>", 1)
    checked = check((before + spouse + after).encode(), domains)
    assert isinstance(checked, CheckedRecord), checked
    looks = [one for one in person_findings(checked.fields, TODAY) if one.rule == TRANSLITERATION]
    assert [one.expected for one in looks] == ([] if expected is None else [f"{expected} MARTIN"])


def lists(domains: Domains, *names: str, requested: str = "Serbia") -> EvidenceLists:
    domain = domains.find("urn:depesha:returns:1")
    assert domain is not None
    return EvidenceLists(read_evidence(domain.files), names, requested, "the terms")


SERBIA = ("EC-Serbia annex 1", "EC-Serbia annex 2")


def by_code(domains: Domains, one: CheckedRecord, *names: str) -> dict[str, tuple[str | None, str | None]]:
    weighed = weighed_evidence(one.fields, lists(domains, *names))
    return {piece.code: (piece.weight.strength, piece.weight.at_best) for piece in weighed}


def test_evidence_counts_by_the_lists_of_the_terms_and_its_date_of_issue(domains: Domains) -> None:
    passport = ("<Evidence>expired-proof</Evidence>", "<Evidence>passport</Evidence>")
    strong = by_code(domains, record(domains, passport), *SERBIA)
    assert strong["passport"] == ("proof", "proof")
    assert strong["driving-licence"] == (None, None), "another agreement's annexes have it"
    north = by_code(domains, record(domains, passport), "EC-North Macedonia annex 1", "EC-North Macedonia annex 2")
    assert (north["passport"][0], north["driving-licence"][0]) == ("proof", "prima facie")


def test_what_does_not_count_for_certain_is_asked_about(domains: Domains) -> None:
    one = record(domains)
    problems = evidence_findings(one.fields, lists(domains, *SERBIA))
    found = {(problem.rule, problem.found.partition(",")[0]) for problem in problems}
    assert (NOT_COUNTED, "driving-licence") in found
    assert (UNCERTAIN, "identity-card") in found, "its date of issue is not known, and that decides"
    known = record(
        domains,
        ("<IssuedOn>unknown</IssuedOn>", "<IssuedOn>2015</IssuedOn>"),
        ('occurred="unknown"', 'occurred="2015"'),
    )
    problems = evidence_findings(known.fields, lists(domains, *SERBIA))
    assert not [problem for problem in problems if problem.found.startswith("identity-card")]
