"""What pages list, the code has, and nothing more: findings, keys of `case show`, what is asked before sending, kinds
of alarms, and what stands in terms and their templates. The code's side is read from its source."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from node.exchange import case_ends, case_fit, case_view, judgement, lost_memory, paper_shown, settlement, terms_words
from node.records import crossing_points, procedure_view
from node.records.clocks import templates, terms
from node.web import alarms
from tests.docs.console import ROOT

CASE_PAGE = (ROOT / "docs/reference/procedure.md").read_text(encoding="utf-8")
RECORDS_PAGE = (ROOT / "docs/reference/records.md").read_text(encoding="utf-8")
TERMS_PAGE = (ROOT / "docs/reference/terms.md").read_text(encoding="utf-8")
ALARMS_PAGE = (ROOT / "docs/how-to/keep-a-node-well.md").read_text(encoding="utf-8")


def part(page: str, begin: str, end: str) -> str:
    """The page from `begin` up to the next `end`."""
    return page.partition(begin)[2].partition(end)[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| (`[^|]+`) \|", text, flags=re.M)


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([a-z][a-z_-]*)`", text))


def tree(of: Any) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(of)))


def texts(node: ast.expr, module: ModuleType) -> Iterator[str]:
    """The texts that an expression may be, as far as the source says so."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and isinstance(found := getattr(module, node.id, None), str):
        yield found
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body, module)
        yield from texts(node.orelse, module)


def calls(module: ModuleType, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def objects(of: Any) -> set[frozenset[str]]:
    """The sets of keys of the dictionaries that the source writes out."""
    found = (node.keys for node in ast.walk(tree(of)) if isinstance(node, ast.Dict))
    return {frozenset(key.value for key in each if isinstance(key, ast.Constant)) for each in found}


def test_each_kind_of_finding_is_on_the_page() -> None:
    told = {
        text
        for module in (procedure_view, case_view)
        for call in calls(module, "Finding")
        for text in texts(call.args[0], module)
    }
    rows = part(CASE_PAGE, "| finding | says |", "\n## ")
    also = part(CASE_PAGE, "besides those above", " |")
    assert quoted(" ".join(first_cells(rows))) | quoted(also.partition(":")[0]) == told


def test_each_key_of_a_case_is_on_the_page() -> None:
    section = part(CASE_PAGE, "## What `case show` prints", "\nAn act is recorded")
    described = max(objects(case_view.describe_case), key=len)
    assert quoted(" ".join(first_cells(section))) == described | {"recorded_ends"}
    by_hand = max(objects(case_view.procedure_of), key=len)
    inner = {
        one | by_hand if "channel" in one else one
        for of in (case_view, case_ends.recorded_ends, paper_shown.describe_paper)
        for one in objects(of) - {described, by_hand}
        if len(one) > 1
    }
    shown = {frozenset(re.findall("[a-z_]+", text)) for text in re.findall(r"\{([a-z_, ]+)\}", section)}
    assert shown == inner


def test_each_thing_that_is_asked_before_sending_is_on_the_page() -> None:
    rules = set()
    for module in (case_fit, judgement, crossing_points):
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.keyword) and node.arg == "rule":
                rules.update(texts(node.value, module))
            if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
                rows = (one.elts[0] for one in node.iter.elts if isinstance(one, ast.Tuple))
                rules.update(text for row in rows for text in texts(row, module))
    asked = part(RECORDS_PAGE, "Stopped until a person confirms each point by its code:", "\nA code is")
    heads = re.findall(r"^- (`[^:]+?`)[:,]", asked, flags=re.M)
    assert quoted(" ".join(heads)) == rules


def test_each_kind_of_alarm_is_on_the_page_and_has_words_for_people() -> None:
    cases = {
        text
        for node in ast.walk(tree(alarms))
        if isinstance(node, ast.match_case) and isinstance(node.pattern, ast.MatchValue)
        for text in texts(node.pattern.value, alarms)
    }
    assert quoted(" ".join(first_cells(part(ALARMS_PAGE, "## Alarms", "\n## ")))) == cases
    assert raised() == cases


def raised() -> set[str]:
    """The kinds of alarms that the code raises: where it inserts a row, and by what it calls to have that done."""
    found: set[str] = set()
    for file in sorted((ROOT / "node/exchange").glob("[a-z]*.py")):
        module = import_module(f"node.exchange.{file.stem}")
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "insert(ALARM).values":
                found.update(text for one in node.keywords if one.arg == "kind" for text in texts(one.value, module))
            if isinstance(node, ast.Dict):
                row = {key.value: value for key, value in zip(node.keys, node.values, strict=True)
                       if isinstance(key, ast.Constant)}  # fmt: skip
                if {"kind", "peer", "detail"} <= set(row):
                    found.update(texts(row["kind"], module))
    by_hand = [*(call.args[2] for call in calls(settlement, "_alarm"))]
    found.update(text for one in by_hand for text in texts(one, settlement))
    return found | {text for call in calls(lost_memory, "Loss") for text in texts(call.args[0], lost_memory)}


def row(page: str, name: str) -> str:
    """The row of a table that begins with this cell, without that cell."""
    (found,) = re.findall(rf"^\| {re.escape(name)} \|(.*)$", page, flags=re.M)
    return str(found)


def test_each_key_of_a_template_of_terms_is_on_the_page() -> None:
    table = part(TERMS_PAGE, "`NAME.toml` is the template", "\n`silence =")
    top = [cell.strip("`") for cell in first_cells(table)]
    assert {name for name in top if "[" not in name} == templates._TOP_KEYS - {"counting", "period"}
    assert {name for name in top if "[" in name} == {"[counting]", "[period.NAME]", "[period.NAME.extension]"}
    counting = re.sub(r" = \{[^}]*\}", "", row(table, "`[counting]`"))
    assert quoted(counting) == templates._COUNTING_KEYS
    period = row(table, "`[period.NAME]`") + row(table, "`[period.NAME.extension]`").replace(' = "added"', "")
    assert quoted(period) | {"extension"} == templates._PERIOD_KEYS


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (terms_words.period_of_words, "of a period"),
        (terms_words.counting_of_words, "of `counting`"),
    ],
)
def test_each_word_that_a_person_may_say_of_terms_is_on_the_page(function: Any, name: str) -> None:
    (known,) = (
        set(ast.literal_eval(node.value))
        for node in ast.walk(tree(function))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "known"
    )
    keys_told = row(TERMS_PAGE, name).split("|")[1]
    assert quoted(re.sub(r"\([^)]*\)", "", keys_told)) == known


def test_each_key_of_the_form_of_terms_is_on_the_page() -> None:
    form = part(TERMS_PAGE, "## The form", "Their digest")
    (written,) = (
        {key.value for key in node.keys if isinstance(key, ast.Constant)}
        for node in ast.walk(tree(terms.write_terms))
        if isinstance(node, ast.Dict)
        and any(isinstance(key, ast.Constant) and key.value == "format" for key in node.keys)
    )
    assert quoted(form) == written | {"crossing_points"}
