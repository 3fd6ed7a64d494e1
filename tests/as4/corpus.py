"""A corpus of attacks: each a named change of a valid message, with the code of the refusal that it must meet."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from node.as4 import As4Error, NotSoap
from tests.as4.surgery import Surgery

Change = Callable[[Surgery], None]


@dataclass
class Corpus:
    """`unsigned` changes are what anyone on the way can do; `signed` ones need the help of the peer's own key.

    not_soap: names of those whose refusal HTTP answers with 400, since nothing came that ebMS could answer.
    """

    changes: dict[str, tuple[str, bool, Change]] = field(default_factory=dict)
    not_soap: set[str] = field(default_factory=set)

    def unsigned(self, code: str, name: str | None = None) -> Callable[[Change], Change]:
        """Note a change made on the way."""
        return self._note(code, False, name)

    def signed(self, code: str, name: str | None = None) -> Callable[[Change], Change]:
        """Note a change that is signed again."""
        return self._note(code, True, name)

    def _note(self, code: str, resign: bool, name: str | None) -> Callable[[Change], Change]:
        def note(change: Change) -> Change:
            key = name or change.__name__
            assert key not in self.changes
            self.changes[key] = (code, resign, change)
            return change

        return note

    def names(self) -> Iterable[str]:
        """What to parametrise a test with."""
        return list(self.changes)

    def check(self, name: str) -> None:
        """Make the change and see it refused, with nothing released."""
        code, resign, change = self.changes[name]
        patient = Surgery()
        change(patient)
        if resign:
            patient.resign()
        with pytest.raises(As4Error) as caught:
            patient.open()
        assert caught.value.code == code, caught.value
        assert isinstance(caught.value, NotSoap) == (name in self.not_soap), caught.value
