"""The demonstration: two administrations on this machine, each with its own home, keys and TLS, exchange a record.

What is exchanged stands in the domain folder whose `domain.toml` says so under `[demonstration]`: the record that
opens the case, its attachments, and the record that replies. Every step really happens, between two processes, over the
same wire as anywhere else, and is told with what it proves.
"""

import asyncio
import json
import socket
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from node.access.accounts import add_user, list_users
from node.access.sign_in import make_link
from node.cli.people import sign_in_address
from node.cli.printing import No
from node.config import settings_path
from node.demo_cases import Stage, make_cases, submit_looked_at
from node.demo_processes import alone_in, ended_by_signal, serving
from node.exchange.agreements import load_pairs, open_unilateral
from node.exchange.cards import add_by_card, own_card
from node.exchange.directory import Directory
from node.exchange.listing import find_case, find_message, list_messages, show_message
from node.exchange.making import Identity, make_node
from node.exchange.node import Node, open_node
from node.exchange.opening import mark_opened
from node.exchange.parts_to_send import PartToSend
from node.exchange.ping import ping_peer
from node.exchange.submission import Submission, Submitted
from node.operations.upgrade import bring_up_to_date
from node.records.domains import Domain
from node.records.example import sample
from node.records.explain import plain_path
from node.records.reading import read_xml

TABLE = "demonstration"
AGREEMENT_REF = "urn:depesha:demonstration:terms"
STEP_SECONDS = 60
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Administration:
    """One of the two: who it is, and the person who signs in to its pages."""

    folder: str
    party: str
    name: str
    country: str
    zone: str
    officer: str


REQUESTING = Administration(
    "france", "fra-interior", "Ministry of the Interior, France", "FRA", "Europe/Paris", "officer-paris"
)
REQUESTED = Administration(
    "serbia", "srb-interior", "Ministry of the Interior, Serbia", "SRB", "Europe/Belgrade", "officer-belgrade"
)


class Teller:
    """Tells a person at the terminal what happened; standard output stays free for the value under --json.

    Before each word it calls `look`, which raises where we have been asked to end.
    """

    def __init__(self, quiet: bool, look: Callable[[], None]) -> None:
        self._look = look
        self._stream = sys.stderr if quiet else sys.stdout
        self._steps = 0

    def step(self, what: str, *proofs: str) -> None:
        """A numbered step and, under it, what it proves."""
        self._steps += 1
        self.say(f"{self._steps}. {what}", *(f"   {proof}" for proof in proofs))

    def say(self, *lines: str) -> None:
        """Lines as they are."""
        self._look()
        for line in lines:
            print(line, file=self._stream)
        self._stream.flush()


def run(arguments: Namespace) -> int:
    """`depesha demo`: exchange, say what it proved, then stay until Ctrl-C (or end at once with --once)."""
    directory = Path(arguments.dir).absolute()
    with ended_by_signal() as end_asked, alone_in(directory):
        return _run(arguments, directory, end_asked.look)


def _run(arguments: Namespace, directory: Path, look: Callable[[], None]) -> int:
    began = time.monotonic()
    tell = Teller(arguments.json, look)
    sender, receiver = (home_of(directory, who) for who in (REQUESTING, REQUESTED))
    tell.step(
        "Two administrations, a node each: own keys, own store, own TLS certificate.",
        *(f"{node.settings.name}: {node.home}" for node in (sender, receiver)),
    )
    _become_peers(sender, receiver, tell)
    with serving(sender, receiver):
        messages = asyncio.run(_exchange(sender, receiver, tell))
        seconds = round(time.monotonic() - began, 1)
        if arguments.json:
            value = {"parties": [sender.party, receiver.party], "messages": messages, "seconds": seconds}
            print(json.dumps(value, ensure_ascii=False), flush=True)
        if not arguments.once:
            _stay((sender, REQUESTING), (receiver, REQUESTED), directory, tell, seconds)
    return 0 if all(message["receipt"] for message in messages) else 1


def home_of(directory: Path, who: Administration) -> Node:
    """The node of one of the two, made when it is not there yet, its tables upgraded when an older program made it."""
    home = directory / who.folder
    if not settings_path(home).exists():
        outside, inside = _free_ports(2)
        identity = Identity(who.party, who.name, country=who.country, url=f"https://127.0.0.1:{outside}/as4")
        settings: dict[str, str | int | float | bool] = {
            "outside": f"127.0.0.1:{outside}",
            "inside": f"127.0.0.1:{inside}",
            "demonstration": True,
            "allow_unilateral_terms": True,
            "retry_first_seconds": 1,
            "log_level": "warning",
        }
        make_node(home, identity, settings=settings)
    bring_up_to_date(home)
    return open_node(home)


def _become_peers(one: Node, two: Node, tell: Teller) -> None:
    shown = _domains_of(one)
    for node, other in ((one, two), (two, one)):
        card, words = own_card(other)
        with node.database.read() as connection:
            open_pairs = {(pair.service, pair.action) for pair in load_pairs(connection) if pair.peer == other.party}
            known = Directory(node).snapshot().peers.get(other.party)
        if known is None:
            add_by_card(node, card, " ".join(words))
        with node.database.write() as connection:
            for service, action in ((domain.namespace, action) for domain in shown for action in domain.records):
                if (service, action) not in open_pairs:
                    open_unilateral(
                        connection,
                        peer=other.party,
                        ref=AGREEMENT_REF,
                        service=service,
                        service_type=None,
                        action=action,
                        now=node.now(),
                    )
    tell.step(
        "They exchange cards and compare eight words by telephone: each is now sure of the other's keys.",
        *(f"{node.settings.name} reads out: {' '.join(own_card(node)[1])}" for node in (one, two)),
    )


async def _exchange(sender: Node, receiver: Node, tell: Teller) -> list[dict[str, Any]]:
    """A test message, the record with its attachments, the notice that it was opened, the reply."""
    ping = await ping_peer(sender, Directory(sender), receiver.party)
    if not ping.delivered:
        raise No(ping.in_words())
    tell.step(
        "A test message goes there and its receipt comes back.",
        "TLS ran with the certificate of the other's card, and the receipt is signed with the key of the card.",
    )
    domain = _domain_of(sender)
    table = domain.settings[TABLE]
    opening = _submit(sender, receiver, domain, table["opening"], table["attachments"], case=None)
    sent = await _delivered(sender, opening.id)
    sizes = sum(part["size"] for part in sent["parts"])
    tell.step(
        f"{sender.settings.name} sends {_titled(domain, table['opening'])}, {len(sent['parts'])} parts, {sizes} bytes.",
        f"signed and encrypted for {receiver.party} only; queued durably before anything was sent",
        f"receipt signed by {receiver.party} at {sent['receipt_time']}: it has exactly these bytes",
    )
    await asyncio.to_thread(_open_as_officer, receiver, opening.id)
    notice = await _answered(receiver, opening, after=None)
    told = await _notice_arrived(sender, opening.id)
    tell.step(
        f"An officer of {receiver.settings.name} opens it; {sender.settings.name} is told by a signed notice.",
        f"opened at {told}, by an officer (no name leaves the node)",
    )
    reply = _submit(receiver, sender, domain, table["reply"], [], case=opening.case, about=opening.id)
    answered = await _delivered(receiver, reply.id)
    tell.step(
        f"{receiver.settings.name} replies with {_titled(domain, table['reply'])}.",
        f"receipt signed by {sender.party} at {answered['receipt_time']}",
    )
    listed = [
        await _described(sender, receiver, opening.id),
        await _described(receiver, sender, notice),
        await _described(receiver, sender, reply.id),
    ]
    tell.step(
        "Every fact is an entry of each node's own Merkle log.",
        "log entries of the senders: " + ", ".join(str(message["log_index"]) for message in listed),
    )
    return listed


def _submit(
    node: Node,
    other: Node,
    domain: Domain,
    record: str,
    attachments: Sequence[str],
    case: str | None,
    about: str | None = None,
) -> Submitted:
    content = sample(domain, record, occurred=node.now())
    if about is not None:
        content = _about(content, domain, record, about)
    parts = [PartToSend.of_bytes(content, "application/xml", f"{record}.xml")]
    parts += [PartToSend.of_file(domain.folder / name) for name in attachments]
    request = Submission(
        peer=other.party,
        service=domain.namespace,
        action=record,
        parts=parts,
        case=case,
        ref_to_message_id=about,
        actor="demonstration",
    )
    return submit_looked_at(node, request)


def _about(content: bytes, domain: Domain, record: str, message_id: str) -> bytes:
    """The record with its references to a message pointing at this one."""
    root = read_xml(content)
    fields = domain.records[record].fields
    for element in root.iter("{*}*"):
        if fields[plain_path(element)].marks.has("message-id"):
            element.text = message_id
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _open_as_officer(node: Node, message_id: str) -> None:
    with node.database.read() as connection:
        row = find_message(connection, message_id)
    mark_opened(node, Directory(node), row["id"], actor="demonstration")


async def _delivered(node: Node, message_id: str) -> dict[str, Any]:
    """The message once it is delivered. Raises No with its state when that does not come about."""
    until = time.monotonic() + STEP_SECONDS
    while time.monotonic() < until:
        with node.database.read() as connection:
            message = show_message(connection, message_id)
        if message["state"] == "delivered":
            return message
        if message["state"] not in ("queued", "sending"):
            break
        await asyncio.sleep(LOOK_SECONDS)
    raise No(f"{message_id} is {message['state']}: {message['error']}. The nodes' journals are beside their homes.")


async def _answered(node: Node, opening: Submitted, after: str | None) -> str:
    """The id of the first message that `node` sent in this case, once it is delivered."""
    until = time.monotonic() + STEP_SECONDS
    while time.monotonic() < until:
        with node.database.read() as connection:
            find_case(connection, opening.case)
            sent = [one for one in list_messages(connection, case=opening.case) if one["direction"] == "out"]
        if sent:
            return str((await _delivered(node, sent[0]["id"]))["id"])
        await asyncio.sleep(LOOK_SECONDS)
    raise No("No notice was sent that the message had been opened.")


async def _notice_arrived(node: Node, message_id: str) -> str:
    until = time.monotonic() + STEP_SECONDS
    while time.monotonic() < until:
        with node.database.read() as connection:
            row = find_message(connection, message_id)
        if row["opened_at"] is not None:
            return f"{row['opened_at']:%H:%M:%S} UTC"
        await asyncio.sleep(LOOK_SECONDS)
    raise No(f"The notice that {message_id} was opened has not arrived.")


async def _described(sender: Node, receiver: Node, message_id: str) -> dict[str, Any]:
    """A message as `--json` prints it, once the log has given its entry a place."""
    until = time.monotonic() + STEP_SECONDS
    while True:
        with sender.database.read() as connection:
            message = show_message(connection, message_id)
        if message["log_index"] is not None or time.monotonic() > until:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return {
        "id": message["id"],
        "from": sender.party,
        "to": receiver.party,
        "action": message["action"],
        "state": message["state"],
        "receipt": message["receipt_time"] is not None,
        "log_index": message["log_index"],
    }


def _stay(
    one: tuple[Node, Administration], two: tuple[Node, Administration], directory: Path, tell: Teller, seconds: float
) -> None:
    """Show where to look, with sign-in links, until Ctrl-C."""
    tell.say("", f"Done in {seconds} seconds. Look around in a browser; each link signs in once, within 15 minutes:")
    for node, who in (one, two):
        with node.database.write() as connection:
            if who.officer not in {person.name for person in list_users(connection)}:
                add_user(connection, who.officer, "officer", None, node.now())
            token = make_link(connection, who.officer, node.now())
        tell.say(f"  {node.settings.name:34} {sign_in_address(node, token)}")
    python = Path(sys.executable)
    here = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
    tell.say(
        "",
        "Or on the command line, in another terminal:",
        f"  {here} -m node message list --home {one[0].home}",
        f"  {here} -m node case list --home {two[0].home}",
        f"  {here} -m node due --home {one[0].home}",
        "",
        "All persons are fictitious (ICAO 9303 specimens). Ctrl-C ends both nodes; their homes stay.",
    )
    zones = {node.party: who.zone for node, who in (one, two)}
    stage = Stage(one[0], two[0], zones, _domains_of(one[0]), directory, AGREEMENT_REF)
    began = time.monotonic()
    try:
        tell.say("")
        make_cases(stage, tell.say)
        tell.say(f"All cases are there, {time.monotonic() - began:.1f} seconds later.")
        threading.Event().wait()
    except KeyboardInterrupt:
        tell.say("", "Both nodes end.")


def _domain_of(node: Node) -> Domain:
    return _domains_of(node)[0]


def _domains_of(node: Node) -> tuple[Domain, ...]:
    """The domains that are shown; first the one whose records open the exchange and answer it."""
    shown = [one for one in node.domains if TABLE in one.settings]
    shown.sort(key=lambda one: "opening" not in one.settings[TABLE])
    if not shown or "opening" not in shown[0].settings[TABLE]:
        raise No(f"No domain folder has a [{TABLE}] table with `opening` in its domain.toml: there is nothing to show.")
    return tuple(shown)


def _titled(domain: Domain, record: str) -> str:
    label = domain.records[record].label(record, "en")
    return f"“{label}”"


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
