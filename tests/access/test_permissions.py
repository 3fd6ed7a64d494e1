"""Deny by default: the whole table of roles and acts, and whose cases a unit sees."""

import pytest

from node.access import Act, Role, allowed, sees_unit

READ = {
    Act.LIST_CASES, Act.READ_PERSONS, Act.READ_RECORDS, Act.LIST_ALARMS, Act.CHECK_RECORDS, Act.LIST_PARTNERS,
    Act.SEE_FIGURES, Act.SEE_INTERFACE, Act.FIND_PERSONS, Act.SEE_BREACHES,
}  # fmt: skip
MAY = {
    Role.OFFICER: READ
    | {
        Act.MARK_OPENED, Act.SETTLE_ALARM, Act.SEND, Act.RESEND, Act.DECIDE_MESSAGE, Act.RECORD_PAPER,
        Act.LINK_PERSONS, Act.ASSIGN_CASE, Act.SEE_OFFICERS, Act.RECALL, Act.CLOSE_BREACH,
    },
    Role.HEAD: READ | {Act.ASSIGN_CASE, Act.SEE_OFFICERS, Act.NOTE_ABSENCE, Act.KEEP_FEEDS, Act.CLOSE_BREACH},
    Role.AUDITOR: READ,
    Role.IT: {
        Act.LIST_CASES, Act.LIST_ALARMS, Act.SETTLE_ALARM, Act.RESEND, Act.CHECK_RECORDS, Act.LIST_PARTNERS,
        Act.CHANGE_PARTNERS, Act.RUN_CHECKS, Act.SEE_INTERFACE, Act.SEE_OFFICERS, Act.NOTE_ABSENCE,
        Act.KEEP_FEEDS,
    },
}  # fmt: skip


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", Act)
def test_each_role_may_do_what_is_listed_and_nothing_else(role: Role, act: Act) -> None:
    assert allowed(role, act) == (act in MAY[role])


@pytest.mark.parametrize("act", Act)
def test_nobody_may_do_nothing(act: Act) -> None:
    assert not allowed(None, act)


@pytest.mark.parametrize(
    ("own", "of_case", "sees"),
    [
        (None, None, True),
        (None, "Lyon", True),
        ("Lyon", None, True),
        ("Lyon", "Lyon", True),
        ("Lyon", "Graz", False),
    ],
)
def test_a_unit_sees_its_own_cases_and_those_of_no_unit(own: str | None, of_case: str | None, sees: bool) -> None:
    assert sees_unit(own, of_case) is sees
