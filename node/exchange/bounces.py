"""Mails that came back: a delivery status notification (RFC 3464) about one of our reminders.

Whoever can write to our mail address can write such a report. The worst that a false one does is an alarm about a
reminder that did arrive, so it is believed as far as it names one of ours.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from typing import Any

from sqlalchemy import Connection, select

from node.exchange.cases import CASE, alias
from node.exchange.node import Node
from node.exchange.reminders import REMINDER, Mail, refused

LARGEST_REPORT = 1_000_000
_REMINDER = re.compile(r"<reminder-([1-9][0-9]{0,18})@([^<>@\s]+)>")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463


class NoReport(Exception):
    """This is no report that a reminder of ours came back; the text says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a report says of one mail: our row of it, and whether its delivery has failed for good; `answer` has the
    status code (RFC 3463)."""

    reminder: int
    failed: bool
    answer: str


def read_report(octets: bytes, mail_from: str | None) -> DeliveryReport:
    """The report in a mail, about a mail that we sent from `mail_from`. Raises NoReport."""
    if len(octets) > LARGEST_REPORT:
        raise NoReport(f"It has {len(octets)} octets; reports of more than {LARGEST_REPORT} are not read.")
    mail = BytesParser(policy=policy.default).parsebytes(octets)
    assert isinstance(mail, EmailMessage)
    parts = [*mail.walk()]
    reports = [part for part in parts if part.get_content_type() == "message/delivery-status"]
    if mail.get_content_type() != "multipart/report" or not reports:
        raise NoReport("It is no delivery status notification (multipart/report with message/delivery-status).")
    row = _reminder_in(parts, (mail_from or "").rpartition("@")[2])
    recipients = [fields for report in reports for fields in _fields_of(report) if fields.get("Action")]
    if not recipients:
        raise NoReport("Its report names no recipient with an Action: there is nothing to learn from it.")
    failed = [fields for fields in recipients if str(fields["Action"]).strip().lower() == "failed"]
    return DeliveryReport(row, bool(failed), _answer(failed[0] if failed else recipients[0]))


def _fields_of(report: Message) -> Iterator[Message]:
    """The groups of fields of a report: the first is of the message, each other of a recipient."""
    groups = report.get_payload()
    if isinstance(groups, list):
        yield from (group for group in groups if isinstance(group, Message))


def _reminder_in(parts: list[Any], domain: str) -> int:
    """The row of the reminder that came back, by the Message-ID in what was returned of it."""
    for part in parts:
        texts = [str(part.get("Message-ID", ""))] if part is not parts[0] else []
        if part.get_content_type() == "text/rfc822-headers":
            texts.append(str(part.get_payload()))
        for text in texts:
            found = _REMINDER.search(text)
            if found is not None and found[2].lower() == domain.lower():
                return int(found[1])
    raise NoReport("It returns nothing of a reminder of ours: no Message-ID as our mails have it.")


def _answer(fields: Message) -> str:
    """The code alone: a server's words may name the person or the mailbox."""
    found = _STATUS.match(str(fields.get("Status", "")).strip())
    return f"status {found[0]}" if found is not None else "no status"


def came_back(node: Node, report: DeliveryReport) -> dict[str, Any]:
    """Record that a reminder came back: {case, act, answer, recorded}; `recorded` is False where delivery has not
    failed for good, or that was known. Raises NoReport for a reminder that is not ours."""
    with node.database.read() as connection:
        mail, state = _mail(connection, report.reminder)
    if report.failed and state != "refused":
        refused(node, mail, f"it came back: {report.answer}")
    return {
        "case": mail.case,
        "act": mail.act,
        "answer": report.answer,
        "recorded": report.failed and state != "refused",
    }


def _mail(connection: Connection, row_id: int) -> tuple[Mail, str]:
    query = (
        select(REMINDER, CASE.c.alias_year, CASE.c.alias_number)
        .join(CASE, CASE.c.id == REMINDER.c.case_id)
        .where(REMINDER.c.id == row_id)
    )
    row = connection.execute(query).one_or_none() if row_id < 2**63 else None
    if row is None:
        raise NoReport("It is about a reminder that this node has not: was it sent by another node?")
    number = alias(row.alias_year, row.alias_number)
    return Mail(row.id, "", number, row.act, row.ends_at, over=False, claimed=row.next_attempt_at), row.state
