"""Cases: a list, and one with its messages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from node.access import Act
from node.access.accounts import HANDLE, AccountError
from node.access.programs import Program
from node.api.clocks import Unit
from node.api.context import (
    ApiContext,
    Caller,
    case_for,
    day_in,
    lead_on,
    may,
    no_such_officer,
    require_handle,
    unit_for,
)
from node.api.messages import After, Limit, shown_to
from node.api.models import CaseGiven, Day, Text
from node.api.problems import invalid
from node.exchange.assignment import AssignmentRefused, assign_case
from node.exchange.case_list import CasesAsked, DaysRefused, Place, UnknownState, listed_cases
from node.exchange.case_second_look import looked_at_again
from node.exchange.case_view import procedure_of
from node.exchange.listing import show_case
from node.exchange.person_links import links_in
from node.store.columns import microseconds

_CURSOR = re.compile(r"~([0-9]{1,16})-([0-9]{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_LOOK = ("second_look", "evidence")
_LATEST = 253_402_300_799_000_000


@dataclass(frozen=True, slots=True)
class Cases:
    """The routes of cases."""

    context: ApiContext

    def listed(
        self,
        response: Response,
        program: Caller,
        limit: Limit = 100,
        after: After = None,
        peer: Annotated[Text | None, Query(description="those with this partner")] = None,
        domain: Annotated[Text | None, Query(description="those of the domain of this name")] = None,
        state: Annotated[Text | None, Query(description="those in this state of their procedure")] = None,
        unit: Unit = None,
        officer: Annotated[Text | None, Query(description="handle of an officer: those that they have")] = None,
        opened_from: Annotated[Day | None, Query(alias="from", description="those opened on this day or later")] = None,
        opened_until: Annotated[
            Day | None, Query(alias="until", description="those opened on this day or before")
        ] = None,
    ) -> Any:
        """List cases, the one that changed last first.

        While more follow, the header Link leads on. A case that changes meanwhile moves to the front.
        """
        expected = "the handle of an account"
        require_handle(officer, expected)
        days = day_in("from", opened_from), day_in("until", opened_until)
        asked = CasesAsked(peer, domain, state, unit_for(program, unit), officer, *days)
        with self.context.node.database.read() as connection:
            place = self._place(connection, program, after)
            try:
                found, following = listed_cases(self.context.node, connection, asked, limit, place)
            except AccountError as error:
                raise no_such_officer(officer, expected) from error
            except UnknownState as error:
                raise invalid("state", state or "", "a state of a procedure", str(error)) from error
            except DaysRefused as error:
                found_day = opened_from if error.field == "from" else opened_until
                raise invalid(error.field, found_day or "", error.expected) from error
        if following is not None:
            asked_as = {"peer": peer, "domain": domain, "state": state, "unit": unit, "officer": officer}
            asked_as |= {"from": opened_from, "until": opened_until}
            lead_on(response, "/cases", _cursor(following), limit=limit, **asked_as)
        return found

    def show(self, id: str, program: Caller) -> Any:
        """Show a case with its messages; by its number or id."""
        return self.current(program, {"id": id})

    def assign(self, id: str, given: CaseGiven, program: Caller) -> Any:
        """Give a case to an officer or head who may see it: what is due in it is theirs first."""
        with self.context.node.database.read() as connection:
            case_for(connection, program, id)
        if given.officer is not None and not given.officer.startswith(HANDLE):
            raise invalid("officer", given.officer, f"the log's name of an account, as {HANDLE}0f2c6f4e95b14d2a")
        try:
            return assign_case(self.context.node, id, given.officer, program.handle)
        except (AccountError, AssignmentRefused) as error:
            raise invalid("officer", given.officer or "", "an officer or head who sees the case", str(error)) from error

    def current(self, program: Program, path: Mapping[str, Any]) -> Any:
        """A case as it is shown to this program."""
        with self.context.node.database.read() as connection:
            row = case_for(connection, program, path["id"])
            case = show_case(connection, path["id"])
            # It tells of each person what was decided.
            seen = may(program, Act.READ_PERSONS)
            case |= procedure_of(self.context.node, connection, row) if seen else {"procedure": None}
            case |= links_in(connection, row) if seen else {"links": None}
            read = may(program, Act.READ_RECORDS)
            case |= looked_at_again(self.context.node, connection, row) if read else dict.fromkeys(_SECOND_LOOK)
        return case | {"messages": [shown_to(program, message) for message in case["messages"]]}

    def _place(self, connection: Any, program: Program, after: str | None) -> tuple[datetime, int] | None:
        if after is None:
            return None
        cursor = _CURSOR.fullmatch(after)
        if cursor is not None:
            return _EPOCH + timedelta(microseconds=min(int(cursor[1]), _LATEST)), int(cursor[2])
        row = case_for(connection, program, after)
        return row["changed_at"], row["id"]


def _cursor(place: Place) -> str:
    changed, row_id = place
    return f"~{microseconds(changed)}-{row_id}"
