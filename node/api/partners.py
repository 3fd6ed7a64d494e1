"""Partners and agreements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from node.access.programs import Program
from node.api.context import ApiContext, Caller
from node.api.models import Card, NewPair, PaperPartner, PinnedPartner, Words
from node.api.problems import invalid
from node.exchange.agreements import list_agreements
from node.exchange.cards import add_by_card, confirm_by_words, own_card
from node.exchange.given_peers import GivenPeer, add_as_given, add_on_paper
from node.exchange.partners import (
    describe_peer,
    end_agreement_named,
    find_peer,
    list_peers,
    open_by_own_word,
    remove_peer,
    show_agreement,
    show_peer,
)
from node.exchange.ping import ping_peer
from node.trust.certificates import CertificateUnreadable, load_certificates


@dataclass(frozen=True, slots=True)
class Partners:
    """The routes of partners."""

    context: ApiContext

    def listed(self, program: Caller) -> Any:
        """List partners by party id, removed ones too."""
        return list_peers(self.context.node)

    def show(self, party: str, program: Caller) -> Any:
        """Show a partner with its words, certificates, and numbers that are missing."""
        return self.current(program, {"party": party})

    def current(self, program: Program, path: Mapping[str, Any]) -> Any:
        """A partner as it is shown."""
        return show_peer(self.context.node, path["party"])

    def add(self, given: Card, program: Caller) -> Any:
        """Add a partner by its card; unconfirmed until its words are compared, unless they are given."""
        return describe_peer(add_by_card(self.context.node, given.card.strip(), given.words))

    def own_card(self, program: Caller) -> Any:
        """Our card, to give to a partner; a new one where what it says has changed."""
        text, words = own_card(self.context.node)
        return {"party": self.context.node.party, "card": text, "words": list(words)}

    def add_on_paper(self, given: PaperPartner, program: Caller) -> Any:
        """Add a partner without a node."""
        return describe_peer(add_on_paper(self.context.node, given.party, given.party_type, given.name))

    def add_as_given(self, given: PinnedPartner, program: Caller) -> Any:
        """Add a partner by the certificates that a person vouches for; no words are compared."""
        peer = GivenPeer(
            party=given.party,
            party_type=given.party_type,
            name=given.name or given.party,
            url=given.url,
            signing=_certificates("signing_cert", given.signing_cert)[0],
            encryption=_certificates("encryption_cert", given.encryption_cert)[0],
            authorities=() if given.ca is None else _certificates("ca", given.ca),
        )
        return describe_peer(add_as_given(self.context.node, peer))

    def confirm(self, party: str, given: Words, program: Caller) -> Any:
        """Confirm a partner by its eight words, as heard by telephone."""
        self._known(party)
        return describe_peer(confirm_by_words(self.context.node, party, given.words))

    async def ping(self, party: str, program: Caller) -> Any:
        """Send a test message, and judge its answer; it may take half a minute."""
        self._known(party)
        return (await ping_peer(self.context.node, self.context.directory, party)).as_value()

    def remove(self, party: str, program: Caller) -> Any:
        """Take nothing more from a partner, and send it nothing."""
        self._known(party)
        return remove_peer(self.context.node, party)

    def _known(self, party: str) -> None:
        with self.context.node.database.read() as connection:
            find_peer(connection, party)


def _certificates(field: str, text: str) -> list[x509.Certificate]:
    try:
        return load_certificates(text.encode())
    except CertificateUnreadable as error:
        raise invalid(field, text, "certificates in PEM", error.remedy) from error


@dataclass(frozen=True, slots=True)
class Agreements:
    """The routes of agreements."""

    context: ApiContext

    def listed(self, program: Caller) -> Any:
        """List agreements, oldest first."""
        with self.context.node.database.read() as connection:
            return list_agreements(connection)

    def show(self, id: str, program: Caller) -> Any:
        """Show an agreement; by its id or reference."""
        return self.current(program, {"id": id})

    def current(self, program: Program, path: Mapping[str, Any]) -> Any:
        """An agreement as it is shown."""
        return show_agreement(self.context.node, path["id"])

    def unilateral(self, given: NewPair, program: Caller) -> Any:
        """Open pairs of a service and actions by our own word, all or none; without actions all records of a domain."""
        return open_by_own_word(
            self.context.node,
            party=given.peer,
            ref=given.ref,
            service=given.service,
            service_type=given.service_type,
            actions=[*([] if given.action is None else [given.action]), *given.actions],
        )

    def end(self, id: str, program: Caller) -> Any:
        """End an agreement, and what waits under it and was never sent."""
        return end_agreement_named(self.context.node, self.context.directory, id)
