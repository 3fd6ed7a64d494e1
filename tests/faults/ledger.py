"""What a sender was told: a file with a line before and a line after each submission, on disk before it goes on.

A line `begin` says what is about to be queued; `accepted` that the node said it is durably queued. A kill between the
two leaves a `begin` without its end: the message may be there or not, and if it is, it must be that one.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Intent:
    """One submission. `parts` are the SHA-256 of its contents; `message_id` once the node has accepted it."""

    intent: str
    parts: list[str]
    message_id: str | None = None


@dataclass
class Ledger:
    """The ledger in one file; any number of processes may append in turn."""

    path: Path
    intents: dict[str, Intent] = field(default_factory=dict)
    """by intent, in the order of submission; filled by `read`"""

    def begin(self, intent: str, parts: list[str]) -> None:
        """Note what is about to be submitted."""
        self._append({"begin": intent, "parts": parts})

    def accepted(self, intent: str, message_id: str) -> None:
        """Note that the node has it."""
        self._append({"accepted": intent, "message_id": message_id})

    def read(self) -> "Ledger":
        """Read what stands in the file."""
        self.intents = {}
        for line in self.path.read_text(encoding="ascii").splitlines() if self.path.exists() else ():
            value = json.loads(line)
            if "begin" in value:
                self.intents[value["begin"]] = Intent(value["begin"], value["parts"])
            else:
                self.intents[value["accepted"]].message_id = value["message_id"]
        return self

    def accepted_ids(self) -> frozenset[str]:
        """Ids of the messages that the node said it has."""
        return frozenset(one.message_id for one in self.intents.values() if one.message_id is not None)

    def _append(self, value: dict[str, object]) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps(value).encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
