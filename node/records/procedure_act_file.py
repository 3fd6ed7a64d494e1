"""The acts of a procedure.toml, with the paths at which a record holds them; each path is compared with the shapes."""

import re
from collections.abc import Mapping
from typing import Any

from node.records.procedure_tables import (
    check_keys,
    check_name,
    check_one_of,
    read_array,
    read_flag,
    read_names,
    read_table,
    read_tables,
    read_text,
)
from node.records.procedures import Act, Path, ProcedureError, Source, Statement, Step
from node.records.shape import Field, Shape

SERVICE = re.compile(r"^urn:depesha:[a-z][a-z0-9-]{0,39}:[1-9][0-9]{0,3}$")
_STEP = re.compile(r"^([A-Za-z][A-Za-z0-9]*)(?:\[([A-Za-z][A-Za-z0-9]*)(?:=([^\]]+))?\])?$")
_OF_ACT = ("record", "persons", "concerning", "until", "day", "hindered")
_DAYS = ("day", "date")
_MOMENTS = (*_DAYS, "instant", "when", "partial-date")


def read_acts(table: Mapping[str, Any], records: Mapping[str, Shape], *, may_share: bool) -> dict[str, Act]:
    acts: dict[str, Act] = {}
    for name, about in read_tables(table, "act").items():
        place = f"act.{check_name('act', name)}"
        check_keys(place, read_table(place, about), {"title", "in", "declares", "shared"})
        shared = about.get("shared")
        if shared is not None and (not may_share or not SERVICE.match(str(shared)) or "in" in about):
            raise ProcedureError(
                place, f"shared is {shared!r}", "Name the Service of a shared set, and leave `in` to that set."
            )
        sources = tuple(
            _source(f"{place}, in {number}", one, records) for number, one in enumerate(read_array(about, "in"), 1)
        )
        acts[name] = Act(name, read_text(place, about, "title"), sources, read_flag(place, about, "declares"), shared)
    return acts


def _source(place: str, about: Mapping[str, Any], records: Mapping[str, Shape]) -> Source:
    check_keys(place, about, {*_OF_ACT, "at", "case", "new", "party", "instead_of"})
    record = read_text(place, about, "record")
    check_one_of(f"{place}, record", record, records, "a record of the folder")
    root = records[record].root
    at = read_path(place, about, "at", root, root)
    below = field_at(root, at) if at else root

    def single(key: str) -> Path | None:
        return read_path(place, about, key, root, below)

    named = read_names(place, about, "persons") if "persons" in about else ()
    persons = tuple(_path(place, "persons", text, root, below) for text in named)
    until = single("until")
    if until is not None and _type_at(root if until.from_root else below, until) not in _DAYS:
        raise ProcedureError(f"{place}, until", "the field holds no whole day", "Name a field of the type day or date.")
    moments = {key: single(key) for key in ("day", "hindered")}
    for key, moment in moments.items():
        if moment is not None and _type_at(root if moment.from_root else below, moment) not in _MOMENTS:
            known = ", ".join(_MOMENTS)
            raise ProcedureError(
                f"{place}, {key}", "the field holds no day", f"Name a field of one of the types {known}."
            )
    others = {key: single(key) for key in ("concerning", "case", "new", "party", "instead_of")}
    return Source(record=record, at=at, persons=persons, until=until, **moments, **others)


def read_path(place: str, about: Mapping[str, Any], key: str, root: Field, below: Field) -> Path | None:
    return None if key not in about else _path(place, key, read_text(place, about, key), root, below)


def _path(place: str, key: str, text: str, root: Field, below: Field) -> Path:
    absolute = text.startswith("/")
    *parts, last = text.lstrip("/").split("/")
    attribute = last[1:] if last.startswith("@") else None
    if attribute is None:
        parts.append(last)
    steps = []
    for part in parts:
        match = _STEP.match(part)
        if match is None:
            raise ProcedureError(
                f"{place}, {key}", f"'{text}' is no path", "Write steps as Answer[Accepted]/Person or Head/@id."
            )
        steps.append(Step(*match.groups()))
    path = Path(tuple(steps), attribute, absolute)
    try:
        field_at(root if absolute else below, path)
    except LookupError as error:
        raise ProcedureError(
            f"{place}, {key}", f"'{text}' leads nowhere: {error.args[0]}", "Correct the path by records/*.xsd."
        ) from error
    return path


def field_at(start: Field, path: Path) -> Field:
    """The field that a path leads to. Raises LookupError."""
    field = start
    for step in path.steps:
        found = next((child for child in field.children if child.name == step.name), None)
        if found is None:
            raise LookupError(f"{field.path} has no {step.name}")
        if step.child and all(child.name != step.child for child in found.children):
            raise LookupError(f"{found.path} has no {step.child}")
        field = found
    if path.attribute and all(one.name != path.attribute for one in field.attributes):
        raise LookupError(f"{field.path} has no attribute {path.attribute}")
    return field


def _type_at(start: Field, path: Path) -> str:
    found = field_at(start, path)
    if path.attribute is None:
        return found.type
    return next(one.type for one in found.attributes if one.name == path.attribute)


_MAY_BE = ("received", "service", "opened_by")


def read_statement(table: Mapping[str, Any], records: Mapping[str, Shape]) -> Statement | None:
    """The record by which a party tells of an act that was not done on the wire. Raises ProcedureError."""
    if "statement" not in table:
        return None
    place, about = "statement", read_table("statement", table["statement"])
    needed = ("act", "by", "channel", "done")
    check_keys(place, about, {*_OF_ACT, *_MAY_BE, *needed})
    for key in needed:
        read_text(place, about, key)
    common = {key: about[key] for key in _OF_ACT if key in about}
    source = _source(place, common, records)
    root = records[source.record].root

    def path(key: str) -> Path:
        found = read_path(place, about, key, root, root)
        return Path(()) if found is None else found

    return Statement(
        source,
        path("act"),
        path("by"),
        path("channel"),
        path("done"),
        **{key: path(key) for key in _MAY_BE if key in about},
    )
