"""Messages and cases as the command line and the API print them; the keys are part of the doors."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, exists, func, or_, select

from node.exchange.cases import CASE, alias, members_of_cases, resolve_case, seen_by_unit
from node.exchange.contents import PART
from node.exchange.peers import PEER
from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.exchange.turns import TURNS
from node.store.columns import table_of
from node.store.tables import PartScan

SCAN = table_of(PartScan)

DEFAULT_LIMIT = 100
# Databases bound the parameters of one statement: SQLite to 32,766, PostgreSQL to 65,535.
AT_ONCE = 5_000


class NotFound(Exception):
    """There is no such message or case; the text says how to find one."""


def instant_text(instant: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    return None if instant is None else instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def list_messages(
    connection: Connection,
    *,
    limit: int = DEFAULT_LIMIT,
    after: str | None = None,
    state: str | None = None,
    peer: str | None = None,
    case: str | None = None,
    after_row: int | None = None,
    unit: str | None = None,
) -> list[dict[str, Any]]:
    """Messages in the order in which they were made or received, oldest first.

    `after`: those that follow the message of this id, `after_row`: of this row id. `unit`: those of its cases, and of
    cases that no unit was named for. Raises NotFound for an `after`, `peer` or `case` that is not there.
    """
    query = select(MESSAGE).order_by(MESSAGE.c.id).limit(limit)
    if after is not None:
        query = query.where(MESSAGE.c.id > find_message(connection, after)["id"])
    if after_row is not None:
        query = query.where(MESSAGE.c.id > after_row)
    if unit is not None:
        query = query.where(exists().where(CASE.c.id == MESSAGE.c.case_id, *seen_by_unit(unit)))
    if state is not None:
        query = query.where(MESSAGE.c.state == state)
    if peer is not None:
        query = query.where(MESSAGE.c.peer == peer)
    if case is not None:
        query = query.where(MESSAGE.c.case_id == find_case(connection, case)["id"])
    found = _described(connection, query)
    if not found and peer is not None:
        require_peer(connection, peer)
    return found


def require_peer(connection: Connection, party: str) -> None:
    """Raises NotFound where there is no peer of that party id, nor was one."""
    if connection.scalar(select(PEER.c.party).where(PEER.c.party == party)) is None:
        raise NotFound(f"There is no peer {party!r}. `depesha peer list` shows those that are known.")


def show_message(connection: Connection, message_id: str) -> dict[str, Any]:
    """One message, as in the list. Raises NotFound."""
    row_id = find_message(connection, message_id)["id"]
    return _described(connection, select(MESSAGE).where(MESSAGE.c.id == row_id))[0]


def find_message(connection: Connection, message_id: str, direction: str | None = None) -> Mapping[str, Any]:
    """The row of the message with this id on the wire, the newest if several senders used it. Raises NotFound.

    With a `direction` (out, in) one of that goes first: a peer may use an id of ours.
    """
    query = select(MESSAGE).where(MESSAGE.c.message_id == message_id).order_by(MESSAGE.c.id.desc())
    rows = connection.execute(query).mappings().all()
    row = next((row for row in rows if row["direction"] == direction), next(iter(rows), None))
    if row is None:
        raise NotFound(f"There is no message {message_id!r}. `depesha message list` shows those that there are.")
    return dict(row)


def find_case(connection: Connection, name: str) -> Mapping[str, Any]:
    """The row of the case with this number or ConversationId. Raises NotFound."""
    row = resolve_case(connection, name)
    if row is None:
        raise NotFound(f"There is no case {name!r}. `depesha case list` shows those that there are.")
    return row


def list_cases(
    connection: Connection,
    limit: int = DEFAULT_LIMIT,
    after: tuple[datetime, int] | None = None,
    unit: str | None = None,
) -> list[dict[str, Any]]:
    """Cases, the one that changed last first.

    `after`: those that follow one with this last change and row id. `unit`: its cases, and those of no unit.
    """
    return describe_cases(connection, case_rows(connection, limit, after, unit))


def case_rows(
    connection: Connection, limit: int, after: tuple[datetime, int] | None = None, unit: str | None = None,
    where: Sequence[ColumnElement[bool]] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of `list_cases`; only those of which all of `where` holds."""
    # Open and closed ones stand in an index each (of open ones, one for each turn, and unit): the list takes the ends
    # of all.
    ends = [(CASE.c.closed_at.is_(None), CASE.c.turn == turn) for turn in TURNS] + [(CASE.c.closed_at.is_not(None),)]
    units = [()] if unit is None else [(CASE.c.unit.is_(None),), (CASE.c.unit == unit,)]
    follows = () if after is None else (_follows(*after),)
    rows: list[RowMapping] = []
    for within, of_unit in product(ends, units):
        query = select(CASE).where(*within, *of_unit, *follows, *where)
        ordered = query.order_by(CASE.c.changed_at.desc(), CASE.c.id.desc()).limit(limit)
        rows += connection.execute(ordered).mappings().all()
    rows.sort(key=lambda row: (row["changed_at"], row["id"]), reverse=True)
    return [dict(row) for row in rows[:limit]]


def _follows(changed: datetime, row_id: int) -> ColumnElement[bool]:
    return or_(CASE.c.changed_at < changed, and_(CASE.c.changed_at == changed, CASE.c.id < row_id))


def show_case(connection: Connection, name: str) -> dict[str, Any]:
    """One case with its messages in order. Raises NotFound."""
    row = find_case(connection, name)
    query = select(MESSAGE).where(MESSAGE.c.case_id == row["id"]).order_by(MESSAGE.c.id)
    [described] = describe_cases(connection, [row])
    return described | {"messages": _described(connection, query)}


def describe_cases(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `exchange_case`, as in the list."""
    described: list[dict[str, Any]] = []
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        ids = [row["id"] for row in batch]
        of_cases = select(MESSAGE.c.case_id, func.count()).where(MESSAGE.c.case_id.in_(ids)).group_by(MESSAGE.c.case_id)
        counts: dict[int, int] = {row[0]: row[1] for row in connection.execute(of_cases)}
        members = members_of_cases(connection, ids)
        described += [_case(row, members[row["id"]], counts.get(row["id"], 0)) for row in batch]
    return described


def _case(row: Mapping[str, Any], members: list[str], messages: int) -> dict[str, Any]:
    return {
        "id": row["conversation_id"],
        "number": alias(row["alias_year"], row["alias_number"]),
        "opener": row["opener"],
        "members": members,
        "domain": row["domain"],
        "version": row["version"],
        "unit": row["unit"],
        "created": instant_text(row["created_at"]),
        "changed": instant_text(row["changed_at"]),
        "message_count": messages,
    }


def _described(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    rows = connection.execute(query).mappings().all()
    described: list[dict[str, Any]] = []
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        ids = [row["id"] for row in batch]
        parts, indexes = _parts_of(connection, ids), _indexes_of(connection, ids)
        described += [_message(dict(row), parts.get(row["id"], []), indexes.get(row["id"])) for row in batch]
    return described


def _parts_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    parts: dict[int, list[dict[str, Any]]] = {}
    scanned = PART.outerjoin(SCAN, and_(SCAN.c.message == PART.c.message, SCAN.c.n == PART.c.n))
    query = select(PART, SCAN.c.verdict, SCAN.c.found, SCAN.c.scanned_at).select_from(scanned)
    for part in connection.execute(query.where(PART.c.message.in_(ids)).order_by(PART.c.n)).mappings():
        said = None
        if part["verdict"] is not None:
            at = instant_text(part["scanned_at"])
            said = {"verdict": part["verdict"], "found": part["found"], "at": at}
        described = {
            "name": part["name"],
            "media_type": part["media_type"],
            "size": part["size"],
            "sha256": bytes(part["sha256"]).hex(),
            "scan": said,
        }
        parts.setdefault(part["message"], []).append(described)
    return parts


def _indexes_of(connection: Connection, ids: Sequence[int]) -> dict[int, int | None]:
    """The newest entry says where a message has come to; until the sequencer places it, there is no index."""
    newest = select(LOG_ENTRY.c.message, func.max(LOG_ENTRY.c.id).label("id")).where(LOG_ENTRY.c.message.in_(ids))
    last = newest.group_by(LOG_ENTRY.c.message).subquery()
    positions = select(LOG_ENTRY.c.message, LOG_ENTRY.c.position).join(last, last.c.id == LOG_ENTRY.c.id)
    return {row.message: row.position for row in connection.execute(positions)}


def _message(row: Mapping[str, Any], parts: list[dict[str, Any]], log_index: int | None) -> dict[str, Any]:
    error = None if row["error_code"] is None else {"code": row["error_code"], "detail": row["error_detail"]}
    return {
        "id": row["message_id"],
        "direction": row["direction"],
        "state": row["state"],
        "peer": row["peer"],
        "service": row["service"],
        "action": row["action"],
        "agreement": row["agreement_ref"],
        "case": row["conversation_id"],
        "time": instant_text(row["time"]),
        "receipt_time": instant_text(row["receipt_time"]),
        "attempts": row["attempts"],
        "log_index": log_index,
        "error": error,
        "parts": parts,
    }
