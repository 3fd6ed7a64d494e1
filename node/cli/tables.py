"""`table …`: records as rows of CSV and XLSX files, of every domain."""

import base64
import hashlib
import hmac
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from adapters.tables import Table, TableRefused, empty_head, read_table, write_table
from node.cli.printing import home_of, show
from node.cli.records import domains_of
from node.exchange.case_reading import CaseReading
from node.exchange.cases import CASE, alias
from node.exchange.directory import Directory
from node.exchange.judgement import ConfirmationNeeded, SubmissionRefused
from node.exchange.listing import find_case, instant_text
from node.exchange.node import Node, open_node
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from node.exchange.submission import Submission, TogetherRefused, submit_together
from node.records.check import CheckedRecord, check
from node.records.domains import Domain, Domains
from node.records.fields import attachments
from node.records.shape import Shape
from node.records.table_rows import Column, RowError, in_order, record_of, row_error, row_of

OF_SENDING = ("case", "confirm")
OF_MESSAGES = ("case", "peer", "direction", "time", "message")
MOST_EXPORTED = 10_000
_NONCE_DOMAIN = b"depesha/table/v1\n"


@dataclass(frozen=True, slots=True)
class _Checked:
    """The record of a row, in which nothing is wrong."""

    number: int
    content: bytes
    record: CheckedRecord
    ours: Mapping[str, str]


def new(arguments: Namespace) -> int:
    """Write an empty table."""
    _, shape = _shape(domains_of(arguments), arguments)
    head = [f"#{name}" for name in OF_SENDING] + empty_head(shape)
    write_table(arguments.out, head, [], shape)
    show(
        arguments,
        {"file": str(arguments.out), "columns": head},
        f"{arguments.out}: {len(head)} columns, a row a record.",
    )
    return 0


def check_rows(arguments: Namespace) -> int:
    """Check each row; exit 1 when anything is wrong."""
    domains = domains_of(arguments)
    _, shape = _shape(domains, arguments)
    try:
        rows = _checked(arguments, domains, shape, lambda _: None)
    except TableRefused as refused:
        return _refused(arguments, refused)
    show(
        arguments, {"rows": len(rows), "errors": []}, f"{len(rows)} rows; nothing is wrong. `table send` may still ask."
    )
    return 0


def send(arguments: Namespace) -> int:
    """Send a record for each row, all or none."""
    node = open_node(home_of(arguments))
    _, shape = _shape(node.domains, arguments)
    try:
        rows = _checked(arguments, node.domains, shape, _nonces(node))
        if not rows:
            raise TableRefused(f"{arguments.file.name}: found no row with a value. Nothing was sent.")
        requests = [_submission(arguments, one) for one in rows]
        try:
            done = submit_together(node, Directory(node).snapshot(), requests)
        except TogetherRefused as refused:
            raise TableRefused(
                f"{arguments.file.name}: nothing was sent.",
                [error for place, why in refused.refused.items() for error in _told(rows[place].number, why)],
            ) from refused
    except TableRefused as refused:
        return _refused(arguments, refused)
    value = [
        {"row": row.number, "id": one.id, "case": one.case, "number": one.number, "state": one.state}
        for row, one in zip(rows, done, strict=True)
    ]
    show(arguments, value, f"Queued {len(done)} messages. `depesha serve` delivers them.")
    return 0


def export(arguments: Namespace) -> int:
    """Write the records of messages into a table."""
    node = open_node(home_of(arguments))
    domain, shape = _shape(node.domains, arguments)
    query = (
        select(MESSAGE, CASE.c.alias_year, CASE.c.alias_number)
        .join(CASE, CASE.c.id == MESSAGE.c.case_id)
        .where(MESSAGE.c.service == domain.namespace, MESSAGE.c.action == shape.name, MESSAGE.c.state != "rejected")
        .order_by(MESSAGE.c.id)
        .limit(MOST_EXPORTED)
    )
    found: list[tuple[dict[str, str], dict[str, str]]] = []
    with node.database.read() as connection:
        if arguments.case is not None:
            query = query.where(MESSAGE.c.case_id == find_case(connection, arguments.case)["id"])
        if arguments.peer is not None:
            query = query.where(MESSAGE.c.peer == arguments.peer)
        reading = CaseReading(node, connection)
        for row in [dict(one) for one in connection.execute(query).mappings()]:
            record = reading.record(row)
            if record is not None:
                ours = {
                    "case": alias(row["alias_year"], row["alias_number"]),
                    "peer": row["peer"],
                    "direction": row["direction"],
                    "time": instant_text(row["time"]) or "",
                    "message": row["message_id"],
                }
                found.append((ours, row_of(record.root, shape)))
    names = in_order(shape, [name for _, values in found for name in values])
    lines = [[ours[one] for one in OF_MESSAGES] + [values.get(name, "") for name in names] for ours, values in found]
    write_table(arguments.out, [f"#{one}" for one in OF_MESSAGES] + names, lines, shape)
    show(arguments, {"file": str(arguments.out), "rows": len(found)}, f"{arguments.out}: {len(found)} records.")
    return 0


def _shape(domains: Domains, arguments: Namespace) -> tuple[Domain, Shape]:
    domain = domains.known(arguments.domain)
    shape = domain.records.get(arguments.record)
    if shape is None:
        raise SubmissionRefused(
            f"{domain.name} has no record {arguments.record!r}. It has: {', '.join(domain.records)}."
        )
    return domain, shape


def _checked(
    arguments: Namespace, domains: Domains, shape: Shape, nonce: Callable[[Mapping[str, str]], str | None]
) -> list[_Checked]:
    """The records of all rows. Raises TableRefused with every error of every row."""
    table = read_table(arguments.file, shape, OF_SENDING)
    errors: list[RowError] = []
    found = []
    for row in table.rows:
        values = _with_digests(row.values, table, arguments.files)
        content = record_of(values, table.columns, shape, row.number, nonce(values))
        if isinstance(content, list):
            errors += content
            continue
        record = check(content, domains, shape.namespace, shape.name)
        if isinstance(record, CheckedRecord):
            found.append(_Checked(row.number, content, record, row.ours))
        else:
            errors += [row_error(problem, row.number, table.columns) for problem in record]
    if errors:
        raise TableRefused(f"{arguments.file.name}: {len(errors)} errors.", errors)
    return found


def _with_digests(values: Mapping[str, str], table: Table, folder: Path | None) -> dict[str, str]:
    """The values, with the SHA-256 of each attachment that the row names and the folder has where it says none."""
    filled = dict(values)
    if folder is None:
        return filled
    names = {_above(name): values[name] for name, one in table.columns.items() if _is(one, "attachment-name")}
    for name, one in table.columns.items():
        file = names.get(_above(name), "").strip()
        if _is(one, "attachment-sha256") and not values[name].strip() and file and _within(folder, file):
            filled[name] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    return filled


def _is(column: Column, kind: str) -> bool:
    return column.field.marks.has(kind)


def _above(name: str) -> str:
    return name.rpartition("/")[0]


def _within(folder: Path, name: str) -> bool:
    return Path(name).name == name and (folder / name).is_file()


def _nonces(node: Node) -> Callable[[Mapping[str, str]], str]:
    """A nonce for each row that nobody without our key can guess, and that is the same when the same row is read again:
    what a person confirmed is confirmed for this record alone."""

    def nonce(values: Mapping[str, str]) -> str:
        digest = hmac.new(node.keys.kek, _NONCE_DOMAIN, hashlib.sha256)
        for text in (text for pair in sorted(values.items()) if pair[1].strip() for text in pair):
            octets = text.encode("utf-8", "surrogatepass")
            digest.update(len(octets).to_bytes(8, "big") + octets)
        return base64.b64encode(digest.digest()).decode()

    return nonce


def _submission(arguments: Namespace, row: _Checked) -> Submission:
    parts = [PartToSend.of_bytes(row.content, "application/xml", f"row-{row.number}.xml")]
    for one in attachments(row.record.root, row.record.shape):
        if arguments.files is not None and _within(arguments.files, one.name):
            parts.append(PartToSend.of_file(arguments.files / one.name))
    return Submission(
        peer=arguments.to,
        service=row.record.service,
        action=row.record.action,
        parts=parts,
        case=row.ours.get("case") or None,
        unit=arguments.unit,
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


def _refused(arguments: Namespace, refused: TableRefused) -> int:
    if not arguments.json:
        raise refused
    show(arguments, {"rows": 0, "errors": [one.as_row() for one in refused.errors], "detail": str(refused)}, "")
    return 1
