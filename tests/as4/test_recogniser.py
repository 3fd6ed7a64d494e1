"""The recogniser gives what the parser gives, in verdict and in every value, for whatever comes; and it is used at all.

Both ways are gone for every attack of the corpus, for structural mutants of messages and receipts (signed by the peer
or not), and for what hypothesis makes of headers and octets.
"""

import copy
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from node.as4 import (
    DEFAULT_LIMITS,
    SIGNAL_CONTENT_TYPE,
    As4Error,
    Limits,
    OpenedMessage,
    PartInfo,
    Property,
    make_receipt,
    open_bytes,
    read_response,
    read_signed,
    verify_receipt,
)
from node.as4.mime import parse_media_type, parse_part_header
from node.as4.recogniser import recognise
from tests.as4 import (
    material,
    recordings,
    test_refuses_algorithms,
    test_refuses_headers,
    test_refuses_packaging,
    test_refuses_signatures,
)
from tests.as4.corpus import Corpus
from tests.as4.surgery import CONTENTS, RECORD, SCAN, Surgery

PARSED = replace(DEFAULT_LIMITS, recognise=False)
CORPORA: dict[str, Corpus] = {
    module.__name__.rpartition("_")[2]: module.corpus
    for module in (
        test_refuses_algorithms,
        test_refuses_headers,
        test_refuses_packaging,
        test_refuses_signatures,
    )
}
WHO = material.parties()


def outcome(work: Callable[[Limits], Any], limits: Limits) -> Any:
    """What came of it: the values, or all that a refusal says."""
    try:
        return work(limits)
    except As4Error as error:
        return type(error), error.code, error.detail, error.authenticated, error.ref_to_message_id


def opening(content_type: str, body: bytes) -> Callable[[Limits], Any]:
    """Opening a request."""
    policy = WHO.policy()
    return lambda limits: open_bytes(content_type, body, lambda _: policy, lambda _: policy, limits)


def answering(body: bytes) -> Callable[[Limits], Any]:
    """Reading an answer, and verifying it as the receipt for the specimen."""
    sent, _, _ = specimen()
    accepts = recordings.only(WHO.receiver_signing.certificate)

    def both(limits: Limits) -> Any:
        def read(limits: Limits) -> Any:
            return read_response(SIGNAL_CONTENT_TYPE, body, limits, WHO.suite, accepts)

        def verify(limits: Limits) -> Any:
            return verify_receipt(body, SIGNAL_CONTENT_TYPE, sent, WHO.suite, accepts, limits)

        return outcome(read, limits), outcome(verify, limits)

    return both


def agree(work: Callable[[Limits], Any]) -> Any:
    """Go both ways, see them agree, and give what came of it."""
    short, parsed = outcome(work, DEFAULT_LIMITS), outcome(work, PARSED)
    assert short == parsed
    return short


@functools.cache
def specimen() -> tuple[Any, Any, bytes]:
    """A message, how it goes on the wire, and its receipt."""
    sent, wire = material.sealed(CONTENTS, WHO, properties=(Property("seen", "4"), Property("unit", "a", "b")))
    opened, _ = material.opened(wire, WHO)
    return sent, wire, make_receipt(opened, "receipt@red.example", material.NOW, WHO.receiver_signing, WHO.suite)


@pytest.mark.parametrize("name", CORPORA)
def test_every_attack_of_the_corpus_ends_alike(name: str) -> None:
    corpus = CORPORA[name]
    for _, resign, change in corpus.changes.values():
        patient = Surgery()
        change(patient)
        if resign:
            patient.resign()
        result = agree(opening(patient.content_type, patient.body()))
        assert issubclass(result[0], As4Error)
        patient.raw.append(in_our_form)
        assert agree(opening(patient.content_type, patient.body()))[0:2] == result[0:2]


@pytest.mark.parametrize("case", recordings.CASES)
def test_no_recording_of_another_implementation_is_taken_for_ours(case: str) -> None:
    for n in range(len(recordings.CASES[case]["exchanges"])):
        for http in (recordings.request(case, n), recordings.response(case, n)):
            start, end = http.body.find(b"<"), http.body.rfind(b"Envelope>") + len(b"Envelope>")
            assert recognise(http.body[start:end], DEFAULT_LIMITS) is None


SELF_CLOSING = re.compile(rb"<([\w:]+)([^<>]*)/>")
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
PLAIN = st.text("abcXYZ012 .,:;/_-@=+#()", max_size=20)
FILLED = PLAIN.map(lambda text: "x" + text)
TYPES = st.none() | PLAIN
PROPERTIES = st.lists(st.builds(Property, FILLED, PLAIN, TYPES), max_size=3, unique_by=lambda p: p.name).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    fields=st.fixed_dictionaries(
        {
            "service": FILLED, "service_type": TYPES, "action": FILLED, "conversation_id": PLAIN, "mpc": TYPES,
            "ref_to_message_id": st.none() | st.just("other@blue.example"), "properties": PROPERTIES,
        }
    ),
    agreement=st.none() | st.tuples(FILLED, TYPES, TYPES),
    parts=st.lists(st.sampled_from([RECORD, SCAN, PartInfo("note@x", "text/plain", True, "utf-8")]), unique=True),
    part_properties=PROPERTIES,
)  # fmt: skip
def test_what_we_write_is_recognised_and_has_the_same_values(
    fields: dict[str, Any], agreement: Any, parts: list[PartInfo], part_properties: tuple[Property, ...]
) -> None:
    if agreement is not None:
        fields |= {"agreement": agreement[0], "agreement_type": agreement[1], "pmode": agreement[2]}
    else:
        fields["agreement"] = None
    contents = [(replace(info, properties=part_properties), b"content") for info in parts]
    frozen, wire = material.sealed(contents, WHO, **fields)
    opened, _ = agree(opening(wire.content_type, wire.body()))

    assert isinstance(opened, OpenedMessage)
    assert recognise(opened.envelope, DEFAULT_LIMITS) is not None
    assert recognise(frozen.xml, DEFAULT_LIMITS) is not None
    assert read_signed(frozen.xml) == frozen
    receipt = make_receipt(opened, "r@red.example", material.NOW, WHO.receiver_signing, WHO.suite)
    assert recognise(receipt, DEFAULT_LIMITS) is not None
    accepts = recordings.only(WHO.receiver_signing.certificate)
    agree(lambda limits: verify_receipt(receipt, SIGNAL_CONTENT_TYPE, frozen, WHO.suite, accepts, limits))


@settings(max_examples=150, deadline=None)
@given(field=st.sampled_from(["service", "action", "conversation_id", "mpc", "agreement"]), text=TEXTS)
def test_any_text_in_a_field_has_the_same_value(field: str, text: str) -> None:
    if not text.strip() and field in ("service", "action", "agreement"):
        text = "x" + text
    _, wire = material.sealed(CONTENTS, WHO, **{field: text})
    opened, _ = agree(opening(wire.content_type, wire.body()))

    assert getattr(opened.header, field) == text


def mutants(root: etree._Element) -> Iterator[etree._Element]:
    """The tree with one thing changed at each of its elements, in all the ways below."""
    for n, element in enumerate(root.iter()):
        for change in (removed, doubled, swapped, wrapped, commented, spaced, filled, emptied, renamed, redeclared):
            tree = copy.deepcopy(root)
            target = list(tree.iter())[n]
            if change(target):
                yield tree
        for name, value in element.attrib.items():
            for new in (None, "", "x", value + " ", value[:-1], value.swapcase(), "#" + value):
                tree = copy.deepcopy(root)
                target = list(tree.iter())[n]
                if new is None:
                    del target.attrib[name]
                else:
                    target.set(name, new)
                yield tree


def removed(element: Any) -> bool:
    parent = element.getparent()
    if parent is None:
        return False
    parent.remove(element)
    return True


def doubled(element: Any) -> bool:
    if element.getparent() is None:
        return False
    element.addnext(copy.deepcopy(element))
    return True


def swapped(element: Any) -> bool:
    following = element.getnext()
    if following is None:
        return False
    element.addprevious(following)
    return True


def wrapped(element: Any) -> bool:
    parent = element.getparent()
    if parent is None:
        return False
    wrapper = etree.SubElement(parent, element.tag)
    parent.replace(element, wrapper)
    wrapper.append(element)
    return True


def commented(element: Any) -> bool:
    element.insert(0, etree.Comment("c"))
    return True


def spaced(element: Any) -> bool:
    element.text = (element.text or "") + "\n"
    return True


def filled(element: Any) -> bool:
    element.text = "x" + (element.text or "")
    return True


def emptied(element: Any) -> bool:
    if not element.text:
        return False
    element.text = ""
    return True


def renamed(element: Any) -> bool:
    element.tag += "x"
    return True


def redeclared(element: Any) -> bool:
    element.set("{urn:example}extra", "1")
    return True


def raw(xml: bytes) -> list[bytes]:
    """The octets written in other ways that mean the same, or nearly."""
    return [
        b"\xef\xbb\xbf" + xml,
        b'<?xml version="1.0" encoding="UTF-8"?>' + xml,
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + xml,
        xml + b"\n",
        b" " + xml,
        xml + b"<!-- -->",
        xml + b"\0",
        xml.replace(b'"', b"'"),
        xml.replace(b"><", b">\n<", 1),
        xml.replace(b"><", b">\n<"),
        xml.replace(b"></", b"/>", 1),
        xml.replace(b"</eb:Action>", b"<![CDATA[]]></eb:Action>"),
        xml.replace(b"</eb:Action>", b"&#120;</eb:Action>"),
        xml.replace(b"</eb:Action>", b"&amp;</eb:Action>"),
        xml.replace(b"</eb:Action>", b"\xc3\xa9</eb:Action>"),
        xml.replace(b"</eb:Action>", b"\r</eb:Action>"),
        xml.replace(b"eb:Action", b"eb:Ac-tion"),
        xml.replace(b"eb:", b"eb3:"),
        xml.replace(b' wsu:Id="B-', b' wsu:id="B-'),
        xml.replace(b"UserMessage", b"SignalMessage"),
        xml.replace(b"SignalMessage", b"UserMessage"),
        xml.replace(b"</eb:UserMessage>", b"</eb:SignalMessage>"),
        xml.replace(b"<eb:Messaging", b"<eb:Messaging ", 1),
        xml[:-1],
        xml + xml,
    ]


@pytest.mark.parametrize("resign", [False, True])
def test_every_structural_mutant_of_a_message_ends_alike(resign: bool) -> None:
    patient = Surgery()
    original = etree.tostring(patient.root)
    opened = recognised = 0

    def check(envelope: bytes) -> None:
        nonlocal opened, recognised
        patient.raw = [lambda _: envelope]
        recognised += recognise(envelope, DEFAULT_LIMITS) is not None
        opened += isinstance(agree(opening(patient.content_type, patient.body()))[0], OpenedMessage)

    for tree in mutants(etree.fromstring(original)):
        patient.root = tree
        if resign:
            with_signature = tree.find(".//{*}SignatureValue") is not None and tree.find(".//{*}SignedInfo") is not None
            if not with_signature:
                continue
            patient.resign()
        check(etree.tostring(patient.root))
        check(in_our_form(etree.tostring(patient.root)))
    for envelope in raw(in_our_form(original)):
        check(envelope)
    # neither way may be the only one that was gone
    assert recognised > 10
    assert opened > (10 if resign else 0)


def in_our_form(xml: bytes) -> bytes:
    """Without self-closing tags, as we write."""
    return SELF_CLOSING.sub(rb"<\1\2></\1>", xml)


def test_every_structural_mutant_of_a_receipt_ends_alike() -> None:
    _, _, receipt = specimen()
    envelopes = [etree.tostring(tree) for tree in mutants(etree.fromstring(receipt))]
    envelopes += [in_our_form(envelope) for envelope in envelopes]
    envelopes += raw(receipt)
    recognised = 0
    for envelope in envelopes:
        recognised += recognise(envelope, DEFAULT_LIMITS) is not None
        agree(answering(envelope))
    assert recognised > 10
    assert agree(answering(receipt))[1].message_id == "receipt@red.example"


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_octets_of_an_envelope_end_alike(data: st.DataObject) -> None:
    _, wire, receipt = specimen()
    body = bytearray(wire.body())
    answer = bytearray(receipt)
    end = body.find(b"Envelope>\r\n")
    for _ in range(data.draw(st.integers(1, 3))):
        octets = data.draw(st.sampled_from([b"<", b">", b"&", b'"', b"'", b" ", b"\n", b"x", b"0", b"\xff", b""]))
        at = data.draw(st.integers(0, end - 1))
        body[at : at + data.draw(st.integers(0, 2))] = octets
        at = data.draw(st.integers(0, len(answer) - 1))
        answer[at : at + data.draw(st.integers(0, 2))] = octets
    agree(opening(wire.content_type, bytes(body)))
    agree(answering(bytes(answer)))


@pytest.mark.parametrize(
    "limits",
    [
        {"envelope_bytes": 4000}, {"elements": 100}, {"attributes": 50}, {"namespaces": 5}, {"parts": 1}, {},
    ],
)  # fmt: skip
def test_limits_hold_both_ways(limits: dict[str, int]) -> None:
    _, wire, _ = specimen()
    short, parsed = (
        outcome(opening(wire.content_type, wire.body()), replace(start, **limits)) for start in (DEFAULT_LIMITS, PARSED)
    )

    assert short == parsed
    assert isinstance(short[0], OpenedMessage) == (not limits)


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wire, _ = specimen()
    monkeypatch.setattr("node.as4.reading.recognise", lambda *_: pytest.fail("asked all the same"))

    assert isinstance(outcome(opening(wire.content_type, wire.body()), PARSED)[0], OpenedMessage)


def test_a_long_envelope_that_is_nearly_ours_costs_no_more_than_its_length() -> None:
    sent, _, _ = specimen()
    properties = b'<eb:Property name="a">' + b"x" * 1000 + b"</eb:Property>"
    envelope = sent.xml.replace(b"</eb:MessageProperties>", properties * 400 + b"<eb:Property></eb:MessageProperties>")

    assert recognise(envelope, DEFAULT_LIMITS) is None


def test_headers_of_ours_have_the_values_of_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wire, _ = specimen()
    boundary = wire.content_type.split('"')[1].encode()
    headers = [part.partition(b"\r\n\r\n")[0][2:] for part in wire.body().split(b"--" + boundary)[1:-1]]
    quick = [parse_media_type(wire.content_type), *(parse_part_header(header, DEFAULT_LIMITS) for header in headers)]
    nothing = re.compile("(?!)")
    monkeypatch.setattr("node.as4.mime._OUR_CONTENT_TYPE", nothing)
    monkeypatch.setattr("node.as4.mime._OUR_ROOT_HEADER", b"")
    monkeypatch.setattr("node.as4.mime._OUR_PART_HEADER", re.compile(b"(?!)"))
    slow = [parse_media_type(wire.content_type), *(parse_part_header(header, DEFAULT_LIMITS) for header in headers)]

    assert len(headers) == 3
    assert quick == slow
