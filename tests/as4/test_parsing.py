"""Strangers cannot fill memory with names, and the quick search for Ids sees what the tree has."""

import hashlib
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from node.as4 import FailedAuthentication
from node.as4.parsing import apart, has_known_names, parse
from node.as4.tree import check_unique_ids
from tests.as4 import material, recordings
from tests.as4.surgery import CONTENTS, Surgery


def memory() -> int:
    """Resident memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024


def envelopes() -> list[bytes]:
    found = [Surgery().envelope(), material.sealed(CONTENTS)[0].xml, material.sealed(())[0].xml]
    for case in recordings.CASES:
        for n in range(len(recordings.CASES[case]["exchanges"])):
            for http in (recordings.request(case, n), recordings.response(case, n)):
                start = http.body.index(b"<?xml")
                found.append(http.body[start : http.body.index(b":Envelope>", start) + len(b":Envelope>")])
    return found


def test_names_of_real_messages_are_known() -> None:
    assert all(has_known_names(xml) for xml in envelopes())


@pytest.mark.parametrize(
    "xml",
    [
        b"<invented/>",
        b"<eb:invented xmlns:eb='u'/>",
        b"<Header><invented></invented></Header>",
        b"<Header invented='x'/>",
        b"<Header\tinvented = 'x'/>",
        b"<Header name='a' invented='x'/>",
        b"<Header name=' b=' invented='x'/>",
        b"<Header xmlns:invented='http://www.w3.org/2000/09/xmldsig#'/>",
        b"<Header xmlns:ds='invented'/>",
        b'<Header xmlns:ds="invented"/>',
        b"<Header xmlns = 'invented'/>",
        "<Header é='x'/>".encode(),
    ],
)
def test_invented_name_is_seen(xml: bytes) -> None:
    assert not has_known_names(xml)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts memory by /proc")
def test_invented_names_do_not_stay_in_memory() -> None:
    def document(n: int) -> bytes:
        return b"<r>" + b"".join(b"<a%d-%d-%s/>" % (n, i, b"x" * 90) for i in range(5000)) + b"</r>"

    for n in range(5):
        parse(document(n))
    before = memory()

    for n in range(5, 65):
        assert len(parse(document(n))) == 5000

    assert memory() - before < 15, "60 documents of 500 KB"


def test_work_apart_gives_result_and_exception() -> None:
    assert apart(threading.get_ident) != threading.get_ident()
    with pytest.raises(etree.XMLSyntaxError):
        apart(lambda: etree.fromstring(b"<"))


def test_tree_of_another_thread_is_canonicalised_alike() -> None:
    xml = Surgery().envelope()
    here, there = parse(xml), apart(lambda: etree.fromstring(xml))

    for one, other in zip(here.iter(), there.iter(), strict=True):
        first, second = (etree.tostring(e, method="c14n", exclusive=True) for e in (one, other))
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


PIECES = st.sampled_from(
    [
        "Id",
        "xml:id",
        "ID",
        "id",
        "x",
        "=",
        '"',
        "'",
        " ",
        "\n",
        "a",
        "b",
        ">",
        "<r ",
        "/>",
        "&#97;",
        "é",
        "Id='a'",
        'Id="a"',
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_quick_search_for_ids_agrees_with_the_tree(text: str) -> None:
    octets = f"<r><r {text}/></r>".encode()
    try:
        root = etree.fromstring(octets)
    except etree.XMLSyntaxError:
        return
    ids = [v for e in root.iter() for k, v in e.items() if etree.QName(k).localname.lower() == "id"]

    if len(set(ids)) == len(ids):
        check_unique_ids(root, octets)
    else:
        with pytest.raises(FailedAuthentication):
            check_unique_ids(root, octets)


@pytest.mark.parametrize(
    "xml",
    [
        b"<r Id='a'><r Id=\"a\"/></r>",
        b"<r Id='a'><r id = 'a'/></r>",
        b"<r Id='a'><r\nID\n=\n'a'/></r>",
        b"<r Id='a'><r Id='&#97;'/></r>",
        b"<r Id='a'><r t='Id=\"' Id='a'/></r>",
        b"<r Id='a'><r t=\"Id='\" Id='a'/></r>",
        b"<r Id='a'><r t='Id=' Id='a'/></r>",
        b"<r Id='a'><!-- Id=' --><r Id='a'/><!-- ' --></r>",
        b"<r Id='a'>Id='<r Id='a'/></r>",
        b"<r Id='a'><r xmlns:x='u' x:Id='a'/></r>",
        b"<r Id=' a'><r Id=' a'/></r>",
    ],
)
def test_no_quote_hides_an_id(xml: bytes) -> None:
    with pytest.raises(FailedAuthentication):
        check_unique_ids(etree.fromstring(xml), xml)
