"""`user …`: people who sign in to the pages."""

from argparse import Namespace
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from node.access.accounts import Person, add_user, change_user, find_user, remove_user, set_mail
from node.access.accounts import list_users as users_listed
from node.access.sign_in import make_link
from node.audit.entry import append, entry
from node.cli.days import day_given
from node.cli.printing import No, home_of, show, table
from node.exchange.absences import end_absence, note_absence
from node.exchange.listing import instant_text
from node.exchange.node import Node, open_node
from node.operations.listening import is_by_host_name, sign_in_base

COMMAND_LINE = "command line"
COLUMNS = {"name": "name", "role": "role", "unit": "unit", "mail": "mail", "handle": "in the log"}


def add(arguments: Namespace) -> int:
    """Add a person and print a sign-in link; for one who is there already: change role and unit if others are given."""
    node = open_node(home_of(arguments))
    now = node.now()
    with node.database.write() as connection:
        if arguments.name in {person.name for person in users_listed(connection)}:
            before = find_user(connection, arguments.name)
            unit = before.unit if arguments.unit is None else arguments.unit
            person = change_user(connection, arguments.name, arguments.role, unit)
            if person != before:
                facts = {"role": person.role.value, "unit": person.unit, "role_before": before.role.value}
                _log(node, connection, "account.changed", person.handle, facts | {"unit_before": before.unit})
        else:
            person = add_user(connection, arguments.name, arguments.role, arguments.unit, now)
            _log(node, connection, "account.added", person.handle, {"role": person.role.value, "unit": person.unit})
        if arguments.mail is not None:
            set_mail(connection, person.name, arguments.mail or None)
            _log(node, connection, "account.mail", person.handle, {})
        link = sign_in_address(node, make_link(connection, person.name, now))
        _log(node, connection, "account.link-made", person.handle, {})
    lines = [f"{person.name} ({person.role}) signs in, once and within 15 minutes, by:", f"  {link}"]
    if node.settings.pages_url is None and is_by_host_name(link):
        lines.append("It leads to this machine's host name. If people reach the pages by another, set pages_url.")
    show(arguments, {"name": person.name, "role": person.role, "link": link}, lines)
    return 0


def away(arguments: Namespace) -> int:
    """Note an absence, or its end."""
    node = open_node(home_of(arguments))
    if arguments.back:
        if arguments.first or arguments.until:
            raise No("--back goes without --from and --until.", 2)
        person = end_absence(node, arguments.name, COMMAND_LINE)
    else:
        first, last = day_given(arguments.first, "--from"), day_given(arguments.until, "--until")
        person = note_absence(node, arguments.name, first, last, COMMAND_LINE)
    first_at, until = person.away_from, person.away_until
    value = {"name": person.name, "from": instant_text(first_at), "until": instant_text(until)}
    if first_at is None:
        told = f"{person.name} is there."
    else:
        day = first_at.astimezone(ZoneInfo(node.settings.zone or "UTC")).date()
        told = f"{person.name} is away from {day}" + (f" to {arguments.until}, that day too." if until else ".")
    show(arguments, value, told)
    return 0


def list_users(arguments: Namespace) -> int:
    """List people."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = [_described(one) for one in users_listed(connection, removed=arguments.all)]
    columns = COLUMNS | {"removed": "removed"} if arguments.all else COLUMNS
    show(arguments, rows, table(rows, columns, "Nobody yet. `depesha user add NAME --role officer` adds a person."))
    return 0


def remove(arguments: Namespace) -> int:
    """Remove a person."""
    node = open_node(home_of(arguments))
    with node.database.write() as connection:
        person = find_user(connection, arguments.name)
        remove_user(connection, person.name, node.now())
        _log(node, connection, "account.removed", person.handle, {})
    show(arguments, {"name": arguments.name, "removed": True}, f"{arguments.name} is removed.")
    return 0


def sign_in_address(node: Node, token: str) -> str:
    """The address of a sign-in link, where people reach the pages."""
    return f"{sign_in_base(node.home, node.settings)}/sign-in?token={token}"


def _described(one: Person) -> dict[str, str | None]:
    return {
        "name": one.name,
        "role": one.role,
        "unit": one.unit,
        "handle": one.handle,
        "removed": instant_text(one.removed_at),
        "mail": one.mail,
        "away_from": instant_text(one.away_from),
        "away_until": instant_text(one.away_until),
    }


def _log(node: Node, connection: Connection, what: str, account: str, facts: dict[str, str | None]) -> None:
    """An entry of the log about an account, by its handle, in the transaction that makes it true."""
    made = entry(type=what, at=node.now(), actor=COMMAND_LINE, facts={"account": account, **facts})
    append(connection, [made], node.kek)
