"""The threat model names tests that are there, and for each threat at least one."""

import ast
import re

from tests.docs.console import ROOT

PAGE = (ROOT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+(?:::\w+)?)`")


def functions(path: str) -> set[str]:
    """The tests of a file, those of a class with its name before theirs."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    classes = {node.name + "::": node for node in tree.body if isinstance(node, ast.ClassDef)}
    return {
        prefix + node.name
        for prefix, holder in {"": tree, **classes}.items()
        for node in holder.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


THREATS = [*rows("Threats from outside"), *rows("Threats from within and by weather")]


def test_every_test_that_is_named_is_there() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 50
    missing = [f"{path}::{name}" for path, name in named if name not in functions(path)]
    assert not missing


def test_every_threat_has_a_test_and_speaks_of_assets_and_actors_that_are_listed() -> None:
    assets = {row[0] for row in rows("Assets")}
    actors = {actor for row in rows("Actors") for actor in row[0].split(", ")}
    assert THREATS
    for threat, to, by, _, tests in THREATS:
        assert NAMED.search(tests), threat
        assert set(to.split(", ")) <= assets, threat
        assert set(by.split(", ")) <= actors, threat
    assert {asset for row in THREATS for asset in row[1].split(", ")} == assets
    assert {actor for row in THREATS for actor in row[2].split(", ")} == actors
