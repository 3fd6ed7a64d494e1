"""Media types and part headers (RFC 2045, 2046, 2387, 2392), as far as an AS4 message has them."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from node.as4 import names
from node.as4.content_id import decoded
from node.as4.errors import MimeInconsistency, NotSoap
from node.as4.limits import MAX_ID_LENGTH, Limits

_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+"
_TYPE: Final = re.compile(rf"[ \t]*({_WORD}/{_WORD})[ \t]*", re.ASCII)
_PARAMETER: Final = re.compile(
    rf'[ \t]*;[ \t]*(?:({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+)))?[ \t]*', re.ASCII
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_BOUNDARY: Final = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]", re.ASCII)
_FIELD: Final = re.compile(r"([!-9;-~]+):[ \t]*(.*)", re.ASCII)
_FOLD: Final = re.compile(r"\r\n(?=[ \t])")
_MAX_CONTENT_TYPE: Final = 2048
_LONGEST_KNOWN: Final = 64
_CLEAR_ENCODINGS: Final = ("binary", "8bit", "7bit")


@dataclass(frozen=True, slots=True)
class MediaType:
    """A Content-Type: type in lower case, parameters by name in lower case."""

    type: str
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class PartHeader:
    """What matters of the header of one part. content_id: without angle brackets, as written; None without one."""

    media_type: MediaType | None
    content_id: str | None


# What `seal` writes, told at a glance; the values are those of the long way.
_OUR_CONTENT_TYPE: Final = re.compile(r'multipart/related; boundary="(=_[0-9a-f]{32})"; type="application/soap\+xml"')
_OUR_ROOT_HEADER: Final = b"Content-Type: application/soap+xml;charset=UTF-8\r\nContent-Transfer-Encoding: binary"
_OUR_PART_HEADER: Final = re.compile(
    rb"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"
    rb"Content-Description: Attachment\r\nContent-ID: <([A-Za-z0-9._@=-]{1,200})>"
)
_OUR_ROOT: Final = PartHeader(MediaType(names.SOAP_MEDIA_TYPE, {"charset": "UTF-8"}), None)
_OCTETS: Final = MediaType("application/octet-stream", {})
_FIELDS_OF_OURS: Final = 4


def parse_media_type(value: str) -> MediaType:
    """Read the value of Content-Type. Raises MimeInconsistency."""
    ours = _OUR_CONTENT_TYPE.fullmatch(value)
    if ours is not None:
        return MediaType("multipart/related", {"boundary": ours[1], "type": names.SOAP_MEDIA_TYPE})
    return _known_media_type(value) if len(value) <= _LONGEST_KNOWN else _media_type(value)


@lru_cache(maxsize=128)
def _known_media_type(value: str) -> MediaType:
    """Those without a boundary are few and come with every message."""
    return _media_type(value)


def _media_type(value: str) -> MediaType:
    value = _FOLD.sub("", value)
    match = _TYPE.match(value)
    # A line break that unfolding leaves may be one more fold to another reader.
    if match is None or len(value) > _MAX_CONTENT_TYPE or "\r" in value or "\n" in value:
        raise MimeInconsistency("Content-Type: malformed")
    parameters: dict[str, str] = {}
    at = match.end()
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if parameter is None or parameter.end() == at:
            raise MimeInconsistency("Content-Type: malformed parameter")
        at = parameter.end()
        if parameter[1] is None:
            continue
        name = parameter[1].lower()
        if name in parameters:
            raise MimeInconsistency("Content-Type: parameter found twice")
        quoted = parameter[2]
        parameters[name] = parameter[3] if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
    return MediaType(match[1].lower(), parameters)


def check_soap(media_type: MediaType | None) -> None:
    """Raise NotSoap unless this is SOAP 1.2 in UTF-8."""
    if media_type is None or media_type.type != names.SOAP_MEDIA_TYPE:
        raise NotSoap(f"Content-Type: expected {names.SOAP_MEDIA_TYPE}")
    if media_type.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise NotSoap("Content-Type: charset found other than UTF-8")


def boundary_of(media_type: MediaType) -> bytes:
    """The boundary of a multipart/related message with a SOAP root. Raises NotSoap, MimeInconsistency."""
    kind = media_type.parameters.get("type")
    if kind is not None and parse_media_type(kind).type != names.SOAP_MEDIA_TYPE:
        raise NotSoap(f"Content-Type: parameter type, expected {names.SOAP_MEDIA_TYPE}")
    boundary = media_type.parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise MimeInconsistency("Content-Type: boundary missing or malformed")
    return boundary.encode()


def parse_part_header(octets: bytes, limits: Limits) -> PartHeader:
    """Read the header of a part: the octets up to the empty line. Raises MimeInconsistency."""
    if limits.part_header_fields >= _FIELDS_OF_OURS:
        if octets == _OUR_ROOT_HEADER:
            return _OUR_ROOT
        ours = _OUR_PART_HEADER.fullmatch(octets)
        if ours is not None:
            return PartHeader(_OCTETS, ours[1].decode("ascii"))
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise MimeInconsistency("part header: not UTF-8") from None
    fields: dict[str, str] = {}
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub("", text)
    lines = text.split("\r\n") if text else []
    if len(lines) > limits.part_header_fields:
        raise MimeInconsistency(f"part header: more than {limits.part_header_fields} fields")
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise MimeInconsistency("part header: malformed line")
        name = match[1].lower()
        if name in fields:
            raise MimeInconsistency("part header: field found twice")
        fields[name] = match[2].strip(" \t")
    if fields.get("content-transfer-encoding", "binary").lower() not in _CLEAR_ENCODINGS:
        raise MimeInconsistency("Content-Transfer-Encoding: expected binary")
    media_type = parse_media_type(fields["content-type"]) if "content-type" in fields else None
    if media_type is not None and media_type.type.startswith(("multipart/", "message/")):
        raise MimeInconsistency("Content-Type: a part within a part")
    content_id = fields.get("content-id")
    if content_id is not None:
        if content_id.startswith("<") and content_id.endswith(">"):
            content_id = content_id[1:-1]
        if not content_id or len(content_id) > MAX_ID_LENGTH:
            raise MimeInconsistency("Content-ID: empty or too long")
    return PartHeader(media_type, content_id)


def content_id_in(header: PartHeader, known: frozenset[str]) -> str | None:
    """Which of the known Content-IDs a part has, whether it writes it plain or percent-encoded; None if none."""
    raw = header.content_id
    if raw is None:
        return None
    if raw in known:
        return raw
    plain = decoded(raw, MimeInconsistency)
    return plain if plain in known else None
