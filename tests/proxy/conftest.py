"""The tests of this folder need nginx and HAProxy: where one is missing they say so; in CI that is a failure."""

import os
import shutil

import pytest

from tests.left_out import leave_out, tell_left_out

LEFT_OUT = "The reverse proxy was left out"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all says what was left out."""
    tell_left_out(config, LEFT_OUT)


def program(name: str) -> str:
    """Where a proxy's program is; skips, and in CI fails, where it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        leave_out(f"{LEFT_OUT}: {name} is missing")
    return found
