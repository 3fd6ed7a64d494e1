"""What waits for a person, as pages say it: what happened, and what helps. It only reads."""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping

from node.access import Person
from node.web import queries
from node.web.contents import Contents
from node.web.context import Context
from node.web.language import Language
from node.web.refusals import what_helps
from node.web.views import AlarmRow

PAGE_ROWS = 50
RESEND = "depesha message resend {}"


@dataclass(frozen=True, slots=True)
class AlarmList:
    """One page of open alarms, oldest first; `after` is the id to go on from, None on the last page."""

    rows: tuple[AlarmRow, ...]
    after: int | None


class StoredAlarms:
    """Reads alarms for pages; safe to share between threads."""

    def __init__(self, context: Context, language: Language) -> None:
        self._database = context.database
        self._contents = Contents(context.kek, context.blobs, context.domains, language)
        self._language = language

    def open(self, person: Person, after: int) -> AlarmList:
        """Open alarms that this person may know of, those after the alarm of that id."""
        with self._database.read() as connection:
            rows = queries.open_alarms(connection, person, after, PAGE_ROWS + 1)
            shown = tuple(self._row(connection, row) for row in rows[:PAGE_ROWS])
        return AlarmList(shown, shown[-1].id if len(rows) > PAGE_ROWS else None)

    def one(self, person: Person, alarm: int) -> AlarmRow | None:
        """The alarm, open or settled, or None if it is not there for this person."""
        with self._database.read() as connection:
            row = queries.find_alarm(connection, person, alarm)
            return None if row is None else self._row(connection, row)

    def _row(self, connection: Connection, row: RowMapping) -> AlarmRow:
        message = queries.messages_by_id(connection, [row["message"]]).get(row["message"])
        address = None
        if row["alias_year"] is not None:
            address = f"/cases/{queries.alias_of(row)}/messages/{row['n']}"
        cause, remedy, verbs = self._words(row["kind"], row["detail"])
        return AlarmRow(
            id=row["id"],
            time=row["time"],
            cause=cause,
            detail=row["detail"],
            remedy=remedy,
            commands=tuple(verb.format(row["message_id"] or "ID") for verb in verbs),
            partner=queries.named(connection, [row["peer"]])[0] if row["peer"] is not None else None,
            title=self._contents.title(message) if message is not None else None,
            message_id=row["message_id"],
            address=address,
            settled=row["settled_at"],
        )

    def _words(self, kind: str, detail: str) -> tuple[str, str, tuple[str, ...]]:
        """What an alarm of this kind means, what to do, and the commands for it ({} stands for the message's id).

        The detail of a refusal begins with its code, `EBMS:0101: …`.
        """
        _ = self._language.gettext
        match kind:
            case "refused":
                helps = what_helps(self._language, detail.partition(": ")[0])
                return _("They refuse the message"), helps.remedy, (RESEND,) if helps.resend else ()
            case "uncovered":
                helps = what_helps(self._language, "", not_sent=True)
                return _("No agreement covers it any more"), helps.remedy, (RESEND,)
            case "given-up":
                return (
                    _("No receipt came in time"),
                    _("Nothing is lost. Call the partner, or have IT staff send it again:"),
                    (RESEND,),
                )
            case "stale":
                return (
                    _("The certificate that signed it is no longer accepted"),
                    _("IT staff can have the same record signed anew and sent:"),
                    (RESEND,),
                )
            case "unconfirmed":
                return (
                    _("They seem to have it, and no valid receipt has come"),
                    _(
                        "Ask the partner whether they have it. IT staff record by the first command that they do, and "
                        "ask their node again by the second:"
                    ),
                    ('depesha message confirm {} --note "…"', RESEND),
                )
            case "other-content":
                return (
                    _("They used a message’s id again for other content"),
                    _(
                        "The first message stands, the other was refused. Ask the partner’s IT staff which of the two "
                        "they meant."
                    ),
                    (),
                )
            case "refused-incoming":
                return (
                    _("We refuse what they send"),
                    _(
                        "Nothing of it was kept, and their node was told. Ask the partner’s IT staff to mend it and to "
                        "send it again; ours find the cause in the running log, by the reference."
                    ),
                    (),
                )
            case "infected-attachment":
                return (
                    _("An attachment that came is infected"),
                    _(
                        "It is kept as it was signed and not handed out. Tell the partner; IT staff hand it out on "
                        "purpose:"
                    ),
                    ("depesha message parts {} --infected --out DIR",),
                )
            case "not-scanned":
                return (
                    _("An attachment could not be scanned"),
                    _("IT staff look at the virus scanner: the running log says why it gives no verdict."),
                    (),
                )
            case "reminder-refused":
                return (
                    _("A reminder of what is due could not be delivered"),
                    _("Somebody was not told. Tell them what is due, and let IT staff correct the mail address."),
                    (),
                )
            case "breach-near-end":
                return (
                    _("The time to notify the supervisory authority of a breach ends soon"),
                    _(
                        "A message went to the wrong party (GDPR, article 33). Notify the authority, or say why none "
                        "is needed, and record it; IT staff list and close breaches by these commands:"
                    ),
                    ("depesha breach list", 'depesha breach close ID --notified "…" --words "…"'),
                )
            case "clock":
                return (
                    _("The node doubts its own clock"),
                    _(
                        "Nothing is taken in until the clock is right; a partner’s signed answer shows that by itself. "
                        "If no partner can be reached, IT staff compare the clock with another one and settle this."
                    ),
                    (),
                )
            case "peer-lost-memory":
                return (
                    _("Their node has lost some of its memory"),
                    _(
                        "It seems to go on from an old backup. What we received from them stands; what they received "
                        "from us may be missing there. Compare the cases of the last days with the partner."
                    ),
                    (),
                )
            case "own-memory-lost":
                return (
                    _("Our node has lost some of its memory"),
                    _(
                        "A partner has seen messages that we do not know to have sent: this database is older than the "
                        "last one. IT staff find out since when; compare the cases of those days with the partners."
                    ),
                    (),
                )
            case "database-behind":
                return (
                    _("The database is older than what this node had written"),
                    _(
                        "Messages are taken in, and nothing is sent. If the newer database can be had, IT staff put it "
                        "in place; else they compare with the partners what was lost, and settle this: then sending "
                        "goes on."
                    ),
                    (),
                )
            case _:
                return _("The node asks for a person: %(kind)s", kind=kind), _("Find out what happened."), ()
