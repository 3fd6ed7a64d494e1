"""Whose case it is: the officer who looks after it, named by a person. What is due is theirs first."""

from typing import Any

from sqlalchemy import Connection, update

from node.access.accounts import Person, Role, find_account
from node.access.permissions import sees_unit
from node.audit.entry import append, entry
from node.exchange.cases import CASE, alias
from node.exchange.listing import find_case
from node.exchange.node import Node

LOOKING_AFTER = (Role.OFFICER, Role.HEAD)
"""Who may have a case, and is told what is due in it."""


class AssignmentRefused(Exception):
    """A case cannot be given to this account; the text says why and what to do."""


def assign_case(node: Node, case: str, account: str | None, actor: str) -> dict[str, Any]:
    """Give a case to an account, by its name or handle; None: to nobody. Returns {case, number, officer: handle or
    None}.

    Raises NotFound, AccountError for an unknown account, AssignmentRefused for one that may not see the case.
    """
    with node.database.write() as connection:
        row = find_case(connection, case)
        number = alias(row["alias_year"], row["alias_number"])
        handle = None if account is None else _who_may(connection, account, row["unit"], number).handle
        if handle != row["officer"]:
            connection.execute(update(CASE).where(CASE.c.id == row["id"]).values(officer=handle))
            made = entry(
                type="case.assigned",
                at=node.now(),
                actor=actor,
                facts={"officer": handle, "before": row["officer"]},
                case=row["conversation_id"],
                case_row=row["id"],
            )
            append(connection, [made], node.kek)
    return {"case": row["conversation_id"], "number": number, "officer": handle}


def _who_may(connection: Connection, account: str, unit: str | None, number: str) -> Person:
    person = find_account(connection, account)
    if person.role not in LOOKING_AFTER:
        raise AssignmentRefused(
            f"{account} has the role {person.role}: name somebody with {' or '.join(LOOKING_AFTER)}."
        )
    if not sees_unit(person.unit, unit):
        apart = f"{account} is of unit {person.unit!r}, case {number} of {unit!r}"
        raise AssignmentRefused(f"{apart}: name somebody of that unit.")
    return person
