"""From libxml2's findings to words that a person can act on.

libxml2 says "Element '{urn:…}Sex': [facet 'enumeration'] The value 'W' is not an element of the set …". We take the
kind and place from it, what was expected from the shape, and the value from the record itself.
"""

import re
from dataclasses import replace
from typing import Any

from lxml import etree

from node.records.codes import code_meant
from node.records.problems import Problem
from node.records.reading import line_of
from node.records.shape import Field, Shape
from node.records.validator import RuleFinding, SchemaFinding

_EXPECTED = re.compile(r"Expected is (?:one of )?\( (?P<names>.*?) \)\.")
_ATTRIBUTE = re.compile(r"Element '[^']*', attribute '(?:\{[^}]*\})?(?P<name>[^']+)'")
_NEEDED = re.compile(r"Element '[^']*': The attribute '(?:\{[^}]*\})?(?P<name>[^']+)' is required")
_LOCAL = re.compile(r"(?:\{[^}]*\})?([^,\s]+)")
_SHOWN = 120  # of a found value: enough to recognise it on one line

_KINDS = {
    "SCHEMAV_ELEMENT_CONTENT": "content",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "attribute-missing",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": "not-empty",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "text",
    "SCHEMAV_CVC_TYPE_3_1_2": "children",
    "SCHEMAV_CVC_ELT_1": "root",
}


def explain_schema(findings: tuple[SchemaFinding, ...], root: etree._Element, shape: Shape) -> list[Problem]:
    """One problem a place, in the order in which libxml2 met them: what it adds to the first is an echo of it."""
    problems: dict[tuple[str, str], Problem] = {}
    for finding in findings:
        problem = _explain(finding, _KINDS.get(finding.kind, "value"), _at(root, finding.path), shape)
        problems.setdefault((problem.path, problem.field), problem)
    return list(problems.values())


def explain_rule(finding: RuleFinding, root: etree._Element, shape: Shape) -> Problem:
    """A failed assertion: its words up to the first full stop say what is expected, the rest what to do."""
    node = _at(root, finding.location)
    expected, _, remedy = finding.text.partition(". ")
    return _problem(node, None, finding.rule, _shown(node), expected.rstrip("."), remedy or expected)


def _explain(finding: SchemaFinding, kind: str, node: etree._Element, shape: Shape) -> Problem:
    named = _ATTRIBUTE.match(finding.message) or _NEEDED.match(finding.message)
    attribute = named.group("name") if named else None
    field = shape.fields.get(plain_path(node) + (f"/@{attribute}" if attribute else ""))
    label = shape.label(field.path) if field else ""
    if attribute and field is None:
        kind = "attribute-unknown"
    match kind:
        case "content":
            return _explain_content(finding, node, shape)
        case "attribute-missing":
            expected = field.expected() if field else "the attribute"
            return _problem(
                node, attribute, "xsd:missing", "nothing", expected, f"Add the attribute {attribute} ({label})."
            )
        case "attribute-unknown":
            holder = shape.fields.get(plain_path(node))
            known = ", ".join(one.name for one in holder.attributes) if holder and holder.attributes else "none"
            unknown = _problem(
                node, attribute, "xsd:unknown", f"attribute {attribute}", f"no other attributes than {known}",
                f"Take the attribute {attribute} out.",
            )  # fmt: skip
            return replace(unknown, path=numbered_path(node))
        case "text" | "not-empty":
            expected = field.expected() if field else "no text"
            return _problem(node, None, "xsd:text", "text between the elements", expected, "Put the text into a field.")
        case "children":
            expected = field.expected() if field else "a value"
            return _problem(
                node, None, "xsd:children", "elements", expected, f"Write the value of {label} without elements."
            )
        case "root":
            return _problem(
                node, None, "xsd:root", etree.QName(node).localname, shape.name, "Use another root element."
            )
        case _:
            value = (node.get(attribute) or "") if attribute else (node.text or "")
            return _explain_value(node, attribute, value, field, shape)


def _explain_value(
    node: etree._Element, attribute: str | None, value: str, field: Field | None, shape: Shape
) -> Problem:
    expected = field.expected() if field else "another value"
    label = shape.label(field.path) if field else ""
    codes = field.marks.codes if field and not field.codes_are_listed else None
    file = f"codes/{codes}.csv of the domain’s folder"
    if not value.strip():
        remedy = f"Fill in {label}; {file} has the codes." if codes else f"Fill in {label}."
        return _problem(node, attribute, "xsd:empty", "nothing", expected, remedy)
    remedy = f"Correct {label}: write {expected}."
    if codes:
        meant = code_meant(value, codes, shape.codes)
        write = f"write {meant.code} ({meant.labels['en']})" if meant else "take a code"
        remedy = f"Correct {label}: {write}; {file} has them all."
    return _problem(node, attribute, "xsd:value", value, expected, remedy)


def _explain_content(finding: SchemaFinding, node: etree._Element, shape: Shape) -> Problem:
    """A missing, misplaced, repeated or unknown element."""
    match = _EXPECTED.search(finding.message)
    names = _LOCAL.findall(match.group("names")) if match else []
    wanted = " or ".join(names)
    if "Missing child element" in finding.message:
        holder = shape.fields.get(plain_path(node))
        names = (_absent(node, holder) if holder else []) or names
        wanted = " or ".join(names)
        missing = _labels(plain_path(node), names, shape)
        return _problem(node, None, "xsd:missing", f"no {wanted}", wanted, f"Add {missing} here.")
    name = etree.QName(node).localname
    parent = node.getparent()
    above = shape.fields.get(plain_path(parent)) if parent is not None else None
    siblings = [etree.QName(one).localname for one in parent] if parent is not None else []
    known = {child.name: child for child in above.children} if above else {}
    expected = wanted or "nothing more here"
    labels = _labels(above.path if above else "", names, shape)
    if name not in known:
        remedy = f"Take {name} out" + (f"; {labels} may stand in its place." if wanted else ".")
        # The path goes to the peer, so it stops above a name that is none of ours and might be a value.
        unknown = _problem(node, None, "xsd:unknown", name, expected, remedy)
        return replace(unknown, path=unknown.path.rpartition("/")[0])
    if siblings.count(name) > (known[name].maximum or len(siblings)):
        often = f"no more than {known[name].maximum} {name}"
        return _problem(node, None, "xsd:repeated", f"another {name}", often, f"Take this {name} out.")
    if any(one in siblings for one in names):
        return _problem(
            node, None, "xsd:order", name, expected, f"Move {name} to where the form has it, after {wanted}."
        )
    if wanted:
        return _problem(node, None, "xsd:missing", name, expected, f"Add {labels} before {name}.")
    return _problem(
        node, None, "xsd:order", name, expected, f"Take this {name} out, or move it to where the form has it."
    )


def _absent(node: etree._Element, holder: Field) -> list[str]:
    """The first required element that is not there, or all of a choice of which none is (libxml2 forgets some)."""
    there = {etree.QName(child).localname for child in node}
    for child in holder.children:
        if child.choice is None:
            if child.minimum and child.name not in there:
                return [child.name]
        elif child.choice.required:
            same = [one.name for one in holder.children if one.choice and one.choice.number == child.choice.number]
            if not there.intersection(same):
                return same
    return []


def _labels(parent: str, names: list[str], shape: Shape) -> str:
    return " or ".join(f"{name} ({shape.label(f'{parent}/{name}')})" for name in names)


def _shown(node: etree._Element) -> str:
    """What stands at a place, for local eyes: the value, or of a group its attributes and own values."""
    if len(node) == 0 and (node.text or "").strip():
        return node.text or ""
    facts = [f"{key!s} {text!s}" for key, text in node.attrib.items() if key != "nonce"]
    facts += [f"{etree.QName(one).localname} {one.text or ''}" for one in node if len(one) == 0]
    return ", ".join(facts)


def _problem(node: etree._Element, attribute: str | None, rule: str, found: str, expected: str, remedy: str) -> Problem:
    path = numbered_path(node) + (f"/@{attribute}" if attribute else "")
    steps = path.split("/")
    short = found if len(found) <= _SHOWN else found[:_SHOWN] + "…"
    return Problem(
        file="",
        line=line_of(node),
        field="/".join(steps[1:]) or path,
        path=path,
        found=short,
        expected=expected,
        remedy=remedy,
        rule=rule,
    )


def local_name(node: etree._Element) -> str:
    """The name of an element without its namespace; a quarter of the time that QName takes, and asked of every node."""
    return str(node.tag).rpartition("}")[2]


def plain_path(node: etree._Element) -> str:
    """`Reply/Answer/Person`: the steps from the root, without numbers; the key of a shape's fields."""
    names = [local_name(node), *map(local_name, node.iterancestors())]
    names.reverse()
    return "/".join(names)


def numbered_path(node: etree._Element) -> str:
    """`Reply/Answer[2]/Person`: a step among several of its name has its number."""
    steps: list[str] = []
    current: etree._Element | None = node
    while current is not None:
        name = local_name(current)
        before = sum(1 for _ in current.itersiblings(current.tag, preceding=True))
        alone = before == 0 and next(current.itersiblings(current.tag), None) is None
        steps.append(name if alone else f"{name}[{before + 1}]")
        current = current.getparent()
    return "/".join(reversed(steps))


def _at(root: etree._Element, path: str) -> etree._Element:
    """The element that an XPath of libxml2 or of the rules' report names; the nearest known one where it names none."""
    while path:
        try:
            found: Any = root.getroottree().xpath(path, namespaces=_prefixes(root))
        except etree.XPathError:
            found = None
        node = found[0] if found and isinstance(found, list) else None
        if node is not None and not isinstance(node, etree._Element):
            node = node.getparent()  # from an attribute's value to the element that has it
        if isinstance(node, etree._Element):
            return node
        path = path.rpartition("/")[0]
    return root


def _prefixes(root: etree._Element) -> dict[str, str]:
    """The prefixes that libxml2 may use in a path: those of the root, where sane records declare them."""
    return {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
