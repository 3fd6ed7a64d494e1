"""`person mrz`, `person latin`: what a travel document says, and how it would write a name. Needs no node."""

import sys
from argparse import Namespace
from datetime import UTC, datetime

from node.cli.printing import No, show, table
from node.records.persons.mrz import MrzError
from node.records.persons.told import tell_latin, tell_mrz

MRZ = {
    "format": "format", "document": "document", "issuer": "issued by", "number": "number", "primary": "primary name",
    "secondary": "secondary name", "nationality": "nationality", "birth": "born", "sex": "sex", "expiry": "expires",
}  # fmt: skip
PROBLEM = {
    "field": "field", "line": "line", "position": "position", "found": "found", "expected": "expected",
    "remedy": "remedy",
}  # fmt: skip


def mrz(arguments: Namespace) -> int:
    """Read machine-readable lines; exit 1 when something in them does not agree."""
    # From standard input unless given: words of a command line can be seen by others on the machine, and stay.
    lines = arguments.lines or [line for line in sys.stdin.read().splitlines() if line.strip()]
    try:
        value = tell_mrz(lines, datetime.now(UTC).date())
    except MrzError as error:
        one = error.problem
        where = f"line {one.line}, position {one.position}"
        raise No(f"{where}: found {one.found}, expected {one.expected}. {one.remedy}", 2) from error
    said = [f"{heading:16}{value[key]}" for key, heading in MRZ.items() if value[key]]
    if value["truncated"]:
        said.append("The name fills its field: more of it may have been cut off.")
    show(arguments, value, [*said, *table(value["problems"], PROBLEM, "All check digits agree.")])
    return 0 if value["valid"] else 1


def latin(arguments: Namespace) -> int:
    """Propose Latin letters for a name in its own script."""
    name = " ".join(arguments.name) or sys.stdin.read().strip()
    if not name:
        raise No("There is no name. Give one, or write it to standard input.", 2)
    value = tell_latin(name, arguments.language)
    said = [f"in documents     {value['document']}"]
    if value["language"] is not None:
        said.append(f"in the language  {value['language']}")
    if value["unknown"]:
        said.append(f"No table has {' '.join(value['unknown'])}: left as it is, for a person to write.")
    show(arguments, value, said)
    return 0
