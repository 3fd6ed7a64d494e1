"""The peers in our tables: added by card, by certificate or on paper; what is believed of each, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from node.store.columns import new_row_id, table_of
from node.store.prepared import Prepared
from node.store.tables import Configuration, Peer, PeerCertificate
from node.trust.card import country_of_card

PEER = table_of(Peer)
CERTIFICATE = table_of(PeerCertificate)
CONFIGURATION = table_of(Configuration)
_VERSION = Prepared(select(CONFIGURATION.c.version))


class PeerRefused(Exception):
    """A peer cannot be added, found or used so; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A certificate that we hold of a peer, and since when it is revoked (None: it is not)."""

    use: str
    certificate: x509.Certificate
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A peer as our tables have it. `kind`: card, pinned or paper; `state`: unconfirmed, confirmed or removed."""

    party: str
    party_type: str | None
    name: str
    kind: str
    state: str
    url: str | None
    suite: str | None
    depesha: bool
    signing_subject: str | None
    card_serial: int | None
    identity_key: bytes | None
    country: str | None
    """ISO 3166-1 alpha-3 or XKX, from its card; None for a peer without one, or whose card states none."""
    certificates: tuple[KnownCertificate, ...]

    def certificates_for(self, use: str) -> tuple[KnownCertificate, ...]:
        """Those for `use` (signing, encryption, tls, ca), newest first."""
        return tuple(known for known in self.certificates if known.use == use)


def load_peers(connection: Connection) -> dict[str, KnownPeer]:
    """All peers with their certificates, removed ones included, by party id."""
    certificates: dict[str, list[KnownCertificate]] = {}
    for row in connection.execute(select(CERTIFICATE).order_by(CERTIFICATE.c.id.desc())).mappings():
        known = KnownCertificate(row["use"], x509.load_der_x509_certificate(row["der"]), row["revoked_at"])
        certificates.setdefault(row["party"], []).append(known)
    return {
        row["party"]: KnownPeer(
            party=row["party"],
            party_type=row["party_type"],
            name=row["name"],
            kind=row["kind"],
            state=row["state"],
            url=row["url"],
            suite=row["suite"],
            depesha=row["depesha"],
            signing_subject=row["signing_subject"],
            card_serial=row["card_serial"],
            identity_key=row["identity_key"],
            country=country_of_card(row["card"]) if row["card"] else None,
            certificates=tuple(certificates.get(row["party"], ())),
        )
        for row in connection.execute(select(PEER)).mappings()
    }


def add_peer(
    connection: Connection,
    *,
    party: str,
    party_type: str | None,
    name: str,
    kind: str,
    state: str,
    url: str | None,
    suite: str | None,
    certificates: Sequence[tuple[str, x509.Certificate]],
    now: datetime,
    signing_subject: str | None = None,
    identity_key: bytes | None = None,
    card: str | None = None,
    card_serial: int | None = None,
    depesha: bool = False,
) -> None:
    """Write a peer and its certificates; one that was there is replaced, its counters and old certificates stay.

    A certificate that is not given again is withdrawn from now on; one that was withdrawn and is given again counts.
    """
    values = {
        "party_type": party_type,
        "name": name,
        "kind": kind,
        "state": state,
        "url": url,
        "suite": suite,
        "identity_key": identity_key,
        "card": card,
        "card_serial": card_serial,
        "signing_subject": signing_subject,
        "depesha": depesha,
        "confirmed_at": now if state == "confirmed" else None,
    }
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    connection.execute(
        make(PEER)
        .values(party=party, sequence_out=0, sequence_in=0, added_at=now, **values)
        .on_conflict_do_update(index_elements=["party"], set_=values)
    )
    held = {
        (row.use, row.sha256): row.id
        for row in connection.execute(
            select(CERTIFICATE.c.id, CERTIFICATE.c.use, CERTIFICATE.c.sha256).where(CERTIFICATE.c.party == party)
        )
    }
    kept: set[int] = set()
    for use, certificate in certificates:
        digest = certificate.fingerprint(hashes.SHA256()).hex()
        if (use, digest) in held:
            kept.add(held[use, digest])
            continue
        connection.execute(
            insert(CERTIFICATE).values(
                id=new_row_id(now),
                party=party,
                use=use,
                der=certificate.public_bytes(serialization.Encoding.DER),
                sha256=digest,
                subject=certificate.subject.rfc4514_string(),
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                added_at=now,
            )
        )
    if kept:
        connection.execute(update(CERTIFICATE).where(CERTIFICATE.c.id.in_(kept)).values(revoked_at=None))
    withdrawn = [row_id for row_id in held.values() if row_id not in kept]
    if withdrawn:
        connection.execute(
            update(CERTIFICATE)
            .where(CERTIFICATE.c.id.in_(withdrawn), CERTIFICATE.c.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    configuration_changed(connection)


def set_peer_state(connection: Connection, party: str, state: str, now: datetime) -> None:
    """Move a peer to `state`. Raises PeerRefused when it is not known."""
    values: dict[str, object] = {"state": state}
    if state == "confirmed":
        values["confirmed_at"] = now
    if connection.execute(update(PEER).where(PEER.c.party == party).values(values)).rowcount == 0:
        raise PeerRefused(f"There is no peer {party!r}. `depesha peer list` shows those that are known.")
    configuration_changed(connection)


def configuration_changed(connection: Connection) -> None:
    """Let every process load peers and agreements anew; in the transaction that changed them."""
    if not connection.execute(update(CONFIGURATION).values(version=CONFIGURATION.c.version + 1)).rowcount:
        connection.execute(insert(CONFIGURATION).values(id=1, version=1))


def configuration_version(connection: Connection) -> int:
    """The number that rises with each change of peers and agreements."""
    return _VERSION.scalar(connection) or 0
