"""What a person says of terms in words, as `reply=10 calendar-days silence=accepted`, read into periods."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from node.records.clocks import Counting, Counts, Draft, Extends, PeriodError, Silence, TermsPeriod, Unit
from node.records.clocks.templates import COUNTING
from node.records.clocks.terms import read_period, read_wait, write_wait

_TRUTH = {"yes": True, "no": False}


class TermsRefused(Exception):
    """The terms cannot be made so; the text names what was found, what is expected and the remedy."""


def named_by_party(option: str, texts: Sequence[str], parties: Sequence[str], form: str) -> dict[str, str]:
    """What PARTY=VALUE says of each of these parties. Raises TermsRefused."""
    found = {}
    for text in texts:
        party, equals, value = text.partition("=")
        if not equals or party not in parties or not value:
            raise TermsRefused(f"{option} {text!r}: expected PARTY={form} with one of {', '.join(parties)}.")
        found[party] = value
    return found


def _words(figure: str, text: str, known: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Words without `=` in order, and those with it."""
    plain = [word for word in text.split() if "=" not in word]
    named = dict(word.split("=", 1) for word in text.split() if "=" in word)
    if unknown := sorted(set(named) - set(known)):
        raise TermsRefused(f"--set {figure}: found {', '.join(unknown)}, expected some of {', '.join(known)}.")
    return plain, named


def period_of_words(draft: Draft, figure: str, text: str) -> TermsPeriod:
    """The period that `10 calendar-days silence=accepted` gives; what it leaves out is as the draft has it.

    Raises TermsRefused, PeriodError.
    """
    known = ("days-of", "calendars", "first-day", "rolls", "silence", "starts", "before", "extends")
    plain, named = _words(figure, text, known)
    if len(plain) != 2 or not (plain[0].isascii() and plain[0].isdigit()):
        raise TermsRefused(f"--set {figure}: found {text!r}, expected a number and a unit, as 10 calendar-days.")
    proposed = draft.template.figures.get(figure)
    counting = counting_of(draft)
    hours = plain[1] == "hours"
    extends = named.get("extends", proposed.extends.value if proposed and proposed.extends else None)
    row: dict[str, Any] = {
        "number": int(plain[0]),
        "unit": plain[1],
        "days_of": named.get("days-of", counting.days_of),
        "calendars": _roles(named["calendars"])
        if "calendars" in named
        else ([] if hours else list(counting.calendars)),
        "first_day": _truth(figure, named, "first-day", counting.first_day and not hours and extends != "added"),
        "rolls": _truth(figure, named, "rolls", counting.rolls and not hours),
        "silence": named.get("silence", proposed.silence.value if proposed else "overdue"),
        "starts": named.get("starts", proposed.starts.value if proposed else "received"),
        "before": _truth(figure, named, "before", bool(proposed and proposed.before)),
    }
    if extends is not None:
        row["extends"] = extends
    _require(figure, "one", plain[1], Unit)
    _require(figure, "silence=", row["silence"], Silence)
    _require(figure, "starts=", row["starts"], Counts)
    if extends is not None:
        _require(figure, "extends=", extends, Extends)
    try:
        return read_period(row)
    except PeriodError:
        raise
    except (ValueError, TypeError) as error:
        raise TermsRefused(f"--set {figure}: {error}. docs/reference/periods.md names units and values.") from error


def _require(figure: str, what: str, found: str, values: type[StrEnum]) -> None:
    known = ", ".join(one.value for one in values)
    if found not in set(values):
        raise TermsRefused(f"--set {figure}: found {found}, expected {what} of {known}. Correct it.")


def counting_of(draft: Draft) -> Counting:
    """How periods count in the draft: as a person said, else as its template proposes."""
    own = draft.confirmations.get(COUNTING)
    return own.value if own is not None and isinstance(own.value, Counting) else draft.template.counting


def counting_of_words(draft: Draft, text: str) -> Counting:
    """The same with what `rolls=yes days-of=requested` changes. Raises TermsRefused, PeriodError."""
    known = ("days-of", "calendars", "first-day", "rolls", "answer", "without-receipt")
    plain, named = _words(COUNTING, text, known)
    before = counting_of(draft)
    wait = write_wait(before.without_receipt)
    if "without-receipt" in named:
        hours, _, counts = named["without-receipt"].partition(":")
        if not hours.isdigit() or counts not in ("received", "not-made"):
            raise TermsRefused("--set counting: without-receipt is HOURS:received or HOURS:not-made, as 48:received.")
        wait = {"hours": int(hours), "received": counts == "received"}
    if plain:
        raise TermsRefused(
            f"--set counting: found {' '.join(plain)}, expected {', '.join(known)}, each with its value."
        )
    try:
        return Counting(
            days_of=named.get("days-of", before.days_of),
            calendars=tuple(_roles(named["calendars"])) if "calendars" in named else before.calendars,
            first_day=_truth(COUNTING, named, "first-day", before.first_day),
            rolls=_truth(COUNTING, named, "rolls", before.rolls),
            answer=Counts(named.get("answer", before.answer.value)),
            without_receipt=read_wait(wait),
        )
    except PeriodError:
        raise
    except ValueError as error:
        raise TermsRefused(f"--set counting: {error}. docs/reference/terms.md names the values.") from error


def _roles(text: str) -> list[str]:
    return [] if text == "none" else text.split(",")


def _truth(figure: str, named: Mapping[str, str], key: str, otherwise: bool) -> bool:
    if key not in named:
        return otherwise
    if named[key] not in _TRUTH:
        raise TermsRefused(f"--set {figure}: found {key}={named[key]}, expected {key}=yes or {key}=no.")
    return _TRUTH[named[key]]
