"""A node of ours and phase4 exchange messages, each as sender and as receiver, in both suites.

Whatever one sends, the other must have octet for octet; the receipt must be signed and repeat every digest that was
signed; and both must say of the message what is true.
"""

import hashlib
from pathlib import Path

import pytest

from tests.interop.contents import MESSAGES, ONE_XML, UNCOMPRESSED, Payload
from tests.interop.keys import SUITES, make_party
from tests.interop.link import (
    ACTION,
    AGREEMENT,
    OURS,
    PARTY_TYPE,
    SERVICE,
    SERVICE_TYPE,
    TEST_ACTION,
    TEST_SERVICE,
    Link,
)
from tests.interop.phase4 import Inbox, Phase4, read

pytestmark = pytest.mark.interop
by_name = pytest.mark.parametrize("parts", list(MESSAGES.values()), ids=list(MESSAGES))


def assert_receipted(outcome: dict[str, object]) -> None:
    """phase4 verified our signature on the receipt and found every reference that it had signed."""
    assert outcome["http_status"] == 200
    assert outcome["kind"] == "receipt", outcome
    assert outcome["signed"] is True
    assert outcome["references"] == "as sent"
    assert outcome["ref_to_message_id"] == outcome["message_id"]


def assert_taken_in(link: Link, outcome: dict[str, object], parts: tuple[Payload, ...], by: str = "blue") -> None:
    """Our node lists the message and gives its contents as they were sent."""
    message_id = str(outcome["message_id"])
    message = link.node.message(message_id)
    assert message is not None
    assert (message["direction"], message["state"], message["peer"]) == ("in", "received", by)
    assert (message["service"], message["action"], message["agreement"]) == (SERVICE, ACTION, AGREEMENT)
    assert message["error"] is None
    assert message["receipt_time"] is not None
    assert [(part["media_type"], part["size"], part["sha256"]) for part in message["parts"]] == [
        (payload.media_type, len(payload.content), payload.sha256) for payload in parts
    ]
    if parts:
        assert link.contents(message_id) == [payload.content for payload in parts]


def assert_delivered(link: Link, sent: dict[str, str], parts: tuple[Payload, ...], to: str = "blue") -> None:
    """Our node has a receipt that it verified, and phase4 gave its application the contents as they were sent."""
    assert sent["state"] == "delivered"
    message = link.node.message(sent["id"])
    assert message is not None
    assert (message["direction"], message["state"]) == ("out", "delivered")
    assert message["attempts"] == 1 or link.phase4.stumbled()
    assert message["receipt_time"] is not None
    assert message["error"] is None
    folders = link.inbox(to).messages(sent["id"])
    assert len(folders) == 1
    header = read(folders[0])
    assert (header["from"]["id"], header["to"]["id"]) == (OURS, to)
    assert (header["service"], header["action"], header["agreement"]) == (SERVICE, ACTION, AGREEMENT)
    assert header["conversation_id"] == sent["case"] == message["case"]
    assert header["signed"] is True
    assert header["decrypted"] is bool(parts)
    received = [hashlib.sha256((folders[0] / part["file"]).read_bytes()).hexdigest() for part in header["parts"]]
    assert received == [payload.sha256 for payload in parts] == [part["sha256"] for part in message["parts"]]
    types = [{prop["name"]: prop["value"] for prop in part["properties"]} for part in header["parts"]]
    assert [named["MimeType"] for named in types] == [payload.media_type for payload in parts]


@pytest.mark.parametrize("suite", SUITES)
def test_phase4_exchanges_with_itself(phase4: Phase4, tmp_path: Path, suite: str) -> None:
    """The harness works without our node: what fails below is not phase4's own doing."""
    blue, green = (make_party(tmp_path, name, suite) for name in ("blue", "green"))
    url = phase4.order(
        "serve",
        path=f"/itself/{suite}",
        suite=suite,
        party="green",
        peer="blue",
        agreement=AGREEMENT,
        pairs=[{"service": SERVICE, "action": ACTION}],
        keys=green.as_order(),
        peer_sign_cert=str(blue.sign_cert),
        out=str(tmp_path / "itself"),
    )["url"]
    [outcome] = phase4.send(
        url=url,
        suite=suite,
        keys=blue.as_order(),
        peer_sign_cert=str(green.sign_cert),
        receiver_cert=str(green.kex_cert),
        agreement=AGREEMENT,
        service=SERVICE,
        action=ACTION,
        parts=[{"file": str(ONE_XML[0].written(tmp_path)), "media_type": "application/xml"}],
        **{"from": {"id": "blue"}, "to": {"id": "green"}},
    )
    assert_receipted(outcome)
    [folder] = Inbox(tmp_path / "itself").messages(outcome["message_id"])
    assert (folder / "part-1").read_bytes() == ONE_XML[0].content


def test_test_message_of_phase4_is_receipted_and_not_delivered(link: Link) -> None:
    [outcome] = link.phase4_sends(service=TEST_SERVICE, action=TEST_ACTION)
    assert_receipted(outcome)
    assert link.node.message(outcome["message_id"]) is None


def test_message_of_phase4_without_payload_is_taken_in(link: Link) -> None:
    [outcome] = link.phase4_sends()
    assert_receipted(outcome)
    assert_taken_in(link, outcome, ())


@by_name
def test_payloads_of_phase4_are_taken_in(link: Link, parts: tuple[Payload, ...]) -> None:
    [outcome] = link.phase4_sends(parts)
    assert_receipted(outcome)
    assert_taken_in(link, outcome, parts)


@pytest.mark.parametrize("parts", list(UNCOMPRESSED.values()), ids=list(UNCOMPRESSED))
def test_uncompressed_payloads_of_phase4_are_taken_in(link: Link, parts: tuple[Payload, ...]) -> None:
    [outcome] = link.phase4_sends(parts)
    assert_receipted(outcome)
    assert_taken_in(link, outcome, parts)


def test_payload_of_phase4_with_a_character_set_is_taken_in(link: Link) -> None:
    utf16 = '<?xml version="1.0" encoding="UTF-16"?><a>Ђорђе</a>'.encode("utf-16")
    parts = (Payload(utf16, "application/xml", character_set="UTF-16"),)
    [outcome] = link.phase4_sends(parts)
    assert_receipted(outcome)
    assert_taken_in(link, outcome, parts)


def test_four_corners_of_phase4_are_taken_in(link: Link) -> None:
    corner = "urn:depesha:corner"
    properties = [
        {"name": "originalSender", "type": corner, "value": "consulate-7"},
        {"name": "finalRecipient", "type": corner, "value": "office-3"},
        {"name": "trackingIdentifier", "value": "track-1"},
    ]
    [outcome] = link.phase4_sends(
        ONE_XML,
        by="green",
        service_type=SERVICE_TYPE,
        properties=properties,
        **{"from": {"id": "green", "type": PARTY_TYPE}},
    )
    assert_receipted(outcome)
    assert_taken_in(link, outcome, ONE_XML, by="green")
    envelope = link.node.do("message", "raw", outcome["message_id"])["envelope"]
    for property in properties:
        assert property["value"] in envelope


def test_duplicate_of_phase4_gets_the_first_receipt_again(link: Link) -> None:
    first, second, third = link.phase4_sends(ONE_XML, times=3)
    for outcome in (first, second, third):
        assert_receipted(outcome)
        assert Path(outcome["response_file"]).read_bytes() == Path(first["response_file"]).read_bytes()
    assert_taken_in(link, first, ONE_XML)


def test_conversation_of_phase4_is_one_case(link: Link) -> None:
    conversation = f"case-of-blue-{link.suite}"
    outcomes = [link.phase4_sends(ONE_XML, conversation_id=conversation)[0] for _ in range(2)]
    messages = [link.node.message(outcome["message_id"]) for outcome in outcomes]
    assert [message and message["case"] for message in messages] == [conversation, conversation]


def test_our_test_message_is_receipted_by_phase4(link: Link) -> None:
    before = link.requests("blue")
    done = link.node.run("peer", "ping", "blue")
    assert done.returncode == 0, done.stdout + done.stderr
    assert link.requests("blue") == before + 1


def test_our_message_without_payload_is_delivered(link: Link) -> None:
    assert_delivered(link, link.node_sends((), "--wait"), ())


@by_name
def test_our_payloads_are_delivered(link: Link, parts: tuple[Payload, ...]) -> None:
    assert_delivered(link, link.node_sends(parts, "--wait"), parts)


def test_our_four_corners_pass_the_profile_check_of_phase4(link: Link) -> None:
    sent = link.node_sends(ONE_XML, "--wait", to="green")
    assert_delivered(link, sent, ONE_XML, to="green")
    header = read(link.inbox("green").messages(sent["id"])[0])
    assert (header["to"]["type"], header["service_type"]) == (PARTY_TYPE, SERVICE_TYPE)
    properties = {prop["name"]: prop["value"] for prop in header["properties"]}
    assert (properties["originalSender"], properties["finalRecipient"]) == (OURS, "green")


def test_we_answer_within_a_case_that_phase4_opened(link: Link) -> None:
    [outcome] = link.phase4_sends(ONE_XML)
    message = link.node.message(outcome["message_id"])
    assert message is not None
    sent = link.node_sends(ONE_XML, "--wait", "--case", message["case"])
    assert sent["case"] == message["case"]
    assert_delivered(link, sent, ONE_XML)


def test_foreign_peers_get_no_properties_of_ours(link: Link) -> None:
    """`sequence` and `seen` are for nodes of ours: an access point written by others would not know them."""
    sent = link.node_sends(ONE_XML, "--wait")
    header = read(link.inbox("blue").messages(sent["id"])[0])
    assert {prop["name"] for prop in header["properties"]} <= {"originalSender", "finalRecipient"}


def test_node_that_made_its_own_keys_exchanges_with_phase4(link_by_card: Link) -> None:
    [outcome] = link_by_card.phase4_sends(ONE_XML)
    assert_receipted(outcome)
    assert_taken_in(link_by_card, outcome, ONE_XML)
    assert_delivered(link_by_card, link_by_card.node_sends(ONE_XML, "--wait"), ONE_XML)
