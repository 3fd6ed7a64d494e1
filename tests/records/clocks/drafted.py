"""Terms of a template for tests: drafted between two parties, confirmed as they are proposed, put into a case."""

from dataclasses import replace
from datetime import UTC, datetime

from node.records.clocks import CaseTerms, Draft, Place, Template, Terms, confirm, proposal, terms_of, unconfirmed
from node.records.clocks.templates import COUNTING

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
ROLES = {"requesting": "we", "requested": "they"}
ALPHA2 = {"ALB": "AL", "SRB": "RS", "MNE": "ME", "BIH": "BA", "MKD": "MK", "XKX": "XK", "HRV": "HR"}
ANY = "HRV"
"""Stands for the partner where a template names no sides."""


def partner(template: Template) -> str:
    """The country, by three letters, of the side that the template is about."""
    return next(iter(template.sides.values()), (ANY,))[0]


def draft(template: Template) -> Draft:
    """A draft between the partner of the template and the other side."""
    others = [countries for countries in template.sides.values() if partner(template) not in countries]
    places = {"we": Place("Europe/Vienna"), "they": Place("Europe/Belgrade")}
    countries = {"we": next(iter(others[0] if others else ()), "DEU"), "they": partner(template)}
    return Draft(template, "urn:depesha:returns:1", places, countries)


def confirmed(template: Template, *, rolls: bool = False) -> Terms:
    """The terms once a person has confirmed each figure that has a length and dropped the others; ends that fall on a
    day off of the requested party roll over it where `rolls`."""
    made = draft(template)
    for name in unconfirmed(made):
        known = name == COUNTING or template.figures[name].number is not None
        made = confirm(made, name, "head", NOW, dropped=not known)
    if rolls:
        rolling = replace(template.counting, rolls=True, calendars=("requested",))
        made = confirm(made, COUNTING, "head", NOW, rolling)
    return terms_of(made)


def case_terms(template: Template, *, rolls: bool = False) -> CaseTerms:
    """The same in a case that we have opened."""
    calendars = {
        "they": proposal(ALPHA2[partner(template)], 2026, 2030, "they", NOW),
        "we": proposal("AT", 2026, 2030, "we", NOW),
    }
    return CaseTerms(confirmed(template, rolls=rolls), ROLES, calendars)
