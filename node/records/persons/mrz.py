"""The machine-readable zone of travel documents and visas, ICAO Doc 9303: TD1, TD2 and TD3, visas A and B.

Read and checked, never corrected: what a check digit contradicts is named, with what it would agree with. A check digit
proves no identity: it does not tell A, K or U from 0, since they count alike (part 3 section 4.9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from node.records.persons.mrz_layouts import MRVA, MRVB, TD1, TD2, TD3, Layout, Place
from node.records.persons.mrz_names import read_names
from node.records.persons.partial_dates import PartialDate, PartialDateError
from node.records.persons.state_codes import StateCode, state_code

FILLER = "<"
_WEIGHTS = (7, 3, 1)
_DIGITS = frozenset("0123456789")
_VALUES = {FILLER: 0, **{str(n): n for n in range(10)}, **{chr(ord("A") + n): 10 + n for n in range(26)}}
_VALUE_OF_OCTET = bytes(_VALUES.get(chr(octet), 0) for octet in range(256))
# Letters and digits that are taken for one another when a document is read, by machine or by eye.
_LOOK_ALIKE = {"O": "0", "0": "O", "I": "1", "1": "I", "B": "8", "8": "B", "S": "5", "5": "S", "Z": "2", "2": "Z",
               "G": "6", "6": "G", "Q": "0", "D": "0"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MrzProblem:
    """What is wrong in one field: `line` and `position` count from 1. `found` is for the holder only."""

    field: str
    line: int
    position: int
    found: str
    expected: str
    remedy: str


class MrzError(ValueError):
    """Lines that are no machine-readable zone at all; `problem` says why."""

    def __init__(self, problem: MrzProblem) -> None:
        super().__init__(f"{problem.field}: expected {problem.expected}. {problem.remedy}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Mrz:
    """What the lines say. `issuer` and `nationality` are codes as written, without fillers; `sex` is F, M or X.

    `truncated`: the name fills its field, so that more of it may have been cut off. `problems` is empty where every
    check digit agrees and every field has its form.
    """

    format: str
    document: str
    issuer: str
    number: str
    nationality: str
    birth: PartialDate
    sex: str
    expiry: PartialDate
    primary: str
    secondary: str
    truncated: bool
    optional: tuple[str, ...]
    problems: tuple[MrzProblem, ...]

    @property
    def valid(self) -> bool:
        return not self.problems

    @property
    def nationality_code(self) -> StateCode | None:
        """What the nationality stands for; its `in_record` is what a record holds."""
        return state_code(self.nationality)


def check_digit(text: str) -> str:
    """The check digit of a text of A-Z, 0-9 and fillers: weights 7, 3, 1 modulo 10 (part 3 section 4.9)."""
    values = text.encode("ascii").translate(_VALUE_OF_OCTET)
    return str(sum(weight * sum(values[at :: len(_WEIGHTS)]) for at, weight in enumerate(_WEIGHTS)) % 10)


def read_mrz(lines: Sequence[str], today: date) -> Mrz:
    """Read two or three lines; letter case and spaces around a line count for nothing. `today` decides the centuries.

    Raises MrzError where number, length or characters of the lines fit no format.
    """
    given = [line.strip().upper() for line in lines]
    layout = _layout(given)
    return _Reader(given, layout, today).read()


def _layout(lines: list[str]) -> Layout:
    if len(lines) not in (2, 3):
        raise MrzError(
            MrzProblem("lines", 1, 1, f"{len(lines)} lines", "2 or 3 lines", "Enter all lines at the foot of the page.")
        )
    for number, line in enumerate(lines, 1):
        if not _VALUES.keys() >= set(line):
            wrong = next(place for place, letter in enumerate(line) if letter not in _VALUES)
            raise MrzError(
                MrzProblem("lines", number, wrong + 1, line[wrong], "A-Z, 0-9 and <", "Correct that character.")
            )
    visa = lines[0].startswith("V")
    formats = [TD1] if len(lines) == 3 else [MRVA, MRVB] if visa else [TD3, TD2]
    for layout in formats:
        if all(len(line) == layout.width for line in lines):
            return layout
    widths = " or ".join(str(layout.width) for layout in formats)
    number = next((at for at, line in enumerate(lines) if len(line) not in {one.width for one in formats}), 0)
    raise MrzError(
        MrzProblem(
            "lines",
            number + 1,
            1,
            f"{len(lines[number])} characters",
            f"{len(lines)} lines of {widths} characters",
            "Compare with the document: a filler < at the end may be missing.",
        )
    )


class _Reader:
    def __init__(self, lines: list[str], layout: Layout, today: date) -> None:
        self._lines = lines
        self._layout = layout
        self._today = today
        self._problems: list[MrzProblem] = []

    def read(self) -> Mrz:
        layout = self._layout
        primary, secondary = read_names(self._at(layout.names))
        number, taken = self._number()
        issuer = self._code("issuer", layout.issuer)
        nationality = self._code("nationality", layout.nationality)
        birth = self._date("birth", layout.birth)
        sex = self._sex()
        expiry = self._date("expiry", layout.expiry)
        self._names(primary)
        if layout.optional_check is not None:
            self._check("optional", layout.optional[0], layout.optional_check, may_be_filler=True)
        if layout.composite_check is not None:
            self._composite(layout.composite, layout.composite_check)
        return Mrz(
            format=layout.name,
            document=self._lines[0][:2].rstrip(FILLER),
            issuer=issuer,
            number=number,
            nationality=nationality,
            birth=birth,
            sex=sex,
            expiry=expiry,
            primary=primary,
            secondary=secondary,
            truncated=not self._at(layout.names).endswith(FILLER),
            optional=tuple(
                self._at(place)[taken if place == layout.optional[0] else 0 :].strip(FILLER).replace(FILLER, " ")
                for place in layout.optional
            ),
            problems=tuple(self._problems),
        )

    def _at(self, place: Place) -> str:
        line, begin, end = place
        return self._lines[line][begin:end]

    def _add(self, field: str, place: Place, found: str, expected: str, remedy: str) -> None:
        self._problems.append(MrzProblem(field, place[0] + 1, place[1] + 1, found, expected, remedy))

    def _number(self) -> tuple[str, int]:
        """The document number, and how much of the optional data it takes up."""
        line, begin, end = self._layout.number
        optional = self._layout.optional[0]
        rest = self._at(optional).split(FILLER)[0]
        if self._layout.long_numbers and self._lines[line][end] == FILLER and len(rest) > 1:
            number = self._lines[line][begin:end] + rest[:-1]
            if check_digit(number) != rest[-1]:
                self._contradicted("number", number, rest[-1], self._layout.number)
            return number, len(rest)
        self._check("number", self._layout.number, (line, end, end + 1))
        return self._at(self._layout.number).rstrip(FILLER).replace(FILLER, " "), 0

    def _check(self, field: str, place: Place, check: Place, *, may_be_filler: bool = False) -> None:
        text, digit = self._at(place), self._at(check)
        if may_be_filler and digit == FILLER and not text.strip(FILLER):
            return
        if check_digit(text) != digit:
            self._contradicted(field, text, digit, place)

    def _contradicted(self, field: str, text: str, digit: str, place: Place) -> None:
        likely = [
            f"{text[:at]}{_LOOK_ALIKE[letter]}{text[at + 1 :]}"
            for at, letter in enumerate(text)
            if letter in _LOOK_ALIKE and check_digit(text[:at] + _LOOK_ALIKE[letter] + text[at + 1 :]) == digit
        ]
        hint = f" It would agree with {' or '.join(likely[:3])}." if likely else ""
        self._add(
            field,
            place,
            f"{text} with check digit {digit}",
            f"check digit {check_digit(text)}",
            f"Compare each character with the document.{hint}",
        )

    def _composite(self, over: tuple[Place, ...], check: Place) -> None:
        text = "".join(map(self._at, over))
        if check_digit(text) != self._at(check):
            found = f"check digit {self._at(check)}"
            expected = f"check digit {check_digit(text)} over the whole zone"
            self._add(
                "composite", check, found, expected, "Compare the fields that are named, else all, and this digit."
            )

    def _code(self, field: str, place: Place) -> str:
        code = self._at(place).rstrip(FILLER)
        if state_code(code) is None:
            self._add(field, place, code, "a code of ICAO Doc 9303 part 3", "Compare with the document.")
        return code

    def _sex(self) -> str:
        sex = self._at(self._layout.sex)
        if sex not in ("F", "M", "X", FILLER):
            self._add("sex", self._layout.sex, sex, "F, M or <", "Compare with the document.")
        return sex if sex in ("F", "M") else "X"

    def _names(self, primary: str) -> None:
        text = self._at(self._layout.names)
        if not primary or not _DIGITS.isdisjoint(text):
            self._add("names", self._layout.names, text, "a name of letters", "Compare with the document: O is no 0.")

    def _date(self, field: str, place: Place) -> PartialDate:
        """Six digits, year first; fillers, or zeros for day and month, where a part is not known (part 3, 4.8)."""
        line, _, end = place
        text = self._at(place)
        blank = not text.strip(FILLER)
        self._check(field, place, (line, end, end + 1), may_be_filler=blank)
        parts = [None if part in (FILLER * 2, "00") else part for part in (text[2:4], text[4:6])]
        try:
            if text[:2] == FILLER * 2 or not all(part is None or part.isdigit() for part in (text[:2], *parts)):
                if not blank:
                    raise PartialDateError(text)
                return PartialDate()
            month, day = (None if part is None else int(part) for part in parts)
            year = _century(int(text[:2]), month, day, self._today, born=field == "birth")
            return PartialDate(year, month, day if month else None)
        except PartialDateError:
            self._add(field, place, text, "six digits as YYMMDD", "Compare with the document: O is no 0.")
            return PartialDate()


def _century(two: int, month: int | None, day: int | None, today: date, *, born: bool) -> int:
    """A birth is not after today; an expiry is within fifty years of it."""
    year = today.year - today.year % 100 + two
    if born:
        return year - 100 if (year, month or 1, day or 1) > (today.year, today.month, today.day) else year
    return year - 100 if year - today.year > 50 else year + 100 if today.year - year >= 50 else year
