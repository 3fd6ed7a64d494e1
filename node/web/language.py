"""Words, dates and sizes in the language and zone of the pages (gettext catalogues, CLDR through Babel).

English is the only catalogue yet. Texts are whole sentences with named placeholders, marked `_()` here and in the
templates, so that the other languages need no change of code.
"""

from dataclasses import dataclass, field
from datetime import datetime
from gettext import NullTranslations
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass(frozen=True, slots=True)
class Language:
    """One language with one zone. `tag` is what stands in the page's `lang`."""

    locale: Locale
    zone: ZoneInfo
    catalogue: NullTranslations = field(default_factory=NullTranslations, compare=False)

    @classmethod
    def of(cls, tag: str, zone: str) -> "Language":
        """Raises babel.UnknownLocaleError or ZoneInfoNotFoundError for a wrong setting, at start."""
        return cls(Locale.parse(tag, sep="-"), ZoneInfo(zone))

    @property
    def tag(self) -> str:
        return str(self.locale).replace("_", "-")

    def gettext(self, text: str, **values: object) -> str:
        """The sentence in this language, with its placeholders filled in."""
        found = self.catalogue.gettext(text)
        return found % values if values else found

    def ngettext(self, one: str, many: str, n: int, **values: object) -> str:
        """The sentence in the plural form for `n`, which it may name as %(n)s."""
        return self.catalogue.ngettext(one, many, n) % {"n": self.number(n), **values}

    def _format(self, instant: datetime, pattern: str) -> str:
        return format_datetime(instant, pattern, tzinfo=self.zone, locale=self.locale)

    def moment(self, instant: datetime) -> str:
        """Wed 25 November 2026, 14:02"""
        return self._format(instant, "EEE d MMMM y, HH:mm")

    def short(self, instant: datetime, now: datetime) -> str:
        """25 Nov, 14:02; with the year when that is another than now's."""
        same = instant.astimezone(self.zone).year == now.astimezone(self.zone).year
        return self._format(instant, "d MMM, HH:mm" if same else "d MMM y, HH:mm")

    def near(self, instant: datetime, other: datetime) -> str:
        """The time of day beside another moment of the same day, else the short date with it."""
        same = instant.astimezone(self.zone).date() == other.astimezone(self.zone).date()
        return self._format(instant, "HH:mm") if same else self.short(instant, other)

    def precise(self, instant: datetime) -> str:
        """25 Nov 2026, 14:02:09"""
        return self._format(instant, "d MMM y, HH:mm:ss")

    def exact(self, instant: datetime) -> str:
        """Wednesday 25 November 2026, 14:02:09 (UTC+1)"""
        return f"{self._format(instant, 'EEEE d MMMM y, HH:mm:ss')} ({self.offset(instant)})"

    def offset(self, instant: datetime) -> str:
        """UTC, UTC+1, UTC+5:30"""
        seconds = instant.astimezone(self.zone).utcoffset()
        minutes = 0 if seconds is None else int(seconds.total_seconds() // 60)
        if minutes == 0:
            return "UTC"
        hours, rest = divmod(abs(minutes), 60)
        return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02d}" if rest else "")

    def zone_named(self, now: datetime) -> str:
        """The sentence at the foot of each page."""
        if self.zone.key == "UTC":
            return self.gettext("Times are shown in UTC")
        city = self.locale.time_zones.get(self.zone.key, {}).get("city") or self.zone.key.rpartition("/")[2]
        return self.gettext(
            "Times are shown for %(city)s (%(offset)s)", city=city.replace("_", " "), offset=self.offset(now)
        )

    def number(self, n: int) -> str:
        return str(format_decimal(n, locale=self.locale))

    def size(self, octets: int) -> str:
        """184 kB, 1.1 MB: thousands, as people are used to from file lists."""
        for unit, name in _SIZES:
            if octets >= unit:
                pattern = "0.#" if octets < 10 * unit else "0"
                return f"{format_decimal(octets / unit, pattern, locale=self.locale)} {name}"
        return self.ngettext("%(n)s byte", "%(n)s bytes", octets)
