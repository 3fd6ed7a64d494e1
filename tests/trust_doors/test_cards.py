"""Cards and words through the commands: what is believed of a peer, and what a later card may change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.trust.card import Card, make_card, read_card
from node.trust.keys import NodeKeys, create_keys
from node.trust.words import words_of
from tests.trust_doors.foreign import ACTION, AGREEMENT, SERVICE
from tests.trust_doors.homes import Home

OPEN = ("--ref", AGREEMENT, "--service", SERVICE, "--action", ACTION)


@pytest.fixture(scope="module")
def south(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The other node, whose card is handed over."""
    return Home(tmp_path_factory.mktemp("south") / "home", "south")


@pytest.fixture
def north(tmp_path: Path) -> Home:
    """A fresh node that knows nobody."""
    return Home(tmp_path / "north", "north")


@pytest.fixture
def card(south: Home, tmp_path: Path) -> Path:
    return south.card(tmp_path)


def later_card(south: Home, folder: Path, **changes: object) -> Path:
    """A next card of south, signed by its identity key, with these fields instead."""
    keys = south.node().keys
    assert keys.identity is not None
    now = read_card(south.do("card")["card"])
    path = folder / f"later-{changes.get('serial', 'next')}.card"
    path.write_text(make_card(replace(now, **({"serial": now.serial + 1} | changes)), keys.identity))  # type: ignore[arg-type]
    return path


def other_keys(folder: Path) -> NodeKeys:
    return create_keys(folder / "other-keys", "south", "Office of south", now=datetime.now(UTC))


def test_a_card_alone_leaves_the_peer_unconfirmed_and_the_words_confirm_it(
    north: Home, south: Home, card: Path
) -> None:
    assert north.do("peer", "add", str(card))["state"] == "unconfirmed"
    assert north.do("peer", "show", "south")["words"] == south.words().split()
    assert north.do("peer", "confirm", "south", "--words", south.words().upper())["state"] == "confirmed"


def test_the_words_may_be_said_in_numbers(north: Home, south: Home, card: Path) -> None:
    places = (Path(words_of.__code__.co_filename).parent / "words.txt").read_text().split()
    numbers = " ".join(str(places.index(word) + 1) for word in south.words().split())
    assert north.do("peer", "add", str(card), "--words", numbers)["state"] == "confirmed"


def test_other_words_confirm_nothing(north: Home, south: Home, card: Path) -> None:
    north.do("peer", "add", str(card))
    said = north.refuses("peer", "confirm", "south", "--words", north.words())
    assert "not the words" in said
    one_wrong = ["zzz", *south.words().split()[1:]]
    assert "zzz" in north.refuses("peer", "confirm", "south", "--words", " ".join(one_wrong))
    assert north.state("south") == "unconfirmed"


def test_a_card_whose_words_are_wrong_is_not_added_at_all(north: Home, card: Path) -> None:
    north.refuses("peer", "add", str(card), "--words", north.words())
    assert north.do("peer", "list") == []


def test_nothing_is_sent_to_an_unconfirmed_peer_and_nothing_opened(north: Home, card: Path) -> None:
    north.set(allow_unilateral_terms=True)
    north.do("peer", "add", str(card))
    assert "not confirmed" in north.refuses("agreement", "unilateral", "--peer", "south", *OPEN)
    assert "not confirmed" in north.refuses("send", "--service", SERVICE, "--action", ACTION, "--to", "south")
    assert north.do("message", "list") == []


def test_terms_by_our_own_word_with_another_of_ours_need_the_setting(north: Home, south: Home, card: Path) -> None:
    north.do("peer", "add", str(card), "--words", south.words())
    assert "allow_unilateral_terms" in north.refuses("agreement", "unilateral", "--peer", "south", *OPEN)
    north.set(allow_unilateral_terms=True)
    north.do("agreement", "unilateral", "--peer", "south", *OPEN)
    sent = north.do("send", "--service", SERVICE, "--action", ACTION, "--to", "south")
    raw = north.run("message", "raw", sent["id"]).out
    assert '<eb:Property name="terms">unilateral</eb:Property>' in raw, "each message says so, signed"
    # Taken away, the setting takes the terms with it.
    north.set(allow_unilateral_terms=False)
    assert "No agreement" in north.refuses("send", "--service", SERVICE, "--action", ACTION, "--to", "south")


def test_a_card_with_a_changed_letter_is_refused(north: Home, card: Path) -> None:
    text = card.read_text()
    middle = len(text) // 2
    card.write_text(text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :])
    north.refuses("peer", "add", str(card))
    assert north.do("peer", "list") == []


def test_our_own_card_is_no_peers(north: Home, tmp_path: Path) -> None:
    assert "own card" in north.refuses("peer", "add", str(north.card(tmp_path)))


def test_a_later_card_replaces_the_certificates_and_withdraws_the_old_ones(
    north: Home, south: Home, card: Path, tmp_path: Path
) -> None:
    north.do("peer", "add", str(card), "--words", south.words())
    new = other_keys(tmp_path)
    later = later_card(
        south, tmp_path, signing=(new.signing_certificate,), encryption=(new.encryption_certificate,),
        address="https://south.example/as4",
    )  # fmt: skip
    shown = north.do("peer", "add", str(later))
    assert (shown["state"], shown["url"]) == ("confirmed", "https://south.example/as4")
    certificates = north.do("peer", "show", "south")["certificates"]
    held = {(one["use"], one["sha256"]) for one in certificates if one["revoked"] is None}
    gone = {(one["use"], one["sha256"]) for one in certificates if one["revoked"] is not None}
    keys = south.node().keys
    assert held >= {("signing", sha256(new, "signing")), ("encryption", sha256(new, "encryption"))}
    assert gone == {("signing", sha256(keys, "signing")), ("encryption", sha256(keys, "encryption"))}


def test_a_certificate_that_a_later_card_names_again_counts_again(
    north: Home, south: Home, card: Path, tmp_path: Path
) -> None:
    north.do("peer", "add", str(card), "--words", south.words())
    new = other_keys(tmp_path)
    north.do("peer", "add", str(later_card(south, tmp_path, signing=(new.signing_certificate,))))
    north.do("peer", "add", str(later_card(south, tmp_path, serial=7)))
    held = {
        one["sha256"]
        for one in north.do("peer", "show", "south")["certificates"]
        if one["use"] == "signing" and one["revoked"] is None
    }
    assert held == {sha256(south.node().keys, "signing")}


def test_an_older_card_is_refused_even_after_the_peer_was_removed(
    north: Home, south: Home, card: Path, tmp_path: Path
) -> None:
    north.do("peer", "add", str(later_card(south, tmp_path, serial=5)), "--words", south.words())
    assert "serial" in north.refuses("peer", "add", str(card))
    north.do("peer", "remove", "south")
    assert "serial" in north.refuses("peer", "add", str(card), "--words", south.words())
    assert north.state("south") == "removed"
    # The present one comes back, unconfirmed again.
    assert north.do("peer", "add", str(tmp_path / "later-5.card"))["state"] == "unconfirmed"


@pytest.mark.parametrize("confirmed", [True, False], ids=["confirmed", "unconfirmed"])
def test_a_card_with_another_identity_key_is_refused(
    north: Home, south: Home, card: Path, tmp_path: Path, confirmed: bool
) -> None:
    north.do("peer", "add", str(card), *(("--words", south.words()) if confirmed else ()))
    impostor = other_keys(tmp_path)
    assert impostor.identity is not None
    theirs: Card = replace(read_card(card.read_text()), identity=impostor.identity_raw, serial=9)
    forged = tmp_path / "forged.card"
    forged.write_text(make_card(theirs, impostor.identity))
    words = " ".join(words_of(impostor.identity_raw))
    assert "identity" in north.refuses("peer", "add", str(forged), "--words", words)
    assert north.do("peer", "show", "south")["words"] == south.words().split()


def test_a_card_that_has_ended_is_refused(north: Home, south: Home, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    ended = later_card(south, tmp_path, issued=yesterday - timedelta(days=1), ends=yesterday)
    assert "ends" in north.refuses("peer", "add", str(ended))


def test_a_card_without_a_suite_in_common_is_refused_in_words(north: Home, tmp_path: Path) -> None:
    keys = create_keys(tmp_path / "p256", "east", "East", now=datetime.now(UTC), suite="ecdsa-p256")
    assert keys.identity is not None
    template = read_card(north.do("card")["card"])
    theirs = replace(
        template, party="east", identity=keys.identity_raw, signing=(keys.signing_certificate,),
        encryption=(keys.encryption_certificate,), document=(keys.document_certificate,), suites=("ecdsa-p256",),
    )  # fmt: skip
    path = tmp_path / "east.card"
    path.write_text(make_card(theirs, keys.identity))
    said = north.refuses("peer", "add", str(path))
    assert "ecdsa-p256" in said
    assert "eddsa-x25519" in said


def test_our_card_stays_while_nothing_changes_and_gets_the_next_serial_when_something_does(north: Home) -> None:
    first = north.do("card")["card"]
    assert north.do("card")["card"] == first
    identity = north.folder / "keys" / "identity.key.pem"
    taken_away = identity.rename(north.folder / "away.pem")
    assert north.do("card")["card"] == first, "the card at hand needs no identity key"
    north.set(url="https://north.example/as4")
    assert "identity" in north.refuses("card")
    taken_away.rename(identity)
    second = read_card(north.do("card")["card"])
    assert (second.serial, second.address) == (read_card(first).serial + 1, "https://north.example/as4")


def sha256(keys: NodeKeys, use: str) -> str:
    from node.trust.certificates import fingerprint

    return fingerprint(getattr(keys, f"{use}_certificate"))


def test_a_card_may_leave_the_tls_certificate_to_a_public_authority(north: Home) -> None:
    pinned = read_card(north.do("card")["card"])
    assert len(pinned.tls) == 1
    north.set(card_names_tls=False)
    public = read_card(north.do("card")["card"])
    assert (public.tls, public.serial) == ((), pinned.serial + 1)


def test_a_peer_has_the_country_that_its_card_states(north: Home, south: Home, card: Path, tmp_path: Path) -> None:
    north.do("peer", "add", str(card), "--words", south.words())
    assert north.do("peer", "show", "south")["country"] is None
    kosovo = Home(tmp_path / "kosovo", "kosovo", init=("--country", "XKX"))
    assert north.do("peer", "add", str(kosovo.card(tmp_path)))["country"] == "XKX"
    assert [(one["party"], one["country"]) for one in north.do("peer", "list")] == [("kosovo", "XKX"), ("south", None)]
