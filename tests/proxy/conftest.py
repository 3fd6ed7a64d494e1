"""The tests of this folder need nginx or HAProxy: where one is missing they say so; in CI that is a failure."""

import os
import shutil
from typing import Any

import pytest

LEFT_OUT = "The reverse proxy was left out"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all says what was left out."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stats: dict[str, list[Any]] = reporter.stats if reporter else {}
    skipped = [report for report in stats.get("skipped", []) if LEFT_OUT in str(report.longrepr)]
    if skipped:
        reporter.write_line(f"{LEFT_OUT}: {len(skipped)} tests did not run.", red=True, bold=True)


def program(name: str) -> str:
    """Where a proxy's program is; skips, and in CI fails, where it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{LEFT_OUT}: {name} is missing, and in CI nothing may be")
        pytest.skip(f"{LEFT_OUT}: {name} is missing")
    return found
