"""Reading XML that a stranger wrote: bounds on the raw octets, then a tree, then strict ways to take values out of it.

What is refused before a parser sees it: anything above the limits, DTDs and entities, processing instructions,
encodings other than UTF-8 (XML 1.0, 4.3.3), XInclude. A value is read only from an element without child nodes, so that
a comment can never split what is signed from what is read.
"""

import binascii
import re
from collections.abc import Sequence
from typing import Final, cast

from lxml import etree

from node.as4 import names
from node.as4.errors import As4Error, FailedAuthentication, InvalidHeader, NotSoap, PolicyNoncompliance
from node.as4.limits import MAX_ATTRIBUTES_OF_ELEMENT, MAX_TREE_DEPTH, MAX_VALUE_LENGTH, Limits
from node.as4.parsing import parse, with_plain_spaces

_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = " \t\r\n"
_DECLARATION: Final = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"utf-8"|'utf-8'))?"""
    rb"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>""",
    re.IGNORECASE,
)
_TOO_DEEP: Final = etree.XPath("boolean(/" + "/".join(["*"] * (MAX_TREE_DEPTH + 1)) + ")")
_TOO_WIDE: Final = etree.XPath(f"boolean(//@*[{MAX_ATTRIBUTES_OF_ELEMENT + 1}])")
_WRITTEN_IDS: Final = re.compile(
    rb""" (?:[^\s=<>"'/]*:)?[iI][dD] *= *(?:"([\w.:-]+)"|'([\w.:-]+)'|)"""  # begins with a space: found quickly
)
"""Every attribute whose local name is Id in any case, and text that looks like one. A value with anything but name
characters gives an empty match, so that no quote can hide an attribute from the search."""
_IDS: Final = etree.XPath(
    "//@*[local-name()='Id' or local-name()='id' or local-name()='ID' or local-name()='iD']", smart_strings=False
)


def parse_envelope(octets: bytes, limits: Limits) -> etree._Element:
    """The root element of a SOAP envelope.

    Raises NotSoap for what is not XML of the allowed kind, PolicyNoncompliance above a limit.
    """
    if len(octets) > limits.envelope_bytes:
        raise PolicyNoncompliance(f"SOAP envelope: more than {limits.envelope_bytes} bytes")
    if octets.startswith(_BOM):
        octets = octets[len(_BOM) :]
        if octets.startswith(_BOM):  # libxml2 would pass over it, a strict parser not
            raise NotSoap("SOAP envelope: byte order mark found twice")
    if b"\0" in octets:
        raise NotSoap("SOAP envelope: NUL found, UTF-8 expected")
    declaration = _DECLARATION.match(octets)
    # one octet is found many times as quickly as two, and few envelopes have these at all
    if b"?" in octets and octets.count(b"<?") != (1 if declaration else 0):
        raise NotSoap("SOAP envelope: processing instruction, or XML declaration other than 1.0 in UTF-8")
    markup = octets.count(b"<!") if b"!" in octets else 0
    if markup and markup != octets.count(b"<!--") + octets.count(b"<![CDATA["):
        raise NotSoap("SOAP envelope: DTD found")
    check_size(octets, limits)
    if names.XINCLUDE.encode() in octets:
        raise NotSoap("SOAP envelope: XInclude found")
    try:
        root = parse(octets)
    except (etree.XMLSyntaxError, ValueError, AssertionError):
        raise NotSoap("SOAP envelope: not well-formed XML in UTF-8") from None
    if _TOO_DEEP(root):
        raise PolicyNoncompliance(f"SOAP envelope: deeper than {MAX_TREE_DEPTH} elements")
    if _TOO_WIDE(root):
        raise PolicyNoncompliance(f"SOAP envelope: an element with more than {MAX_ATTRIBUTES_OF_ELEMENT} attributes")
    return root


def check_size(octets: bytes, limits: Limits) -> None:
    """Raise PolicyNoncompliance if an envelope has more octets, tags, attributes or namespaces than the limits."""
    size = len(octets)  # what is shorter than a limit needs no counting
    if size > limits.envelope_bytes:
        raise PolicyNoncompliance(f"SOAP envelope: more than {limits.envelope_bytes} bytes")
    if size > limits.elements and octets.count(b"<") > limits.elements:
        raise PolicyNoncompliance(f"SOAP envelope: more than {limits.elements} tags")
    if size > limits.attributes and octets.count(b"=") > limits.attributes:
        raise PolicyNoncompliance(f"SOAP envelope: more than {limits.attributes} attributes")
    # one octet is counted many times as quickly as five
    if size > 5 * (most := limits.namespaces) and octets.count(b"x") > most and octets.count(b"xmlns") > most:
        raise PolicyNoncompliance(f"SOAP envelope: more than {most} namespace declarations")


def check_unique_ids(root: etree._Element, octets: bytes) -> None:
    """Raise FailedAuthentication if two attributes named Id (in any case, of any namespace) have the same value.

    octets: those that the tree was parsed from. Where everything in them that may be such an attribute is written
    plainly, they decide, which is quicker; anything else is left to the tree.
    """
    written = [double or single or None for double, single in _WRITTEN_IDS.findall(with_plain_spaces(octets))]
    if None not in written and len(set(written)) == len(written):
        return
    ids = cast("list[str]", _IDS(root))
    if len(set(ids)) != len(ids):
        raise FailedAuthentication("Id: found twice")


def canonical(element: etree._Element, prefixes: Sequence[str] = ()) -> bytes:
    """Exclusive canonical form without comments (Exclusive XML Canonicalization 1.0) of an element and its content."""
    try:
        return etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
        )
    except (etree.C14NError, ValueError, TypeError):
        raise FailedAuthentication(f"{local_name(element)}: has no canonical form") from None


def local_name(element: etree._Element) -> str:
    """The tag without its namespace, for error texts; bounded, since a stranger may have chosen it."""
    return str(element.tag).rpartition("}")[2][:64]


def children_of(element: etree._Element, error: type[As4Error] = InvalidHeader) -> list[etree._Element]:
    """The child elements. Comments and text other than white space between them are refused."""
    text = element.text
    if text is not None and text.strip(_SPACE):
        raise error(f"{local_name(element)}: text found, elements expected")
    # a third quicker than list(element); the stubs know no slices
    children: list[etree._Element] = element[:]  # type: ignore[index, assignment]
    for child in children:
        if not isinstance(child.tag, str):
            raise error(f"{local_name(element)}: comment found")
        tail = child.tail
        if tail is not None and tail.strip(_SPACE):
            raise error(f"{local_name(element)}: text found, elements expected")
    return children


def only_child(element: etree._Element, tag: str, error: type[As4Error] = InvalidHeader) -> etree._Element:
    """The one child element, which must have that tag."""
    children = children_of(element, error)
    if len(children) != 1 or children[0].tag != tag:
        raise error(f"{local_name(element)}: expected one {tag.rpartition('}')[2]} and nothing else")
    return children[0]


def text_of(element: etree._Element, error: type[As4Error] = InvalidHeader, limit: int = MAX_VALUE_LENGTH) -> str:
    """The text of an element without child nodes, exactly as it stands."""
    if len(element):
        raise error(f"{local_name(element)}: elements or comments found, text expected")
    text = element.text or ""
    if len(text) > limit:
        raise error(f"{local_name(element)}: more than {limit} characters")
    return text


def base64_of(element: etree._Element, error: type[As4Error]) -> bytes:
    """The octets of an element with base64 text; white space in it (folded lines) is left out."""
    text = "".join(text_of(element, error).split())
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise error(f"{local_name(element)}: not base64") from None


def attribute_of(element: etree._Element, name: str, error: type[As4Error] = InvalidHeader) -> str:
    """A required attribute."""
    value = element.get(name)
    if value is None:
        raise error(f"{local_name(element)}: attribute {name.rpartition('}')[2]} missing")
    if len(value) > MAX_VALUE_LENGTH:
        raise error(f"{local_name(element)}: attribute {name.rpartition('}')[2]} too long")
    return str(value)


def algorithm_of(element: etree._Element, expected: str, error: type[As4Error]) -> None:
    """Check that attribute Algorithm is the expected one."""
    found = attribute_of(element, "Algorithm", error)
    if found != expected:
        raise error(f"{local_name(element)}/@Algorithm: found {found[:200]}, expected {expected}")
