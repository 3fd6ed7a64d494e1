"""MIME and XML that are ambiguous, hostile or above the limits."""

from collections.abc import Callable

import pytest

from node.as4 import names
from tests.as4.corpus import Corpus
from tests.as4.surgery import Surgery

corpus = Corpus()

# --- packaging


@corpus.unsigned("EBMS:0011")
def part_missing(s: Surgery) -> None:
    s.parts.pop()


@corpus.unsigned("EBMS:0011")
def all_parts_missing(s: Surgery) -> None:
    s.parts.clear()


@corpus.unsigned("EBMS:0011")
def part_too_many(s: Surgery) -> None:
    s.parts.append([b"Content-ID: <other@x>", b"octets"])


@corpus.unsigned("EBMS:0011")
def part_without_content_id(s: Surgery) -> None:
    s.parts.append([b"Content-Type: application/octet-stream", b"octets"])


@corpus.unsigned("EBMS:0011")
def part_twice(s: Surgery) -> None:
    s.parts.append(list(s.parts[0]))


@corpus.unsigned("EBMS:0011")
def part_twice_in_two_spellings(s: Surgery) -> None:
    s.parts.append([s.parts[0][0].replace(b"@", b"%40"), s.parts[0][1]])


@corpus.unsigned("EBMS:0101")
def parts_exchanged(s: Surgery) -> None:
    s.parts[0][1], s.parts[1][1] = s.parts[1][1], s.parts[0][1]


@corpus.unsigned("EBMS:0007")
def multipart_within_multipart(s: Surgery) -> None:
    s.parts[0][0] = b"Content-Type: multipart/mixed; boundary=x\r\nContent-ID: <record@x>"


@corpus.unsigned("EBMS:0007")
def base64_transfer_encoding(s: Surgery) -> None:
    s.parts[0][0] = s.parts[0][0].replace(b"binary", b"base64")


@corpus.unsigned("EBMS:0007")
def content_id_twice_in_one_header(s: Surgery) -> None:
    s.parts[0][0] += b"\r\nContent-ID: <scan@x>"


@corpus.unsigned("EBMS:0007")
def header_field_without_colon(s: Surgery) -> None:
    s.parts[0][0] += b"\r\nrubbish"


@corpus.unsigned("EBMS:0007")
def header_too_long(s: Surgery) -> None:
    s.parts[0][0] += b"\r\nX: " + b"x" * 10_000


@corpus.unsigned("EBMS:0007")
def header_with_too_many_fields(s: Surgery) -> None:
    s.parts[0][0] += b"".join(b"\r\nX%d: x" % n for n in range(100))


@corpus.unsigned("EBMS:0007")
def last_boundary_missing(s: Surgery) -> None:
    s.raw_body.append(lambda body: body[: body.rindex(b"--" + s.boundary)])


@corpus.unsigned("EBMS:0007")
def body_cut_in_the_middle(s: Surgery) -> None:
    s.raw_body.append(lambda body: body[: len(body) // 2])


@corpus.unsigned("EBMS:0007")
def much_after_the_last_boundary(s: Surgery) -> None:
    s.raw_body.append(lambda body: body + b"x" * 5000)


@corpus.unsigned("EBMS:0007")
def much_before_the_first_boundary(s: Surgery) -> None:
    s.raw_body.append(lambda body: b"x" * 5000 + body)


@corpus.unsigned("EBMS:0007")
def boundary_as_a_prefix_of_a_line(s: Surgery) -> None:
    s.parts[0][1] += b"\r\n--" + s.boundary + b"x"


@corpus.unsigned("EBMS:0009")
def root_part_of_another_type(s: Surgery) -> None:
    s.root_header = b"Content-Type: text/xml"


@corpus.unsigned("EBMS:0009")
def root_part_without_type(s: Surgery) -> None:
    s.root_header = b"Content-ID: <root>"


@corpus.unsigned("EBMS:0009")
def root_part_in_another_charset(s: Surgery) -> None:
    s.root_header = b"Content-Type: application/soap+xml; charset=UTF-16"


@corpus.unsigned("EBMS:0009")
def root_part_not_first(s: Surgery) -> None:
    s.raw_body.append(lambda body: reorder(s, body))


def reorder(s: Surgery, body: bytes) -> bytes:
    """The first part after the second."""
    delimiter = b"--" + s.boundary
    _, root, first, *rest = body.split(delimiter)
    return delimiter.join([b"", first, root, *rest])


# --- XML itself


def raw(name: str, code: str, edit: Callable[[bytes], bytes]) -> None:
    def change(s: Surgery) -> None:
        s.raw.append(edit)

    change.__name__ = name
    corpus.unsigned(code)(change)


BOMB = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
raw("doctype", "EBMS:0009", lambda xml: b"<!DOCTYPE x>" + xml)
raw("external_dtd", "EBMS:0009", lambda xml: b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + xml)
raw("entity_bomb", "EBMS:0009", lambda xml: BOMB + xml)
raw("undeclared_entity", "EBMS:0009", lambda xml: xml.replace(b">application<", b">&x;<"))
raw("processing_instruction", "EBMS:0009", lambda xml: xml.replace(b"<S12:Header>", b"<?x y?><S12:Header>", 1))
raw("stylesheet", "EBMS:0009", lambda xml: b'<?xml-stylesheet href="x"?>' + xml)
raw(
    "xinclude",
    "EBMS:0009",
    lambda xml: xml.replace(
        b"<S12:Header>", b'<S12:Header><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>', 1
    ),
)
raw("xml_1_1", "EBMS:0009", lambda xml: b'<?xml version="1.1"?>' + xml)
raw("utf_16", "EBMS:0009", lambda xml: xml.decode().encode("utf-16"))
raw("declared_latin_1", "EBMS:0009", lambda xml: b'<?xml version="1.0" encoding="ISO-8859-1"?>' + xml)
raw("not_utf_8", "EBMS:0009", lambda xml: xml.replace(b">application<", b">\xff<"))
raw("nul", "EBMS:0009", lambda xml: xml.replace(b">application<", b">\0<"))
raw("not_well_formed", "EBMS:0009", lambda xml: xml[:-3])
raw("two_roots", "EBMS:0009", lambda xml: xml + xml)
raw("soap_1_1", "EBMS:0009", lambda xml: xml.replace(names.SOAP.encode(), b"http://schemas.xmlsoap.org/soap/envelope/"))
raw("not_soap", "EBMS:0009", lambda xml: b"<html/>")
raw("empty", "EBMS:0009", lambda xml: b"")
raw("too_long", "EBMS:0103", lambda xml: xml.replace(b"<S12:Header>", b"<S12:Header>" + b" " * 600_000))
raw("too_many_elements", "EBMS:0103", lambda xml: xml.replace(b"<S12:Header>", b"<S12:Header>" + b"<a/>" * 9000))
raw(
    "too_many_namespaces",
    "EBMS:0103",
    lambda xml: xml.replace(
        b"<S12:Header>", b"<S12:Header><a" + b"".join(b" xmlns:n%d='u'" % n for n in range(600)) + b"/>"
    ),
)
raw(
    "too_many_attributes",
    "EBMS:0103",
    lambda xml: xml.replace(
        b"<S12:Header>", b"<S12:Header><a" + b"".join(b" n%d='u'" % n for n in range(9000)) + b"/>"
    ),
)
raw(
    "too_many_attributes_on_one_element",
    "EBMS:0103",
    lambda xml: xml.replace(b"<S12:Header>", b"<S12:Header><a" + b"".join(b" n%d='u'" % n for n in range(100)) + b"/>"),
)
raw("too_deep", "EBMS:0103", lambda xml: xml.replace(b"<S12:Header>", b"<S12:Header>" + b"<a>" * 60 + b"</a>" * 60))
raw(
    "far_too_deep",
    "EBMS:0009",
    lambda xml: xml.replace(b"<S12:Header>", b"<S12:Header>" + b"<a>" * 3000 + b"</a>" * 3000),
)
raw(
    "unknown_header_to_be_understood",
    "EBMS:0009",
    lambda xml: xml.replace(b"<S12:Header>", b'<S12:Header><a S12:mustUnderstand="true"/>'),
)
raw(
    "unknown_header_to_be_understood_1",
    "EBMS:0009",
    lambda xml: xml.replace(b"<S12:Header>", b'<S12:Header><a S12:mustUnderstand="1"/>'),
)

corpus.not_soap = {
    "doctype", "external_dtd", "entity_bomb", "undeclared_entity", "processing_instruction", "stylesheet",
    "xinclude", "xml_1_1", "utf_16", "declared_latin_1", "not_utf_8", "nul", "not_well_formed", "two_roots",
    "soap_1_1", "not_soap", "empty", "far_too_deep", "unknown_header_to_be_understood",
    "unknown_header_to_be_understood_1", "root_part_of_another_type", "root_part_without_type",
    "root_part_in_another_charset", "root_part_not_first",
}  # fmt: skip


@pytest.mark.parametrize("name", corpus.names())
def test_is_refused(name: str) -> None:
    corpus.check(name)
