"""Whether this node may trust its own clock: the kernel's word, or that of peers whose signed receipts we hold."""

import ctypes
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

# RULES of the exchange allow two minutes between the clocks of two honest nodes.
ALLOWED_DIFFERENCE = timedelta(minutes=2)
# A majority of one peer is that peer's word alone; it may reassure, but only several may cast doubt.
PEERS_THAT_CAST_DOUBT = 2

_STA_UNSYNC = 0x0040
_TIMEX_STATUS_OFFSET = 40  # struct timex on 64-bit Linux: modes, offset, freq, maxerror, esterror, then status
_TIMEX_SIZE = 256


@dataclass(frozen=True, slots=True)
class ClockState:
    """`trusted`: known to be right; `doubted`: known to be wrong; neither: unknown, which is not ready."""

    trusted: bool
    doubted: bool
    found: str


class JudgedClock(Protocol):
    """Whether our clock is in doubt now, and why, in words: a state, or what keeps one up to date."""

    @property
    def doubted(self) -> bool: ...

    @property
    def found(self) -> str: ...


def kernel_clock() -> Literal["synchronised", "unsynchronised", "unknown"]:
    """What the kernel says of its clock (adjtimex(2)); "unknown" where the call is not to be had."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return "unknown"
    timex = ctypes.create_string_buffer(_TIMEX_SIZE)
    if call(timex) < 0:
        return "unknown"
    status = int.from_bytes(timex.raw[_TIMEX_STATUS_OFFSET : _TIMEX_STATUS_OFFSET + 4], "little")
    return "unsynchronised" if status & _STA_UNSYNC else "synchronised"


def elapsed_seconds() -> float:
    """Seconds by a clock that nobody can set, and that goes on while the machine sleeps where there is such a one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class ClockWatch:
    """How far our clock has been set since it was last known to be right, or since this process began."""

    def __init__(self, now: Callable[[], datetime], elapsed: Callable[[], float] = elapsed_seconds) -> None:
        self._now = now
        self._elapsed = elapsed
        self._began = self._beginning()

    def step(self) -> timedelta:
        """Forward or (negative) back; zero for what honest clocks differ by."""
        step = self._beginning() - self._began
        return step if abs(step) > ALLOWED_DIFFERENCE else timedelta(0)

    def confirm(self) -> None:
        """The clock is right as it stands."""
        self._began = self._beginning()

    def _beginning(self) -> datetime:
        """When the other clock stood at zero, by ours."""
        return self._now().astimezone(UTC) - timedelta(seconds=self._elapsed())


def judge_clock(
    kernel: Literal["synchronised", "unsynchronised", "unknown"],
    offsets: Sequence[timedelta],
    newest_known: datetime | None,
    now: datetime,
    step: timedelta = timedelta(0),
    doubted: bool = False,
) -> ClockState:
    """The state of our clock at `now`.

    `offsets` holds, for each peer heard lately, its clock less ours; `newest_known` is the latest instant that our own
    store has recorded, before which the clock cannot stand. `step`: how far it was set while nobody said that it is
    right. `doubted`: it was in doubt before, and nothing has ended that yet.
    """
    if offsets:
        middle = statistics.median(offset.total_seconds() for offset in offsets)
        agrees = abs(middle) <= ALLOWED_DIFFERENCE.total_seconds()
        if agrees:
            clocks = "the clock of 1 peer" if len(offsets) == 1 else f"the clocks of {len(offsets)} peers"
            return ClockState(True, False, f"within {abs(middle):.0f} s of {clocks}, heard in the last hour")
        if len(offsets) >= PEERS_THAT_CAST_DOUBT:
            return ClockState(False, True, f"{len(offsets)} peers are {middle:+.0f} s from this clock")
    if newest_known is not None and newest_known - now > ALLOWED_DIFFERENCE:
        return ClockState(False, True, f"the clock stands {newest_known - now} before what this node has recorded")
    if kernel == "synchronised":
        return ClockState(True, False, "the kernel keeps the clock synchronised")
    if step:
        way = "forward" if step > timedelta(0) else "back"
        return ClockState(False, True, f"the clock was set {way} by {abs(step)}, and nothing says that it is right")
    if doubted:
        return ClockState(False, True, "the clock was in doubt, and nothing says that it is right since")
    return ClockState(False, False, f"the kernel says {kernel}, and no peer's time is known yet")
