"""Writing signals: receipts, errors, pull requests (ebMS 3.0 Core, section 5.2.3; ebBP Signals 2.0).

A receipt repeats every ds:Reference of the request in its order, built anew from the values that were read and
verified, so that nothing of a stranger's XML is copied under our signature.
"""

from collections.abc import Sequence
from datetime import datetime

from node.as4 import names, templates
from node.as4.canonical_text import attribute, base64_text, text
from node.as4.message import Reference, format_instant
from node.as4.open import OpenedMessage
from node.as4.sign import message_info, sign_messaging, unsigned_messaging
from node.as4.signals import EbmsError
from node.as4.suite import SigningIdentity, Suite


def make_receipt(
    opened: OpenedMessage, message_id: str, timestamp: datetime, identity: SigningIdentity, suite: Suite
) -> bytes:
    """The signed non-repudiation receipt for a message, to be sent as application/soap+xml.

    message_id: new, of the receipt. timestamp: aware; the moment from which periods run.
    """
    references = "".join(map(_reference, opened.references))
    content = (
        f"<eb:SignalMessage>{message_info(message_id, format_instant(timestamp), opened.header.message_id)}"
        f'<eb:Receipt><ebbp:NonRepudiationInformation xmlns:ebbp="{names.EBBP}">{references}'
        "</ebbp:NonRepudiationInformation></eb:Receipt></eb:SignalMessage>"
    )
    return sign_messaging(content, message_id, (), identity, suite)[0]


def _reference(ref: Reference) -> str:
    prefixes = (
        templates.INCLUSIVE_NAMESPACES % attribute(" ".join(ref.prefix_list), "PrefixList") if ref.prefix_list else ""
    )
    return templates.RECEIPT_REFERENCE % (
        attribute(ref.uri, "URI"),
        ref.transform,
        prefixes,
        base64_text(ref.digest),
    )


def make_error(
    errors: Sequence[EbmsError],
    message_id: str,
    timestamp: datetime,
    ref_to_message_id: str | None,
    identity: SigningIdentity | None = None,
    suite: Suite | None = None,
) -> bytes:
    """An error signal, signed if an identity and its suite are given.

    A ref_to_message_id that is no legal MessageId must be left out. Raises ValueError without any error.
    """
    if not errors:
        raise ValueError("errors: none given")
    written = "".join(map(_error, errors))
    info = message_info(message_id, format_instant(timestamp), ref_to_message_id)
    content = f"<eb:SignalMessage>{info}{written}</eb:SignalMessage>"
    if identity is None or suite is None:
        return unsigned_messaging(content, message_id)
    return sign_messaging(content, message_id, (), identity, suite)[0]


def _error(error: EbmsError) -> str:
    attributes = [("category", error.category), ("errorCode", error.code), ("origin", error.origin)]
    attributes += [("refToMessageInError", error.ref_to_message), ("severity", error.severity)]
    attributes.append(("shortDescription", error.short))
    written = "".join(f' {name}="{attribute(value, name)}"' for name, value in attributes if value)
    description = ""
    if error.description:
        description = f'<eb:Description xml:lang="en">{text(error.description, "Description")}</eb:Description>'
    detail = f"<eb:ErrorDetail>{text(error.detail, 'ErrorDetail')}</eb:ErrorDetail>" if error.detail else ""
    return f"<eb:Error{written}>{description}{detail}</eb:Error>"


def make_pull_request(mpc: str, message_id: str, timestamp: datetime, identity: SigningIdentity, suite: Suite) -> bytes:
    """A signed request for the next message in a channel."""
    info = message_info(message_id, format_instant(timestamp), None)
    pull = f'<eb:PullRequest mpc="{attribute(mpc, "mpc")}"></eb:PullRequest>'
    content = f"<eb:SignalMessage>{info}{pull}</eb:SignalMessage>"
    return sign_messaging(content, message_id, (), identity, suite)[0]
