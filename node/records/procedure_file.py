"""procedure.toml read into a Procedure, or an error that names the place and the remedy.

What a key means stands in docs/reference/procedure.md. Only the grammar is judged here; whether the procedure makes
sense as a whole is judged by `procedure_checks`.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from node.records.procedure_checks import judge
from node.records.procedures import (
    BY_TERMS,
    EITHER,
    PREVIOUS,
    ROLES,
    Act,
    Effect,
    Path,
    Period,
    Procedure,
    ProcedureError,
    SharedActs,
    Source,
    Step,
    Transition,
)
from node.records.shape import Field, Shape

FILE = "procedure.toml"
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,59}$")
_STEP = re.compile(r"^([A-Za-z][A-Za-z0-9]*)(?:\[([A-Za-z][A-Za-z0-9]*)(?:=([^\]]+))?\])?$")
_SERVICE = re.compile(r"^urn:depesha:[a-z][a-z0-9-]{0,39}:[1-9][0-9]{0,3}$")
_TOP = {
    "title", "per", "start", "precedence", "groups", "state", "act", "period", "transition", "exception",
}  # fmt: skip
_DAYS = ("day", "date")
_LISTS = ("starts", "ends", "pauses", "resumes", "extends", "revives", "after")
_FLAGS = ("consent", "consents", "declines")


def read_procedure(content: bytes, records: Mapping[str, Shape]) -> Procedure | SharedActs:
    """What the file says. `records` are the shapes of the same folder, which its acts name. Raises ProcedureError."""
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProcedureError("the file", f"it is no TOML: {error}", "Correct that line.") from error
    if table.get("shared") is True:
        _known_keys("the file", table, {"title", "shared", "act"})
        return SharedActs(_text("the file", table, "title"), _acts(table, records, may_share=False))
    _known_keys("the file", table, _TOP)
    states = {
        _name("state", name): _text(f"state.{name}", _table(f"state.{name}", about), "title")
        for name, about in _tables(table, "state").items()
    }
    if PREVIOUS in states:
        raise ProcedureError(f"state.{PREVIOUS}", "the word stands for the state before", "Give it another name.")
    start = _text("the file", table, "start")
    _one_of("start", start, states, "a state")
    groups = _groups(table, states)
    acts = _acts(table, records, may_share=True)
    periods = _periods(table, states, groups)
    transitions = tuple(
        _transition(number, about, states, groups, acts, periods)
        for number, about in enumerate(_array(table, "transition"), 1)
    )
    per = _text("the file", table, "per")
    _one_of("per", per, ("person", "case"), "one of the two")
    procedure = Procedure(
        title=_text("the file", table, "title"),
        per_person=per == "person",
        start=start,
        states=states,
        acts=acts,
        periods=periods,
        transitions=transitions,
        precedence=_precedence(table, acts),
        exceptions=_exceptions(table, acts),
    )
    judge(procedure)
    return procedure


def _groups(table: Mapping[str, Any], states: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name in _table("groups", table.get("groups", {})):
        members = _names(f"groups.{name}", table["groups"], name)
        for member in members:
            _one_of(f"groups.{name}", member, states, "a state")
        groups[f"@{name}"] = members
    return groups


def _states(
    place: str, about: Mapping[str, Any], key: str, states: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    named: list[str] = []
    for name in _names(place, about, key):
        if name.startswith("@"):
            _one_of(f"{place}, {key}", name, groups, "a group")
            named += groups[name]
        else:
            _one_of(f"{place}, {key}", name, states, "a state")
            named.append(name)
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ProcedureError(f"{place}, {key}", f"it names {', '.join(twice)} twice", "Name each state once.")
    return tuple(named)


def _acts(table: Mapping[str, Any], records: Mapping[str, Shape], *, may_share: bool) -> dict[str, Act]:
    acts: dict[str, Act] = {}
    for name, about in _tables(table, "act").items():
        place = f"act.{_name('act', name)}"
        _known_keys(place, _table(place, about), {"title", "in", "declares", "shared"})
        shared = about.get("shared")
        if shared is not None and (not may_share or not _SERVICE.match(str(shared)) or "in" in about):
            raise ProcedureError(
                place, f"shared is {shared!r}", "Name the Service of a shared set, and leave `in` to that set."
            )
        sources = tuple(
            _source(f"{place}, in {number}", one, records) for number, one in enumerate(_array(about, "in"), 1)
        )
        acts[name] = Act(name, _text(place, about, "title"), sources, _flag(place, about, "declares"), shared)
    return acts


def _source(place: str, about: Mapping[str, Any], records: Mapping[str, Shape]) -> Source:
    _known_keys(place, about, {"record", "at", "persons", "concerning", "until", "case"})
    record = _text(place, about, "record")
    _one_of(f"{place}, record", record, records, "a record of the folder")
    root = records[record].root
    at = _path(place, about, "at", root, root)
    below = _field(root, at) if at else root

    def single(key: str) -> Path | None:
        return _path(place, about, key, root, below)

    persons = tuple(
        path
        for number, _ in enumerate(about.get("persons", ()))
        if (path := _path(place, {"persons": about["persons"][number]}, "persons", root, below))
    )
    until = single("until")
    if until is not None and _field(root if until.from_root else below, until).type not in _DAYS:
        raise ProcedureError(f"{place}, until", "the field holds no whole day", "Name a field of the type day or date.")
    return Source(record, at, persons, single("concerning"), until, single("case"))


def _path(place: str, about: Mapping[str, Any], key: str, root: Field, below: Field) -> Path | None:
    if key not in about:
        return None
    text = _text(place, about, key)
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
        _field(root if absolute else below, path)
    except LookupError as error:
        raise ProcedureError(
            f"{place}, {key}", f"'{text}' leads nowhere: {error.args[0]}", "Correct the path by records/*.xsd."
        ) from error
    return path


def _field(start: Field, path: Path) -> Field:
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


def _periods(
    table: Mapping[str, Any], states: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, Period]:
    periods: dict[str, Period] = {}
    tables = _tables(table, "period", needed=False)
    for name, about in tables.items():
        place = f"period.{_name('period', name)}"
        _known_keys(place, _table(place, about), {"title", "in", "awaits", "given", "end", "deemed", "overdue"})
        if "end" in about and ("deemed" in about or "overdue" in about):
            raise ProcedureError(
                place, "it has end beside deemed or overdue", "Keep end alone where the terms decide nothing."
            )
        effects = {key: _effect(place, about, key, states, groups, tables) for key in ("end", "deemed", "overdue")}
        awaits = about.get("awaits")
        if awaits is not None:
            _who(f"{place}, awaits", awaits)
        periods[name] = Period(
            name=name,
            title=_text(place, about, "title"),
            runs_in=frozenset(_states(place, about, "in", states, groups)),
            awaits=awaits,
            given=_flag(place, about, "given"),
            at_end=effects["end"],
            deemed=effects["deemed"],
            overdue=effects["overdue"],
        )
    return periods


def _effect(
    place: str,
    about: Mapping[str, Any],
    key: str,
    states: Mapping[str, str],
    groups: Mapping[str, tuple[str, ...]],
    periods: Mapping[str, Any],
) -> Effect | None:
    if key not in about:
        return None
    where = f"{place}.{key}"
    effect = _table(where, about[key])
    _known_keys(where, effect, {"from", "to", "starts"})
    starts = _names(where, effect, "starts") if "starts" in effect else ()
    for period in starts:
        _one_of(f"{where}, starts", period, periods, "a period")
    target = _text(where, effect, "to")
    _one_of(f"{where}, to", target, states, "a state")
    sources = _states(where, effect, "from", states, groups) if "from" in effect else ()
    return Effect(sources, target, starts)


def _transition(
    number: int,
    about: Mapping[str, Any],
    states: Mapping[str, str],
    groups: Mapping[str, tuple[str, ...]],
    acts: Mapping[str, Act],
    periods: Mapping[str, Period],
) -> Transition:
    place = f"transition {number}"
    known = {"act", "who", "from", "to", "of", "opens", "answers", "not_while", *_LISTS, *_FLAGS}
    _known_keys(place, about, known)
    act = _text(place, about, "act")
    place = f"{place} ({act})"
    _one_of(f"{place}, act", act, acts, "an act")
    lists = {key: _names(place, about, key) if key in about else () for key in (*_LISTS, "of", "not_while")}
    for key in _LISTS:
        for period in lists[key]:
            _one_of(f"{place}, {key}", period, periods, "a period")
    for name in lists["of"]:
        _one_of(f"{place}, of", name, acts, "an act")
    target = about.get("to")
    if target is not None:
        _one_of(f"{place}, to", target, (*states, PREVIOUS), "a state")
    flags = {key: _flag(place, about, key) for key in _FLAGS}
    if sum(flags.values()) > 1 or ((flags["consents"] or flags["declines"]) and target is not None):
        raise ProcedureError(
            place,
            "an act that consents or declines leads where the proposal leads",
            "Leave out `to`, and keep one of consent, consents, declines.",
        )
    return Transition(
        act=act,
        who=_who(f"{place}, who", _text(place, about, "who")),
        sources=_states(place, about, "from", states, groups),
        target=target,
        of=lists["of"],
        consent=flags["consent"],
        consents=flags["consents"],
        declines=flags["declines"],
        starts=lists["starts"],
        ends=lists["ends"],
        pauses=lists["pauses"],
        resumes=lists["resumes"],
        extends=lists["extends"],
        revives=lists["revives"],
        after=lists["after"],
        opens=_text(place, about, "opens") if "opens" in about else None,
        answers=_text(place, about, "answers") if "answers" in about else None,
        not_while=lists["not_while"],
        place=place,
    )


def _precedence(table: Mapping[str, Any], acts: Mapping[str, Act]) -> tuple[str, ...]:
    order = _names("the file", table, "precedence") if "precedence" in table else ()
    for name in order:
        _one_of("precedence", name, acts, "an act")
        if order.count(name) > 1:
            raise ProcedureError("precedence", f"it names {name} twice", "Name each act once.")
    return order


def _exceptions(table: Mapping[str, Any], acts: Mapping[str, Act]) -> dict[tuple[str, str], str]:
    pairs: dict[tuple[str, str], str] = {}
    for number, about in enumerate(_array(table, "exception"), 1):
        place = f"exception {number}"
        _known_keys(place, about, {"first", "then", "why"})
        first, then = _text(place, about, "first"), _text(place, about, "then")
        for key, name in (("first", first), ("then", then)):
            _one_of(f"{place}, {key}", name, acts, "an act")
        if first == then or (first, then) in pairs or (then, first) in pairs:
            raise ProcedureError(place, f"{first} and {then} are one act or named already", "Name each pair once.")
        pairs[(first, then)] = _text(place, about, "why")
    return pairs


def _who(place: str, who: Any) -> str:
    if who in (*ROLES, EITHER) or (isinstance(who, str) and who.startswith(BY_TERMS) and _NAME.match(who[6:])):
        return str(who)
    raise ProcedureError(
        place, f"nobody is {who!r}", f"Write {', '.join(ROLES)}, {EITHER} or {BY_TERMS}NAME, a party that terms name."
    )


def _tables(table: Mapping[str, Any], key: str, *, needed: bool = True) -> Mapping[str, Any]:
    found = _table(key, table.get(key, {}))
    if needed and not found:
        raise ProcedureError("the file", f"it has no {key}", f"Add [{key}.NAME].")
    return found


def _table(place: str, found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise ProcedureError(place, f"{found!r} is no table", f"Write [{place}].")
    return found


def _array(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ProcedureError(key, "it is no list of tables", f"Write [[{key}]], or {key} = [{{ … }}].")
    return found


def _text(place: str, about: Mapping[str, Any], key: str) -> str:
    found = about.get(key)
    if not isinstance(found, str) or not found:
        raise ProcedureError(place, f"{key} is missing or no text", f'Write {key} = "…".')
    return found


def _names(place: str, about: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = about.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise ProcedureError(place, f"{key} is no list of names", f'Write {key} = ["…"].')
    return tuple(found)


def _flag(place: str, about: Mapping[str, Any], key: str) -> bool:
    found = about.get(key, False)
    if not isinstance(found, bool):
        raise ProcedureError(place, f"{key} is {found!r}", f"Write {key} = true, or leave it out.")
    return found


def _name(kind: str, name: str) -> str:
    if not _NAME.match(name):
        raise ProcedureError(
            f"{kind}.{name}", "the name does not fit", "Use small letters, digits and hyphens, a letter first."
        )
    return name


def _one_of(place: str, name: Any, known: Iterable[str], what: str) -> None:
    names = sorted(known)
    if name not in names:
        near = get_close_matches(str(name), names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(names) or 'none'}."
        raise ProcedureError(place, f"{name!r} is not {what}", hint)


def _known_keys(place: str, about: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in about:
        _one_of(place, key, known, "a key here")
