"""What is due by the clocks of cases, figures of them, and acts on paper that the clocks take."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from node.access.accounts import AccountError
from node.access.programs import Program
from node.api import keyed
from node.api.context import ApiContext, Caller, case_for, no_such_officer, require_handle, unit_for
from node.api.forms import NAMED, Form, form_of
from node.api.models import Text
from node.api.problems import encoded, invalid
from node.exchange.due_list import describe_due, due_now, due_of
from node.exchange.figures import figures, figures_as_csv
from node.exchange.paper_acts import CHANNELS, NEW, ActOnPaper, record_on_paper
from node.exchange.paper_scans import scan_of
from node.exchange.scans_given import LARGEST_SCAN
from node.records.clocks import Due, feed

CALENDAR = "text/calendar"
CSV = "text/csv"
BY = ("us", "them")
TEXTS = (
    "act", "channel", "done", "received", "by", "persons", "concerning", "until", "day", "peer", "domain",
)  # fmt: skip
_INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$"
_DAY = r"^\d{4}-\d\d-\d\d$"
_MOMENT = r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d))?$"
_MORE_THAN_SCAN = 64 * 1024
PAPER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "act": {**NAMED, "description": "its name in the procedure"},
        "channel": {"type": "string", "enum": [*CHANNELS]},
        "done": {"type": "string", "pattern": _INSTANT, "description": "when, with its zone"},
        "received": {"type": "string", "pattern": _INSTANT, "description": "when it was received, with its zone"},
        "by": {"type": "string", "enum": [*BY], "description": "who did it; without it us"},
        "persons": {
            "type": "array", "minItems": 1, "items": NAMED, "description": "ids of persons in the case, one a field",
        },
        "concerning": {**NAMED, "description": "the message, or act on paper, that it is about"},
        "until": {"type": "string", "pattern": _DAY, "description": "the day that it asks for or grants"},
        "day": {
            "type": "string", "pattern": _MOMENT,
            "description": "the day, or instant with its zone, that it states: its time counts from, or back from it",
        },
        "scan": {
            "type": "array", "minItems": 1, "items": {"type": "string", "contentMediaType": "application/octet-stream"},
            "description": "the scanned paper, a picture or PDF by its content; kept sealed",
        },
        "record": {
            "type": "string", "contentMediaType": "application/xml",
            "description": "in place of `act` and `persons`: what was on the paper, as a record; kept sealed",
        },
        "peer": {**NAMED, "description": "for a new case: its other side"},
        "domain": {**NAMED, "description": "for a new case: what it is about"},
    },
    "required": ["channel", "done"],
    "additionalProperties": False,
}  # fmt: skip
Unit = Annotated[Text | None, Query(description="of this unit, and of cases of none")]
Officer = Annotated[
    Text | None, Query(description="handle of an officer: what they have, and what went to the team; a head has all")
]


@dataclass(frozen=True, slots=True)
class Clocks:
    """The routes of deadlines and acts on paper."""

    context: ApiContext

    def due(self, program: Caller, unit: Unit = None, officer: Officer = None) -> Any:
        """What is due, in the order in which to look at it; no person and no partner stands in it."""
        return [describe_due(one) for one in self._due(program, unit, officer)]

    def feed(self, program: Caller, unit: Unit = None, officer: Officer = None) -> Response:
        """The same as a calendar (RFC 5545): case number, act and time."""
        return Response(feed(self._due(program, unit, officer), self.context.node.now()), media_type=CALENDAR)

    def figures(self, program: Caller, unit: Unit = None) -> Any:
        """Cases by year, partner, procedure and outcome: how many, how long, overdue, deemed; small numbers hidden."""
        return self._figures(program, unit)

    def figures_as_csv(self, program: Caller, unit: Unit = None) -> Response:
        """The same as CSV (RFC 4180), with a line of names; nothing stands for a number that is hidden."""
        return Response(figures_as_csv(self._figures(program, unit)), media_type=CSV)

    def _figures(self, program: Program, unit: str | None) -> list[dict[str, Any]]:
        unit = unit_for(program, unit)
        node = self.context.node
        with node.database.read() as connection:
            return figures(node, connection, unit)

    def _due(self, program: Program, unit: str | None, officer: str | None) -> tuple[Due, ...]:
        unit = unit_for(program, unit)
        node = self.context.node
        expected = "the handle of an officer or head of that unit, or of none"
        require_handle(officer, expected)
        with node.database.read() as connection:
            if officer is None:
                return due_now(node, connection, unit)
            try:
                return due_of(node, connection, officer, unit)
            except AccountError as error:
                raise no_such_officer(officer, expected) from error

    async def on_paper(self, id: str, request: Request, program: Caller) -> Response:
        """Record an act by paper, fax, mail or telephone: our own statement until the other side states the same.

        With `new` as id it opens a case, also with a partner without a node.
        """
        node = self.context.node
        async with form_of(
            request, node, texts=TEXTS, files=("scan", "record"), limit=LARGEST_SCAN + _MORE_THAN_SCAN
        ) as form:
            text = keyed.key_in(request)
            key = None
            if text is not None:
                key = keyed.key_of(program.handle, text, b"POST /cases", id.encode("utf-8", "replace"), form.digest)
            told = await run_in_threadpool(self._judged, id, program, form)
            record = partial(self._record, id, program, told)
            return await (record() if key is None else keyed.once(node, key, record))

    def scan(self, id: str, act: str, n: int, program: Caller) -> Response:
        """The n-th scan of an act on paper, as it was recorded; a case counts the `scans` of each."""
        node = self.context.node
        with node.database.read() as connection:
            octets = b"".join(scan_of(node, connection, case_for(connection, program, id), act, n).octets)
        headers = {"content-disposition": f'attachment; filename="scan-{n}"'}
        return Response(octets, headers=headers, media_type="application/octet-stream")

    def _judged(self, name: str, program: Program, form: Form) -> ActOnPaper:
        """What the form tells of; the case must be one that the program sees, unless it is new."""
        told = _told(form)
        if name != NEW:
            with self.context.node.database.read() as connection:
                case_for(connection, program, name)
        return told

    async def _record(self, name: str, program: Program, told: ActOnPaper) -> Response:
        value = await run_in_threadpool(record_on_paper, self.context.node, name, told, program.handle)
        return Response(encoded(value), 201, {"location": f"/api/v1/cases/{value['case']}"}, "application/json")


def _told(form: Form) -> ActOnPaper:
    act, channel, by = form.text("act"), form.text("channel"), form.text("by") or "us"
    record = _record(form)
    if (act is None) is (record is None):
        found = "nothing" if act is None else "an act beside a record"
        raise invalid("act", found, "the name of an act in the procedure, or a record that holds it", "Give one.")
    if record is not None and form.texts.get("persons"):
        raise invalid("persons", "persons beside a record", "none", "The record names them.")
    if channel not in CHANNELS:
        raise invalid("channel", channel or "nothing", f"one of {', '.join(CHANNELS)}")
    if by not in BY:
        raise invalid("by", by, f"one of {', '.join(BY)}")
    done = _instant(form, "done")
    if done is None:
        raise invalid("done", "nothing", "an instant, as 2026-04-17T10:30:00+02:00", "Give it.")
    return ActOnPaper(
        act=act or "",
        record=record,
        channel=channel,
        done=done,
        by_us=by == "us",
        received=_instant(form, "received"),
        persons=form.texts.get("persons", []),
        concerning=form.text("concerning"),
        until=_day(form),
        day=_moment(form),
        scans=[b"".join(one.content()) for one in form.files.get("scan", [])],
        peer=form.text("peer"),
        domain=form.text("domain"),
    )


def _record(form: Form) -> bytes | None:
    given = form.files.get("record", [])
    if len(given) > 1:
        raise invalid("record", f"{len(given)} records", "one", "Record the acts of each by itself.")
    return b"".join(given[0].content()) if given else None


def _instant(form: Form, name: str) -> datetime | None:
    text = form.text(name)
    if text is None:
        return None
    with suppress(ValueError, OverflowError):  # a month 13, or an instant before the first year
        if re.fullmatch(_INSTANT, text):
            return datetime.fromisoformat(text).astimezone(UTC)
    raise invalid(name, text, "an instant with its zone, as 2026-04-17T10:30:00+02:00")


def _moment(form: Form) -> str | None:
    text = form.text("day")
    if text is None or re.fullmatch(_MOMENT, text):
        return text
    raise invalid("day", text, "a day, as 2026-04-17, or an instant with its zone")


def _day(form: Form) -> date | None:
    text = form.text("until")
    if text is None:
        return None
    with suppress(ValueError):  # a month 13
        if re.fullmatch(_DAY, text):
            return date.fromisoformat(text)
    raise invalid("until", text, "a day, as 2026-04-17")
