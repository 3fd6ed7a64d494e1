"""A SOAP envelope in values: the message, its signature, what the signature must cover, how parts are encrypted.

`reading` makes these of octets; everything after it works on these values alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.as4.encryption import Encryption
from node.as4.message import PartInfo, UserMessage
from node.as4.signals import Signal
from node.as4.signature import Signable, SignatureParts


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope says, nothing of it verified.

    require_empty_body: raises PolicyNoncompliance if the Body has content. encryption: what of these parts is
    encrypted and how; raises FailedDecryption.
    """

    message: UserMessage | Signal
    signature: SignatureParts | None
    signable: tuple[Signable, ...]
    require_empty_body: Callable[[], None]
    encryption: Callable[[Sequence[PartInfo]], Encryption | None]
