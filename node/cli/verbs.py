"""What every verb of the command line is made of."""

import argparse
import os
from pathlib import Path
from typing import TypeAlias

# Longer lists are read page by page, with --after.
LARGEST_COUNT = 1_000_000

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def default_home() -> str:
    """DEPESHA_HOME, or .depesha in the user's own folder."""
    return os.environ.get("DEPESHA_HOME") or str(Path("~/.depesha").expanduser())


def count(text: str) -> int:
    """A number of things, from 1 on."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_COUNT:
        raise argparse.ArgumentTypeError(f"{text}: give a number from 1 to {LARGEST_COUNT}")
    return int(text)


def verb(verbs: Verbs, name: str, run: str, help: str) -> argparse.ArgumentParser:
    """Add a verb that the function `run` (module:function) carries out."""
    parser = verbs.add_parser(name, help=help, description=help)
    parser.add_argument("--home", metavar="DIR", default=default_home(), help="the node's folder (or DEPESHA_HOME)")
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    parser.set_defaults(run=run)
    return parser


def group(verbs: Verbs, name: str, help: str) -> Verbs:
    """Add a verb that has verbs of its own."""
    return verbs.add_parser(name, help=help, description=help).add_subparsers(metavar="VERB", required=True)
