"""Tests that need another program say so where it is missing, in the last line of all; in CI that is a failure."""

import os
from typing import Any, NoReturn

import pytest


def leave_out(reason: str) -> NoReturn:
    """Skip the test for this reason; in CI fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}; in CI nothing may be left out")
    pytest.skip(reason)


def tell_left_out(config: pytest.Config, what: str) -> None:
    """Write how many tests were skipped for a reason that begins with `what`; for `pytest_unconfigure`."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stats: dict[str, list[Any]] = reporter.stats if reporter else {}
    skipped = [report for report in stats.get("skipped", []) if what in str(report.longrepr)]
    if skipped:
        reason = str(skipped[0].longrepr[-1]).removeprefix("Skipped: ")
        reporter.write_line(f"{reason}: {len(skipped)} tests did not run.", red=True, bold=True)
