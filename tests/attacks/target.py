"""The node under attack: a real process with a real store, which must refuse, keep nothing, and go on serving.

It is *red* of the recorded keys; *blue* and *green* are its partners, each with keys of its own. What an attack sends
goes over a socket to its outside listener; what became of it is read from its store and its running log.
"""

import base64
import contextlib
import http.client
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from sqlalchemy import Table, func, literal, select, union_all

from node.as4 import ErrorSignal, Receipt, SigningIdentity, read_response
from node.as4.suite import der_of
from node.exchange.node import Node
from node.exchange.refusals import KIND
from node.exchange.settlement import ALARM, MESSAGE
from node.store.tables import metadata
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.as4 import material, recordings
from tests.as4.material import Parties
from tests.as4.surgery import CONTENTS, Surgery
from tests.exchange.wire import Reply
from tests.trust_doors.homes import Home

AGREEMENT, SERVICE, ACTION = "urn:depesha:agreement:1", "urn:example:trade:1", "application"
RECORDS = ("urn:depesha:returns:1", "ReadmissionApplication")
PARTY_TYPE = "urn:party"
# What the running log says when a request met a fault of the node's own.
OWN_FAULT = "could not be handled"
# An attack that gets no answer at all has found a way to hold a connection.
ANSWER_SECONDS = 30

# Alarms that a partner's messages were refused come beside the answer, in their own time, one for each code at most.
COUNTS = union_all(
    *(select(literal(t.name), func.count()).select_from(t) for t in metadata.sorted_tables if t is not ALARM),
    select(literal(ALARM.name), func.count()).select_from(ALARM).where(ALARM.c.kind != KIND),
)


def self_made(party: str) -> SigningIdentity:
    """A signing identity that somebody makes for himself, in the name of a party."""
    key = Ed25519PrivateKey.generate()
    subject = subject_of(party, f"Office of {party}")
    certificate = make_certificate(
        SELF_MADE[Use.SIGNING], key.public_key(), subject, Issuer(subject, key), datetime.now(UTC)
    )
    return SigningIdentity(key, certificate)


STRANGER = self_made("blue")
"""Nobody's partner, who writes a partner's name on a certificate of his own."""
GREEN = self_made("green")
"""A partner too: with valid keys, but not those of blue."""


def valid(contents: Any = CONTENTS, who: Parties | None = None, **header: Any) -> Surgery:
    """A message of blue's that is good as it stands, with an id of its own, to be changed."""
    _, wire = material.sealed(contents, who, **{"message_id": f"{uuid.uuid4()}@blue.example", **header})
    return Surgery(who=who, wire=wire)


def signing_token(s: Surgery) -> etree._Element:
    """The token with the signer's certificate: the second, after that of the recipient."""
    return s.all(".//wsse:BinarySecurityToken")[1]


def by(s: Surgery, identity: SigningIdentity) -> None:
    """Let the message be signed by another, with his certificate."""
    signing_token(s).text = base64.b64encode(der_of(identity.certificate)).decode()
    s.who = replace(s.who, sender=identity)


def from_green(**header: Any) -> Surgery:
    """A good message of green's."""
    message = valid(sender=replace(material.SENDER, id="green"), **header)
    by(message, GREEN)
    message.resign()
    return message


@dataclass(frozen=True)
class State:
    """All that the node keeps: the number of rows of each table, and the blobs."""

    rows: Mapping[str, int]
    blobs: frozenset[str]


class Target:
    """The running node. `url` its wire, `address` its outside listener."""

    def __init__(self, home: Home, who: Parties | None = None) -> None:
        self.home = home
        self.who = who or material.parties()
        self.address = home.outside
        self._read_to = 0

    @cached_property
    def node(self) -> Node:
        """The same node opened here, to look into its store."""
        return self.home.node()

    def close(self) -> None:
        """Leave nothing open."""
        if "node" in self.__dict__:
            self.node.database.close()

    def post(self, content_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Send bytes to the wire over a connection of their own."""
        connection = http.client.HTTPConnection(self.address, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", "/as4", body, {"Content-Type": content_type, **(headers or {})})
            answer = connection.getresponse()
            kind, later = answer.headers.get("Content-Type", ""), answer.headers.get("Retry-After")
            return Reply(answer.status, kind, later, answer.read())
        finally:
            connection.close()

    def state(self) -> State:
        """What is kept now, but for the alarms that partners' messages were refused: they come beside the answer."""
        with self.node.database.read() as connection:
            rows = {row[0]: row[1] for row in connection.execute(COUNTS)}
        blobs = frozenset(path.name for path in (self.home.folder / "blobs").rglob("*") if path.is_file())
        return State(rows, blobs)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table."""
        with self.node.database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def said(self) -> str:
        """What the running log says since the last look."""
        with self.home.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._read_to)
            text = log.read()
            self._read_to = log.tell()
        return text

    def serves(self) -> None:
        """Take a good message: exactly one more is received, and its receipt says so."""
        before = self._received()
        good = valid(who=self.who)
        reply = self.post(good.content_type, good.body())
        assert is_receipt(reply), reply
        assert self._received() == before + 1

    def _received(self) -> int:
        with self.node.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(MESSAGE)) or 0

    @contextlib.contextmanager
    def unmoved(self, besides: tuple[str, ...] = (), *, alarms: bool = True) -> Iterator[None]:
        """Nothing more is kept after the block than before, and no fault of the node's own came to light.

        besides: tables that may grow, since the attack is to be noted there. Without `alarms` our people are told of
        nothing either: what they are told of comes beside the answer, but the log says before it that it will.
        """
        before = self.state()
        self.said()
        yield
        after = self.state()
        grown = {name for name, count in after.rows.items() if count != before.rows[name]} - set(besides)
        assert not grown, f"the node kept something of it in {sorted(grown)}"
        assert after.blobs == before.blobs
        said = self.said()
        assert OWN_FAULT not in said, said
        assert "Traceback" not in said, said
        assert alarms or not any(line["proved"] and line["peer"] for line in refused_in(said)), said


def refused_in(said: str) -> list[dict[str, Any]]:
    """What the running log says of messages that were refused."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "refused"]


def is_receipt(reply: Reply) -> bool:
    """Whether an answer is a receipt, whoever signed it."""
    return reply.status == 200 and isinstance(read_response(reply.content_type, reply.body).signal, Receipt)


def code_of(reply: Reply) -> str:
    """The code of the refusal: of the one error in the signal, or `HTTP 400` where nothing came that ebMS answers."""
    if reply.status != 200:
        return f"HTTP {reply.status}"
    signal = read_response(reply.content_type, reply.body).signal
    assert isinstance(signal, ErrorSignal), f"answered by {type(signal).__name__}"
    (error,) = signal.errors
    return error.code


def _pem(folder: Path, identity: SigningIdentity, name: str) -> str:
    path = folder / f"{name}.pem"
    path.write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    return str(path)


@contextlib.contextmanager
def running_target(folder: Path, suite: str = "eddsa-x25519", **settings: Any) -> Iterator[Target]:
    """The node, made from the recorded keys of that suite, serving with blue and green as partners."""
    keys = recordings.VECTORS / "keys"
    infix = "-p256" if suite == "ecdsa-p256" else ""
    init = ["--party-type", PARTY_TYPE]
    for use, name in (("signing", "sign"), ("encryption", "kex")):
        init += [f"--{use}-cert", str(keys / f"red{infix}-{name}.cert.pem")]
        init += [f"--{use}-key", str(keys / f"red{infix}-{name}.key.pem")]
    home = Home(folder / "red", "red", init=tuple(init))
    home.set(allow_unilateral_terms=True, **settings)
    blue = [str(keys / f"blue{infix}-{name}.cert.pem") for name in ("sign", "kex")]
    partners = [("blue", *blue)]
    if not infix:
        partners.append(("green", _pem(folder, GREEN, "green"), blue[1]))
    for party, signing, encryption in partners:
        home.do(
            "peer", "add", "--party", party, "--party-type", PARTY_TYPE, "--url", "http://127.0.0.1:9/as4",
            "--signing-cert", signing, "--encryption-cert", encryption,
        )  # fmt: skip
        for service, action in ((SERVICE, ACTION), RECORDS):
            home.do(
                "agreement", "unilateral", "--peer", party, "--ref", AGREEMENT, "--service", service, "--action", action
            )
    with home.serving():
        target = Target(home, material.parties(suite))
        try:
            yield target
        finally:
            target.close()
