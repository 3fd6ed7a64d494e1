"""The catalogue of attacks: each named, with where it was published, and what it must be answered.

An attack is a change of a valid message. An *outsider* has seen such a message and has no key of ours or of a partner;
a *partner* has valid keys and signs what he changed. A family is a `Catalogue`; `run` sends one of its attacks to the
running node: refused, no receipt, nothing kept, and the next good message taken.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tests.as4.corpus import Corpus
from tests.as4.surgery import Surgery
from tests.attacks.target import Target, code_of, valid

Change = Callable[[Surgery], None]
Actor = Literal["outsider", "partner"]
ANY = ""
"""Refused, by whatever code."""


@dataclass(frozen=True)
class Attack:
    """One attack. `code` is that of the refusal it must meet; `sources` are keys of `sources.SOURCES`."""

    name: str
    actor: Actor
    code: str
    sources: tuple[str, ...]
    change: Change

    @property
    def changes(self) -> bool:
        """Whether it changes a message; others are run by tests of their own."""
        return self.change is not _no_change


class Catalogue:
    """The attacks of one family by name."""

    def __init__(self, family: str) -> None:
        self.family = family
        self.attacks: dict[str, Attack] = {}

    def outsider(self, code: str, *sources: str, name: str | None = None) -> Callable[[Change], Change]:
        """Note a change of a message that was seen, made without any key."""
        return self._note("outsider", code, sources, name)

    def partner(self, code: str, *sources: str, name: str | None = None) -> Callable[[Change], Change]:
        """Note a change that a partner signs: with the keys of blue, unless the change says otherwise."""
        return self._note("partner", code, sources, name)

    def named(self, name: str, actor: Actor, *sources: str) -> str:
        """Note an attack that is no change of a message, and is run by a test of its own; its name again."""
        self._note(actor, ANY, sources, name)(_no_change)
        return name

    def known(self, corpus: Corpus, sources: dict[str, tuple[str, ...]]) -> None:
        """Take over changes of the corpora of the wire's own tests, each with where it was published."""
        for name, where in sources.items():
            code, signed, change = corpus.changes[name]
            answered = "HTTP 400" if name in corpus.not_soap else code
            (self.partner if signed else self.outsider)(answered, *where, name=name)(change)

    def _note(self, actor: Actor, code: str, sources: tuple[str, ...], name: str | None) -> Callable[[Change], Change]:
        def note(change: Change) -> Change:
            key = name or change.__name__
            assert key not in self.attacks, key
            assert sources, f"{key}: where was it published?"
            self.attacks[key] = Attack(key, actor, code, sources, change)
            return change

        return note

    def names(self) -> Iterable[str]:
        """What to parametrise a test with."""
        return list(self.attacks)

    def run(self, name: str, target: Target) -> None:
        """Attack the running node."""
        attack = self.attacks[name]
        patient = valid(who=target.who)
        attack.change(patient)
        if attack.actor == "partner":
            patient.resign()
        endures(target, patient.content_type, patient.body(), attack.code, attack.actor)


def _no_change(s: Surgery) -> None:
    """What is attacked is not the message."""


def endures(target: Target, content_type: str, body: bytes, code: str = ANY, actor: Actor = "partner") -> None:
    """The node refuses these bytes by that code, keeps nothing of them, and takes the next good message.

    Those of an outsider raise no alarm about a partner, unless the partner signed what is refused, for others than us:
    such a message may be handed on by anybody.
    """
    with target.unmoved(alarms=actor == "partner" or code == "EBMS:0010"):
        reply = target.post(content_type, body)
        assert reply.status in (200, 400), reply
        found = code_of(reply)
        assert code in (ANY, found), f"{found}: {reply.body[:2000]!r}"
    target.serves()
