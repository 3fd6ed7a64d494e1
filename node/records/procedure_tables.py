"""Tables of a procedure.toml read value by value; what does not fit is an error that names place and remedy."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from node.records.procedures import ProcedureError
from node.records.toml_file import shown

NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
WHOLE = "the file"
"""The place of what stands at the top of the file."""


def read_tables(table: Mapping[str, Any], key: str, *, needed: bool = True) -> Mapping[str, Any]:
    found = read_table(key, table.get(key, {}))
    if needed and not found:
        raise ProcedureError(WHOLE, f"it has no {key}", f"Add [{key}.NAME].")
    return found


def read_table(place: str, found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProcedureError(place, f"{shown(found)} is no table", f"Write [{place}].")
    return found


def read_array(place: str, table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ProcedureError(_at(place, key), "it is no list of tables", f"Write [[{key}]], or {key} = [{{ … }}].")
    return found


def read_text(place: str, about: Mapping[str, Any], key: str) -> str:
    found = about.get(key)
    if not isinstance(found, str) or not found:
        raise ProcedureError(place, f"{key} is missing or no text", f'Write {key} = "…".')
    if not found.strip() or any(unicodedata.category(one) == "Cc" for one in found):
        raise ProcedureError(_at(place, key), f"{shown(found)} cannot be shown", "Write one line of text.")
    return found


def read_names(place: str, about: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = about.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise ProcedureError(place, f"{key} is no list of names", f'Write {key} = ["…"].')
    twice = sorted({one for one in found if found.count(one) > 1})
    if twice:
        raise ProcedureError(_at(place, key), f"it names {shown(twice[0])} twice", "Name each once.")
    return tuple(found)


def _at(place: str, key: str) -> str:
    return key if place == WHOLE else f"{place}, {key}"


def read_one_or_more(place: str, about: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if key not in about:
        return ()
    return (read_text(place, about, key),) if isinstance(about[key], str) else read_names(place, about, key)


def read_flag(place: str, about: Mapping[str, Any], key: str) -> bool:
    found = about.get(key, False)
    if not isinstance(found, bool):
        raise ProcedureError(place, f"{key} is {shown(found)}", f"Write {key} = true, or leave it out.")
    return found


def check_name(kind: str, name: str) -> str:
    if not NAME.fullmatch(name):
        place = f"{kind}.{name}" if re.fullmatch(r"[\w.-]{1,60}", name) else f"{kind}.{shown(name)}"
        raise ProcedureError(place, "the name does not fit", "Use small letters, digits and hyphens, a letter first.")
    return name


def check_one_of(place: str, name: Any, known: Iterable[str], what: str) -> None:
    names = sorted(known)
    if name not in names:
        near = get_close_matches(shown(name).strip("'"), names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(names) or 'none'}."
        raise ProcedureError(place, f"{shown(name)} is not {what}", hint)


def check_keys(place: str, about: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuses a key that is not one of `known`, and says which are."""
    for key in about:
        if key not in known:
            near = get_close_matches(key[:60], names := sorted(known), n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise ProcedureError(place, f"{shown(key)} is not a key here", f"{hint}Keys here are {', '.join(names)}.")
