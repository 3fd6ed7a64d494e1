"""Content-IDs and the cid: URLs that name them (RFC 2392).

Implementations disagree whether a cid: URL is percent-encoded. Both forms are read; we write only characters that are
the same in both.
"""

from urllib.parse import unquote

from node.as4.errors import As4Error
from node.as4.limits import MAX_ID_LENGTH


def content_id_of(uri: str, error: type[As4Error]) -> str:
    """The Content-ID that a cid: URL names (RFC 2392), percent-decoding undone."""
    if not uri.startswith("cid:"):
        raise error("href: expected a part of this message (cid:)")
    content_id = decoded(uri[4:], error)
    if not content_id or len(content_id) > MAX_ID_LENGTH:
        raise error("href: Content-ID empty or too long")
    return content_id


def decoded(raw: str, error: type[As4Error]) -> str:
    """The text with percent-encoding undone; an error if it is not UTF-8."""
    if "%" not in raw:
        return raw
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise error("Content-ID: percent-encoding is not UTF-8") from None
