"""When a period starts: at an instant that both sides know, or within a span where the evidence gives no instant.

A period starts at the `eb:Timestamp` of the first signed receipt of the message that starts it. Both nodes hold that
receipt, so both start at the same instant, whenever they learn of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from node.records.clocks.periods import Counts, PeriodError, WithoutReceipt, time_zone
from node.records.persons.partial_dates import PartialDateError, read_partial_date

ALLOWED_DIFFERENCE = timedelta(minutes=2)  # between the clocks of two nodes, before a time is disputed


@dataclass(frozen=True, slots=True)
class Span:
    """From the earliest to the latest instant (aware, kept in UTC) at which something can have been; both alike where
    it is known. `disputed`: the clock of the one node contradicts that of the other. Raises PeriodError.
    """

    earliest: datetime
    latest: datetime
    disputed: bool = False

    def __post_init__(self) -> None:
        for one in (self.earliest, self.latest):
            if one.tzinfo is None:
                raise PeriodError("time", one, "an instant with its zone", "Write it in UTC.")
        if self.latest < self.earliest:
            raise PeriodError("time", f"{self.earliest} to {self.latest}", "the earlier first", "Exchange the two.")
        object.__setattr__(self, "earliest", self.earliest.astimezone(UTC))
        object.__setattr__(self, "latest", self.latest.astimezone(UTC))

    @classmethod
    def at(cls, instant: datetime, *, disputed: bool = False) -> "Span":
        return cls(instant, instant, disputed)

    @property
    def certain(self) -> bool:
        return self.earliest == self.latest


def span_of(written: str, zone: str) -> Span | None:
    """When something was that a record gives as an instant, a day, a month or a year; None where it is `unknown`.

    A day, a month or a year is the span of its instants in `zone`, by the clock on the wall. Raises PeriodError.
    """
    if "T" in written:
        try:
            return Span.at(datetime.fromisoformat(written))
        except ValueError as error:
            raise PeriodError("time", written, "a time in UTC", "Write it as 2026-11-25T14:05:00Z.") from error
    try:
        found = read_partial_date(written)
    except PartialDateError as error:
        raise PeriodError(
            "time", written, "a time, a day, a month, a year or unknown", "Write it as 2026-11-25."
        ) from error
    if found.first is None or found.last is None:
        return None
    zoned = time_zone(zone)
    return Span(datetime.combine(found.first, time(0), zoned), datetime.combine(found.last, time.max, zoned))


def disputed(receipt: datetime, began: datetime, ended: datetime) -> bool:
    """Whether a receipt's time lies outside the attempt that brought it, from request to response by our clock, by
    more than two minutes."""
    return receipt < began - ALLOWED_DIFFERENCE or receipt > ended + ALLOWED_DIFFERENCE


def span_of_message(
    counts: Counts,
    sent: datetime,
    now: datetime,
    *,
    receipt: datetime | None = None,
    attempt: tuple[datetime, datetime] | None = None,
    without: WithoutReceipt | None = None,
) -> Span | None:
    """When a message counts as made: `sent` and `receipt` are the signed `eb:Timestamp` of message and first receipt.

    `attempt` is when the request began and the response ended, for its sender, who alone can dispute the receipt's
    time. Without a receipt the message may have come at any moment from `sent` on: the span lasts to `now`, or to the
    hour at which terms let it count as received. None: by the terms it counts as not made.
    """
    if counts is Counts.SENT:
        return Span.at(sent)
    if receipt is not None:
        return Span.at(receipt, disputed=attempt is not None and disputed(receipt, *attempt))
    latest = max(sent, now)
    if without is None:
        return Span(sent, latest)
    settled = sent + timedelta(hours=without.hours)
    if without.received:
        return Span.at(settled) if latest >= settled else Span(sent, settled)
    return None if latest >= settled else Span(sent, latest)
