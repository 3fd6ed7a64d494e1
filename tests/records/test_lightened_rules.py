"""Rules are lightened before they run; they find what they find as they were generated."""

from pathlib import Path

import pytest
from lxml import etree, isoschematron  # type: ignore[attr-defined]  # the stubs lack it

from node.records.reading import UnreadableError, read_xml
from node.records.validator import SVRL, compile_rules

SCHEMAS = Path(__file__).parents[2] / "schemas"
DOMAINS = sorted(path.parent for path in SCHEMAS.glob("*/*/rules.sch"))
FOUND = "failed-assert"
# A rule for the document itself, one in which a pattern walks on in its own way, and one of the usual kind.
ODD = b"""<sch:schema xmlns:sch="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt">
  <sch:pattern id="a"><sch:rule context="/"><sch:assert id="one" test="a/b">x</sch:assert></sch:rule>
    <sch:rule context="b"><sch:assert id="two" test="false()">x</sch:assert></sch:rule></sch:pattern>
  <sch:pattern id="c"><sch:rule context="*[b] | c"><sch:assert id="three" test="false()">x</sch:assert></sch:rule>
    <sch:rule context="b"><sch:let name="n" value="1"/><sch:assert id="four" test="$n = 2">x</sch:assert></sch:rule>
  </sch:pattern>
</sch:schema>"""


def generated(rules: bytes) -> etree.XSLT:
    root = etree.fromstring(rules)
    return etree.XSLT(isoschematron.iso_svrl_for_xslt1(isoschematron.iso_abstract_expand(root)))


def findings(transformation: etree.XSLT, root: etree._Element) -> list[tuple[str, str]]:
    report = transformation(root).getroot()
    return [(one.get("id", ""), one.get("location", "")) for one in report.iter(f"{{{SVRL}}}{FOUND}")]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda path: path.parent.name)
def test_each_example_is_found_as_good_or_bad_as_by_the_rules_as_generated(domain: Path) -> None:
    rules = (domain / "rules.sch").read_bytes()
    lightened, plain = compile_rules("rules.sch", rules), generated(rules)
    found = 0
    for example in sorted(domain.glob("examples/*/*.xml")):
        try:
            root = read_xml(example.read_bytes())
        except UnreadableError:
            continue
        expected = findings(plain, root)
        assert findings(lightened, root) == expected, example.name
        found += len(expected)
    assert found


def test_rules_of_another_kind_are_left_as_they_are() -> None:
    root = etree.fromstring(b"<a><b/><c><b/></c></a>")
    expected = findings(generated(ODD), root)
    assert {rule for rule, _ in expected} == {"two", "three", "four"}
    assert findings(compile_rules("rules.sch", ODD), root) == expected
