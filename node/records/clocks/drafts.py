"""Drafts of local terms: a template, the two parties, and what a person has confirmed or changed of it.

Until an agreement is signed by both sides, terms are the word of one side alone. A figure that its source does not
confirm must be confirmed or changed by a person before the draft gives terms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from node.records.clocks.periods import PeriodError
from node.records.clocks.templates import COUNTING, EXTENSION, Counting, Template
from node.records.clocks.terms import Ground, Place, Terms, TermsPeriod

NOT_SAID = "the articles seen do not say how periods count; this is proposed"


ENTERED = "entered by the person who confirmed it"


class Unconfirmed(Exception):
    """Terms that cannot be used yet: `figures` says of each figure, by name, what nobody has confirmed."""

    def __init__(self, title: str, figures: Mapping[str, str]) -> None:
        said = "; ".join(f"{name}: {why}" for name, why in figures.items())
        super().__init__(
            f"the terms by {title} cannot be used yet. {said}. "
            "Look each up in the Official Journal or the protocol, then confirm or change it."
        )
        self.title = title
        self.figures = dict(figures)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """That a person stands for a figure: by whom, when, and the value if it was changed.

    `value`: a period, how periods count, or None where the figure is right as proposed. `dropped`: the terms go
    without that period.
    """

    by: str
    at: datetime
    value: TermsPeriod | Counting | None = None
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A template between two parties (`places` by party, `countries` by party as ISO 3166-1 alpha-3)."""

    template: Template
    service: str
    places: Mapping[str, Place]
    countries: Mapping[str, str]
    confirmations: Mapping[str, Confirmation] = field(default_factory=dict)


def confirm(
    draft: Draft,
    name: str,
    by: str,
    at: datetime,
    value: TermsPeriod | Counting | None = None,
    *,
    dropped: bool = False,
) -> Draft:
    """The draft in which `by` stands for the figure `name`, as proposed or as `value`; a period of another name is
    added, and `NAME.extension` to a period that the draft has; dropped, it is gone again. Raises PeriodError."""
    figures = draft.template.figures
    if dropped and value is None and name not in figures and name in draft.confirmations and name != COUNTING:
        gone = (name, name + EXTENSION)
        left = {one: said for one, said in draft.confirmations.items() if one not in gone or one in figures}
        return replace(draft, confirmations=left)
    if name != COUNTING and name not in figures and value is None:
        known = ", ".join((COUNTING, *figures))
        raise PeriodError("figure", name, f"one of {known}", "Name one of these, or give the period to be added.")
    if at.tzinfo is None or not by:
        raise PeriodError(
            "confirmation", f"{by or 'nobody'} at {at}", "a person and a time with its zone", "Name both."
        )
    right = Counting if name == COUNTING else TermsPeriod
    if value is not None and not isinstance(value, right):
        raise PeriodError(name, type(value).__name__, right.__name__, "Give the value of this figure.")
    if name != COUNTING and value is None and not dropped and figures[name].number is None:
        raise PeriodError(name, "no length", "a length", "Its source does not tell it: give the value.")
    if dropped and (name == COUNTING or value is not None):
        raise PeriodError(name, "dropped", "a value or none", "How periods count is part of all terms.")
    if isinstance(value, TermsPeriod) and name.endswith(EXTENSION):
        _require_extension(draft, name, value)
    return replace(draft, confirmations={**draft.confirmations, name: Confirmation(by, at, value, dropped)})


def _require_extension(draft: Draft, name: str, value: TermsPeriod) -> None:
    extended = name.removesuffix(EXTENSION)
    periods = [one for one in (*draft.template.figures, *draft.confirmations) if not one.endswith(EXTENSION)]
    if extended not in periods or extended == COUNTING:
        known = ", ".join(dict.fromkeys(one for one in periods if one != COUNTING))
        raise PeriodError(name, f"no period {extended}", f"an extension of one of {known}", "Give the period first.")
    if value.extends is None:
        raise PeriodError(
            name, "no extends", "added or total", "Add extends=added (on top of the period) or extends=total."
        )


def unconfirmed(draft: Draft) -> dict[str, str]:
    """What a person has still to confirm or change: by figure, in words."""
    found = {} if COUNTING in draft.confirmations else {COUNTING: NOT_SAID}
    for name, figure in draft.template.figures.items():
        if name in draft.confirmations or _is_dropped(draft, name):
            continue
        if figure.unconfirmed:
            found[name] = f"{'; '.join(figure.unconfirmed)} ({figure.ground.article}; source: {figure.ground.source})"
    return found


def terms_of(draft: Draft) -> Terms:
    """The terms that the draft gives. Raises Unconfirmed while a figure waits for a person, and PeriodError."""
    if waiting := unconfirmed(draft):
        raise Unconfirmed(draft.template.title, waiting)
    changed = draft.confirmations[COUNTING].value
    counting = changed if isinstance(changed, Counting) else draft.template.counting
    figures = {name: one for name, one in draft.template.figures.items() if not _is_dropped(draft, name)}
    added = {
        name: one.value
        for name, one in draft.confirmations.items()
        if name not in draft.template.figures and isinstance(one.value, TermsPeriod) and not _is_dropped(draft, name)
    }
    return Terms(
        title=draft.template.title,
        service=draft.service,
        places=dict(draft.places),
        periods={name: _period(draft, name, counting) for name in (*figures, *added) if not name.endswith(EXTENSION)},
        days_of=counting.days_of,
        answer=counting.answer,
        without_receipt=counting.without_receipt,
        named=dict(draft.template.named),
        evidence=draft.template.evidence,
        crossing_points=draft.template.crossing_points,
        sides=_sides(draft),
        grounds={
            **{name: _ground(draft, name, figure.ground) for name, figure in figures.items()},
            **{name: _ground(draft, name, Ground("", ENTERED)) for name in added},
            COUNTING: _ground(draft, COUNTING, Ground("", NOT_SAID)),
        },
    )


def _period(draft: Draft, name: str, counting: Counting) -> TermsPeriod:
    extending = name + EXTENSION
    there = extending in draft.template.figures or extending in draft.confirmations
    extension = _value(draft, extending, counting) if there and not _is_dropped(draft, extending) else None
    return _value(draft, name, counting, extension)


def _value(draft: Draft, name: str, counting: Counting, extension: TermsPeriod | None = None) -> TermsPeriod:
    confirmation = draft.confirmations.get(name)
    changed = confirmation.value if confirmation else None
    if isinstance(changed, TermsPeriod):
        return replace(changed, extension=extension or changed.extension)
    found = draft.template.figures[name].period(counting, extension)
    if found is None:
        raise PeriodError(name, "no length", "a length", "Its source does not tell it: give the value.")
    return found


def _is_dropped(draft: Draft, name: str) -> bool:
    """Whether the terms go without the figure, or without the period that it extends."""
    own = draft.confirmations.get(name)
    of = draft.confirmations.get(name.removesuffix(EXTENSION))
    return (own is not None and own.dropped) or (of is not None and of.dropped)


def _ground(draft: Draft, name: str, ground: Ground) -> Ground:
    confirmation = draft.confirmations.get(name)
    if confirmation is None:
        return ground
    return replace(ground, confirmed_by=confirmation.by, confirmed_at=confirmation.at)


def _sides(draft: Draft) -> dict[str, str]:
    """What the evidence lists call each party, by party: the side whose countries name its own, else the open one."""
    sides = draft.template.sides
    open_side = next((side for side, countries in sides.items() if not countries), None)
    found = {}
    for party, country in draft.countries.items():
        side = next((side for side, countries in sides.items() if country in countries), open_side)
        if side is not None:
            found[party] = side
    if sides and len(set(found.values())) < len(draft.places):
        raise PeriodError(
            "countries",
            ", ".join(sorted(draft.countries.values())),
            f"one of each side: {', '.join(sides)}",
            "Take the template of the agreement between these two.",
        )
    return found
