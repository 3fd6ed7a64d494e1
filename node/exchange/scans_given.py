"""Acts on paper as they are given: why one is refused, and its scans, which are pictures or PDF by their content."""

from collections.abc import Mapping
from pathlib import Path

from node.records.content_types import HEAD_BYTES, content_type, is_document

LARGEST_SCAN = 50_000_000
"""Octets of one scan: a file above it is more likely another file."""


class PaperRefused(Exception):
    """The act cannot be recorded so; the text names what was found, what is expected and the remedy.

    `wrong` holds the same for programs, {field, found, expected, remedy}; None where it is no single field.
    """

    wrong: Mapping[str, str] | None = None

    @classmethod
    def of(cls, field: str, found: str, expected: str, remedy: str) -> "PaperRefused":
        """One field is wrong, which the command line has as an option of that name."""
        refused = cls(f"--{field}: found {found}, expected {expected}. {remedy}")
        refused.wrong = {"field": field, "found": found, "expected": expected, "remedy": remedy}
        return refused


def scan_given(given: Path | bytes) -> bytes:
    """The octets of a scan. Raises PaperRefused for one that is empty, too large, or no picture or PDF; OSError."""
    name = "" if isinstance(given, bytes) else f"{given}, "
    size = len(given) if isinstance(given, bytes) else given.stat().st_size
    if not 0 < size <= LARGEST_SCAN:
        raise PaperRefused.of("scan", f"{name}{size} octets", f"1 to {LARGEST_SCAN}", "Scan it smaller.")
    octets = given if isinstance(given, bytes) else given.read_bytes()
    found = content_type(octets[:HEAD_BYTES])
    if found is None or not is_document(found):
        what = "content of a kind that is not known" if found is None else found.name
        remedy = "Its name counts for nothing: scan or photograph the paper, or print to PDF what came by mail."
        raise PaperRefused.of("scan", name + what, "PDF, JPEG, PNG, TIFF, JPEG 2000, HEIC, WebP or GIF", remedy)
    return octets
