"""Who may do what. What is not listed is denied; every page and programming interface names the act that it is.

IT staff keep the node running: they see that messages move, to whom and with which digests, and nothing about persons.
"""

from enum import StrEnum

from node.access.accounts import Role


class Act(StrEnum):
    """Something that a person does on a page."""

    LIST_CASES = "list cases"
    """numbers, partners and states; persons only with READ_PERSONS"""
    READ_PERSONS = "read who a case is about"
    READ_RECORDS = "read records, attachments and signed messages"
    MARK_OPENED = "open a message on behalf of the administration"
    """the partner is told that it was opened"""
    LIST_ALARMS = "see what waits for a person"
    SETTLE_ALARM = "settle what waited for a person, with a note"


_ALLOWED: dict[Role, frozenset[Act]] = {
    Role.OFFICER: frozenset(
        {Act.LIST_CASES, Act.READ_PERSONS, Act.READ_RECORDS, Act.MARK_OPENED, Act.LIST_ALARMS, Act.SETTLE_ALARM}
    ),
    Role.HEAD: frozenset({Act.LIST_CASES, Act.READ_PERSONS, Act.READ_RECORDS, Act.LIST_ALARMS}),
    Role.AUDITOR: frozenset({Act.LIST_CASES, Act.READ_PERSONS, Act.READ_RECORDS, Act.LIST_ALARMS}),
    Role.IT: frozenset({Act.LIST_CASES, Act.LIST_ALARMS, Act.SETTLE_ALARM}),
}


def allowed(role: Role | None, act: Act) -> bool:
    """Whether that role may do it; nobody signed in (None) may do nothing."""
    return role is not None and act in _ALLOWED.get(role, frozenset())


def sees_unit(own: str | None, of_case: str | None) -> bool:
    """Whether an account of unit `own` sees a case of that unit.

    Accounts without a unit see all; cases that no unit has been given yet are seen by all.
    """
    return own is None or of_case is None or own == of_case
