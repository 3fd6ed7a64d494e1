"""What people read when a peer cannot be reached: the reason in words, and nothing of our own insides."""

import asyncio
import socket
from pathlib import Path

import pytest

from node.as4 import WireMessage
from node.exchange.transport import Progress, client_session, in_words, post
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from node.trust.tls import client_context, server_context
from tests.exchange.conftest import StageMaker
from tests.exchange.offices import text_part
from tests.interop.nodes import free_port


async def told(url: str, seconds: float = 5, pinned: bytes | None = None) -> str:
    """What is told of an attempt to send something to `url`."""
    wire = WireMessage("text/plain", 1, lambda: iter((b"x",)))
    with pytest.raises((OSError, TimeoutError)) as caught:
        async with client_session() as session:
            await post(session, url, client_context(pinned), wire, Progress(), seconds)
    words = in_words(caught.value)
    assert "object at" not in words
    assert "Context" not in words
    assert "_ssl.c" not in words
    return words


async def test_a_refused_connection() -> None:
    port = free_port()
    words = await told(f"http://127.0.0.1:{port}/as4")
    assert words == f"127.0.0.1:{port} refused the connection: is the peer's node running?"


async def test_a_name_that_is_not_found() -> None:
    assert "the name nobody.invalid was not found" in await told("https://nobody.invalid/as4")


async def test_no_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = await told(f"http://127.0.0.1:{silent.getsockname()[1]}/as4", seconds=0.2)
    assert words == "no whole answer in time"


async def test_plain_http_where_tls_is_expected() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        words = await told(f"https://127.0.0.1:{port}/as4")
    assert f"TLS with 127.0.0.1:{port} failed" in words


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_certificate_that_is_not_the_peers(tmp_path: Path, pinned: bool) -> None:
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def made(name: str) -> tuple[bytes, bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = subject_of(name, name)
        certificate = make_certificate(
            SELF_MADE[Use.TLS], key.public_key(), subject, Issuer(subject, key), datetime.now(UTC)
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return certificate.public_bytes(serialization.Encoding.DER), certificate.public_bytes(pem), private

    expected = made("expected")[0]
    _, certificate, key = made("another")
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    server = await asyncio.start_server(
        lambda reader, writer: None, "127.0.0.1", 0, ssl=server_context(tmp_path / "cert.pem", tmp_path / "key.pem")
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        words = await told(f"https://127.0.0.1:{port}/as4", pinned=expected if pinned else None)
    assert words.startswith(f"the TLS certificate of 127.0.0.1:{port} is not accepted: ")
    assert words.endswith("Ask the peer for its present card or certificate")


async def test_the_message_shows_these_words(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))

    from sqlalchemy import update

    from node.exchange.peers import PEER, configuration_changed

    port = free_port()
    with stage.ours.node.database.write() as connection:
        connection.execute(update(PEER).values(url=f"http://127.0.0.1:{port}/as4"))
        configuration_changed(connection)
    stage.ours.configured()
    async with stage.ours.sending():
        shown = await stage.ours.attempted(sent, 1)
    assert shown["error"]["detail"].endswith(f"127.0.0.1:{port} refused the connection: is the peer's node running?")
