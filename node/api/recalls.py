"""What was sent to the wrong party: recalls, erasures, and the breaches that they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query

from node.access.programs import Program
from node.api.context import ApiContext, Caller, message_for
from node.api.models import BreachClosing, RecallAnswer, RecallAsked
from node.api.problems import invalid
from node.exchange import breaches
from node.exchange.recall_rows import list_recalls
from node.exchange.recalls import answer_recall, recall_message

All = Annotated[bool, Query(description="those that are over, too")]


@dataclass(frozen=True, slots=True)
class Recalls:
    """The routes of recalls and breaches."""

    context: ApiContext

    def recall(self, id: str, asked: RecallAsked, program: Caller) -> Any:
        """Ask the receiver of a message of ours to erase it, and open the breach that it was."""
        self._require_seen(program, id, "out")
        aware = None if asked.aware is None else _instant("aware", asked.aware)
        snapshot = self.context.directory.snapshot()
        return recall_message(self.context.node, snapshot, id, asked.reason, program.handle, aware)

    def erase(self, id: str, answer: RecallAnswer, program: Caller) -> Any:
        """Erase a message that its sender recalled, named by its id or by the request's, and confirm it; or say on what
        ground it is kept. What proves that it came stays."""
        self._require_seen(program, id, "in")
        snapshot = self.context.directory.snapshot()
        node, place, office = self.context.node, answer.place, answer.office
        return answer_recall(node, snapshot, id, place, office, program.handle, answer.kept)

    def listed(self, program: Caller, all: All = False) -> Any:
        """List recalls that nobody has answered, oldest first, of cases of the program's unit and of none."""
        with self.context.node.database.read() as connection:
            return list_recalls(connection, program.unit, all)

    def breaches(self, program: Caller, all: All = False) -> Any:
        """List breaches that nobody has closed, oldest first, of cases of the program's unit and of none."""
        with self.context.node.database.read() as connection:
            return breaches.list_breaches(self.context.node, connection, program.unit, all)

    def breach(self, id: str, program: Caller) -> Any:
        """Show a breach, open or closed."""
        return self.current(program, {"id": id})

    def current(self, program: Program, path: Mapping[str, Any]) -> Any:
        """A breach as it is shown to this program."""
        with self.context.node.database.read() as connection:
            return breaches.show_breach(self.context.node, connection, path["id"], program.unit)

    def close(self, id: str, closing: BreachClosing, program: Caller) -> Any:
        """Record that the supervisory authority was told, or, without `notified`, why it need not be."""
        notified = None if closing.notified is None else _instant("notified", closing.notified)
        return breaches.close_breach(self.context.node, id, closing.words, program.handle, notified, program.unit)

    def _require_seen(self, program: Program, message_id: str, direction: str) -> None:
        with self.context.node.database.read() as connection:
            message_for(connection, program, message_id, direction)


def _instant(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(name, text, "an instant as 2026-04-17T10:30:00+02:00") from None
