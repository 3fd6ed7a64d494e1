"""XML in from outside: bytes to a tree, or `UnreadableError`. No DTD, no entities, no network, bounds before use.

Comments and processing instructions vanish while parsing, so that a value interrupted by a comment is read as the one
value that the schema judged (`<a>1<!-- -->2</a>` is 12 for everybody).
"""

import re
import threading
from collections.abc import Iterable
from typing import Any

from lxml import etree

from node.records.problems import Problem

# A record is text about persons; scans and photographs travel as attachments. An application for thirty persons with
# every field filled is 150 KB, so a megabyte leaves room and still costs under 10 ms to parse.
MAX_RECORD_BYTES = 1024 * 1024
# The deepest shape we know nests 8 levels. Refused before schema and rules walk the tree recursively.
MAX_DEPTH = 32
# Bounds the work of rules, which look from each reference to each person: 20,000 elements are 400 full applications.
MAX_ELEMENTS = 20_000

_DECLARED_ENCODING = re.compile(rb"""^<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_ELEMENTS = etree.XPath("count(//*)")
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XSI_OCTETS = XSI.encode()
_XSI_ATTRIBUTES = etree.XPath("//@x:*", namespaces={"x": XSI})


class _Parser(threading.local):
    """A parser of each thread: to make one costs as much as to parse a record. What it read leaves nothing in it."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            strip_cdata=True,
        )


_own = _Parser()


class UnreadableError(Exception):
    """The bytes are no XML that we take; `problem` says where and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.remedy)
        self.problem = problem


def line_of(node: etree._Element) -> int:
    """The line at which the element begins, 0 where the parser does not know."""
    line: Any = node.sourceline
    return int(line or 0)


def octets_of_record(chunks: Iterable[bytes]) -> bytes:
    """Content that comes in chunks: whole, or no more of it than shows that it is too large for a record."""
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_RECORD_BYTES:
            break
    return bytes(content)


def read_xml(content: bytes) -> etree._Element:
    """Parse `content` (UTF-8, at most MAX_RECORD_BYTES) and return its root element.

    Raises UnreadableError for anything that is not well-formed, that declares a DTD, an entity or another encoding, or
    that is too large, too deep or too many. Hints to a schema's location are dropped, never followed.
    """
    if len(content) > MAX_RECORD_BYTES:
        raise _unreadable(
            "limit:bytes", 1, f"{len(content)} bytes", f"at most {MAX_RECORD_BYTES} bytes", "Send scans as attachments."
        )
    content = content.removeprefix(_BYTE_ORDER_MARK)
    _refuse_other_encodings(content)
    for declaration in (b"<!DOCTYPE", b"<!ENTITY"):
        at = content.find(declaration)
        if at >= 0:
            raise _unreadable(
                "xml:dtd", content.count(b"\n", 0, at) + 1, declaration.decode(), "no document type declaration",
                "Take the declaration out; a record needs none.",
            )  # fmt: skip
    try:
        root = etree.fromstring(content, _own.parser)
    except etree.XMLSyntaxError as error:
        raise _unreadable(
            "xml:well-formed", error.lineno or 1, "text that is not well-formed", "well-formed XML",
            f"Mend the XML: {_without_values(error)}.",
        ) from error  # fmt: skip
    if _TOO_DEEP(root):
        raise _unreadable(
            "limit:depth", 1, "deeper nesting", f"at most {MAX_DEPTH} levels", "Use the shape's elements."
        )
    # an element needs a "<" of its own
    count = int(float(str(_ELEMENTS(root)))) if content.count(b"<") > MAX_ELEMENTS else 0
    if count > MAX_ELEMENTS:
        raise _unreadable(
            "limit:elements",
            1,
            f"{count} elements",
            f"at most {MAX_ELEMENTS} elements",
            "Split it into several records.",
        )
    # Without it a record has no attribute of that namespace; a reference may stand for a letter of it.
    if _XSI_OCTETS in content or b"&#" in content:
        _settle_schema_instance(root)
    return root


def _refuse_other_encodings(content: bytes) -> None:
    """UTF-8 only: with another encoding a DTD could hide from the search for it."""
    declared = _DECLARED_ENCODING.match(content)
    name = declared.group(1).decode("ascii") if declared else "UTF-8"
    if name.upper() not in ("UTF-8", "UTF8", "US-ASCII") or b"\x00" in content[:4096]:
        found = name if declared else "bytes of another encoding"
        raise _unreadable("xml:encoding", 1, found, "UTF-8", "Save the file as UTF-8 and declare that encoding.")


def _settle_schema_instance(root: etree._Element) -> None:
    found = _XSI_ATTRIBUTES(root)
    if not found:
        return
    for element in root.iter("{*}*"):
        for name in [key for key in element.attrib if str(key).startswith("{" + XSI + "}")]:
            local = etree.QName(str(name)).localname
            if local not in ("schemaLocation", "noNamespaceSchemaLocation"):
                raise _unreadable(
                    "xml:instance", line_of(element), f"xsi:{local}", "no xsi:type and no xsi:nil",
                    "Take the attribute out: the shape alone says of which type a field is.",
                )  # fmt: skip
            del element.attrib[name]


def _without_values(error: etree.XMLSyntaxError) -> str:
    """The parser's words; they name tags and positions, and may quote a tag's name but no value."""
    return str(error.msg).split(", line")[0]


def _unreadable(rule: str, line: int, found: str, expected: str, remedy: str) -> UnreadableError:
    return UnreadableError(Problem.at("/", line, rule=rule, found=found, expected=expected, remedy=remedy))
