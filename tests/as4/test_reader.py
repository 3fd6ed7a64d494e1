"""The reader: what reaches a sink and when, what an error may tell, how large a message may be."""

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from node.as4 import (
    As4Error,
    DecompressionFailure,
    EbmsError,
    FailedAuthentication,
    FailedDecryption,
    FeatureNotSupported,
    Limits,
    MessageReader,
    MimeInconsistency,
    NotSoap,
    OpenedMessage,
    PartInfo,
    PartOctets,
    PolicyNoncompliance,
    ProcessingModeMismatch,
    UserMessage,
    make_pull_request,
    seal,
    sign,
)
from node.as4.parts import digest_for_signature
from tests.as4 import material
from tests.as4.surgery import CONTENTS, Surgery


class Sink:
    """Notes what happens to it."""

    def __init__(self, notes: list[str], name: str, fail: str = "") -> None:
        self.notes, self.name, self.octets, self.fail = notes, name, b"", fail

    def write(self, octets: bytes) -> None:
        if self.fail == "write":
            raise OSError("disk full")
        self.octets += octets
        self.notes.append(f"write {self.name}")

    def close(self) -> None:
        if self.fail == "close":
            raise OSError("disk full")
        self.notes.append(f"close {self.name}")

    def discard(self) -> None:
        self.notes.append(f"discard {self.name}")


class Desk:
    """A reader with its sinks."""

    def __init__(self, patient: Surgery | None = None, fail: str = "", **options: Any) -> None:
        self.patient = patient or Surgery()
        self.notes: list[str] = []
        self.sinks: dict[str, Sink] = {}
        policy = self.patient.who.policy(**options.pop("policy", {}))

        def policy_for(message: UserMessage) -> Any:
            self.notes.append("policy")
            return policy

        def sink_for(_: UserMessage, info: PartInfo) -> Sink:
            self.sinks[info.content_id] = sink = Sink(self.notes, info.content_id, fail if self.sinks else "")
            return sink

        self.reader = MessageReader(
            self.patient.content_type, options.pop("policy_for", policy_for), sink_for, **options
        )

    def read(self, size: int = 0) -> Any:
        body = self.patient.body()
        for at in range(0, len(body), size or len(body)):
            self.reader.feed(body[at : at + (size or len(body))])
        return self.reader.finish()


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 0])
def test_any_pieces_give_the_same_message(size: int) -> None:
    desk = Desk()

    opened = desk.read(size)

    assert isinstance(opened, OpenedMessage)
    assert [desk.sinks[i.content_id].octets for i, _ in CONTENTS] == [material.octets_of(i, c) for i, c in CONTENTS]
    assert desk.notes[-2:] == ["close scan@x", "close record@x"]
    assert "discard" not in " ".join(desk.notes)


def test_header_is_known_before_the_first_octet_of_a_part() -> None:
    desk = Desk()
    body = desk.patient.body()
    first_part = body.index(desk.patient.parts[0][0])

    desk.reader.feed(body[: first_part + len(desk.patient.parts[0][0]) + 10])

    assert desk.reader.header is not None
    assert desk.reader.header.action == "application"
    assert desk.notes == ["policy"]


@pytest.mark.parametrize("edit", [b">forged<", b">applicatiom<"])
def test_nothing_reaches_a_sink_of_a_message_with_a_forged_header(edit: bytes) -> None:
    patient = Surgery()
    patient.raw.append(lambda xml: xml.replace(b">application<", edit))
    desk = Desk(patient)

    with pytest.raises(FailedAuthentication):
        desk.read()

    assert desk.notes == ["policy"]
    assert desk.reader.header is None


def test_all_sinks_are_discarded_when_the_last_part_is_bad() -> None:
    patient = Surgery()
    octets = patient.parts[1][1]
    patient.parts[1][1] = octets[:-1] + bytes([octets[-1] ^ 1])
    desk = Desk(patient)

    with pytest.raises(FailedDecryption):
        desk.read(50)

    assert {n for n in desk.notes if "discard" in n} == {"discard record@x", "discard scan@x"}
    assert not [n for n in desk.notes if "close" in n]


def test_failed_reader_says_the_same_again() -> None:
    patient = Surgery()
    patient.parts[1][1] = b""
    desk = Desk(patient)
    with pytest.raises(FailedDecryption) as first:
        desk.read()

    with pytest.raises(FailedDecryption) as second:
        desk.reader.finish()

    assert second.value is first.value


def test_body_that_breaks_off_is_discarded() -> None:
    desk = Desk()
    body = desk.patient.body()

    desk.reader.feed(body[:-100])
    desk.reader.abort()

    assert desk.notes[-1].startswith("discard")
    assert not [n for n in desk.notes if "close" in n]


@pytest.mark.parametrize("fail", ["write", "close"])
def test_trouble_of_a_sink_passes_through_and_discards(fail: str) -> None:
    desk = Desk(fail=fail)

    with pytest.raises(OSError, match="disk full"):
        desk.read()

    assert "discard record@x" in desk.notes
    assert "discard scan@x" in desk.notes


def test_error_before_the_signature_is_verified_is_not_authenticated() -> None:
    patient = Surgery()
    patient.raw.append(lambda xml: xml.replace(b">application<", b">forged<"))

    with pytest.raises(As4Error) as caught:
        patient.open()

    assert not caught.value.authenticated
    assert caught.value.ref_to_message_id == material.message().message_id
    assert EbmsError.of(caught.value, "4711").detail == "reference 4711"
    assert EbmsError.of(caught.value).detail is None


def test_error_after_the_signature_is_verified_is_authenticated() -> None:
    patient = Surgery()
    patient.parts[1][1] = b""

    with pytest.raises(As4Error) as caught:
        patient.open()

    assert caught.value.authenticated
    error = EbmsError.of(caught.value)
    # encryption is not signed: what failed of it is for our own log only
    assert (error.code, error.category, error.detail) == ("EBMS:0102", "Processing", None)


def test_refusal_by_policy_is_told_to_the_authenticated_peer_only() -> None:
    refusal = ProcessingModeMismatch("Action: found application, expected reply")
    with pytest.raises(ProcessingModeMismatch) as caught:
        Surgery().open(refusal=refusal)
    assert caught.value.authenticated

    patient = Surgery()
    patient.raw.append(lambda xml: xml.replace(b">application<", b">forged<"))
    with pytest.raises(FailedAuthentication):
        patient.open(refusal=refusal)


def test_policy_that_covers_nothing_refuses_unauthenticated() -> None:
    def nothing(_: UserMessage) -> Any:
        raise ProcessingModeMismatch("From: no agreement")

    desk = Desk(policy_for=nothing)
    with pytest.raises(ProcessingModeMismatch) as caught:
        desk.read()

    assert not caught.value.authenticated
    assert caught.value.ref_to_message_id == material.message().message_id


def test_no_text_of_a_record_is_in_an_error() -> None:
    info = PartInfo("record@x", "application/xml", False)
    patient = Surgery([(info, b"<secret>secret</secret>")])
    patient.resign()
    value = patient.all(".//ds:SignedInfo//ds:DigestValue")[2]
    value.text = "A" * 43 + "="
    patient.resign()

    with pytest.raises(FailedAuthentication) as caught:
        patient.open()

    assert "secret" not in str(caught.value)


def test_compression_where_the_agreement_demands_it() -> None:
    with pytest.raises(PolicyNoncompliance, match="not compressed"):
        Surgery().open(require_compression=True)


@pytest.mark.parametrize(
    "content_type", ["text/xml", "text/html", "application/octet-stream", "multipart/mixed; boundary=x"]
)
def test_other_media_types_are_not_soap(content_type: str) -> None:
    with pytest.raises(NotSoap):
        material.open_as(content_type, b"")


@pytest.mark.parametrize("kind", ["text/xml", "application/xop+xml"])
def test_multipart_with_another_root_type_is_not_soap(kind: str) -> None:
    with pytest.raises(NotSoap):
        material.open_as(f'multipart/related; boundary=x; type="{kind}"', b"")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "multipart/related",
        'multipart/related; boundary=""',
        "multipart/related; boundary=x; boundary=y",
        f"multipart/related; boundary={'x' * 71}",
        'multipart/related; boundary="x',
        "multipart/related; boundary=x ü",
        'multipart/related; boundary="x "',
        f"multipart/related; {'a' * 4000}=b; boundary=x",
        'multipart/related; boundary="x\r\ny"',
        'multipart/related; boundary="b"; type="a\r\n\r\n b"',
    ],
)
def test_malformed_content_type(content_type: str) -> None:
    with pytest.raises(MimeInconsistency):
        material.open_as(content_type, b"")


def test_start_must_name_the_first_part() -> None:
    patient = Surgery()
    patient.content_type += '; start="<record@x>"'

    with pytest.raises(MimeInconsistency, match="start"):
        patient.open()


def test_signal_is_refused_where_none_is_expected() -> None:
    who = material.parties()
    xml = make_pull_request("urn:mpc", "p@x", material.NOW, who.sender, who.suite)
    desk = Desk()
    reader = MessageReader("application/soap+xml", lambda _: who.policy(), lambda _, i: Sink([], i.content_id))
    reader.feed(xml)

    with pytest.raises(FeatureNotSupported):
        reader.finish()
    assert desk.notes == []


def test_message_with_parts_outside_of_multipart_misses_them() -> None:
    patient = Surgery()

    with pytest.raises(As4Error) as caught:
        material.open_as("application/soap+xml", patient.envelope())

    assert caught.value.code == "EBMS:0011"


# --- sizes


def limited(**limits: int) -> Limits:
    return Limits(**limits)


def test_parts_above_what_the_agreement_allows() -> None:
    desk = Desk(policy={"max_bytes": 50})

    with pytest.raises(PolicyNoncompliance, match="agreement allows"):
        desk.read()

    assert "discard record@x" in desk.notes


@pytest.mark.parametrize(
    "limits",
    [
        {"part_bytes": 20},
        {"parts": 1},
        {"envelope_bytes": 1000},
        {"elements": 50},
        {"attributes": 50},
        {"namespaces": 5},
    ],
)
def test_limits_of_the_operator(limits: dict[str, int]) -> None:
    with pytest.raises(PolicyNoncompliance) as caught:
        Desk(limits=limited(**limits)).read(100)

    assert next(iter(limits)).split("_")[0] in str(caught.value) or "more than" in str(caught.value)


def test_envelope_is_cut_off_before_it_is_complete() -> None:
    desk = Desk(limits=limited(envelope_bytes=1000))
    desk.reader.feed(desk.patient.body()[:900])

    with pytest.raises(PolicyNoncompliance):
        desk.reader.feed(desk.patient.body()[900:2000])


def compressed(octets: bytes, limits: Limits | None = None, **policy: Any) -> bytes:
    """Open a message whose part is this gzip stream; the content."""
    who = material.parties()
    info = PartInfo("record@x", "application/xml", True)
    frozen = sign(material.message([info]), [digest_for_signature([octets], info)], who.sender, who.suite)
    wire = seal(frozen.xml, [PartOctets.of(info, octets)], who.recipient, who.suite)
    patient = Surgery()
    patient.content_type = wire.content_type
    patient.body = wire.body  # type: ignore[method-assign]
    desk = Desk(patient, limits=limits or Limits(), policy={"max_bytes": 1 << 30, **policy})
    opened = desk.read(1 << 16)
    content = b"".join(zlib.decompressobj(47).decompress(desk.sinks["record@x"].octets) for _ in range(1))
    assert opened.parts[0].size >= len(content)
    return content


GOOD = gzip.compress(b"content" * 100, mtime=0)
DAMAGED = {
    "not gzip": b"content",
    "empty": b"",
    "cut": GOOD[:-3],
    "without trailer": GOOD[:-8],
    "check": GOOD[:-5] + bytes([GOOD[-5] ^ 1]) + GOOD[-4:],
    "size": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "middle": GOOD[:15] + bytes([GOOD[15] ^ 0xFF]) + GOOD[16:],
    "rubbish behind": GOOD + b"rubbish",
    "zlib instead": zlib.compress(b"content"),
    "header only": GOOD[:10],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_gzip(name: str) -> None:
    with pytest.raises(DecompressionFailure) as caught:
        compressed(DAMAGED[name])

    assert (caught.value.code, caught.value.category) == ("EBMS:0303", "Communication")
    assert caught.value.authenticated


def test_good_gzip_of_two_members() -> None:
    assert compressed(GOOD + gzip.compress(b"more")).startswith(b"content")


def test_damage_on_the_way_is_not_called_bad_gzip() -> None:
    patient = Surgery()
    octets = patient.parts[0][1]
    patient.parts[0][1] = octets[:14] + bytes([octets[14] ^ 0xFF]) + octets[15:]

    with pytest.raises(FailedDecryption):
        patient.open()


def bomb() -> bytes:
    return gzip.compress(b"\0" * 50_000_000)


def test_decompression_bomb() -> None:
    with pytest.raises(DecompressionFailure, match="fold"):
        compressed(bomb())


def test_inflated_size() -> None:
    with pytest.raises(DecompressionFailure, match="inflates to more than"):
        compressed(gzip.compress(b"\0" * 100_000), limited(inflated_bytes=99_999))
    assert compressed(gzip.compress(b"\0" * 100_000), limited(inflated_bytes=100_000))


def plain_xml(content: bytes, limits: Limits | None = None) -> None:
    info = PartInfo("a@x", "application/xml", False)
    patient = Surgery([(info, content)])
    Desk(patient, limits=limits or Limits()).read()


def forged_xml(content: bytes) -> As4Error:
    """Sign a digest for content that cannot be digested, and see the refusal."""
    who = material.parties()
    info = PartInfo("a@x", "application/xml", False)
    frozen = sign(material.message([info]), [bytes(32)], who.sender, who.suite)
    wire = seal(frozen.xml, [PartOctets.of(info, content)], who.recipient, who.suite)
    with pytest.raises(As4Error) as caught:
        material.opened(wire, who)
    return caught.value


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EBMS:0101"),
        (b"no xml", "EBMS:0101"),
        (b"<a>", "EBMS:0101"),
        (b"<a/>", "EBMS:0101"),
        (b"<!DOCTYPE a><a/>", "EBMS:0103"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "EBMS:0103"),
        ("<!DOCTYPE a><a/>".encode("utf-16"), "EBMS:0103"),
        ("<a/>".encode("utf-32"), "EBMS:0101"),
        ("<a/>".encode("utf-16-le"), "EBMS:0101"),
        (b'<?xml version="1.0" encoding="IBM037"?><a/>', "EBMS:0101"),
        (b"<a" + b"".join(b" n%d='u'" % n for n in range(300)) + b"/>", "EBMS:0103"),
        (b"<a>" + b"<a/>" * 400_001 + b"</a>", "EBMS:0103"),
        (b"<a xmlns='relative'/>", "EBMS:0101"),
        (b"<a><b xmlns:c='u'/>" + b"<b xmlns:c='u'/>" * 5000 + b"</a>", "EBMS:0103"),
        (b"\xff\xfe<", "EBMS:0101"),
    ],
)
def test_uncompressed_xml_that_cannot_be_canonicalised(content: bytes, code: str) -> None:
    assert forged_xml(content).code == code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-2", "windows-1250"])
def test_uncompressed_xml_in_other_encodings(encoding: str) -> None:
    plain_xml(f'<?xml version="1.0" encoding="{encoding}"?><a>čćžšđ</a>'.encode(encoding))


def test_uncompressed_xml_above_the_limit() -> None:
    with pytest.raises(PolicyNoncompliance, match="uncompressed XML"):
        plain_xml(b"<a>" + b"x" * 1000 + b"</a>", limited(canonical_bytes=1000))


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb", b"a\r\nb"),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\rb", b"a\r\nb"),
        (b"\r\r\n\n\n\r", b"\r\n\r\n\r\n\r\n\r\n"),
        (b"", b""),
        (b"\r", b"\r\n"),
    ],
)
def test_text_is_digested_with_crlf(content: bytes, expected: bytes, pieces: int) -> None:
    import hashlib

    def cut() -> Iterator[bytes]:
        for at in range(0, len(content), pieces):
            yield content[at : at + pieces]

    info = PartInfo("a@x", "text/plain; charset=utf-8", False)
    assert digest_for_signature(cut(), info) == hashlib.sha256(expected).digest()


@pytest.mark.parametrize(
    ("mime_type", "canonical"),
    [
        ("text/xml", True),
        ("Application/XML; charset=utf-8", True),
        ("application/atom+xml", True),
        ("image/svg+xml", True),
        ("application/pdf", False),
        ("application/json", False),
    ],
)
def test_which_types_are_canonicalised(mime_type: str, canonical: bool) -> None:
    info = PartInfo("a@x", mime_type, False)

    same = digest_for_signature([b"<a b='1'/>"], info) == digest_for_signature([b'<a b="1"></a>'], info)

    assert same is canonical
