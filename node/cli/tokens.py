"""`token …`: programs that use the programming interface."""

from argparse import Namespace
from typing import Any

from sqlalchemy import Connection

from node.access.programs import Program, add_program, list_programs, remove_program
from node.audit.entry import Json, append, entry
from node.cli.printing import home_of, show, table
from node.exchange.listing import instant_text
from node.exchange.node import Node, open_node
from node.operations.listening import interface_address

COLUMNS = {"name": "name", "kind": "by", "role": "role", "unit": "unit", "expires": "until", "handle": "in the log"}


def add(arguments: Namespace) -> int:
    """Add a program and print its token, or register its key."""
    node = open_node(home_of(arguments))
    key = None if arguments.key is None else arguments.key.read_bytes()
    with node.database.write() as connection:
        program, token = add_program(
            connection,
            arguments.name,
            arguments.role,
            node.now(),
            unit=arguments.unit,
            scopes=arguments.scope,
            days=arguments.days,
            public_key=key,
        )
        facts: dict[str, Json] = {
            "role": program.role.value,
            "unit": program.unit,
            "kind": "token" if key is None else "key",
            "scopes": _scopes(program),
        }
        _log(node, connection, "program.added", program, facts)
    address = interface_address(node.home, node.settings)
    value = _described(program) | {"token": token, "address": address, "audience": [node.party, address]}
    until = f"until {value['expires']}"
    if token is None:
        lines = [f"{program.name} ({program.role}) is let in by its key, {until}.", "Its assertions name as aud:"]
        lines += [f"  {one}" for one in value["audience"]]
    else:
        lines = [f"The token of {program.name} ({program.role}), shown this once, good {until}:", f"  {token}"]
        lines.append(f"The interface is at {address}.")
    show(arguments, value, lines)
    return 0


def list_tokens(arguments: Namespace) -> int:
    """List programs."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = [_described(one) for one in list_programs(connection, removed=arguments.all)]
    columns = COLUMNS | {"removed": "removed"} if arguments.all else COLUMNS
    show(arguments, rows, table(rows, columns, "None yet. `depesha token add NAME --role officer` adds a program."))
    return 0


def remove(arguments: Namespace) -> int:
    """Remove a program."""
    node = open_node(home_of(arguments))
    with node.database.write() as connection:
        program = remove_program(connection, arguments.name, node.now())
        _log(node, connection, "program.removed", program, {})
    show(arguments, {"name": arguments.name, "removed": True}, f"{arguments.name} is removed.")
    return 0


def _described(one: Program) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": "token" if one.public_key is None else "key",
        "role": one.role.value,
        "unit": one.unit,
        "scopes": _scopes(one),
        "handle": one.handle,
        "created": instant_text(one.created_at),
        "expires": instant_text(one.expires_at),
        "removed": instant_text(one.removed_at),
    }


def _scopes(one: Program) -> list[Json] | None:
    return None if one.scopes is None else [*sorted(one.scopes)]


def _log(node: Node, connection: Connection, what: str, program: Program, facts: dict[str, Json]) -> None:
    """An entry of the log about a program, by its handle, in the transaction that makes it true."""
    made = entry(type=what, at=node.now(), actor="command line", facts={"program": program.handle, **facts})
    append(connection, [made], node.kek)
