"""What of a part is signed: the Attachment-Content-Signature-Transform (WSS SwA Profile 1.1.1, section 5.4).

Of a compressed part the gzip octets. Of an uncompressed one it depends on the media type: XML is brought into exclusive
canonical form without comments, other text gets CRLF line ends, anything else is taken as it is. Which types count as
XML follows WSS4J, the implementation that most peers run.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from lxml import etree

from node.as4.errors import FailedAuthentication, PolicyNoncompliance
from node.as4.gzip_stream import compress, decompress
from node.as4.limits import DEFAULT_LIMITS, Limits
from node.as4.message import PartInfo
from node.as4.parsing import apart

__all__ = [
    "PartDigest",
    "PartOctetsDigest",
    "compress",
    "decompress",
    "digest_for_signature",
    "digest_of",
    "digested_octets",
]

_XML_TYPE: Final = re.compile(r"text/xml.*|application/xml.*|(?:application|image)/[^;]*\+xml.*", re.I | re.S)
_TEXT_TYPE: Final = re.compile(r"text/.*", re.I | re.S)
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_DECLARED: Final = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[ \t\r\n]")
# XML 1.0, productions 23 to 26, 32 and 80. Each run of spaces is taken whole, so that long ones are not tried again.
_DECLARATION: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml
    [ \t\r\n]++version[ \t\r\n]*+=[ \t\r\n]*+(?:"[^"<>]*+"|'[^'<>]*+')
    (?:[ \t\r\n]++encoding[ \t\r\n]*+=[ \t\r\n]*+(?P<encoding>"[^"<>]*+"|'[^'<>]*+'))?+
    (?:[ \t\r\n]++standalone[ \t\r\n]*+=[ \t\r\n]*+(?:"[^"<>]*+"|'[^'<>]*+'))?+
    [ \t\r\n]*+\?>""",
    re.X,
)
_ENCODINGS: Final = re.compile(rb"utf-?8|utf-?16|us-ascii|ascii|iso-8859-[0-9]{1,2}|windows-125[0-8]", re.I)
_TOO_WIDE: Final = etree.XPath("boolean(//*[@*[257]])")
"""libxml2 sorts attributes by insertion: bounded for linear time, far above any record."""


class PartDigest(Protocol):
    """Takes the signed octets piece by piece and gives the digest that ds:DigestValue must have."""

    def update(self, octets: bytes) -> None:
        """Take the next octets."""

    def digest(self) -> bytes:
        """SHA-256 of the transformed octets."""


class PartOctetsDigest:
    """Octets as they are."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.update = self._hash.update
        self.digest = self._hash.digest


class _TextDigest:
    """CRLF line ends: a lone CR or LF becomes CRLF."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._after_cr = False

    def update(self, octets: bytes) -> None:
        self._hash.update(self.transformed(octets))

    def transformed(self, octets: bytes) -> bytes:
        """The next octets with the line ends that are signed."""
        if not octets:
            return octets
        # a CR at the end of the last piece was already written as CRLF: its LF is spent
        if self._after_cr and octets.startswith(b"\n"):
            octets = octets[1:]
        self._after_cr = octets.endswith(b"\r") if octets else False
        return _LINE_END.sub(b"\r\n", octets)

    def digest(self) -> bytes:
        return self._hash.digest()


class _XmlDigest:
    """Exclusive canonical form of the whole document, which must fit into memory."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pieces: list[bytes] = []
        self._size = 0

    def update(self, octets: bytes) -> None:
        self._size += len(octets)
        if self._size > self._limits.canonical_bytes:
            raise PolicyNoncompliance(f"part: uncompressed XML above {self._limits.canonical_bytes} bytes")
        self._pieces.append(octets)

    def digest(self) -> bytes:
        return hashlib.sha256(self.canonical()).digest()

    def canonical(self) -> bytes:
        """The canonical form of what came."""
        return _canonical_document(b"".join(self._pieces), self._limits)


def _countable(octets: bytes) -> bytes:
    """The document with markup in ASCII-compatible octets, so that counting them counts what a parser will see.

    Raises FailedAuthentication for encodings in which it would not (UTF-32, EBCDIC, UTF-16 without its mark).
    """
    if octets.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise FailedAuthentication("part: XML in UTF-32")
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            octets = octets.decode("utf-16").encode()
        except UnicodeError:
            raise FailedAuthentication("part: declared as XML but not in its encoding") from None
    elif b"\0" in octets or not octets.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"<"):
        raise FailedAuthentication("part: declared as XML but not well formed")
    if _DECLARED.match(octets):
        _require_known_encoding(octets)
    return octets


def _require_known_encoding(octets: bytes) -> None:
    """Of a document that begins with an XML declaration. The whole of it is read, however long: a parser would find an
    encoding there that was passed over here."""
    declaration = _DECLARATION.match(octets)
    if declaration is None:
        raise FailedAuthentication("part: declared as XML but not well formed")
    encoding = declaration["encoding"]
    if encoding is not None and not _ENCODINGS.fullmatch(encoding[1:-1]):
        raise FailedAuthentication("part: XML in an encoding that is not supported")


def _canonical_document(octets: bytes, limits: Limits) -> bytes:
    countable = _countable(octets)
    tags = countable.count(b"<")
    if tags > limits.canonical_elements or tags * (countable.count(b"xmlns") + 1) > limits.canonical_work:
        raise PolicyNoncompliance("part: uncompressed XML with too many elements or namespaces")
    if countable.count(b"=") > limits.canonical_attributes:
        raise PolicyNoncompliance("part: uncompressed XML with too many attributes")
    if b"<!DOCTYPE" in countable:
        raise PolicyNoncompliance("part: uncompressed XML with a DTD")

    def canonicalise() -> bytes:
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
        )
        document = etree.fromstring(octets, parser).getroottree()
        if _TOO_WIDE(document):
            raise PolicyNoncompliance("part: uncompressed XML with too many attributes")
        return etree.tostring(document, method="c14n", exclusive=True, with_comments=False)

    try:
        return apart(canonicalise)
    except (etree.XMLSyntaxError, etree.C14NError, ValueError, AssertionError):
        raise FailedAuthentication("part: declared as XML but not well formed") from None


def digest_of(info: PartInfo, limits: Limits = DEFAULT_LIMITS) -> PartDigest:
    """The digest that belongs to a part of that description."""
    if not info.compressed and info.mime_type is not None:
        if _XML_TYPE.fullmatch(info.mime_type):
            return _XmlDigest(limits)
        if _TEXT_TYPE.fullmatch(info.mime_type):
            return _TextDigest()
    return PartOctetsDigest()


def digest_for_signature(octets: Iterable[bytes], info: PartInfo, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """SHA-256 of the octets of a part as the signature wants it.

    octets: those that go on the wire before encryption (gzip if `info.compressed`).
    Raises FailedAuthentication if an uncompressed part is declared as XML and is none, PolicyNoncompliance if it cannot
    be canonicalised within the limits.
    """
    digest = digest_of(info, limits)
    for block in octets:
        digest.update(block)
    return digest.digest()


def digested_octets(octets: Iterable[bytes], info: PartInfo, limits: Limits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """The octets whose plain SHA-256 is `digest_for_signature`, for somebody who checks without this transform.

    Raises, while reading, what that raises.
    """
    digest = digest_of(info, limits)
    if isinstance(digest, _XmlDigest):
        for block in octets:
            digest.update(block)
        yield digest.canonical()
    elif isinstance(digest, _TextDigest):
        for block in octets:
            yield digest.transformed(block)
    else:
        yield from octets
