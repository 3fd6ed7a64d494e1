"""Reminders through a mail server that asks for STARTTLS and a sign-in, as those of administrations do."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from node.exchange.assignment import assign_case
from tests.exchange.conftest import WorldMaker
from tests.exchange.mailbox import Mailbox
from tests.exchange.offices import Office
from tests.exchange.test_reminders import OFFICER, mail_check, mailbox, reminded, set_on, world_with

__all__ = ["mailbox"]
NAME = "mail.interior.example"
USER, PASSWORD = "depesha", "correct horse battery staple"


@dataclass
class StrictMailbox(Mailbox):
    """Takes nothing but over TLS from somebody who signed in."""

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        assert session.ssl is not None
        assert session.authenticated
        envelope.mail_from = address
        return "250 OK"


def signed_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's TLS, with a certificate for NAME that this machine trusts, and NAME stands for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certified, kept = tmp_path / "mail.pem", tmp_path / "mail.key"
    certified.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    kept.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **also: resolve("127.0.0.1" if host == NAME else host, *more, **also)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified, kept)
    return context


@pytest.fixture
def strict(tls: ssl.SSLContext) -> Iterator[StrictMailbox]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box = StrictMailbox(free.getsockname()[1])
    controller = Controller(
        box, hostname="127.0.0.1", port=box.port, tls_context=tls, require_starttls=True, authenticator=signed_in,
        auth_required=True,
    )  # fmt: skip
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def through(office: Office, port: int, password: str = PASSWORD) -> None:
    set_on(office, mail_server=f"smtp://{NAME}:{port}", mail_user=USER, mail_password=SecretStr(password))


async def test_a_reminder_goes_by_starttls_after_a_sign_in(
    make_world: WorldMaker, mailbox: Mailbox, strict: StrictMailbox
) -> None:
    _world, theirs, case = await world_with(make_world, mailbox)
    assign_case(theirs.node, case, "Officer", "test")
    through(theirs, strict.port)
    assert await reminded(theirs, strict) == [OFFICER]
    assert mail_check(theirs).ok


async def test_a_password_that_is_not_accepted_is_told_and_tried_again(
    make_world: WorldMaker, mailbox: Mailbox, strict: StrictMailbox
) -> None:
    world, theirs, case = await world_with(make_world, mailbox)
    assign_case(theirs.node, case, "Officer", "test")
    through(theirs, strict.port, "wrong")
    assert await reminded(theirs, strict) == []
    world.clock.advance(minutes=20)
    assert mail_check(theirs).found.endswith("answer 535: it does not accept mail_user and mail_password")
    assert "wrong" not in mail_check(theirs).found
    through(theirs, strict.port)
    world.clock.advance(hours=1)
    assert await reminded(theirs, strict) == [OFFICER]


async def test_nothing_goes_in_the_clear_to_a_server_that_offers_no_starttls(
    make_world: WorldMaker, mailbox: Mailbox, tls: ssl.SSLContext
) -> None:
    world, theirs, _case = await world_with(make_world, mailbox)
    through(theirs, mailbox.port)
    assert await reminded(theirs, mailbox) == []
    world.clock.advance(minutes=20)
    assert "no STARTTLS" in mail_check(theirs).found
    assert mailbox.taken == []
