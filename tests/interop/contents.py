"""Payloads that have gone wrong between access points before: odd XML, binary, empty lines, many, large."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

# Byte order, comments, attribute order, CDATA, namespaces that exclusive canonicalisation leaves out: all of it must
# arrive as it was sent, whatever was digested.
XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\r\n'
    "<!-- before the root -->\n"
    '<r:record xmlns:r="urn:depesha:service" xmlns:unused="urn:not:used" z="1" a="2">\n'
    "  <r:name>Ђорђе &amp; Đorđe Łukasz Ünal</r:name><empty   />\n"
    "  <![CDATA[<not markup>]]>\r\n"
    "</r:record>\n"
).encode()
TEXT = "Line one\nZweite Zeile\r\nтрећи ред\n\nlast line without an end".encode()
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<<>>endobj\n--boundary?\r\n\r\n" + bytes(range(256)) * 8 + b"\n%%EOF\n"
# Random: gzip cannot make it smaller, so a megabyte goes over the wire.
MEGABYTE = random.Random(20261125).randbytes(1_000_000)


@dataclass(frozen=True, slots=True)
class Payload:
    """One part: its content, media type, and whether the sender compresses it."""

    content: bytes
    media_type: str
    compress: bool = True
    character_set: str | None = None

    @property
    def sha256(self) -> str:
        """Of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()

    def written(self, directory: Path) -> Path:
        """A file with the content."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / self.sha256
        path.write_bytes(self.content)
        return path


ONE_XML = (Payload(XML, "application/xml"),)
XML_AND_PDF = (*ONE_XML, Payload(PDF, "application/pdf"))
TWELVE = tuple(
    Payload(b"<p n='%d'>" % n + XML[-40:-12] * n + b"</p>", "application/xml")
    if n % 3
    else Payload(PDF * n, "application/pdf")
    for n in range(12)
)
ONE_MEGABYTE = (Payload(MEGABYTE, "application/octet-stream"),)
MESSAGES = {"one XML": ONE_XML, "XML and PDF": XML_AND_PDF, "twelve parts": TWELVE, "1 MB": ONE_MEGABYTE}

# An uncompressed part is signed in another form than it is sent in: XML canonicalised, text with CRLF.
UNCOMPRESSED = {
    "uncompressed XML": (Payload(XML, "application/xml", compress=False),),
    "uncompressed XML by suffix": (Payload(XML, "application/vnd.depesha+xml", compress=False),),
    "uncompressed text": (Payload(TEXT, "text/plain", compress=False),),
    "uncompressed PDF beside compressed XML": (*ONE_XML, Payload(PDF, "application/pdf", compress=False)),
}
