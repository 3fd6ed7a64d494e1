"""What a running node writes of an error that nobody expected: where it arose, and not what it says."""

import json
import subprocess
import sys

from tests.docs.console import ROOT

FAILS = """
from node.journal import journal, start_journal

start_journal("info")

def read(value):
    raise ValueError(f"no such code: {value}")

try:
    try:
        read("ERIKSSON")
    except ValueError as error:
        raise RuntimeError(f"the record of {error}") from error
except RuntimeError as error:
    journal("here").error("it failed", error=type(error).__name__, exc_info=error)
"""


def test_an_error_is_told_by_its_kind_and_place_without_its_words() -> None:
    ended = subprocess.run([sys.executable, "-c", FAILS], cwd=ROOT, capture_output=True, text=True, check=True)
    line = json.loads(ended.stderr)
    assert (line["event"], line["error"]) == ("it failed", "RuntimeError")
    assert [one.partition(" at ")[0] for one in line["where"]] == ["RuntimeError", "ValueError", "ValueError"]
    assert line["where"][-1].endswith("in read")
    assert "ERIKSSON" not in ended.stderr
