"""The reader: what reaches a sink and when, what an error may tell, how large a message may be."""

from typing import Any

import pytest

from node.as4 import (
    As4Error,
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
    PolicyNoncompliance,
    ProcessingModeMismatch,
    UserMessage,
    make_pull_request,
)
from tests.as4 import material
from tests.as4.desk import Desk, Sink
from tests.as4.surgery import CONTENTS, Surgery


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
        Desk(limits=Limits(**limits)).read(100)

    assert next(iter(limits)).split("_")[0] in str(caught.value) or "more than" in str(caught.value)


def test_envelope_is_cut_off_before_it_is_complete() -> None:
    desk = Desk(limits=Limits(envelope_bytes=1000))
    desk.reader.feed(desk.patient.body()[:900])

    with pytest.raises(PolicyNoncompliance):
        desk.reader.feed(desk.patient.body()[900:2000])
