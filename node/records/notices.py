"""Small signed notices on what became of a message: handed over, opened, out of step, refused by a later rule.

Which domain and records they are stands in the `domain.toml` that has `purpose = "notices"`; this module knows the
kinds only. A notice names a role and never a person, and is never answered by a notice (`is_notice` tells).
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from node.records.check import CheckedRecord, check
from node.records.domains import Domain, Domains
from node.records.example import new_nonce
from node.records.explain import plain_path
from node.records.problems import PeerProblem, Problem
from node.records.shape import Field, Shape

PURPOSE = "notices"
HANDED_OVER = "handed-over"
OPENED = "opened"
OUT_OF_STEP = "out-of-step"
REFUSED_LATER = "refused-later"
KINDS = (HANDED_OVER, OPENED, OUT_OF_STEP, REFUSED_LATER)
_LONGEST = 1000  # characters of a finding's texts; a peer's own element names could be longer


class NoNoticesError(Exception):
    """No loaded domain serves as notices, or it lacks the kind: the node's schemas are incomplete."""


class NotANoticeError(Exception):
    """The record is none, or it is broken; `problems` says why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem.for_peer()) for problem in problems) or "the record is no notice")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says: of which message, by which role, when. `state` only for out of step."""

    kind: str
    message_id: str
    event: str
    role: str
    occurred: datetime
    recorded: datetime
    state: str | None = None
    findings: tuple[PeerProblem, ...] = ()


def is_notice(domains: Domains, service: str) -> bool:
    """Whether messages of that service are notices, in whichever version."""
    domain = domains.find(service)
    return domain is not None and domain.purpose == PURPOSE


def make_notice(
    domains: Domains,
    kind: str,
    message_id: str,
    role: str,
    occurred_at: datetime,
    recorded_at: datetime,
    random: Callable[[int], bytes] = os.urandom,
    *,
    state: str | None = None,
    findings: Sequence[PeerProblem] = (),
) -> tuple[str, str, bytes]:
    """Make a notice and return (service, action, record).

    `role` is a code of the domain's roles; both times are aware. `findings` only for REFUSED_LATER, which needs at
    least one; `state` only for OUT_OF_STEP. Raises NoNoticesError, and ValueError where the result would not be valid.
    """
    domain = domains.with_purpose(PURPOSE)
    if domain is None:
        raise NoNoticesError(f"no domain folder has purpose = '{PURPOSE}' in its domain.toml")
    about = domain.settings.get("notices", {}).get(kind)
    if about is None or about.get("record") not in domain.records:
        raise NoNoticesError(f"{domain.folder / 'domain.toml'} names no record for the notice '{kind}'")
    shape = domain.records[about["record"]]
    values = {
        "nonce": new_nonce(random),
        "occurred": _instant(occurred_at),
        "recorded": _instant(recorded_at),
        "message-id": message_id,
        "message-event": about.get("event"),
        "notice-role": role,
        "notice-state": state,
    }
    spaces: Any = {None: shape.namespace}  # the stubs do not know the default namespace
    root = etree.Element(f"{{{shape.namespace}}}{shape.name}", nsmap=spaces)
    for attribute in shape.root.attributes:
        value = _pick(attribute, values)
        if value is not None:
            root.set(attribute.name, value)
    for child in shape.root.children:
        if child.marks.has("notice-finding"):
            for finding in findings:
                _add_finding(root, child, finding, shape.namespace)
        else:
            value = _pick(child, values)
            if value is not None:
                etree.SubElement(root, f"{{{shape.namespace}}}{child.name}").text = value
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"
    result = check(content, domains)
    if isinstance(result, list):
        raise ValueError("; ".join(str(problem.for_peer()) for problem in result))
    return shape.namespace, shape.name, content


def read_notice(content: bytes | CheckedRecord, domains: Domains) -> Notice:
    """What a received notice says; `content` its bytes, or the record as checked already. Raises NotANoticeError."""
    checked = content if isinstance(content, CheckedRecord) else check(content, domains)
    if isinstance(checked, list):
        raise NotANoticeError(checked)
    kind = _kind(checked.domain, checked.action)
    if kind is None:
        raise NotANoticeError(())
    shape, root = checked.shape, checked.root
    findings = tuple(
        PeerProblem(
            path=_text(node, shape, "finding-path"),
            rule=_text(node, shape, "finding-rule"),
            expected=_text(node, shape, "finding-expected"),
        )
        for node in root
        if shape.fields[plain_path(node)].marks.has("notice-finding")
    )
    times = {
        kind: root.get(one.name, "")
        for one in shape.root.attributes
        for kind in ("occurred", "recorded")
        if one.marks.has(kind)
    }
    return Notice(
        kind=kind,
        message_id=_text(root, shape, "message-id"),
        event=_text(root, shape, "message-event"),
        role=_text(root, shape, "notice-role"),
        occurred=datetime.fromisoformat(times["occurred"]),
        recorded=datetime.fromisoformat(times["recorded"]),
        state=_text(root, shape, "notice-state") or None,
        findings=findings,
    )


def _kind(domain: Domain, record: str) -> str | None:
    if domain.purpose != PURPOSE:
        return None
    notices = domain.settings.get("notices", {})
    return next((kind for kind, about in notices.items() if about.get("record") == record), None)


def _pick(field: Field, values: dict[str, str | None]) -> str | None:
    return next((values[kind] for kind in sorted(field.marks.kinds) if kind in values), None)


def _add_finding(root: etree._Element, field: Field, finding: PeerProblem, namespace: str) -> None:
    group = etree.SubElement(root, f"{{{namespace}}}{field.name}")
    texts: dict[str, str | None] = {
        "finding-path": finding.path,
        "finding-rule": finding.rule,
        "finding-expected": finding.expected,
    }
    for child in field.children:
        etree.SubElement(group, f"{{{namespace}}}{child.name}").text = (_pick(child, texts) or "")[:_LONGEST]


def _text(node: etree._Element, shape: Shape, kind: str) -> str:
    for one in node.iter("{*}*"):
        if shape.fields[plain_path(one)].marks.has(kind):
            return (one.text or "").strip()
    return ""


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a notice's times need a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
