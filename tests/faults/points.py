"""Every crash point that there is in the code, and what has to happen for a process to pass it.

`test_crash_points` fails when this list and the code differ, so a new commit, send or answer is killed from its first
day. `test_kills` kills at each of them, and fails for one that it could not reach.
"""

SERVE = (
    "answer: before it leaves",
    "blob: durable",
    "blob: written",
    "claim: after commit",
    "claim: before commit",
    "inbox: after commit",
    "inbox: before commit",
    "release: after commit",
    "release: before commit",
    "send: after the answer",
    "send: before the request",
    "send: within the body",
    "sequencer: after commit",
    "sequencer: before commit",
    "settlement: after commit",
    "settlement: before commit",
)
"""Passed by `depesha serve` under traffic in both directions."""

SUBMIT = ("submission: after commit", "submission: before commit", "blob: durable", "blob: written")
"""Passed by whoever queues a message."""

LARGE_RECEIVED = frozenset({"blob: durable", "blob: written"})
"""Passed by a serving node only when a message with a part above 64 KiB arrives."""

LARGE_SENT = frozenset({"send: within the body"})
"""Passed by a serving node only when a message above 256 KiB leaves."""

LARGE_QUEUED = frozenset({"blob: durable", "blob: written"})
"""Passed by whoever queues only when a part is above 64 KiB."""

AT_START = frozenset({"release: before commit", "release: after commit"})
"""Passed once, when a node starts."""

OCCASIONAL = (
    "alarm: after commit",
    "alarm: before commit",
    "opened: after commit",
    "opened: before commit",
    "ping: after the answer",
    "ping: before the request",
    "renew: after commit",
    "renew: before commit",
    "resend: after commit",
    "resend: before commit",
    "stale: after commit",
    "stale: before commit",
    "withdraw: after commit",
    "withdraw: before commit",
)
"""Passed only when something out of the ordinary is done; each is brought about by itself."""

ON_ALARMS = (
    "confirm: after commit",
    "confirm: before commit",
    "settle: after commit",
    "settle: before commit",
)
"""Passed by a person's command that needs no running node; `test_acts_on_alarms` kills at each."""

ON_REFUSALS = (
    "refusal: after commit",
    "refusal: before commit",
)
"""Passed by a serving node that refuses a known peer's message; `test_refusal_alarms` kills at each."""

ON_DOUBTS = (
    "doubt: after commit",
    "doubt: before commit",
    "doubt ends: after commit",
    "doubt ends: before commit",
)
"""Passed by a serving node whose clock is set, and set right again; `test_clocks` kills at each."""

ON_OWN_LOG = (
    "behind: after commit",
    "behind: before commit",
    "released: after commit",
    "released: before commit",
)
"""Passed by a node that starts on a database that is behind, or was released; `test_behind` kills at each."""

ON_CLOCKS = (
    "clock: after commit",
    "clock: before commit",
)
"""Passed by a look at cases whose time has come; `test_case_clocks` kills at each."""

POINTS = frozenset((*SERVE, *SUBMIT, *OCCASIONAL, *ON_ALARMS, *ON_REFUSALS, *ON_DOUBTS, *ON_OWN_LOG, *ON_CLOCKS))
