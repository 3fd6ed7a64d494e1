"""What a case's messages have asked and what was answered: of the case as a whole, not of each person."""

from collections.abc import Collection
from dataclasses import dataclass

from node.records.procedure_events import Event
from node.records.procedures import Procedure


@dataclass(frozen=True, slots=True)
class _Anew:
    """A question about `message` of the other party, which did `acts`: to be made anew."""

    question: str
    message: str
    asker: str
    acts: frozenset[str]


class Questions:
    """The open questions while a case is replayed: `open` gives, by question, each asking message with its role."""

    def __init__(self, procedure: Procedure) -> None:
        self._procedure = procedure
        self._lapsing: set[str] = set()
        self._anew: dict[str, _Anew] = {}
        self._answered: dict[str, list[tuple[str, str, str]]] = {}
        self.open: dict[str, dict[str, str]] = {}

    def settle(self, event: Event, concerned: Collection[str]) -> None:
        """Take what an act that took effect asks and answers; `concerned` are the acts of the message it is about."""
        for rejecting, one in list(self._anew.items()):
            if event.actor != one.asker and event.act in one.acts and event.id not in (rejecting, one.message):
                self._close(one.question, rejecting, event.id)
        for step in self._procedure.transitions:
            if step.act != event.act:
                continue
            if step.opens:
                self.open.setdefault(step.opens, {})[event.id] = event.actor
                if step.lapses:
                    self._lapsing.add(event.id)
                if step.anew and event.concerning:
                    self._anew[event.id] = _Anew(step.opens, event.concerning, event.actor, frozenset(concerned))
            for question in step.answered:
                self._answer(question, event)

    def _answer(self, question: str, event: Event) -> None:
        about = event.concerning
        asking = [about, *(key for key, one in self._anew.items() if one.message == about)]
        for message in asking:
            if message and self.asked_by_other(question, message, event.actor):
                self._close(question, message, event.id)

    def _close(self, question: str, message: str, by: str) -> None:
        asker = self.open.get(question, {}).pop(message, None)
        if asker is not None:
            self._answered.setdefault(by, []).append((question, message, asker))

    def made_void(self, message: str, event: Event) -> None:
        """A message that is void need not be made anew."""
        for rejecting, one in self._anew.items():
            if one.message == message:
                self._close(one.question, rejecting, event.id)

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
