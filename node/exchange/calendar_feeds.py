"""Addresses for calendar programs: made and removed with an entry of the log, and what is read at one."""

from typing import Any

from sqlalchemy import Connection

from node.access.accounts import AccountError, Person, find_account
from node.access.feeds import Feed, add_feed, feed_of_secret, list_feeds, remove_feed
from node.audit.entry import Json, append, entry
from node.exchange.assignment import LOOKING_AFTER
from node.exchange.due_list import due_now, due_of
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.records.clocks import Due


def make_feed(node: Node, actor: str, *, officer: str | None, unit: str | None, days: int) -> tuple[Feed, str]:
    """An address that gives what an officer (by account name or handle) or a unit has to do, and its secret.

    Raises AccountError for an account that may have no case, for neither or both, and for days out of bounds.
    """
    with node.database.write() as connection:
        account = None if officer is None else looking_after(connection, officer).handle
        made, secret = add_feed(connection, node.now(), account=account, unit=unit, days=days)
        _log(node, connection, "feed.added", actor, {"feed": made.handle, "officer": account, "unit": unit})
    return made, secret


def end_feed(node: Node, handle: str, actor: str) -> Feed:
    """Remove an address: nothing is read there any more. Raises AccountError if there is none."""
    with node.database.write() as connection:
        ended = remove_feed(connection, handle, node.now())
        _log(node, connection, "feed.removed", actor, {"feed": ended.handle})
    return ended


def looking_after(connection: Connection, account: str) -> Person:
    """The account of that name or handle. Raises AccountError if there is none, or it may have no case."""
    person = find_account(connection, account)
    if person.role not in LOOKING_AFTER:
        raise AccountError(f"{account} is no {' or '.join(LOOKING_AFTER)}. `depesha user list` shows them.")
    return person


def feeds_of(connection: Connection, unit: str | None, removed: bool = False) -> list[Feed]:
    """The addresses; where `unit` is given those of that unit, and of officers of it."""
    found = list_feeds(connection, removed)
    return [one for one in found if unit is None or is_of_unit(connection, one, unit)]


def is_of_unit(connection: Connection, one: Feed, unit: str) -> bool:
    """Whether it gives nothing but what `unit` has to do."""
    if one.account is None:
        return one.unit == unit
    try:
        return find_account(connection, one.account).unit == unit
    except AccountError:
        return False


def find_feed(node: Node, secret: str) -> Feed | None:
    """The address that has this secret, if it may still be read."""
    with node.database.read() as connection:
        return feed_of_secret(connection, secret, node.now())


def due_by_feed(node: Node, one: Feed) -> tuple[Due, ...] | None:
    """What is due to whoever an address is of; None where that officer is there no more."""
    with node.database.read() as connection:
        if one.account is None:
            return due_now(node, connection, one.unit)
        try:
            person = looking_after(connection, one.account)
            return due_of(node, connection, person.handle, person.unit)
        except AccountError:
            return None


def describe_feed(one: Feed) -> dict[str, Any]:
    """An address as lists have it, without its secret."""
    return {
        "id": one.handle,
        "officer": one.account,
        "unit": one.unit,
        "created": instant_text(one.created_at),
        "expires": instant_text(one.expires_at),
        "removed": instant_text(one.removed_at),
    }


def _log(node: Node, connection: Connection, what: str, actor: str, facts: dict[str, Json]) -> None:
    append(connection, [entry(type=what, at=node.now(), actor=actor, facts=facts)], node.kek)
