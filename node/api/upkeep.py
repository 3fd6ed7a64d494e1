"""What waits for a person, the checks of the node, and the version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import select
from starlette.responses import Response

from node.access.programs import Program
from node.api.context import ApiContext, Caller
from node.api.messages import After, Limit
from node.api.models import Noted
from node.exchange.alarms import list_alarms, settle_alarm
from node.exchange.cases import CASE, seen_by_unit
from node.exchange.listing import NotFound
from node.exchange.settlement import ALARM, MESSAGE
from node.operations.checks import run_checks
from node.operations.version import program_version


@dataclass(frozen=True, slots=True)
class Alarms:
    """The routes of alarms."""

    context: ApiContext

    def listed(
        self,
        response: Response,
        program: Caller,
        all: Annotated[bool, Query(description="settled ones, too")] = False,
        limit: Limit = 100,
        after: After = None,
    ) -> Any:
        """List alarms that are open, oldest first.

        While more follow, the header Link leads on.
        """
        rows = self._seen(program, settled=all)
        if after is not None:
            if not after.isascii() or not after.isdigit():
                raise NotFound(f"There is no alarm {after!r}.")
            rows = [row for row in rows if int(row["id"]) > int(after)]
        if len(rows) > limit:
            more = "&all=true" if all else ""
            following = f"/api/v1/alarms?limit={limit}&after={rows[limit - 1]['id']}{more}"
            response.headers["link"] = f'<{following}>; rel="next"'
        return rows[:limit]

    def show(self, id: str, program: Caller) -> Any:
        """Show an alarm, open or settled."""
        return self.current(program, {"id": id})

    def current(self, program: Program, path: Mapping[str, Any]) -> Any:
        """An alarm as it is shown."""
        for row in self._seen(program, settled=True):
            if row["id"] == path["id"]:
                return row
        raise NotFound(f"There is no alarm {path['id']!r}.")

    def settle(self, id: str, noted: Noted, program: Caller) -> Any:
        """Settle an alarm with a note of what was found; its message stays as it is."""
        self.current(program, {"id": id})
        return settle_alarm(self.context.node, id, noted.note, program.handle)

    def _seen(self, program: Program, settled: bool) -> list[dict[str, Any]]:
        """The alarms of cases that the program's unit sees, and of no case."""
        rows = list_alarms(self.context.node, settled)
        if program.unit is None:
            return rows
        query = (
            select(ALARM.c.id)
            .outerjoin(MESSAGE, MESSAGE.c.id == ALARM.c.message)
            .outerjoin(CASE, CASE.c.id == MESSAGE.c.case_id)
            .where(*seen_by_unit(program.unit))
        )
        with self.context.node.database.read() as connection:
            seen = {str(row_id) for row_id in connection.scalars(query)}
        return [row for row in rows if row["id"] in seen]


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The routes of the node itself."""

    context: ApiContext

    def checks(self, program: Caller) -> Any:
        """Run the checks of the node, as `depesha doctor` does."""
        return [check.as_value() for check in run_checks(self.context.node)]

    def version(self, program: Caller) -> Any:
        """The version of the program."""
        return {"version": program_version()}
