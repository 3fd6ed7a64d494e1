"""Judging a record before it leaves: what refuses it, and what a person must look at again and confirm.

A record that its schema or rules refuse, that holds a field which may not go to the receiver's country, or whose
attachments are not those that it lists is not sent. What only a person can judge (a rule that asks, a text that names
protection, a message or a case that it refers to and that this node does not know, an act that does not fit its case,
a field forbidden between countries of which one is not known, machine-readable lines or a name that contradict
themselves, evidence that does not count, a place of transfer that the terms do not name) stops the record until each
finding is confirmed by its own code. Receivers judge by schema and rules alone: these questions are the sender's.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from node.records.check import CheckedRecord, check, questions
from node.records.crossing_points import AgreedPoints, crossing_findings, has_crossing_points
from node.records.domains import Domain, Domains
from node.records.fields import compare_attachments, forbidden_fields, messages_named, second_look
from node.records.person_findings import EvidenceLists, evidence_findings, has_evidence, person_findings
from node.records.problems import Problem

FORBIDDEN = "forbidden-field"
SECOND_LOOK = "second-look"
UNKNOWN_MESSAGE = "unknown-message"
_CODE_DOMAIN = b"depesha/confirm/v1\n"
_CODE_DIGITS = 12


class SubmissionRefused(Exception):
    """The message cannot be sent; the text says why and what to do. Nothing was queued.

    `problems` are those of its record, if that is what is wrong.
    """

    def __init__(self, text: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


class ConfirmationNeeded(SubmissionRefused):
    """The record may be right, and a person must say so: `findings` are those that nobody has confirmed."""

    def __init__(self, findings: Sequence["Finding"]) -> None:
        lines = [f"{one.problem.in_words()} If it is right as it is: --confirm {one.code}" for one in findings]
        count = "One point needs" if len(findings) == 1 else f"{len(findings)} points need"
        text = "\n".join([f"Not sent. {count} a second look:", *lines])
        super().__init__(text, [one.problem for one in findings])
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Route:
    """From whom to whom a record goes; a country (ISO 3166-1 alpha-3 or XKX) is None where it is not known."""

    receiver: str
    sender_country: str | None
    receiver_country: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person must confirm: what it is, and the code that confirms it, in this record to this receiver only."""

    code: str
    problem: Problem


def require_good(content: bytes, name: str, header: tuple[str, str], domains: Domains) -> CheckedRecord:
    """The record, if schema and rules find nothing wrong with it as one of `header` (service, action).

    `name` is what problems call the record. Raises SubmissionRefused with every problem.
    """
    record = check(content, domains, *header)
    if not isinstance(record, CheckedRecord):
        raise refused_record(name, record)
    return record


def require_sendable(
    record: CheckedRecord,
    content: bytes,
    name: str,
    route: Route,
    confirmed: Sequence[str] | None,
    known: Callable[[Sequence[str]], set[str]],
    *,
    today: date,
    lists: Callable[[Domain], EvidenceLists | None],
    points: Callable[[Domain], AgreedPoints | None] = lambda domain: None,
    fit: Callable[[CheckedRecord], Sequence[Problem]] = lambda record: (),
) -> None:
    """Require that a good record may go this way, and that a person confirmed what only a person can judge.

    `content` are its octets; `confirmed` holds the codes of findings that a person confirmed, None for a record whose
    findings were confirmed when it was first queued; `known` gives those of some message ids that were exchanged with
    the receiver; `lists` gives what evidence counts by between the two, asked only for a record that has some;
    `points` the places that transfers go by, asked likewise; `fit` what of it does not fit the case. Raises
    SubmissionRefused with every problem, or ConfirmationNeeded.
    """
    certain, doubtful = _forbidden(record, route)
    if certain:
        raise refused_record(name, certain)
    if confirmed is None:
        return
    asked = [
        *doubtful,
        *questions(record),
        *_protection(record),
        *_unknown_messages(record, route, known),
        *fit(record),
    ]
    asked += person_findings(record.fields, today) + _evidence(record, lists) + _places(record, points)
    if not asked and not confirmed:
        return
    digest = hashlib.sha256(content).digest()
    findings = [Finding(_code(digest, route.receiver, one), one.in_file(name)) for one in asked]
    codes = {finding.code for finding in findings}
    if foreign := sorted(set(confirmed) - codes):
        raise SubmissionRefused(
            f"--confirm {foreign[0]}: no finding of this record to {route.receiver} has that code. A code holds for "
            "one finding, record and receiver: leave it out, and confirm what is then shown."
        )
    if left := [finding for finding in findings if finding.code not in confirmed]:
        raise ConfirmationNeeded(left)


def require_attached(record: CheckedRecord, name: str, attached: Iterable[tuple[str, str]]) -> None:
    """Require that the files that go along, (name, SHA-256 in hex), are those that the record lists.

    Raises SubmissionRefused with every difference.
    """
    digests: dict[str, str] = {}
    for file, digest in attached:
        if file in digests:
            raise SubmissionRefused(f"Two attachments are called {file}. Attach it once, or rename one in the record.")
        digests[file] = digest
    if problems := compare_attachments(record.root, record.shape, digests):
        raise refused_record(name, problems)


def _forbidden(record: CheckedRecord, route: Route) -> tuple[list[Problem], list[Problem]]:
    """Fields that may not go there, and those that may not if a country that is not known is the one meant."""
    certain: list[Problem] = []
    doubtful: list[Problem] = []
    for found in forbidden_fields(record.root, record.shape, route.sender_country, route.receiver_country):
        remedy = f"Leave it out. {found.basis}."
        if not found.certain:
            remedy = (
                f"{found.basis}. The country of {_unknown(route)} is not known here: leave it out unless you are sure."
            )
        problem = Problem.at(
            found.path,
            found.line,
            rule=FORBIDDEN,
            found="the field",
            expected=f"a record to {route.receiver} without it",
            remedy=remedy,
        )
        (certain if found.certain else doubtful).append(problem)
    return certain, doubtful


def _unknown(route: Route) -> str:
    return route.receiver if route.receiver_country is None else "this node (setting country)"


def _protection(record: CheckedRecord) -> list[Problem]:
    return [
        Problem.at(
            found.path,
            found.line,
            rule=SECOND_LOOK,
            found="words that begin with " + ", ".join(f"“{word}”" for word in found.words),
            expected="no word that tells that a person asked for protection",
            remedy="Read the text again and take it out: the State of origin must not learn of it.",
        )
        for found in second_look(record.root, record.domain)
    ]


def _unknown_messages(record: CheckedRecord, route: Route, known: Callable[[Sequence[str]], set[str]]) -> list[Problem]:
    named = messages_named(record.root, record.shape)
    there = known([message_id for message_id, _, _ in named]) if named else set()
    return [
        Problem.at(
            path,
            line,
            rule=UNKNOWN_MESSAGE,
            found=message_id,
            expected=f"the id of a message exchanged with {route.receiver}",
            remedy="Correct the id: `depesha message list` and `depesha case show` have them.",
        )
        for message_id, path, line in named
        if message_id not in there
    ]


def _evidence(record: CheckedRecord, lists: Callable[[Domain], EvidenceLists | None]) -> list[Problem]:
    """The evidence that does not count for certain by the terms with the receiver; nothing where there are none."""
    if not has_evidence(record.fields):
        return []
    found = lists(record.domain)
    return [] if found is None else evidence_findings(record.fields, found)


def _places(record: CheckedRecord, points: Callable[[Domain], AgreedPoints | None]) -> list[Problem]:
    """The stops of transports that the terms with the receiver do not name; nothing where they name none."""
    if not has_crossing_points(record.fields):
        return []
    found = points(record.domain)
    return [] if found is None else crossing_findings(record.fields, found)


def _code(record: bytes, receiver: str, problem: Problem) -> str:
    """Bound to record, receiver, place and rule: it tells nothing to one without the record, and fits no other."""
    digest = hashlib.sha256(_CODE_DOMAIN + record)
    for said in (problem.path, receiver, problem.rule):
        value = said.encode()
        digest.update(len(value).to_bytes(4, "big") + value)
    return digest.hexdigest()[:_CODE_DIGITS]


def refused_record(name: str, problems: Sequence[Problem]) -> SubmissionRefused:
    """The refusal of the record called `name` for what is wrong with it."""
    placed = [problem.in_file(name) for problem in problems]
    return SubmissionRefused("\n".join(problem.in_words() for problem in placed), placed)
