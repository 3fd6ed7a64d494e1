"""The reference of the command line says what the parser says: every verb, every option, and nothing else."""

import argparse
import re
from collections.abc import Iterator

from node.cli.arguments import explained, unexplained
from node.cli.parser import build_parser
from tests.docs.console import ROOT

PAGE = (ROOT / "docs/reference/command-line.md").read_text(encoding="utf-8")
# They stand at the head of the page, once for all verbs.
COMMON = frozenset({"help", "home", "json"})


def verbs(parser: argparse.ArgumentParser, before: str = "depesha") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every verb with its parser, groups left out."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for name, below in group.choices.items():
            yield from verbs(below, f"{before} {name}")
    if not groups:
        yield before, parser


def form(action: argparse.Action) -> str:
    """An argument as the page writes it."""
    many = "…" if action.nargs in ("+", "*") else ""
    if action.option_strings:
        return f"{action.option_strings[0]} {action.metavar}{many}" if action.metavar else action.option_strings[0]
    return f"[{action.metavar}{many}]" if action.nargs in ("?", "*") else f"{action.metavar}{many}"


def described() -> dict[str, dict[str, tuple[bool, str]]]:
    """What the page has: for each verb with its arguments the options, whether needed, and what is said of them."""
    sections = re.split(r"^### `(.+)`$", PAGE, flags=re.M)
    found = {}
    for heading, text in zip(sections[1::2], sections[2::2], strict=True):
        rows = re.findall(r"^\| `(--[^`]+)` \| (yes)? ?\| (.+) \|$", text, flags=re.M)
        found[heading] = {option: (bool(needed), words) for option, needed, words in rows}
    return found


def heading(name: str, parser: argparse.ArgumentParser) -> str:
    """The verb with its arguments, as its heading has it."""
    return " ".join([name, *(form(action) for action in parser._actions if not action.option_strings)])


def options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The verb's own options by their form."""
    return {form(one): one for one in parser._actions if one.option_strings and one.dest not in COMMON}


def test_every_verb_and_option_is_on_the_page_and_no_other() -> None:
    expected = {
        heading(name, parser): {option: action.required for option, action in options(parser).items()}
        for name, parser in verbs(build_parser())
    }
    found = {verb: {option: needed for option, (needed, _) in rows.items()} for verb, rows in described().items()}
    assert found == expected


def test_the_page_says_of_each_option_what_its_help_says() -> None:
    page = described()
    for name, parser in verbs(explained(build_parser())):
        for option, action in options(parser).items():
            said = page[heading(name, parser)][option][1]
            plain = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", said).replace("`", "")
            assert action.help in (said, plain), f"{name} {option}"


def test_help_says_something_of_every_argument() -> None:
    assert list(unexplained(explained(build_parser()), "")) == []
