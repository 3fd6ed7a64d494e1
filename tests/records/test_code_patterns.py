"""Long lists of codes are judged as patterns, with the same outcome as by the schema as it is written."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from node.records.code_patterns import pattern_of, with_code_patterns
from node.records.domains import Domain, load_domains
from node.records.reading import UnreadableError, read_xml
from node.records.validator import Validator, compile_schema

XS = "{http://www.w3.org/2001/XMLSchema}"
CODES = st.text("AB0-_", min_size=1, max_size=5)
DOMAINS = [*load_domains()]


def schema_files(facets: str, base: str = "xs:token") -> dict[str, bytes]:
    restriction = f'<xs:restriction base="{base}">{facets}</xs:restriction>'
    element = f'<xs:element name="a"><xs:simpleType>{restriction}</xs:simpleType></xs:element>'
    schema = f'<xs:schema xmlns:xs="{XS[1:-1]}" targetNamespace="urn:t">{element}</xs:schema>'
    return {"records/a.xsd": schema.encode()}


def enumerated(codes: list[str]) -> str:
    return "".join(f'<xs:enumeration value="{code}"/>' for code in codes)


@given(st.lists(CODES, min_size=1, max_size=60), st.lists(CODES, max_size=20))
def test_a_pattern_takes_its_codes_and_nothing_else(codes: list[str], others: list[str]) -> None:
    pattern = re.compile(pattern_of(codes))
    for text in (*codes, *others, *(code[:-1] for code in codes), *(code + "A" for code in codes)):
        assert bool(pattern.fullmatch(text)) == (text in codes)


def test_values_are_judged_as_by_the_list_with_spaces_around_them_too() -> None:
    codes = [f"{a}{b}{c}" for a in "AXZ" for b in "BX" for c in ("", "A", "AB")]
    files = schema_files(enumerated(codes))
    assert b"pattern" in with_code_patterns(files)["records/a.xsd"]
    validator, written = Validator("urn:t", files), compile_schema("urn:t", files)
    for value in (*codes, " AB ", "\n XXA\t", "A", "ABAB", "ABABA", "abA", "A B", ""):
        root = etree.fromstring(f'<a xmlns="urn:t">{value}</a>')
        assert (not validator.judge_schema(root)) == written.validate(root), value


def test_numbers_written_in_another_way_are_still_of_their_list() -> None:
    files = schema_files(enumerated([str(number) for number in range(20)]), "xs:integer")
    validator = Validator("urn:t", files)
    assert not validator.judge_schema(etree.fromstring('<a xmlns="urn:t">007</a>'))
    assert validator.judge_schema(etree.fromstring('<a xmlns="urn:t">20</a>'))


def test_a_list_with_another_facet_beside_it_is_left_as_it_is() -> None:
    files = schema_files(enumerated([f"C{n}" for n in range(20)]) + '<xs:maxLength value="2"/>')
    assert b"pattern" not in with_code_patterns(files)["records/a.xsd"]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_each_example_with_each_value_spoilt_is_found_as_by_the_schema_as_it_is_written(domain: Domain) -> None:
    written = compile_schema(domain.namespace, domain.files)
    good, bad = 0, 0
    for example in sorted(Path(domain.folder).glob("examples/*/*.xml")):
        try:
            root = read_xml(example.read_bytes())
        except UnreadableError:
            continue
        leaves = [one for one in root.iter("{*}*") if not len(one)] if example.parent.name == "good" else []
        for leaf in (None, *leaves):
            text = None if leaf is None else leaf.text
            if leaf is not None:
                leaf.text = (text or "")[:2]
            expected = written.validate(root)
            assert (not domain.validator.judge_schema(root)) == expected, example.name
            good, bad = good + expected, bad + (not expected)
            if leaf is not None:
                leaf.text = text
    assert good > 0
    assert bad > 0
