"""Strict reading of the fields of a signed statement: right type, right form, within bounds, or a refusal."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from node.trust.refused import TrustRefused
from node.trust.signed_statement import from_base64url

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Integers beyond this are not the same number in every JSON reader (RFC 8259, 6).
LARGEST_INTEGER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Fields:
    """One JSON object and the error to raise about it. `prefix` is the path to it."""

    values: Mapping[str, Any]
    error: type[TrustRefused]
    remedy: str
    prefix: str = ""

    def refuse(self, name: str, found: str, expected: str) -> TrustRefused:
        """The error to raise about field `name`."""
        return self.error(self.prefix + name, found, expected, self.remedy)

    def any(self, name: str) -> Any:
        """The value as it stands; a field that is absent is refused, null is not absence."""
        if name not in self.values:
            raise self.refuse(name, "nothing", "the field")
        return self.values[name]

    def text(self, name: str, longest: int, pattern: str | None = None) -> str:
        """Printable text, without space at its ends, wholly of `pattern` if one is given."""
        value = self.any(name)
        if not isinstance(value, str):
            raise self.refuse(name, _kind(value), "text")
        if not 0 < len(value) <= longest:
            raise self.refuse(name, f"{len(value)} characters", f"1 to {longest}")
        if not value.isprintable() or value != value.strip():
            raise self.refuse(name, "control characters or space at an end", "plain text")
        if pattern is not None and re.fullmatch(pattern, value) is None:
            raise self.refuse(name, value[:80], f"the form {pattern}")
        return value

    def text_or_none(self, name: str, longest: int, pattern: str | None = None) -> str | None:
        """Text as above, or null."""
        return None if self.any(name) is None else self.text(name, longest, pattern)

    def integer(self, name: str, least: int) -> int:
        """A whole number from `least`."""
        value = self.any(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refuse(name, _kind(value), "a whole number")
        if not least <= value <= LARGEST_INTEGER:
            raise self.refuse(name, "a number out of bounds", f"{least} to 2^53 - 1")
        return value

    def instant(self, name: str) -> datetime:
        """An instant in UTC to the second, RFC 3339: 2026-11-25T02:24:57Z."""
        text = self.text(name, 20)
        try:
            if _INSTANT.fullmatch(text) is None:
                raise ValueError
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise self.refuse(name, text, "an instant like 2026-11-25T02:24:57Z") from None

    def base64url(self, name: str, size: int) -> bytes:
        """`size` octets in base64url without padding."""
        text = self.text(name, size * 2)
        try:
            octets = from_base64url(text)
        except (binascii.Error, ValueError):
            raise self.refuse(name, "another spelling", "base64url without padding") from None
        if len(octets) != size:
            raise self.refuse(name, f"{len(octets)} bytes", f"{size} bytes")
        return octets

    def items(self, name: str, least: int, most: int) -> list[Any]:
        """A list of `least` to `most` entries, none of them twice."""
        value = self.any(name)
        if not isinstance(value, list):
            raise self.refuse(name, _kind(value), "a list")
        if not least <= len(value) <= most:
            raise self.refuse(name, f"{len(value)} entries", f"{least} to {most}")
        if any(entry in value[:n] for n, entry in enumerate(value)):
            raise self.refuse(name, "an entry twice", "each entry once")
        return value

    def texts(self, name: str, least: int, most: int, longest: int, pattern: str | None = None) -> tuple[str, ...]:
        """A list of texts."""
        entries = self.items(name, least, most)
        within = {str(n): entry for n, entry in enumerate(entries)}
        return tuple(
            Fields(within, self.error, self.remedy, f"{self.prefix}{name}/").text(key, longest, pattern)
            for key in within
        )

    def objects(self, name: str, least: int, most: int) -> list["Fields"]:
        """A list of objects, each with its own fields."""
        found = []
        for n, entry in enumerate(self.items(name, least, most)):
            if not isinstance(entry, dict):
                raise self.refuse(f"{name}/{n}", _kind(entry), "an object")
            found.append(Fields(entry, self.error, self.remedy, f"{self.prefix}{name}/{n}/"))
        return found


def format_second(instant: datetime) -> str:
    """An aware instant as these statements write it."""
    # strftime leaves the zeros of a year before 1000 out
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def from_base64(text: str) -> bytes:
    """Octets of base64 in its only spelling. Raises ValueError."""
    octets = base64.b64decode(text, validate=True)
    if base64.b64encode(octets).decode("ascii") != text:
        raise ValueError("not the only spelling")
    return octets


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
