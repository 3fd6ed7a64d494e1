"""A message that cannot be encrypted for its peer: an attempt that failed, as any other, and an alarm in the end."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from node.exchange import packing
from node.exchange.peers import add_peer
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.exchange.conftest import World
from tests.exchange.offices import text_part


def with_a_weak_certificate(world: World) -> None:
    """As a store may hold it from before such keys were looked for."""
    subject = subject_of("theirs", "Office of theirs")
    key = X25519PublicKey.from_public_bytes(bytes(32))
    issuer = Issuer(subject, Ed25519PrivateKey.generate())
    weak = make_certificate(SELF_MADE[Use.ENCRYPTION], key, subject, issuer, world.clock())
    signing = world.theirs.node.keys.signing_certificate
    with world.ours.node.database.write() as connection:
        add_peer(
            connection, party="theirs", party_type=None, name="Office of theirs", kind="pinned", state="confirmed",
            url=world.theirs.url, suite="eddsa-x25519", now=world.clock(),
            certificates=[("signing", signing), ("encryption", weak)],
        )  # fmt: skip
    world.ours.configured()


async def test_a_certificate_of_small_order_fails_the_attempt_and_an_alarm_tells_of_it(world: World) -> None:
    with_a_weak_certificate(world)
    sent = world.ours.submit("theirs", text_part("first"))
    shown = await world.ours.attempted(sent, 1)
    assert "not sent: " in shown["error"]["detail"]
    await _given_up(world, sent)


async def test_an_error_that_was_not_foreseen_fails_the_attempt_and_an_alarm_tells_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _broken(monkeypatch)
    sent = world.ours.submit("theirs", text_part("first"))
    shown = await world.ours.attempted(sent, 1)
    assert shown["error"]["code"] == "EBMS:0004"
    assert "cannot be encrypted for theirs: no such luck" in shown["error"]["detail"]
    await _given_up(world, sent)


async def test_once_it_can_be_encrypted_it_is_delivered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mend = _broken(monkeypatch)
    sent = world.ours.submit("theirs", text_part("first"))
    await world.ours.attempted(sent, 1)
    mend()
    world.ours.retry_now()
    await world.ours.reaches(sent, "delivered")


def _broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def broken(*_: Any) -> None:
        raise ValueError("no such luck")

    whole = packing.seal
    monkeypatch.setattr(packing, "seal", broken)
    return lambda: monkeypatch.setattr(packing, "seal", whole)


async def _given_up(world: World, sent: str) -> None:
    world.ours.retry_now(hours=49)
    await world.ours.reaches(sent, "given-up")
    (alarm,) = world.ours.alarms("given-up")
    assert alarm["message"] == world.ours.row(sent)["id"]
