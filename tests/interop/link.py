"""One node of ours and the phase4 endpoints that it exchanges with, in one suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.contents import Payload
from tests.interop.keys import PartyKeys, make_party
from tests.interop.nodes import NodeByCommand
from tests.interop.phase4 import Inbox, Phase4

AGREEMENT = "urn:as4:agreement"
SERVICE = "urn:depesha:service"
ACTION = "urn:depesha:action"
# The same with its last letter changed on the way: agreed on too, so that only the signature can tell.
ACTION_CHANGED = "urn:depesha:actiox"
# Open on our side alone.
ACTION_UNKNOWN_TO_THEM = "urn:depesha:not-with-blue"
ACTIONS = (ACTION, ACTION_CHANGED)

OURS = "red"
PARTY_TYPE = "urn:oasis:names:tc:ebcore:partyid-type:unregistered:depesha"
SERVICE_TYPE = "urn:depesha:service-type"
TEST_SERVICE = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/service"
TEST_ACTION = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/test"


@dataclass(frozen=True, slots=True)
class Peer:
    """How one phase4 party behaves, and what our node is told about it."""

    name: str
    typed: bool = False
    # phase4's profile check wants originalSender and finalRecipient
    four_corners: bool = False
    # Its application refuses everything with these words
    refusal: str | None = None
    # Our node was given another certificate than it signs with, or decrypts by
    wrong_signing_cert: bool = False
    wrong_encryption_cert: bool = False


PEERS = (
    Peer("blue"),
    Peer("green", typed=True, four_corners=True),
    Peer("orange", refusal="nobody here takes that"),
    Peer("violet", wrong_signing_cert=True),
    Peer("amber", wrong_encryption_cert=True),
)


@dataclass
class Link:
    """Everything that a test needs of both sides."""

    suite: str
    phase4: Phase4
    node: NodeByCommand
    directory: Path
    ours: PartyKeys
    keys: dict[str, PartyKeys] = field(default_factory=dict)
    stranger: PartyKeys = field(init=False)

    def __post_init__(self) -> None:
        self.stranger = make_party(self.directory / "keys", "stranger", self.suite)

    def add(self, peer: Peer) -> None:
        """Let phase4 serve `peer`, and tell our node about it."""
        keys = self.keys[peer.name] = make_party(self.directory / "keys", peer.name, self.suite)
        pairs = [
            {"service": SERVICE, "action": action, "service_type": SERVICE_TYPE if peer.typed else None}
            for action in ACTIONS
        ]
        url = self.phase4.order(
            "serve",
            path=self.path(peer.name),
            suite=self.suite,
            party=peer.name,
            peer=OURS,
            agreement=AGREEMENT,
            pairs=pairs,
            four_corners=peer.four_corners,
            refusal=peer.refusal,
            keys=keys.as_order(),
            peer_sign_cert=str(self.ours.sign_cert),
            out=str(self.inbox(peer.name).directory),
        )["url"]
        signing = self.stranger.sign_cert if peer.wrong_signing_cert else keys.sign_cert
        encryption = self.stranger.kex_cert if peer.wrong_encryption_cert else keys.kex_cert
        certificates = ("--signing-cert", str(signing), "--encryption-cert", str(encryption))
        typed = ("--party-type", PARTY_TYPE) if peer.typed else ()
        self.node.do("peer", "add", "--party", peer.name, *typed, "--url", url, *certificates)
        service = ("--service", SERVICE, *(("--service-type", SERVICE_TYPE) if peer.typed else ()))
        for action in (*ACTIONS, ACTION_UNKNOWN_TO_THEM):
            self.node.do(
                "agreement", "unilateral", "--peer", peer.name, "--ref", AGREEMENT, *service, "--action", action
            )

    def path(self, name: str) -> str:
        """Where phase4 serves this party."""
        return f"/{self.suite}/{self.directory.name}/{name}"

    def inbox(self, name: str) -> Inbox:
        """What phase4 took in as this party."""
        return Inbox(self.directory / "inbox" / name)

    def requests(self, name: str) -> int:
        """How many requests phase4 has answered as this party, or meant to."""
        count: int = self.phase4.order("requests", path=self.path(name))["requests"]
        return count

    def phase4_sends(
        self, parts: Sequence[Payload] = (), *, by: str = "blue", keys: PartyKeys | None = None, **changes: Any
    ) -> list[dict[str, Any]]:
        """phase4 sends to our node as `by`; `changes` replace fields of the order."""
        keys = keys or self.keys[by]
        order: dict[str, Any] = {
            "url": self.node.url,
            "suite": self.suite,
            "keys": keys.as_order(),
            "peer_sign_cert": str(self.ours.sign_cert),
            "receiver_cert": str(self.ours.kex_cert),
            "from": {"id": by},
            "to": {"id": OURS},
            "agreement": AGREEMENT,
            "service": SERVICE,
            "action": ACTION,
            "parts": [self._part(payload) for payload in parts],
        }
        return self.phase4.send(**(order | changes))

    def _part(self, payload: Payload) -> Mapping[str, Any]:
        return {
            "file": str(payload.written(self.directory / "contents")),
            "media_type": payload.media_type,
            "compress": payload.compress,
            "character_set": payload.character_set,
        }

    def node_sends(
        self, parts: Sequence[Payload] = (), *words: str, to: str = "blue", action: str = ACTION, status: int = 0
    ) -> dict[str, Any]:
        """Our node sends and waits; the exit status must be `status`. What the command printed."""
        files = [f"{payload.written(self.directory / 'contents')}:{payload.media_type}" for payload in parts]
        part = ("--part", *files) if files else ()
        sent: dict[str, Any] = self.node.do(
            "send", "--service", SERVICE, "--action", action, *part, "--to", to, *words, status=status
        )
        return sent

    def contents(self, message_id: str) -> list[bytes]:
        """The parts that our node has of a message, written out by it."""
        out = self.directory / "written" / message_id.replace("/", "_")
        written = self.node.do("message", "parts", message_id, "--out", str(out))
        return [Path(part["file"]).read_bytes() for part in written]
