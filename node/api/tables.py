"""Tables of records, CSV and XLSX: empty ones, checking, sending all rows or none, and what was exchanged."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from node.access.programs import Program
from node.api import keyed
from node.api.context import ApiContext, Caller, case_for, unit_for
from node.api.forms import NAMED, Form, Upload, form_of, only
from node.api.models import Text
from node.api.problems import encoded, invalid
from node.exchange.cases import resolve_case
from node.exchange.listing import NotFound
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
from node.exchange.submission import Submission, Submitted, TogetherRefused
from node.records.table_files import LARGEST_FILE, TableRefused, csv_table, empty_head, read_table, xlsx_table
from node.records.table_rows import RowError

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1000
"""A request; all are queued in one transaction, and nobody else writes meanwhile."""
_ZIP = b"PK"
_MORE_THAN_TABLE = 64 * 1024
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_TABLE: dict[str, Any] = {
    "table": {**_FILE, "description": "the table, CSV in UTF-8 or XLSX; which it is, its content tells"},
    "attachment": {
        "type": "array", "minItems": 1, "items": _FILE,
        "description": "files that rows name, one a field; digests that rows leave empty are filled in",
    },
}  # fmt: skip
CHECK_TABLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": _TABLE,
    "required": ["table"],
    "additionalProperties": False,
}
SEND_TABLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {**NAMED, "description": "the partner that gets them"},
        "unit": {**NAMED, "description": "the unit of ours that sends them"},
        **_TABLE,
    },
    "required": ["to", "table"],
    "additionalProperties": False,
}
Case = Annotated[Text | None, Query(description="those of this case, by number or id")]
Peer = Annotated[Text | None, Query(description="those to and from this partner")]


class _Uploads:
    """The files of a form, by their names."""

    def __init__(self, form: Form) -> None:
        self._files: dict[str, Upload] = {}
        for one in form.files.get("attachment", []):
            if one.name is None or one.name in self._files:
                raise invalid("attachment", one.name or "no file name", "files with names of their own")
            self._files[one.name] = one

    def sha256(self, name: str) -> str | None:
        found = self._files.get(name)
        return None if found is None else found.sha256.hex()

    def part(self, name: str) -> PartToSend | None:
        found = self._files.get(name)
        return None if found is None else PartToSend(found.media_type, found.content, found.name)


@dataclass(frozen=True, slots=True)
class Tables:
    """The routes of tables."""

    context: ApiContext

    def new_csv(self, domain: str, record: str, program: Caller) -> Response:
        """An empty table to fill, a row a record, as CSV."""
        _, shape = record_shape(self.context.node.domains, domain, record)
        return Response(csv_table(_head(empty_head(shape)), []), media_type=CSV)

    def new_xlsx(self, domain: str, record: str, program: Caller) -> Response:
        """The same as XLSX; the head of each column says what it takes."""
        _, shape = record_shape(self.context.node.domains, domain, record)
        return Response(xlsx_table(_head(empty_head(shape)), [], shape), media_type=XLSX)

    def exported_csv(
        self, domain: str, record: str, program: Caller, case: Case = None, peer: Peer = None
    ) -> Response:  # fmt: skip
        """The records of one kind that were sent and received, a row each, as CSV."""
        head, rows = self._exported(program, domain, record, case, peer)
        return Response(csv_table(head, rows), media_type=CSV)

    def exported_xlsx(
        self, domain: str, record: str, program: Caller, case: Case = None, peer: Peer = None
    ) -> Response:  # fmt: skip
        """The same as XLSX."""
        _, shape = record_shape(self.context.node.domains, domain, record)
        head, rows = self._exported(program, domain, record, case, peer)
        return Response(xlsx_table(head, rows, shape), media_type=XLSX)

    async def check(self, domain: str, record: str, request: Request, program: Caller) -> Any:
        """Check the record that each row makes; nothing is sent. An empty `errors` says that nothing is wrong."""
        node = self.context.node
        async with form_of(request, node, texts=(), files=("table", "attachment"), limit=self._limit) as form:
            try:
                rows, _ = await run_in_threadpool(self._checked, domain, record, form, lambda _: None)
            except TableRefused as refused:
                return {"rows": 0, "errors": [one.as_row() for one in refused.errors], "detail": refused.detail}
            return {"rows": len(rows), "errors": [], "detail": None}

    async def send(self, domain: str, record: str, request: Request, program: Caller) -> Response:
        """Send a record for each row: all are queued in one transaction, or none.

        What is wrong, or must be looked at again, is told in `errors` by row. With an Idempotency-Key the same request
        may be sent any number of times.
        """
        node, path = self.context.node, request.url.path.encode("utf-8", "replace")
        texts, files = ("to", "unit"), ("table", "attachment")
        async with form_of(request, node, texts=texts, files=files, limit=self._limit) as form:
            text = keyed.key_in(request)
            key = None if text is None else keyed.key_of(program.handle, text, b"POST", path, form.digest)
            if key is not None and (kept := await run_in_threadpool(keyed.answer_kept, node, key)) is not None:
                return kept
            rows, requests = await run_in_threadpool(self._requests, domain, record, program, form)
            along = None if key is None else partial(self._keep, key, rows)
            try:
                done = await self.context.submissions.submit_together(requests, along)
            except TogetherRefused as refused:
                raise told_by_rows(_name(form), rows, refused) from refused
            except IntegrityError:
                kept = None if key is None else await run_in_threadpool(keyed.answer_kept, node, key)
                if kept is None:
                    raise
                return kept
        return _answer(rows, done)

    @property
    def _limit(self) -> int:
        return LARGEST_FILE + self.context.node.settings.largest_message_megabytes * 1_000_000 + _MORE_THAN_TABLE

    def _keep(self, key: keyed.Key, rows: list[CheckedRow], connection: Connection, done: list[Submitted]) -> None:
        keyed.keep_within(self.context.node, connection, key, _answer(rows, done))

    def _requests(
        self, domain: str, record: str, program: Program, form: Form
    ) -> tuple[list[CheckedRow], list[Submission]]:  # fmt: skip
        to = form.text("to")
        if to is None:
            raise invalid("to", "nothing", "the party id of a partner", "Give it.")
        unit = unit_for(program, form.text("unit"))
        rows, files = self._checked(domain, record, form, nonces(self.context.node))
        if not rows:
            raise TableRefused(f"{_name(form)}: found no row with a value. Nothing was sent.")
        self._require_seen(program, form, rows)
        return rows, submissions_of(rows, files, to=to, unit=unit, actor=program.handle)

    def _checked(self, domain: str, record: str, form: Form, nonce: Nonce) -> tuple[list[CheckedRow], _Uploads]:
        domains = self.context.node.domains
        _, shape = record_shape(domains, domain, record)
        content = only(form.files.get("table", []), "table").octets(LARGEST_FILE)
        name, files = _name(form), _Uploads(form)
        table = read_table(content, name, shape, OF_SENDING, xlsx=content.startswith(_ZIP))
        if len(table.rows) > MOST_ROWS:
            raise TableRefused(
                f"{name}: found {len(table.rows)} rows, at most {MOST_ROWS} are taken. Divide the table."
            )
        return checked_rows(table, name, domains, shape, files, nonce), files

    def _require_seen(self, program: Program, form: Form, rows: list[CheckedRow]) -> None:
        """The case that a row names must be one that the program sees, unless it is new."""
        errors = []
        with self.context.node.database.read() as connection:
            for row in rows:
                named = row.ours.get("case") or None
                if named is None or resolve_case(connection, named) is None:
                    continue
                try:
                    case_for(connection, program, named)
                except NotFound as error:
                    errors.append(RowError(row.number, "#case", named, "a case that this program sees", str(error)))
        if errors:
            raise TableRefused(f"{_name(form)}: nothing was sent.", errors)

    def _exported(
        self, program: Program, domain: str, record: str, case: str | None, peer: str | None
    ) -> tuple[list[str], list[list[str]]]:  # fmt: skip
        node = self.context.node
        found, shape = record_shape(node.domains, domain, record)
        with node.database.read() as connection:
            if case is not None:
                case_for(connection, program, case)
            return exported(node, connection, found, shape, case=case, peer=peer, unit=program.unit)


def _head(columns: list[str]) -> list[str]:
    return [f"#{name}" for name in OF_SENDING] + columns


def _name(form: Form) -> str:
    return next((one.name for one in form.files.get("table", []) if one.name), "table")


def _answer(rows: list[CheckedRow], done: list[Submitted]) -> Response:
    value = [
        {"row": row.number, "id": one.id, "case": one.case, "number": one.number, "state": one.state}
        for row, one in zip(rows, done, strict=True)
    ]
    return Response(encoded(value), 201, media_type="application/json")
