"""`send`, `message …`, `case …`: everything about messages by command."""

import asyncio
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from node.cli.printing import No, home_of, show, table
from node.exchange.contents import envelope_of, part_content
from node.exchange.directory import Directory
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.judgement import ConfirmationNeeded, SubmissionRefused, refused_record
from node.exchange.listing import find_message, list_messages, show_message
from node.exchange.node import Node, open_node
from node.exchange.part_scans import InfectedPart, require_clean
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submission, submit
from node.operations.parts_written import extension, part_files, require_own_folder, write_private
from node.operations.signed_octets import write_signed
from node.records.check import CheckedRecord, check
from node.records.problems import Problem

LOOK_SECONDS = 0.1
# Nothing more happens to a message in one of these without a person.
ENDED = frozenset({"delivered", "refused", "unconfirmed", "stale", "given-up"})
COLUMNS = {"time": "time", "direction": "", "state": "state", "peer": "peer", "action": "action", "id": "id"}
CASE_COLUMNS = {"number": "number", "opener": "opened by", "domain": "domain", "message_count": "messages", "id": "id"}


def send(arguments: Namespace) -> int:
    """Queue a message; with --wait, exit 0 only when it is delivered."""
    node = open_node(home_of(arguments))
    try:
        submitted = submit(node, Directory(node).snapshot(), _submission(node, arguments))
    except SubmissionRefused as refused:
        if arguments.json and refused.problems:
            show(arguments, {"id": None, "case": None, "state": None, "findings": _findings(refused)}, "")
        raise
    state = submitted.state
    if arguments.wait is not None:
        state = asyncio.run(_ended(node, submitted.id, arguments.wait))
    value = {"id": submitted.id, "case": submitted.case, "state": state}
    case = f"in the new case {submitted.number}" if submitted.opened else f"in case {submitted.number}"
    if arguments.wait is None:
        show(arguments, value, f"Queued {submitted.id} {case}. `depesha serve` delivers it.")
        return 0
    show(arguments, value, f"{state}: {submitted.id} {case}.")
    if state == "delivered":
        return 0
    with node.database.read() as connection:
        raise No(why_not(show_message(connection, submitted.id), arguments.wait))


def why_not(row: dict[str, Any], seconds: float) -> str:
    """Why a message is not delivered after so many seconds, and what to do."""
    error = row["error"]
    said = f"{error['code']}: {error['detail']}".rstrip(".") if error else "none; `depesha serve` delivers it"
    if row["state"] in ENDED:
        return f"Not delivered. {said}. `depesha message show {row['id']}`"
    if row["state"] == "sending":
        return f"Not delivered within {seconds:g} seconds; an attempt is under way. `depesha message show {row['id']}`"
    return f"Not delivered within {seconds:g} seconds; it stays queued. Last attempt: {said}."


def list_(arguments: Namespace) -> int:
    """List messages."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = list_messages(
            connection,
            limit=arguments.limit,
            after=arguments.after,
            state=arguments.state,
            peer=arguments.peer,
            case=arguments.case,
        )
    show(arguments, rows, table(rows, COLUMNS, "No messages. `depesha send` sends one."))
    return 0


def show_(arguments: Namespace) -> int:
    """Show one message."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        row = show_message(connection, arguments.id)
    show(arguments, row, _lines(row))
    return 0


def raw(arguments: Namespace) -> int:
    """Print the signed envelope as it was sent, or the root part as it came."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        row = find_message(connection, arguments.id)
    envelope = envelope_of(node, row["id"])
    if arguments.json:
        show(arguments, {"id": row["message_id"], "envelope": envelope.decode("utf-8", "replace")}, "")
    else:
        # The octets as they are, no line end after them: their digests are evidence.
        sys.stdout.flush()
        sys.stdout.buffer.write(envelope)
    return 0


def parts(arguments: Namespace) -> int:
    """Write the parts of a message into a folder, under names made of their number and type."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        row = find_message(connection, arguments.id)
        described = show_message(connection, arguments.id)["parts"]
        compressed = _compressed(connection, row["id"])
        endings = [extension(part["media_type"]) for part in described]
        expected = part_files(connection, row["id"], endings)
    try:
        require_clean(node, row, range(1, len(described) + 1), "command line", on_purpose=arguments.infected)
    except InfectedPart as error:
        raise No(f"{error} Nothing was written. --infected writes it all the same.") from error
    if arguments.signed:
        files = write_signed(node, row["id"], arguments.out, endings)
        show(
            arguments,
            [{"file": str(one.file), "sha256": one.sha256} for one in files],
            (str(one.file) for one in files),
        )
        return 0
    require_own_folder(arguments.out, expected)
    arguments.out.mkdir(parents=True, exist_ok=True)
    written = []
    for n, part in enumerate(described, start=1):
        path: Path = arguments.out / f"part-{n}{endings[n - 1]}"
        write_private(path, part_content(node, row["id"], n, compressed[n]))
        written.append(part | {"file": str(path)})
    show(arguments, written, (one["file"] for one in written))
    return 0


def resend(arguments: Namespace) -> int:
    """Queue a message again that ended without a delivery."""
    node = open_node(home_of(arguments))
    outcome = resend_message(node, Directory(node).snapshot(), arguments.id, actor="command line")
    show(arguments, outcome, f"Queued again as {outcome['id']}.")
    return 0


def withdraw(arguments: Namespace) -> int:
    """Take back a message that was not delivered."""
    node = open_node(home_of(arguments))
    outcome = withdraw_message(node, arguments.id, actor="command line")
    show(arguments, outcome, f"Withdrawn: {outcome['id']}. Messages after it in its case go on.")
    return 0


def _submission(node: Node, arguments: Namespace) -> Submission:
    attached = [PartToSend.of_file(Path(name)) for name in arguments.attach]
    if arguments.record is not None:
        if arguments.service or arguments.action or arguments.part:
            raise No("Give either RECORD.xml, or --service, --action and --part; not both.", 2)
        content = PartToSend.of_file(arguments.record, "application/xml")
        record = check(arguments.record.read_bytes(), node.domains)
        if not isinstance(record, CheckedRecord):
            raise refused_record(str(arguments.record), record)
        service, action, listed = record.service, record.action, [content, *attached]
    elif arguments.service and arguments.action:
        service, action = arguments.service, arguments.action
        listed = [_part(text) for text in arguments.part] + attached
    else:
        raise No("Say what to send: RECORD.xml, or --service S --action A --part FILE:MEDIATYPE.", 2)
    return Submission(
        peer=arguments.to,
        service=service,
        service_type=arguments.service_type,
        action=action,
        parts=listed,
        case=arguments.case,
        unit=arguments.unit,
        confirmed=arguments.confirm,
        ask_fit=True,
        strip_metadata=arguments.strip_metadata,
    )


def _findings(refused: SubmissionRefused) -> list[dict[str, str | int | None]]:
    if isinstance(refused, ConfirmationNeeded):
        coded: list[tuple[str | None, Problem]] = [(one.code, one.problem) for one in refused.findings]
    else:
        coded = [(None, problem) for problem in refused.problems]
    return [{"code": code, "rule": problem.rule, **problem.as_row()} for code, problem in coded]


def _part(text: str) -> PartToSend:
    name, colon, media_type = text.rpartition(":")
    if not colon or "/" not in media_type:
        # A folder's name may hold a colon; a media type always has its slash and never names a file here.
        raise No(f"--part {text}: give FILE:MEDIATYPE, for instance {text}:application/pdf", 2)
    return PartToSend.of_file(Path(name), media_type)


async def _ended(node: Node, message_id: str, seconds: float) -> str:
    """The state of a message once nothing more happens to it, or when the time is over."""
    until = time.monotonic() + seconds
    while True:
        with node.database.read() as connection:
            state: str = find_message(connection, message_id, "out")["state"]
        if state in ENDED or time.monotonic() >= until:
            return state
        await asyncio.sleep(LOOK_SECONDS)


def _compressed(connection: Any, message: int) -> dict[int, bool]:
    from sqlalchemy import select

    from node.exchange.contents import PART

    query = select(PART.c.n, PART.c.compressed).where(PART.c.message == message)
    return {row.n: row.compressed for row in connection.execute(query)}


def _lines(row: dict[str, Any]) -> list[str]:
    lines = [
        f"{name:13} {value}" for name, value in row.items() if name not in ("parts", "error") and value is not None
    ]
    if row["error"]:
        lines.append(f"{'error':13} {row['error']['code']}: {row['error']['detail']}")
    for n, part in enumerate(row["parts"], start=1):
        lines.append(f"{'part ' + str(n):13} {part['media_type']}, {part['size']} bytes, sha256 {part['sha256']}")
        if part["scan"]:
            found = f" ({part['scan']['found']})" if part["scan"]["found"] else ""
            lines.append(f"{'':13} {part['scan']['verdict']}{found}, scanned {part['scan']['at']}")
    return lines
