"""Dates of which only a part is known: a day, a month, a year, or nothing, as records and documents give them."""

import calendar
from dataclasses import dataclass
from datetime import date

UNKNOWN = "unknown"


class PartialDateError(ValueError):
    """A text that is no partial date."""


@dataclass(frozen=True, slots=True, order=False)
class PartialDate:
    """`year`, `month`, `day` as far as they are known; a part without the one before it is not kept."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if (self.day is not None and self.month is None) or (self.month is not None and self.year is None):
            raise PartialDateError("a day needs its month and a month its year")
        try:
            if self.year is not None:
                date(self.year, self.month or 1, self.day or 1)
        except ValueError as error:
            raise PartialDateError(f"{self.year}-{self.month}-{self.day} is no date") from error

    def __str__(self) -> str:
        """As a record writes it: 1974-08-12, 1974-08, 1974 or unknown."""
        if self.year is None:
            return UNKNOWN
        parts = [f"{self.year:04}", *(f"{part:02}" for part in (self.month, self.day) if part is not None)]
        return "-".join(parts)

    @property
    def first(self) -> date | None:
        """The earliest day that it can be; None where nothing is known."""
        return None if self.year is None else date(self.year, self.month or 1, self.day or 1)

    @property
    def last(self) -> date | None:
        """The latest day that it can be."""
        if self.year is None:
            return None
        month = self.month or 12
        return date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])

    def may_be(self, other: "PartialDate") -> bool:
        """Whether both can be the same day."""
        if self.first is None or self.last is None or other.first is None or other.last is None:
            return True
        return self.first <= other.last and other.first <= self.last


def read_partial_date(text: str) -> PartialDate:
    """The date that a record writes as 1974-08-12, 1974-08, 1974 or unknown. Raises PartialDateError."""
    if text == UNKNOWN:
        return PartialDate()
    parts = text.split("-")
    sizes = [len(part) for part in parts]
    if sizes not in ([4], [4, 2], [4, 2, 2]) or not all(part.isascii() and part.isdigit() for part in parts):
        raise PartialDateError(f"'{text}' is no date as 1974-08-12, 1974-08, 1974 or unknown")
    return PartialDate(*map(int, parts))
