"""Small numbers of a table of counts, which might tell of a person, and those that would give them back.

The table is a tree: a total, its parts, their parts. A count from 1 up to SMALLEST is hidden (threshold rule). So are,
of the same total, the next smallest parts until what the shown ones leave of the total is itself no small number and no
single part; and of a part that is hidden all its own parts. A second count, of those within it to which something
happened, is held to the same rule on both sides: neither these nor the others may be few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST = 5
"""The threshold that statistical offices use most."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A line of the table: how many, to how many of these something happened, and the lines that make it up."""

    count: int
    happened: int = 0
    parts: Sequence["Counted"] = ()


def is_small(number: int) -> bool:
    """Whether a number is too small to be shown; none at all is not."""
    return 0 < number < SMALLEST


def hidden(line: Counted, within: frozenset[int] = frozenset()) -> frozenset[int]:
    """The lines (their places, the total first, then each part with its own before the next) that must not be shown.

    `within`: those that are hidden already for another reason.
    """
    found: set[int] = set()
    if _tells(line) or 0 in within:
        found |= set(range(size(line)))
    else:
        _hide_parts(line, 0, within, found)
    return frozenset(found | within)


def size(line: Counted) -> int:
    """How many lines there are from this one down."""
    return 1 + sum(size(part) for part in line.parts)


def _tells(line: Counted) -> bool:
    return (
        is_small(line.count) or is_small(line.happened) or (line.happened > 0 and is_small(line.count - line.happened))
    )


def _hide_parts(line: Counted, place: int, within: frozenset[int], found: set[int]) -> None:
    """Of the parts of a line that is shown at `place`: add to `found` the places of those that are hidden."""
    places = _places(line, place)
    chosen = [n for n, part in enumerate(line.parts) if _tells(part) or places[n] in within]
    shown = sorted(
        (n for n in range(len(line.parts)) if n not in chosen), key=lambda n: (line.parts[n].count, places[n])
    )
    while chosen and shown and (len(chosen) == 1 or _tells(_together([line.parts[n] for n in chosen]))):
        chosen.append(shown.pop(0))
    for n in chosen:
        found |= set(range(places[n], places[n] + size(line.parts[n])))
    for n in shown:
        _hide_parts(line.parts[n], places[n], within, found)


def _places(line: Counted, place: int) -> list[int]:
    places, following = [], place + 1
    for part in line.parts:
        places.append(following)
        following += size(part)
    return places


def _together(lines: Sequence[Counted]) -> Counted:
    return Counted(sum(one.count for one in lines), sum(one.happened for one in lines))
