"""Small requests that would cost much: twice the size costs about twice the time, and memory stays small.

Time is the CPU time of the node's own process, memory its high-water mark; both are compared with themselves at
another size, never with a clock on the wall. A cost that grows with the square is sixteen times at four times the size.
"""

import gzip
import itertools
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.as4 import PartInfo
from node.exchange.settlement import MESSAGE
from tests.as4.surgery import RECORD, Surgery
from tests.attacks.catalogue import Catalogue, endures
from tests.attacks.target import RECORDS, STRANGER, Target, by, code_of, valid
from tests.attacks.test_mime import become
from tests.attacks.test_parsers import IN_UTF_7

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the CPU time of another process")
catalogue = Catalogue("Bombs")
records = Catalogue("Bombs in records")
TIMES = 4
"""The larger size, in smaller ones."""
LINEAR = 9.0
"""How much more the larger may cost: 4 is linear, 16 the square; what is fixed makes it less."""
ENOUGH_SECONDS = 0.02
"""CPU below which the larger size is not worth a comparison: it cannot hurt."""
HEADROOM = 96 * 1024**2
"""How much the high-water mark may rise by a request, besides four times its length: envelopes, trees, buffers."""
SECONDS_OF_A_RECORD = 10
"""CPU for one record of at most 4 MB: a bomb would never end."""
MEMORY_OF_A_RECORD = 400 * 1024**2
"""A record of 4 MB may become a tree of a hundred times its size, and no more."""
HEADER = b"<S12:Header>"

Made = Callable[[int], tuple[str, bytes]]
"""Content-Type and body of an attack of that size."""


def cpu(target: Target) -> float:
    """Seconds of CPU that the node's process has taken, all its threads together."""
    return time.clock_gettime((~target.home.pid << 3) | 2)


def peak(target: Target) -> int:
    """The high-water mark of the node's memory since the last call of `forget_peak`, in octets."""
    with Path(f"/proc/{target.home.pid}/status").open() as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def forget_peak(target: Target) -> int:
    """Let the high-water mark begin anew; what is in use now."""
    Path(f"/proc/{target.home.pid}/clear_refs").write_text("5")
    return peak(target)


def in_header(octets: Callable[[int], bytes]) -> Made:
    """An envelope with these octets in its header."""

    def make(size: int) -> tuple[str, bytes]:
        patient = valid()
        patient.raw.append(lambda xml: xml.replace(HEADER, HEADER + octets(size), 1))
        return patient.content_type, patient.body()

    return make


def joined(piece: Callable[[int], bytes], size: int) -> bytes:
    return b"".join(piece(n) for n in range(size))


ENVELOPES: dict[str, Made] = {
    "elements": in_header(lambda size: b"<a/>" * size),
    "elements_of_other_names": in_header(lambda size: joined(lambda n: b"<a%d/>" % n, size)),
    "elements_within_each_other": in_header(lambda size: b"<a>" * size + b"</a>" * size),
    "elements_never_closed": in_header(lambda size: b"<a>" * size),
    "attributes_of_one_element": in_header(lambda size: b"<a" + joined(lambda n: b" a%d=''" % n, size) + b"/>"),
    "attributes_that_collide": in_header(
        lambda size: b"<a" + b"".join(b" %s=''" % bytes(t) for t in itertools.islice(collisions(), size)) + b"/>"
    ),
    "namespaces": in_header(lambda size: b"<a" + joined(lambda n: b" xmlns:a%d='u'" % n, size // 16) + b"/>"),
    "namespaces_in_depth": in_header(
        lambda size: b"".join(b"<a xmlns:p%d='u%d'>" % (n, n) for n in range(size // 50)) + b"</a>" * (size // 50)
    ),
    "ids": in_header(lambda size: joined(lambda n: b"<a Id='%d'/>" % n, size)),
    "comments": in_header(lambda size: b"<!---->" * size),
    "comment": in_header(lambda size: b"<!--" + b"- " * size + b"-->"),
    "cdata_sections": in_header(lambda size: b"<a>" + b"<![CDATA[x]]>" * size + b"</a>"),
    "character_references": in_header(lambda size: b"<a>" + b"&#97;" * size + b"</a>"),
    "text": in_header(lambda size: b"<a>" + b"x" * size * 8 + b"</a>"),
    "spaces_in_a_tag": in_header(lambda size: b"<a" + b" " * size * 8 + b"/>"),
    "quotes": in_header(lambda size: b"<a b='" + b'"' * size * 8 + b"'/>"),
    "entities": in_header(lambda size: b"&a;" * size),
}


def collisions() -> Iterator[tuple[int, ...]]:
    """Names that a hash that multiplies by 33 would put in one place: `Ab` and `BA` in every order."""
    for length in itertools.count(8):
        for pairs in itertools.product((b"bA", b"aB"), repeat=length):
            yield tuple(b"n" + b"".join(pairs))


def signed_header(change: Callable[[Surgery, int], None]) -> Made:
    """A change that a partner signs."""

    def make(size: int) -> tuple[str, bytes]:
        patient = valid()
        change(patient, size)
        patient.resign()
        return patient.content_type, patient.body()

    return make


def properties(s: Surgery, size: int) -> None:
    parent = s.find(".//eb:PartProperties").getparent().getparent()
    inserted = s.new("<eb:MessageProperties/>")
    for n in range(size // 8):
        one = s.new(f'<eb:Property name="p{n}">x</eb:Property>')
        inserted.append(one)
    parent.addprevious(inserted)
    s.find(".//eb:Action").text = "never"


def references(s: Surgery, size: int) -> None:
    for n in range(size // 16):
        reference = s.copy_of(".//ds:SignedInfo/ds:Reference")
        reference.set("URI", f"#r{n}")
        s.find(".//ds:SignedInfo").append(reference)


def prefixes(s: Surgery, size: int) -> None:
    listed = " ".join(f"p{n}" for n in range(size // 4))
    s.find(".//ds:CanonicalizationMethod").append(s.new(f'<ec:InclusiveNamespaces PrefixList="{listed}"/>'))


def encrypted(s: Surgery, size: int) -> None:
    for n in range(size // 16):
        data = s.copy_of(".//xenc:EncryptedData")
        data.set("Id", f"d{n}")
        s.find(".//wsse:Security").append(data)


def tokens(s: Surgery, size: int) -> None:
    for n in range(size // 16):
        token = s.copy_of(".//wsse:BinarySecurityToken")
        token.set("{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id", f"t{n}")
        s.find(".//wsse:Security").append(token)
    s.find(".//eb:Action").text = "never"


SIGNED: dict[str, Made] = {
    name.__name__: signed_header(name) for name in (properties, references, prefixes, encrypted, tokens)
}


def body_of(edit: Callable[[bytes, bytes, int], bytes]) -> Made:
    """A change of the whole body; gets it, the delimiter, the size."""

    def make(size: int) -> tuple[str, bytes]:
        patient = valid()
        return patient.content_type, edit(patient.body(), b"--" + patient.boundary, size)

    return make


def part_header(octets: Callable[[int], bytes]) -> Made:
    """A part whose header has these octets."""
    return body_of(
        lambda body, d, size: body.replace(d + b"--", d + b"\r\n" + octets(size) + b"\r\n\r\nx\r\n" + d + b"--")
    )


BODIES: dict[str, Made] = {
    "parts": body_of(
        lambda b, d, size: b.replace(d + b"--", (d + b"\r\nContent-ID: <x@x>\r\n\r\nx\r\n") * size + d + b"--")
    ),
    "parts_without_anything": body_of(lambda b, d, size: b.replace(d + b"--", (d + b"\r\n\r\n") * size + d + b"--")),
    "part_headers": part_header(lambda size: b"X: y\r\n" * size),
    "part_header": part_header(lambda size: b"X: " + b"y" * size * 8),
    "folded_part_header": part_header(lambda size: b"X: y" + b"\r\n y" * size),
    "parts_within_parts": part_header(
        lambda size: joined(lambda n: b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n), size)
    ),
    "nearly_delimiters": body_of(lambda b, d, size: b.replace(b"\r\n" + d + b"--", (b"\r\n" + d[:-1]) * size)),
    "carriage_returns": body_of(lambda b, d, size: b.replace(b"\r\n" + d + b"--", b"\r" * size * 8)),
    "preamble": body_of(lambda b, d, size: b"x\r\n" * size * 8 + b),
    "epilogue": body_of(lambda b, d, size: b + b"x\r\n" * size * 8),
}


def content_type_of(value: Callable[[int], str]) -> Made:
    """A Content-Type that grows to 60 KB."""

    def make(size: int) -> tuple[str, bytes]:
        patient = valid()
        return value(size), patient.body()

    return make


CONTENT_TYPES: dict[str, Made] = {
    "content_type_semicolons": content_type_of(lambda size: "multipart/related" + ";" * size * 4),
    "content_type_parameters": content_type_of(lambda size: "multipart/related" + "; a" * size),
    "content_type_spaces": content_type_of(lambda size: "multipart/related;" + " " * size * 4 + "x"),
    "content_type_backslashes": content_type_of(lambda size: 'multipart/related; a="' + "\\" * size * 4),
}


def stream(octets: Callable[[int], bytes]) -> Made:
    """A signed part of these octets, declared as gzip."""

    def make(size: int) -> tuple[str, bytes]:
        patient = valid()
        become(patient, octets(size))
        return patient.content_type, patient.body()

    return make


def plain(octets: Callable[[int], bytes], media_type: str = "application/xml") -> Made:
    """An uncompressed part, which is brought into a canonical form only to find that its digest is wrong."""

    def make(size: int) -> tuple[str, bytes]:
        patient = valid()
        become(patient, octets(size), PartInfo("record@x", media_type, False), digest=bytes(32))
        return patient.content_type, patient.body()

    return make


STREAMS: dict[str, Made] = {
    "gzip_of_zeros": stream(lambda size: gzip.compress(bytes(size * 250))),
    "gzip_of_empty_members": stream(lambda size: gzip.compress(b"") * size),
    "gzip_with_a_long_name": stream(lambda size: b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * size * 8),
    "gzip_of_rubbish": stream(lambda size: gzip.compress(b"") + b"x" * size * 8),
    "plain_elements": plain(lambda size: b"<a>" + b"<b/>" * size + b"</a>"),
    "plain_attributes": plain(lambda size: b"<a" + joined(lambda n: b" a%d=''" % n, size) + b"/>"),
    "plain_attributes_of_many_elements": plain(lambda size: b"<a>" + b"<b c='d' e='f'/>" * size + b"</a>"),
    "plain_namespaces": plain(
        lambda size: (
            b"<a" + joined(lambda n: b" xmlns:a%d='u%d'" % (n, n), size // 64) + b">" + b"<b/>" * size + b"</a>"
        )
    ),
    "plain_elements_in_utf_7": plain(lambda size: IN_UTF_7 + b"<a>" + b"+ADw-b/>\n" * size + b"</a>"),
    "plain_depth": plain(lambda size: b"<a>" * size + b"</a>" * size),
    "plain_text": plain(lambda size: b"\r" * size * 8, "text/plain"),
}
KINDS: dict[str, tuple[Made, int]] = {
    **{name: (made, 1_800) for name, made in ENVELOPES.items()},
    **{name: (made, 1_800) for name, made in SIGNED.items()},
    **{name: (made, 16_000) for name, made in BODIES.items()},
    **{name: (made, 3_500) for name, made in CONTENT_TYPES.items()},
    **{name: (made, 20_000) for name, made in STREAMS.items()},
}
SOURCES = {"gzip": "Fifield 2019", "content_type": "CAPEC-231", "attributes_that_collide": "Klink-Walde 2011"}
SOURCES |= {"attribute": "CAPEC-229", "entities": "CAPEC-197", "namespaces": "Jensen 2009 survey"}
for name_ in KINDS:
    source_ = next((where for start, where in SOURCES.items() if name_.startswith(start)), "CAPEC-230")
    by_ = "partner" if name_ in STREAMS or name_ in SIGNED else "outsider"
    catalogue.named(f"much_of_{name_}", by_, source_)


def cost(target: Target, made: tuple[str, bytes]) -> float:
    """CPU seconds for one request, the lesser of two."""
    taken = []
    for _ in range(2):
        before = cpu(target)
        reply = target.post(*made)
        taken.append(cpu(target) - before)
        assert reply.status in (200, 400), reply
    return min(taken)


@pytest.mark.parametrize("name", KINDS)
def test_four_times_the_size_is_not_sixteen_times_the_work(target: Target, name: str) -> None:
    make, size = KINDS[name]
    small, large = make(size), make(size * TIMES)
    lesser = cost(target, small)
    before = forget_peak(target)
    greater = cost(target, large)
    risen = peak(target) - before
    assert greater < max(LINEAR * lesser, ENOUGH_SECONDS), f"{lesser:.4f} s of CPU, then {greater:.4f}"
    assert risen < HEADROOM + 4 * len(large[1]), f"{risen} octets for {len(large[1])}"
    target.serves()


# --- records of a partner, which go through the check of records


def record(inner: bytes = b"", before: bytes = b"", attributes: bytes = b"") -> bytes:
    """Something that begins as a record does."""
    start = b'<ReadmissionApplication xmlns="%s"%s>' % (RECORDS[0].encode(), attributes)
    return before + start + inner + b"</ReadmissionApplication>"


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
XSI = b' xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:'
BOMBS: dict[str, bytes] = {
    "entities": record(b"&l9;", b'<!DOCTYPE a [<!ENTITY l0 "lol">' + LAUGHS + b"]>"),
    "entity_of_a_megabyte": record(b"&a;" * 10_000, b'<!DOCTYPE a [<!ENTITY a "' + b"x" * 1_000_000 + b'">]>'),
    "file": record(b"&f;", b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]>'),
    "request": record(b"&f;", b'<!DOCTYPE a [<!ENTITY f SYSTEM "http://127.0.0.1:9/x">]>'),
    "external_subset": record(b"", b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">'),
    "parameter_entities": record(b"", b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]>'),
    "xinclude": record(b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/hostname" parse="text"/>'),
    "schema_location": record(b"", b"", XSI + b'schemaLocation="urn:depesha:returns:1 http://127.0.0.1:9/x.xsd"'),
    "type_of_an_instance": record(b"", b"", XSI + b'type="xs:anyType" xmlns:xs="http://www.w3.org/2001/XMLSchema"'),
    "stylesheet": record(b"", b'<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/x.xsl"?>'),
    "depth": record(b"<a>" * 100_000 + b"</a>" * 100_000),
    "elements": record(b"<a/>" * 500_000),
    "attributes": record(b"<a" + joined(lambda n: b" a%d=''" % n, 100_000) + b"/>"),
    "namespaces": record(b"<a" + joined(lambda n: b" xmlns:n%d='u'" % n, 20_000) + b"/>"),
    "names": record(joined(lambda n: b"<n%d/>" % n, 100_000)),
    "long_name": record(b"<" + b"a" * 3_000_000 + b"/>"),
    "long_text": record(b"x" * 3_900_000),
    "comments": record(b"<!---->" * 400_000),
    "utf_16": record().decode().encode("utf-16"),
    "utf_7": b'<?xml version="1.0" encoding="utf-7"?>' + record(),
    "zeros": bytes(3_000_000),
    "nothing": b"",
}
for name_ in BOMBS:
    records.named(f"record_with_{name_}", "partner", "CAPEC-197" if "entit" in name_ else "CAPEC-221")


@pytest.mark.parametrize("name", BOMBS)
def test_a_record_that_is_a_bomb_is_rejected(target: Target, name: str) -> None:
    """Refused for its content and remembered as such: rejected, never received."""
    service, action = RECORDS
    message = valid([(RECORD, BOMBS[name])], service=service, action=action)
    before, used = target.rows(MESSAGE), forget_peak(target)
    spent = cpu(target)
    reply = target.post(message.content_type, message.body())
    assert code_of(reply) == "EBMS:0004", reply
    assert cpu(target) - spent < SECONDS_OF_A_RECORD
    assert peak(target) - used < MEMORY_OF_A_RECORD
    assert "lol" not in reply.told[1]
    more = [row["state"] for row in target.rows(MESSAGE)[len(before) :]]
    assert more == ["rejected"]
    target.serves()


STRANGERS = ("entities", "file", "elements", "long_text")
for name_ in STRANGERS:
    records.named(f"record_with_{name_}_by_a_stranger", "outsider", "CAPEC-197" if "entit" in name_ else "CAPEC-221")


@pytest.mark.parametrize("name", STRANGERS)
def test_a_record_of_a_stranger_is_not_even_read(target: Target, name: str) -> None:
    service, action = RECORDS
    message = valid([(RECORD, BOMBS[name])], service=service, action=action)
    by(message, STRANGER)
    message.resign()
    before = forget_peak(target)
    endures(target, message.content_type, message.body(), "EBMS:0101")
    assert peak(target) - before < HEADROOM


# --- memory that would stay


def resident(target: Target) -> int:
    """What the node's process has in memory now, in octets."""
    with Path(f"/proc/{target.home.pid}/status").open() as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def send_invented_names(target: Target, times: int) -> None:
    """Envelopes of a stranger and records of a partner with names that nobody has used before."""
    for _ in range(times):
        marks = uuid.uuid4().hex.encode()
        stranger = valid()
        names = joined(lambda n, marks=marks: b"<n%s%d/>" % (marks, n), 6000)
        stranger.raw.append(lambda xml, names=names: xml.replace(HEADER, HEADER + names, 1))
        assert target.post(stranger.content_type, stranger.body()).status == 200
    for _ in range(times // 4):
        marks = uuid.uuid4().hex.encode()
        inner = joined(lambda n, marks=marks: b"<n%s%d/>" % (marks, n), 50_000)
        partner = valid([(RECORD, record(inner))], service=RECORDS[0], action=RECORDS[1])
        assert code_of(target.post(partner.content_type, partner.body())) == "EBMS:0004"


records.named("names_that_nobody_has_used_before", "partner", "Klink-Walde 2011")


def test_invented_names_do_not_stay_in_memory(target: Target) -> None:
    """A parser that keeps every name it has met would keep some 60 MB of these."""
    send_invented_names(target, 12)
    before = resident(target)
    send_invented_names(target, 36)
    assert resident(target) - before < 16 * 1024**2
    target.serves()
