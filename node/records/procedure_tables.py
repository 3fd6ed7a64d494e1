"""Tables of a procedure.toml read value by value; what does not fit is an error that names place and remedy."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from node.records.procedures import ProcedureError

NAME = re.compile(r"^[a-z][a-z0-9-]{0,59}$")


def read_tables(table: Mapping[str, Any], key: str, *, needed: bool = True) -> Mapping[str, Any]:
    found = read_table(key, table.get(key, {}))
    if needed and not found:
        raise ProcedureError("the file", f"it has no {key}", f"Add [{key}.NAME].")
    return found


def read_table(place: str, found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProcedureError(place, f"{found!r} is no table", f"Write [{place}].")
    return found


def read_array(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ProcedureError(key, "it is no list of tables", f"Write [[{key}]], or {key} = [{{ … }}].")
    return found


def read_text(place: str, about: Mapping[str, Any], key: str) -> str:
    found = about.get(key)
    if not isinstance(found, str) or not found:
        raise ProcedureError(place, f"{key} is missing or no text", f'Write {key} = "…".')
    return found


def read_names(place: str, about: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = about.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise ProcedureError(place, f"{key} is no list of names", f'Write {key} = ["…"].')
    return tuple(found)


def read_one_or_more(place: str, about: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if key not in about:
        return ()
    return (read_text(place, about, key),) if isinstance(about[key], str) else read_names(place, about, key)


def read_flag(place: str, about: Mapping[str, Any], key: str) -> bool:
    found = about.get(key, False)
    if not isinstance(found, bool):
        raise ProcedureError(place, f"{key} is {found!r}", f"Write {key} = true, or leave it out.")
    return found


def check_name(kind: str, name: str) -> str:
    if not NAME.match(name):
        raise ProcedureError(
            f"{kind}.{name}", "the name does not fit", "Use small letters, digits and hyphens, a letter first."
        )
    return name


def check_one_of(place: str, name: Any, known: Iterable[str], what: str) -> None:
    names = sorted(known)
    if name not in names:
        near = get_close_matches(str(name), names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(names) or 'none'}."
        raise ProcedureError(place, f"{name!r} is not {what}", hint)


def check_keys(place: str, about: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in about:
        check_one_of(place, key, known, "a key here")
