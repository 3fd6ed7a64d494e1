"""Parts that came, looked at by a virus scanner after their receipt, and what it said of them.

A receipt says that the node has a message; it never waits for a scanner. What is infected is kept as it was signed,
raises an alarm, and is handed out by a deliberate act only, which the log records.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select

from node.audit.entry import append, entry
from node.exchange.contents import PART, ContentGone, part_content
from node.exchange.listing import SCAN
from node.exchange.node import Node
from node.exchange.settlement import ALARM, MESSAGE
from node.store.columns import ROW_ID_RANDOM_BITS, new_row_id
from node.store.payloads import PayloadErased

CLEAN, INFECTED, FAILED = "clean", "infected", "failed"
ALARM_KIND = "infected-attachment"
FAILED_KIND = "not-scanned"
MOST_ATTEMPTS = 8
_FIRST_PAUSE = timedelta(seconds=60)
_AT_ONCE = 20
# A message that another process commits late may have a row id that lies ten minutes back.
_SETTLED = 600_000 << ROW_ID_RANDOM_BITS


@dataclass(frozen=True, slots=True)
class ToScan:
    """A part without a verdict."""

    message: int
    n: int
    compressed: bool
    attempts: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a scanner said: a verdict and, of an infected part, what is in it; of a failed one, why."""

    verdict: str
    found: str | None = None


class InfectedPart(Exception):
    """A part that a scanner found infected: it is handed out only to one who says so."""

    def __init__(self, n: int, found: str | None) -> None:
        super().__init__(
            f"Part {n} is infected ({found or 'the scanner did not say by what'}): it is handed out only on purpose, "
            "and the log records it."
        )


class Scans:
    """Which parts are to be scanned next; one of these for a serving process."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._after = 0

    def next(self) -> list[ToScan]:
        """Parts to scan now, oldest first; none when there is nothing to do."""
        now = self._node.now()
        received = and_(MESSAGE.c.direction == "in", MESSAGE.c.state == "received")
        new = and_(MESSAGE.c.id > self._after, SCAN.c.message.is_(None))
        query = (
            select(PART.c.message, PART.c.n, PART.c.compressed, SCAN.c.attempts)
            .join(MESSAGE, MESSAGE.c.id == PART.c.message)
            .outerjoin(SCAN, and_(SCAN.c.message == PART.c.message, SCAN.c.n == PART.c.n))
            .where(received, or_(PART.c.n > 1, MESSAGE.c.service.not_in(self._services())))
            .order_by(PART.c.message, PART.c.n)
            .limit(_AT_ONCE)
        )
        with self._node.database.read() as connection:
            fresh = connection.execute(query.where(new)).all()
            again = connection.execute(query.where(SCAN.c.again_at <= now)).all()
            highest = connection.scalar(select(func.max(MESSAGE.c.id))) or 0
        if not fresh:
            self._after = max(self._after, highest - _SETTLED)
        return [ToScan(row.message, row.n, row.compressed, row.attempts or 0) for row in [*fresh, *again]]

    def _services(self) -> list[str]:
        """Those whose first part is a record, which was read whole and is XML."""
        return [domain.namespace for domain in self._node.domains]


def scan_part(node: Node, part: ToScan, ask: Callable[[Iterable[bytes]], Said]) -> Said | None:
    """Ask about one part and record the verdict; None for one that is not kept any more."""
    try:
        said = ask(part_content(node, part.message, part.n, part.compressed))
    except (ContentGone, PayloadErased):
        said = None
    _record(node, part, said)
    return said


def require_clean(
    node: Node, message: Mapping[str, Any], parts: Iterable[int], actor: str, *, on_purpose: bool = False
) -> None:
    """Raise InfectedPart for the first infected one of these parts of a message (its row); `on_purpose` lets them pass,
    and the log records who it was."""
    wanted = set(parts)
    query = select(SCAN.c.n, SCAN.c.found).where(SCAN.c.message == message["id"], SCAN.c.verdict == INFECTED)
    with node.database.read() as connection:
        infected = {row.n: row.found for row in connection.execute(query.order_by(SCAN.c.n)) if row.n in wanted}
    if not infected:
        return
    if not on_purpose:
        raise InfectedPart(*next(iter(infected.items())))
    made = entry(
        type="part.infected-handed-out",
        at=node.now(),
        actor=actor,
        facts={"parts": [*infected]},
        peer=message["peer"],
        case=message["conversation_id"],
        message=message["message_id"],
        message_row=message["id"],
    )
    with node.database.write() as connection:
        append(connection, [made], node.kek)


def _record(node: Node, part: ToScan, said: Said | None) -> None:
    now = node.now()
    attempts = part.attempts + 1
    failed = said is not None and said.verdict == FAILED
    row = {
        "message": part.message,
        "n": part.n,
        "verdict": FAILED if said is None else said.verdict,
        "found": "its content is not kept any more" if said is None else said.found,
        "scanned_at": now,
        "attempts": attempts,
        "again_at": now + _FIRST_PAUSE * 2 ** (attempts - 1) if failed and attempts < MOST_ATTEMPTS else None,
    }
    same = (SCAN.c.message == part.message, SCAN.c.n == part.n)
    with node.database.write() as connection:
        before = connection.scalar(select(SCAN.c.verdict).where(*same))
        if before in (CLEAN, INFECTED):
            return  # another process was first
        connection.execute(delete(SCAN).where(*same))
        connection.execute(insert(SCAN).values(row))
        if said is not None and (said.verdict == INFECTED or (failed and attempts == MOST_ATTEMPTS)):
            _tell(node, connection, part, said, now)


def _tell(node: Node, connection: Connection, part: ToScan, said: Said, now: datetime) -> None:
    """An alarm for a person; of an infected part an entry of the log, too."""
    message = connection.execute(select(MESSAGE).where(MESSAGE.c.id == part.message)).mappings().one()
    infected = said.verdict == INFECTED
    told = f"infected ({said.found})" if infected else f"not scanned after {MOST_ATTEMPTS} attempts: {said.found}"
    connection.execute(
        insert(ALARM).values(
            id=new_row_id(now),
            time=now,
            kind=ALARM_KIND if infected else FAILED_KIND,
            peer=message["peer"],
            message=part.message,
            detail=f"part {part.n}: {told}",
        )
    )
    if infected:
        made = entry(
            type="part.infected",
            at=now,
            actor="node",
            facts={"part": part.n, "found": said.found},
            peer=message["peer"],
            case=message["conversation_id"],
            message=message["message_id"],
            message_row=part.message,
        )
        append(connection, [made], node.kek)
