"""Local terms with a peer in a domain: drafted from a template, confirmed figure by figure by a person, then used."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from node.audit.entry import append, entry
from node.exchange.case_marks import touch_cases_with
from node.exchange.case_terms import TERMS
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.partners import find_peer
from node.exchange.peers import KnownPeer, configuration_changed
from node.exchange.terms_words import (
    TermsRefused,
    counting_of,
    counting_of_words,
    named_by_party,
    period_of_words,
)
from node.records.clocks import (
    Confirmation,
    Counting,
    Draft,
    PeriodError,
    Place,
    Template,
    TermsPeriod,
    confirm,
    read_templates,
    read_terms,
    terms_of,
    unconfirmed,
    write_terms,
)
from node.records.clocks.periods import read_day_end, write_day_end
from node.records.clocks.templates import COUNTING, EXTENSION, read_counting, write_counting
from node.records.clocks.terms import read_period, write_period
from node.records.domains import Domain
from node.records.procedures import Procedure
from node.store.columns import new_row_id, table_of
from node.store.tables import TermsDraft

DRAFT = table_of(TermsDraft)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person says of the draft. `places` are PARTY=ZONE[@HH:MM], `countries` PARTY=CCC, `set` NAME=VALUE."""

    template: str | None = None
    places: Sequence[str] = ()
    countries: Sequence[str] = ()
    confirm: Sequence[str] = ()
    set: Sequence[str] = ()
    drop: Sequence[str] = ()

    @property
    def any(self) -> bool:
        return bool(self.template or self.places or self.countries or self.confirm or self.set or self.drop)


def change_terms(node: Node, peer: str, domain_name: str, changes: Changes, actor: str) -> dict[str, Any]:
    """Carry out what a person says of the draft with `peer`, and make terms of it once nothing waits any more.

    Without changes only shows. Returns {peer, service, template, title, templates, waiting, figures, missing, counting,
    in_use, terms}. Raises NoSuchDomain, NotFound, TermsRefused; nothing is kept then.
    """
    if not changes.any:
        return show_terms(node, peer, domain_name)
    domain = node.domains.known(domain_name)
    templates = read_templates(domain.files)
    now = node.now()
    with node.database.write() as connection:
        known = find_peer(connection, peer)
        try:
            stored = _stored(connection, peer, domain, templates)
            draft = _changed(node, known, domain, templates, stored, changes, actor, now)
            _keep(node, connection, peer, domain, draft, actor, now)
        except PeriodError as error:
            raise TermsRefused(str(error)) from error
        return _shown(connection, peer, domain, templates, draft)


def show_terms(node: Node, peer: str, domain_name: str) -> dict[str, Any]:
    """The draft with `peer`, what waits for a person, and the terms in use, as `change_terms` returns them.

    Raises NoSuchDomain, NotFound, TermsRefused.
    """
    domain = node.domains.known(domain_name)
    templates = read_templates(domain.files)
    with node.database.read() as connection:
        find_peer(connection, peer)
        return _shown(connection, peer, domain, templates, _stored(connection, peer, domain, templates))


def _changed(
    node: Node,
    known: KnownPeer,
    domain: Domain,
    templates: Mapping[str, Template],
    draft: Draft | None,
    changes: Changes,
    actor: str,
    now: datetime,
) -> Draft:
    name = changes.template or (draft.template.name if draft else None)
    if name is None or name not in templates:
        there = ", ".join(sorted(templates)) or "none: the domain has no templates"
        raise TermsRefused(f"--template: found {name or 'none'}, expected one of {there}. Name the agreement's.")
    peer = known.party
    countries = {
        party: country for party, country in ((node.party, node.settings.country), (peer, known.country)) if country
    }
    if draft is not None:
        countries |= draft.countries
    countries |= named_by_party("--country", changes.countries, (node.party, peer), "CCC")
    places = dict(draft.places) if draft else {}
    for party, text in named_by_party("--place", changes.places, (node.party, peer), "ZONE[@HH:MM]").items():
        zone, _, ends = text.partition("@")
        try:
            places[party] = Place(zone, read_day_end(ends) if ends else None)
        except PeriodError as error:
            raise TermsRefused(f"--place {party}: {error}") from error
    for party in (node.party, peer):
        if party not in places:
            raise TermsRefused(
                f"--place: no time zone for {party}. Say where its days count, as --place {party}=Europe/Belgrade."
            )
    same = draft is not None and draft.template.name == name
    made = Draft(templates[name], domain.namespace, places, countries, draft.confirmations if draft and same else {})
    for one in changes.confirm:
        made = confirm(made, one, actor, now)
    for one in changes.drop:
        made = confirm(made, one, actor, now, dropped=True)
    for one in changes.set:
        figure, equals, text = one.partition("=")
        if not equals:
            raise TermsRefused(
                f"--set {one!r}: expected NAME=VALUE, as --set 'reply=10 calendar-days silence=accepted'."
            )
        _require_known(figure, domain, templates)
        value = counting_of_words(made, text) if figure == COUNTING else period_of_words(made, figure, text)
        made = confirm(made, figure, actor, now, value)
    return made


def _require_known(figure: str, domain: Domain, templates: Mapping[str, Template]) -> None:
    """Require that the figure is one of the templates, or a period of the domain's procedure or its extension."""
    if not isinstance(domain.procedure, Procedure):
        return
    known = [COUNTING, *domain.procedure.periods, *(name for one in templates.values() for name in one.figures)]
    if figure.removesuffix(EXTENSION) not in known:
        periods = ", ".join(dict.fromkeys(name for name in known if not name.endswith(EXTENSION)))
        raise TermsRefused(
            f"--set {figure}: found {figure}, expected one of {periods}, or one of these with {EXTENSION}. "
            f"No case of {domain.name} has such a period: correct the name."
        )


def _keep(
    node: Node, connection: Connection, peer: str, domain: Domain, draft: Draft, actor: str, now: datetime
) -> None:
    connection.execute(delete(DRAFT).where(DRAFT.c.peer == peer, DRAFT.c.service == domain.namespace))
    connection.execute(
        insert(DRAFT).values(
            peer=peer,
            service=domain.namespace,
            template=draft.template.name,
            places={
                party: {"zone": one.zone, "day_ends": write_day_end(one.day_ends)}
                for party, one in draft.places.items()
            },
            countries=dict(draft.countries),
            confirmations={name: _write(one) for name, one in draft.confirmations.items()},
            changed_at=now,
        )
    )
    facts = {"service": domain.namespace, "template": draft.template.name}
    made = "terms.drafted"
    if not unconfirmed(draft):
        terms = terms_of(draft)
        connection.execute(
            insert(TERMS).values(
                id=new_row_id(now),
                peer=peer,
                service=domain.namespace,
                digest=terms.digest,
                document=write_terms(terms),
                made_at=now,
            )
        )
        touch_cases_with(connection, peer, domain.name)
        configuration_changed(connection)
        facts["digest"], made = terms.digest, "terms.made"
    append(connection, [entry(type=made, at=now, actor=actor, facts={**facts}, peer=peer)], node.kek)


def _stored(connection: Connection, peer: str, domain: Domain, templates: Mapping[str, Template]) -> Draft | None:
    query = select(DRAFT).where(DRAFT.c.peer == peer, DRAFT.c.service == domain.namespace)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    template = templates.get(row["template"])
    if template is None:
        raise TermsRefused(f"{domain.namespace} has no template {row['template']!r} any more. Name another.")
    return Draft(
        template=template,
        service=domain.namespace,
        places={party: Place(one["zone"], read_day_end(one["day_ends"])) for party, one in row["places"].items()},
        countries=row["countries"],
        confirmations={name: _read(name, one) for name, one in row["confirmations"].items()},
    )


def _write(one: Confirmation) -> dict[str, Any]:
    value: Any = None
    if isinstance(one.value, TermsPeriod):
        value = write_period(one.value)
    elif isinstance(one.value, Counting):
        value = write_counting(one.value)
    return {"by": one.by, "at": one.at.isoformat(), "value": value, "dropped": one.dropped}


def _read(name: str, row: Mapping[str, Any]) -> Confirmation:
    value: TermsPeriod | Counting | None = None
    if row["value"] is not None:
        value = read_counting(row["value"]) if name == COUNTING else read_period(row["value"])
    return Confirmation(row["by"], datetime.fromisoformat(row["at"]), value, row["dropped"])


def _shown(
    connection: Connection, peer: str, domain: Domain, templates: Mapping[str, Template], draft: Draft | None
) -> dict[str, Any]:
    newest = select(TERMS).where(TERMS.c.peer == peer, TERMS.c.service == domain.namespace)
    row = connection.execute(newest.order_by(TERMS.c.made_at.desc(), TERMS.c.id.desc()).limit(1)).mappings().first()
    document = None if row is None else json.loads(row["document"])
    figures = [] if draft is None else [_figure(draft, name) for name in _names(draft)]
    return {
        "peer": peer,
        "service": domain.namespace,
        "template": None if draft is None else draft.template.name,
        "title": None if draft is None else draft.template.title,
        "templates": sorted(templates),
        "waiting": {} if draft is None else unconfirmed(draft),
        "figures": figures,
        "missing": _missing(domain, figures, document),
        "counting": None if draft is None else write_counting(counting_of(draft)),
        "in_use": None if row is None else _in_use(dict(row), document or {}),
        "terms": document,
    }


def _missing(
    domain: Domain, figures: Sequence[Mapping[str, Any]], document: Mapping[str, Any] | None
) -> list[dict[str, str]]:
    """The periods of the procedure that get no length from the terms in use, or else from the draft."""
    if not isinstance(domain.procedure, Procedure) or not (figures or document):
        return []
    if document is not None:
        there = {*read_terms(document).periods}
    else:
        there = {one["name"] for one in figures if not one["dropped"]}
    wanted = (one for one in domain.procedure.periods.values() if not one.given)
    return [{"name": one.name, "title": one.title} for one in wanted if one.name not in there]


def _in_use(row: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    common = read_terms(document).common_digest
    return {"digest": row["digest"], "common_digest": common, "made": instant_text(row["made_at"])}


def _names(draft: Draft) -> list[str]:
    added = [name for name in draft.confirmations if name != COUNTING and name not in draft.template.figures]
    return [*draft.template.figures, *added]


def _figure(draft: Draft, name: str) -> dict[str, Any]:
    proposed = draft.template.figures.get(name)
    own = draft.confirmations.get(name)
    value = own.value if own is not None and isinstance(own.value, TermsPeriod) else None
    shown = value or proposed
    assert shown is not None  # a name is either the template's or was added with a value
    return {
        "name": name,
        "number": shown.number,
        "unit": None if shown.unit is None else shown.unit.value,
        "silence": shown.silence.value,
        "article": proposed.ground.article if proposed else None,
        "source": proposed.ground.source if proposed else None,
        "unconfirmed": list(proposed.unconfirmed) if proposed else [],
        "confirmed_by": None if own is None else own.by,
        "confirmed_at": None if own is None else instant_text(own.at),
        "changed": value is not None,
        "dropped": own is not None and own.dropped,
    }
