"""Is this a record that may be sent, or taken in? The same answer for `record check`, for pages and for the wire.

First the bytes (`reading`), then the domain and root element, then the XSD, then the domain's rules. A later stage
runs only where the earlier found nothing, so that one mistake is not told three times.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lxml import etree

from node.records.domains import Domain, Domains
from node.records.explain import explain_rule, explain_schema
from node.records.marked import RecordFields
from node.records.problems import Problem
from node.records.reading import MAX_RECORD_BYTES, UnreadableError, line_of, read_xml
from node.records.shape import Shape
from node.records.validator import RuleFinding

_SPACED = etree.XPath("/descendant::*[not(*)][normalize-space() != string()]")
_SPACED_ATTRIBUTES = etree.XPath("/descendant::*/@*[normalize-space() != string()]")


@dataclass(frozen=True)
class CheckedRecord:
    """A record in which nothing is wrong. `service` and `action` are what the message that carries it must state."""

    service: str
    action: str
    domain: Domain
    shape: Shape
    root: etree._Element
    asked: tuple[RuleFinding, ...] = ()
    """What the rules would ask the sender (`questions`)."""

    @cached_property
    def fields(self) -> RecordFields:
        """The record's elements by their marks."""
        return RecordFields(self.root, self.shape)


def check(
    content: bytes, domains: Domains, service: str | None = None, action: str | None = None
) -> CheckedRecord | list[Problem]:
    """Judge one record. `service` and `action`, where given, are what the message's header says.

    Returns the record, or every problem found. Never raises for what `content` holds.
    """
    found = _identify(content, domains, service, action)
    if isinstance(found, Problem):
        return [found]
    findings = found.domain.validator.judge_schema(found.root)
    if findings:
        return explain_schema(tuple(findings), found.root, found.shape)
    _settle_space(found.root)
    judged = found.domain.validator.judge_rules(found.root)
    failed = [finding for finding in judged if not finding.asks]
    if failed:
        return [explain_rule(finding, found.root, found.shape) for finding in failed]
    return replace(found, asked=tuple(judged))


def accepted_record(content: bytes, domains: Domains, service: str, action: str) -> CheckedRecord | None:
    """The record of a message that `check` found good when it came or was made, read again without judging it.

    None where it is none of a domain that is here. Its questions are not asked again.
    """
    found = _identify(content, domains, service, action)
    if isinstance(found, Problem):
        return None
    _settle_space(found.root)
    return found


def questions(record: CheckedRecord) -> list[Problem]:
    """What the sender should be asked before sending a record that is valid: assertions with role="ask"."""
    return [explain_rule(finding, record.root, record.shape) for finding in record.asked]


def check_files(paths: Iterable[Path], domains: Domains) -> list[dict[str, str | int]]:
    """What `record check FILE…` prints: a row {file, line, field, found, expected, remedy} for each problem."""
    rows: list[dict[str, str | int]] = []
    for path in paths:
        rows += [problem.in_file(str(path)).as_row() for problem in _check_file(path, domains)]
    return rows


def _check_file(path: Path, domains: Domains) -> list[Problem]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_RECORD_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "unreadable"
        return [_problem("file", reason, "a file that can be read", "Check the path and its rights.", 0)]
    result = check(content, domains)
    return result if isinstance(result, list) else []


def _settle_space(root: etree._Element) -> None:
    """Take spaces around values away, as their types do (whiteSpace=collapse): rules compare texts as they stand."""
    nodes: Any = _SPACED(root)
    for node in nodes:
        node.text = node.text.strip()
    values: Any = _SPACED_ATTRIBUTES(root)
    for value in values:
        value.getparent().set(value.attrname, value.strip())


def _identify(content: bytes, domains: Domains, service: str | None, action: str | None) -> CheckedRecord | Problem:
    try:
        root = read_xml(content)
    except UnreadableError as error:
        return error.problem
    namespace, _, name = str(root.tag).removeprefix("{").rpartition("}")
    domain = domains.find(namespace)
    if domain is None:
        known = ", ".join(sorted(one.namespace for one in domains)) or "none: no domain is loaded"
        found = namespace or "no namespace"
        return _problem("domain", found, f"a namespace of {known}", "Use a domain that this node has.", line_of(root))
    if service not in (None, namespace):
        told = _problem(
            "service", namespace, f"a record of {service}", "Send it with the service of its namespace.", line_of(root)
        )
        return replace(told, path=name)
    shape = domain.records.get(name)
    if shape is None:
        kinds = ", ".join(sorted(domain.records))
        expected = f"one of {kinds}"
        return _problem("root", name, expected, f"Use a record of the domain {domain.name}.", line_of(root))
    if action not in (None, name):
        told = _problem(
            "action", name, f"the record {action}", "Send it with its root element as action.", line_of(root)
        )
        return replace(told, path=name)
    return CheckedRecord(namespace, name, domain, shape, root)


def _problem(rule: str, found: str, expected: str, remedy: str, line: int) -> Problem:
    return Problem.at("/", line, rule=rule, found=found, expected=expected, remedy=remedy)
