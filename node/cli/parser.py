"""The grammar of the command line. Each verb names the function that runs it; nothing else is imported here."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from node.cli.program_verbs import add_program_verbs
from node.cli.verbs import Verbs as _Verbs
from node.cli.verbs import count as _count
from node.cli.verbs import group as _group
from node.cli.verbs import verb as _verb

WAIT_SECONDS = 60
STATES = (
    "queued", "sending", "delivered", "unconfirmed", "refused", "stale", "given-up",
    "received", "rejected",
)  # fmt: skip
VERBS = {"show": "show_"}
PEER_VERBS = {"show": "show_peer"}
MESSAGES = "node.cli.messages"
PARTNERS = "node.cli.partners"
CASES = "node.cli.cases"
RECORDS = "node.cli.records"
SERVICE = "node.cli.service"
PEOPLE = "node.cli.people"
ALARMS = "node.cli.alarms"
PERSONS = "node.cli.persons"
DOCUMENTS = "node.cli.documents"
RECALLS = "node.cli.recalls"
MAILS = "node.cli.mails"


def prepare(argv: Sequence[str]) -> list[str]:
    """Let `--wait` stand without a number before another argument."""
    words = list(argv)
    for n, word in enumerate(words):
        following = words[n + 1] if n + 1 < len(words) else ""
        if word == "--wait" and not following.removeprefix("-").replace(".", "", 1).isdigit():
            words[n] = f"--wait={WAIT_SECONDS}"
    return words


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    parser = argparse.ArgumentParser(
        prog="depesha", description="Exchange official records with other administrations, with evidence."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _node_verbs(verbs)
    _peer_verbs(verbs)
    _agreement_verbs(verbs)
    _message_verbs(verbs)
    _case_verbs(verbs)
    _person_verbs(verbs)
    _record_verbs(verbs)
    _people_verbs(verbs)
    add_program_verbs(verbs)
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: give seconds, 0 or more")
    return seconds


def _node_verbs(verbs: _Verbs) -> None:
    demo = _verb(verbs, "demo", "node.demo:run", "two administrations on this machine exchange records")
    demo.add_argument("--dir", metavar="D", default="demo", help="where their homes are made (default: demo)")
    demo.add_argument("--once", action="store_true", help="exchange, print what it proved, end")
    init = _verb(verbs, "init", f"{SERVICE}:init", "make a node: its keys, its store, its settings")
    init.add_argument("--party", metavar="ID", required=True, help="our party id, as peers write it")
    init.add_argument("--party-type", metavar="T", help="the type of that id")
    init.add_argument("--name", metavar="N", required=True, help="the administration's name")
    init.add_argument("--country", metavar="CCC", help="ISO 3166-1 alpha-3 code")
    init.add_argument("--url", metavar="URL", help="the wire's full address, path included, as peers reach it")
    for option in ("signing-cert", "signing-key", "encryption-cert", "encryption-key"):
        init.add_argument(f"--{option}", metavar="F", type=Path, help="PEM, brought along instead of made here")
    serve = _verb(verbs, "serve", f"{SERVICE}:serve", "run the node")
    serve.add_argument("--outside", metavar="HOST:PORT", help="what peers reach")
    serve.add_argument("--inside", metavar="HOST:PORT", help="pages, readiness and metrics")
    serve.add_argument("--plain-http", action="store_true", help="no TLS; only on a loopback address")
    serve.add_argument("--no-send", action="store_true", help="receive, but hold deliveries back")
    _verb(verbs, "doctor", f"{SERVICE}:doctor", "run the checks of the node, and say what helps")
    _verb(verbs, "upgrade", f"{SERVICE}:upgrade", "bring the tables to the version that this program needs")
    _verb(verbs, "card", f"{PARTNERS}:card", "print our card, to be handed to a peer")
    _verb(verbs, "version", f"{SERVICE}:version", "print the version")


def _peer_verbs(verbs: _Verbs) -> None:
    peer = _group(verbs, "peer", "the administrations that we exchange with")
    add = _verb(peer, "add", f"{PARTNERS}:add", "add a peer by its card, by its certificates, or on paper")
    add.add_argument("card", metavar="CARD", nargs="?", type=Path, help="the peer's card (a file)")
    add.add_argument("--words", metavar="W", help="its eight words, heard by telephone: confirms it at once")
    add.add_argument("--paper", action="store_true", help="a partner without a node")
    add.add_argument("--party", metavar="ID", help="its party id")
    add.add_argument("--party-type", metavar="T", help="the type of that id")
    add.add_argument("--name", metavar="N", help="its name")
    add.add_argument("--url", metavar="URL", help="its wire's full address")
    add.add_argument("--signing-cert", metavar="F", type=Path, help="PEM: the certificate that it signs with")
    add.add_argument("--encryption-cert", metavar="F", type=Path, help="PEM: the certificate to encrypt for")
    add.add_argument("--ca", metavar="F", type=Path, help="PEM: believe this CA for the signing certificate's subject")
    confirm = _verb(peer, "confirm", f"{PARTNERS}:confirm", "confirm a peer by its eight words")
    confirm.add_argument("party", metavar="PARTY")
    confirm.add_argument("--words", metavar="W", required=True, help="its eight words, or their numbers")
    _verb(peer, "list", f"{PARTNERS}:list_peers", "list the peers")
    for name, help in (
        ("show", "show a peer with its certificates and words"),
        ("ping", "send a test message; exit 0 when its signed receipt came"),
        ("remove", "take nothing more from a peer, and send it nothing"),
    ):
        one = _verb(peer, name, f"{PARTNERS}:{PEER_VERBS.get(name, name)}", help)
        one.add_argument("party", metavar="PARTY")


def _agreement_verbs(verbs: _Verbs) -> None:
    agreement = _group(verbs, "agreement", "what is open with which peer")
    unilateral = _verb(
        agreement, "unilateral", f"{PARTNERS}:unilateral", "open pairs of service and action by our own word"
    )
    unilateral.add_argument("--peer", metavar="PARTY", required=True, help="the peer that they are open with")
    unilateral.add_argument("--ref", metavar="AGREEMENTREF", help="what its messages carry; without it: none")
    unilateral.add_argument("--service", metavar="S", required=True, help="for records the domain's namespace")
    unilateral.add_argument("--service-type", metavar="T", help="the type of the service, if messages carry one")
    unilateral.add_argument("--action", metavar="A", nargs="+", default=[], help="its actions; else a domain's all")
    _verb(agreement, "list", f"{PARTNERS}:agreements", "list the agreements")
    show = _verb(agreement, "show", f"{PARTNERS}:show_agreement", "show one agreement")
    show.add_argument("id", metavar="ID")
    terms = _verb(
        agreement, "terms", f"{CASES}:terms", "draft, confirm and show the periods that cases with a peer run by"
    )
    terms.add_argument("--peer", metavar="PARTY", required=True)
    terms.add_argument("--domain", metavar="D", required=True)
    terms.add_argument("--template", metavar="T", help="the agreement whose figures to begin with")
    for option, form, help in (
        ("place", "PARTY=ZONE", "where the days of a party count, perhaps with the end of day: ZONE@16:00"),
        ("country", "PARTY=CCC", "a country that its card does not state"),
        ("confirm", "NAME", "this figure is right as proposed"),
        ("set", "NAME=VALUE", "this figure is so"),
        ("drop", "NAME", "the terms go without this figure"),
    ):
        terms.add_argument(f"--{option}", metavar=form, nargs="+", action="extend", default=[], help=help)
    end = _verb(agreement, "end", f"{PARTNERS}:end", "end an agreement")
    end.add_argument("id", metavar="ID")


def _message_verbs(verbs: _Verbs) -> None:
    send = _verb(verbs, "send", f"{MESSAGES}:send", "queue a record or other message durably; needs no running node")
    send.add_argument(
        "record", metavar="RECORD.xml", nargs="?", type=Path,
        help="a record of a domain; its service and action follow from it",
    )  # fmt: skip
    send.add_argument("--to", metavar="PARTY", required=True, help="the peer that gets it")
    send.add_argument("--attach", metavar="FILE", nargs="+", action="extend", default=[], help="a file to go with it")
    send.add_argument("--case", metavar="ID", help="the case's number or ConversationId; without it a new case")
    send.add_argument("--service", metavar="S", help="for what is no record: its service")
    send.add_argument("--service-type", metavar="T", help="the type of that service; without it that of the open pair")
    send.add_argument("--action", metavar="A", help="its action")
    send.add_argument(
        "--part", metavar="FILE:MEDIATYPE", nargs="+", action="extend", default=[],
        help="its parts, in order; may be repeated; a charset in the media type is told to the peer as CharacterSet",
    )  # fmt: skip
    send.add_argument("--unit", metavar="U", help="the unit of ours that sends it")
    send.add_argument(
        "--confirm", metavar="CODE", nargs="+", action="extend", default=[],
        help="a point that was shown to need a second look is right; a code for each",
    )  # fmt: skip
    send.add_argument(
        "--strip-metadata", action="store_true",
        help="images go without place, time, device and the like; the record's digests are adapted",
    )  # fmt: skip
    send.add_argument("--wait", metavar="S", type=_seconds, help=f"wait for the receipt ({WAIT_SECONDS} seconds)")
    message = _group(verbs, "message", "messages sent and received")
    _recall_verbs(verbs, message)
    listing = _verb(message, "list", f"{MESSAGES}:list_", "list messages, oldest first")
    listing.add_argument("--limit", metavar="N", type=_count, default=100)
    listing.add_argument("--after", metavar="ID", help="those after this message")
    listing.add_argument("--state", metavar="S", choices=STATES)
    listing.add_argument("--peer", metavar="P")
    listing.add_argument("--case", metavar="C")
    for name, help in (
        ("show", "show a message"),
        ("raw", "print its signed envelope, as sent or received"),
        ("parts", "write its parts into a folder"),
        ("resend", "try a message again that was given up, unconfirmed, stale or refused"),
        ("withdraw", "take back a message that was not delivered; those after it in its case go on"),
    ):
        one = _verb(message, name, f"{MESSAGES}:{VERBS.get(name, name)}", help)
        one.add_argument("id", metavar="ID")
        if name == "parts":
            one.add_argument("--out", metavar="DIR", required=True, type=Path)
            one.add_argument(
                "--signed", action="store_true", help="what was signed of it and of its receipt, to check without us"
            )
            one.add_argument(
                "--infected", action="store_true", help="infected parts too, on purpose; the log records it"
            )
    confirm = _verb(
        message, "confirm", f"{ALARMS}:confirm", "record that the peer says it has an unconfirmed message; our own word"
    )
    confirm.add_argument("id", metavar="ID")
    confirm.add_argument("--note", metavar="TEXT", required=True, help="how we know; name no person")
    alarm = _group(verbs, "alarm", "what waits for a person")
    alarms = _verb(alarm, "list", f"{ALARMS}:list_alarms", "list open alarms, oldest first")
    alarms.add_argument("--all", action="store_true", help="settled ones, too")
    settle = _verb(alarm, "settle", f"{ALARMS}:settle", "settle an alarm; its message stays as it is")
    settle.add_argument("id", metavar="ID")
    settle.add_argument("--note", metavar="TEXT", required=True, help="what was found; name no person")


def _recall_verbs(verbs: _Verbs, message: _Verbs) -> None:
    recall = _verb(message, "recall", f"{RECALLS}:recall", "ask the wrong receiver of a message to erase it")
    recall.add_argument("id", metavar="ID")
    recall.add_argument("--reason", metavar="TEXT", required=True, help="what happened; stays here, sealed")
    recall.add_argument("--aware", metavar="INSTANT", help="since when it is known; without it, since now")
    erase = _verb(message, "erase", f"{RECALLS}:erase", "erase a message that its sender recalled, and confirm it")
    erase.add_argument("id", metavar="ID", help="the message, or the request to erase it")
    erase.add_argument("--place", metavar="PLACE", required=True, help="where the confirmation is signed")
    erase.add_argument("--office", metavar="OFFICE", required=True, help="the office that signs it")
    erase.add_argument("--kept", metavar="GROUND", help="keep it, on this ground; its sender is told")
    recalls = _verb(message, "recalls", f"{RECALLS}:list_recalls", "list recalls that nobody has answered")
    recalls.add_argument("--all", action="store_true", help="answered ones, too")
    mail = _group(verbs, "mail", "reminders by mail")
    back = _verb(mail, "bounced", f"{MAILS}:bounced", "take in a report that a reminder came back (RFC 3464)")
    back.add_argument("file", metavar="FILE", nargs="?", type=Path, help="the mail; without it from standard input")
    breach = _group(verbs, "breach", "breaches of personal data: what went to the wrong party")
    listing = _verb(breach, "list", f"{RECALLS}:list_breaches", "list breaches that nobody has closed")
    listing.add_argument("--all", action="store_true", help="closed ones, too")
    _verb(breach, "show", f"{RECALLS}:show_breach", "show one breach").add_argument("id", metavar="ID")
    close = _verb(breach, "close", f"{RECALLS}:close", "record that the supervisory authority was told, or need not be")
    close.add_argument("id", metavar="ID")
    how = close.add_mutually_exclusive_group(required=True)
    how.add_argument("--notified", metavar="INSTANT", help="when the supervisory authority was told")
    how.add_argument("--not-needed", action="store_true", help="the breach is unlikely to result in a risk")
    close.add_argument("--words", metavar="TEXT", required=True, help="which authority and number; or why not needed")
    export = _verb(breach, "export", f"{RECALLS}:export", "write all breaches into a file, for an auditor")
    export.add_argument("--out", metavar="FILE", required=True, type=Path, help="JSON; must not be there yet")


def _case_verbs(verbs: _Verbs) -> None:
    case = _group(verbs, "case", "cases: messages that belong together")
    cases = _verb(case, "list", f"{CASES}:list_cases", "list cases, the one that changed last first")
    cases.add_argument("--limit", metavar="N", type=_count, default=100)
    cases.add_argument("--peer", metavar="P", help="those with this peer")
    cases.add_argument("--domain", metavar="D", help="those of this domain, as `returns`")
    cases.add_argument("--state", metavar="S", help="those in this state of their procedure")
    cases.add_argument("--unit", metavar="U", help="those of this unit, and of none")
    cases.add_argument("--officer", metavar="NAME", help="those of this officer")
    cases.add_argument("--from", dest="opened_from", metavar="DAY", help="those opened on this day or later")
    cases.add_argument("--until", dest="opened_until", metavar="DAY", help="those opened on this day or before")
    show = _verb(case, "show", f"{CASES}:show_case", "show a case: how it stands, and its messages")
    show.add_argument("id", metavar="ID")
    assign = _verb(case, "assign", f"{CASES}:assign", "give a case to an officer, who is told first what is due in it")
    assign.add_argument("id", metavar="ID")
    assign.add_argument("name", metavar="NAME", nargs="?", help="the account's name; without it nobody has the case")
    record = _verb(case, "record", f"{CASES}:record_act", "record an act by paper, fax, mail or telephone")
    record.add_argument("id", metavar="ID")
    what = record.add_mutually_exclusive_group(required=True)
    what.add_argument("--act", metavar="A", help="its name in the procedure")
    what.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        help="what was on the paper, as a record: its acts and persons; kept sealed",
    )
    record.add_argument(
        "--channel", metavar="C", required=True, choices=("paper", "fax", "mail", "telephone"),
        help="paper, fax, mail or telephone",
    )  # fmt: skip
    record.add_argument("--done", metavar="T", required=True, help="when, with its zone: 2026-04-17T10:30:00+02:00")
    record.add_argument("--received", metavar="T", help="when it was received")
    record.add_argument("--by", metavar="WHO", choices=("us", "them"), default="us", help="us (the default) or them")
    record.add_argument("--persons", metavar="ID", nargs="+", default=[], help="ids of persons within the case")
    record.add_argument("--concerning", metavar="M", help="the message, or act on paper, that it is about")
    record.add_argument("--until", metavar="DAY", help="the day that it asks for or grants")
    record.add_argument("--day", metavar="DAY", help="the day that it states, from or back from which its time counts")
    record.add_argument(
        "--scan",
        metavar="FILE",
        nargs="+",
        type=Path,
        default=[],
        help="the scanned paper, a picture or PDF by its content; kept sealed",
    )
    record.add_argument("--peer", metavar="P", help="with ID `new`: the other side of the case")
    record.add_argument("--domain", metavar="D", help="with ID `new`: what the case is about")
    scan = _verb(case, "scan", f"{CASES}:write_scan", "write a scan of an act on paper into a file")
    scan.add_argument("id", metavar="ID")
    scan.add_argument("act", metavar="ACT", help="the act's id, as `case show` gives it")
    scan.add_argument("n", metavar="N", type=_count, help="which of its scans; the first is 1")
    scan.add_argument("--out", metavar="FILE", type=Path, required=True, help="the file, readable for its owner only")
    due = _verb(verbs, "due", f"{CASES}:due", "print what is due, in the order in which to look at it")
    due.add_argument("--unit", metavar="U", help="of this unit, and of cases of none")
    due.add_argument(
        "--officer", metavar="NAME", help="what this officer has, and what went to the team; a head has all"
    )
    due.add_argument("--feed", action="store_true", help="as a calendar (iCalendar)")
    figures = _verb(
        verbs, "figures", f"{CASES}:print_figures", "print figures of all cases: how many, how long, overdue, deemed"
    )
    figures.add_argument("--unit", metavar="U", help="of this unit, and of cases of none")
    figures.add_argument("--csv", action="store_true", help="as CSV")
    calendar = _group(verbs, "calendar", "days off: ours and those of peers")
    listed = _verb(calendar, "list", f"{CASES}:list_calendars", "list the signed calendars that bind us and peers")
    listed.add_argument("--peer", metavar="P", help="of this peer and us alone")
    propose = _verb(
        calendar, "propose", f"{CASES}:print_proposal", "print a record of our days off, to correct and send"
    )
    propose.add_argument("--country", metavar="CCC", help="whose public holidays (ours)")
    propose.add_argument("--first", metavar="YEAR", type=int, required=True, help="its first year")
    propose.add_argument("--last", metavar="YEAR", type=int, required=True, help="its last year")


def _person_verbs(verbs: _Verbs) -> None:
    person = _group(verbs, "person", "persons of cases: find and link them")
    find = _verb(person, "find", f"{PERSONS}:find", "find persons by name, document or file number, birth, case number")
    find.add_argument(
        "text", metavar="TEXT", nargs="+",
        help="three letters or more of a name, a number, a date as 1974-08-12 or 1974, a name and a date",
    )  # fmt: skip
    link = _verb(person, "link", f"{PERSONS}:link", "remember that two persons are the same, another, or twins")
    link.add_argument("one", metavar="A", help="a case and a person of it, as 2026-0417/p1")
    link.add_argument("other", metavar="B", help="the other one")
    link.add_argument(
        "--as", dest="kind", metavar="K", required=True, choices=("same", "another", "twin"),
        help="same, another or twin",
    )  # fmt: skip
    _verb(person, "index", f"{PERSONS}:index", "build what is missing of the index by which persons are found")
    mrz = _verb(person, "mrz", f"{DOCUMENTS}:mrz", "read and check the machine-readable lines of a travel document")
    mrz.add_argument("lines", metavar="LINE", nargs="*", help="a line (or all of them on standard input)")
    latin = _verb(person, "latin", f"{DOCUMENTS}:latin", "propose Latin letters for a name in its own script")
    latin.add_argument("name", metavar="NAME", nargs="*", help="the name (or on standard input)")
    latin.add_argument("--language", metavar="L", required=True, help="of the name, as sr, mk, sq, el, de")


def _record_verbs(verbs: _Verbs) -> None:
    record = _group(verbs, "record", "records: check them, begin new ones")
    check = _verb(record, "check", f"{RECORDS}:check", "check records against their schema and rules")
    check.add_argument("files", metavar="FILE", nargs="+", type=Path)
    new = _verb(record, "new", f"{RECORDS}:new", "print an empty record to fill")
    new.add_argument("domain", metavar="DOMAIN")
    new.add_argument("record", metavar="RECORD")


def _people_verbs(verbs: _Verbs) -> None:
    user = _group(verbs, "user", "people who sign in to the pages")
    add = _verb(user, "add", f"{PEOPLE}:add", "add a person, or make a new sign-in link for one")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", metavar="R", required=True)
    add.add_argument("--unit", metavar="U")
    add.add_argument("--mail", metavar="ADDRESS", help="where reminders of what is due go; '' takes it away")
    away = _verb(user, "away", f"{PEOPLE}:away", "note that a person is away: what is due goes to the team meanwhile")
    away.add_argument("name", metavar="NAME")
    away.add_argument("--from", dest="first", metavar="DAY", help="the first day (today)")
    away.add_argument("--until", metavar="DAY", help="the last day; without it until told otherwise")
    away.add_argument("--back", action="store_true", help="is there again")
    listing = _verb(user, "list", f"{PEOPLE}:list_users", "list people")
    listing.add_argument("--all", action="store_true", help="removed ones, too")
    remove = _verb(user, "remove", f"{PEOPLE}:remove", "remove a person; what is open in a browser ends at once")
    remove.add_argument("name", metavar="NAME")
