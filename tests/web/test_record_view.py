"""A record as a page shows it: only what the record says, in the order of the form."""

from pathlib import Path

import pytest

from node.records import Shape, load_domains
from node.web.language import Language
from node.web.record_view import RecordView
from node.web.views import Section

GOOD = Path(__file__).parents[2] / "schemas" / "returns" / "1" / "examples" / "good"
MINIMAL = (GOOD / "minimal-application.xml").read_bytes()
LANGUAGE = Language.of("en", "Europe/Paris")


@pytest.fixture(scope="module")
def application() -> Shape:
    domain = load_domains().named("returns")
    assert domain is not None
    return domain.records["ReadmissionApplication"]


def sections(content: bytes, shape: Shape) -> dict[str, Section]:
    return {section.heading: section for section in RecordView(content, shape, LANGUAGE, {}).sections()}


def test_an_empty_part_keeps_its_place_and_claims_nothing(application: Shape) -> None:
    shown = sections(MINIMAL, application)
    headings = list(shown)
    evidence = shown["E. Means of evidence"]
    assert (evidence.rows, evidence.empty) == ((), True)
    assert headings.index("A. Personal details") + 1 == headings.index("E. Means of evidence")
    assert headings.index("E. Means of evidence") + 1 == headings.index("Signature and seal")
    assert [heading for heading, section in shown.items() if section.empty] == ["E. Means of evidence"]


def test_an_empty_group_that_is_no_part_claims_nothing(application: Shape) -> None:
    content = MINIMAL.replace(b"<Nationality>", b"<PhysicalDescription/><Nationality>", 1)
    rows = {row.label: row.value for row in sections(content, application)["A. Personal details"].rows}
    assert rows["4. Physical description"] == "nothing given"


def test_text_in_an_empty_part_of_a_refused_record_is_shown(application: Shape) -> None:
    content = MINIMAL.replace(b"<MeansOfEvidence/>", b"<MeansOfEvidence>a passport</MeansOfEvidence>")
    (row,) = sections(content, application)["E. Means of evidence"].rows
    assert row.value == "a passport"
