"""Text and attribute values in canonical form (Canonical XML 1.0, section 2.3); what XML cannot carry is refused."""

import binascii
import re
from typing import Final

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN: Final = re.compile("[ !#-%'-;=?-~]*+")
"""What stands as it is in text and in attributes; most values are nothing else."""
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)


def check_characters(value: str, field: str) -> None:
    """Raise ValueError naming the field if the value has a character that XML 1.0 cannot carry (section 2.2)."""
    found = _NOT_XML.search(value)
    if found is not None:
        raise ValueError(f"{field}: character U+{ord(found[0]):04X} cannot be written in XML")


def base64_text(octets: bytes) -> str:
    """The octets in base64, on one line."""
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def text(value: str, field: str) -> str:
    """The value as text content in canonical form. Raises ValueError naming the field."""
    if _PLAIN.fullmatch(value):
        return value
    check_characters(value, field)
    return value.translate(_TEXT)


def attribute(value: str, field: str) -> str:
    """The value as it stands between double quotes in canonical form. Raises ValueError naming the field."""
    if _PLAIN.fullmatch(value):
        return value
    check_characters(value, field)
    return value.translate(_ATTRIBUTE)
