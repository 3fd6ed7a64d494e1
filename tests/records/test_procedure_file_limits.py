"""A procedure.toml that is deep or long beyond all measure is refused in one short line, as any other."""

import pytest

from node.records import Domain
from node.records.procedure_file import read_procedure
from node.records.procedures import ProcedureError

LINES = {
    "title": 'title = "Questions"',
    "per": 'per = "case"',
    "start": 'start = "new"',
    "state": 'state.new = { title = "new" }',
    "act": 'act.go = { title = "go", declares = true }',
    "transition": 'transition = [{ act = "go", who = "requesting", from = ["new"] }]',
}
DEEP = 5000


@pytest.mark.parametrize(
    ("key", "line", "place", "why"),
    [
        ("per", f"per = {'[' * DEEP}{']' * DEEP}", "the file", "too deep"),
        ("per", f"per = {'{a = ' * DEEP}1{'}' * DEEP}", "the file", "too deep"),
        ("per", f"per = {'9' * DEEP}", "the file", "it is no TOML: Exceeds the limit"),
        ("per", f"per = 0x{'f' * DEEP}", "the file", "per is missing or no text"),
        ("", f"shared{'.a' * DEEP} = 1", "the file", "'shared' is not a key here"),
        ("", f"groups = 0x{'f' * DEEP}", "groups", "a long number is no table"),
        ("act", f"act.go = {{ title = 'go', declares = 0x{'f' * DEEP} }}", "act.go", "declares is a long number"),
        ("act", f"act.go = {{ title = 'go', shared{'.a' * DEEP} = 1 }}", "act.go", "shared is a table"),
        (
            "transition",
            f"transition = [{{ act = 'go', who = 'requesting', from = ['new'], to{'.a' * DEEP} = 1 }}]",
            "transition 1 (go), to",
            "a table is not a state",
        ),
        ("state", f"state.{'a' * 100_000} = {{ title = 'x' }}", f"state.'{'a' * 60}…'", "the name does not fit"),
        ("start", f"start = '{'a' * 100_000}'", "start", f"'{'a' * 60}…' is not a state"),
        ("start", f"{'a' * 100_000} = 1", "the file", f"'{'a' * 60}…' is not a key here"),
    ],
    ids=lambda text: text[:24],
)
def test_what_is_deep_or_long_is_refused_in_a_short_line(
    returns: Domain, key: str, line: str, place: str, why: str
) -> None:
    read_procedure("\n".join(LINES.values()).encode(), returns.records)
    content = "\n".join([*(other for name, other in LINES.items() if name != key), line])
    with pytest.raises(ProcedureError) as caught:
        read_procedure(content.encode(), returns.records)
    assert caught.value.place == place
    assert why in str(caught.value)
    assert len(str(caught.value)) < 400
