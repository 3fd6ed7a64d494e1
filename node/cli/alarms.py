"""`alarm …` and `message confirm`: what waits for a person, and what a person records of it."""

from argparse import Namespace

from node.cli.printing import home_of, show, table
from node.exchange.alarms import confirm_message, settle_alarm
from node.exchange.alarms import list_alarms as alarms_listed
from node.exchange.node import open_node

COLUMNS = {"id": "id", "time": "time", "kind": "kind", "peer": "peer", "message": "message", "detail": "detail"}


def list_alarms(arguments: Namespace) -> int:
    """List alarms."""
    node = open_node(home_of(arguments))
    rows = alarms_listed(node, settled=arguments.all)
    columns = COLUMNS | {"settled": "settled", "note": "note"} if arguments.all else COLUMNS
    show(arguments, rows, table(rows, columns, "No alarm is open." if not arguments.all else "There was no alarm."))
    return 0


def settle(arguments: Namespace) -> int:
    """Settle an alarm."""
    node = open_node(home_of(arguments))
    outcome = settle_alarm(node, arguments.id, arguments.note, actor="command line")
    show(arguments, outcome, f"Alarm {outcome['id']} ({outcome['kind']}) is settled.")
    return 0


def confirm(arguments: Namespace) -> int:
    """Record that the peer has an unconfirmed message."""
    node = open_node(home_of(arguments))
    outcome = confirm_message(node, arguments.id, arguments.note, actor="command line")
    text = f"Recorded that the peer has {outcome['id']}. It stays unconfirmed: no receipt is held."
    show(arguments, outcome, [text, "Messages after it in its case go on."])
    return 0
