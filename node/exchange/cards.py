"""Party cards: our own, made when what it says has changed, and peers' cards taken in and confirmed by eight words."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from node.exchange.node import Node
from node.exchange.peers import PEER, KnownPeer, PeerRefused, add_peer, load_peers, set_peer_state
from node.trust.card import Card, CardDomain, card_of, check_card, make_card, read_card
from node.trust.suites import strongest_common
from node.trust.words import parse_words, words_match, words_of

CARD_FILE = "card.jws"
VALID_FOR = timedelta(days=3 * 365)


def own_card(node: Node) -> tuple[str, tuple[str, ...]]:
    """Our card and our eight words. A new card, with the next serial, when anything it says has changed.

    Raises PeerRefused when a new one is due and our address or the identity key is missing.
    """
    path = node.home / CARD_FILE
    text = path.read_text(encoding="ascii").strip() if path.exists() else None
    known = None if text is None else read_card(text)
    now = node.now()
    wanted = _wanted(node, serial=1 if known is None else known.serial + 1)
    current = known is not None and known.ends > now and _says_the_same(known, wanted)
    if text is None or not current:
        if node.keys.identity is None:
            raise PeerRefused(
                "A new card has to be signed, and the identity key is not here. "
                "Put keys/identity.key.pem back into this home for as long as this takes."
            )
        text = make_card(wanted, node.keys.identity)
        _write(path, text)
    return text, words_of(node.keys.identity_raw)


def add_by_card(node: Node, text: str, words: str | None) -> KnownPeer:
    """Take in a peer's card; unconfirmed until its words are compared, now or later. Raises CardRefused, WordsRefused.

    A later card of a peer that is confirmed leaves it confirmed: the same identity key has signed it.
    """
    card = read_card(text)
    now = node.now()
    if card.party == node.party:
        raise PeerRefused("This is this node's own card. Add the card of a peer.")
    with node.database.read() as connection:
        held = load_peers(connection).get(card.party)
        held_card = connection.scalar(select(PEER.c.card).where(PEER.c.party == card.party))
    known = read_card(held_card) if held_card and held is not None and held.state != "removed" else None
    check_card(card, now, known)
    if held is not None and held.identity_key == card.identity and card.serial < (held.card_serial or 0):
        raise PeerRefused(
            f"This is an old card of {card.party}, serial {card.serial}; number {held.card_serial} was here before it "
            "was removed. Ask them for their present card: keys of an old one may be in other hands."
        )
    confirmed = known is not None and held is not None and held.state == "confirmed"
    if words is not None:
        _require_words(words, card.identity, card.party)
        confirmed = True
    suite = strongest_common((node.keys.suite,), card.suites)
    certificates = [
        *(("signing", one) for one in card.signing_for(suite)),
        *(("encryption", one) for one in card.encryption_for(suite)),
        *(("tls", one) for one in card.tls),
        *(("document", one) for one in card.document),
    ]
    with node.database.write() as connection:
        add_peer(
            connection,
            party=card.party,
            party_type=card.party_type,
            name=card.name,
            kind="card",
            state="confirmed" if confirmed else "unconfirmed",
            url=card.address,
            suite=suite,
            certificates=certificates,
            identity_key=card.identity,
            card=text,
            card_serial=card.serial,
            depesha=True,
            now=now,
        )
    return _known(node, card.party)


def confirm_by_words(node: Node, party: str, words: str) -> KnownPeer:
    """Confirm a peer whose words, as heard, are those of its identity key. Raises PeerRefused, WordsRefused."""
    peer = _known(node, party)
    if peer.identity_key is None:
        raise PeerRefused(f"{party} was added without a card, so it has no words: it is trusted as given.")
    if peer.state == "removed":
        raise PeerRefused(f"{party} was removed. Add its card again first.")
    _require_words(words, peer.identity_key, party)
    with node.database.write() as connection:
        set_peer_state(connection, party, "confirmed", node.now())
    return _known(node, party)


def words_of_peer(peer: KnownPeer) -> tuple[str, ...]:
    """The eight words of a peer with a card; none of one without."""
    return () if peer.identity_key is None else words_of(peer.identity_key)


def _require_words(words: str, identity: bytes, party: str) -> None:
    if not words_match(parse_words(words), identity):
        raise PeerRefused(
            f"These are not the words of the card of {party}. Somebody may have exchanged the card on its way: "
            "let them send it again, by another way, and compare once more."
        )


def _wanted(node: Node, serial: int) -> Card:
    settings = node.settings
    if settings.url is None:
        raise PeerRefused("A card tells peers where to reach us: set url in depesha.toml (the wire's full address).")
    now = node.now()
    return card_of(
        node.keys,
        party=settings.party,
        party_type=settings.party_type,
        name=settings.name,
        country=settings.country,
        serial=serial,
        issued=now,
        ends=min(now + VALID_FOR, node.keys.signing_certificate.not_valid_after_utc),
        address=settings.url,
        domains=[CardDomain(one.namespace, one.digest) for one in node.domains],
        pin_tls=settings.card_names_tls,
    )


def _says_the_same(known: Card, wanted: Card) -> bool:
    return replace(known, serial=0, issued=wanted.issued, ends=wanted.ends) == replace(wanted, serial=0)


def _write(path: Path, text: str) -> None:
    """Replace the file in one step: a card with its serial is never lost halfway."""
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _known(node: Node, party: str) -> KnownPeer:
    with node.database.read() as connection:
        peer = load_peers(connection).get(party)
    if peer is None:
        raise PeerRefused(f"There is no peer {party!r}. `depesha peer list` shows those that are known.")
    return peer
