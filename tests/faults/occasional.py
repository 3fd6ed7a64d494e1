"""Kills at the points that traffic does not pass: each is brought about by what passes it, and what came of it is seen.

Each function runs for one side (`home`, the other one is `peer`), and says in which state the two nodes have to be.
"""

import asyncio
import socket
import uuid
from datetime import UTC, datetime

import aiohttp
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from node.as4 import ROLE_INITIATOR, ROLE_RESPONDER, ErrorSignal, Party, UserMessage, read_response, seal, sign
from node.exchange.directory import Directory
from node.exchange.listing import find_message
from node.exchange.settlement import ALARM, MESSAGE
from node.exchange.transport import HttpAnswer, Progress, client_session, peer_tls, post
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.faults.homes import BACKSTOP_SECONDS, Home, Running, until
from tests.faults.kills import KILLED, Tally
from tests.faults.traffic import ACTION, SERVICE, queue_one


def state_of(home: Home, message_id: str) -> str:
    """The state of a message as the node keeps it."""
    with home.node.database.read() as connection:
        state: str = find_message(connection, message_id)["state"]
    return state


def _queue(home: Home, peer: Home) -> str:
    return queue_one(home.node, Directory(home.node), home.ledger, peer.party, str(uuid.uuid4()), 1000)


def _died(running: Running, point: str) -> None:
    status = running.ended_within(BACKSTOP_SECONDS)
    assert status == KILLED, f"{point}: ended with {status}: {running.describe()}"


def withdraw(home: Home, peer: Home, tally: Tally) -> str:
    """Neither node serves. A message is taken back; returns its id: it must never be delivered."""
    message_id = _queue(home, peer)
    _died(home.run("message", "withdraw", message_id, crash_at="withdraw: before commit"), "withdraw: before commit")
    tally.add("withdraw: before commit", home.party, state_of(home, message_id) == "queued")
    _died(home.run("message", "withdraw", message_id, crash_at="withdraw: after commit"), "withdraw: after commit")
    tally.add("withdraw: after commit", home.party, state_of(home, message_id) == "refused")
    return message_id


def resend(home: Home, peer: Home, tally: Tally) -> None:
    """Neither node serves. A message is asked for again; it must be delivered once all the same."""
    message_id = _queue(home, peer)
    for point in ("resend: before commit", "resend: after commit"):
        _died(home.run("message", "resend", message_id, crash_at=point), point)
        tally.add(point, home.party, state_of(home, message_id) == "queued")


def stale(home: Home, peer: Home, tally: Tally) -> str:
    """Neither node serves, and nothing else waits. The certificate is replaced while a message waits; put back, the
    message is sent anew. Returns the id of the first one: it is withdrawn by that."""
    message_id = _queue(home, peer)
    path = home.folder / "keys" / "signing.cert.pem"
    kept = path.read_bytes()
    keys = home.node.keys
    issuer = Issuer(subject_of(home.party, "renewed"), keys.signing_key)
    renewed = make_certificate(
        SELF_MADE[Use.SIGNING], keys.signing_key.public_key(), issuer.name, issuer, datetime.now(UTC)
    )
    path.write_bytes(renewed.public_bytes(Encoding.PEM))
    for point, wanted in (("stale: before commit", False), ("stale: after commit", True)):
        _died(home.serve(point), point)
        tally.add(point, home.party, (state_of(home, message_id) == "stale") == wanted)
    path.write_bytes(kept)
    # Killed before the commit of the replacement, the first one is still there to be replaced.
    _died(home.run("message", "resend", message_id, crash_at="submission: before commit"), "replacing, before commit")
    tally.add("submission: before commit", home.party, state_of(home, message_id) == "stale")
    home.do("message", "resend", message_id)
    return message_id


def renew(home: Home, peer: Home, tally: Tally) -> None:
    """Neither node serves. Somebody at the peer's address takes a message and says nothing for long, so its claim is
    renewed; it must be delivered once all the same."""
    message_id = _queue(home, peer)
    settings = home.folder / "depesha.toml"
    kept = settings.read_text()
    lines = [line for line in kept.splitlines() if not line.startswith("attempt_seconds")]
    settings.write_text("\n".join([*lines, "attempt_seconds = 2"]) + "\n")
    with socket.create_server(("127.0.0.1", peer.outside)):
        for point in ("renew: before commit", "renew: after commit"):
            _died(home.serve(point), point)
            tally.add(point, home.party, state_of(home, message_id) == "sending")
    settings.write_text(kept)


def ping(home: Home, peer: Home, tally: Tally) -> None:
    """Both nodes serve. A test message leaves no trace, wherever its sender dies."""
    for point in ("ping: before the request", "ping: after the answer"):
        _died(home.run("peer", "ping", peer.party, crash_at=point), point)
        answered = home.run("peer", "ping", peer.party).process.poll() == 0
        tally.add(point, home.party, answered)


def _unopened(home: Home) -> int:
    """A received message that nobody has opened yet, as soon as there is one."""
    query = select(MESSAGE.c.id).where(
        MESSAGE.c.direction == "in", MESSAGE.c.service == SERVICE, MESSAGE.c.opened_at.is_(None)
    )

    def found() -> int | None:
        with home.node.database.read() as connection:
            return connection.scalar(query.limit(1))

    return int(until(found, lambda: f"{home.party} has received a message"))


def _is_opened(home: Home, row: int) -> bool:
    with home.node.database.read() as connection:
        return connection.scalar(select(MESSAGE.c.opened_at).where(MESSAGE.c.id == row)) is not None


def opened_untold(home: Home, tally: Tally) -> None:
    """No agreement is in force, so the sender cannot be told. A received message is opened."""
    row = _unopened(home)
    for point, wanted in (("opened: before commit", False), ("opened: after commit", True)):
        _died(home.opening(row, point), point)
        tally.add(point, home.party, _is_opened(home, row) == wanted)


def opened_and_told(home: Home, peer: Home, tally: Tally) -> None:
    """Both nodes serve. A received message is opened: the mark and the notice are one, whatever dies between."""
    row = _unopened(home)
    with home.node.database.read() as connection:
        message_id = connection.scalar(select(MESSAGE.c.message_id).where(MESSAGE.c.id == row))
    assert message_id is not None
    _died(home.opening(row, "submission: before commit"), "opening, before commit")
    tally.add("submission: before commit", home.party, not _is_opened(home, row))
    _died(home.opening(row, "submission: after commit"), "opening, after commit")
    assert _is_opened(home, row)

    def told() -> bool:
        with peer.node.database.read() as connection:
            return find_message(connection, message_id)["opened_at"] is not None

    until(told, lambda: f"{peer.party} is told that {home.party} has opened {message_id}")
    tally.add("submission: after commit", home.party, recovered=True)


def _forge(home: Home, peer: Home, message_id: str) -> HttpAnswer:
    """Send other content under an id that was used before, signed well."""
    node, directory = home.node, Directory(home.node)
    known = directory.snapshot().peers[peer.party]
    with node.database.read() as connection:
        row = find_message(connection, message_id)
    header = UserMessage(
        message_id=message_id,
        timestamp=node.now(),
        sender=Party(node.party, None, ROLE_INITIATOR),
        receiver=Party(peer.party, None, ROLE_RESPONDER),
        service=SERVICE,
        action=ACTION,
        conversation_id=row["conversation_id"],
        agreement=row["agreement_ref"],
    )
    wire = seal(sign(header, [], node.signing, node.suite).xml, [], directory.recipient_certificate(known), node.suite)

    async def send() -> HttpAnswer:
        async with client_session() as session:
            return await post(session, peer.url, peer_tls(known), wire, Progress(), BACKSTOP_SECONDS)

    return asyncio.run(send())


def _alarms(home: Home) -> int:
    with home.node.database.read() as connection:
        query = select(func.count()).select_from(ALARM).where(ALARM.c.kind == "other-content")
        return connection.scalar(query) or 0


def other_content(home: Home, peer: Home, tally: Tally) -> None:
    """The node of `home` does not serve; the peer's processes do not matter. A used id comes with other content."""
    with peer.node.database.read() as connection:
        query = select(MESSAGE.c.message_id).where(MESSAGE.c.direction == "out", MESSAGE.c.state == "delivered")
        message_id = connection.execute(query.limit(1)).scalar_one()
    before = _alarms(home)
    for point, raised in (("alarm: before commit", 0), ("alarm: after commit", 1)):
        running = home.serve_ready(point)
        try:
            answer = _forge(peer, home, message_id)
        except aiohttp.ClientError:
            answer = None
        assert answer is None, f"{point}: answered with {answer}"
        _died(running, point)
        assert _alarms(home) == before + raised
    running = home.serve_ready()
    answer = _forge(peer, home, message_id)
    running.stop()
    signal = read_response(answer.content_type, answer.body).signal
    refused = isinstance(signal, ErrorSignal) and signal.errors[0].code == "EBMS:0003"
    for point in ("alarm: before commit", "alarm: after commit"):
        tally.add(point, home.party, refused and _alarms(home) == before + 2)
