"""The acts of a procedure.toml, with the paths at which a record holds them; each path is compared with the shapes."""

import re
from collections.abc import Iterable, Mapping
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
from node.records.toml_file import shown

SERVICE = re.compile(r"urn:depesha:[a-z][a-z0-9-]{0,39}:[1-9][0-9]{0,3}")
_STEP = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\[([A-Za-z][A-Za-z0-9]*)(?:=([^\]]+))?\])?")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_OF_ACT = ("record", "persons", "concerning", "until", "day", "hindered")
_DAYS = ("day", "date")
_MOMENTS = (*_DAYS, "instant", "when", "partial-date")
_HOLDS = {
    "persons": (("person-id", "person-reference"), "id of a person"),
    "concerning": (("message-id",), "id of a message"),
    "until": (_DAYS, "whole day"),
    "case": (("conversation-id", "case-id"), "ConversationId"),
    "day": (_MOMENTS, "day"),
    "hindered": (_MOMENTS, "day"),
    "new": (("message-id",), "id of a message"),
    "party": (("party-id",), "id of a party"),
    "instead_of": (("party-id",), "id of a party"),
}
"""Of each path below an act: the types or marks of the field that it may lead to, and what they hold."""


def read_acts(table: Mapping[str, Any], records: Mapping[str, Shape], *, may_share: bool) -> dict[str, Act]:
    acts: dict[str, Act] = {}
    for name, about in read_tables(table, "act").items():
        place = f"act.{check_name('act', name)}"
        check_keys(place, read_table(place, about), {"title", "in", "declares", "shared"})
        shared = about.get("shared")
        fits = may_share and isinstance(shared, str) and SERVICE.fullmatch(shared) and "in" not in about
        if shared is not None and not fits:
            raise ProcedureError(
                place, f"shared is {shown(shared)}", "Name the Service of a shared set, and leave `in` to that set."
            )
        sources = tuple(
            _source(f"{place}, in {number}", one, records)
            for number, one in enumerate(read_array(place, about, "in"), 1)
        )
        twice = [number for number, one in enumerate(sources, 1) if one in sources[: number - 1]]
        if twice:
            raise ProcedureError(f"{place}, in {twice[0]}", "it stands there twice", "Say once where the act is found.")
        acts[name] = Act(name, read_text(place, about, "title"), sources, read_flag(place, about, "declares"), shared)
    return acts


def _source(place: str, about: Mapping[str, Any], records: Mapping[str, Shape]) -> Source:
    check_keys(place, about, {"record", "at", *_HOLDS})
    record = read_text(place, about, "record")
    check_one_of(f"{place}, record", record, records, "a record of the folder")
    root = records[record].root
    at = read_path(place, about, "at", root, root)
    if at is not None and at.attribute:
        raise ProcedureError(f"{place}, at", "an attribute cannot occur twice", "Name the element, without @.")
    below = field_at(root, at) if at else root

    def value(key: str, text: str) -> Path:
        path = _path(place, key, text, root, below)
        kinds, what = _HOLDS[key]
        if not _holds(root if path.from_root else below, path, kinds):
            remedy = f"Name a field of the type {' or '.join(kinds)}, or one that is marked so."
            raise ProcedureError(f"{place}, {key}", f"the field holds no {what}", remedy)
        return path

    found = {key: value(key, read_text(place, about, key)) for key in _HOLDS if key in about and key != "persons"}
    named = read_names(place, about, "persons") if "persons" in about else ()
    return Source(record=record, at=at, persons=tuple(value("persons", text) for text in named), **found)


def read_path(place: str, about: Mapping[str, Any], key: str, root: Field, below: Field) -> Path | None:
    return None if key not in about else _path(place, key, read_text(place, about, key), root, below)


def _path(place: str, key: str, text: str, root: Field, below: Field) -> Path:
    absolute = text.startswith("/")
    *parts, last = text.removeprefix("/").split("/")
    attribute = last[1:] if last.startswith("@") else None
    if attribute is None:
        parts.append(last)
    matches = [match for part in parts if (match := _STEP.fullmatch(part))]
    if len(matches) < len(parts) or (attribute is not None and not _ATTRIBUTE.fullmatch(attribute)):
        raise ProcedureError(
            f"{place}, {key}", f"{shown(text)} is no path", "Write steps as Answer[Accepted]/Person or Head/@id."
        )
    path = Path(tuple(Step(*match.groups()) for match in matches), attribute, absolute)
    try:
        field_at(root if absolute else below, path)
    except LookupError as error:
        raise ProcedureError(
            f"{place}, {key}", f"{shown(text)} leads nowhere: {error.args[0]}", "Correct the path by records/*.xsd."
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


def _holds(start: Field, path: Path, kinds: Iterable[str]) -> bool:
    """Whether the field that a path leads to is of one of these types, or marked as one."""
    field = field_at(start, path)
    if path.attribute is not None:
        field = next(one for one in field.attributes if one.name == path.attribute)
    return not {field.type, *field.marks.kinds}.isdisjoint(kinds)


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
