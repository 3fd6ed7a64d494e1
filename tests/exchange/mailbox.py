"""A mail server for tests, which takes mails or refuses them as it is told."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import TypeVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mailbox:
    """A mail server: what it took, by recipient, in order; recipients that it refuses, with its answer."""

    port: int = 0
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    refusing: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusing:
            return self.refusing[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content)
        self.taken.append((envelope.rcpt_tos[0], str(mail["Subject"]), envelope.content.decode()))
        return "250 OK"

    def new(self) -> list[str]:
        """Who got a mail since the last look."""
        got, self.taken = [to for to, _, _ in self.taken], []
        return sorted(got)


Box = TypeVar("Box", bound=Mailbox)


@contextmanager
def listening(box: Box) -> Iterator[Box]:
    """The mail server, while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
