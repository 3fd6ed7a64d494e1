"""What a message holds, unsealed for the page that shows it and kept nowhere: its record and its parts.

What was erased has no key any more: pages say so, and the rest stays readable.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from node.as4 import decompress
from node.exchange.part_scans import INFECTED
from node.records import Domains, Shape, UnreadableError
from node.store.blobs import BlobStore
from node.store.columns import table_of
from node.store.payloads import Kind, PayloadErased, StoredPayload, find_payload, find_payloads, open_payload
from node.store.sealing import KeyEncryptionKey
from node.store.tables import Part, PartScan, PayloadKey
from node.web.language import Language
from node.web.record_view import AttachmentNote, RecordView
from node.web.views import Download, Name, PartRow

RECORD_LIMIT = 1024 * 1024
"""Records are smaller; a larger XML part is shown as a file."""
PICTURES = ("image/jpeg", "image/png")
"""Shown on the page; browsers decode them in a sandbox of their own."""
PICTURE_LIMIT = 5_000_000
_EXTENSIONS = {
    "application/xml": "xml",
    "text/xml": "xml",
    "application/pdf": "pdf",
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/tiff": "tiff",
    "image/jp2": "jp2",
    "image/heic": "heic",
    "image/x-wsq": "wsq",
    "text/plain": "txt",
    "application/json": "json",
}

NO_NAMES: Mapping[str, Name] = {}
PART, KEY, SCAN = table_of(Part), table_of(PayloadKey), table_of(PartScan)


@dataclass(frozen=True, slots=True)
class Contents:
    """Opens what is sealed. `row` is always a row of the table `message`."""

    kek: KeyEncryptionKey
    blobs: BlobStore
    domains: Domains
    language: Language

    def title(self, row: RowMapping) -> str:
        """What kind of record a message carries, in words where its domain is known here."""
        shape = self._shape(row)
        return str(row["action"]) if shape is None else shape.label(shape.name, self.language.tag)

    def record(
        self, connection: Connection, row: RowMapping, known: Mapping[str, Name] = NO_NAMES
    ) -> tuple[RecordView | None, str | None]:
        """The record of a message, its first part; or why it cannot be shown. `known`: names of the case's persons."""
        if self._shape(row) is None:
            return self._read(row, None, None, known)
        part = self._part(connection, row, 1)
        stored = find_payload(connection, row["id"], "part", 1) if part is not None else None
        return self._read(row, part, stored, known)

    def records(self, connection: Connection, rows: Iterable[RowMapping]) -> dict[int, RecordView]:
        """The records of many messages, by row id, where they can be shown."""
        known = {row["id"]: row for row in rows if self._shape(row) is not None}
        query = select(PART).where(PART.c.message.in_(known), PART.c.n == 1)
        parts = {part["message"]: part for part in connection.execute(query).mappings()}
        stored = find_payloads(connection, list(parts), "part")
        views = {
            id_: self._read(row, parts.get(id_), stored.get((id_, "part", 1)), NO_NAMES)[0]
            for id_, row in known.items()
        }
        return {id_: view for id_, view in views.items() if view is not None}

    def _read(
        self, row: RowMapping, part: RowMapping | None, stored: StoredPayload | None, known: Mapping[str, Name]
    ) -> tuple[RecordView | None, str | None]:
        _ = self.language.gettext
        shape = self._shape(row)
        if shape is None:
            return None, _("This node has no description of this kind of record; its parts are below as they came.")
        if part is None or stored is None:
            return None, _("The message has no record in it.")
        if part["size"] > RECORD_LIMIT:
            return None, _("The record is larger than a page can show; download it below.")
        try:
            return RecordView(b"".join(self._octets(stored, part["compressed"])), shape, self.language, known), None
        except PayloadErased:
            return None, _(
                "What the message said was erased when its time had run out. That it was exchanged stays on record."
            )
        except UnreadableError:
            return None, _("The record cannot be read as XML; download it below.")

    def parts(
        self, connection: Connection, row: RowMapping, view: RecordView | None, readable: bool
    ) -> tuple[PartRow, ...]:
        """All parts in order; without `readable` their names and what the record says of them stay away."""
        notes = view.attachments() if view is not None and readable else {}
        kept = set(connection.scalars(select(KEY.c.n).where(KEY.c.message == row["id"], KEY.c.kind == "part")))
        rows = connection.execute(select(PART).where(PART.c.message == row["id"]).order_by(PART.c.n)).mappings()
        infected = _infected(connection, row["id"])
        return tuple(
            self._part_row(row, part, notes, part["n"] in kept, readable, infected.get(part["n"])) for part in rows
        )

    def part(self, connection: Connection, row: RowMapping, k: int, stem: str) -> Download | None:
        """A part's content to download, None if it is not there or was erased."""
        part = self._part(connection, row, k)
        stored = find_payload(connection, row["id"], "part", k) if part is not None else None
        if part is None or stored is None or stored.wrapped_key is None or k in _infected(connection, row["id"]):
            return None
        media_type = plain_media_type(part["media_type"])
        return Download(
            file_name=f"{stem}.{_EXTENSIONS.get(media_type, 'bin')}",
            media_type=media_type,
            size=part["size"],
            octets=self._octets(stored, part["compressed"]),
        )

    def signed(self, connection: Connection, row: RowMapping, kind: Kind, stem: str) -> Download | None:
        """The signed envelope, or the signed answer to it; None if it is not there or was erased."""
        stored = find_payload(connection, row["id"], kind)
        if stored is None or stored.wrapped_key is None:
            return None
        return Download(f"{stem}.xml", "application/xml", stored.size, self._octets(stored, False))

    def is_kept(self, connection: Connection, row: RowMapping, kind: Kind) -> bool:
        """Whether there is something to read, not erased."""
        stored = find_payload(connection, row["id"], kind)
        return stored is not None and stored.wrapped_key is not None

    def _shape(self, row: RowMapping) -> Shape | None:
        domain = self.domains.find(row["service"])
        return domain.records.get(row["action"]) if domain is not None else None

    def _part(self, connection: Connection, row: RowMapping, k: int) -> RowMapping | None:
        query = select(PART).where(PART.c.message == row["id"], PART.c.n == k)
        return connection.execute(query).mappings().one_or_none()

    def _octets(self, stored: StoredPayload, compressed: bool) -> Iterator[bytes]:
        octets = open_payload(stored, self.kek, self.blobs)
        return decompress(octets) if compressed else octets

    def _part_row(
        self,
        row: RowMapping,
        part: RowMapping,
        notes: Mapping[str, AttachmentNote],
        kept: bool,
        readable: bool,
        infected: str | None,
    ) -> PartRow:
        _ = self.language.gettext
        sha256 = bytes(part["sha256"]).hex()
        media_type = plain_media_type(part["media_type"])
        note = notes.get(sha256)
        is_record = part["n"] == 1 and self._shape(row) is not None
        if is_record:
            title = self.title(row)
        elif note is None or not note.kind:
            title = _("Part %(n)s", n=part["n"])
        elif note.persons:
            title = _("%(kind)s (%(persons)s)", kind=_capital(note.kind), persons=", ".join(note.persons))
        else:
            title = _capital(note.kind)
        said = _("erased; its digest stays")
        if kept:
            # The link gives the content: of a compressed part that is not the octets whose digest was signed.
            said = _("decompressed; its gzip form was signed") if part["compressed"] else _("as it was signed")
        if kept and not is_record and notes and note is None:
            said = _("%(form)s; the record does not name it", form=said)
        if infected is not None:
            readable = False
            said = _("infected (%(found)s): only IT staff hand it out, by a command", found=infected)
        return PartRow(
            n=part["n"],
            title=title,
            picture="record" if is_record else "person" if note is not None and note.photograph else "document",
            media_type=media_type,
            size=part["size"],
            sha256=sha256,
            note=said,
            format=_EXTENSIONS[media_type].upper() if media_type in _EXTENSIONS else media_type,
            readable=readable and kept,
            shown=readable and kept and media_type in PICTURES and part["size"] <= PICTURE_LIMIT,
        )


def _infected(connection: Connection, message: int) -> dict[int, str]:
    """The infected parts of a message, each with what a scanner found in it."""
    query = select(SCAN.c.n, SCAN.c.found).where(SCAN.c.message == message, SCAN.c.verdict == INFECTED)
    return {row.n: row.found or "?" for row in connection.execute(query)}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def plain_media_type(text: str | None) -> str:
    """The media type without parameters; what was not declared, or is no media type, is octets."""
    plain = (text or "").partition(";")[0].strip().lower()
    whole = plain.count("/") == 1 and plain.isascii() and all(c.isalnum() or c in "/.+-" for c in plain)
    return plain if whole else "application/octet-stream"
