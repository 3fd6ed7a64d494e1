"""What is wrong is refused: phase4's deliberate errors by our node, and phase4's refusals read for what they are."""

from pathlib import Path
from typing import Any

import pytest

from tests.interop.contents import ONE_XML, XML, XML_AND_PDF, Payload
from tests.interop.keys import SUITES, make_party
from tests.interop.link import ACTION_UNKNOWN_TO_THEM, Link
from tests.interop.nodes import until

pytestmark = pytest.mark.interop

FAULTS = {
    "unsigned": {"EBMS:0101", "EBMS:0103"},
    "unsigned-attachment": {"EBMS:0101", "EBMS:0103"},
    "unsigned-body": {"EBMS:0101", "EBMS:0103"},
    "unencrypted": {"EBMS:0103"},
    "extra-part": {"EBMS:0011"},
    # Neither signed nor there: the signature is looked at first.
    "missing-part": {"EBMS:0011", "EBMS:0103"},
    "hyperlink": {"EBMS:0011"},
    "no-mime-type": {"EBMS:0003", "EBMS:0009"},
    "bad-character-set": {"EBMS:0003", "EBMS:0009"},
    "damaged-gzip": {"EBMS:0303"},
    "tampered-attachment": {"EBMS:0101", "EBMS:0102"},
    "tampered-action": {"EBMS:0101"},
    "tampered-signature": {"EBMS:0101"},
}


def assert_refused(link: Link, outcome: dict[str, Any], codes: set[str]) -> None:
    """An ebMS error of one of these codes that names the message; nothing of the message is kept."""
    assert outcome["http_status"] == 200
    assert outcome["kind"] == "errors", outcome
    assert {error["code"] for error in outcome["errors"]} <= codes, outcome["errors"]
    assert {error["severity"] for error in outcome["errors"]} == {"failure"}
    assert outcome["ref_to_message_id"] in (outcome["message_id"], None)
    assert link.node.message(outcome["message_id"]) is None


@pytest.mark.parametrize("fault", list(FAULTS))
def test_fault_is_refused(link: Link, fault: str) -> None:
    [outcome] = link.phase4_sends(XML_AND_PDF, fault=fault)
    assert_refused(link, outcome, FAULTS[fault])


def test_unknown_party_is_refused(link: Link) -> None:
    [outcome] = link.phase4_sends(ONE_XML, **{"from": {"id": "nobody"}})
    assert_refused(link, outcome, {"EBMS:0010", "EBMS:0101"})


def test_message_for_somebody_else_is_refused(link: Link) -> None:
    [outcome] = link.phase4_sends(ONE_XML, to={"id": "somebody-else"})
    assert_refused(link, outcome, {"EBMS:0003", "EBMS:0010"})


def test_signer_that_is_not_the_peer_is_refused(link: Link) -> None:
    [outcome] = link.phase4_sends(ONE_XML, keys=link.stranger)
    assert_refused(link, outcome, {"EBMS:0101"})


def test_other_peer_in_the_name_of_a_peer_is_refused(link: Link) -> None:
    [outcome] = link.phase4_sends(ONE_XML, by="blue", keys=link.keys["green"])
    assert_refused(link, outcome, {"EBMS:0101"})


def test_encryption_for_another_key_is_refused(link: Link) -> None:
    [outcome] = link.phase4_sends(ONE_XML, receiver_cert=str(link.stranger.kex_cert))
    assert_refused(link, outcome, {"EBMS:0102"})


@pytest.mark.parametrize(
    "change", [{"action": "urn:depesha:other"}, {"service": "urn:other"}, {"agreement": "urn:other:agreement"}], ids=str
)
def test_what_was_not_agreed_is_refused(link: Link, change: dict[str, str]) -> None:
    [outcome] = link.phase4_sends(ONE_XML, **change)
    assert_refused(link, outcome, {"EBMS:0010"})
    assert outcome["signed"] is True, "the sender is known: the answer is signed"


def test_other_suite_is_refused(link: Link, tmp_path: Path) -> None:
    """The suite follows from the agreement, never from the message."""
    other = next(suite for suite in SUITES if suite != link.suite)
    keys = make_party(tmp_path, "blue", other)
    [outcome] = link.phase4_sends(
        ONE_XML, keys=keys, suite=other, receiver_cert=str(keys.kex_cert), peer_sign_cert=str(link.ours.sign_cert)
    )
    assert outcome["http_status"] == 200
    assert link.node.message(outcome["message_id"]) is None
    assert outcome["kind"] == "errors", outcome
    assert {error["code"] for error in outcome["errors"]} <= {"EBMS:0101", "EBMS:0103"}


def test_used_id_with_other_content_is_refused_and_the_first_stays(link: Link) -> None:
    [first] = link.phase4_sends(ONE_XML)
    other = (Payload(XML + b"<!-- other -->", "application/xml"),)
    [second] = link.phase4_sends(other, message_id=first["message_id"])
    assert second["kind"] == "errors"
    message = link.node.message(first["message_id"])
    assert message is not None
    assert [part["sha256"] for part in message["parts"]] == [payload.sha256 for payload in ONE_XML]


def test_same_id_of_another_sender_is_another_message(link: Link) -> None:
    """Nobody can burn an id by using it first."""
    message_id = f"shared-{link.suite}@depesha.example"
    [one] = link.phase4_sends(ONE_XML, message_id=message_id)
    [two] = link.phase4_sends(
        ONE_XML,
        by="orange",
        message_id=message_id,
    )
    assert (one["kind"], two["kind"]) == ("receipt", "receipt")
    listed = [one for one in link.node.do("message", "list", "--limit", "1000") if one["id"] == message_id]
    assert {one["peer"] for one in listed} == {"blue", "orange"}


def test_refused_message_may_come_again_mended(link: Link) -> None:
    """A failure of authentication leaves no mark on the id."""
    message_id = f"mended-{link.suite}@depesha.example"
    [broken] = link.phase4_sends(ONE_XML, message_id=message_id, fault="tampered-attachment")
    assert broken["kind"] == "errors"
    [mended] = link.phase4_sends(ONE_XML, message_id=message_id)
    assert mended["kind"] == "receipt"
    message = link.node.message(message_id)
    assert message is not None
    assert message["state"] == "received"


def test_signed_refusal_of_phase4_is_refused(link: Link) -> None:
    """EBMS:0004 on the first attempt is a refusal; nothing was lost that could make it a duplicate."""
    sent = link.node_sends(ONE_XML, "--wait", to="orange", status=1)
    assert sent["state"] == "refused"
    message = link.node.message(sent["id"])
    assert message is not None
    assert message["error"]["code"] == "EBMS:0004"
    assert message["receipt_time"] is None


def test_lost_receipt_of_phase4_leaves_the_message_unconfirmed(link: Link) -> None:
    """phase4 answers the second request with EBMS:0004, duplicate: it has the message, and no receipt proves it.

    Over a connection that was kept the second request belongs to the same attempt, else it is the next one.
    """
    link.phase4.order("lose", path=link.path("blue"), count=1)
    sent = link.node_sends(ONE_XML, "--wait", status=1)
    assert sent["state"] == "unconfirmed"
    message = link.node.message(sent["id"])
    assert message is not None
    assert message["attempts"] in (1, 2)
    assert message["error"]["code"] == "EBMS:0004"
    assert message["receipt_time"] is None
    assert len(link.inbox("blue").messages(sent["id"])) == 1, "phase4 delivered it once"


def attempted(link: Link, message_id: str, attempts: int) -> dict[str, Any]:
    """The message, once so many attempts have ended."""

    def ended() -> dict[str, Any] | None:
        message = link.node.message(message_id)
        assert message is not None
        return message if message["attempts"] >= attempts and message["state"] != "sending" else None

    message: dict[str, Any] = until(ended, 30, f"{attempts} attempts of {message_id}")
    return message


def test_unsigned_refusal_of_phase4_proves_nothing(link: Link) -> None:
    """phase4 does not sign EBMS:0010, since it found no P-Mode: the attempt failed, the message is not refused."""
    sent = link.node_sends(ONE_XML, action=ACTION_UNKNOWN_TO_THEM)
    assert attempted(link, sent["id"], 2)["state"] == "queued"
    assert link.node.run("message", "withdraw", sent["id"]).returncode == 0


def test_receipt_by_another_certificate_is_no_delivery(link: Link) -> None:
    sent = link.node_sends(ONE_XML, to="violet")
    message = attempted(link, sent["id"], 1)
    assert message["state"] != "delivered"
    assert message["receipt_time"] is None
    assert len(link.inbox("violet").messages(sent["id"])) == 1, "phase4 has it all the same"


def test_message_that_phase4_cannot_decrypt_is_not_delivered(link: Link) -> None:
    """EBMS:0102 is tried again with fresh encryption a few times before it is believed."""
    sent = link.node_sends(ONE_XML, "--wait", "30", to="amber", status=1)
    message = link.node.message(sent["id"])
    assert message is not None
    assert message["state"] != "delivered"
    assert message["attempts"] >= 2
    assert link.inbox("amber").messages(sent["id"]) == []
