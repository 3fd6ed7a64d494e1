"""What states, proofs and errors are called on officers' pages: whole sentences, never more than what is true."""

from datetime import datetime

from sqlalchemy import RowMapping

from node.exchange.settlement import NOT_SENT
from node.exchange.turns import FAILED, WITHDRAWN
from node.web.language import Language
from node.web.refusals import Help, what_helps
from node.web.views import Fact, Mark, ProofMark, Refusal, Tag

Row = RowMapping
"""A row of the table `message`."""

ON_ITS_WAY = ("queued", "sending")


def is_withdrawn(row: Row) -> bool:
    """Whether a message ended by a person of ours who took it back; the table calls that refused too."""
    return row["state"] == "refused" and (row["error_detail"] or "").startswith(WITHDRAWN)


def was_not_sent(row: Row) -> bool:
    """Whether our own node ended a message that no agreement covered any more; the table calls that refused too."""
    return bool(row["state"] == "refused" and row["error_detail"] == NOT_SENT)


def has_failed(row: Row) -> bool:
    """Whether a person must see to a message, theirs or ours."""
    return row["state"] in (*FAILED, "rejected") and not is_withdrawn(row)


class Words:
    def __init__(self, language: Language) -> None:
        self._language = language

    def heading(self, row: Row, title: str, partner: str) -> str:
        """A message in one line: what, and where it has come to."""
        _ = self._language.gettext
        values = {"what": title, "partner": partner}
        if row["direction"] == "in":
            if row["state"] == "rejected":
                return _("%(what)s from %(partner)s, refused by this node", **values)
            return _("%(what)s from %(partner)s", **values)
        if is_withdrawn(row):
            return _("%(what)s to %(partner)s, withdrawn by us", **values)
        match row["state"]:
            case "delivered":
                return _("%(what)s, sent to %(partner)s", **values)
            case "unconfirmed":
                return _("%(what)s to %(partner)s, without a receipt yet", **values)
            case "refused" if was_not_sent(row):
                return _("%(what)s, not sent to %(partner)s", **values)
            case "refused":
                return _("%(what)s, refused by %(partner)s", **values)
            case "stale" | "given-up":
                return _("%(what)s, not delivered to %(partner)s", **values)
            case _:
                return _("%(what)s, on its way to %(partner)s", **values)

    def notice_heading(self, row: Row, title: str, partner: str) -> str:
        """A notice in one line; its title is what it tells."""
        _ = self._language.gettext
        if row["direction"] == "in":
            return _("Notice from %(partner)s: %(what)s", what=title, partner=partner)
        return _("Notice to %(partner)s: %(what)s", what=title, partner=partner)

    def message_tag(self, row: Row) -> Tag:
        """Where one message has come to."""
        _ = self._language.gettext
        if row["direction"] == "in":
            return Tag(_("Refused"), "late") if row["state"] == "rejected" else Tag(_("Received"), "ok")
        if is_withdrawn(row):
            return Tag(_("Withdrawn"))
        match row["state"]:
            case "delivered":
                return Tag(_("Delivered"), "ok")
            case "unconfirmed":
                return Tag(_("No receipt yet"), "soon")
            case "refused" if was_not_sent(row):
                return Tag(_("Not sent"), "late")
            case "refused":
                return Tag(_("Refused"), "late")
            case "stale":
                return Tag(_("Certificate no longer accepted"), "late")
            case "given-up":
                return Tag(_("Given up"), "late")
            case _:
                return Tag(_("On its way"), "acc")

    def case_tag(self, last: Row | None, closed: bool, unread: bool) -> Tag:
        """Whose turn a case is, from the last message in it."""
        _ = self._language.gettext
        if closed:
            return Tag(_("Closed"))
        if last is None:
            return Tag(_("No message yet"))
        if last["direction"] == "out":
            if is_withdrawn(last):
                return Tag(_("Withdrawn"))
            if last["state"] in FAILED:
                return Tag(_("Not delivered"), "late")
            if last["state"] in ON_ITS_WAY:
                return Tag(_("On its way"), "acc")
            return Tag(_("Waiting for partner"), "acc")
        if last["state"] == "rejected":
            return Tag(_("Their message was refused"), "late")
        return Tag(_("New message"), "soon") if unread else Tag(_("Waiting for us"), "soon")

    def next_action(self, last: Row | None, closed: bool, unread: bool) -> str:
        """What to do now, in a few words."""
        _ = self._language.gettext
        if closed:
            return _("Nothing")
        failed = last is not None and has_failed(last)
        if unread and not failed:
            return _("Read the new message")
        if last is None:
            return _("See its acts on paper with depesha case show")
        if last["direction"] == "in":
            if last["state"] == "rejected":
                return _("Wait for a corrected one, or ask")
            return _("Answer the partner")
        if is_withdrawn(last):
            return _("Send another, if it is still needed")
        match last["state"]:
            case "refused":
                return self._help(last).next
            case "stale":
                return _("Have it signed and sent anew")
            case "given-up":
                return _("Send it another way, or try again")
            case "queued" | "sending":
                return _("Nothing: it is being delivered")
            case "unconfirmed":
                return _("Ask the partner whether they have it")
            case _:
                return _("Wait for the partner")

    def marks(self, row: Row, position: int | None, logged: bool) -> tuple[ProofMark, ...]:
        """The four proofs of a message. `position` is that of its newest log entry; None while it waits for one."""
        sent, received, read = self._sent(row), self._received(row), self._read(row)
        return sent, received, read, self._log(position, logged)

    def proof_words(self, row: Row) -> str:
        """The four marks in a few words."""
        _ = self._language.gettext
        if is_withdrawn(row):
            return _("Withdrawn")
        match row["state"]:
            case "queued" | "sending":
                return _("On its way")
            case "unconfirmed":
                return _("No receipt yet")
            case "refused" if was_not_sent(row):
                return _("Not sent")
            case "refused" | "rejected":
                return _("Refused")
            case "stale" | "given-up":
                return _("Not delivered")
            case _:
                return _("Received, not read") if row["opened_at"] is None else _("Read, log proof due")

    def _sent(self, row: Row) -> ProofMark:
        _ = self._language.gettext
        label = self._language.gettext("Sent")
        if row["direction"] == "in":
            return ProofMark(label, Mark.YES, self._near(row["timestamp"], row))
        if row["state"] == "delivered":
            return ProofMark(label, Mark.YES, self._near(row["time"], row))
        if row["state"] == "unconfirmed":
            return ProofMark(label, Mark.NOT_YET, _("without a readable answer"))
        if is_withdrawn(row):
            return ProofMark(label, Mark.REFUSED, _("withdrawn"))
        if was_not_sent(row):
            return ProofMark(label, Mark.REFUSED, _("not sent"))
        if row["state"] == "refused":
            return ProofMark(label, Mark.YES, _("and refused"))
        if row["state"] in FAILED:
            return ProofMark(label, Mark.REFUSED, _("not delivered"))
        return ProofMark(label, Mark.NOT_YET, _("on its way"))

    def _received(self, row: Row) -> ProofMark:
        _ = self._language.gettext
        label = _("Received")
        at = row["receipt_time"] or (row["time"] if row["direction"] == "in" else None)
        if row["state"] in ("refused", "rejected"):
            ended_here = is_withdrawn(row) or was_not_sent(row)
            return ProofMark(label, Mark.REFUSED, _("no receipt") if ended_here else _("refused"))
        if row["state"] in ("delivered", "received") and at is not None:
            return ProofMark(label, Mark.YES, self._near(at, row))
        if row["state"] in FAILED:
            return ProofMark(label, Mark.REFUSED, _("no receipt"))
        return ProofMark(label, Mark.NOT_YET, _("no receipt yet"))

    def _read(self, row: Row) -> ProofMark:
        _ = self._language.gettext
        label = _("Read")
        if row["opened_at"] is not None:
            return ProofMark(label, Mark.YES, self._near(row["opened_at"], row))
        if row["state"] in ("rejected", *FAILED):
            return ProofMark(label, Mark.REFUSED)
        return ProofMark(label, Mark.NOT_YET, _("not opened yet"))

    def _log(self, position: int | None, logged: bool) -> ProofMark:
        # A proof needs a countersigned checkpoint; until peers witness this log, an entry is our own word.
        _ = self._language.gettext
        label = _("Log proof")
        if not logged:
            return ProofMark(label, Mark.NOT_YET, _("none"))
        if position is None:
            return ProofMark(label, Mark.NOT_YET, _("pending"))
        return ProofMark(label, Mark.NOT_YET, _("entry %(n)s of our own log, witnessed by nobody", n=position))

    def refusal(self, row: Row, partner: str) -> Refusal | None:
        """Why a message was refused or is late, and what helps. The detail names fields and rules, never values."""
        _ = self._language.gettext
        code, detail = row["error_code"] or "", row["error_detail"] or ""
        again = f"depesha message resend {row['message_id']}"
        if row["direction"] == "in":
            if row["state"] != "rejected":
                return None
            return Refusal(
                _("This node refused the message"),
                code,
                detail,
                _("The partner was told so with a signed error. The message is kept as it came and changes nothing."),
            )
        if is_withdrawn(row):
            nothing = _("It is not sent any more. Nothing needs mending.")
            return Refusal(_("This message was withdrawn here"), "", detail, nothing, "soon")
        match row["state"]:
            case "refused":
                helps = self._help(row)
                cause = _("The partner’s node refused the message: %(partner)s", partner=partner)
                if was_not_sent(row):
                    cause = _("This message was not sent")
                return Refusal(cause, code, detail, f"{helps.remedy} {again}" if helps.resend else helps.remedy)
            case "given-up":
                return Refusal(
                    _("The message was given up"),
                    code,
                    detail,
                    _("Nothing is lost. Call the partner, or have IT staff send it again: %(command)s", command=again),
                )
            case "stale":
                return Refusal(
                    _("The certificate that signed it is no longer accepted"),
                    code,
                    detail,
                    _("IT staff can have the same record signed anew and sent: %(command)s", command=again),
                )
            case "unconfirmed":
                return Refusal(
                    _("The partner seems to have the message, and no valid receipt has come"),
                    code,
                    detail,
                    _("Ask the partner for it by its message id. To ask their node again: %(command)s", command=again),
                    "soon",
                )
            case "queued" | "sending" if code or detail:
                return Refusal(
                    _("The last attempt failed"),
                    code,
                    detail,
                    _("The node tries again by itself; you need do nothing."),
                    "soon",
                )
            case _:
                return None

    def _help(self, row: Row) -> Help:
        return what_helps(self._language, row["error_code"] or "", was_not_sent(row))

    def facts(self, row: Row, partner: str, party: str, own: str) -> tuple[Fact, ...]:
        """How a message travelled, for those who check; `own` is our party. An office is one that is not the party."""
        _ = self._language.gettext
        mine = row["direction"] == "out"
        facts = [
            Fact(_("From"), _("this node") if mine else f"{partner} ({party})"),
            Fact(_("To"), f"{partner} ({party})" if mine else _("this node")),
            Fact(_("Time in it"), row["timestamp"]),
            Fact(_("Made here") if mine else _("Received here"), row["time"]),
        ]
        if row["receipt_time"] is not None:
            facts.append(Fact(_("Their receipt") if mine else _("Our receipt"), row["receipt_time"]))
        if mine:
            facts.append(Fact(_("Attempts"), self._language.number(row["attempts"])))
        offices = (party, own)
        sender = None if row["original_sender"] in offices else row["original_sender"]
        recipient = None if row["final_recipient"] in offices else row["final_recipient"]
        codes = [
            (_("Message id"), row["message_id"]),
            (_("Conversation"), row["conversation_id"]),
            (_("Answers message"), row["ref_to_message_id"]),
            (_("Replaces"), row["replaces"]),
            (_("Agreement"), row["agreement_ref"]),
            (_("Service"), row["service"]),
            (_("Action"), row["action"]),
            (_("Sequence"), None if row["sequence"] is None else str(row["sequence"])),
            (_("Had seen"), None if row["seen"] is None else str(row["seen"])),
            (_("Their office") if not mine else _("Our office"), sender),
            (_("For office"), recipient),
            (_("Digest of all"), bytes(row["digests"]).hex()),
        ]
        return (*facts, *(Fact(label, text, True) for label, text in codes if text))

    def _near(self, instant: datetime, row: Row) -> str:
        return self._language.near(instant, row["time"])
