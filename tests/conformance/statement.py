"""The statement of conformance: what the official list demands, what the page says of it, which tests carry the ids.

A test proves an assertion by its marker, `@pytest.mark.assertion("AS4_CP_TA01")`, wherever it stands. It must be one
that every run of the suite makes: those that need a Java peer, a browser or a proxy do not count.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
LIST = Path(__file__).with_name("assertions.json")
# Folders whose tests are left out where something is not installed.
NOT_ALWAYS_RUN = ("tests/interop/", "tests/proxy/", "tests/browser/", "tests/faults/")

_ROW = re.compile(r"^\| (AS4_\w+) \| ([MP]) \| (.+?) \| (.+?) \|$", re.M)
_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")
NOT_APPLICABLE, NOT_MET = "not applicable: ", "not met: "
LEVELS = {"M": "mandatory", "P": "preferred or permitted"}


@dataclass(frozen=True, slots=True)
class Assertion:
    """One line of the list."""

    id: str
    level: str
    must_hold: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page: the tests that prove an assertion, or why it does not apply, or what is not met."""

    id: str
    level: str
    tests: frozenset[str] = frozenset()
    not_applicable: str | None = None
    not_met: str | None = None


@cache
def listed() -> tuple[Assertion, ...]:
    """The official list, in its order."""
    rows = json.loads(LIST.read_text(encoding="utf-8"))["assertions"]
    return tuple(Assertion(row["id"], row["level"], row["must_hold"]) for row in rows)


def rows_of(page: str) -> list[Row]:
    """The table rows of the page, in order."""
    rows = []
    for id_, level, _, stated in _ROW.findall(page):
        if stated.startswith(NOT_APPLICABLE):
            rows.append(Row(id_, LEVELS[level], not_applicable=stated.removeprefix(NOT_APPLICABLE)))
        elif stated.startswith(NOT_MET):
            rows.append(Row(id_, LEVELS[level], not_met=stated.removeprefix(NOT_MET)))
        else:
            rows.append(Row(id_, LEVELS[level], frozenset(_TEST.findall(stated))))
    return rows


def marked(root: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """All tests of the tree as `path::name`, each with the assertions that its marker names."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found[f"{path.relative_to(root).as_posix()}::{node.name}"] = _assertions_of(node)
    return found


def _assertions_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    ids: list[str] = []
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.assertion":
            ids += [ast.literal_eval(argument) for argument in decorator.args]
    return tuple(ids)


def faults(list_: Iterable[Assertion], rows: Iterable[Row], tests: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What is wrong between the list, the page and the tests, in words; nothing if the statement holds."""
    official = {one.id: one.level for one in list_}
    proved: dict[str, set[str]] = {}
    for test, ids in tests.items():
        for id_ in ids:
            proved.setdefault(id_, set()).add(test)
    stated = list(rows)
    said = [f"{id_}: {test} names it and the list does not" for id_ in proved.keys() - official for test in proved[id_]]
    said += [f"{row.id}: the page names it and the list does not" for row in stated if row.id not in official]
    said += [f"{id_}: the page has {n} rows" for id_, n in Counter(row.id for row in stated).items() if n > 1]
    said += [f"{id_}: the page has no row" for id_ in official if id_ not in {row.id for row in stated}]
    for row in stated:
        said += _faults_of(row, official.get(row.id, row.level), proved.get(row.id, set()), tests)
    return sorted(said)


def _faults_of(row: Row, level: str, proved: set[str], tests: Mapping[str, tuple[str, ...]]) -> list[str]:
    said = [f"{row.id}: the list says {level}"] if row.level != level else []
    said += [f"{row.id}: there is no test {test}" for test in row.tests if test not in tests]
    said += [f"{row.id}: {test} does not carry it" for test in row.tests if test in tests and test not in proved]
    if row.not_applicable is not None or row.not_met is not None:
        return said + [f"{row.id}: said not to hold, and {test} proves it" for test in proved]
    said += [f"{row.id}: the page leaves out {test}" for test in proved - row.tests]
    if not any(not test.startswith(NOT_ALWAYS_RUN) for test in proved & row.tests):
        said.append(f"{row.id}: neither a test that always runs nor a reason")
    return said
