"""Tables of records on their way: each row checked, all sent together or none, and what was exchanged as a table."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Select, select

from node.exchange.case_reading import CaseReading
from node.exchange.cases import CASE, alias, seen_by_unit
from node.exchange.judgement import ConfirmationNeeded, SubmissionRefused
from node.exchange.listing import NotFound, find_case, instant_text, require_peer
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from node.exchange.submission import Submission, TogetherRefused
from node.records.check import CheckedRecord, check
from node.records.domains import Domain, Domains
from node.records.fields import attachments
from node.records.shape import Shape
from node.records.table_files import Table, TableRefused
from node.records.table_rows import Column, RowError, in_order, record_of, row_error, row_of

OF_SENDING = ("case", "confirm")
OF_MESSAGES = ("case", "peer", "direction", "time", "message")
MOST_EXPORTED = 10_000
_NONCE_DOMAIN = b"depesha/table/v1\n"

Nonce = Callable[[Mapping[str, str]], str | None]
"""The nonce of the record that a row makes; None for a fresh one."""


class AttachedFiles(Protocol):
    """The files that rows may name as attachments; None for a name that is not there."""

    def sha256(self, name: str) -> str | None:
        """The digest of a file, in hex."""

    def part(self, name: str) -> PartToSend | None:
        """A file as a part of a message."""


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """The record of a row, in which nothing is wrong; `ours` are the values of our own columns."""

    number: int
    content: bytes
    record: CheckedRecord
    ours: Mapping[str, str]


def record_shape(domains: Domains, domain: str, record: str) -> tuple[Domain, Shape]:
    """The domain and record of these names. Raises NoSuchDomain, NotFound."""
    found = domains.known(domain)
    shape = found.records.get(record)
    if shape is None:
        raise NotFound(f"{found.name} has no record {record!r}. It has: {', '.join(found.records)}.")
    return found, shape


def checked_rows(
    table: Table, file: str, domains: Domains, shape: Shape, files: AttachedFiles, nonce: Nonce
) -> list[CheckedRow]:
    """The records of all rows of the table `file`. Raises TableRefused with every error of every row."""
    errors: list[RowError] = []
    found = []
    for row in table.rows:
        values = _with_digests(row.values, table, files)
        content = record_of(values, table.columns, shape, row.number, nonce(values))
        if isinstance(content, list):
            errors += content
            continue
        record = check(content, domains, shape.namespace, shape.name)
        if isinstance(record, CheckedRecord):
            found.append(CheckedRow(row.number, content, record, row.ours))
        else:
            errors += [row_error(problem, row.number) for problem in record]
    if errors:
        raise TableRefused(f"{file}: {len(errors)} errors.", errors)
    return found


def nonces(node: Node) -> Nonce:
    """A nonce for each row that nobody without our key can guess, and that is the same when the same row is read again:
    what a person confirmed is confirmed for this record alone."""

    def nonce(values: Mapping[str, str]) -> str:
        digest = hmac.new(node.keys.kek, _NONCE_DOMAIN, hashlib.sha256)
        for text in (text for pair in sorted(values.items()) if pair[1].strip() for text in pair):
            octets = text.encode("utf-8", "surrogatepass")
            digest.update(len(octets).to_bytes(8, "big") + octets)
        return base64.b64encode(digest.digest()).decode()

    return nonce


def submissions_of(
    rows: Sequence[CheckedRow], files: AttachedFiles, *, to: str, unit: str | None, actor: str
) -> list[Submission]:
    """What sends each row's record with the files that it names."""
    return [_submission(row, files, to, unit, actor) for row in rows]


def told_by_rows(file: str, rows: Sequence[CheckedRow], refused: TogetherRefused) -> TableRefused:
    """What is told of rows that cannot be sent: at each what is wrong, or what a person must look at again."""
    errors = [error for place, why in refused.refused.items() for error in _told(rows[place].number, why)]
    return TableRefused(f"{file}: nothing was sent.", errors)


def exported(
    node: Node,
    connection: Connection,
    domain: Domain,
    shape: Shape,
    *,
    case: str | None = None,
    peer: str | None = None,
    unit: str | None = None,
) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the records of one kind that were sent and received, oldest first: of a case, with a peer, and
    of cases that `unit` sees. Raises NotFound."""
    query: Select[Any] = (
        select(MESSAGE, CASE.c.alias_year, CASE.c.alias_number)
        .join(CASE, CASE.c.id == MESSAGE.c.case_id)
        .where(MESSAGE.c.service == domain.namespace, MESSAGE.c.action == shape.name, MESSAGE.c.state != "rejected")
        .where(*seen_by_unit(unit))
        .order_by(MESSAGE.c.id)
        .limit(MOST_EXPORTED)
    )
    if case is not None:
        query = query.where(MESSAGE.c.case_id == find_case(connection, case)["id"])
    if peer is not None:
        require_peer(connection, peer)
        query = query.where(MESSAGE.c.peer == peer)
    reading = CaseReading(node, connection)
    found: list[tuple[dict[str, str], dict[str, str]]] = []
    for row in [dict(one) for one in connection.execute(query).mappings()]:
        record = reading.record(row)
        if record is not None:
            found.append((_of_message(row), row_of(record.root, shape)))
    names = in_order(shape, [name for _, values in found for name in values])
    rows = [[ours[one] for one in OF_MESSAGES] + [values.get(name, "") for name in names] for ours, values in found]
    return [f"#{one}" for one in OF_MESSAGES] + names, rows


def _of_message(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "case": alias(row["alias_year"], row["alias_number"]),
        "peer": row["peer"],
        "direction": row["direction"],
        "time": instant_text(row["time"]) or "",
        "message": row["message_id"],
    }


def _with_digests(values: Mapping[str, str], table: Table, files: AttachedFiles) -> dict[str, str]:
    """The values, with the SHA-256 of each attachment that the row names and that is there, where it says none."""
    filled = dict(values)
    names = {_above(name): values[name] for name, one in table.columns.items() if _is(one, "attachment-name")}
    for name, one in table.columns.items():
        file = names.get(_above(name), "").strip()
        if _is(one, "attachment-sha256") and not values[name].strip() and file:
            filled[name] = files.sha256(file) or ""
    return filled


def _is(column: Column, kind: str) -> bool:
    return column.field.marks.has(kind)


def _above(name: str) -> str:
    return name.rpartition("/")[0]


def _submission(row: CheckedRow, files: AttachedFiles, to: str, unit: str | None, actor: str) -> Submission:
    parts = [PartToSend.of_bytes(row.content, "application/xml", f"row-{row.number}.xml")]
    for one in attachments(row.record.root, row.record.shape):
        part = files.part(one.name)
        if part is not None:
            parts.append(part)
    return Submission(
        peer=to,
        service=row.record.service,
        action=row.record.action,
        parts=parts,
        case=row.ours.get("case") or None,
        unit=unit,
        actor=actor,
        confirmed=row.ours.get("confirm", "").split(),
        ask_fit=True,
    )


def _told(row: int, why: SubmissionRefused) -> list[RowError]:
    if isinstance(why, ConfirmationNeeded):
        return [
            RowError(row, one.problem.field, one.problem.found, one.problem.expected,
                     f"{one.problem.remedy} If it is right as it is, put {one.code} into the column #confirm.")
            for one in why.findings
        ]  # fmt: skip
    if why.problems:
        return [RowError(row, one.field, one.found, one.expected, one.remedy) for one in why.problems]
    return [RowError(row, "", "a record that cannot be sent", "one that can", str(why))]
