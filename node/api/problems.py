"""Refusals as problem details (RFC 9457): what was found, what was expected, what to do; nothing of a stack."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from node.exchange.contents import ContentGone
from node.exchange.judgement import ConfirmationNeeded, SubmissionRefused
from node.exchange.listing import NotFound
from node.exchange.part_scans import InfectedPart
from node.exchange.peers import PeerRefused
from node.exchange.scans_given import PaperRefused
from node.journal import journal
from node.records.domains import NoSuchDomain
from node.records.problems import Problem
from node.records.table_files import TableRefused
from node.store.payloads import PayloadErased
from node.store.trouble import StoreUnavailable
from node.trust.refused import TrustRefused

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:depesha:problem:"
RETRY_SECONDS = 10
FOUND_SHOWN = 100
MOST_ERRORS = 1000
"""Of a table; whoever corrects those sees the others the next time."""

log = journal("api")

TITLES = {
    "invalid-request": "Something in the request is wrong",
    "no-json": "The body is no JSON",
    "not-let-in": "The program is not let in",
    "not-allowed": "The program may not do this",
    "not-found": "There is nothing at this address",
    "method-not-allowed": "This address does not take this method",
    "not-acceptable": "The answer has none of the media types that are accepted",
    "refused": "The node does not do this as things stand",
    "under-way": "A request with this idempotency key is under way, or was cut off",
    "gone": "The content is not kept any more",
    "changed": "It has changed meanwhile",
    "too-large": "The body is too large",
    "media-type": "The body has another media type than this address takes",
    "key-reused": "The idempotency key was used for another request",
    "record-refused": "The record is not right",
    "table-refused": "A row of the table is not right",
    "confirmation-needed": "A person must look at the record again",
    "fault": "The node could not answer",
    "unavailable": "The node cannot reach what it keeps",
}


@dataclass
class Refusal(Exception):
    """A request that is refused: status, kind (of `TITLES`), words for people, and what is wrong where."""

    status: int
    kind: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def answer(self) -> Response:
        """The response."""
        value: dict[str, Any] = {
            "type": TYPES + self.kind,
            "title": TITLES[self.kind],
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        if self.errors:
            value["errors"] = [dict(one) for one in self.errors]
        return Response(encoded(value), self.status, dict(self.headers), MEDIA_TYPE)


def encoded(value: Any) -> bytes:
    """JSON as the interface writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def invalid(name: str, found: str, expected: str, remedy: str = "Correct it and ask again.") -> Refusal:
    """One field of the request is wrong."""
    one = {"field": name, "found": found[:FOUND_SHOWN], "expected": expected, "remedy": remedy}
    return Refusal(422, "invalid-request", f"{name}: expected {expected}.", [one])


def refusal_of(error: Exception) -> Refusal:
    """What is told of an error; one that nobody foresaw gets a reference number and a line in the running log."""
    match error:
        case Refusal():
            return error
        case RequestValidationError():
            return _of_validation(error)
        case NotFound() | NoSuchDomain():
            return Refusal(404, "not-found", str(error))
        case ConfirmationNeeded():
            errors = [{"code": one.code, **_of_record(one.problem)} for one in error.findings]
            detail = (
                "Nothing was queued. Read each point again; where it is right as it is, send its code as `confirm`."
            )
            return Refusal(422, "confirmation-needed", detail, errors)
        case SubmissionRefused() if error.problems:
            errors = [{"code": None, **_of_record(one)} for one in error.problems]
            return Refusal(422, "record-refused", "Nothing was queued. Correct what `errors` name.", errors)
        case TableRefused():
            return _of_table(error)
        case TrustRefused():
            told = {"field": error.what, "found": error.found, "expected": error.expected, "remedy": error.remedy}
            return Refusal(422, "invalid-request", str(error), [told])
        case InfectedPart():
            return Refusal(409, "refused", f"{error} The parameter infected=true says so.")
        case PaperRefused() if error.wrong is not None:
            return Refusal(422, "invalid-request", str(error).removeprefix("--"), [error.wrong])
        case SubmissionRefused() | PeerRefused() | PaperRefused():
            return Refusal(409, "refused", str(error))
        case ContentGone() | PayloadErased():
            return Refusal(
                410, "gone", "It was erased, or its file is missing; an erasure has left an entry in the log."
            )
        case StoreUnavailable():
            log.error("api unavailable", reason=str(error.reason))
            detail = "Nothing was changed, and nothing was lost. Ask again in a moment."
            return Refusal(503, "unavailable", detail, headers={"retry-after": str(RETRY_SECONDS)})
        case HTTPException():
            return _of_http(error)
        case _:
            return _of_fault(error)


def _of_record(problem: Problem) -> dict[str, Any]:
    return {"rule": problem.rule, **problem.as_row()}


def _of_table(error: TableRefused) -> Refusal:
    errors = [
        {"row": one.row, "field": one.column, "found": one.value, "expected": one.expected, "remedy": one.remedy}
        for one in error.errors[:MOST_ERRORS]
    ]
    more = len(error.errors) - len(errors)
    return Refusal(422, "table-refused", error.detail + (f" {more} more errors are not shown." if more else ""), errors)


def _of_http(error: HTTPException) -> Refusal:
    kinds = {400: "no-json", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
    details = {
        400: "The body cannot be read as JSON in UTF-8.",
        404: "The OpenAPI description at openapi.json lists the addresses.",
        405: "The header Allow names the methods.",
        413: "Send less.",
    }
    kind = kinds.get(error.status_code)
    if kind is None:
        return Refusal(400, "no-json", details[400])
    return Refusal(error.status_code, kind, details[error.status_code], headers=dict(error.headers or {}))


def _of_fault(error: Exception) -> Refusal:
    text = secrets.token_hex(4).upper()
    reference = f"E-{text[:4]}-{text[4:]}"
    # The kind of error and where it arose; its text might quote a record.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
    log.error("api_broken", reference=reference, error=type(error).__name__, place=place)
    detail = "This is a fault of the software. Tell your IT staff, and give them the reference."
    return Refusal(500, "fault", detail, more={"reference": reference})


def _of_validation(error: RequestValidationError) -> Refusal:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return Refusal(400, "no-json", "The body cannot be read as JSON in UTF-8.")
    errors = [_of_field(one) for one in found]
    named = ", ".join(dict.fromkeys(one["field"] for one in errors))
    return Refusal(422, "invalid-request", f"Nothing was done. Wrong is: {named}.", errors)


def _of_field(one: Mapping[str, Any]) -> dict[str, str]:
    _, *place = one["loc"]
    name = ".".join(str(step) for step in place) or "body"
    if one["type"] == "missing":
        return {"field": name, "found": "nothing", "expected": "a value", "remedy": "Give it."}
    if one["type"] == "extra_forbidden":
        return {"field": name, "found": name, "expected": "no such field", "remedy": "Leave it out."}
    given = one.get("input")
    found = json.dumps(given, ensure_ascii=True, default=lambda value: type(value).__name__)
    if isinstance(given, str) and given.isprintable():
        found = given
    expected = one["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return {
        "field": name,
        "found": found[:FOUND_SHOWN],
        "expected": "a whole number" if one["type"].startswith("int_") else expected,
        "remedy": "Correct it and ask again.",
    }
