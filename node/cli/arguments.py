"""What `-h` says of arguments that the grammar names alone, by their verbs' groups."""

import argparse
from collections.abc import Iterator

_IDS = {
    "agreement": "its id or reference, as `agreement list` has it",
    "message": "the message's id, as `message list` has it",
    "case": "the case's number (2026-0417) or its id",
    "alarm": "its id, as `alarm list` has it",
    "breach": "its id, as `breach list` has it",
}
_NAMES = {"user": "the person's name", "token": "the program's name"}
_POSITIONS = {
    "PARTY": "the peer's party id, as `peer list` has it",
    "FILE": "a record",
    "DOMAIN": "the domain's name, as returns",
    "RECORD": "the record's name, as Reply",
    "TABLE": "a file that ends with .csv or .xlsx",
}
_OPTIONS = {
    "agreement terms --peer": "the peer",
    "agreement terms --domain": "what the cases are about",
    "message list --limit": "at most so many (100)",
    "message list --state": "those in this state",
    "message list --peer": "those to and from this peer",
    "message list --case": "those of this case, by number or ConversationId",
    "message parts --out": "the folder; files are named by number and media type",
    "case list --limit": "at most so many (100)",
    "user add --role": "officer, it, auditor or head",
    "user add --unit": "the unit whose cases they see, and all cases that no unit was named for; without it all",
}


def explained(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The grammar, with words for each argument."""
    for verb, argument in unexplained(parser, ""):
        group = verb.partition(" ")[0]
        name = str(argument.metavar)
        if argument.option_strings:
            argument.help = _OPTIONS.get(f"{verb} {argument.option_strings[0]}")
        else:
            argument.help = {"ID": _IDS, "NAME": _NAMES}.get(name, {}).get(group) or _POSITIONS.get(name)
    return parser


def unexplained(parser: argparse.ArgumentParser, verb: str) -> Iterator[tuple[str, argparse.Action]]:
    """The arguments of which nothing is said, each with its verb."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from unexplained(below, f"{verb} {name}".strip())
        elif action.help is None:
            yield verb, action
