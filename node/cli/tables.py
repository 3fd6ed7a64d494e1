"""`table …`: records as rows of CSV and XLSX files, of every domain."""

import hashlib
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from adapters.tables import read_table, write_table
from node.cli.printing import home_of, show
from node.cli.records import domains_of
from node.exchange.directory import Directory
from node.exchange.node import open_node
from node.exchange.parts_to_send import PartToSend
from node.exchange.record_tables import (
    OF_SENDING,
    CheckedRow,
    Nonce,
    checked_rows,
    exported,
    nonces,
    record_shape,
    submissions_of,
    told_by_rows,
)
from node.exchange.submission import TogetherRefused, submit_together
from node.records.domains import Domains
from node.records.shape import Shape
from node.records.table_files import TableRefused, empty_head

ACTOR = "command line"


@dataclass(frozen=True, slots=True)
class _Folder:
    """The files of a folder, by their bare names; without a folder there are none."""

    path: Path | None

    def sha256(self, name: str) -> str | None:
        file = self._file(name)
        return None if file is None else hashlib.sha256(file.read_bytes()).hexdigest()

    def part(self, name: str) -> PartToSend | None:
        file = self._file(name)
        return None if file is None else PartToSend.of_file(file)

    def _file(self, name: str) -> Path | None:
        if self.path is None or Path(name).name != name or not (self.path / name).is_file():
            return None
        return self.path / name


def new(arguments: Namespace) -> int:
    """Write an empty table."""
    _, shape = record_shape(domains_of(arguments), arguments.domain, arguments.record)
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
    _, shape = record_shape(domains, arguments.domain, arguments.record)
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
    _, shape = record_shape(node.domains, arguments.domain, arguments.record)
    try:
        rows = _checked(arguments, node.domains, shape, nonces(node))
        if not rows:
            raise TableRefused(f"{arguments.file.name}: found no row with a value. Nothing was sent.")
        requests = submissions_of(rows, _Folder(arguments.files), to=arguments.to, unit=arguments.unit, actor=ACTOR)
        try:
            done = submit_together(node, Directory(node).snapshot(), requests)
        except TogetherRefused as refused:
            raise told_by_rows(arguments.file.name, rows, refused) from refused
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
    domain, shape = record_shape(node.domains, arguments.domain, arguments.record)
    with node.database.read() as connection:
        head, rows = exported(node, connection, domain, shape, case=arguments.case, peer=arguments.peer)
    write_table(arguments.out, head, rows, shape)
    show(arguments, {"file": str(arguments.out), "rows": len(rows)}, f"{arguments.out}: {len(rows)} records.")
    return 0


def _checked(arguments: Namespace, domains: Domains, shape: Shape, nonce: Nonce) -> list[CheckedRow]:
    table = read_table(arguments.file, shape, OF_SENDING)
    return checked_rows(table, arguments.file.name, domains, shape, _Folder(arguments.files), nonce)


def _refused(arguments: Namespace, refused: TableRefused) -> int:
    if not arguments.json:
        raise refused
    show(arguments, {"rows": 0, "errors": [one.as_row() for one in refused.errors], "detail": str(refused)}, "")
    return 1
