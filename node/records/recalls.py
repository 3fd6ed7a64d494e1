"""A message that went to the wrong party: the records that ask for its erasure and confirm it, as a domain declares.

`[recall]` in domain.toml names both records and gives the fields of each; so no code knows an element by name.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from node.records.check import CheckedRecord, check
from node.records.domains import Domain, Domains
from node.records.example import new_nonce
from node.records.problems import Problem

REQUEST, CONFIRMATION = "request", "confirmation"
_MESSAGE, _OUTCOME = "$message", "$outcome"


@dataclass(frozen=True, slots=True)
class RecallTold:
    """What a record says of a recall: `kind` REQUEST, with the message that it recalls, or CONFIRMATION, with the
    request that it answers and what was done, by its code."""

    kind: str
    concerning: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class RecallWords:
    """How a domain says what was done: the codes of what was erased, and of what is kept on a ground given in words."""

    erased: str
    kept: str


class RecallUnfit(Exception):
    """The record that was made is not valid; `problems` say why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(one.for_peer()) for one in problems))
        self.problems = tuple(problems)


def recall_words(domain: Domain) -> RecallWords | None:
    """The codes of a domain that has recalls; None for one that has none."""
    declared = domain.settings.get("recall")
    return None if declared is None else RecallWords(declared[CONFIRMATION]["erased"], declared[CONFIRMATION]["kept"])


def recall_told(record: CheckedRecord) -> RecallTold | None:
    """What a record says of a recall; None for every other record."""
    declared: Mapping[str, Any] = record.domain.settings.get("recall", {})
    for kind, one in declared.items():
        if one["record"] != record.action:
            continue
        texts = {value: _text(record.root, path) for path, value in one["fields"] if value in (_MESSAGE, _OUTCOME)}
        fixed = [(path, value) for path, value in one["fields"] if not value.startswith(("$", "="))]
        if texts.get(_MESSAGE) and all(_text(record.root, path) == value for path, value in fixed):
            return RecallTold(kind, texts[_MESSAGE], texts.get(_OUTCOME) or None)
    return None


def make_recall(
    kind: str,
    answered: CheckedRecord,
    domains: Domains,
    message: str,
    now: datetime,
    values: Mapping[str, str] | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> tuple[str, str, bytes]:
    """The REQUEST that recalls the record `answered`, or the CONFIRMATION that answers that request.

    `message` is the id of the message that holds `answered`; `values` are those of $case, $place, $office, $outcome and
    $text; fields of empty ones are left out. Returns (service, action, content). Raises RecallUnfit.
    """
    domain = answered.domain
    declared = domain.settings["recall"][kind]
    shape = domain.records[declared["record"]]
    spaces: Any = {None: shape.namespace}  # the stubs do not know the default namespace
    root = etree.Element(f"{{{shape.namespace}}}{shape.name}", nsmap=spaces)
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = {"nonce": new_nonce(random), "occurred": at, "recorded": at}
    for attribute in shape.root.attributes:
        for mark, text in own.items():
            if attribute.marks.has(mark):
                root.set(attribute.name, text)
    known = {"$day": at[:10], _MESSAGE: message, **{f"${name}": text for name, text in (values or {}).items()}}
    for path, value in declared["fields"]:
        if value.startswith("="):
            _copy(answered.root, value[1:], root, path)
        elif text := known.get(value, "") if value.startswith("$") else value:
            _at(root, path).text = text
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"
    result = check(content, domains)
    if isinstance(result, list):
        raise RecallUnfit(result)
    return shape.namespace, shape.name, content


def _copy(source: etree._Element, path: str, root: etree._Element, to: str) -> None:
    for found in _found(source, path):
        target = _at(root, to)
        target.text = found.text
        target.extend([deepcopy(child) for child in found.iterchildren("{*}*")])


def _at(root: etree._Element, path: str) -> etree._Element:
    """The element at this path, made where it is not there; fields come in their order, so the last one counts."""
    here = root
    namespace = etree.QName(root).namespace
    for name in path.split("/"):
        tag = f"{{{namespace}}}{name}"
        last = here[-1] if len(here) else None
        here = last if last is not None and last.tag == tag else etree.SubElement(here, tag)
    return here


def _text(root: etree._Element, path: str) -> str:
    return next(((one.text or "").strip() for one in _found(root, path)), "")


def _found(root: etree._Element, path: str) -> Iterator[etree._Element]:
    namespace = etree.QName(root).namespace
    found = root.find("/".join(f"{{{namespace}}}{name}" for name in path.split("/")))
    if found is not None:
        yield found
