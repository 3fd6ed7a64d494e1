"""Sending reminders by mail (SMTP, RFC 5321): case number, act and time, to those who have what is due.

TLS always, from the start (smtps) or by STARTTLS, but for a server on this machine. What the server refuses for good
(5yz) is told to `node.exchange.reminders.refused`; all other trouble is tried again.

Whether a mail is still this process's is asked in the last moment before its content leaves: whoever stood still
meanwhile, or was kept waiting by the server, does not send what another process has sent. Only one that dies or stands
still between the server's word that it has the mail and the record of it leaves one to be sent again, under the same
Message-ID.
"""

import smtplib
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from node.config import Settings, host_is_loopback
from node.exchange.node import Node
from node.exchange.reminders import Mail, failed, keeps, refused, sent, take_up
from node.journal import journal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = journal("mail")

SERVER_SECONDS = 15.0
_FOR_GOOD = range(500, 600)


class _Lost(Exception):
    """Another process has the mail."""


class _Server(smtplib.SMTP):
    """A mail server. `keeps` is asked before the content of a mail leaves; _Lost is raised where it says no."""

    keeps: Callable[[], bool]

    def data(self, msg: "ReadableBuffer | str") -> tuple[int, bytes]:
        if not self.keeps():
            raise _Lost
        return super().data(msg)


class _ServerOverTls(_Server, smtplib.SMTP_SSL):
    """The same, TLS from the start."""


def send_waiting(node: Node) -> int:
    """Send the reminders that wait; returns how many the mail server took. Raises StoreUnavailable."""
    waiting = deque(take_up(node))
    taken = 0
    try:
        if waiting:
            with _server(node.settings) as server:
                while waiting:
                    taken += _send(node, server, waiting[0])
                    waiting.popleft()
    except (OSError, smtplib.SMTPException) as error:
        answer = _answer(error)
        log.warning("mail server fails", answer=answer, waiting=len(waiting))
        if waiting:
            # The others are taken up again once their claim has run out.
            failed(node, waiting[0], answer)
    return taken


def written(node: Node, mail: Mail) -> EmailMessage:
    """The mail itself; it names no person."""
    zone = ZoneInfo(node.settings.zone or "UTC")
    end = f"{mail.ends_at.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"
    message = EmailMessage()
    message["From"] = sender = node.settings.mail_from or ""
    message["To"] = mail.address
    message["Date"] = format_datetime(node.now().astimezone(UTC))
    # The same at each attempt: a mail that comes twice is known as one.
    message["Message-ID"] = f"<reminder-{mail.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    state = "time is over" if mail.over else "is due"
    message["Subject"] = f"{mail.case}: {mail.act} {state}, {end}"
    message.set_content(f"Case {mail.case}: {mail.act}.\n{'The time ended' if mail.over else 'Due'} {end}.\n")
    return message


@contextmanager
def _server(settings: Settings) -> Iterator[_Server]:
    parts = urlsplit(settings.mail_server or "")
    host, port = parts.hostname or "", parts.port or 0
    tls = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: _Server = _ServerOverTls(host, port, timeout=SERVER_SECONDS, context=tls)
    else:
        server = _Server(host, port, timeout=SERVER_SECONDS)
    with server:
        if parts.scheme == "smtp" and not host_is_loopback(host):
            server.starttls(context=tls)
        if settings.mail_user is not None and settings.mail_password is not None:
            server.login(settings.mail_user, settings.mail_password.get_secret_value())
        yield server


def _send(node: Node, server: _Server, mail: Mail) -> int:
    """Send one; 1 if the server took it. Raises smtplib.SMTPException or OSError where the server is in trouble."""
    server.keeps = partial(keeps, node, mail)
    try:
        server.send_message(written(node, mail))
    except _Lost:
        server.rset()
        return 0
    except smtplib.SMTPRecipientsRefused as error:
        [(code, _text)] = error.recipients.values()
    except smtplib.SMTPDataError as error:
        code = error.smtp_code
    else:
        sent(node, mail, "taken")
        return 1
    # What the server says beside its code may name the person.
    (refused if code in _FOR_GOOD else failed)(node, mail, f"answer {code}")
    return 0


def _answer(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"answer {error.smtp_code}: it does not accept mail_user and mail_password"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"answer {error.smtp_code}: it takes no mail from mail_from"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answer {error.smtp_code}"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "it offers no STARTTLS, or no way to sign in"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its TLS certificate is not accepted"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the connection broke off"
    return "it cannot be reached"
