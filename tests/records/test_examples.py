"""Each domain's examples: the good ones pass, each bad one fails for the reason stated beside it, and no other."""

import re
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from node.records import CheckedRecord, Domains, check, check_files, person_names, read_xml
from node.records.validator import ASK, SCHEMATRON

SCHEMAS = Path(__file__).parents[2] / "schemas"
GOOD = sorted(SCHEMAS.glob("*/*/examples/good/*.xml"))
BAD = sorted(SCHEMAS.glob("*/*/examples/bad/*.xml"))
# Not read as XML: one of them is bad because it is none.
ROOT_ELEMENT = re.compile(r"<([A-Z]\w+)[\s>]")
BAD_XML = re.compile(r"examples/bad/.*\.xml")
# Names of ICAO Doc 9303's own specimens (parts 3 to 7), the only persons whom examples may name.
SPECIMENS = {
    "ERIKSSON, ANNA MARIA", "VAN DER MUELLEN, MARTIN", "SMITH-JONES, SUSIE MARGARET", "HENG, DEBORAH MING LO",
    "O'CONNOR, ENYA SIOBHAN", "PAPANDROPOULOUS, JONATHON ALEC", "ARKFREITH", "SMITH-JONES",
    "AL-BASRI, HUDA MUHAMMAD JAWAD", "VILARCHAO FERNANDEZ, JOSE RAMON",
}  # fmt: skip


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parts[-5]}-{path.stem}")
def test_good_example_passes(path: Path, domains: Domains) -> None:
    result = check(path.read_bytes(), domains)
    assert isinstance(result, CheckedRecord), result
    assert result.service == f"urn:depesha:{path.parts[-5]}:{path.parts[-4]}"
    assert {str(name) for name in person_names(result.root, result.shape)} <= SPECIMENS


@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parts[-5]}-{path.stem}")
def test_bad_example_fails_for_the_stated_reason(path: Path, domains: Domains) -> None:
    stated = tomllib.loads(path.with_suffix(".toml").read_text())
    assert stated["reason"]
    rows = check_files([path], domains)
    problems = check(path.read_bytes(), domains)
    assert isinstance(problems, list)
    found = [{"rule": one.rule, "field": one.field, "line": one.line} for one in problems]
    assert found == stated["problems"]
    assert [row["line"] for row in rows] == [one["line"] for one in stated["problems"]]
    for row in rows:
        assert set(row) == {"file", "line", "field", "found", "expected", "remedy"}
        assert row["file"] == str(path)
        assert row["expected"]
        assert row["remedy"]


@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parts[-5]}-{path.stem}")
def test_the_line_named_is_the_line_of_the_field(path: Path, domains: Domains) -> None:
    lines = path.read_text().splitlines()
    problems = check(path.read_bytes(), domains)
    assert isinstance(problems, list)
    for problem in problems:
        if problem.field != "/":
            name = [step for step in problem.field.split("/") if not step.startswith("@")][-1:] or [lines[1].split()[0]]
            plain = re.sub(r"\[\d+\]", "", name[0]).lstrip("<")
            if problem.field.startswith("@"):
                plain = etree.QName(read_xml(path.read_bytes())).localname
            assert f"<{plain}" in lines[problem.line - 1]


def test_every_rule_has_an_example_that_breaks_it() -> None:
    for rules in SCHEMAS.glob("*/*/rules.sch"):
        asserts = etree.parse(rules).getroot().iter(f"{{{SCHEMATRON}}}assert")
        refusing = {node.get("id") for node in asserts if node.get("role") != ASK}
        broken = {
            problem["rule"]
            for sidecar in (rules.parent / "examples" / "bad").glob("*.toml")
            for problem in tomllib.loads(sidecar.read_text())["problems"]
        }
        assert refusing
        assert refusing - broken == set(), rules


def test_every_record_has_a_good_example(domains: Domains) -> None:
    for domain in domains:
        shown = {
            etree.QName(read_xml(content)).localname
            for path, content in domain.files.items()
            if path.startswith("examples/good/")
        }
        assert set(domain.records) == shown


def test_every_record_has_a_bad_example(domains: Domains) -> None:
    for domain in domains:
        bad = [content.decode() for path, content in domain.files.items() if BAD_XML.fullmatch(path)]
        shown = {found[1] for content in bad if (found := ROOT_ELEMENT.search(content))}
        assert set(domain.records) - shown == set(), domain.namespace


def test_rules_name_no_value_and_say_what_to_do() -> None:
    for rules in SCHEMAS.glob("*/*/rules.sch"):
        for node in etree.parse(rules).getroot().iter(f"{{{SCHEMATRON}}}assert"):
            expected, _, remedy = " ".join((node.text or "").split()).partition(". ")
            assert expected, node.get("id")
            assert remedy.endswith("."), node.get("id")
            assert len(node) == 0, f"{node.get('id')} may not quote values"
