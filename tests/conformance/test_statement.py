"""The page states every assertion of the official list, once, by tests that are there or by a reason."""

from dataclasses import replace

import pytest

from tests.conformance.statement import PAGE, Assertion, Row, faults, listed, marked, rows_of

STATED = rows_of(PAGE.read_text(encoding="utf-8"))


def test_the_page_the_list_and_the_tests_agree() -> None:
    assert faults(listed(), STATED, marked()) == []


def test_the_rows_are_in_the_order_of_the_list() -> None:
    assert [row.id for row in STATED] == [one.id for one in listed()]
    assert len(STATED) == 49


@pytest.mark.parametrize(
    ("title", "ids"),
    [
        ("Not met", [row.id for row in STATED if row.not_met is not None]),
        ("Not applicable", [row.id for row in STATED if row.not_applicable is not None]),
    ],
)
def test_what_is_not_proved_is_said_before_the_table(title: str, ids: list[str]) -> None:
    said = f"**{title}:** {', '.join(ids) or 'none'}."
    assert said in PAGE.read_text(encoding="utf-8").partition("\n## ")[0]


LIST = (Assertion("AS4_A", "mandatory", "a"), Assertion("AS4_B", "preferred or permitted", "b"))
PROOF = "tests/x/test_x.py::test_a"
ROWS = (
    Row("AS4_A", "mandatory", frozenset({PROOF})),
    Row("AS4_B", "preferred or permitted", not_applicable="the profile leaves it out"),
)
TESTS = {PROOF: ("AS4_A",), "tests/x/test_x.py::test_other": ()}


def test_a_statement_without_fault_has_none() -> None:
    assert faults(LIST, ROWS, TESTS) == []
    assert faults(LIST, (ROWS[0], replace(ROWS[1], not_applicable=None, not_met="not yet")), TESTS) == []


@pytest.mark.parametrize(
    ("rows", "tests", "said"),
    [
        (ROWS[:1], TESTS, "AS4_B: the page has no row"),
        (
            (ROWS[0], replace(ROWS[1], not_applicable=None)),
            TESTS,
            "AS4_B: neither a test that always runs nor a reason",
        ),
        (ROWS, {}, f"AS4_A: there is no test {PROOF}"),
        (ROWS, {PROOF: ()}, f"AS4_A: {PROOF} does not carry it"),
        (ROWS, {**TESTS, "tests/x/test_x.py::test_other": ("AS4_C",)}, "AS4_C: tests/x/test_x.py::test_other names it"),
        ((*ROWS, Row("AS4_C", "mandatory", not_met="no")), TESTS, "AS4_C: the page names it and the list does not"),
        (ROWS, {PROOF: ("AS4_A", "AS4_B")}, f"AS4_B: said not to hold, and {PROOF} proves it"),
        (ROWS, {**TESTS, "tests/x/test_x.py::test_other": ("AS4_A",)}, "AS4_A: the page leaves out tests/x/test_x.py"),
        ((*ROWS, ROWS[0]), TESTS, "AS4_A: the page has 2 rows"),
        ((replace(ROWS[0], level="preferred or permitted"), ROWS[1]), TESTS, "AS4_A: the list says mandatory"),
    ],
)
def test_a_fault_is_found(rows: tuple[Row, ...], tests: dict[str, tuple[str, ...]], said: str) -> None:
    assert any(one.startswith(said) for one in faults(LIST, rows, tests))


def test_a_test_that_is_sometimes_left_out_proves_nothing_alone() -> None:
    elsewhere = "tests/interop/test_phase4.py::test_a"
    rows = (replace(ROWS[0], tests=frozenset({elsewhere})), ROWS[1])
    assert faults(LIST, rows, {elsewhere: ("AS4_A",)}) == ["AS4_A: neither a test that always runs nor a reason"]


def test_rows_are_read_as_they_are_written() -> None:
    page = (
        f"| AS4_A | M | It is so. | `{PROOF}`, `tests/x/test_x.py::test_b` |\n"
        "| AS4_B | P | Or so. | not applicable: the profile leaves it out |\n"
        "| AS4_C | M | Or so. | not met: there is no setting |\n"
    )
    assert rows_of(page) == [
        Row("AS4_A", "mandatory", frozenset({PROOF, "tests/x/test_x.py::test_b"})),
        Row("AS4_B", "preferred or permitted", not_applicable="the profile leaves it out"),
        Row("AS4_C", "mandatory", not_met="there is no setting"),
    ]
