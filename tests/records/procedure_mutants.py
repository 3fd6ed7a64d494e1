"""Files of procedures changed in one place each, for tests: what a slip of the hand does to a sound file."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

STRANGE = (1, "x", True, [], {}, ["x"], [{}], {"x": 1})
Place = tuple[Any, ...]
Change = Callable[[Any, Any], object]
"""What is done to the table or list in which a value stands, and to its key there."""


@dataclass(frozen=True)
class Mutant:
    """One change to a file."""

    said: str
    place: Place
    change: Change

    def of(self, table: dict[str, Any]) -> dict[str, Any]:
        """A copy of the file in which it is done."""
        copied = copy.deepcopy(table)
        self.change(holder(copied, self.place), self.place[-1])
        return copied


def mutants(table: dict[str, Any]) -> Iterator[Mutant]:
    """Each single change to the file: every value left out, of another kind, twice, under another name, or with the
    value of its neighbour; every two that stand side by side exchanged."""
    others = _others(table)
    for place in places(table):
        inner, key = holder(table, place), place[-1]
        said = ".".join(map(str, place))
        yield Mutant(f"without {said}", place, lambda inner, key: inner.pop(key))
        for strange in STRANGE:
            if strange != inner[key]:
                yield Mutant(f"{said} = {strange!r}", place, _putting(strange))
        if isinstance(inner, list):
            yield Mutant(f"{said} twice", place, lambda inner, key: inner.insert(key, inner[key]))
            if key + 1 < len(inner):
                yield Mutant(f"{said} after the next", place, _swap)
        else:
            yield Mutant(f"{said} renamed", place, _rename)
            if isinstance(inner[key], dict):
                yield Mutant(f"{said} twice", place, _double)
        if isinstance(inner[key], str):
            yield Mutant(f"{said} of another place", place, _putting(others[place]))


def places(table: Any, place: Place = ()) -> Iterator[Place]:
    """Where every value of a parsed file stands."""
    inner = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in inner:
        yield (*place, key)
        yield from places(value, (*place, key))


def holder(table: Any, place: Place) -> Any:
    """The table or list in which the value stands."""
    for key in place[:-1]:
        table = table[key]
    return table


def _putting(value: Any) -> Change:
    def put(inner: Any, key: Any) -> None:
        inner[key] = copy.deepcopy(value)

    return put


def _rename(inner: dict[str, Any], key: str) -> None:
    renamed = {f"{name}-x" if name == key else name: value for name, value in inner.items()}
    inner.clear()
    inner.update(renamed)


def _double(inner: dict[str, Any], key: str) -> None:
    inner[f"{key}-x"] = copy.deepcopy(inner[key])


def _swap(inner: list[Any], number: int) -> None:
    inner[number], inner[number + 1] = inner[number + 1], inner[number]


def _others(table: dict[str, Any]) -> dict[Place, str]:
    """For each place of a text the next other one of its kind: the next transition's act, the next state's title."""
    kinds: dict[str, list[tuple[Place, str]]] = {}
    for place in places(table):
        text = holder(table, place)[place[-1]]
        if isinstance(text, str):
            kinds.setdefault([key for key in place if isinstance(key, str)][-1], []).append((place, text))
    found: dict[Place, str] = {}
    for texts in kinds.values():
        for number, (place, own) in enumerate(texts):
            turned = (*texts[number + 1 :], *texts[:number])
            found[place] = next((text for _, text in turned if text != own), "x")
    return found


def write_toml(value: Any) -> str:
    """Any value as TOML, tables written in line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {write_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def write_file(table: dict[str, Any]) -> bytes:
    """A whole file of it."""
    return "\n".join(f"{json.dumps(key)} = {write_toml(value)}" for key, value in table.items()).encode()
