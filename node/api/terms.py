"""The terms that cases with a partner run by, and proposals for our own calendar."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query

from node.api.context import ApiContext, Caller
from node.api.models import Country, TermsChange, Text, Year
from node.api.problems import FOUND_SHOWN, Refusal, invalid
from node.exchange.calendar_proposals import NoProposal, propose_calendar
from node.exchange.calendars_known import list_calendars
from node.exchange.terms_drafts import Changes, change_terms, show_terms
from node.exchange.terms_words import TermsRefused

Peer = Annotated[Text | None, Query(description="of this partner and us alone")]
_OPTION = re.compile(r"^--([a-z]+):? ?")
_FIELDS = {"place": "places", "country": "countries"}


@dataclass(frozen=True, slots=True)
class AgreedTerms:
    """The routes of terms."""

    context: ApiContext

    def show(self, party: str, domain: str, program: Caller) -> Any:
        """Show the draft of the terms with a partner in a domain, what waits for a person, and the terms in use."""
        return show_terms(self.context.node, party, domain)

    def change(self, party: str, domain: str, given: TermsChange, program: Caller) -> Any:
        """Draft from a template, and confirm, set or drop figures; terms are made once nothing waits for a person."""
        changes = Changes(
            template=given.template,
            places=[
                f"{who}={one.zone}" + (f"@{one.day_ends}" if one.day_ends else "") for who, one in given.places.items()
            ],
            countries=[f"{who}={country}" for who, country in given.countries.items()],
            confirm=given.confirm,
            set=[f"{figure}={words}" for figure, words in given.set.items()],
            drop=given.drop,
        )
        if not changes.any:
            raise invalid("body", "no change", "a template, or a figure to confirm, set or drop")
        try:
            return change_terms(self.context.node, party, domain, changes, program.handle)
        except TermsRefused as refused:
            raise _refusal(refused, given) from refused


@dataclass(frozen=True, slots=True)
class Calendars:
    """The routes of calendars."""

    context: ApiContext

    def listed(self, program: Caller, peer: Peer = None) -> Any:
        """List the signed calendars that partners and we have sent each other, of each party in order of receipt."""
        with self.context.node.database.read() as connection:
            return list_calendars(self.context.node, connection, peer)

    def propose(
        self, program: Caller, first: Year | None = None, last: Year | None = None, country: Country | None = None
    ) -> Any:
        """Propose a record of our own days off from public holidays, of this year and the next unless others are asked
        for; correct it, then send it as any record."""
        node = self.context.node
        begin = first or node.now().year
        try:
            return propose_calendar(node, country, begin, last or begin + 1).as_value()
        except NoProposal as none:
            raise Refusal(409, "refused", str(none)) from none


def _refusal(refused: TermsRefused, given: TermsChange) -> Refusal:
    """The same in the words of the body: its fields are named as the command's options are, nearly."""
    text = str(refused)
    option = _OPTION.match(text)
    if option is None:
        return Refusal(409, "refused", text)
    field = _FIELDS.get(option[1], option[1])
    found = str(given.model_dump().get(field, ""))[:FOUND_SHOWN]
    said = text[option.end() :]
    one = {"field": field, "found": found, "expected": said, "remedy": "Correct it and ask again."}
    return Refusal(422, "invalid-request", f"{field}: {said}", [one])
