"""Messages: lists, one message, its octets, and what a person or program does about one that was not delivered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection, select
from starlette.responses import Response, StreamingResponse

from node.access import Act
from node.access.programs import Program
from node.api.context import ApiContext, Caller, case_for, lead_on, may, message_for
from node.api.forms import MEDIA_TYPE, UNKNOWN
from node.api.models import Noted, State, Text
from node.exchange.alarms import confirm_message
from node.exchange.contents import PART, answer_of, envelope_of, part_content
from node.exchange.handling import resend_message, withdraw_message
from node.exchange.judgement import SubmissionRefused
from node.exchange.listing import NotFound, list_messages, show_message
from node.exchange.opening import mark_opened
from node.exchange.part_scans import require_clean
from node.exchange.settlement import MESSAGE
from node.store.payloads import find_payload

LARGEST_PAGE = 1000
SOAP = "application/soap+xml"
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="at most so many")]
After = Annotated[
    Text | None,
    Query(description="those after this one: an id, or what the header Link gives"),
]
Number = Annotated[int, Query(ge=1, le=999_999)]
_CURSOR = re.compile(r"~([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Messages:
    """The routes of messages."""

    context: ApiContext

    def listed(
        self,
        response: Response,
        program: Caller,
        limit: Limit = 100,
        after: After = None,
        state: Annotated[State | None, Query(description="those in this state")] = None,
        peer: Annotated[Text | None, Query(description="those to and from this partner")] = None,
        case: Annotated[Text | None, Query(description="those of this case, by number or id")] = None,
    ) -> Any:
        """List messages, oldest first.

        While more follow, the header Link leads on.
        """
        with self.context.node.database.read() as connection:
            cursor = None if after is None else _CURSOR.fullmatch(after)
            if after is not None and cursor is None:
                after_row = message_for(connection, program, after)["id"]
            else:
                after_row = None if cursor is None else int(cursor[1])
            if case is not None:
                case_for(connection, program, case)
            rows = list_messages(
                connection,
                limit=limit + 1,
                after_row=after_row,
                state=state,
                peer=peer,
                case=case,
                unit=program.unit,
            )
            if len(rows) > limit:
                after = f"~{_row_id(connection, rows[limit - 1])}"
                lead_on(response, "/messages", after, limit=limit, state=state, peer=peer, case=case)
        return [shown_to(program, row) for row in rows[:limit]]

    def show(self, id: str, program: Caller) -> Any:
        """Show a message."""
        return self.current(program, {"id": id})

    def current(self, program: Program, path: Mapping[str, Any]) -> Any:
        """A message as it is shown to this program."""
        with self.context.node.database.read() as connection:
            row = message_for(connection, program, path["id"])
            return shown_to(program, show_message(connection, row["message_id"]))

    def raw(self, id: str, program: Caller) -> Response:
        """The signed envelope of a message, as it was sent or received: its octets as they are."""
        return _octets(envelope_of(self.context.node, self._row(program, id)["id"]), SOAP, "signed.xml")

    def response(self, id: str, program: Caller) -> Response:
        """The signed receipt or error that answered a message: its octets as they are."""
        row_id = self._row(program, id)["id"]
        with self.context.node.database.read() as connection:
            if find_payload(connection, row_id, "response", 0) is None:
                raise NotFound(f"No answer to {id} is there.")
        return _octets(answer_of(self.context.node, row_id), SOAP, "answer.xml")

    def parts(self, id: str, program: Caller) -> Any:
        """The parts of a message: the n-th is at /messages/{id}/parts/n."""
        return self.current(program, {"id": id})["parts"]

    def part(
        self,
        id: str,
        n: int,
        program: Caller,
        infected: Annotated[bool, Query(description="also an infected one, on purpose; the log records it")] = False,
    ) -> Response:
        """The content of the n-th part, decrypted and decompressed; of one that is infected only on purpose."""
        if not 1 <= n <= 999_999:
            raise NotFound(f"There is no part {n}.")
        node = self.context.node
        with node.database.read() as connection:
            row = message_for(connection, program, id)
            query = select(PART).where(PART.c.message == row["id"], PART.c.n == n)
            part = connection.execute(query).mappings().one_or_none()
        if part is None:
            raise NotFound(f"There is no part {n} of this message.")
        require_clean(node, row, [n], program.handle, on_purpose=infected)
        media_type = (part["media_type"] or "").partition(";")[0].strip()
        if not re.fullmatch(MEDIA_TYPE, media_type):
            media_type = UNKNOWN
        headers = {
            "content-length": str(part["size"]),
            "etag": f'"{bytes(part["sha256"]).hex()}"',
            "content-disposition": f'attachment; filename="part-{n}"',
        }
        content = part_content(node, row["id"], n, part["compressed"])
        answer = StreamingResponse(content, headers=headers)
        answer.headers["content-type"] = media_type
        return answer

    def opened(self, id: str, program: Caller) -> Any:
        """Say that an officer has opened a received message: its sender is told once, by a notice that names a role."""
        row = self._row(program, id)
        if row["direction"] != "in" or row["state"] != "received":
            raise SubmissionRefused(f"{id} was not received: there is nothing to be opened.")
        mark_opened(self.context.node, self.context.directory, row["id"], program.handle)
        return self.current(program, {"id": id})

    def resend(self, id: str, program: Caller) -> Any:
        """Try a message again that was given up, unconfirmed, stale or refused.

        A stale one is signed anew, as another message.
        """
        self._row(program, id, "out")
        return resend_message(self.context.node, self.context.directory.snapshot(), id, program.handle)

    def withdraw(self, id: str, program: Caller) -> Any:
        """Take back a message that was not delivered; those after it in its case go on."""
        self._row(program, id, "out")
        return withdraw_message(self.context.node, id, program.handle)

    def confirm(self, id: str, noted: Noted, program: Caller) -> Any:
        """Record that the partner says it has an unconfirmed message: our own word.

        The message stays unconfirmed, because no receipt is held.
        """
        self._row(program, id, "out")
        return confirm_message(self.context.node, id, noted.note, program.handle)

    def _row(self, program: Program, message_id: str, direction: str | None = None) -> dict[str, Any]:
        with self.context.node.database.read() as connection:
            return message_for(connection, program, message_id, direction)


def shown_to(program: Program, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as this program may see it: file names may name a person."""
    if may(program, Act.READ_RECORDS):
        return dict(message)
    return {**message, "parts": [{**part, "name": None} for part in message["parts"]]}


def _row_id(connection: Connection, message: Mapping[str, Any]) -> int:
    key = (MESSAGE.c.message_id == message["id"], MESSAGE.c.peer == message["peer"])
    query = select(MESSAGE.c.id).where(*key, MESSAGE.c.direction == message["direction"])
    row_id: int = connection.execute(query).scalar_one()
    return row_id


def _octets(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, 200, {"content-disposition": f'attachment; filename="{name}"'}, media_type)
