"""Which suite two parties use, and what may be said before any agreement."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from hypothesis import given, settings
from hypothesis import strategies as st

from node.trust import bootstrap
from node.trust.suites import SUITES, NoCommonSuite, agreement_suite, signing_suite, strongest_common

NAMES = st.lists(st.sampled_from(["eddsa-x25519", "ecdsa-p256", "later"]))


@settings(deadline=None)
@given(NAMES, NAMES)
def test_both_sides_choose_the_same(own: list[str], theirs: list[str]) -> None:
    common = set(own) & set(theirs) & set(SUITES)
    if not common:
        with pytest.raises(NoCommonSuite):
            strongest_common(own, theirs)
        return
    chosen = strongest_common(own, theirs)
    assert chosen == strongest_common(theirs, own)
    assert chosen == ("eddsa-x25519" if "eddsa-x25519" in common else "ecdsa-p256")


def test_a_key_belongs_to_one_suite() -> None:
    p256, p384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
    assert signing_suite(ed25519.Ed25519PrivateKey.generate().public_key()) == "eddsa-x25519"
    assert agreement_suite(x25519.X25519PrivateKey.generate()) == "eddsa-x25519"
    assert signing_suite(p256) == agreement_suite(p256.public_key()) == "ecdsa-p256"
    for key in (p384, rsa.generate_private_key(65537, 2048), x25519.X25519PrivateKey.generate()):
        assert signing_suite(key) is None
    for key in (p384, ed25519.Ed25519PrivateKey.generate(), None):
        assert agreement_suite(key) is None


def test_bootstrap_is_constant_for_ever() -> None:
    assert bootstrap.AGREEMENT_REF == "urn:depesha:bootstrap:1"
    assert bootstrap.SERVICE == "urn:depesha:partnership:1"
    assert bootstrap.MAX_BYTES == 20_000_000
