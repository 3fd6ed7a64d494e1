"""The further cases of the demonstration: in every state, some due today, with a partner on paper and one that is down.

What they are stands in each domain's `domain.toml` under `[demonstration]`: for each case the partner and its acts, by
records of the domain's good examples or on paper. All acts really happen, between the nodes that run.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from node.cli.printing import No
from node.config import settings_path
from node.exchange.agreements import open_unilateral
from node.exchange.cards import add_by_card, own_card
from node.exchange.directory import Directory
from node.exchange.judgement import ConfirmationNeeded
from node.exchange.listing import show_message
from node.exchange.making import Identity, make_node
from node.exchange.node import Node, open_node
from node.exchange.paper_acts import NEW, ActOnPaper, record_on_paper
from node.exchange.parts_to_send import PartToSend
from node.exchange.peers import add_peer
from node.exchange.submission import Submission, Submitted, submit
from node.exchange.terms_drafts import Changes, change_terms
from node.operations.upgrade import bring_up_to_date
from node.records.domains import Domain
from node.records.example import filled
from node.records.explain import plain_path
from node.records.reading import read_xml

ACTOR = "demonstration"
NOTED = "cases.json"
DELIVERY_SECONDS = 60
LOOK_SECONDS = 0.05
NODE, PAPER, DOWN = "node", "paper", "down"
ENDED = ("delivered", "refused", "given-up", "unconfirmed", "stale")


@dataclass(frozen=True, slots=True)
class Partner:
    """The other side of some cases, seen from the sender: by which party, country and zone."""

    party: str
    name: str
    country: str
    zone: str


ON_PAPER = Partner("bih-security", "Ministry of Security, Bosnia and Herzegovina", "BIH", "Europe/Sarajevo")
SILENT = Partner("mkd-interior", "Ministry of Interior, North Macedonia", "MKD", "Europe/Skopje")
NOBODY_LISTENS = "https://127.0.0.1:9/as4"


@dataclass(slots=True)
class Stage:
    """The two nodes that run, `us` who opens the cases and `them`, and the folder where it is noted what was done."""

    us: Node
    them: Node
    zones: Mapping[str, str]
    domains: Sequence[Domain]
    folder: Path
    terms_ref: str
    parties: dict[str, Partner] = field(init=False)

    def __post_init__(self) -> None:
        peer = self.them.settings
        known = Partner(peer.party, peer.name, peer.country or "", self.zones[peer.party])
        self.parties = {NODE: known, PAPER: ON_PAPER, DOWN: SILENT}


def make_cases(stage: Stage, say: Callable[[str], None]) -> None:
    """Make what has not been made yet, and `say` of each what it shows. Raises No when a message is not delivered."""
    shown = [(domain, domain.settings["demonstration"]) for domain in stage.domains]
    cases = [(domain, case) for domain, said in shown for case in said.get("cases", [])]
    noted = stage.folder / NOTED
    done = _noted(noted)
    if len(done) >= len(cases):
        return
    say(f"Meanwhile {len(cases)} more cases are made; look at them in the browser as they come:")
    _make_partners(stage)
    for domain, said in shown:
        _make_terms(stage, domain, said.get("terms", {}))
    for domain, case in cases[len(done) :]:
        number = _Acts(stage, domain, stage.parties[case["with"]], case["with"]).do(case["acts"])
        done.append(number)
        noted.write_text(json.dumps(done), encoding="utf-8")
        say(f"  {number}  {case['title']}")


def _noted(path: Path) -> list[str]:
    """The numbers of the cases that were made in this folder before."""
    with suppress(FileNotFoundError, ValueError):
        value = json.loads(path.read_text(encoding="utf-8"))
        return [str(one) for one in value]
    return []


def _make_partners(stage: Stage) -> None:
    """A partner without a node, and one whose node does not run."""
    us, known = stage.us, Directory(stage.us).snapshot().peers
    if ON_PAPER.party not in known:
        with us.database.write() as connection:
            add_peer(
                connection, party=ON_PAPER.party, party_type=None, name=ON_PAPER.name, kind="paper", state="confirmed",
                url=None, suite=None, certificates=(), now=us.now(),
            )  # fmt: skip
    if SILENT.party not in known:
        home = stage.folder / "north-macedonia"
        if not settings_path(home).exists():
            identity = Identity(SILENT.party, SILENT.name, country=SILENT.country, url=NOBODY_LISTENS)
            make_node(home, identity, settings={"demonstration": True})
        bring_up_to_date(home)
        card, words = own_card(open_node(home))
        add_by_card(us, card, " ".join(words))
        with us.database.write() as connection:
            pairs = [(domain.namespace, action) for domain in stage.domains for action in domain.records]
            for service, action in pairs:
                open_unilateral(
                    connection, peer=SILENT.party, ref=stage.terms_ref, service=service,
                    service_type=None, action=action, now=us.now(),
                )  # fmt: skip


def _make_terms(stage: Stage, domain: Domain, terms: Mapping[str, Mapping[str, Any]]) -> None:
    """Terms with each partner, as the domain's folder has them for the demonstration; on both nodes that run."""
    us = stage.us
    for kind, wanted in terms.items():
        partner = stage.parties[kind]
        places = [f"{us.party}={stage.zones[us.party]}", f"{partner.party}={partner.zone}"]
        countries = [f"{us.party}={us.settings.country}", f"{partner.party}={partner.country}"]
        changes = Changes(
            template=wanted["template"],
            places=places,
            countries=countries,
            confirm=wanted.get("confirm", []),
            set=wanted.get("set", []),
            drop=wanted.get("drop", []),
        )
        sides = [(us, partner.party), (stage.them, us.party)] if kind == NODE else [(us, partner.party)]
        for node, peer in sides:
            made = change_terms(node, peer, domain.name, changes, ACTOR)
            if made["waiting"]:
                raise No(f"The terms of the demonstration with {peer} wait for: {', '.join(made['waiting'])}.")


class _Acts:
    """The acts of one case, in their order."""

    def __init__(self, stage: Stage, domain: Domain, partner: Partner, kind: str) -> None:
        self._stage = stage
        self._domain = domain
        self._partner = partner
        self._delivers = kind == NODE
        self._case: str = NEW
        self._number = ""
        self._messages: list[str] = []

    def do(self, acts: list[Mapping[str, Any]]) -> str:
        """Do them; the number of the case at our side."""
        for act in acts:
            if "paper" in act:
                self._on_paper(act)
            else:
                self._by_record(act)
        return self._number

    def _on_paper(self, act: Mapping[str, Any]) -> None:
        us, opens = self._stage.us, self._case == NEW
        done = us.now() - timedelta(hours=act.get("hours_ago", 0))
        told = ActOnPaper(
            act=act["paper"],
            channel=act["channel"],
            done=done,
            by_us=act["by"] == "us",
            received=done,
            persons=act.get("persons", []),
            concerning=self._messages[act["about"]] if "about" in act else None,
            peer=self._partner.party if opens else None,
            domain=self._domain.name if opens else None,
        )
        value = record_on_paper(us, self._case, told, ACTOR)
        self._case, self._number = value["case"], value["number"]
        self._messages.append(value["id"])

    def _by_record(self, act: Mapping[str, Any]) -> None:
        stage, by_us = self._stage, act["by"] == "us"
        node, to = (stage.us, self._partner.party) if by_us else (stage.them, stage.us.party)
        content = self._content(act, node)
        action = read_xml(content).tag.rpartition("}")[2]
        request = Submission(
            peer=to,
            service=self._domain.namespace,
            action=action,
            parts=[PartToSend.of_bytes(content, "application/xml", f"{action}.xml")],
            case=None if self._case == NEW else self._case,
            actor=ACTOR,
        )
        done = submit_looked_at(node, request)
        self._messages.append(done.id)
        if self._case == NEW:
            self._case, self._number = done.case, done.number
        if self._delivers:
            asyncio.run(_delivered(node, done.id))

    def _content(self, act: Mapping[str, Any], node: Node) -> bytes:
        """The example with what the act changes: $case is this case, $now this instant, $day+N a day to come."""
        domain = self._domain
        content = filled(domain, act["record"], node.now())
        about = self._messages[act["about"]] if "about" in act else ""
        text = _about(content, domain, about).decode() if about else content.decode()
        now = node.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        for pattern, put in act.get("change", []):
            put = put.replace("$case", self._case).replace("$now", now)
            put = re.sub(r"\$day\+(\d+)", lambda day: str((node.now() + timedelta(days=int(day[1]))).date()), put)
            text, count = re.subn(pattern, lambda _, put=put: put, text, flags=re.DOTALL)  # type: ignore[misc]
            if not count:
                raise No(f"{domain.name}: domain.toml changes {pattern!r}, which {act['record']} does not have.")
        return text.encode()


def _about(content: bytes, domain: Domain, message_id: str) -> bytes:
    """The record with its references to a message pointing at this one."""
    root = read_xml(content)
    fields = domain.records[root.tag.rpartition("}")[2]].fields
    for element in root.iter("{*}*"):
        if fields[plain_path(element)].marks.has("message-id"):
            element.text = message_id
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def submit_looked_at(node: Node, request: Submission) -> Submitted:
    """Queued; where the record asks for a second look, it is taken."""
    snapshot = Directory(node).snapshot()
    try:
        return submit(node, snapshot, request)
    except ConfirmationNeeded as asked:
        return submit(node, snapshot, replace(request, confirmed=[one.code for one in asked.findings]))


async def _delivered(node: Node, message_id: str) -> None:
    """Wait until a message is delivered. Raises No with its state when that does not come about."""
    until = time.monotonic() + DELIVERY_SECONDS
    while True:
        with node.database.read() as connection:
            message = show_message(connection, message_id)
        if message["state"] == "delivered":
            return
        if message["state"] in ENDED or time.monotonic() > until:
            raise No(f"{message_id} is {message['state']}: {message['error']}. The nodes' journals are in their homes.")
        await asyncio.sleep(LOOK_SECONDS)
