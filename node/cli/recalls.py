"""`message recall`, `message erase`, `message recalls`, `breach …`: what was sent to the wrong party."""

import json
from argparse import Namespace

from node.cli.cases import ACTOR, instant_of
from node.cli.printing import No, home_of, show, table
from node.exchange import breaches
from node.exchange.directory import Directory
from node.exchange.node import open_node
from node.exchange.recall_rows import list_recalls as recalls_listed
from node.exchange.recalls import answer_recall, recall_message, require_words
from node.operations.parts_written import write_private

RECALL_COLUMNS = {"asked": "asked", "direction": "", "peer": "peer", "number": "case", "message": "message",
                  "end": "end", "outcome": "outcome"}  # fmt: skip
BREACH_COLUMNS = {"id": "id", "number": "case", "peer": "peer", "aware": "aware", "end": "end",
                  "recall_outcome": "there", "outcome": "outcome"}  # fmt: skip


def recall(arguments: Namespace) -> int:
    """Recall a message."""
    node = open_node(home_of(arguments))
    aware = None if arguments.aware is None else instant_of(arguments.aware, "--aware")
    value = recall_message(node, Directory(node).snapshot(), arguments.id, arguments.reason, ACTOR, aware)
    lines = [
        f"Recalled {value['id']} in case {value['number']}: {value['request']} asks for its erasure.",
        f"Breach {value['breach']}: the supervisory authority is to be told until {value['end']}, unless a risk is "
        f"unlikely. `depesha breach close {value['breach']}` records either.",
    ]
    show(arguments, value, lines)
    return 0


def erase(arguments: Namespace) -> int:
    """Erase what was recalled, or say why it is kept; and confirm."""
    node = open_node(home_of(arguments))
    snapshot = Directory(node).snapshot()
    value = answer_recall(node, snapshot, arguments.id, arguments.place, arguments.office, ACTOR, arguments.kept)
    done = "Kept" if arguments.kept is not None else "Erased"
    show(arguments, value, f"{done}: {value['id']}. {value['confirmation']} tells its sender so.")
    return 0


def list_recalls(arguments: Namespace) -> int:
    """List recalls."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = recalls_listed(connection, answered=arguments.all)
    nothing = "Nothing was recalled." if arguments.all else "No recall waits for an answer."
    show(arguments, rows, table(rows, RECALL_COLUMNS, nothing))
    return 0


def list_breaches(arguments: Namespace) -> int:
    """List breaches."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = breaches.list_breaches(node, connection, closed=arguments.all)
    nothing = "There was no breach." if arguments.all else "No breach is open."
    show(arguments, rows, table(rows, BREACH_COLUMNS, nothing))
    return 0


def show_breach(arguments: Namespace) -> int:
    """Show a breach."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        value = breaches.show_breach(node, connection, arguments.id)
    show(arguments, value, [f"{name:15} {one}" for name, one in value.items() if one is not None])
    return 0


def close(arguments: Namespace) -> int:
    """Close a breach."""
    node = open_node(home_of(arguments))
    notified = None if arguments.notified is None else instant_of(arguments.notified, "--notified")
    words = require_words(arguments.words, "--words")
    value = breaches.close_breach(node, arguments.id, words, ACTOR, notified)
    show(arguments, value, f"Breach {value['id']} is closed: {value['outcome']}.")
    return 0


def export(arguments: Namespace) -> int:
    """Write all breaches into a file."""
    node = open_node(home_of(arguments))
    if arguments.out.exists():
        raise No(f"{arguments.out} is there already: nothing was written. Name another file.", 2)
    with node.database.read() as connection:
        rows = breaches.list_breaches(node, connection, closed=True)
    content = json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    write_private(arguments.out, [content.encode()])
    show(arguments, {"file": str(arguments.out), "breaches": len(rows)}, f"{len(rows)} breaches: {arguments.out}")
    return 0
