"""Breaches of personal data (GDPR art. 33): opened with a recall, due within 72 hours, closed by what a person records.

The 72 hours run from the moment of awareness, hour by hour: no day off makes them longer, which is never too late. What
happened and what was done (33(5)) is kept sealed; the log commits to it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from node.audit.entry import append, entry
from node.exchange.cases import CASE, alias, seen_by_unit
from node.exchange.judgement import SubmissionRefused
from node.exchange.kept_words import keep_words, kept_words
from node.exchange.listing import NotFound, instant_text
from node.exchange.node import Node
from node.exchange.recall_rows import RECALL
from node.exchange.settlement import ALARM, MESSAGE
from node.records.clocks import Deadline, Ends, Silence
from node.store.columns import new_row_id, row_id_of, table_of
from node.store.tables import Breach

BREACH = table_of(Breach)
TIME = timedelta(hours=72)
"""GDPR art. 33(1)."""
NEAR = timedelta(hours=24)
ALARM_KIND = "breach-near-end"
NOTIFIED, NOT_NEEDED = "notified", "not-needed"
NOTIFICATION = "notification of the supervisory authority (GDPR art. 33)"
_REASON, _DONE = 0, 1


def open_breach(
    node: Node,
    connection: Connection,
    recall: int,
    message: Mapping[str, Any],
    aware: datetime,
    reason: str,
    actor: str,
) -> dict[str, Any]:
    """Open the breach that a recalled message (its row) was, in the caller's transaction; returns {breach, end}."""
    now = node.now()
    row = {
        "id": new_row_id(now), "recall": recall, "case_id": message["case_id"], "aware_at": aware,
        "ends_at": aware + TIME, "opened_at": now, "opened_by": actor,
    }  # fmt: skip
    connection.execute(insert(BREACH).values(**row))
    digest = keep_words(node, connection, row["id"], _REASON, reason)
    facts = {"breach": str(row["id"]), "aware": instant_text(aware), "words_digest": digest}
    _log(node, connection, "breach.opened", actor, facts, message)
    return {"breach": str(row["id"]), "end": instant_text(row["ends_at"])}


def close_breach(
    node: Node, breach: str, words: str, actor: str, notified: datetime | None = None, unit: str | None = None
) -> dict[str, Any]:
    """Close a breach: the supervisory authority was told at `notified`, in `words` which and under what number; without
    it, `words` are why no notification is needed (33(1): unlikely to result in a risk), or those of a late one, why.

    Returns it as in the list. Raises NotFound, or SubmissionRefused.
    """
    now = node.now()
    with node.database.write() as connection:
        row = find_breach(connection, breach, unit)
        if notified is not None and not row["aware_at"] <= notified <= now:
            raise SubmissionRefused(
                f"--notified: found {instant_text(notified)}, expected an instant since it is known, "
                f"{instant_text(row['aware_at'])}, until now. Correct it."
            )
        outcome = NOT_NEEDED if notified is None else NOTIFIED
        values = {"closed_at": now, "closed_by": actor, "outcome": outcome, "notified_at": notified}
        closing = update(BREACH).where(BREACH.c.id == row["id"], BREACH.c.closed_at.is_(None))
        if not connection.execute(closing.values(**values)).rowcount:
            raise SubmissionRefused(f"Breach {breach} was closed at {instant_text(row['closed_at'])}: nothing to do.")
        digest = keep_words(node, connection, row["id"], _DONE, words)
        near = update(ALARM).where(ALARM.c.id == row["alarm"], ALARM.c.settled_at.is_(None))
        connection.execute(near.values(settled_at=now))
        facts = {"breach": breach, "outcome": outcome, "words_digest": digest}
        _log(node, connection, "breach.closed", actor, facts, row)
        return _described(node, connection, find_breach(connection, breach, unit))


def list_breaches(
    node: Node, connection: Connection, unit: str | None = None, closed: bool = False, words: bool = True
) -> list[dict[str, Any]]:
    """Open breaches, oldest first; with `closed` all that there were. Of `unit`, and of none.

    Dicts {id, message, request, peer, case, number, unit, aware, end, over, opened, opened_by, reason, recall_answered,
    recall_outcome, closed, closed_by, outcome, notified, done}; without `words` `reason` and `done` are None.
    """
    query = _query(unit) if closed else _query(unit).where(BREACH.c.closed_at.is_(None))
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return [_described(node, connection, row, words) for row in rows]


def find_breach(connection: Connection, breach: str, unit: str | None = None) -> Mapping[str, Any]:
    """The row of a breach of this unit, or of none. Raises NotFound."""
    known = row_id_of(breach)
    query = _query(unit).where(BREACH.c.id == known)
    row = None if known is None else connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no breach {breach!r}. `depesha breach list --all` shows those that there are.")
    return dict(row)


def show_breach(node: Node, connection: Connection, breach: str, unit: str | None = None) -> dict[str, Any]:
    """A breach as in the list. Raises NotFound."""
    return _described(node, connection, find_breach(connection, breach, unit))


def breaches_due(connection: Connection, unit: str | None) -> Iterator[Deadline]:
    """The notifications that nobody has recorded, as `due` takes them."""
    for row in connection.execute(_query(unit).where(BREACH.c.closed_at.is_(None))).mappings():
        yield Deadline(
            case=alias(row["alias_year"], row["alias_number"]),
            act=NOTIFICATION,
            started=row["aware_at"],
            ends=Ends.at(row["ends_at"]),
            unit=row["unit"] or "",
            officer=row["officer"],
            silence=Silence.OVERDUE,
        )


def warn_of_breaches(node: Node) -> int:
    """Raise an alarm for each open breach whose end is near, once; returns how many."""
    now = node.now()
    wanted = (BREACH.c.closed_at.is_(None), BREACH.c.alarm.is_(None), BREACH.c.ends_at <= now + NEAR)
    with node.database.read() as connection:
        if connection.scalar(select(BREACH.c.id).where(*wanted).limit(1)) is None:
            return 0
    warned = 0
    with node.database.write() as connection:
        for row in [dict(row) for row in connection.execute(_query(None).where(*wanted)).mappings()]:
            alarm = new_row_id(now)
            # Another process may have been first.
            if not connection.execute(
                update(BREACH).where(BREACH.c.id == row["id"], *wanted).values(alarm=alarm)
            ).rowcount:
                continue
            number = alias(row["alias_year"], row["alias_number"])
            detail = f"breach {row['id']}, case {number}: the 72 hours end at {instant_text(row['ends_at'])}"
            told = {"kind": ALARM_KIND, "peer": row["peer"], "message": row["message"], "detail": detail}
            connection.execute(insert(ALARM).values(id=alarm, time=now, **told))
            _log(node, connection, "breach.near-end", "node", {"breach": str(row["id"])}, row)
            warned += 1
    return warned


_REQUEST = MESSAGE.alias("request")


def _query(unit: str | None) -> Any:
    return (
        select(
            BREACH, RECALL.c.message, RECALL.c.peer, RECALL.c.answered_at, RECALL.c.outcome.label("recall_outcome"),
            MESSAGE.c.message_id, _REQUEST.c.message_id.label("request_id"), CASE.c.conversation_id, CASE.c.alias_year,
            CASE.c.alias_number, CASE.c.unit, CASE.c.officer,
        )
        .join(RECALL, RECALL.c.id == BREACH.c.recall)
        .join(MESSAGE, MESSAGE.c.id == RECALL.c.message)
        .join(_REQUEST, _REQUEST.c.id == RECALL.c.request)
        .join(CASE, CASE.c.id == BREACH.c.case_id)
        .where(*seen_by_unit(unit))
        .order_by(BREACH.c.id)
    )  # fmt: skip


def _described(node: Node, connection: Connection, row: Mapping[str, Any], words: bool = True) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "message": row["message_id"],
        "request": row["request_id"],
        "peer": row["peer"],
        "case": row["conversation_id"],
        "number": alias(row["alias_year"], row["alias_number"]),
        "unit": row["unit"],
        "aware": instant_text(row["aware_at"]),
        "end": instant_text(row["ends_at"]),
        "over": (row["closed_at"] or node.now()) > row["ends_at"],
        "opened": instant_text(row["opened_at"]),
        "opened_by": row["opened_by"],
        "reason": kept_words(node, connection, row["id"], _REASON) if words else None,
        "recall_answered": instant_text(row["answered_at"]),
        "recall_outcome": row["recall_outcome"],
        "closed": instant_text(row["closed_at"]),
        "closed_by": row["closed_by"],
        "outcome": row["outcome"],
        "notified": instant_text(row["notified_at"]),
        "done": kept_words(node, connection, row["id"], _DONE) if words else None,
    }


def _log(
    node: Node, connection: Connection, what: str, actor: str, facts: dict[str, Any], row: Mapping[str, Any]
) -> None:
    """An entry about the recalled message: `row` is its own, or that of its breach."""
    about = row["message"] if "message" in row else row["id"]
    made = entry(
        type=what, at=node.now(), actor=actor, facts=facts, peer=row["peer"], case=row["conversation_id"],
        message=row["message_id"], message_row=about,
    )  # fmt: skip
    append(connection, [made], node.kek)
