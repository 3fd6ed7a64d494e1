"""The commit of received messages: duplicates told apart, cases found, receipt and log entry in one transaction.

Four answers to an id that its sender used before: the same digests, accepted, get the first receipt again, byte for
byte; the same digests, refused for their content, get the first refusal again; other digests get an error, and an
alarm is raised. The same id from another sender is another message.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from node.as4 import SIGNAL_CONTENT_TYPE, UserMessage, ValueInconsistent
from node.audit.entry import append, entry
from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.cases import NewCase, find_cases, open_cases, opened_by
from node.exchange.contents import PART, answer_of, digests_of, discard, part_row
from node.exchange.intake import Answer, Received, authenticated
from node.exchange.lost_memory import look_for_losses
from node.exchange.node import Node
from node.exchange.recall_rows import RecallCame, recalls_came
from node.exchange.search_index import write_rows
from node.exchange.sequences import advance_marks
from node.exchange.settlement import ALARM, MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.exchange.turns import NewMessage, messages_came
from node.records.domains import Domain
from node.records.notices import OPENED, is_notice
from node.records.procedures import Procedure
from node.store.columns import new_row_id
from node.store.payloads import Kind, SealedPayload, payload_rows, seal_payload
from node.store.prepared import Prepared
from node.store.rows import insert_new_rows, insert_rows
from node.store.trouble import StoreUnavailable

MAX_SEQUENCE = 2**53

_FIRST = Prepared(
    select(MESSAGE.c.id).where(
        MESSAGE.c.direction == "in",
        MESSAGE.c.peer == bindparam("sender"),
        MESSAGE.c.message_id == bindparam("message_id"),
    )
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a received message: the answer to send, whether it was new, and whether it came with the first of
    a peer that had been silent: what waits for that peer is to be tried now."""

    answer: Answer
    new: bool
    peer_is_back: bool = False


class _Duplicates(Exception):
    """Some messages of the group were there before: the group is taken apart."""


def take(node: Node, group: Sequence[Received]) -> list[Taken | Exception]:
    """Commit a group of received messages; whatever is wrong with one of them never takes another down with it.

    Raises StoreUnavailable, which is nobody's fault and concerns them all.
    """
    try:
        with node.database.write() as connection:
            peer_is_back = _write(node, connection, group)
            crash_point("inbox: before commit")
        crash_point("inbox: after commit")
        return [
            Taken(Answer(200, SIGNAL_CONTENT_TYPE, one.answer), new=True, peer_is_back=peer_is_back) for one in group
        ]
    except StoreUnavailable:
        raise
    except Exception as error:
        if len(group) > 1:
            return [_take_alone(node, one) for one in group]
        if not isinstance(error, _Duplicates):
            raise
    return [_answer_again(node, group[0])]


def came_before(node: Node, header: UserMessage) -> bool:
    """Whether a message of this sender and id was taken before, or that of a test, of which nothing is kept. Raises
    StoreUnavailable."""
    if header.is_test:
        return True
    with node.database.read() as connection:
        return _FIRST.first(connection, sender=header.sender.id, message_id=header.message_id) is not None


def _take_alone(node: Node, one: Received) -> Taken | Exception:
    try:
        return take(node, [one])[0]
    except Exception as error:  # each message of the group gets its own outcome
        return error


def _write(node: Node, connection: Connection, group: Sequence[Received]) -> bool:
    """Write what a group leaves; returns whether one of its senders had been silent."""
    ids = [new_row_id(one.at) for one in group]
    cases = _cases_of(node, connection, group)
    rows = [_message_row(row_id, cases[_key(one)], one) for row_id, one in zip(ids, group, strict=True)]
    if insert_new_rows(connection, MESSAGE, rows) != len(rows):
        raise _Duplicates
    parts, payloads, keys, entries = [], [], [], []
    for row_id, one in zip(ids, group, strict=True):
        sealed: list[tuple[Kind, int, SealedPayload]] = [
            ("part", n, payload) for n, payload in enumerate(one.payloads, 1)
        ]
        sealed.append(("envelope", 0, seal_payload(one.message.envelope, node.kek, node.blobs)))
        sealed.append(("response", 0, seal_payload(one.answer, node.kek, node.blobs)))
        for kind, n, payload in sealed:
            row, key = payload_rows(row_id, kind, n, payload)
            payloads.append(row)
            keys.append(key)
        parts += [part_row(row_id, n, part, None) for n, part in enumerate(one.message.parts, start=1)]
        header = one.message.header
        facts = {
            "service": header.service,
            "action": header.action,
            "digests": digests_of(one.message.references).hex(),
        }
        if one.error_code is not None:
            facts["code"] = one.error_code
        logged = entry(
            type=f"message.{one.state}",
            at=one.at,
            actor="node",
            facts=facts,
            peer=header.sender.id,
            case=header.conversation_id,
            message=header.message_id,
            message_row=row_id,
        )
        entries.append(logged)
    if parts:
        insert_rows(connection, PART, parts)
    insert_rows(connection, PAYLOAD, payloads)
    insert_rows(connection, PAYLOAD_KEY, keys)
    found_by = [
        {"message": row_id, "case_id": cases[_key(one)], "terms": one.terms}
        for row_id, one in zip(ids, group, strict=True)
        if one.terms is not None
    ]
    write_rows(connection, found_by)
    numbers: dict[str, dict[int, int]] = {}
    for row_id, one in zip(ids, group, strict=True):
        if number := _number(one.message.header, "sequence"):
            numbers.setdefault(one.message.header.sender.id, {})[row_id] = number
    for peer in sorted(numbers):
        look_for_losses(connection, peer, numbers[peer], group[-1].at)
    advance_marks(connection, numbers)
    _note_notices(connection, group)
    recalls = [
        RecallCame(one.recall, row_id, cases[_key(one)], _key(one)[0], one.at)
        for row_id, one in zip(ids, group, strict=True)
        if one.recall is not None
    ]
    recalls_came(connection, recalls)
    senders = sorted({one.message.header.sender.id for one in group})
    peer_is_back = outbox.peer_heard(connection, senders, group[-1].at)
    came = [
        NewMessage(cases[_key(one)], row_id, "in", one.state, is_notice(node.domains, one.message.header.service))
        for row_id, one in zip(ids, group, strict=True)
    ]
    messages_came(connection, came, group[-1].at)
    append(connection, entries, node.kek)
    return peer_is_back


def _key(one: Received) -> tuple[str, str]:
    return one.message.header.sender.id, one.message.header.conversation_id


def _cases_of(node: Node, connection: Connection, group: Sequence[Received]) -> dict[tuple[str, str], int]:
    """The case of each message; where there is none it is opened: by its sender, or by us where the sender says that
    we began it on paper. That takes no case of ours from anybody: one of that id with another party stays its own."""
    cases: dict[tuple[str, str], int] = {}
    for peer in {one.message.header.sender.id for one in group}:
        wanted = {_key(one)[1] for one in group if _key(one)[0] == peer}
        found = find_cases(connection, node.party, peer, wanted)
        cases.update({(peer, conversation): case_id for conversation, case_id in found.items()})
    new: dict[tuple[str, str], NewCase] = {}
    said = sorted({_key(one)[1] for one in group if one.case is not None and _key(one) not in cases})
    ours = opened_by(connection, node.party, said)
    for one in group:
        if _key(one) not in cases and _key(one) not in new:
            header = one.message.header
            domain = _domain_of_case(node, one)
            opener = header.sender.id
            if one.case is not None and not one.case.by_writer and header.conversation_id not in ours:
                opener = node.party
                ours.add(header.conversation_id)
            new[_key(one)] = NewCase(
                opener=opener,
                conversation_id=header.conversation_id,
                members=(node.party, header.sender.id),
                now=one.at,
                domain=domain.name if domain else None,
                version=domain.version if domain else None,
                unit=_our_unit(node, header),
            )
    if new:
        cases.update(zip(new, open_cases(connection, [*new.values()]), strict=True))
    return cases


def _domain_of_case(node: Node, one: Received) -> Domain | None:
    """The domain of a case that the message opens: its own, or the one that it names and that has a procedure here."""
    told = None if one.case is None else node.domains.find(one.case.service)
    if told is not None and isinstance(told.procedure, Procedure):
        return told
    return node.domains.find(one.message.header.service)


def _our_unit(node: Node, header: UserMessage) -> str | None:
    """The unit of ours that a message is for: its finalRecipient, where that is not the whole party."""
    recipient = header.property("finalRecipient")
    return None if recipient in (None, node.party) else recipient


def _message_row(row_id: int, case_id: int, one: Received) -> dict[str, object]:
    header = one.message.header
    return {
        "id": row_id,
        "message_id": header.message_id,
        "direction": "in",
        "peer": header.sender.id,
        "state": one.state,
        "service": header.service,
        "service_type": header.service_type,
        "action": header.action,
        "agreement_ref": header.agreement,
        "case_id": case_id,
        "conversation_id": header.conversation_id,
        "ref_to_message_id": header.ref_to_message_id,
        "replaces": header.property("replaces"),
        "timestamp": header.timestamp,
        "time": one.at,
        "receipt_time": one.at if one.state == "received" else None,
        "attempts": 1,
        "error_code": one.error_code,
        "error_detail": one.error_detail,
        "sequence": _number(header, "sequence"),
        "seen": _number(header, "seen"),
        "unit": None,
        "original_sender": header.property("originalSender"),
        "final_recipient": header.property("finalRecipient"),
        "digests": digests_of(one.message.references),
        "unilateral": one.pair is not None and one.pair.kind == "unilateral",
        "disputed_time": False,
    }


def _number(header: UserMessage, name: str) -> int | None:
    """A signed counter of the message; anything but a plain number counts as none."""
    text = header.property(name)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 16:
        return None
    return min(int(text), MAX_SEQUENCE)


def _note_notices(connection: Connection, group: Sequence[Received]) -> None:
    """What a notice says is kept with the message of ours that it speaks of, if its sender is that one's receiver."""
    for one in group:
        notice = one.notice
        if notice is not None and notice.kind == OPENED:
            connection.execute(
                update(MESSAGE)
                .where(
                    MESSAGE.c.message_id == notice.message_id,
                    MESSAGE.c.direction == "out",
                    MESSAGE.c.peer == one.message.header.sender.id,
                    MESSAGE.c.opened_at.is_(None),
                )
                .values(opened_at=notice.occurred, opened_notice=one.message.header.message_id)
            )


def _answer_again(node: Node, one: Received) -> Taken:
    """The answer to an id that its sender used before."""
    header = one.message.header
    for payload in one.payloads:
        discard(node, payload)
    query = select(MESSAGE.c.id, MESSAGE.c.digests).where(
        MESSAGE.c.direction == "in", MESSAGE.c.peer == header.sender.id, MESSAGE.c.message_id == header.message_id
    )
    with node.database.read() as connection:
        first = connection.execute(query).one()
        if first.digests == digests_of(one.message.references):
            return Taken(Answer(200, SIGNAL_CONTENT_TYPE, answer_of(node, first.id, connection)), new=False)
    with node.database.write() as connection:
        detail = f"message id {header.message_id} came again with other content"
        connection.execute(
            insert(ALARM).values(
                id=new_row_id(one.at),
                time=one.at,
                kind="other-content",
                peer=header.sender.id,
                message=first.id,
                detail=detail,
            )
        )
        crash_point("alarm: before commit")
    crash_point("alarm: after commit")
    error = ValueInconsistent("eb:MessageId: found an id that was used before for other content, expected a new one")
    raise authenticated(error, header.message_id)
