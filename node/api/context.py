"""What the programming interface of one node needs, and how its routes come by the program that asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends
from sqlalchemy import Connection, Select, select
from starlette.requests import Request
from starlette.responses import Response

from node.access import Act, allowed, sees_unit
from node.access.accounts import HANDLE
from node.access.programs import Program
from node.api.problems import Refusal, invalid
from node.exchange.cases import CASE
from node.exchange.directory import Directory
from node.exchange.listing import NotFound, find_case, find_message
from node.exchange.node import Node
from node.exchange.submission import Submissions


@dataclass(frozen=True, slots=True)
class ApiContext:
    """`addresses` gives those by which programs may call this node in their assertions."""

    node: Node
    directory: Directory
    submissions: Submissions
    addresses: Callable[[], frozenset[str]]


async def program_of(request: Request) -> Program:
    """The program that was let in by `door`."""
    program: Program = request.state.program
    return program


Caller = Annotated[Program, Depends(program_of)]


def may(program: Program, act: Act) -> bool:
    """Whether its role may do that."""
    return allowed(program.role, act)


def lead_on(response: Response, path: str, after: str, **asked: object) -> None:
    """Say in the header Link where a list goes on: after that cursor, with what was asked (None: was not)."""
    given = {name: value for name, value in asked.items() if value is not None}
    response.headers["link"] = f'</api/v1{path}?{urlencode({**given, "after": after})}>; rel="next"'


def require_handle(officer: str | None, expected: str) -> None:
    """Raises Refusal where a query names an officer otherwise than by handle."""
    if officer is not None and not officer.startswith(HANDLE):
        raise no_such_officer(officer, expected)


def no_such_officer(officer: str | None, expected: str) -> Refusal:
    """What is told of a query that names an officer whom there is not."""
    return invalid("officer", officer or "", expected, "`GET /officers` lists them.")


def day_in(field: str, text: str | None) -> date | None:
    """The day that a field or parameter names. Raises Refusal."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:  # a month 13
        raise invalid(field, text or "", "a day, as 2026-08-03") from error


def case_for(connection: Connection, program: Program, name: str) -> dict[str, Any]:
    """The row of a case that the program's unit sees. Raises NotFound."""
    row = dict(find_case(connection, name))
    if not sees_unit(program.unit, row["unit"]):
        raise NotFound(f"There is no case {name!r}.")
    return row


def message_for(
    connection: Connection, program: Program, message_id: str, direction: str | None = None
) -> dict[str, Any]:  # fmt: skip
    """The row of a message of a case that the program's unit sees, as `find_message` finds it. Raises NotFound."""
    row = dict(find_message(connection, message_id, direction))
    if program.unit is not None:
        unit = connection.execute(_unit_of(row["case_id"])).scalar_one_or_none()
        if not sees_unit(program.unit, unit):
            raise NotFound(f"There is no message {message_id!r}.")
    return row


def unit_for(program: Program, named: str | None) -> str | None:
    """The unit that a request is about: the program's own, else the one named, if any. Raises Refusal for another."""
    if program.unit is not None and named not in (None, program.unit):
        raise invalid("unit", named or "", f"{program.unit}, or none", "This program is of one unit.")
    return program.unit or named


def _unit_of(case_id: int) -> Select[Any]:
    return select(CASE.c.unit).where(CASE.c.id == case_id)
