"""Records before they are sent: which there are, empty ones to fill, and whether one is right."""

from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from node.api.context import ApiContext, Caller
from node.api.forms import Form, form_of
from node.api.problems import invalid
from node.exchange.listing import NotFound
from node.records.check import check
from node.records.example import new_record
from node.records.reading import MAX_RECORD_BYTES

CHECK_LIMIT = 16 * MAX_RECORD_BYTES
CHECK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "record": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "contentMediaType": "application/xml"},
            "description": "records, one a field",
        }
    },
    "required": ["record"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Records:
    """The routes of records and domains."""

    context: ApiContext

    async def check(self, request: Request, program: Caller) -> Any:
        """Check records against their schema and rules; an empty array says that nothing is wrong."""
        node = self.context.node
        async with form_of(request, node, texts=(), files=("record",), limit=CHECK_LIMIT) as form:
            if not form.files:
                raise invalid("record", "nothing", "a record", "Give one or more.")
            return await run_in_threadpool(self._check, form)

    def _check(self, form: Form) -> list[dict[str, str | int]]:
        rows = []
        for n, upload in enumerate(form.files["record"], start=1):
            found = check(upload.octets(MAX_RECORD_BYTES), self.context.node.domains)
            problems = found if isinstance(found, list) else []
            rows += [problem.in_file(upload.name or f"record {n}").as_row() for problem in problems]
        return rows

    def domains(self, program: Caller) -> Any:
        """List the domains of this node."""
        return [
            {
                "name": one.name,
                "version": one.version,
                "service": one.namespace,
                "title": one.title,
                "digest": one.digest,
                "records": sorted(one.records),
            }
            for one in self.context.node.domains
        ]

    def new(self, domain: str, record: str, program: Caller) -> Any:
        """An empty record to fill, of the highest version of the domain."""
        found = self.context.node.domains.known(domain)
        if record not in found.records:
            known = ", ".join(sorted(found.records))
            raise NotFound(f"{found.name} has no record {record!r}. It has: {known}.")
        return {"domain": found.name, "record": record, "content": new_record(found, record).decode("utf-8")}
