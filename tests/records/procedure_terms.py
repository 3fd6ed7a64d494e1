"""Terms for tests of procedures: whole days from the start, with no calendar, and what a test wants to be otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from node.records.procedure_events import RECEIVED, NoEnd, Pause, Span

DAYS = {
    "reply": 10, "reply-accelerated": 2, "interview": 3, "travel-document": 3, "new-travel-document": 14,
    "transfer": 90, "transfer-reply": 5, "error": 60,
    "submission": 365, "transfer-notice": 10,
}  # fmt: skip


@dataclass(frozen=True)
class PlainTerms:
    """`days` by period, `extensions` by period (added), silence that accepts, parties that are named."""

    days: Mapping[str, int] = field(default_factory=lambda: DAYS)
    extensions: Mapping[str, int] = field(default_factory=lambda: {"reply": 6})
    accepts: bool = True
    parties: Mapping[str, str] = field(default_factory=lambda: {"travel-document": "requested"})
    counts: str = RECEIVED
    before: tuple[str, ...] = ("transfer-notice", "transit-submission")
    unreceipted: tuple[timedelta, bool] | None = None

    def answered(self) -> str:
        return self.counts

    def has(self, period: str) -> bool:
        return period in self.days

    def begins(self, period: str) -> str:
        return RECEIVED

    def without_receipt(self) -> tuple[timedelta, bool] | None:
        return self.unreceipted

    def end(
        self, period: str, start: datetime, *, extended: bool, until: date | None, pauses: tuple[Pause, ...]
    ) -> datetime | NoEnd:
        if period not in self.days:
            return NoEnd(f"the terms give no period {period}")
        length = timedelta(days=self.days[period])
        if period in self.before:
            return start - length
        if extended and period not in self.extensions:
            return NoEnd(f"the terms give no extension of {period}")
        end = start + length
        if extended:
            most = end + timedelta(days=self.extensions[period])
            end = most if until is None else max(end, min(most, self.end_of_day(period, until)))
        return end + sum((stop - begin for begin, stop in pauses if stop is not None), timedelta(0))

    def end_of_day(self, period: str, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(0), UTC)

    def on_day(self, period: str, written: str) -> Span | NoEnd:
        day = date.fromisoformat(written[:10])
        return Span.at(datetime.combine(day, time(12), UTC))

    def silence_accepts(self, period: str) -> bool:
        return self.accepts

    def party(self, name: str) -> str | None:
        return self.parties.get(name)
