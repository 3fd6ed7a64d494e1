"""What a file is, by its first octets and never by its name; and what of it a record may call so.

Signatures: JPEG (ISO/IEC 10918-1), PNG (ISO/IEC 15948), TIFF 6.0 and BigTIFF, JPEG 2000 (ISO/IEC 15444-1, annex I and
A), HEIF (ISO/IEC 23008-12), WSQ (FBI IAFIS-IC-0110), PDF (ISO 32000), and what must not come as an attachment.
"""

from dataclasses import dataclass

HEAD_BYTES = 64
UNKNOWN = "application/octet-stream"
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}
)
_BRAND_STARTS, _BRAND_ENDS = 8, 12


@dataclass(frozen=True, slots=True)
class ContentType:
    """`media_type` is what we call it; `also` what others do, a name that ends in * standing for all that begin so."""

    media_type: str
    name: str
    also: tuple[str, ...] = ()
    program: bool = False

    def may_be_called(self, media_type: str) -> bool:
        """Whether that is a right name for it; parameters count for nothing."""
        plain = media_type.partition(";")[0].strip().lower()
        return any(
            plain.startswith(one[:-1]) if one.endswith("*") else plain == one for one in (self.media_type, *self.also)
        )


JPEG = ContentType("image/jpeg", "JPEG", ("image/jpg", "image/pjpeg"))
PNG = ContentType("image/png", "PNG")
GIF = ContentType("image/gif", "GIF")
WEBP = ContentType("image/webp", "WebP")
TIFF = ContentType("image/tiff", "TIFF", ("image/tif", "image/x-tiff"))
JPEG2000 = ContentType(
    "image/jp2", "JPEG 2000", ("image/jpeg2000", "image/jpx", "image/jpm", "image/j2k", "image/x-jp2")
)
HEIC = ContentType("image/heic", "HEIC", ("image/heif", "image/heic-sequence", "image/heif-sequence"))
WSQ = ContentType("image/x-wsq", "WSQ", ("image/wsq", "application/x-wsq"))
PDF = ContentType("application/pdf", "PDF")
# Packed folders are what many formats are made of: office documents, signed containers.
ZIP = ContentType("application/zip", "ZIP", ("application/*", "model/*"))
OLE = ContentType("application/x-ole-storage", "an old office format", ("application/*",))
PROGRAM = ContentType("application/x-executable", "a program", program=True)

_DOCUMENTS = (JPEG, PNG, GIF, WEBP, TIFF, JPEG2000, HEIC, PDF)
_STARTS: tuple[tuple[bytes, ContentType], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", JPEG2000),
    (b"\xff\x4f\xff\x51", JPEG2000),
    (b"\xff\xa0\xff", WSQ),
    (b"%PDF-", PDF),
    (b"PK\x03\x04", ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"MZ", PROGRAM),
    (b"\x7fELF", PROGRAM),
    (b"\xfe\xed\xfa\xce", PROGRAM),
    (b"\xfe\xed\xfa\xcf", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM),
    (b"#!", PROGRAM),
)


def is_document(found: ContentType) -> bool:
    """Whether it is a picture or PDF, as a scanned paper is."""
    return found in _DOCUMENTS


_SIGNED = (*_DOCUMENTS, WSQ)
"""Types every file of which shows its signature. Of packed folders, whose names are many, none is required."""


def signed_type(media_type: str) -> ContentType | None:
    """The type that goes by this name, where each file of that type begins with a signature that we know."""
    return next((one for one in _SIGNED if one.may_be_called(media_type)), None)


def is_markup(head: bytes) -> bool:
    """Whether a file with these first octets is HTML, SVG or other markup: text that begins with a tag."""
    for mark, encoding in (
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xef\xbb\xbf", "utf-8"),
        (b"", "latin-1"),
    ):
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, errors="replace").lstrip().startswith("<")
    return False


def content_type(head: bytes) -> ContentType | None:
    """What a file with these first octets (HEAD_BYTES of them, or all) is; None where no signature tells."""
    for start, found in _STARTS:
        if head.startswith(start):
            return found
    if head[4:8] == b"ftyp" and head[_BRAND_STARTS:_BRAND_ENDS] in _HEIF_BRANDS:
        return HEIC
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    return None
