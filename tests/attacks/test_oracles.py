"""No oracle: whatever is wrong with the encryption, the answer is the same, so that it tells nothing of key or content.

EncryptedKey, EncryptedData and ciphertext are not signed: anybody who has seen a message may change them, keep the
signature of the partner, and listen to the answers. What the node's own log says of it is for its operators only.
"""

import base64
import gc
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.as4 import DEFAULT_LIMITS, FailedDecryption, PartInfo, PartOctets, names, seal
from tests.as4 import material, test_refuses_algorithms
from tests.as4.surgery import RECORD, SCAN, Surgery
from tests.as4.test_recogniser import opening
from tests.attacks.catalogue import Catalogue
from tests.attacks.target import Target, valid
from tests.exchange.wire import Reply

catalogue = Catalogue("Encryption, oracles")
ORACLE = ("Jager-Somorovsky 2011", "Kupser 2015")
KEY_ORACLE = ("Jager 2012", "Kupser 2015")
CURVE = ("RFC 7748", "Jager 2015")
FAILED = "EBMS:0102"
# So many openings of each, and how far their medians may lie from each other on a busy machine.
TIMES, ALIKE = 100, 1.2


def octets(path: str, edit: Callable[[bytearray], Any]) -> Callable[[Surgery], None]:
    """Change the octets that stand in an element in base64."""

    def change(s: Surgery) -> None:
        value = bytearray(base64.b64decode(s.find(path).text or ""))
        edit(value)
        s.find(path).text = base64.b64encode(value).decode()

    return change


def flip(at: int) -> Callable[[bytearray], Any]:
    def edit(value: bytearray) -> None:
        value[at] ^= 1

    return edit


def fill(value: bytearray) -> None:
    value[:] = bytes(len(value))


WRAPPED = ".//xenc:CipherValue"
for name_, edit_ in {"first": flip(0), "second_block": flip(8), "last": flip(-1), "zeros": fill}.items():
    catalogue.outsider(FAILED, *KEY_ORACLE, name=f"wrapped_key_changed_{name_}")(octets(WRAPPED, edit_))
for length_ in (0, 16, 23, 25, 32, 40, 256):

    def resize(value: bytearray, length: int = length_) -> None:
        value[:] = bytes(length)

    catalogue.outsider(FAILED, *KEY_ORACLE, name=f"wrapped_key_of_{length_}_octets")(octets(WRAPPED, resize))


def part(n: int, edit: Callable[[bytearray], Any]) -> Callable[[Surgery], None]:
    """Change the ciphertext of a part."""

    def change(s: Surgery) -> None:
        value = bytearray(s.parts[n][1])
        edit(value)
        s.parts[n][1] = bytes(value)

    return change


def swapped_blocks(value: bytearray) -> None:
    value[12:28], value[28:44] = value[28:44], value[12:28]


def cut(length: int) -> Callable[[bytearray], Any]:
    def edit(value: bytearray) -> None:
        del value[length:]

    return edit


for n_, which_ in enumerate(("compressed", "plain")):
    for name_, edit_ in {
        "iv": flip(0),
        "first_octet": flip(12),
        "middle": flip(17),
        "tag": flip(-1),
        "first_of_tag": flip(-16),
        "zeros": fill,
        "cut_by_one": cut(-1),
        "cut_to_the_iv": cut(12),
        "cut_to_nothing": cut(0),
        "longer": lambda value: value.extend(b"\0" * 16),
    }.items():
        catalogue.outsider(FAILED, *ORACLE, "Joux 2006", name=f"{which_}_part_changed_in_{name_}")(part(n_, edit_))
catalogue.outsider(FAILED, *ORACLE, name="compressed_part_with_blocks_exchanged")(part(0, swapped_blocks))

for length_ in (0, 1, 4, 8, 12):

    def shorten(value: bytearray, length: int = length_) -> None:
        del value[len(value) - 16 + length :]

    catalogue.outsider(FAILED, "CVE-2026-32313", "Joux 2006", name=f"tag_of_{length_}_octets")(part(0, shorten))

LARGE = bytes(200_000)
for name_, edit_ in {"iv": flip(0), "first_octet": flip(12), "tag": flip(-1), "cut_by_one": cut(-1)}.items():

    def spoil_large(s: Surgery, edit: Callable[[bytearray], Any] = edit_) -> None:
        """A part that is decrypted as it comes, before its tag is there."""
        s.__dict__.update(valid([(SCAN, LARGE)], s.who).__dict__)
        part(0, edit)(s)

    catalogue.outsider(FAILED, *ORACLE, "CVE-2026-32313", name=f"large_part_changed_in_{name_}")(spoil_large)


@catalogue.outsider(FAILED, *KEY_ORACLE)
def originator_key_of_somebody_else(s: Surgery) -> None:
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    spki = test_refuses_algorithms.SPKI + key
    s.find(".//dsig11:DEREncodedKeyValue").text = base64.b64encode(spki).decode()


@catalogue.outsider(FAILED, "Jager-Paterson 2013", *ORACLE)
def cbc_with_the_same_key(s: Surgery) -> None:
    """A ciphertext of GCM declared as CBC, whose padding would tell."""
    for data in s.all(".//xenc:EncryptedData/xenc:EncryptionMethod"):
        data.set("Algorithm", names.XENC + "aes128-cbc")


@catalogue.outsider(FAILED, *KEY_ORACLE)
def rsa_1_5_key_transport(s: Surgery) -> None:
    key = s.find(".//xenc:EncryptedKey")
    key.find("{*}EncryptionMethod").set("Algorithm", names.XENC + "rsa-1_5")
    info = key.find("{*}KeyInfo")
    info.replace(info[0], s.copy_of(".//xenc:RecipientKeyInfo/wsse:SecurityTokenReference"))
    s.find(WRAPPED).text = base64.b64encode(bytes(256)).decode()


@catalogue.partner("EBMS:0009", "Kupser 2015")
def encrypted_data_in_the_place_of_the_message(s: Surgery) -> None:
    """Signed as it stands, and something else once it is decrypted."""
    data = s.copy_of(".//xenc:EncryptedData")
    data.set("Id", "more")
    data.set("Type", names.XENC + "Element")
    message = s.find(".//eb:UserMessage")
    message.getparent().replace(message, data)


catalogue.known(
    test_refuses_algorithms.corpus,
    {name: CURVE for name in test_refuses_algorithms.corpus.names() if name.startswith("x25519_")}
    | dict.fromkeys(("salt_changed", "recipient_is_someone_else", "originator_key_of_another_kind"), KEY_ORACLE)
    | dict.fromkeys(("encrypted_data_mime_type_contradicts_the_header", "encrypted_data_with_a_cipher_value"), ORACLE),
)
FAILURES = [name for name, attack in catalogue.attacks.items() if attack.code == FAILED]


@pytest.mark.parametrize("name", catalogue.names())
def test_is_endured(target: Target, name: str) -> None:
    catalogue.run(name, target)


def without_what_is_new(reply: Reply) -> bytes:
    """An answer without ids, times, reference number and signature, which differ from answer to answer anyway."""
    xml = re.sub(rb"<ds:(SignatureValue|DigestValue)>[^<]*<", rb"<ds:\1><", reply.body)
    xml = re.sub(rb"<eb:(Timestamp|MessageId|RefToMessageId)>[^<]*<", rb"<eb:\1><", xml)
    xml = re.sub(rb'refToMessageInError="[^"]*"', b"", xml)
    xml = re.sub(rb"reference [0-9a-f]{12}", b"reference", xml)
    return re.sub(rb"[MBX]-[0-9a-f-]+|S?I?G?-?[0-9a-f]{32}", b"", xml)


def test_every_failure_of_decryption_gets_the_same_answer(target: Target) -> None:
    answers: dict[tuple[int, bytes], list[str]] = {}
    for name in FAILURES:
        patient = valid()
        catalogue.attacks[name].change(patient)
        reply = target.post(patient.content_type, patient.body())
        answers.setdefault((reply.status, without_what_is_new(reply)), []).append(name)
    assert len(answers) == 1, {body: names[:3] for (_, body), names in answers.items()}


def spent(change: Callable[[Surgery], None]) -> Callable[[], int]:
    """Opens a message that was changed so, by the library alone; gives the nanoseconds of CPU until it is refused."""
    patient = valid()
    change(patient)
    attempt = opening(patient.content_type, patient.body())

    def refused() -> int:
        began = time.thread_time_ns()
        with pytest.raises(FailedDecryption):
            attempt(DEFAULT_LIMITS)
        return time.thread_time_ns() - began

    return refused


@pytest.mark.parametrize("stage", ["wrapped_key_changed", "plain_part_changed", "compressed_part_changed"])
def test_how_much_of_a_forgery_is_right_does_not_show_in_the_time_until_it_is_refused(stage: str) -> None:
    """No work depends on where the first wrong octet is: nothing is inflated or parsed before its tag is verified.

    That a comparison of octets itself takes the same time is OpenSSL's to see to, and too little to be measured so.
    """
    names_ = [name for name in FAILURES if name.startswith(stage) and "cut" not in name and "longer" not in name]
    attempts = {name: spent(catalogue.attacks[name].change) for name in names_}
    times: dict[str, list[int]] = {name: [] for name in attempts}
    gc.disable()  # it comes every so many openings, and would always meet the same one
    try:
        for _ in range(TIMES):
            for name, attempt in attempts.items():  # in turn, so that what else the machine does befalls all alike
                times[name].append(attempt())
    finally:
        gc.enable()
    medians = {name: statistics.median(all_) for name, all_ in times.items()}
    assert max(medians.values()) < min(medians.values()) * ALIKE, medians


def test_a_guess_of_the_content_is_answered_as_any_other(target: Target) -> None:
    """Anybody can encrypt for the node. A wrong guess, whatever it looks like inside, tells no more than another."""
    frozen, _ = material.signed([(RECORD, b"<record>secret</record>"), (SCAN, b"%PDF scan")], message_id="guess@blue")
    answers = set()
    for guess in (b"", b"<record>", b"<record>guess</record>", b"\xff" * 100, b"<record>secret</record>"):
        infos = [PartInfo("record@x", "application/xml", True), PartInfo("scan@x", "application/pdf", False)]
        packed = b"".join(material.compress([guess], b"another 16 bytes"))
        for octets in (packed, packed[:-9], b"no gzip", guess):
            parts = [PartOctets.of(infos[0], octets), PartOctets.of(infos[1], b"%PDF scan")]
            wire = seal(frozen.xml, parts, target.who.recipient, target.who.suite)
            with target.unmoved():
                reply = target.post(wire.content_type, wire.body())
            answers.add((reply.status, without_what_is_new(reply)))
    assert len(answers) == 1, answers
    target.serves()
