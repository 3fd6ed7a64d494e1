"""Templates of terms: what an agreement's articles say of each period, from `terms/` of a domain folder.

`terms/periods.csv` states the figures as they were found, each with article, source and whether it is confirmed.
`terms/NAME.toml` says which row gives which period of the procedure, and how it counts. No figure stands in both.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from node.records.clocks.periods import Counts, Extends, PeriodError, Silence, Unit, WithoutReceipt
from node.records.clocks.terms import Ground, TermsPeriod, read_wait, write_wait
from node.records.toml_file import TomlError, read_toml

FOLDER = "terms/"
FIGURES = "terms/periods.csv"
COUNTING = "counting"
"""The name of the figure that says how periods count where the articles do not."""
EXTENSION = ".extension"
_UNITS = {
    "hours": Unit.HOURS,
    "days": Unit.CALENDAR_DAYS,
    "calendar days": Unit.CALENDAR_DAYS,
    "working days": Unit.WORKING_DAYS,
    "weeks": Unit.WEEKS,
    "months": Unit.MONTHS,
    "years": Unit.YEARS,
}
_PERIOD_KEYS = {"agreement", "article", "what", "unit", "silence", "starts", "before", "extension", "extends"}
_COUNTING_KEYS = {"days_of", "calendars", "first_day", "rolls", "answer", "without_receipt"}
_TOP_KEYS = {"title", "agreement", "sides", "evidence", "crossing_points", "named", "counting", "period"}


class TemplateError(Exception):
    """A file of `terms/` that cannot be used: `file`, and why."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class Confirmed(StrEnum):
    YES = "yes"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the figures."""

    agreement: str
    reference: str
    article: str
    what: str
    number: int | None
    unit: str
    counted_from: str
    source: str
    confirmed: Confirmed


@dataclass(frozen=True, slots=True)
class Counting:
    """How periods count where the agreement does not say: a proposal that nobody has confirmed."""

    days_of: str
    calendars: tuple[str, ...]
    first_day: bool = False
    rolls: bool = False
    answer: Counts = Counts.RECEIVED
    without_receipt: WithoutReceipt | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """What is proposed for one period: `number` None where the source does not tell, so that a person must.

    `unconfirmed` says in words what of it is not confirmed; empty where all is. `rows` are the rows it rests on.
    """

    name: str
    number: int | None
    unit: Unit | None
    silence: Silence
    starts: Counts
    before: bool
    extends: Extends | None
    ground: Ground
    confirmed: Confirmed
    unconfirmed: tuple[str, ...]
    rows: tuple[Row, ...]

    def period(self, counting: Counting, extension: TermsPeriod | None = None) -> TermsPeriod | None:
        """The period as proposed under `counting`; None where its length is not known. Raises PeriodError."""
        if self.number is None or self.unit is None:
            return None
        hours = self.unit is Unit.HOURS
        return TermsPeriod(
            number=self.number,
            unit=self.unit,
            days_of=counting.days_of,
            calendars=() if hours else counting.calendars,
            first_day=counting.first_day and not hours and self.extends is not Extends.ADDED,
            rolls=counting.rolls and not hours,
            silence=self.silence,
            starts=self.starts,
            before=self.before,
            extends=self.extends,
            extension=extension,
        )


@dataclass(frozen=True, slots=True)
class Template:
    """The terms of one agreement, perhaps with a protocol, as far as they are known.

    `sides` gives the countries of each side, by what the evidence lists call it; an empty list stands for the other
    side, whoever it is.
    """

    name: str
    title: str
    agreements: tuple[str, ...]
    counting: Counting
    figures: Mapping[str, Figure]
    sides: Mapping[str, tuple[str, ...]]
    evidence: tuple[str, ...]
    named: Mapping[str, str]
    crossing_points: tuple[str, ...] = ()


def read_templates(files: Mapping[str, bytes]) -> dict[str, Template]:
    """All templates of a domain folder's files (relative path → content), by name. Raises TemplateError."""
    paths = sorted(path for path in files if path.startswith(FOLDER) and path.endswith(".toml"))
    paths = [path for path in paths if path.removesuffix(".toml") + ".csv" not in files]  # else it describes the CSV
    if not paths:
        return {}
    if FIGURES not in files:
        raise TemplateError(FIGURES, "the file is missing; it states the figures of the templates")
    rows = read_figures(files[FIGURES])
    return {template.name: template for path in paths if (template := _template(path, files[path], rows))}


def read_figures(content: bytes) -> list[Row]:
    """The rows of the figures. Raises TemplateError."""
    rows = []
    try:
        for found in csv.DictReader(io.StringIO(content.decode()), strict=True):
            number = found["period"]
            rows.append(
                Row(
                    agreement=found["agreement"],
                    reference=found["reference"],
                    article=found["article"],
                    what=found["what"],
                    number=int(number) if number.isascii() and number.isdigit() else None,
                    unit=found["unit"],
                    counted_from=found["counted_from"],
                    source=found["source"],
                    confirmed=Confirmed(found["confirmed"]),
                )
            )
    except (csv.Error, UnicodeDecodeError, KeyError, AttributeError, ValueError) as error:
        raise TemplateError(FIGURES, f"row {len(rows) + 1}: {type(error).__name__} {error}") from error
    return rows


def _template(path: str, content: bytes, rows: list[Row]) -> Template:
    try:
        about = read_toml(content)
        _known(about, _TOP_KEYS, "the file")
        agreements = tuple(about["agreement"])
        own = [row for row in rows if row.agreement in agreements]
        if missing := sorted(set(agreements) - {row.agreement for row in own}):
            raise ValueError(f"no row of {FIGURES} is of the agreement {', '.join(missing)}")
        _known(about["counting"], _COUNTING_KEYS, COUNTING)
        figures: dict[str, Figure] = {}
        for name, period in about["period"].items():
            figures[name] = _figure(name, period, own)
            if "extension" in period:
                figures[name + EXTENSION] = _figure(name + EXTENSION, period["extension"], own)
        template = Template(
            name=path.removeprefix(FOLDER).removesuffix(".toml"),
            title=about["title"],
            agreements=agreements,
            counting=read_counting(about["counting"]),
            figures=figures,
            sides={side: tuple(countries) for side, countries in about.get("sides", {}).items()},
            evidence=tuple(about.get("evidence", ())),
            named=dict(about.get("named", {})),
            crossing_points=tuple(about.get("crossing_points", ())),
        )
        for figure in figures.values():
            if (figure.extends is not None) != figure.name.endswith(EXTENSION):
                raise ValueError(f"{figure.name}: extends says how an extension is meant, and stands there alone")
            figure.period(template.counting)
    except TomlError as error:
        raise TemplateError(path, f"it is no TOML: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise TemplateError(path, said) from error
    return template


def read_counting(about: Mapping[str, Any]) -> Counting:
    """How periods count, from `[counting]` of a template or from `write_counting`. Raises KeyError, ValueError."""
    return Counting(
        days_of=about["days_of"],
        calendars=tuple(about["calendars"]),
        first_day=about.get("first_day", False) is True,
        rolls=about.get("rolls", False) is True,
        answer=Counts(about.get("answer", Counts.RECEIVED)),
        without_receipt=read_wait(about.get("without_receipt")),
    )


def write_counting(counting: Counting) -> dict[str, Any]:
    """The opposite of `read_counting`."""
    return {
        "days_of": counting.days_of,
        "calendars": list(counting.calendars),
        "first_day": counting.first_day,
        "rolls": counting.rolls,
        "answer": counting.answer.value,
        "without_receipt": write_wait(counting.without_receipt),
    }


def _figure(name: str, about: Mapping[str, Any], rows: list[Row]) -> Figure:
    _known(about, _PERIOD_KEYS, name)
    row = _row(name, about, rows)
    used, unconfirmed = [row], []
    if row.number is None:
        unconfirmed.append("its length is not known")
    elif row.confirmed is not Confirmed.YES:
        unconfirmed.append(f"its length ({row.number} {row.unit}) is {_said(row.confirmed)}")
    silence = Silence.OVERDUE
    if "silence" in about:
        effect = about["silence"]
        _known(effect, {"is", "agreement", "article", "what"}, f"{name}.silence")
        silence = Silence(effect["is"])
        if "what" in effect:
            said = _row(f"{name}.silence", effect, rows)
            used.append(said)
            if said.confirmed is not Confirmed.YES:
                unconfirmed.append(f"what silence means ({silence}) is {_said(said.confirmed)}")
        else:
            unconfirmed.append(f"what silence means was not seen; {silence} is assumed")
    confirmed = min((one.confirmed for one in used), key=[Confirmed.NO, Confirmed.PARTLY, Confirmed.YES].index)
    return Figure(
        name=name,
        number=row.number,
        unit=_unit(name, about, row),
        silence=silence,
        starts=Counts(about.get("starts", Counts.RECEIVED)),
        before=about.get("before", False) is True,
        extends=Extends(about["extends"]) if "extends" in about else None,
        ground=Ground(f"{row.agreement} {row.article}", row.source),
        confirmed=confirmed if not unconfirmed or confirmed is not Confirmed.YES else Confirmed.PARTLY,
        unconfirmed=tuple(unconfirmed),
        rows=tuple(used),
    )


def _row(name: str, about: Mapping[str, Any], rows: list[Row]) -> Row:
    wanted = (about["article"], about["what"])
    named = about.get("agreement")
    found = [row for row in rows if (row.article, row.what) == wanted and named in (None, row.agreement)]
    if len(found) != 1:
        raise ValueError(f"{name}: {len(found)} rows of {FIGURES} have article {wanted[0]!r} and what {wanted[1]!r}")
    return found[0]


def _unit(name: str, about: Mapping[str, Any], row: Row) -> Unit | None:
    """The unit of the row; the template's own only where the row leaves it open."""
    plain = re.sub(r"\s*\(.*\)$", "", row.unit)
    said = _UNITS.get(plain)
    given = Unit(about["unit"]) if "unit" in about else None
    if row.confirmed is Confirmed.YES and given is not None and given is not said:
        raise PeriodError(f"{name}.unit", given, f"{row.unit}, as the row has it", "Leave it out.")
    return given or said


def _said(confirmed: Confirmed) -> str:
    return "confirmed in part only" if confirmed is Confirmed.PARTLY else "not confirmed"


def _known(about: Mapping[str, Any], keys: set[str], place: str) -> None:
    if unknown := sorted(set(about) - keys):
        raise ValueError(f"{place}: unknown {', '.join(unknown)}; known are {', '.join(sorted(keys))}")
