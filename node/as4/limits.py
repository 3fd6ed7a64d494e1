"""Bounds on what comes from outside. Each is a number with its reason; all are enforced before memory is given out."""

from dataclasses import dataclass
from typing import Final

MAX_TREE_DEPTH: Final = 32
"""The deepest path of a legal envelope has 14 elements (HKDF parameters in an EncryptedKey)."""

MAX_ATTRIBUTES_OF_ELEMENT: Final = 64
"""libxml2 sorts the attributes of one element by insertion: quadratic, so few. The legal maximum is 8."""

MAX_PREFIXES: Final = 16
"""Prefixes in one InclusiveNamespaces; peers send one."""

MAX_ID_LENGTH: Final = 1024
"""A MessageId, Content-ID or Id; RFC 5322 lines end at 998."""

MAX_VALUE_LENGTH: Final = 16384
"""Any other value of the header; ebMS gives no bound, people write a few hundred characters."""

MAX_HKDF_OCTETS: Final = 1024
"""Salt or Info; peers send 16 to 32."""

MAX_ERRORS: Final = 64
"""eb:Error elements in one signal."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that an operator may move. The defaults fit a message of 100 parts and 2 GB."""

    envelope_bytes: int = 512 * 1024
    """A part costs about 2 KB of envelope, a signature 3 KB."""
    elements: int = 8192
    """Start and end tags; an envelope with 100 parts has about 5,000."""
    attributes: int = 8192
    """Equals signs, which bound attributes; base64 padding counts too."""
    namespaces: int = 512
    """Occurrences of xmlns; WSS4J writes about five a part."""
    parts: int = 100
    part_header_bytes: int = 8192
    """The whole MIME header of one part; peers send 200 bytes."""
    part_header_fields: int = 32
    preamble_bytes: int = 1024
    """Before the first and after the last boundary; peers send a line end."""
    part_bytes: int = 2 * 1024**3
    """Octets of one part on the wire; AES-GCM itself ends at 64 GB."""
    inflated_bytes: int = 4 * 1024**3
    """Content of one message after decompression."""
    inflated_ratio: int = 200
    """Content to gzip, above `inflated_free`; repetitive XML reaches 60, a bomb 1,000."""
    inflated_free: int = 4 * 1024**2
    """Content of a part below this size is not held to the ratio."""
    canonical_bytes: int = 16 * 1024**2
    """An uncompressed XML part, which must be in memory to be canonicalised."""
    canonical_elements: int = 400_000
    canonical_attributes: int = 400_000
    """Equals signs, which bound attributes: each costs 250 bytes of memory for 7 on the wire."""
    recognise: bool = True
    """No bound: envelopes written exactly as ours are read without a parser; False sends all through it."""
    canonical_work: int = 20_000_000
    """Tags times namespace declarations of such a part: canonicalisation looks each up in the other."""


DEFAULT_LIMITS: Final = Limits()
