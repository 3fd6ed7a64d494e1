"""What time alone does in cases, recorded once: a period that ended, with its instant, and what its silence brought.

The instant follows from messages, terms and calendars; it is the same on both nodes and whenever it is written, also
after a time in which the node was down. A look computes outside any transaction that writes, and counts only if the
case is as it was then: any number of processes may look.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from node.audit.entry import LogEntry, append, entry
from node.crash_points import crash_point
from node.exchange.case_ends import END
from node.exchange.case_marks import CHANGED, TOUCHED, touch_cases_named, touch_cases_with
from node.exchange.case_standing import ToKeep, nothing_to_keep, peers_with_new_calendars, to_keep
from node.exchange.case_view import compute_cases
from node.exchange.cases import CASE, alias, members_of_cases
from node.exchange.directory import Directory
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.out_of_step import tell_out_of_step, untold
from node.journal import journal
from node.records.procedure_ends import EndedPeriod, ended_periods, next_change
from node.store.columns import new_row_id
from node.store.prepared import Prepared, among
from node.store.trouble import StoreUnavailable

log = journal("exchange.case_clocks")

TRIED_AGAIN = timedelta(hours=1)
"""When a case is looked at again that could not be computed."""
AT_ONCE = 50
"""So many cases in one look, which takes well under a second."""
WHILE_BUSY = 2
"""So many while many messages come and go, which need the interpreter themselves: clocks that ran out come first, and
those that an act has only changed have days to wait for."""


_ENDS = Prepared(select(END).where(among(END.c.case_id, "cases")))
_MOVE = Prepared(
    update(CASE)
    .where(CASE.c.id == bindparam("of_case"), CASE.c.clock_version == bindparam("seen_version"))
    .values(
        clock_at=bindparam("next_at"),
        clock_version=CASE.c.clock_version + 1,
        standing=bindparam("kept"),
        standing_by=bindparam("kept_by"),
        standing_at=bindparam("kept_at"),
    )
)
_RAN_OUT = Prepared(
    select(CASE)
    .where(CASE.c.clock_at > TOUCHED, CASE.c.clock_at <= bindparam("now"))
    .order_by(CASE.c.clock_at, CASE.c.id)
    .limit(bindparam("limit"))
)
_CHANGED = Prepared(
    select(CASE).where(CASE.c.clock_at <= TOUCHED).order_by(CASE.c.clock_at, CASE.c.id).limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a case comes to: its row as it was read, its ends, when to look again, and which cases its records name."""

    row: Mapping[str, Any]
    peer: str | None
    ends: tuple[EndedPeriod, ...]
    whole: bool
    next_at: datetime | None
    named: Sequence[str]
    calendars: bool
    kept: ToKeep
    state: str = ""
    untold: Sequence[Mapping[str, Any]] = ()


def look_at_clocks(node: Node, directory: Directory | None = None, limit: int = AT_ONCE) -> int:
    """Look at up to `limit` cases whose time has come, and record what it brought; how many were looked at.

    With a directory, the writers of messages that fit no state are told so first: whatever ends the process between,
    the next look finds the case as it was. Raises StoreUnavailable; what was done so far is kept.
    """
    now = node.now()
    with node.database.read() as connection:
        looks = _looked_at(node, connection, _waiting(connection, now, limit), now)
    if directory is not None:
        for look in looks:
            for message in look.untold:
                tell_out_of_step(node, directory, message, look.state)
    if looks:
        with node.database.write() as connection:
            _record_all(node, connection, looks, now)
            crash_point("clock: before commit")
        crash_point("clock: after commit")
    return len(looks)


def _looked_at(node: Node, connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[_Look]:
    """One look for each case. A case in which we fail must not stop the clocks of others: it is told, and tried again
    later."""
    try:
        return [*_looks(node, connection, rows, now)]
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(rows) > 1:
            return [look for row in rows for look in _looked_at(node, connection, [row], now)]
        [row] = rows
        number = alias(row["alias_year"], row["alias_number"])
        log.error("a case cannot be computed", case=number, error=type(error).__name__, exc_info=error)
        return [_Look(row, None, (), False, now + TRIED_AGAIN, (), False, nothing_to_keep(node.domains))]


def _waiting(connection: Connection, now: datetime, limit: int) -> list[dict[str, Any]]:
    """The cases whose time has come: those whose clock ran out before those that an act has changed."""
    rows = _RAN_OUT.rows(connection, now=now, limit=limit)
    rows += _CHANGED.rows(connection, limit=limit - len(rows))
    return [row._asdict() for row in rows]


def _looks(node: Node, connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> Iterable[_Look]:
    members = members_of_cases(connection, [row["id"] for row in rows])
    days_off = peers_with_new_calendars(node, connection) if any(row["clock_at"] == CHANGED for row in rows) else {}
    for row, computed in zip(rows, compute_cases(node, connection, rows, now), strict=True):
        peer = next((one for one in members[row["id"]] if one != node.party), None)
        changed = row["clock_at"] == CHANGED
        calendars = changed and row["id"] in days_off
        kept = to_keep(computed, node.domains, now)
        if computed is None:
            yield _Look(row, peer, (), False, None, (), calendars, kept)
            continue
        yield _Look(
            row=row,
            peer=peer,
            ends=ended_periods(computed.view),
            whole=not computed.case.unread,
            next_at=next_change(computed.view, computed.case.events, computed.terms.now, now),
            named=computed.case.named if changed else (),
            calendars=calendars,
            state=computed.view.state,
            untold=() if peer is None else untold(connection, computed, peer),
            kept=kept,
        )


def _record_all(node: Node, connection: Connection, looks: Sequence[_Look], now: datetime) -> None:
    # Ends are written only by a look that counts: whoever changes them moves the case, so that ours does not.
    kept: dict[int, list[Mapping[str, Any]]] = {look.row["id"]: [] for look in looks}
    for end in _ENDS.rows(connection, cases=[*kept]):
        kept[end.case_id].append(end._asdict())
    # In one order, so that two processes never wait for each other.
    for look in sorted(looks, key=lambda one: int(one.row["id"])):
        _record(node, connection, look, kept[look.row["id"]], now)


def _record(node: Node, connection: Connection, look: _Look, kept: Sequence[Mapping[str, Any]], now: datetime) -> None:
    row = look.row
    moved = _MOVE.run(
        connection,
        of_case=row["id"],
        seen_version=row["clock_version"],
        next_at=look.next_at,
        kept=look.kept.standing,
        kept_by=look.kept.standing_by,
        kept_at=look.kept.standing_at,
    )
    if moved == 0:
        return  # something came meanwhile: the next look takes it in
    if look.peer is not None and look.calendars:
        touch_cases_with(connection, look.peer)
    if look.peer is not None:
        touch_cases_named(connection, look.peer, look.named)
    standing = {_key(one): one for one in kept}
    ended = {
        (one.period, one.effect or "", one.at.earliest, one.at.latest or one.at.earliest): one for one in look.ends
    }
    entries = []
    for key, end in ended.items():
        before = standing.get(key)
        if before is not None and before["undone_at"] is None:
            continue
        if before is None:
            period, effect, earliest, latest = key
            values = {"period": period, "effect": effect, "earliest": earliest, "latest": latest, "recorded_at": now}
            connection.execute(insert(END).values(id=new_row_id(now), case_id=row["id"], **values))
        else:
            connection.execute(update(END).where(END.c.id == before["id"]).values(recorded_at=now, undone_at=None))
        entries.append(_entry(look, "case.period-ended", end.period, end.effect, key, now))
    # Where a record cannot be read any more, what followed from it is not undone.
    gone = [one for key, one in standing.items() if look.whole and one["effect"] and key not in ended]
    for one in gone:
        if one["undone_at"] is None:
            connection.execute(update(END).where(END.c.id == one["id"]).values(undone_at=now))
            entries.append(_entry(look, "case.period-not-ended", one["period"], one["effect"], _key(one), now))
    append(connection, entries, node.kek)


def _key(row: Mapping[str, Any]) -> tuple[str, str, datetime, datetime]:
    return row["period"], row["effect"], row["earliest"], row["latest"]


def _entry(
    look: _Look, what: str, period: str, effect: str | None, key: tuple[str, str, datetime, datetime], now: datetime
) -> LogEntry:
    _, _, earliest, latest = key
    return entry(
        type=what,
        at=now,
        actor="node",
        facts={
            "period": period,
            "effect": effect,
            "earliest": instant_text(earliest),
            "latest": instant_text(latest),
        },
        peer=look.peer,
        case=look.row["conversation_id"],
        case_row=look.row["id"],
    )
