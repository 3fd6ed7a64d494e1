"""Named places at which a node kills itself when a test asks for it, so that recovery is proved where it matters.

A crash point stands beside each commit, send and answer. It does nothing unless the environment variable
DEPESHA_CRASH_AT names it when the process starts, as `name` or `name:count` (die at the count-th passage): then the
process ends by SIGKILL, with no chance to clean up. `tests/faults` lists the points and fails when a commit, a send or
an answer has none.
"""

import os
import signal

SETTING = "DEPESHA_CRASH_AT"


class _Armed:
    """The one point at which this process is to die, and how many passages are left until then."""

    def __init__(self, setting: str) -> None:
        # Names hold colons themselves: only a number after the last one is a count.
        name, _, count = setting.rpartition(":")
        self.name, self.left = (name, int(count)) if count.isdigit() else (setting, 1)


_armed = _Armed(os.environ.get(SETTING, ""))


def crash_point(name: str) -> None:
    """Kill this process with SIGKILL if it was started to die at the point `name`; otherwise do nothing."""
    if _armed.name != name:
        return
    _armed.left -= 1
    if _armed.left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
