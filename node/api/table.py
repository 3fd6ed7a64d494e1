"""Every route of the programming interface, with who may use it. What does not stand here is not there."""

from typing import Any

from node.access import Act
from node.access.programs import Scope
from node.api import models
from node.api.cases import Cases
from node.api.clocks import CALENDAR, PAPER_SCHEMA, Clocks
from node.api.context import ApiContext
from node.api.feeds import Feeds, without_address
from node.api.messages import SOAP, Messages
from node.api.officers import Officers
from node.api.partners import Agreements, Partners
from node.api.persons import Persons
from node.api.recalls import Recalls
from node.api.records import CHECK_SCHEMA, Records
from node.api.routes import FORM, Declared, Takes
from node.api.sending import FORM_SCHEMA, Sending
from node.api.tables import CHECK_TABLE_SCHEMA, CSV, SEND_TABLE_SCHEMA, XLSX, Tables
from node.api.terms import AgreedTerms, Calendars
from node.api.upkeep import Alarms, Upkeep


def declared_routes(context: ApiContext) -> tuple[Declared, ...]:
    """The routes over this node. Where two paths fit an address the first one counts."""
    return (
        *_recall_messages(Recalls(context)),
        *_messages(Messages(context), Sending(context)),
        *_cases(Cases(context), Clocks(context)),
        *_officers(Officers(context)),
        *_feeds(Feeds(context)),
        *_persons(Persons(context)),
        *_recalls(Recalls(context)),
        *_records(Records(context)),
        *_tables(Tables(context)),
        *_partners(Partners(context), AgreedTerms(context), Calendars(context)),
        *_agreements(Agreements(context)),
        *_upkeep(Alarms(context), Upkeep(context)),
    )


def _messages(messages: Messages, sending: Sending) -> tuple[Declared, ...]:
    tag, read, decide = "messages", Scope.MESSAGES_READ, Scope.MESSAGES_DECIDE
    one = "/messages/{id:path}"
    return (
        Declared(
            "GET", "/messages", Act.LIST_CASES, read, messages.listed, "List messages", tag, list[models.Message],
            may_refuse=(404,),
        ),
        Declared(
            "POST", "/messages", Act.SEND, Scope.MESSAGES_SEND, sending.send, "Send a message", tag, models.Sent, 201,
            takes=Takes.FORM, keys=True, may_refuse=(404, 409, 412), documented=_form(FORM_SCHEMA),
        ),
        Declared(
            "GET", one + "/raw", Act.READ_RECORDS, read, messages.raw, "The signed envelope", tag, gives=SOAP,
            may_refuse=(404, 410), documented=_octets(SOAP),
        ),
        Declared(
            "GET", one + "/response", Act.READ_RECORDS, read, messages.response, "The signed receipt or error", tag,
            gives=SOAP, may_refuse=(404, 410), documented=_octets(SOAP),
        ),
        Declared(
            "GET", one + "/parts", Act.LIST_CASES, read, messages.parts, "The parts of a message", tag,
            list[models.Part], tagged=True, may_refuse=(404,),
        ),
        Declared(
            "GET", one + "/parts/{n}", Act.READ_RECORDS, read, messages.part, "The content of a part", tag, gives=None,
            may_refuse=(404, 409, 410), documented=_octets("*/*"),
        ),
        Declared(
            "POST", one + "/opened", Act.MARK_OPENED, decide, messages.opened, "An officer has opened it", tag,
            models.Message, current=messages.current, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/resend", Act.RESEND, decide, messages.resend, "Try it again", tag, models.Resent,
            current=messages.current, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/withdraw", Act.DECIDE_MESSAGE, decide, messages.withdraw, "Take it back", tag,
            models.Decided, current=messages.current, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/confirm", Act.DECIDE_MESSAGE, decide, messages.confirm, "Record that the partner has it",
            tag, models.Decided, takes=Takes.JSON, current=messages.current, may_refuse=(404, 409),
        ),
        Declared(
            "GET", one, Act.LIST_CASES, read, messages.show, "Show a message", tag, models.Message, tagged=True,
            may_refuse=(404,),
        ),
    )  # fmt: skip


def _cases(cases: Cases, clocks: Clocks) -> tuple[Declared, ...]:
    tag, read = "cases", Scope.CASES_READ
    return (
        Declared("GET", "/due", Act.LIST_CASES, read, clocks.due, "What is due", tag, list[models.Due]),
        Declared(
            "GET", "/due.ics", Act.LIST_CASES, read, clocks.feed, "What is due, as a calendar", tag, gives=CALENDAR,
            documented=_octets(CALENDAR),
        ),
        Declared(
            "GET", "/figures", Act.SEE_FIGURES, Scope.FIGURES_READ, clocks.figures, "Figures of all cases", tag,
            list[models.Figure],
        ),
        Declared(
            "GET", "/figures.csv", Act.SEE_FIGURES, Scope.FIGURES_READ, clocks.figures_as_csv, "The same as CSV", tag,
            gives=CSV, documented=_octets(CSV),
        ),
        Declared(
            "POST", "/cases/{id:path}/on-paper", Act.RECORD_PAPER, Scope.CASES_RECORD, clocks.on_paper,
            "Record an act on paper", tag, models.OnPaper, 201, takes=Takes.FORM, keys=True, may_refuse=(404, 409),
            documented=_form(PAPER_SCHEMA),
        ),
        Declared(
            "GET", "/cases/{id:path}/on-paper/{act}/scans/{n}", Act.READ_RECORDS, read, clocks.scan,
            "A scan of an act on paper", tag, gives=None, may_refuse=(404, 410), documented=_octets("*/*"),
        ),
        Declared(
            "POST", "/cases/{id:path}/officer", Act.ASSIGN_CASE, Scope.CASES_ASSIGN, cases.assign,
            "Say whose a case is", tag, models.AssignedCase, takes=Takes.JSON, may_refuse=(404,),
        ),
        Declared(
            "GET", "/cases", Act.LIST_CASES, read, cases.listed, "List cases", tag, list[models.ListedCase],
            may_refuse=(404,),
        ),
        Declared(
            "GET", "/cases/{id:path}", Act.LIST_CASES, read, cases.show, "Show a case", tag, models.CaseWithMessages,
            tagged=True, may_refuse=(404,),
        ),
    )  # fmt: skip


def _officers(officers: Officers) -> tuple[Declared, ...]:
    return (
        Declared(
            "GET", "/officers", Act.SEE_OFFICERS, Scope.OFFICERS_READ, officers.listed, "List officers and heads",
            "officers", list[models.Officer], tagged=True,
        ),
        Declared(
            "POST", "/officers/{handle}/away", Act.NOTE_ABSENCE, Scope.OFFICERS_CHANGE, officers.away,
            "Say who is away", "officers", models.Officer, takes=Takes.JSON, may_refuse=(404,),
        ),
    )  # fmt: skip


def _feeds(feeds: Feeds) -> tuple[Declared, ...]:
    tag, keep = "feeds", Act.KEEP_FEEDS
    return (
        Declared(
            "GET", "/feeds", keep, Scope.FEEDS_READ, feeds.listed, "List addresses for calendar programs", tag,
            list[models.Feed], tagged=True,
        ),
        Declared(
            "POST", "/feeds", keep, Scope.FEEDS_CHANGE, feeds.add, "Make an address for calendar programs", tag,
            models.MadeFeed, 201, takes=Takes.JSON, kept=without_address,
        ),
        Declared(
            "DELETE", "/feeds/{id}", keep, Scope.FEEDS_CHANGE, feeds.remove, "Remove an address for calendar programs",
            tag, models.Feed, may_refuse=(404,),
        ),
    )  # fmt: skip


def _persons(persons: Persons) -> tuple[Declared, ...]:
    return (
        Declared(
            "POST", "/persons/find", Act.FIND_PERSONS, Scope.PERSONS_FIND, persons.find, "Find persons", "persons",
            models.FoundPersons, takes=Takes.JSON,
        ),
        Declared(
            "POST", "/persons/links", Act.LINK_PERSONS, Scope.PERSONS_LINK, persons.link, "Link two persons",
            "persons", models.LinkedPersons, 201, takes=Takes.JSON, may_refuse=(404,),
        ),
        Declared(
            "POST", "/persons/mrz", Act.CHECK_RECORDS, Scope.RECORDS_CHECK, persons.mrz, "Read machine-readable lines",
            "persons", models.MrzRead, takes=Takes.JSON, keys=True,
        ),
        Declared(
            "POST", "/persons/latin", Act.CHECK_RECORDS, Scope.RECORDS_CHECK, persons.latin, "A name in Latin letters",
            "persons", models.LatinName, takes=Takes.JSON, keys=True,
        ),
    )  # fmt: skip


def _recall_messages(recalls: Recalls) -> tuple[Declared, ...]:
    tag, decide = "recalls", Scope.RECALLS_DECIDE
    one = "/messages/{id:path}"
    return (
        Declared(
            "POST", one + "/recall", Act.RECALL, decide, recalls.recall, "Recall a message", tag, models.Recalled, 201,
            takes=Takes.JSON, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/erase", Act.RECALL, decide, recalls.erase, "Erase what was recalled", tag,
            models.AnsweredRecall, takes=Takes.JSON, may_refuse=(404, 409),
        ),
    )  # fmt: skip


def _recalls(recalls: Recalls) -> tuple[Declared, ...]:
    tag, read = "recalls", Scope.RECALLS_READ
    return (
        Declared("GET", "/recalls", Act.SEE_BREACHES, read, recalls.listed, "List recalls", tag, list[models.Recall]),
        Declared(
            "GET", "/breaches", Act.SEE_BREACHES, read, recalls.breaches, "List breaches", tag, list[models.Breach]
        ),
        Declared(
            "GET", "/breaches/{id}", Act.SEE_BREACHES, read, recalls.breach, "Show a breach", tag, models.Breach,
            tagged=True, may_refuse=(404,),
        ),
        Declared(
            "POST", "/breaches/{id}/close", Act.CLOSE_BREACH, Scope.RECALLS_DECIDE, recalls.close, "Close a breach",
            tag, models.Breach, takes=Takes.JSON, current=recalls.current, may_refuse=(404, 409),
        ),
    )  # fmt: skip


def _records(records: Records) -> tuple[Declared, ...]:
    tag, scope = "records", Scope.RECORDS_CHECK
    return (
        Declared(
            "POST", "/records/check", Act.CHECK_RECORDS, scope, records.check, "Check records", tag,
            list[models.Finding], takes=Takes.FORM, keys=True, documented=_form(CHECK_SCHEMA),
        ),
        Declared(
            "GET", "/domains", Act.CHECK_RECORDS, scope, records.domains, "List domains", tag, list[models.Domain],
            tagged=True,
        ),
        Declared(
            "GET", "/domains/{domain}/records/{record}", Act.CHECK_RECORDS, scope, records.new, "An empty record", tag,
            models.NewRecord, may_refuse=(404,),
        ),
    )  # fmt: skip


def _tables(tables: Tables) -> tuple[Declared, ...]:
    tag, check, read = "tables", Scope.RECORDS_CHECK, Scope.MESSAGES_READ
    one = "/tables/{domain}/{record}"
    return (
        Declared(
            "GET", one + "/new.csv", Act.CHECK_RECORDS, check, tables.new_csv, "An empty table, CSV", tag, gives=CSV,
            may_refuse=(404,), documented=_octets(CSV),
        ),
        Declared(
            "GET", one + "/new.xlsx", Act.CHECK_RECORDS, check, tables.new_xlsx, "An empty table, XLSX", tag,
            gives=XLSX, may_refuse=(404,), documented=_octets(XLSX),
        ),
        Declared(
            "GET", one + "/records.csv", Act.READ_RECORDS, read, tables.exported_csv, "Records as CSV", tag, gives=CSV,
            may_refuse=(404, 410), documented=_octets(CSV),
        ),
        Declared(
            "GET", one + "/records.xlsx", Act.READ_RECORDS, read, tables.exported_xlsx, "Records as XLSX", tag,
            gives=XLSX, may_refuse=(404, 410), documented=_octets(XLSX),
        ),
        Declared(
            "POST", one + "/check", Act.CHECK_RECORDS, check, tables.check, "Check a table", tag, models.CheckedTable,
            takes=Takes.FORM, keys=True, may_refuse=(404,), documented=_form(CHECK_TABLE_SCHEMA),
        ),
        Declared(
            "POST", one, Act.SEND, Scope.MESSAGES_SEND, tables.send, "Send a table", tag, list[models.SentRow], 201,
            takes=Takes.FORM, keys=True, may_refuse=(404, 409), documented=_form(SEND_TABLE_SCHEMA),
        ),
    )  # fmt: skip


def _partners(partners: Partners, terms: AgreedTerms, calendars: Calendars) -> tuple[Declared, ...]:
    tag, read, change = "partners", Scope.PARTNERS_READ, Scope.PARTNERS_CHANGE
    one = "/partners/{party:path}"
    return (
        Declared(
            "GET", one + "/terms/{domain}", Act.LIST_PARTNERS, Scope.AGREEMENTS_READ, terms.show, "Show terms",
            "terms", models.Terms, tagged=True, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/terms/{domain}", Act.CHANGE_PARTNERS, Scope.AGREEMENTS_CHANGE, terms.change,
            "Draft and confirm terms", "terms", models.Terms, takes=Takes.JSON, may_refuse=(404, 409),
        ),
        Declared(
            "GET", "/calendars", Act.LIST_PARTNERS, Scope.AGREEMENTS_READ, calendars.listed, "List calendars", "terms",
            list[models.KnownCalendar], tagged=True, may_refuse=(404,),
        ),
        Declared(
            "GET", "/calendars/proposal", Act.LIST_PARTNERS, Scope.AGREEMENTS_READ, calendars.propose,
            "Propose our days off", "terms", models.ProposedCalendar, may_refuse=(409,),
        ),
        Declared(
            "GET", "/partners", Act.LIST_PARTNERS, read, partners.listed, "List partners", tag, list[models.Partner],
            tagged=True,
        ),
        Declared(
            "POST", "/partners", Act.CHANGE_PARTNERS, change, partners.add, "Add a partner by its card", tag,
            models.Partner, 201, takes=Takes.JSON, may_refuse=(409,),
        ),
        Declared(
            "POST", "/partners/on-paper", Act.CHANGE_PARTNERS, change, partners.add_on_paper,
            "Add a partner without a node", tag, models.Partner, 201, takes=Takes.JSON, may_refuse=(409,),
        ),
        Declared(
            "POST", "/partners/as-given", Act.CHANGE_PARTNERS, change, partners.add_as_given,
            "Add a partner by its certificates", tag, models.Partner, 201, takes=Takes.JSON, may_refuse=(409,),
        ),
        Declared(
            "GET", "/card", Act.CHANGE_PARTNERS, change, partners.own_card, "Our card", tag, models.OwnCard,
            tagged=True, may_refuse=(409,),
        ),
        Declared(
            "POST", one + "/confirm", Act.CHANGE_PARTNERS, change, partners.confirm, "Confirm a partner", tag,
            models.Partner, takes=Takes.JSON, current=partners.current, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/ping", Act.CHANGE_PARTNERS, change, partners.ping, "Send a test message", tag, models.Ping,
            may_refuse=(404, 409),
        ),
        Declared(
            "GET", one, Act.LIST_PARTNERS, read, partners.show, "Show a partner", tag, models.PartnerWithTrust,
            tagged=True, may_refuse=(404,),
        ),
        Declared(
            "DELETE", one, Act.CHANGE_PARTNERS, change, partners.remove, "Remove a partner", tag, models.Removed,
            current=partners.current, may_refuse=(404, 409),
        ),
    )  # fmt: skip


def _agreements(agreements: Agreements) -> tuple[Declared, ...]:
    tag, read, change = "agreements", Scope.AGREEMENTS_READ, Scope.AGREEMENTS_CHANGE
    one = "/agreements/{id:path}"
    return (
        Declared(
            "GET", "/agreements", Act.LIST_PARTNERS, read, agreements.listed, "List agreements", tag,
            list[models.Agreement], tagged=True,
        ),
        Declared(
            "POST", "/agreements", Act.CHANGE_PARTNERS, change, agreements.unilateral,
            "Open a pair by our own word", tag, models.Agreement, 201, takes=Takes.JSON, may_refuse=(404, 409),
        ),
        Declared(
            "POST", one + "/end", Act.CHANGE_PARTNERS, change, agreements.end, "End an agreement", tag, models.Ended,
            current=agreements.current, may_refuse=(404, 409),
        ),
        Declared(
            "GET", one, Act.LIST_PARTNERS, read, agreements.show, "Show an agreement", tag, models.Agreement,
            tagged=True, may_refuse=(404,),
        ),
    )  # fmt: skip


def _upkeep(alarms: Alarms, upkeep: Upkeep) -> tuple[Declared, ...]:
    read = Scope.ALARMS_READ
    return (
        Declared(
            "GET", "/alarms", Act.LIST_ALARMS, read, alarms.listed, "List alarms", "alarms", list[models.Alarm],
            may_refuse=(404,),
        ),
        Declared(
            "GET", "/alarms/{id}", Act.LIST_ALARMS, read, alarms.show, "Show an alarm", "alarms", models.Alarm,
            tagged=True, may_refuse=(404,),
        ),
        Declared(
            "POST", "/alarms/{id}/settle", Act.SETTLE_ALARM, Scope.ALARMS_SETTLE, alarms.settle, "Settle an alarm",
            "alarms", models.Alarm, takes=Takes.JSON, current=alarms.current, may_refuse=(404, 409),
        ),
        Declared(
            "GET", "/checks", Act.RUN_CHECKS, Scope.NODE_READ, upkeep.checks, "Run the checks", "node",
            list[models.Check],
        ),
        Declared(
            "GET", "/version", Act.SEE_INTERFACE, None, upkeep.version, "The version", "node", models.Version,
            tagged=True,
        ),
    )  # fmt: skip


def _octets(media_type: str) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string", "contentEncoding": "binary"}}}
    return {"responses": {"200": {"description": "Its octets.", "content": content}}}


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}
