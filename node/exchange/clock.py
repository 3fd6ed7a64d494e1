"""Whether this node may trust its own clock: the kernel's word, or that of peers whose signed receipts we hold."""

import ctypes
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

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


def judge_clock(
    kernel: Literal["synchronised", "unsynchronised", "unknown"],
    offsets: Sequence[timedelta],
    newest_known: datetime | None,
    now: datetime,
) -> ClockState:
    """The state of our clock at `now`.

    `offsets` holds, for each peer heard lately, its clock less ours; `newest_known` is the latest instant that our own
    store has recorded, before which the clock cannot stand.
    """
    if newest_known is not None and newest_known - now > ALLOWED_DIFFERENCE:
        return ClockState(False, True, f"the clock stands {newest_known - now} before what this node has recorded")
    if offsets:
        middle = statistics.median(offset.total_seconds() for offset in offsets)
        agrees = abs(middle) <= ALLOWED_DIFFERENCE.total_seconds()
        if agrees:
            clocks = "the clock of 1 peer" if len(offsets) == 1 else f"the clocks of {len(offsets)} peers"
            return ClockState(True, False, f"within {abs(middle):.0f} s of {clocks}, heard in the last hour")
        if len(offsets) >= PEERS_THAT_CAST_DOUBT:
            return ClockState(False, True, f"{len(offsets)} peers are {middle:+.0f} s from this clock")
    if kernel == "synchronised":
        return ClockState(True, False, "the kernel keeps the clock synchronised")
    return ClockState(False, False, f"the kernel says {kernel}, and no peer's time is known yet")
