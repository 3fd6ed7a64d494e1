"""Who may do what. What is not listed is denied; every page and programming interface names the act that it is.

IT staff keep the node running: they see that messages move, to whom and with which digests, and nothing about persons.
"""

from enum import StrEnum

from node.access.accounts import Role


class Act(StrEnum):
    """Something that a person does on a page, or a program by the programming interface."""

    LIST_CASES = "list cases"
    """numbers, partners and states; persons only with READ_PERSONS"""
    READ_PERSONS = "read who a case is about"
    FIND_PERSONS = "find persons over all cases"
    LINK_PERSONS = "remember that persons are the same, others, or twins"
    READ_RECORDS = "read records, attachments and signed messages"
    MARK_OPENED = "open a message on behalf of the administration"
    """the partner is told that it was opened"""
    LIST_ALARMS = "see what waits for a person"
    SETTLE_ALARM = "settle what waited for a person, with a note"
    SEND = "send records and other messages to a partner"
    RESEND = "try a message again that was not delivered"
    SEE_FIGURES = "see figures of all cases"
    ASSIGN_CASE = "say whose a case is"
    SEE_OFFICERS = "see who looks after cases, and who is away"
    NOTE_ABSENCE = "say who is away"
    KEEP_FEEDS = "make, list and remove addresses for calendar programs"
    RECORD_PAPER = "record an act that was done on paper"
    DECIDE_MESSAGE = "take a message back, or record that the partner has it"
    RECALL = "recall what went to the wrong party, erase what was recalled"
    SEE_BREACHES = "see recalls and breaches"
    CLOSE_BREACH = "close a breach"
    CHECK_RECORDS = "check records, see which domains there are, begin new records"
    LIST_PARTNERS = "see partners, and what agreements open with them"
    CHANGE_PARTNERS = "add, confirm, ask and remove partners; open and end agreements"
    RUN_CHECKS = "run the checks of the node"
    SEE_INTERFACE = "see the version, and what the programming interface offers"


_READING = frozenset(
    {
        Act.LIST_CASES, Act.READ_PERSONS, Act.READ_RECORDS, Act.LIST_ALARMS, Act.CHECK_RECORDS, Act.LIST_PARTNERS,
        Act.SEE_FIGURES, Act.SEE_INTERFACE, Act.FIND_PERSONS, Act.SEE_BREACHES,
    }
)  # fmt: skip
_ALLOWED: dict[Role, frozenset[Act]] = {
    Role.OFFICER: _READING
    | {
        Act.MARK_OPENED, Act.SETTLE_ALARM, Act.SEND, Act.RESEND, Act.DECIDE_MESSAGE, Act.RECORD_PAPER,
        Act.LINK_PERSONS, Act.ASSIGN_CASE, Act.SEE_OFFICERS, Act.RECALL, Act.CLOSE_BREACH,
    },
    Role.HEAD: _READING | {Act.ASSIGN_CASE, Act.SEE_OFFICERS, Act.NOTE_ABSENCE, Act.KEEP_FEEDS, Act.CLOSE_BREACH},
    Role.AUDITOR: _READING,
    Role.IT: frozenset(
        {
            Act.LIST_CASES, Act.LIST_ALARMS, Act.SETTLE_ALARM, Act.RESEND, Act.CHECK_RECORDS, Act.LIST_PARTNERS,
            Act.CHANGE_PARTNERS, Act.RUN_CHECKS, Act.SEE_INTERFACE, Act.SEE_OFFICERS, Act.NOTE_ABSENCE,
            Act.KEEP_FEEDS,
        }
    ),
}  # fmt: skip


def allowed(role: Role | None, act: Act) -> bool:
    """Whether that role may do it; nobody signed in (None) may do nothing."""
    return role is not None and act in _ALLOWED.get(role, frozenset())


def sees_unit(own: str | None, of_case: str | None) -> bool:
    """Whether an account of unit `own` sees a case of that unit.

    Accounts without a unit see all; cases that no unit has been given yet are seen by all.
    """
    return own is None or of_case is None or own == of_case
