"""`case list`, `case show`, `case assign`, `case record`, `due`, `figures`, `agreement terms`, `calendar propose`."""

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from node.cli.days import day_given
from node.cli.messages import CASE_COLUMNS, COLUMNS
from node.cli.printing import No, home_of, show, table
from node.exchange.assignment import assign_case
from node.exchange.calendar_proposals import NoProposal, propose_calendar
from node.exchange.calendars_known import list_calendars as calendars_known
from node.exchange.case_list import CasesAsked, DaysRefused, UnknownState, listed_cases
from node.exchange.case_second_look import looked_at_again
from node.exchange.case_view import procedure_of
from node.exchange.due_list import describe_due, due_now, due_of
from node.exchange.figures import figures, figures_as_csv
from node.exchange.listing import find_case
from node.exchange.listing import show_case as case_shown
from node.exchange.node import open_node
from node.exchange.paper_acts import ActOnPaper, record_on_paper
from node.exchange.paper_scans import scan_of
from node.exchange.part_scans import CLEAN
from node.exchange.person_links import links_in
from node.exchange.terms_drafts import Changes, change_terms
from node.operations.parts_written import write_private
from node.records.clocks import OWN_RULE, feed

ACTOR = "command line"
STATE_COLUMNS = {**CASE_COLUMNS, "state": "state", "next_deadline": "next deadline"}
DUE_COLUMNS = {
    "end": "end",
    "case": "case",
    "act": "act",
    "awaits": "whose",
    "over": "over",
    "rule": "end by",
    "unit": "unit",
}
CALENDAR_COLUMNS = {
    "party": "of", "peer": "with", "first": "first day", "last": "last day", "days_off": "days off",
    "received": "received",
}  # fmt: skip
_NUMBERS = ("cases", "median_days", "longest_days", "overdue", "deemed")
_FEW = "hidden"
_WHO = {"ours": "us", "theirs": "the partner", "both": "both", "nobody": "nobody"}
_ONE_SIDED = "one-sided"
_TOLD = {
    "yes": "the partner was told",
    "waits": "the partner is being told",
    "failed": "telling the partner failed",
    "no": "the partner was not told",
}
FIGURES = {"year": "year", "partner": "partner", "procedure": "procedure", "outcome": "outcome", "cases": "cases",
           "median_days": "median days", "longest_days": "longest", "overdue": "overdue", "deemed": "deemed",
           }  # fmt: skip
FIGURE_COLUMNS = {"name": "period", "number": "length", "unit": "unit", "silence": "silence", "article": "article",
                  "confirmed_by": "confirmed by", "dropped": ""}  # fmt: skip


def list_cases(arguments: Namespace) -> int:
    """List cases with state and next deadline."""
    node = open_node(home_of(arguments))
    asked = CasesAsked(
        arguments.peer,
        arguments.domain,
        arguments.state,
        arguments.unit,
        arguments.officer,
        day_given(arguments.opened_from, "--from"),
        day_given(arguments.opened_until, "--until"),
    )
    with node.database.read() as connection:
        try:
            rows, _ = listed_cases(node, connection, asked, arguments.limit)
        except UnknownState as error:
            raise No(str(error), 2) from error
        except DaysRefused as error:
            raise No(f"--{error}", 2) from error
    none = "No cases. `depesha send RECORD.xml --to PARTY` opens one." if asked == CasesAsked() else "No such cases."
    show(arguments, rows, table(rows, STATE_COLUMNS, none))
    return 0


def show_case(arguments: Namespace) -> int:
    """Show one case: its messages, and how it stands by its procedure."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        case = case_shown(connection, arguments.id)
        row = find_case(connection, arguments.id)
        case |= procedure_of(node, connection, row) | looked_at_again(node, connection, row)
        case |= links_in(connection, row)
    head = f"Case {case['number']}, opened by {case['opener']}, between {', '.join(case['members'])}"
    standing = [] if case["procedure"] is None else list(_standing(case["procedure"]))
    standing += _second_look(case)
    show(arguments, case, [head, *standing, "", *table(case["messages"], COLUMNS, "No messages.")])
    return 0


def assign(arguments: Namespace) -> int:
    """Give a case to an officer."""
    value = assign_case(open_node(home_of(arguments)), arguments.id, arguments.name, ACTOR)
    whose = f"is {arguments.name}'s" if value["officer"] else "is nobody's: what is due goes to the team"
    show(arguments, value, f"Case {value['number']} {whose}.")
    return 0


def record_act(arguments: Namespace) -> int:
    """Record an act that was done on paper."""
    if arguments.record is not None and arguments.persons:
        raise No("--record names the persons itself: leave out --persons.", 2)
    told = ActOnPaper(
        act=arguments.act or "",
        record=None if arguments.record is None else arguments.record.read_bytes(),
        channel=arguments.channel,
        done=instant_of(arguments.done, "--done"),
        by_us=arguments.by == "us",
        received=None if arguments.received is None else instant_of(arguments.received, "--received"),
        persons=arguments.persons,
        concerning=arguments.concerning,
        until=day_given(arguments.until, "--until"),
        day=arguments.day,
        scans=arguments.scan,
        peer=arguments.peer,
        domain=arguments.domain,
    )
    value = record_on_paper(open_node(home_of(arguments)), arguments.id, told, ACTOR)
    show(
        arguments,
        value,
        [
            f"Recorded in case {value['number']}: {', '.join(one['act'] for one in value['acts'])}, "
            f"by {value['channel']}. It is our own statement until the other side states the same.",
            *(line for one in value["acts"] for line in _taken(one)),
        ],
    )
    return 0


def _taken(act: dict[str, Any]) -> Iterator[str]:
    """What the case takes from an act on paper, and what of it does not fit."""
    for one in act["steps"]:
        moved = "stays" if one["from"] == one["to"] else f"{one['from']} → {one['to']}"
        yield f"{'taken':9} {act['act']}{_of(one['person'])}: {moved}"
    for one in act["misfits"]:
        yield f"{one['kind']:11} {act['act']}{_of(*one['persons'])}: {one['reason']}"
        yield f"{'expected':11} {one['expected']}"
        yield f"{'taken':11} {one['taken']}"


def _of(*persons: str | None) -> str:
    return f" of {', '.join(one for one in persons if one)}" if any(persons) else ""


def write_scan(arguments: Namespace) -> int:
    """Write a scan of an act on paper into a file."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        scan = scan_of(node, connection, find_case(connection, arguments.id), arguments.act, arguments.n)
        write_private(arguments.out, scan.octets)
    show(arguments, {"file": str(arguments.out), "size": scan.size}, str(arguments.out))
    return 0


def due(arguments: Namespace) -> int:
    """Print what is due, or the same as a calendar."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        if arguments.officer is None:
            found = due_now(node, connection, arguments.unit)
        else:
            found = due_of(node, connection, arguments.officer, arguments.unit)
    if arguments.feed:
        calendar = feed(found, node.now())
        show(arguments, {"calendar": calendar}, calendar.rstrip("\r\n"))
        return 0
    rows = [describe_due(one) for one in found]
    shown = [
        {**row, "over": "over" if row["over"] else "", "rule": OWN_RULE if row["own_rule"] else ""} for row in rows
    ]
    show(arguments, rows, table(shown, DUE_COLUMNS, "Nothing is due."))
    return 0


def print_figures(arguments: Namespace) -> int:
    """Print figures of all cases, small numbers hidden."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = figures(node, connection, arguments.unit)
    if arguments.csv:
        text = figures_as_csv(rows)
        show(arguments, {"csv": text}, text.replace("\r\n", "\n").rstrip("\n"))
        return 0
    shown = [{name: _FEW if row[name] is None and name in _NUMBERS else row[name] for name in row} for row in rows]
    show(arguments, rows, table(shown, FIGURES, "No cases."))
    return 0


def terms(arguments: Namespace) -> int:
    """Draft, confirm and show terms; exit 1 while a figure waits for a person."""
    changes = Changes(
        template=arguments.template,
        places=arguments.place,
        countries=arguments.country,
        confirm=arguments.confirm,
        set=arguments.set,
        drop=arguments.drop,
    )
    value = change_terms(open_node(home_of(arguments)), arguments.peer, arguments.domain, changes, ACTOR)
    lines = [f"{value['title'] or 'No terms drafted'}: {value['service']} with {value['peer']}"]
    shown = [{**one, "dropped": "dropped" if one["dropped"] else None} for one in value["figures"]]
    lines += table(shown, FIGURE_COLUMNS, f"Name a --template: {', '.join(value['templates'])}.")
    if value["counting"] is not None:
        lines.append("counting: " + ", ".join(f"{name} {_said(said)}" for name, said in value["counting"].items()))
    lines += [f"waits for a person: {name}: {why}" for name, why in value["waiting"].items()]
    if value["waiting"]:
        lines.append("Look each up, then --confirm NAME, --set NAME=VALUE or --drop NAME.")
    lines += [f"without a length: {one['name']}: {one['title']}" for one in value["missing"]]
    if value["missing"]:
        lines.append("Of these no end is computed, and silence has no effect. --set NAME=VALUE gives one a length.")
    if value["in_use"] is not None:
        lines.append(f"In use since {value['in_use']['made']}, SHA-256 {value['in_use']['digest']}.")
        lines.append(f"To compare with {value['peer']}: SHA-256 {value['in_use']['common_digest']}.")
    show(arguments, value, lines)
    return 1 if value["waiting"] or value["in_use"] is None else 0


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(value) or "none"
    return {True: "yes", False: "no", None: "not said"}.get(value, str(value))


def list_calendars(arguments: Namespace) -> int:
    """List the calendars that we and peers have sent each other."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = calendars_known(node, connection, arguments.peer)
    none = "No calendars. `depesha calendar propose` begins ours; a peer sends its own."
    show(arguments, rows, table(rows, CALENDAR_COLUMNS, none))
    return 0


def print_proposal(arguments: Namespace) -> int:
    """Print a record of our own days off, proposed from public holidays, to be corrected and sent."""
    node = open_node(home_of(arguments))
    if (arguments.country or node.settings.country) is None:
        raise No("--country: none is set. Say whose public holidays, as --country SRB.", 2)
    try:
        proposed = propose_calendar(node, arguments.country, arguments.first, arguments.last)
    except NoProposal as none:
        raise No(str(none)) from none
    show(arguments, proposed.as_value(), proposed.content.rstrip("\n"))
    return 0


def _standing(procedure: dict[str, Any]) -> Iterator[str]:
    turn = _WHO[procedure["turn"]]
    yield f"{'state':9} {procedure['state_title']} (we are {procedure['role']}; awaited: {turn})"
    if procedure["expected"] != procedure["state"]:
        yield f"{'':9} {procedure['expected_title']}, once what we sent has its receipt"
    for one in procedure["persons"]:
        if one["id"] is not None:
            yield f"{'person':9} {one['id']}: {one['title']}"
    for one in procedure["deadlines"]:
        silence = f"; silence: {one['silence']}" if one["silence"] else ""
        whose = _whose(one)
        yield f"{'period':9} {whose}: {_until(one['end'])}, {one['standing']}, awaits {_WHO[one['awaits']]}{silence}"
        for day in one["may_move"]:
            calendar = f"in the calendar of {_WHO[day['calendar']]}"
            yield f"{'may move':9} {whose}: {day['day']} {day['name']} (estimated), {calendar}"
    for one in procedure["expected_deadlines"]:
        yield f"{'expected':9} {_whose(one)}: {_until(one['end'])}, by the receipt, which we have not got"
    for why in sorted({one["why"] for one in procedure["deadlines"] if one["why"]}):
        yield f"{'no end':9} {why}"
    acts = [(one["act"], " or ".join(one["records"]) or "on paper", one["title"]) for one in procedure["allowed"]]
    first, second = (max((len(act[n]) for act in acts), default=0) for n in (0, 1))
    for act, record, title in acts:
        yield f"{'allowed':9} {act:{first}}  {record:{second}}  {title}"
    for one in procedure["on_paper"]:
        by = "told by the other side" if one["stated_by"] == "theirs" else _said_by_us(one)
        yield f"{'paper':9} {one['id']} {one['act']} by {one['channel']}, {one['done']}; {by}"
    for one in procedure["findings"]:
        about = one["message"] or one["period"] or ""
        reason = f"stated by {one['reason']} alone" if one["kind"] == _ONE_SIDED else one["reason"]
        yield f"{'finding':9} {one['kind']} {about} {reason}".rstrip()
        if one["expected"]:
            yield f"{'':9} expected {one['expected']}"


def _whose(deadline: dict[str, Any]) -> str:
    return f"{deadline['title']}{_of(*deadline['persons'])}"


def _until(end: dict[str, str | None] | None) -> str:
    """When a period ends, both ends of a span; one that nobody knows yet is said to be so."""
    if end is None:
        return "no end"
    if end["latest"] == end["earliest"]:
        return f"until {end['earliest']}"
    return f"until between {end['earliest']} and {end['latest'] or 'an instant not known yet'}"


def _said_by_us(paper: dict[str, Any]) -> str:
    by = "stated by us" if paper["recorded_by"] is None else f"recorded by {paper['recorded_by']}"
    return f"{by}, scans: {paper['scans']}, {_TOLD[paper['told']]}"


def _second_look(case: dict[str, Any]) -> Iterator[str]:
    for message in case["messages"]:
        for n, part in enumerate(message["parts"], 1):
            if part["scan"] and part["scan"]["verdict"] != CLEAN:
                yield f"{part['scan']['verdict']:9} part {n} of {message['id']}: {part['scan']['found'] or ''}".rstrip()
    for one in case["links"]:
        yield f"{'link':9} {one['person']}: {one['as']}, {one['with']}"
    for one in case["evidence"]:
        counts = one["strength"] or (f"perhaps as {one['at_best']}" if one["at_best"] else "not counted")
        about = f" of {one['about']}" if one["about"] else ""
        doubts = f" ({'; '.join(one['doubts'])})" if one["doubts"] else ""
        yield f"{'evidence':9} {', '.join(one['persons'])} {one['code']}: {counts}{about}{doubts}"
    for one in case["second_look"]:
        yield f"{'look at':9} {one['field']}: found {one['found']}, expected {one['expected']}. {one['remedy']}"


def instant_of(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise No(f"{option}: found {text!r}, expected an instant as 2026-04-17T10:30:00+02:00.", 2) from None
    if found.tzinfo is None:
        raise No(f"{option}: found {text!r} without a zone. Add one, as +02:00 or Z.", 2)
    return found.astimezone(UTC)
