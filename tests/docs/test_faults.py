"""The page of faults names tests that are there, says truly which of them CI runs, and leaves no fault test out."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.console import ROOT

FAULTS = ROOT / "tests" / "faults"
PAGE = (ROOT / "docs" / "reference" / "faults.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(?:(tests/\w+)/)?(test_\w+\.py)(?:::(test_\w+))?`")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if NAMED.search(line) and line.startswith("|")]
LEFT_OUT, LONG, SHORT = "pytest.mark.faults", "no", "pytest.mark.short_faults"


@cache
def runs(path: Path) -> dict[str, str]:
    """For each test of a file whether CI runs it: yes, part (some of its cases) or no."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    marks = [ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            own = [ast.unparse(one) for one in node.decorator_list]
            if SHORT in own or LEFT_OUT not in [*own, *marks]:
                found[node.name] = "yes"
            else:
                found[node.name] = "part" if SHORT in " ".join(own) else LONG
    return found


def named(row: list[str]) -> list[tuple[Path, str]]:
    """The tests that a row names; a file alone stands for all of its tests."""
    tests = []
    for folder, file, name in NAMED.findall(row[2]):
        path = (ROOT / folder if folder else FAULTS) / file
        tests += [(path, one) for one in ([name] if name else runs(path))]
    return tests


def test_each_row_names_tests_that_are_there_and_says_which_of_them_ci_runs() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        said = {runs(path)[name] for path, name in named(row)}
        assert row[3] == (said.pop() if len(said) == 1 else "part"), row[0]


def test_no_test_of_faults_is_left_out() -> None:
    told = {test for row in ROWS for test in named(row)}
    files = sorted(FAULTS.glob("test_*.py"))
    long = [(path, name) for path in files for name, in_ci in runs(path).items() if in_ci != "yes"]
    assert len(long) > 20
    assert not set(long) - told
