"""ebMS headers and replay: in another's name, to another, about another's messages; the same again in every way."""

import base64
import concurrent.futures
import contextlib
import json
import socket
import uuid
from dataclasses import replace

import pytest

from node.as4 import SIGNAL_CONTENT_TYPE, EbmsError, Property, make_error, make_pull_request, make_receipt, seal
from node.config import Settings
from node.exchange.settlement import ALARM, MESSAGE
from tests.as4 import material, test_refuses_headers, test_refuses_packaging
from tests.as4.surgery import CONTENTS, RECORD, Surgery
from tests.attacks.catalogue import ANY, Catalogue, endures
from tests.attacks.target import STRANGER, Target, by, code_of, from_green, is_receipt, valid
from tests.exchange.wire import Reply

catalogue = Catalogue("ebMS headers")
replays = Catalogue("Replay")
SPOOFING = ("Jensen 2009 survey", "ebMS 3.0")
REPLAY = ("Jensen 2009 survey", "ebMS 3.0")
TEST_SERVICE = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/service"
FIRST_LINES = "POST /as4 HTTP/1.1\r\nHost: node\r\n"
PLACES = Settings.model_fields["connections_per_peer"].default
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
TEST_ACTION = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/test"


def text(code: str, name: str, path: str, value: str) -> None:
    """Note a value that a partner writes, and signs."""

    def change(s: Surgery) -> None:
        s.find(path).text = value

    catalogue.partner(code, *SPOOFING, name=name)(change)


text("EBMS:0010", "from_a_party_that_is_unknown", ".//eb:From/eb:PartyId", "yellow")
text("EBMS:0101", "from_another_partner", ".//eb:From/eb:PartyId", "green")
text("EBMS:0010", "from_the_receiver_itself", ".//eb:From/eb:PartyId", "red")
text("EBMS:0010", "to_another_party", ".//eb:To/eb:PartyId", "yellow")
text("EBMS:0010", "to_the_sender", ".//eb:To/eb:PartyId", "blue")
text("EBMS:0010", "agreement_that_was_never_made", ".//eb:AgreementRef", "urn:never")
text("EBMS:0010", "agreement_of_the_bootstrap", ".//eb:AgreementRef", "urn:depesha:bootstrap:1")
text("EBMS:0010", "service_that_is_not_open", ".//eb:Service", "urn:other")
text("EBMS:0010", "action_that_is_not_open", ".//eb:Action", "Application")


@catalogue.partner("EBMS:0010", *SPOOFING)
def party_of_another_type(s: Surgery) -> None:
    s.find(".//eb:From/eb:PartyId").set("type", "urn:other")


@catalogue.partner("EBMS:0010", *SPOOFING)
def receiver_of_another_type(s: Surgery) -> None:
    del s.find(".//eb:To/eb:PartyId").attrib["type"]


@catalogue.partner("EBMS:0010", *SPOOFING)
def service_of_a_type_that_is_not_open(s: Surgery) -> None:
    s.find(".//eb:Service").set("type", "urn:other")


@catalogue.partner("EBMS:0009", *SPOOFING)
def conversation_too_long_for_an_index(s: Surgery) -> None:
    s.find(".//eb:ConversationId").text = "x" * 5000


@catalogue.outsider("EBMS:0101", *SPOOFING)
def ping_by_a_stranger(s: Surgery) -> None:
    s.find(".//eb:Service").text, s.find(".//eb:Action").text = TEST_SERVICE, TEST_ACTION
    by(s, STRANGER)
    s.resign()


@catalogue.outsider("HTTP 400", *SPOOFING)
def addressing_header_that_must_be_understood(s: Surgery) -> None:
    s.find(".//S12:Header").append(
        s.new('<a:ReplyTo xmlns:a="http://www.w3.org/2005/08/addressing" S12:mustUnderstand="1">x</a:ReplyTo>')
    )


@catalogue.outsider(ANY, *SPOOFING)
def payload_elsewhere(s: Surgery) -> None:
    s.find(".//eb:PartInfo").set("href", "http://127.0.0.1:9/record")


@catalogue.outsider(ANY, *SPOOFING)
def signal_beside_the_message(s: Surgery) -> None:
    s.find(".//eb:Messaging").append(s.new("<eb:SignalMessage/>"))


def signals(identity_of: str) -> dict[str, bytes]:
    """Signals that nobody asked for, signed by blue or by a stranger."""
    who = material.parties()
    identity = who.sender if identity_of == "blue" else STRANGER
    opened, _ = material.opened(material.sealed(CONTENTS)[1])
    number = f"{uuid.uuid4()}@blue"
    return {
        "receipt": make_receipt(opened, number, material.NOW, identity, who.suite),
        "error": make_error([EbmsError.coded("EBMS:0004")], number, material.NOW, "x@y", identity, who.suite),
        "pull_request": make_pull_request("urn:mpc", number, material.NOW, identity, who.suite),
        "unsigned_error": make_error([EbmsError.coded("EBMS:0004")], number, material.NOW, None),
    }


SIGNALS = ("receipt", "error", "pull_request", "unsigned_error")
for name_ in SIGNALS:
    catalogue.named(f"{name_}_as_a_request_by_a_partner", "partner", *SPOOFING)
    catalogue.named(f"{name_}_as_a_request_by_a_stranger", "outsider", *SPOOFING)

HEADER_CHANGES = (
    *("two_user_messages", "two_PartyId", "two_AgreementRef", "message_id_with_line_end", "message_id_too_long"),
    *("href_elsewhere", "href_into_the_body", "href_twice", "property_twice", "too_many_parts"),
)
catalogue.known(test_refuses_headers.corpus, dict.fromkeys(HEADER_CHANGES, SPOOFING))
catalogue.known(test_refuses_packaging.corpus, {"unknown_header_to_be_understood": SPOOFING})


@pytest.mark.parametrize("name", [name for name, attack in catalogue.attacks.items() if "_as_a_request" not in name])
def test_is_endured(target: Target, name: str) -> None:
    catalogue.run(name, target)


@pytest.mark.parametrize("by_whom", ["blue", "stranger"])
@pytest.mark.parametrize("kind", SIGNALS)
def test_a_signal_that_nobody_asked_for_is_endured(target: Target, kind: str, by_whom: str) -> None:
    endures(target, SIGNAL_CONTENT_TYPE, signals(by_whom)[kind])


catalogue.named("ping_with_parts", "partner", *SPOOFING)


def test_parts_of_a_test_message_are_kept_nowhere(target: Target) -> None:
    """It is receipted without an agreement: a partner could fill the disk by it."""
    ping = valid(service=TEST_SERVICE, action=TEST_ACTION, agreement="urn:never")
    with target.unmoved():
        assert is_receipt(target.post(ping.content_type, ping.body()))
    target.serves()


# --- values that mean something to somebody else

VALUES = {
    "markup": "<script>alert(1)</script>",
    "sql": "'; DROP TABLE message; --",
    "path": "../../../../etc/passwd",
    "format": "%s%n{0}${jndi:ldap://127.0.0.1:9/x}",
    "log_line": 'x\n{"event": "forged", "level": "error"}\n',
    "escape": "x\u009b31mred\u202etxt.exe",
    "long": "x" * 900,
}
ROOT_FILE = "../../../../etc/passwd"
for name_ in VALUES:
    catalogue.named(f"value_with_{name_}", "partner", "Jensen 2009 survey")


@pytest.mark.parametrize("name", VALUES)
def test_a_value_stays_a_value(target: Target, name: str) -> None:
    """A partner may write it: it is kept as it stands, and neither store, files nor running log take it for more."""
    value = VALUES[name]
    plain = "".join(c for c in value if "!" <= c <= "~")
    message = valid(
        message_id=f"{uuid.uuid4()}-{plain}@blue",
        conversation_id=value,
        ref_to_message_id=plain,
        properties=tuple(Property(n, value) for n in ("originalSender", "sequence", "seen", "replaces", value)),
    )
    for element in message.root.iter("{*}PartInfo", "{*}Reference", "{*}CipherReference"):
        for attribute, found in element.items():
            element.set(attribute, found.replace("record@x", ROOT_FILE))
    message.parts[0][0] = message.parts[0][0].replace(b"record@x", ROOT_FILE.encode())
    message.resign()
    target.said()
    reply = target.post(message.content_type, message.body())
    assert reply.status == 200, reply
    for line in target.said().splitlines():
        assert json.loads(line)["event"] != "forged"
    if is_receipt(reply):
        (row,) = [row for row in target.rows(MESSAGE) if row["message_id"] == message.find(".//eb:MessageId").text]
        assert row["conversation_id"] == message.find(".//eb:ConversationId").text
        assert row["sequence"] is None
        assert target.home.message(row["message_id"])["id"] == row["message_id"]
    else:
        assert code_of(reply) == "EBMS:0009"
    target.serves()


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59Z"])
def test_a_timestamp_from_far_away_is_no_fault_of_the_nodes(target: Target, instant: str) -> None:
    message = valid()
    message.find(".//eb:Timestamp").text = instant
    message.resign()
    reply = target.post(message.content_type, message.body())
    assert reply.status == 200, reply
    assert is_receipt(reply) or code_of(reply) == "EBMS:0009"
    target.serves()


# --- replay


def send(target: Target, message: Surgery) -> Reply:
    return target.post(message.content_type, message.body())


replays.named("same_octets_again", "outsider", *REPLAY)
replays.named("same_message_encrypted_anew", "outsider", *REPLAY)
replays.named("same_message_many_times_at_once", "outsider", *REPLAY)
replays.named("root_part_begun_on_many_connections", "outsider", *REPLAY)
replays.named("id_of_another_sender", "partner", *REPLAY)
replays.named("same_id_with_other_content", "partner", *REPLAY)
replays.named("id_used_up_by_a_stranger", "outsider", *REPLAY)
replays.named("case_of_another_partner", "partner", *REPLAY)
replays.named("replacing_another_partners_message", "partner", *REPLAY)


@replays.outsider("EBMS:0101", *REPLAY)
def same_message_under_another_id(s: Surgery) -> None:
    s.find(".//eb:MessageId").text = f"{uuid.uuid4()}@blue.example"


@replays.outsider("EBMS:0101", *REPLAY)
def same_message_with_another_time(s: Surgery) -> None:
    s.find(".//eb:Timestamp").text = "2026-12-31T00:00:00Z"


@replays.outsider("EBMS:0101", *REPLAY)
def same_message_to_another_receiver(s: Surgery) -> None:
    s.find(".//eb:From/eb:PartyId").text, s.find(".//eb:To/eb:PartyId").text = "blue", "red"
    s.find(".//eb:To/eb:Role").text = "urn:other"


@replays.outsider("EBMS:0010", "Davis 2001", "Jensen 2009 survey")
def message_for_another_receiver_encrypted_for_this_one(s: Surgery) -> None:
    """Whoever got it, and could open it, hands it on: the signature of its sender is right."""
    handed_on = valid(who=s.who, receiver=replace(material.RECEIVER, id="yellow"))
    s.__dict__.update(handed_on.__dict__)


@replays.outsider("EBMS:0010", *REPLAY)
def message_of_the_receiver_sent_back(s: Surgery) -> None:
    """What the receiver itself wrote to blue, and signed."""
    own = valid(who=s.who, sender=material.RECEIVER, receiver=material.SENDER)
    by(own, s.who.receiver_signing)
    own.resign()
    s.__dict__.update(own.__dict__)


@pytest.mark.parametrize("name", [name for name, attack in replays.attacks.items() if attack.code])
def test_a_changed_replay_is_endured(target: Target, name: str) -> None:
    replays.run(name, target)


def test_the_same_octets_get_the_first_receipt_and_are_delivered_once(target: Target) -> None:
    message = valid()
    first = send(target, message)
    assert is_receipt(first)
    with target.unmoved():
        assert send(target, message).body == first.body
    target.serves()


def test_a_root_part_that_is_begun_on_many_connections_takes_no_place_of_its_sender(target: Target) -> None:
    """An outsider sends all but the last octets of what it saw, from an address of its own, and keeps them back."""
    seen = valid()
    assert is_receipt(send(target, seen))
    octets, (host, port) = seen.body(), target.address.split(":")
    head = f"{FIRST_LINES}Content-Type: {seen.content_type}\r\nContent-Length: {len(octets)}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(PLACES + 16):
            begun = stack.enter_context(socket.create_connection((host, int(port)), source_address=("127.0.0.9", 0)))
            begun.sendall(head + octets[:-100])
        for _ in range(10):
            target.serves()


def test_the_same_message_encrypted_anew_is_delivered_once(target: Target) -> None:
    frozen, parts = material.signed(CONTENTS, message_id=f"{uuid.uuid4()}@blue.example")
    wires = [seal(frozen.xml, parts, target.who.recipient, target.who.suite) for _ in range(2)]
    first = target.post(wires[0].content_type, wires[0].body())
    assert is_receipt(first)
    with target.unmoved():
        assert target.post(wires[1].content_type, wires[1].body()).body == first.body


replays.named("same_message_with_the_other_value_of_its_signature", "outsider", "Decker 2014")


@pytest.mark.parametrize("changed_first", [False, True])
def test_both_values_that_an_ecdsa_signature_has_are_of_one_message(target_p256: Target, changed_first: bool) -> None:
    """(r, s) and (r, n - s) verify alike, and anybody can make the one of the other: it is delivered once."""
    message = valid(who=target_p256.who)
    value = message.find(".//ds:SignatureValue")
    octets = base64.b64decode(value.text or "")
    other = (ORDER_OF_P256 - int.from_bytes(octets[32:])).to_bytes(32)
    both = [message.body()]
    value.text = base64.b64encode(octets[:32] + other).decode()
    both.append(message.body())
    first, second = reversed(both) if changed_first else both
    receipt = target_p256.post(message.content_type, first)
    assert is_receipt(receipt)
    with target_p256.unmoved():
        assert target_p256.post(message.content_type, second).body == receipt.body


def test_many_copies_at_once_are_delivered_once(target: Target) -> None:
    message = valid()
    content_type, body = message.content_type, message.body()
    before = target.state().rows["message"]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: target.post(content_type, body), range(24)))
    assert {reply.body for reply in replies} == {replies[0].body}
    assert is_receipt(replies[0])
    assert target.state().rows["message"] == before + 1


def test_an_id_of_another_sender_is_another_message(target: Target) -> None:
    """Green uses blue's id first: blue's message is taken all the same."""
    name = f"{uuid.uuid4()}@shared"
    assert is_receipt(send(target, from_green(message_id=name)))
    assert is_receipt(send(target, valid(message_id=name)))
    assert sorted(row["peer"] for row in target.rows(MESSAGE) if row["message_id"] == name) == ["blue", "green"]


def test_the_same_id_with_other_content_is_refused_and_raises_an_alarm(target: Target) -> None:
    name = f"{uuid.uuid4()}@blue.example"
    first = valid(message_id=name)
    receipt = send(target, first)
    with target.unmoved(besides=("alarm",)):
        assert code_of(send(target, valid([(RECORD, b"<record>other</record>")], message_id=name))) == "EBMS:0003"
    (alarm,) = [row for row in target.rows(ALARM) if name in (row["detail"] or "")]
    assert (alarm["kind"], alarm["peer"]) == ("other-content", "blue")
    assert send(target, first).body == receipt.body


def test_nobody_uses_up_an_id(target: Target) -> None:
    """What fails for signature, decryption or agreement leaves no mark on its id."""
    message = valid()
    name = message.find(".//eb:MessageId").text or ""
    forged = valid(message_id=name)
    by(forged, STRANGER)
    forged.resign()
    damaged = valid(message_id=name)
    damaged.parts[0][1] = bytes(100)
    elsewhere = valid(message_id=name, agreement="urn:never")
    with target.unmoved():
        codes = [code_of(send(target, bad)) for bad in (forged, damaged, elsewhere)]
    assert codes == ["EBMS:0101", "EBMS:0102", "EBMS:0010"]
    assert is_receipt(send(target, message))


def test_a_case_of_another_partner_is_not_entered(target: Target) -> None:
    """Green names the conversation that blue has with us: it becomes a case of green's own."""
    conversation = str(uuid.uuid4())
    assert is_receipt(send(target, valid(conversation_id=conversation)))
    reply = send(target, from_green(conversation_id=conversation))
    rows = [row for row in target.rows(MESSAGE) if row["conversation_id"] == conversation]
    if is_receipt(reply):
        assert len({row["case_id"] for row in rows}) == len(rows) == 2
    else:
        assert [row["peer"] for row in rows] == ["blue"]


def test_a_message_of_another_partner_is_not_replaced(target: Target) -> None:
    blues = valid()
    assert is_receipt(send(target, blues))
    name = blues.find(".//eb:MessageId").text or ""
    before = [row for row in target.rows(MESSAGE) if row["message_id"] == name]
    send(target, from_green(properties=(Property("replaces", name),), ref_to_message_id=name))
    assert [row for row in target.rows(MESSAGE) if row["message_id"] == name] == before
