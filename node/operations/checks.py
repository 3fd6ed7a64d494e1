"""The checks of a node: can it sign, decrypt and write, does it know its clock, how long do its certificates hold?

Each check really does what it names: a signature is made and verified, a key is agreed, a row is written. `needed`
tells whether the node is not ready without it.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from sqlalchemy import func, insert, select, update

from node.as4 import (
    ROLE_INITIATOR,
    As4Error,
    PartInfo,
    PartOctets,
    Party,
    PeerPolicy,
    UserMessage,
    compress,
    digest_for_signature,
    open_bytes,
    seal,
    sign,
)
from node.config import SECRETS_REMEDY, unknown_variables
from node.exchange.clock import ALLOWED_DIFFERENCE, ClockState, judge_clock, kernel_clock
from node.exchange.doubt import newest_recorded, open_doubt
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.peers import CONFIGURATION, load_peers
from node.exchange.reminders import untold
from node.exchange.revocations import FOLDER, RevocationFolder
from node.exchange.settlement import ALARM, MESSAGE
from node.exchange.webhooks import failing
from node.store.columns import table_of
from node.store.tables import PeerDelivery
from node.store.trouble import StoreUnavailable

CERTIFICATE_WARNING = timedelta(days=30)
RECEIVER_WARNING = timedelta(minutes=15)
PEERS_HEARD_WITHIN = timedelta(hours=1)
CLOCK_SAMPLES = 50

_PEER_DELIVERY = table_of(PeerDelivery)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `remedy` is empty when there is nothing to do."""

    name: str
    ok: bool
    found: str
    remedy: str
    needed: bool

    def as_value(self) -> dict[str, Any]:
        """As commands and pages show it."""
        return {"check": self.name, "ok": self.ok, "found": self.found, "remedy": self.remedy}


def run_checks(node: Node) -> list[Check]:
    """All checks, those that readiness needs first."""
    return [
        _attempted("sign", node, _sign, "Restore keys/signing.* of this home, then start the node again."),
        _attempted("decrypt", node, _decrypt, "Restore keys/encryption.* of this home, then start the node again."),
        _attempted("write", node, _write, "See to the database and its disk; messages are taken again by themselves."),
        _clock(node),
        _disk(node),
        _alarms(node),
        _revocation_lists(node),
        *_webhooks(node),
        *_mail(node),
        *_certificates(node),
        _domains(node),
        _settings(),
    ]


def clock_state(
    node: Node,
    step: timedelta = timedelta(0),
    since: datetime | None = None,
    asked: Mapping[str, timedelta] = MappingProxyType({}),
) -> ClockState:
    """Whether our clock may be trusted: by the kernel, by what peers signed in the last hour, by our own records.

    A process that goes on knows more: by how much the clock was set (`step`), and when that was seen (`since`: what
    was heard before says nothing); and it may have `asked` peers: their clocks less ours. Raises StoreUnavailable.
    """
    now = node.now()
    heard_since = now - PEERS_HEARD_WITHIN if since is None else max(since, now - PEERS_HEARD_WITHIN)

    def was_heard_lately(at: datetime) -> bool:
        # A time to come was written by a clock that stood ahead.
        return heard_since < at <= now + ALLOWED_DIFFERENCE

    heard = (
        select(MESSAGE.c.peer, MESSAGE.c.receipt_time, MESSAGE.c.disputed_time)
        .where(MESSAGE.c.direction == "out", MESSAGE.c.state == "delivered")
        .order_by(MESSAGE.c.id.desc())
        .limit(CLOCK_SAMPLES)
    )
    # A message may be old when it arrives, by retries: one that is not shows that the clocks agree, others nothing.
    came = (
        select(MESSAGE.c.peer, MESSAGE.c.timestamp, MESSAGE.c.time)
        .where(MESSAGE.c.direction == "in")
        .order_by(MESSAGE.c.id.desc())
        .limit(CLOCK_SAMPLES)
    )
    answered = select(_PEER_DELIVERY.c.party, _PEER_DELIVERY.c.last_success_at)
    with node.database.read() as connection:
        last_success = {party: at for party, at in connection.execute(answered) if at is not None}
        receipts = connection.execute(heard).all()
        arrivals = connection.execute(came).all()
        newest_time = newest_recorded(connection)
        doubted = open_doubt(connection)
    offsets: dict[str, timedelta] = {}
    for peer, receipt_time, was_disputed in receipts:
        at = last_success.get(peer)
        # The newest receipt of each peer was settled when the peer last answered: their difference is the clocks'.
        if peer not in offsets and at is not None and receipt_time is not None and was_heard_lately(at):
            offset = receipt_time - at
            # The peer may have answered since without a receipt: a close pair reassures; a distant one says something
            # only if the attempt that brought the receipt had found it so.
            if was_disputed == (abs(offset) > ALLOWED_DIFFERENCE):
                offsets[peer] = offset
    for peer, timestamp, time in arrivals:
        if was_heard_lately(time) and abs(timestamp - time) <= ALLOWED_DIFFERENCE:
            offsets.setdefault(peer, timestamp - time)
    if doubted or (newest_time is not None and newest_time - now > ALLOWED_DIFFERENCE):
        # What was noted by a clock that may have been another says nothing of this one.
        offsets = {}
    offsets |= asked
    return judge_clock(kernel_clock(), list(offsets.values()), newest_time, now, step, doubted)


def _webhooks(node: Node) -> list[Check]:
    """Whether receivers of events take them; an address is named by its host, the rest may be a secret."""
    if not node.settings.webhooks:
        return []
    if node.settings.unsigned_webhooks:
        return [Check("webhooks", False, node.settings.unsigned_webhooks, SECRETS_REMEDY, needed=False)]
    try:
        with node.database.read() as connection:
            since = failing(connection)
    except StoreUnavailable as trouble:
        return [Check("webhooks", False, str(trouble), "See the check `write`.", needed=False)]
    silent = {one: told for one, told in since.items() if node.now() - told[0] >= RECEIVER_WARNING}
    if not silent:
        return [Check("webhooks", True, f"{len(node.settings.webhooks)} receivers take events", "", needed=False)]
    found = "; ".join(
        f"{urlsplit(one).netloc} takes none since {instant_text(at)}: {answer}" for one, (at, answer) in silent.items()
    )
    return [Check("webhooks", False, found, "See to the receiver, or correct the setting webhooks.", needed=False)]


def _mail(node: Node) -> list[Check]:
    """Whether those who have what is due are told by mail."""
    if node.settings.mail_server is None:
        return []
    try:
        with node.database.read() as connection:
            found = untold(connection, node.now())
    except StoreUnavailable as trouble:
        return [Check("mail", False, str(trouble), "See the check `write`.", needed=False)]
    remedy = "Correct addresses (`depesha user add NAME --role R --mail A`) and mail_server; settle what was refused."
    return [Check("mail", not found, "; ".join(found) or "reminders are taken", "" if not found else remedy, False)]


def _attempted(name: str, node: Node, act: Callable[[Node], str], remedy: str) -> Check:
    try:
        return Check(name, True, act(node), "", needed=True)
    except (StoreUnavailable, As4Error, InvalidSignature, UnsupportedAlgorithm, ValueError, OSError) as error:
        return Check(name, False, f"{type(error).__name__}: {error}"[:300], remedy, needed=True)


def _sign(node: Node) -> str:
    data = os.urandom(32)
    signature = node.suite.sign(node.keys.signing_key, data)
    node.suite.verify(node.keys.signing_certificate.public_key(), signature, data)
    return "a signature was made and verified"


def _decrypt(node: Node) -> str:
    """A message to ourselves: signed, encrypted for our certificate, opened with our key."""
    content = os.urandom(16)
    octets = b"".join(compress([content], os.urandom(16)))
    info = PartInfo(content_id="check@depesha", mime_type="application/octet-stream", compressed=True)
    party = Party(node.party, node.settings.party_type, ROLE_INITIATOR)
    header = UserMessage("check@depesha", node.now(), party, party, "check", "check", "check", parts=(info,))
    signed = sign(header, [digest_for_signature([octets], info)], node.signing, node.suite)
    parts = [PartOctets(info, len(octets), lambda: [octets])]
    wire = seal(signed.xml, parts, node.keys.encryption_certificate, node.suite)
    policy = PeerPolicy(suite=node.suite, accepts_signer=lambda certificate: None, decryption=node.decryption)
    _, contents = open_bytes(wire.content_type, b"".join(wire.chunks()), lambda _: policy)
    if contents != [content]:
        raise ValueError("what was decrypted is not what was encrypted")
    return "a message to ourselves was encrypted and opened"


def _write(node: Node) -> str:
    with node.database.write() as connection:
        if not connection.execute(update(CONFIGURATION).values(version=CONFIGURATION.c.version)).rowcount:
            connection.execute(insert(CONFIGURATION).values(id=1, version=0))
    blob = node.blobs.create()
    try:
        blob.write(b"check")
    finally:
        blob.abort()
    return "a row and a file were written"


def _clock(node: Node) -> Check:
    try:
        state = clock_state(node)
    except StoreUnavailable as error:
        return Check("clock", False, str(error), "See to the database.", needed=True)
    remedy = (
        ""
        if state.trusted
        else "Synchronise this machine's clock (chrony, systemd-timesyncd), or exchange a record (no ping) with a peer."
    )
    return Check("clock", state.trusted, state.found, remedy, needed=True)


def _disk(node: Node) -> Check:
    free = shutil.disk_usage(node.home).free // 1_000_000
    floor = node.settings.disk_floor_megabytes
    ok = free >= floor
    remedy = "" if ok else f"Free space on the disk of {node.home}: intake has stopped until then, sending goes on."
    return Check("disk", ok, f"{free} MB free, intake stops below {floor}", remedy, needed=True)


def _alarms(node: Node) -> Check:
    """A node with open alarms works; a person has to look at them."""
    query = select(func.count()).select_from(ALARM).where(ALARM.c.settled_at.is_(None))
    try:
        with node.database.read() as connection:
            count = connection.scalar(query) or 0
    except StoreUnavailable as error:
        return Check("alarms", False, str(error), "See to the database.", needed=False)
    remedy = "" if count == 0 else "Look at them with: depesha alarm list. Each says what it is about."
    return Check("alarms", count == 0, f"{count} open", remedy, needed=False)


def _domains(node: Node) -> Check:
    """Whether every domain folder was loaded: records of one that was not are neither sent nor taken."""
    name, broken = "domains", node.domains.broken
    if not broken:
        return Check(name, True, ", ".join(sorted(one.namespace for one in node.domains)), "", needed=False)
    remedy = "Mend the folder, then start the node again. Until then its records are neither sent nor taken."
    return Check(name, False, "; ".join(map(str, broken)), remedy, needed=False)


def _revocation_lists(node: Node) -> Check:
    """Whether the lists of peers' authorities are there, can be read, and are not overdue; old ones stay in use."""
    name = "revocation-lists"
    try:
        with node.database.read() as connection:
            peers = [peer for peer in load_peers(connection).values() if peer.state != "removed"]
    except StoreUnavailable as error:
        return Check(name, False, str(error), "See to the database.", needed=False)
    authorities = [known.certificate for peer in peers for known in peer.certificates_for("ca")]
    try:
        found = RevocationFolder(node.home).findings(authorities, node.now())
    except OSError as error:
        return Check(name, False, f"{FOLDER} cannot be read: {error.strerror}", "See to its rights.", needed=False)
    problems = [f"{one.file.name}: {one.problem}" for one in found if one.problem is not None]
    listed = {one.authority for one in found}
    problems += [
        f"no list of the authority that certified {peer.party}, whose certificate names one"
        for peer in peers
        if (by := {known.certificate for known in peer.certificates_for("ca")})
        and not by & listed
        and any(
            known.revoked_at is None and _names_a_list(known.certificate) for known in peer.certificates_for("signing")
        )
    ]
    remedy = "" if not problems else f"Fetch the authority's newest list into {node.home / FOLDER}; it counts at once."
    return Check(name, not problems, "; ".join(problems) or f"{len(found)} in use", remedy, needed=False)


def _names_a_list(certificate: x509.Certificate) -> bool:
    try:
        certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return False
    return True


def _settings() -> Check:
    """The file of settings is judged when it is read; a variable that names none is seen here only."""
    unknown = unknown_variables()
    remedy = "" if not unknown else "Correct their names, or remove them: they change nothing."
    found = "all are known" if not unknown else "no settings: " + ", ".join(unknown)
    return Check("settings", not unknown, found, remedy, needed=False)


def _certificates(node: Node) -> Sequence[Check]:
    checks = []
    for name in ("signing", "encryption", "tls"):
        certificate = getattr(node.keys, f"{name}_certificate")
        left = certificate.not_valid_after_utc - node.now()
        ok = left > CERTIFICATE_WARNING
        remedy = "" if ok else "Make new keys and give peers your new card before this one ends."
        checks.append(
            Check(f"certificate-{name}", ok, f"{left.days} days left", remedy, needed=left.total_seconds() < 0)
        )
    return checks
