"""Hostile and broken input: never parsed further than needed, never fetched from, never an exception."""

import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records import CheckedRecord, Domains, UnreadableError, check, read_xml
from node.records.reading import MAX_DEPTH, MAX_ELEMENTS, MAX_RECORD_BYTES

APPLICATION = (
    Path(__file__).parents[2] / "schemas" / "returns" / "1" / "examples" / "good" / "application.xml"
).read_bytes()


def rule_of(content: bytes) -> str:
    with pytest.raises(UnreadableError) as caught:
        read_xml(content)
    return caught.value.problem.rule


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "xml:well-formed"),
        (b"<a>", "xml:well-formed"),
        (b"<a>&unknown;</a>", "xml:well-formed"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml:dtd"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "xml:dtd"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "xml:encoding"),
        (b'<?xml version="1.0" encoding="UTF-7"?><a/>', "xml:encoding"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>', "xml:encoding"),
        ("<a/>".encode("utf-16-le"), "xml:encoding"),
        (b"<a>\xff</a>", "xml:well-formed"),
        (b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1), "limit:depth"),
        (b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>", "limit:elements"),
        (b"<a>" + b" " * MAX_RECORD_BYTES + b"</a>", "limit:bytes"),
        (b'<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true"/>', "xml:instance"),
        (b'<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:type="b"/>', "xml:instance"),
    ],
)
def test_refused_with_its_rule(content: bytes, rule: str) -> None:
    assert rule_of(content) == rule


def test_limits_themselves_pass() -> None:
    assert read_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"
    assert read_xml(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>").tag == "a"
    assert read_xml(b"<a>" + b" " * (MAX_RECORD_BYTES - 7) + b"</a>").tag == "a"
    assert read_xml(b"\xef\xbb\xbf<a/>").tag == "a"


def test_a_comment_splits_no_value(domains: Domains) -> None:
    split = APPLICATION.replace(b">ERIKSSON<", b">ERIK<!-- x -->SS<?y z?>ON<").replace(
        b">ANNA MARIA<", b"><![CDATA[ANNA MARIA]]><"
    )
    result = check(split, domains)
    assert isinstance(result, CheckedRecord)
    values = [node.text for node in result.root.iter("{*}PrimaryIdentifier", "{*}SecondaryIdentifier")]
    assert values == ["ERIKSSON", "ANNA MARIA"]


def test_a_schema_location_is_not_followed(domains: Domains, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    lax = tmp_path / "lax.xsd"
    lax.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x">'
        '<xs:element name="Place"/></xs:schema>'
    )
    hinted = APPLICATION.replace(
        b'language="en">',
        b'language="en" xmlns:x="http://www.w3.org/2001/XMLSchema-instance" '
        b'x:schemaLocation="urn:x ' + str(lax).encode() + b' urn:y http://127.0.0.1:9/y.xsd">',
    )
    assert hinted != APPLICATION
    assert isinstance(check(hinted, domains), CheckedRecord)
    foreign = hinted.replace(b"<Place>Paris</Place>", b'<Place xmlns="urn:x">Paris</Place>')
    assert isinstance(check(foreign, domains), list)


def test_spaces_around_values_change_nothing(domains: Domains) -> None:
    spaced = APPLICATION.replace(b"<Image>photograph-p1.jpg<", b"<Image>\n  photograph-p1.jpg\n<").replace(
        b"<Person>p1<", b"<Person> p1 <"
    )
    assert isinstance(check(spaced, domains), CheckedRecord)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_problems_and_no_exception(domains: Domains, content: bytes) -> None:
    assert isinstance(check(content, domains), list)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(APPLICATION) - 1), st.integers(0, 3000), st.binary(max_size=6))
def test_any_change_is_judged_without_exception(domains: Domains, at: int, length: int, new: bytes) -> None:
    result = check(APPLICATION[:at] + new + APPLICATION[at + length :], domains)
    if isinstance(result, list):
        assert result
        for problem in result:
            assert problem.rule
            assert problem.expected
            assert problem.remedy
