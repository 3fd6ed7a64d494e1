"""Sending: a record with its attachments, or other parts under a service and action, queued in a shared commit."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from node.access.programs import Program
from node.api import keyed
from node.api.cases import Cases
from node.api.conditions import require_unchanged, tag_of
from node.api.context import ApiContext, Caller, case_for, unit_for
from node.api.forms import LOOP_BYTES, NAMED, Form, Upload, form_of, only
from node.api.problems import Refusal, encoded, invalid
from node.exchange.cases import resolve_case
from node.exchange.judgement import refused_record
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submission, Submitted
from node.records.check import check
from node.records.reading import MAX_RECORD_BYTES, UnreadableError, read_xml

TEXTS = ("to", "case", "unit", "confirm", "service", "service_type", "action", "strip_metadata")
FILES = ("record", "attachment", "part")
RECORD_TYPE = "application/xml"
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}
_COMMON: dict[str, Any] = {
    "to": {**NAMED, "description": "the partner that gets it"},
    "case": {**NAMED, "description": "the case's number or id; without it a new case"},
    "unit": {**NAMED, "description": "the unit of ours that sends it"},
    "confirm": {
        "type": "array", "minItems": 1, "items": NAMED,
        "description": "codes of questions that a person has confirmed, one a field",
    },
    "attachment": {
        "type": "array", "minItems": 1, "items": _FILE,
        "description": "files that go with it, one a field; a record lists each by its file name",
    },
}  # fmt: skip
_OF_RECORD: dict[str, Any] = {
    "record": {
        "type": "string", "contentMediaType": RECORD_TYPE,
        "description": "a record of a domain; its service and action follow from it",
    },
    "strip_metadata": {
        "type": "string", "enum": ["true", "false"],
        "description": "true: images go without place, time, device and the like; the record's digests are adapted",
    },
}  # fmt: skip
_OF_OTHERS: dict[str, Any] = {
    "service": {**NAMED, "description": "for what is no record: its service"},
    "service_type": {**NAMED, "description": "the type of that service; without it that of the open pair"},
    "action": {**NAMED, "description": "its action"},
    "part": {
        "type": "array", "minItems": 1, "items": _FILE,
        "description": "its parts in order, each with its media type",
    },
}  # fmt: skip
FORM_SCHEMA: dict[str, Any] = {
    "oneOf": [
        {
            "title": "A record",
            "type": "object",
            "properties": {**_COMMON, **_OF_RECORD},
            "required": ["to", "record"],
            "additionalProperties": False,
        },
        {
            "title": "Other parts",
            "type": "object",
            "properties": {**_COMMON, **_OF_OTHERS},
            "required": ["to", "service", "action", "part"],
            "additionalProperties": False,
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Sending:
    """The route that sends."""

    context: ApiContext

    async def send(self, request: Request, program: Caller) -> Response:
        """Queue a message durably.

        The answer comes once it is queued; the state of the message tells what becomes of it. A record is judged
        first: what is wrong with it, or what a person must look at again, is told in `errors`, and nothing is queued.
        With an Idempotency-Key the same request may be sent any number of times.
        """
        node = self.context.node
        limit = node.settings.largest_message_megabytes * 1_000_000
        async with form_of(request, node, texts=TEXTS, files=FILES, limit=limit) as form:
            text = keyed.key_in(request)
            key = None if text is None else keyed.key_of(program.handle, text, b"POST /messages", form.digest)
            if key is not None and (kept := await run_in_threadpool(keyed.answer_kept, node, key)) is not None:
                return kept
            submission = await run_in_threadpool(self._submission, request, program, form)
            if key is not None:
                submission = replace(submission, on_queued=partial(self._keep, key))
            try:
                done = await self.context.submissions.submit(submission, in_thread=form.size > LOOP_BYTES)
            except IntegrityError:
                kept = None if key is None else await run_in_threadpool(keyed.answer_kept, node, key)
                if kept is None:
                    raise
                return kept
        return _answer(done)

    def _keep(self, key: keyed.Key, connection: Connection, done: Submitted) -> None:
        keyed.keep_within(self.context.node, connection, key, _answer(done))

    def _submission(self, request: Request, program: Program, form: Form) -> Submission:
        to = form.text("to")
        if to is None:
            raise invalid("to", "nothing", "the party id of a partner", "Give it.")
        service, action, parts = self._content(form)
        case = form.text("case")
        self._judge_case(request, program, case)
        unit = unit_for(program, form.text("unit"))
        return Submission(
            peer=to,
            service=service,
            service_type=form.text("service_type"),
            action=action,
            parts=parts,
            case=case,
            unit=unit,
            actor=program.handle,
            confirmed=form.texts.get("confirm", []),
            ask_fit=True,
            strip_metadata=_yes(form, "strip_metadata"),
        )

    def _judge_case(self, request: Request, program: Program, name: str | None) -> None:
        """The case must be one that the program sees, unless it is new; and as it saw it, if it says so."""
        with self.context.node.database.read() as connection:
            known = None if name is None else resolve_case(connection, name)
            if known is not None and name is not None:
                case_for(connection, program, name)
                if "if-match" in request.headers:
                    require_unchanged(request, tag_of(Cases(self.context).current(program, {"id": name})))
            elif "if-match" in request.headers:
                raise Refusal(412, "changed", "Nothing was done: there is no such case.")

    def _content(self, form: Form) -> tuple[str, str, list[PartToSend]]:
        """Service, action and parts."""
        records, others = form.files.get("record", []), form.files.get("part", [])
        service, action = form.text("service"), form.text("action")
        attached = [_part(one, one.media_type) for one in form.files.get("attachment", [])]
        if records and (others or service or action or form.text("service_type")):
            raise invalid("record", "a record and parts", "either record, or service, action and part")
        if records:
            record = only(records, "record")
            service, action = self._named_by(record)
            return service, action, [_part(record, RECORD_TYPE), *attached]
        if service is None or action is None or not others:
            raise invalid("record", "nothing", "a record; or service, action and part", "Say what to send.")
        return service, action, [*(_part(one, one.media_type) for one in others), *attached]

    def _named_by(self, record: Upload) -> tuple[str, str]:
        """Service and action of a record: its namespace and name."""
        name, domains = record.name or "record", self.context.node.domains
        content = record.octets(MAX_RECORD_BYTES)
        try:
            tag = str(read_xml(content).tag)
        except UnreadableError as error:
            raise refused_record(name, [error.problem]) from None
        service, _, action = tag.removeprefix("{").rpartition("}")
        domain = domains.find(service)
        if domain is None or action not in domain.records:
            found = check(content, domains)
            raise refused_record(name, found if isinstance(found, list) else [])
        return service, action


def _yes(form: Form, name: str) -> bool:
    text = form.text(name)
    if text not in (None, "true", "false"):
        raise invalid(name, text, "true or false")
    return text == "true"


def _part(upload: Upload, media_type: str) -> PartToSend:
    return PartToSend(media_type, upload.content, upload.name)


def _answer(done: Submitted) -> Response:
    value = {"id": done.id, "case": done.case, "state": done.state}
    location = f"/api/v1/messages/{quote(done.id, safe='@')}"
    return Response(encoded(value), 201, {"location": location}, "application/json")
