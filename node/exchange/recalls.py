"""What was sent to the wrong party: we ask for its erasure and open a breach; asked ourselves, we erase and confirm.

The record that asks goes out, and the breach is opened, by one transaction; so is what is erased and the confirmation.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update

from node.audit.entry import append, entry
from node.exchange.breaches import open_breach
from node.exchange.case_reading import CaseReading
from node.exchange.cases import CASE, alias
from node.exchange.directory import Snapshot
from node.exchange.erasure import Erasing, erase
from node.exchange.judgement import SubmissionRefused
from node.exchange.listing import NotFound, find_message, instant_text
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.recall_rows import RECALL, write_recall
from node.exchange.settlement import MESSAGE
from node.exchange.submission import Submission, Submitted, submit
from node.records.check import CheckedRecord
from node.records.recalls import CONFIRMATION, REQUEST, RecallUnfit, RecallWords, make_recall, recall_words

_THERE = frozenset({"delivered", "unconfirmed"})
WORDS_LIMIT = 500


def recall_message(
    node: Node, snapshot: Snapshot, message_id: str, reason: str, actor: str, aware: datetime | None = None
) -> dict[str, Any]:
    """Ask the receiver of a message of ours to erase it, and open the breach that it was; `aware`: since when we know,
    without it since now. `reason` stays here, sealed.

    Returns {id, request, case, number, breach, end}. Raises NotFound, or SubmissionRefused.
    """
    now = node.now()
    words = require_words(reason, "--reason")
    with node.database.read() as connection:
        row = dict(find_message(connection, message_id, "out"))
        record = _record(node, connection, row)
    if row["direction"] != "out" or row["state"] not in _THERE:
        raise SubmissionRefused(
            f"{message_id} is {row['state']}: only what its receiver has is recalled. "
            "`depesha message withdraw` takes back what was not delivered."
        )
    since = now if aware is None else aware
    if not row["time"] <= since <= now:
        raise SubmissionRefused(
            f"--aware: found {instant_text(since)}, expected an instant since it was sent, "
            f"{instant_text(row['time'])}, until now. Correct it."
        )
    content = _made(REQUEST, record, node, message_id, now)
    opened: dict[str, Any] = {}

    def keep(connection: Connection, queued: Submitted) -> None:
        request = find_message(connection, queued.id, "out")["id"]
        recall = write_recall(connection, "out", row["id"], request, row["case_id"], row["peer"], now)
        if recall is None:
            raise SubmissionRefused(f"{message_id} was recalled before. `depesha message recalls --all` shows it.")
        opened.update(open_breach(node, connection, recall, row, since, words, actor))

    submitted = submit(node, snapshot, _submission(row, content, actor, keep))
    return {
        "id": message_id,
        "request": submitted.id,
        "case": submitted.case,
        "number": submitted.number,
        **opened,
    }


def answer_recall(
    node: Node, snapshot: Snapshot, message_id: str, place: str, office: str, actor: str, kept: str | None = None
) -> dict[str, Any]:
    """Erase a message that its sender recalled, and confirm it; with `kept`, the ground on which it is kept, say that.

    `message_id` is the message or the request that recalls it; `place` and `office` stand in the confirmation. Returns
    {id, request, confirmation, case, number, outcome}. Raises NotFound, or SubmissionRefused.
    """
    with node.database.read() as connection:
        recall = _asked_of_us(connection, message_id)
        recalled, request = (_by_row(connection, recall[name]) for name in ("message", "request"))
        record = _record(node, connection, request)
        case = connection.execute(select(CASE).where(CASE.c.id == recall["case_id"])).mappings().one()
        erasing = None if kept is not None else Erasing.of(node, connection, recalled)
    codes = recall_words(record.domain)
    assert codes is not None  # its request was made by it
    outcome = _outcome(codes, kept)
    values = {
        "place": require_words(place, "--place"),
        "office": require_words(office, "--office"),
        "case": alias(case["alias_year"], case["alias_number"]),
        "outcome": outcome,
        "text": "" if kept is None else require_words(kept, "--kept"),
    }
    content = _made(CONFIRMATION, record, node, request["message_id"], node.now(), values)

    def keep(connection: Connection, queued: Submitted) -> None:
        now = node.now()
        answer = find_message(connection, queued.id, "out")["id"]
        unanswered = update(RECALL).where(RECALL.c.id == recall["id"], RECALL.c.answered_at.is_(None))
        if not connection.execute(unanswered.values(answered_at=now, outcome=outcome, confirmation=answer)).rowcount:
            raise _answered_before(recalled["message_id"])
        if erasing is not None:
            erase(connection, erasing, actor, now)
        logged = entry(
            type="recall.answered" if erasing is None else "record.erased",
            at=now,
            actor=actor,
            facts={"outcome": outcome, "request": request["message_id"]},
            peer=recalled["peer"],
            case=recalled["conversation_id"],
            message=recalled["message_id"],
            message_row=recalled["id"],
        )
        append(connection, [logged], node.kek)

    submitted = submit(node, snapshot, _submission(request, content, actor, keep))
    return {
        "id": recalled["message_id"],
        "request": request["message_id"],
        "confirmation": submitted.id,
        "case": submitted.case,
        "number": submitted.number,
        "outcome": outcome,
    }


def require_words(text: str, option: str) -> str:
    """The words, without space around them. Raises SubmissionRefused where they say nothing, or too much."""
    words = text.strip()
    if not words or not words.isprintable() or len(words) > WORDS_LIMIT:
        found = f"{len(words)} characters" if words.isprintable() else "characters that cannot be printed"
        raise SubmissionRefused(
            f"{option}: found {found}, expected 1 to {WORDS_LIMIT} printable ones. Say it in words."
        )
    return words


def _outcome(codes: RecallWords, kept: str | None) -> str:
    return codes.erased if kept is None else codes.kept


def _record(node: Node, connection: Connection, row: Mapping[str, Any]) -> CheckedRecord:
    """The record of a message whose domain knows recalls. Raises SubmissionRefused."""
    record = CaseReading(node, connection).record(row)
    if record is None or recall_words(record.domain) is None:
        raise SubmissionRefused(
            f"{row['message_id']} holds no record that can be recalled ({row['service']}, {row['action']}). "
            "Ask the partner in another way, and record what it answers."
        )
    return record


def _made(
    kind: str, answered: CheckedRecord, node: Node, message: str, now: datetime, values: Mapping[str, str] | None = None
) -> tuple[str, str, bytes]:
    try:
        return make_recall(kind, answered, node.domains, message, now, values)
    except RecallUnfit as error:
        raise SubmissionRefused(f"The record cannot be made: {error}", error.problems) from error


def _submission(row: Mapping[str, Any], made: tuple[str, str, bytes], actor: str, keep: Any) -> Submission:
    service, action, content = made
    return Submission(
        peer=row["peer"],
        service=service,
        action=action,
        parts=[PartToSend.of_bytes(content, "application/xml")],
        case_id=row["case_id"],
        unit=row["unit"],
        actor=actor,
        on_queued=keep,
    )


def _asked_of_us(connection: Connection, message_id: str) -> dict[str, Any]:
    """The recall of a message that we have, by the message or its request. Raises NotFound, or SubmissionRefused."""
    row = find_message(connection, message_id, "in")
    about = or_(RECALL.c.message == row["id"], RECALL.c.request == row["id"])
    found = connection.execute(select(RECALL).where(about, RECALL.c.direction == "in")).mappings().one_or_none()
    if found is None:
        raise NotFound(f"Nobody recalled {message_id!r} from us. `depesha message recalls` shows what was recalled.")
    if found["answered_at"] is not None:
        raise _answered_before(message_id)
    return dict(found)


def _answered_before(message_id: str) -> SubmissionRefused:
    return SubmissionRefused(f"The recall of {message_id} was answered before: nothing to do.")


def _by_row(connection: Connection, row_id: int) -> dict[str, Any]:
    return dict(connection.execute(select(MESSAGE).where(MESSAGE.c.id == row_id)).mappings().one())
