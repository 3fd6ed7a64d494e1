"""Addresses for calendar programs: making, listing and removing them."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from node.access.accounts import HANDLE, AccountError
from node.access.programs import Program
from node.api.context import ApiContext, Caller, no_such_officer, unit_for
from node.api.models import NewFeed
from node.api.problems import encoded, invalid
from node.exchange.calendar_feeds import describe_feed, end_feed, feeds_of, looking_after, make_feed
from node.exchange.listing import NotFound
from node.operations.listening import feed_address

_EXPECTED = "the handle of an officer or head"


def without_address(answer: Response) -> Response:
    """The answer that is kept for an idempotency key: an address is shown once, and stored nowhere."""
    value = json.loads(bytes(answer.body)) | {"address": None}
    return Response(encoded(value), answer.status_code, media_type=answer.media_type or "application/json")


@dataclass(frozen=True, slots=True)
class Feeds:
    """The routes of addresses for calendar programs."""

    context: ApiContext

    def listed(self, program: Caller) -> Any:
        """List the addresses that were not removed: of the program's unit and its officers, else all."""
        with self.context.node.database.read() as connection:
            return [describe_feed(one) for one in feeds_of(connection, program.unit)]

    def add(self, given: NewFeed, program: Caller) -> Any:
        """Make an address that gives what one officer, or one unit, has to do; it is shown this once.

        The same idempotency key brings the answer again without the address.
        """
        if (given.officer is None) == (given.unit is None):
            found = "both" if given.officer is not None else "neither"
            raise invalid("officer", found, "one of `officer` and `unit`", "Give one of them.")
        if given.officer is not None:
            self._require_own_officer(program, given.officer)
        unit = None if given.unit is None else unit_for(program, given.unit)
        node = self.context.node
        try:
            made, secret = make_feed(node, program.handle, officer=given.officer, unit=unit, days=given.days)
        except AccountError as error:
            raise invalid("unit", given.unit or "", "the name of a unit", str(error)) from error
        return describe_feed(made) | {"address": feed_address(node.home, node.settings, secret)}

    def remove(self, id: str, program: Caller) -> Any:
        """Remove an address: nothing is read there any more."""
        node = self.context.node
        with node.database.read() as connection:
            if id not in {one.handle for one in feeds_of(connection, program.unit)}:
                raise NotFound(f"There is no address {id!r} for calendar programs.")
        try:
            return describe_feed(end_feed(node, id, program.handle))
        except AccountError as error:
            raise NotFound(str(error)) from error

    def _require_own_officer(self, program: Program, officer: str) -> None:
        """Of the program's unit: who is of none has what all units have to do."""
        if not officer.startswith(HANDLE):
            raise no_such_officer(officer, _EXPECTED)
        with self.context.node.database.read() as connection:
            try:
                found = looking_after(connection, officer)
            except AccountError as error:
                raise no_such_officer(officer, _EXPECTED) from error
        if program.unit not in (None, found.unit):
            raise no_such_officer(officer, f"{_EXPECTED} of unit {program.unit}")
