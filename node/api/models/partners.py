"""Partners, their certificates, and agreements with them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from node.api.models.messages import ErrorSignal
from node.api.models.values import MESSAGE_ID, Instant, Text, example

_PEER: dict[str, Any] = {
    "party": "FRA-MOI", "party_type": None, "name": "Ministry of the Interior · France", "country": "FRA",
    "kind": "card", "state": "confirmed", "url": "https://depesha.interior.example/as4", "suite": "eddsa-x25519",
    "card_serial": 1,
}  # fmt: skip


_PAIR = {"service": "urn:depesha:example:1", "service_type": None, "action": "Application"}


_AGREEMENT: dict[str, Any] = {
    "id": "380216543210987654", "ref": None, "peer": "FRA-MOI", "kind": "unilateral", "state": "in force",
    "pairs": [_PAIR],
}  # fmt: skip


Pem = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]


class Partner(BaseModel):
    """A partner: a peer of this node, or one on paper."""

    model_config = example(_PEER)
    party: str
    party_type: str | None
    name: str
    country: str | None
    kind: str
    state: str
    url: str | None
    suite: str | None
    card_serial: int | None


class Certificate(BaseModel):
    """A certificate that is held of a partner."""

    use: str
    subject: str
    sha256: str
    not_before: Instant
    not_after: Instant
    revoked: Instant | None


class PartnerWithTrust(Partner):
    """A partner with its words, certificates, and the numbers of its messages that are missing."""

    model_config = example(_PEER | {"words": ["anchor"] * 8, "certificates": [], "missing": []})
    words: list[str]
    certificates: list[Certificate]
    missing: list[str]


class Card(BaseModel):
    """A partner's card, with its eight words if they were heard by telephone already."""

    model_config = example({"card": "eyJhbGciOiJFZERTQSJ9.…", "words": None}, strict=True)
    card: Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
    words: Text | None = None


class PaperPartner(BaseModel):
    """A partner without a node: its cases run by acts on paper."""

    model_config = example({"party": "MNE-MUP", "party_type": None, "name": "Ministry of the Interior"}, strict=True)
    party: Text
    party_type: Text | None = None
    name: Text


class PinnedPartner(BaseModel):
    """A partner whose certificates (PEM) a person vouches for; `ca`: who issued them, believed for that subject."""

    model_config = example(
        {
            "party": "FRA-MOI", "party_type": None, "name": "Ministry of the Interior",
            "url": "https://as4.interior.example/as4", "signing_cert": "-----BEGIN CERTIFICATE-----…",
            "encryption_cert": "-----BEGIN CERTIFICATE-----…", "ca": None,
        },
        strict=True,
    )  # fmt: skip
    party: Text
    party_type: Text | None = None
    name: Text | None = None
    url: Text
    signing_cert: Pem
    encryption_cert: Pem
    ca: Pem | None = None


class OwnCard(BaseModel):
    """Our card, with the words that a partner compares by telephone."""

    model_config = example({"party": "FRA-MOI", "card": "eyJhbGciOiJFZERTQSJ9.…", "words": ["anchor"] * 8})
    party: str
    card: str
    words: list[str]


class Words(BaseModel):
    """The eight words of a partner, or their numbers, as heard by telephone."""

    model_config = example({"words": "anchor basin cable dune ember flint grove hazel"}, strict=True)
    words: Text


class Removed(BaseModel):
    """A partner from which nothing more is taken."""

    model_config = example({"party": "FRA-MOI", "state": "removed"})
    party: str
    state: str


class Ping(BaseModel):
    """What came of a test message."""

    model_config = example(
        {
            "party": "FRA-MOI",
            "id": MESSAGE_ID,
            "receipt": True,
            "receipt_time": "2026-04-17T08:12:32.117Z",
            "error": None,
        }
    )
    party: str
    id: str
    receipt: bool
    receipt_time: Instant | None
    error: ErrorSignal | None


class Pair(BaseModel):
    """A service and action that an agreement opens."""

    model_config = example(_PAIR)
    service: str
    service_type: str | None
    action: str


class Agreement(BaseModel):
    """An agreement with a partner."""

    model_config = example(_AGREEMENT)
    id: str
    ref: str | None
    peer: str
    kind: str
    state: str
    pairs: list[Pair]


class NewPair(BaseModel):
    """Pairs of a service and actions to be opened by our own word: of `action` and `actions`, or with neither of all
    records of a domain."""

    model_config = example({"peer": "FRA-MOI", "ref": None, **_PAIR}, strict=True)
    peer: Text
    ref: Text | None = None
    service: Text
    service_type: Text | None = None
    action: Text | None = None
    actions: list[Text] = Field(default_factory=list, max_length=100)


class Ended(BaseModel):
    """An agreement that has ended, and how many messages that waited under it will not be sent."""

    model_config = example({"id": "380216543210987654", "state": "ended", "refused": 0})
    id: str
    state: str
    refused: int
