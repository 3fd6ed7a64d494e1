"""Reminders of what is due: to whom, about what, once each; `adapters.mail` sends them.

A deadline takes several turns: it is its officer's, then the team's, then the head's; its end is near, then over. Each
person who then has it is told once, by a mail of case number, act and time, and nothing else. What a mail server
refuses is an alarm, due until that is settled, and a failed check: somebody was not told.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from node.access.accounts import Person, Role, list_users
from node.access.permissions import sees_unit
from node.audit.entry import append, entry
from node.exchange.assignment import LOOKING_AFTER
from node.exchange.cases import CASE, alias, resolve_case
from node.exchange.due_list import due_now
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.retry import jitter
from node.exchange.settlement import ALARM
from node.exchange.webhooks import announce
from node.records.clocks import Due, Reach
from node.records.clocks.due import NEAR_END
from node.store.columns import new_row_id, table_of
from node.store.rows import insert_new_rows
from node.store.tables import Account, Reminder

REMINDER, ACCOUNT = table_of(Reminder), table_of(Account)
ALARM_KIND = "reminder-refused"
CLAIM = timedelta(seconds=60)
"""So long no other process sends a reminder that one has taken up."""
AT_ONCE = 50
FAILING = timedelta(minutes=15)
"""A mail server that takes nothing for so long is told by the checks."""
WEBHOOKS = "webhooks"
"""In place of an account: programs are told, too."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A reminder to send: its row, to whom, and what it is about; `act` as the procedure calls it. It is this process's
    until `claimed`."""

    id: int
    address: str
    case: str
    act: str
    ends_at: datetime
    over: bool
    claimed: datetime


def make_reminders(node: Node) -> int:
    """Write the reminders that are due now and were not written before; returns how many."""
    now = node.now()
    if node.settings.mail_server is None and not node.settings.webhooks:
        return 0
    with node.database.read() as connection:
        wanted = [one for one in _wanted(node, connection, now) if not _is_written(connection, one[0])]
    if not wanted:
        return 0
    made = 0
    with node.database.write() as connection:
        for row, told in wanted:
            # Another process may have been first.
            if insert_new_rows(connection, REMINDER, [row]):
                made += 1
                if row["account"] == WEBHOOKS:
                    announce(node, connection, "case.due", told)
    return made


def take_up(node: Node) -> Sequence[Mail]:
    """Reminders to send now, the one whose end comes first at the head; for CLAIM they are this process's."""
    now = node.now()
    ready = (REMINDER.c.state == "waiting", node.retries.is_due(REMINDER.c.next_attempt_at, now, CLAIM))
    with node.database.read() as connection:
        if connection.scalar(select(REMINDER.c.id).where(*ready).limit(1)) is None:
            return ()
    query = (
        select(REMINDER, ACCOUNT.c.mail, CASE.c.alias_year, CASE.c.alias_number)
        .join(ACCOUNT, ACCOUNT.c.handle == REMINDER.c.account)
        .join(CASE, CASE.c.id == REMINDER.c.case_id)
        .where(*ready, ACCOUNT.c.mail.is_not(None))
        .order_by(REMINDER.c.ends_at, REMINDER.c.id)
        .limit(AT_ONCE)
    )
    mails = []
    with node.database.write() as connection:
        for row in connection.execute(query):
            claim = update(REMINDER).where(REMINDER.c.id == row.id, *ready).values(next_attempt_at=now + CLAIM)
            if connection.execute(claim).rowcount:
                number = alias(row.alias_year, row.alias_number)
                mails.append(Mail(row.id, row.mail, number, row.act, row.ends_at, row.ends_at <= now, now + CLAIM))
    return mails


def keeps(node: Node, mail: Mail) -> bool:
    """Whether a reminder that was taken up is still this process's, for CLAIM from now: one that stood still, or whose
    mail server is slow, may have lost it to another, which sends it."""
    ours = update(REMINDER).where(
        REMINDER.c.id == mail.id, REMINDER.c.state == "waiting", REMINDER.c.next_attempt_at == mail.claimed
    )
    with node.database.write() as connection:
        return bool(connection.execute(ours.values(next_attempt_at=node.now() + CLAIM)).rowcount)


def sent(node: Node, mail: Mail, answer: str) -> None:
    """The mail server has taken it over."""
    values = {"state": "sent", "answer": answer, "failing_since": None}
    with node.database.write() as connection:
        connection.execute(update(REMINDER).where(REMINDER.c.id == mail.id).values(**values))


def refused(node: Node, mail: Mail, answer: str) -> None:
    """The mail server will not take it: it is not tried again, and a person must know."""
    now = node.now()
    with node.database.write() as connection:
        refusing = update(REMINDER).where(REMINDER.c.id == mail.id, REMINDER.c.state != "refused")
        alarm = new_row_id(now)
        if not connection.execute(refusing.values(state="refused", answer=answer, alarm=alarm)).rowcount:
            return
        row = connection.execute(select(REMINDER).where(REMINDER.c.id == mail.id)).one()
        detail = f"case {mail.case}, {mail.act}: the mail to {row.account} was refused ({answer})"
        connection.execute(insert(ALARM).values(id=alarm, time=now, kind=ALARM_KIND, detail=detail))
        facts = {"account": row.account, "act": mail.act, "turn": row.turn}
        made = entry(type="reminder.refused", at=now, actor="node", facts=facts, case_row=row.case_id)
        append(connection, [made], node.kek)


def failed(node: Node, mail: Mail, answer: str) -> None:
    """The mail server could not be asked, or said to try again: it is tried again."""
    now = node.now()
    with node.database.write() as connection:
        row = connection.execute(select(REMINDER).where(REMINDER.c.id == mail.id)).one()
        again = node.retries.next_attempt(now, row.attempts + 1, jitter())
        values = {"attempts": row.attempts + 1, "next_attempt_at": again, "failing_since": row.failing_since or now}
        waits = update(REMINDER).where(REMINDER.c.id == mail.id, REMINDER.c.state == "waiting")
        connection.execute(waits.values(**values, answer=answer))


def untold(connection: Connection, now: datetime) -> list[str]:
    """What keeps people from being told: mails that were refused and whose alarm is open, a server that fails, accounts
    without an address."""
    open_alarms = select(func.count()).select_from(ALARM)
    refusals = connection.scalar(open_alarms.where(ALARM.c.kind == ALARM_KIND, ALARM.c.settled_at.is_(None))) or 0
    found = [f"{refusals} mails were refused"] if refusals else []
    failing = select(REMINDER.c.answer, REMINDER.c.failing_since).where(
        REMINDER.c.state == "waiting", REMINDER.c.failing_since <= now - FAILING
    )
    row = connection.execute(failing.order_by(REMINDER.c.failing_since).limit(1)).one_or_none()
    if row is not None:
        found.append(f"the mail server takes none since {instant_text(row.failing_since)}: {row.answer}")
    without = [one.name for one in list_users(connection) if one.role in LOOKING_AFTER and one.mail is None]
    if without:
        found.append(f"{len(without)} officers and heads have no mail address")
    return found


def _is_written(connection: Connection, row: dict[str, Any]) -> bool:
    same = (REMINDER.c[name] == row[name] for name in ("case_id", "act", "ends_at", "turn", "account"))
    return connection.scalar(select(REMINDER.c.id).where(*same)) is not None


def _wanted(node: Node, connection: Connection, now: datetime) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows of all that is due, with what programs are told of it."""
    people = list_users(connection)
    # No mail tells that a mail was refused: that would be refused, too.
    for one in due_now(node, connection, refused_mails=False):
        deadline = one.deadline
        if not deadline.ours and not one.over:
            continue
        case = resolve_case(connection, deadline.case)
        if case is None:
            continue
        told = {
            "case": deadline.case,
            "act": deadline.act,
            "end": instant_text(deadline.ends.earliest),
            "over": one.over,
            "own_rule": deadline.own_rule,
        }
        programs = [WEBHOOKS] if node.settings.webhooks else []
        mails = [person.handle for person in _who(one, people, now)] if node.settings.mail_server else []
        for account in [*mails, *programs]:
            row = {
                "id": new_row_id(now),
                "case_id": case["id"],
                "act": deadline.told,
                "ends_at": deadline.ends.earliest,
                "turn": _turn(one),
                "account": account,
                "created_at": now,
                "state": "sent" if account == WEBHOOKS else "waiting",
                "attempts": 0,
                "next_attempt_at": now,
                "failing_since": None,
                "answer": None,
            }
            yield row, told


def _turn(one: Due) -> str:
    if one.over:
        return f"{one.reach.value}, over"
    return f"{one.reach.value}, near" if one.left <= NEAR_END else one.reach.value


def _who(one: Due, people: Iterable[Person], now: datetime) -> list[Person]:
    """Whom a deadline is told to: its officer; the officers of its unit; these and the heads."""
    deadline = one.deadline
    there = [person for person in people if person.mail is not None and not person.is_away(now)]
    if one.reach is Reach.OFFICER:
        return [person for person in there if person.handle == deadline.officer]
    roles = (Role.OFFICER,) if one.reach is Reach.TEAM else LOOKING_AFTER
    return [person for person in there if person.role in roles and sees_unit(person.unit, deadline.unit or None)]
