"""What a case's messages have asked and what was answered: of the case as a whole, not of each person."""

from node.records.procedure_events import Event
from node.records.procedures import Procedure


class Questions:
    """The open questions while a case is replayed: `open` gives, by question, each asking message with its role."""

    def __init__(self, procedure: Procedure) -> None:
        self._procedure = procedure
        self._lapsing: set[str] = set()
        self._answered: dict[str, list[tuple[str, str, str]]] = {}
        self.open: dict[str, dict[str, str]] = {}

    def settle(self, event: Event) -> None:
        """Take what an act that took effect asks and answers."""
        for one in self._procedure.transitions:
            if one.act == event.act:
                if one.opens:
                    self.open.setdefault(one.opens, {})[event.id] = event.actor
                    if one.lapses:
                        self._lapsing.add(event.id)
                about = event.concerning
                if one.answered and about and self.asked_by_other(one.answered, about, event.actor):
                    asker = self.open[one.answered].pop(about)
                    self._answered.setdefault(event.id, []).append((one.answered, about, asker))

    def take_back(self, message: str, void: set[str]) -> None:
        """What a message that is taken back asked is closed, what it answered is open again unless that is `void`."""
        for questions in self.open.values():
            questions.pop(message, None)
        for question, about, asker in self._answered.pop(message, []):
            if about not in void:
                self.open[question][about] = asker

    def asked_by_other(self, question: str, message: str, actor: str) -> bool:
        """Whether the other party than `actor` asked it in that message, and it is open."""
        return self.open.get(question, {}).get(message, actor) != actor

    def lapse(self, actor: str) -> None:
        """What the other party has acted on need not be answered in words as well."""
        for questions in self.open.values():
            for message, asker in list(questions.items()):
                if message in self._lapsing and asker != actor:
                    del questions[message]
