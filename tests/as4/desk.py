"""A reader with sinks that note what happens to them."""

from typing import Any

from node.as4 import (
    MessageReader,
    PartInfo,
    UserMessage,
)
from tests.as4.surgery import Surgery


class Sink:
    """Notes what happens to it."""

    def __init__(self, notes: list[str], name: str, fail: str = "") -> None:
        self.notes, self.name, self.octets, self.fail = notes, name, b"", fail

    def write(self, octets: bytes) -> None:
        if self.fail == "write":
            raise OSError("disk full")
        self.octets += octets
        self.notes.append(f"write {self.name}")

    def close(self) -> None:
        if self.fail == "close":
            raise OSError("disk full")
        self.notes.append(f"close {self.name}")

    def discard(self) -> None:
        self.notes.append(f"discard {self.name}")


class Desk:
    """A reader with its sinks."""

    def __init__(self, patient: Surgery | None = None, fail: str = "", **options: Any) -> None:
        self.patient = patient or Surgery()
        self.notes: list[str] = []
        self.sinks: dict[str, Sink] = {}
        policy = self.patient.who.policy(**options.pop("policy", {}))

        def policy_for(message: UserMessage) -> Any:
            self.notes.append("policy")
            return policy

        def sink_for(_: UserMessage, info: PartInfo) -> Sink:
            self.sinks[info.content_id] = sink = Sink(self.notes, info.content_id, fail if self.sinks else "")
            return sink

        self.reader = MessageReader(
            self.patient.content_type, options.pop("policy_for", policy_for), sink_for, **options
        )

    def read(self, size: int = 0) -> Any:
        body = self.patient.body()
        for at in range(0, len(body), size or len(body)):
            self.reader.feed(body[at : at + (size or len(body))])
        return self.reader.finish()
