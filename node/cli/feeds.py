"""`feed …`: addresses at which calendar programs read what is due."""

from argparse import Namespace
from typing import Any

from node.access.accounts import list_users
from node.access.feeds import Feed
from node.cli.printing import home_of, show, table
from node.exchange.calendar_feeds import describe_feed, end_feed, feeds_of, make_feed
from node.exchange.listing import instant_text
from node.exchange.node import Node, open_node
from node.operations.listening import feed_address

ACTOR = "command line"
COLUMNS = {"id": "address", "name": "officer", "unit": "unit", "expires": "until"}


def add(arguments: Namespace) -> int:
    """Make an address and print it."""
    node = open_node(home_of(arguments))
    made, secret = make_feed(node, ACTOR, officer=arguments.officer, unit=arguments.unit, days=arguments.days)
    address = feed_address(node.home, node.settings, secret)
    whose = arguments.officer or f"unit {made.unit}"
    lines = [
        f"Calendar programs read what {whose} has to do, until {instant_text(made.expires_at)}, at:",
        f"  {address}",
        "It is shown this once. Whoever has it reads the calendar: "
        f"`depesha feed remove {made.handle}` ends it.",
    ]  # fmt: skip
    show(arguments, describe_feed(made) | {"address": address}, lines)
    return 0


def list_feeds(arguments: Namespace) -> int:
    """List the addresses."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        found = feeds_of(connection, None, removed=arguments.all)
    names = _names(node, found)
    rows = [describe_feed(one) for one in found]
    shown = [row | {"name": names.get(row["officer"] or "", row["officer"])} for row in rows]
    columns = COLUMNS | {"removed": "removed"} if arguments.all else COLUMNS
    show(arguments, rows, table(shown, columns, "None yet. `depesha feed add --officer NAME` makes one."))
    return 0


def remove(arguments: Namespace) -> int:
    """Remove an address."""
    ended = end_feed(open_node(home_of(arguments)), arguments.id, ACTOR)
    show(arguments, describe_feed(ended), f"Nothing is read at {ended.handle} any more.")
    return 0


def _names(node: Node, feeds: list[Feed]) -> dict[str, Any]:
    if not any(one.account for one in feeds):
        return {}
    with node.database.read() as connection:
        return {one.handle: one.name for one in list_users(connection, removed=True)}
