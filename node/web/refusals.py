"""What helps when a message was refused, by the ebMS code: only some refusals lie in the record."""

from dataclasses import dataclass

from node.web.language import Language


@dataclass(frozen=True, slots=True)
class Help:
    """What to do in a few words, the same in sentences, and whether `message resend` follows when it is done."""

    next: str
    remedy: str
    resend: bool


def what_helps(language: Language, code: str, not_sent: bool = False) -> Help:
    """`code` as `EBMS:0101`; `not_sent` for a message that our own node ended, since no agreement covered it."""
    _ = language.gettext
    ask = _("Ask your IT staff")
    if not_sent:
        return Help(
            ask,
            _(
                "It was not sent. Say in another way what it said, or have IT staff open the agreement again and "
                "send it:"
            ),
            True,
        )
    match code:
        case "EBMS:0004":
            return Help(
                _("Correct the record and send it anew"),
                _("Correct what is named, then send a new record. This one does not go again by itself."),
                False,
            )
        case "EBMS:0010":
            said = _(
                "The record may be right. Ask your IT staff: the partner has not opened this kind of record with us. "
                "When the partner has opened it, IT staff send the same message again:"
            )
        case "EBMS:0101":
            said = _(
                "The record may be right. Ask your IT staff: the partner does not accept our signature. They compare "
                "our certificate with the one that the partner has recorded, then send the same message again:"
            )
        case "EBMS:0102":
            said = _(
                "The record may be right. Ask your IT staff: the partner cannot decrypt what we send. They compare the "
                "partner’s certificate here with the one that the partner uses, then send the same message again:"
            )
        case "EBMS:0103":
            said = _(
                "The record may be right. Ask your IT staff: the partner wants parts signed or encrypted in another "
                "way, or smaller. They compare suite and limits, then send the same message again:"
            )
        case _:
            said = _(
                "The record may be right. Ask your IT staff: the two nodes do not understand each other. They look up "
                "the code, mend the cause with the partner’s IT staff, then send the same message again:"
            )
    return Help(ask, said, True)
