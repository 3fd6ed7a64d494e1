"""Reading an envelope: one that is written as ours by the recogniser, any other through the parser."""

from functools import partial

from node.as4.encryption import read_encryption
from node.as4.envelope import Envelope
from node.as4.errors import As4Error
from node.as4.limits import Limits
from node.as4.read_messaging import read_messaging
from node.as4.recogniser import recognise
from node.as4.signature import read_security, signable_of
from node.as4.soap import Soap, check_empty, read_envelope


def recognised(octets: bytes, limits: Limits) -> Envelope | None:
    """The values of an envelope that is written exactly as ours; None for any other, or if that is switched off."""
    return recognise(octets, limits) if limits.recognise else None


def envelope_in(octets: bytes, limits: Limits) -> Envelope:
    """The values of an envelope of any peer. Raises As4Error, which names the message once its id is read."""
    return recognised(octets, limits) or values_of(read_envelope(octets, limits), limits)


def values_of(soap: Soap, limits: Limits) -> Envelope:
    """The values of an envelope whose frame was found. Raises As4Error, which names the message once its id is read."""
    message = read_messaging(soap.messaging, limits)
    try:
        security = read_security(soap)
    except As4Error as error:
        error.ref_to_message_id = message.message_id
        raise
    return Envelope(
        message,
        security.signature,
        signable_of(soap),
        partial(check_empty, soap.body),
        partial(read_encryption, security),
    )
