"""Who looks after cases, and who is away."""

from dataclasses import dataclass
from typing import Any

from node.access.accounts import HANDLE, AccountError, find_by_handle
from node.access.permissions import sees_unit
from node.access.programs import Program
from node.api.context import ApiContext, Caller, day_in
from node.api.models import Absence
from node.api.problems import invalid
from node.exchange.absences import describe_officer, end_absence, list_officers, note_absence
from node.exchange.assignment import LOOKING_AFTER
from node.exchange.listing import NotFound


@dataclass(frozen=True, slots=True)
class Officers:
    """The routes of officers."""

    context: ApiContext

    def listed(self, program: Caller) -> Any:
        """List officers and heads, of the program's unit and of none; `handle` is what gives a case to one."""
        with self.context.node.database.read() as connection:
            return list_officers(connection, program.unit)

    def away(self, handle: str, given: Absence, program: Caller) -> Any:
        """Say that somebody is away, or there again: what is due goes to the team meanwhile."""
        self._require_seen(program, handle)
        if given.back and (given.first is not None or given.last is not None):
            raise invalid("back", "true", "no days beside it", "Leave out the days, or `back`.")
        node = self.context.node
        try:
            if given.back:
                return describe_officer(end_absence(node, handle, program.handle))
            first, last = day_in("first", given.first), day_in("last", given.last)
            return describe_officer(note_absence(node, handle, first, last, program.handle))
        except AccountError as error:
            found = f"{given.first} to {given.last}"
            raise invalid("last", found, "a day that is not before the first", str(error)) from error

    def _require_seen(self, program: Program, handle: str) -> None:
        missing = NotFound(f"There is no officer {handle!r}.")
        if not handle.startswith(HANDLE):
            raise missing
        with self.context.node.database.read() as connection:
            try:
                found = find_by_handle(connection, handle)
            except AccountError as error:
                raise missing from error
        if found.role not in LOOKING_AFTER or not sees_unit(program.unit, found.unit):
            raise missing
