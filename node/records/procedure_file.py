"""procedure.toml read into a Procedure, or an error that names the place and the remedy.

What a key means stands in docs/reference/procedure.md. Only the grammar is judged here; whether the procedure makes
sense as a whole is judged by `procedure_checks`.
"""

from collections.abc import Mapping
from typing import Any

from node.records.procedure_act_file import read_acts, read_statement
from node.records.procedure_checks import judge
from node.records.procedure_tables import (
    NAME,
    WHOLE,
    check_keys,
    check_name,
    check_one_of,
    read_array,
    read_flag,
    read_names,
    read_one_or_more,
    read_table,
    read_tables,
    read_text,
)
from node.records.procedures import (
    BY_TERMS,
    CONSENT,
    EITHER,
    PARTY_CHANGES,
    PREVIOUS,
    ROLES,
    Act,
    Effect,
    Period,
    Procedure,
    ProcedureError,
    SharedActs,
    Transition,
)
from node.records.shape import Shape
from node.records.toml_file import TomlError, read_toml, shown

FILE = "procedure.toml"
_TOP = {
    "title", "per", "start", "precedence", "groups", "state", "act", "period", "transition", "exception",
}  # fmt: skip
_LISTS = ("starts", "ends", "pauses", "resumes", "extends", "revives", "after", "within", "or_within")
_PERIOD = {"title", "in", "awaits", "given", "from_day", "end", "deemed", "overdue"}
_ANSWERS = ("consent", "consents", "declines")
_CLOCKS = ("starts", "ends", "pauses", "resumes", "extends", "revives", "within", "or_within")


def read_procedure(content: bytes, records: Mapping[str, Shape]) -> Procedure | SharedActs:
    """What the file says. `records` are the shapes of the same folder, which its acts name. Raises ProcedureError."""
    try:
        table = read_toml(content)
    except TomlError as error:
        raise ProcedureError(WHOLE, f"it is no TOML: {error}", "Correct that line.") from error
    if table.get("shared") is True:
        check_keys(WHOLE, table, {"title", "shared", "act", "statement"})
        acts = read_acts(table, records, may_share=False)
        return SharedActs(read_text(WHOLE, table, "title"), acts, read_statement(table, records))
    check_keys(WHOLE, table, _TOP)
    states = _state_titles(table)
    start = read_text(WHOLE, table, "start")
    check_one_of("start", start, states, "a state")
    groups = _groups(table, states)
    acts = read_acts(table, records, may_share=True)
    periods = _periods(table, states, groups)
    transitions = tuple(
        _transition(number, about, states, groups, acts, periods)
        for number, about in enumerate(read_array(WHOLE, table, "transition"), 1)
    )
    per = read_text(WHOLE, table, "per")
    check_one_of("per", per, ("person", "case"), "one of the two")
    procedure = Procedure(
        title=read_text(WHOLE, table, "title"),
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


def _state_titles(table: Mapping[str, Any]) -> dict[str, str]:
    states: dict[str, str] = {}
    for name, about in read_tables(table, "state").items():
        place = f"state.{check_name('state', name)}"
        check_keys(place, read_table(place, about), {"title"})
        states[name] = read_text(place, about, "title")
    if PREVIOUS in states:
        raise ProcedureError(f"state.{PREVIOUS}", "the word stands for the state before", "Give it another name.")
    return states


def _groups(table: Mapping[str, Any], states: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name in read_table("groups", table.get("groups", {})):
        members = read_names(f"groups.{check_name('groups', name)}", table["groups"], name)
        for member in members:
            check_one_of(f"groups.{name}", member, states, "a state")
        groups[f"@{name}"] = members
    return groups


def _states(
    place: str, about: Mapping[str, Any], key: str, states: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    named: list[str] = []
    for name in read_names(place, about, key):
        if name.startswith("@"):
            check_one_of(f"{place}, {key}", name, groups, "a group")
            named += groups[name]
        else:
            check_one_of(f"{place}, {key}", name, states, "a state")
            named.append(name)
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise ProcedureError(f"{place}, {key}", f"it names {', '.join(twice)} twice", "Name each state once.")
    return tuple(named)


def _periods(
    table: Mapping[str, Any], states: Mapping[str, str], groups: Mapping[str, tuple[str, ...]]
) -> dict[str, Period]:
    periods: dict[str, Period] = {}
    tables = read_tables(table, "period", needed=False)
    for name, about in tables.items():
        place = f"period.{check_name('period', name)}"
        check_keys(place, read_table(place, about), _PERIOD)
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
            title=read_text(place, about, "title"),
            runs_in=frozenset(_states(place, about, "in", states, groups) if "in" in about else ()),
            awaits=awaits,
            given=read_flag(place, about, "given"),
            from_day=read_flag(place, about, "from_day"),
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
    effect = read_table(where, about[key])
    check_keys(where, effect, {"from", "to", "starts"})
    starts = read_names(where, effect, "starts") if "starts" in effect else ()
    for period in starts:
        check_one_of(f"{where}, starts", period, periods, "a period")
    target = read_text(where, effect, "to")
    check_one_of(f"{where}, to", target, states, "a state")
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
    known = {
        "act",
        "who",
        "from",
        "to",
        "of",
        "opens",
        "answers",
        "may_answer",
        "lapses",
        "not_while",
        *_LISTS,
        *_ANSWERS,
        "undoes",
        "anew",
        "replaces",
        "party",
    }
    check_keys(place, about, known)
    act = read_text(place, about, "act")
    place = f"{place} ({act})"
    check_one_of(f"{place}, act", act, acts, "an act")
    lists = {key: read_names(place, about, key) if key in about else () for key in (*_LISTS, "of", "not_while")}
    for key in _LISTS:
        for period in lists[key]:
            check_one_of(f"{place}, {key}", period, periods, "a period")
    for name in lists["of"]:
        check_one_of(f"{place}, of", name, acts, "an act")
    target = about.get("to")
    if target is not None:
        check_one_of(f"{place}, to", target, (*states, PREVIOUS), "a state")
    if "party" in about:
        check_one_of(f"{place}, party", about["party"], PARTY_CHANGES, "what becomes of a party")
    flags = {key: read_flag(place, about, key) for key in _ANSWERS}
    if sum(flags.values()) > 1 or ((flags["consents"] or flags["declines"]) and target is not None):
        raise ProcedureError(
            place,
            "an act that consents or declines leads where the proposal leads",
            "Leave out `to`, and keep one of consent, consents, declines.",
        )
    undoes = read_flag(place, about, "undoes")
    strange = [key for key in ("to", *_CLOCKS, "opens", "answers", "may_answer") if key in about]
    if undoes and (not lists["of"] or strange or flags["consents"] or flags["declines"]):
        raise ProcedureError(
            place, "an act that undoes leads where the message that it concerns came from",
            f"Name that message's acts in `of`{', and leave out ' + ', '.join(strange) if strange else ''}.",
        )  # fmt: skip
    return Transition(
        act=act,
        who=_who(f"{place}, who", read_text(place, about, "who")),
        sources=_states(place, about, "from", states, groups),
        target=target,
        of=lists["of"],
        undoes=undoes,
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
        within=lists["within"],
        or_within=lists["or_within"],
        opens=_question(place, about),
        answers=read_one_or_more(place, about, "answers"),
        may_answer=read_one_or_more(place, about, "may_answer"),
        lapses=read_flag(place, about, "lapses"),
        anew=read_flag(place, about, "anew"),
        replaces=read_flag(place, about, "replaces"),
        party=about.get("party"),
        not_while=lists["not_while"],
        place=place,
    )


def _question(place: str, about: Mapping[str, Any]) -> str | None:
    if "opens" not in about:
        return None
    name = check_name("opens", read_text(place, about, "opens"))
    if name == CONSENT:
        raise ProcedureError(place, f"the question {name} is the one that a proposal asks", "Give it another name.")
    return name


def _precedence(table: Mapping[str, Any], acts: Mapping[str, Act]) -> tuple[str, ...]:
    order = read_names(WHOLE, table, "precedence") if "precedence" in table else ()
    for name in order:
        check_one_of("precedence", name, acts, "an act")
    return order


def _exceptions(table: Mapping[str, Any], acts: Mapping[str, Act]) -> dict[tuple[str, str], str]:
    pairs: dict[tuple[str, str], str] = {}
    for number, about in enumerate(read_array(WHOLE, table, "exception"), 1):
        place = f"exception {number}"
        check_keys(place, about, {"first", "then", "why"})
        first, then = read_text(place, about, "first"), read_text(place, about, "then")
        for key, name in (("first", first), ("then", then)):
            check_one_of(f"{place}, {key}", name, acts, "an act")
        if first == then or (first, then) in pairs or (then, first) in pairs:
            raise ProcedureError(place, f"{first} and {then} are one act or named already", "Name each pair once.")
        pairs[(first, then)] = read_text(place, about, "why")
    return pairs


def _who(place: str, who: Any) -> str:
    if who in (*ROLES, EITHER) or (isinstance(who, str) and who.startswith(BY_TERMS) and NAME.fullmatch(who[6:])):
        return str(who)
    remedy = f"Write {', '.join(ROLES)}, {EITHER} or {BY_TERMS}NAME, a party that terms name."
    raise ProcedureError(place, f"nobody is {shown(who)}", remedy)
