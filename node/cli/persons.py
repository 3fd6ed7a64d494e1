"""`person find`, `person link`, `person index`."""

from argparse import Namespace

from node.cli.cases import ACTOR
from node.cli.printing import No, home_of, show, table
from node.exchange.node import open_node
from node.exchange.person_find import MOST, find_person
from node.exchange.person_links import LinkRefused, find_place, link_persons
from node.exchange.search_index import build
from node.records.person_query import QueryRefused

COLUMNS = {
    "at": "person", "name": "name", "native": "native", "birth": "born", "number": "documents", "by": "found by",
    "peer": "partner", "linked": "links",
}  # fmt: skip


def find(arguments: Namespace) -> int:
    """Find persons; exit 1 when nobody was found."""
    node = open_node(home_of(arguments))
    try:
        value = find_person(node, " ".join(arguments.text), ACTOR)
    except QueryRefused as error:
        raise No(str(error), 2) from error
    rows = [
        one
        | {
            "at": f"{one['case']}/{one['person'] or '-'}",
            "birth": ", ".join(one["born"]),
            "number": ", ".join(one["numbers"]),
            "linked": "; ".join(f"{link['as']} {link['with']}" for link in one["links"]),
        }
        for one in value["found"]
    ]
    lines = [*table(rows, COLUMNS, "Nobody was found.")]
    if value["more"]:
        lines.append(
            f"More than {MOST} records were found; these are of the newest. Say more: a date of birth, a number."
        )
    if value["not_indexed"]:
        lines.append(f"{value['not_indexed']} records are not in the index yet: `depesha person index` puts them in.")
    show(arguments, value, lines)
    return 0 if rows else 1


def link(arguments: Namespace) -> int:
    """Record that two persons are the same, another, or twins."""
    node = open_node(home_of(arguments))
    try:
        with node.database.read() as connection:
            one, other = (find_place(node, connection, text) for text in (arguments.one, arguments.other))
        value = link_persons(node, one, other, arguments.kind, ACTOR)
    except LinkRefused as error:
        raise No(str(error), 2) from error
    before = "" if value["before"] is None else f"; before: {value['before']}"
    show(arguments, value, f"Recorded: {value['one']} and {value['other']}: {value['as']}{before}.")
    return 0


def index(arguments: Namespace) -> int:
    """Build what is missing of the index."""
    value = build(open_node(home_of(arguments)))
    show(
        arguments,
        value,
        f"{value['indexed']} records were put into the index, {value['unreadable']} cannot be read any more.",
    )
    return 0
