"""Signing and encryption: which algorithms, which certificates, what is covered, and in which order."""

import base64
import gzip
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from lxml import etree

from node.as4 import WireMessage
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from tests.as4.surgery import Surgery
from tests.conformance.onwire import WSU_ID, canonical, certificate_named_in, decrypted
from tests.conformance.simulated import altered, intercepted, letter_of, part, taken_apart
from tests.exchange.conftest import Stage, World, WorldMaker
from tests.exchange.offices import text_part
from tests.exchange.wire import post

ED25519 = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
SHA_256 = "http://www.w3.org/2001/04/xmlenc#sha256"
AES_128_GCM = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
KW_AES_128 = "http://www.w3.org/2001/04/xmlenc#kw-aes128"
X25519 = "http://www.w3.org/2021/04/xmldsig-more#x25519"
HKDF_URI = "http://www.w3.org/2021/04/xmldsig-more#hkdf"


@pytest.mark.assertion("AS4_CP_TA12")
async def test_the_signature_is_by_the_sender_over_header_empty_body_and_every_part(stage: Stage) -> None:
    parts = (PartToSend.of_bytes(b"<a/>", "application/xml"), PartToSend.of_bytes(b"%PDF", "application/pdf"))
    sent = stage.ours.submit("theirs", *parts)
    await stage.ours.reaches(sent, "delivered")
    (request,) = stage.peer.requests
    s = taken_apart(request.content_type, request.body, stage.ours.node)
    (signed_info,) = s.all(".//ds:SignedInfo")
    assert s.find(".//ds:SignatureMethod").get("Algorithm") == ED25519
    assert {one.get("Algorithm") for one in s.all(".//ds:SignedInfo//ds:DigestMethod")} == {SHA_256}
    signer = certificate_named_in(s, ".//ds:Signature/ds:KeyInfo//wsse:Reference")
    assert signer == stage.ours.node.keys.signing_certificate
    public = signer.public_key()
    assert isinstance(public, Ed25519PublicKey)
    public.verify(base64.b64decode(s.find(".//ds:SignatureValue").text or ""), canonical(signed_info))
    messaging, body = s.find(".//eb:Messaging"), s.find("S12:Body")
    assert (len(body), body.text) == (0, None)
    octets = decrypted(s, stage.peer.node)
    hrefs = [one.get("href") for one in s.all(".//eb:PartInfo")]
    assert len(hrefs) == len(octets) == 2
    expected = {
        f"#{messaging.get(WSU_ID)}": canonical(messaging),
        f"#{body.get(WSU_ID)}": canonical(body),
        **dict(zip(hrefs, octets, strict=True)),
    }
    found = {one.get("URI"): one.find("{*}DigestValue").text for one in signed_info.iter("{*}Reference")}
    assert found == {uri: base64.b64encode(hashlib.sha256(over).digest()).decode() for uri, over in expected.items()}


@pytest.mark.assertion("AS4_CP_TA13")
async def test_every_part_is_encrypted_by_aes_128_gcm_for_the_certificate_of_the_receiver(stage: Stage) -> None:
    sent = stage.ours.submit("theirs", text_part("first"), text_part("second"))
    await stage.ours.reaches(sent, "delivered")
    (request,) = stage.peer.requests
    s = taken_apart(request.content_type, request.body, stage.ours.node)
    data = s.all(".//xenc:EncryptedData")
    assert [one.find("{*}EncryptionMethod").get("Algorithm") for one in data] == [AES_128_GCM] * 2
    ciphered = [one.get("URI") for one in s.all(".//xenc:EncryptedData//xenc:CipherReference")]
    assert ciphered == [one.get("href") for one in s.all(".//eb:PartInfo")]
    assert s.find(".//xenc:EncryptedKey/xenc:EncryptionMethod").get("Algorithm") == KW_AES_128
    assert s.find(".//xenc:AgreementMethod").get("Algorithm") == X25519
    assert s.find(".//xenc11:KeyDerivationMethod").get("Algorithm") == HKDF_URI
    recipient = certificate_named_in(s, ".//xenc:RecipientKeyInfo//wsse:Reference")
    assert recipient == stage.peer.node.keys.encryption_certificate
    assert [gzip.decompress(octets) for octets in decrypted(s, stage.peer.node)] == [b"first", b"second"]


@pytest.mark.assertion("AS4_CP_TA34", "AS4_CP_TA36", "AS4_CP_TA38")
async def test_what_is_compressed_then_signed_and_encrypted_is_receipted(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    async with intercepted(world.ours, world.theirs) as between, world.ours.sending():
        sent = world.ours.submit("theirs", text_part("a dispatch"))
        await world.ours.reaches(sent, "delivered")
    ((content_type, body),) = between.requests
    ((status, answered, receipt),) = between.answers
    s = taken_apart(content_type, body, world.ours.node)
    (octets,) = decrypted(s, world.theirs.node)
    assert gzip.decompress(octets) == b"a dispatch", "compressed before it was encrypted"
    digests = [one.text for one in s.all(".//ds:SignedInfo/ds:Reference/ds:DigestValue")]
    assert digests[2:] == [base64.b64encode(hashlib.sha256(octets).digest()).decode()], "and before it was signed"
    assert (status, answered.partition(";")[0]) == (200, "application/soap+xml")
    repeated = etree.fromstring(receipt).findall(".//{*}MessagePartNRInformation/{*}Reference/{*}DigestValue")
    assert [one.text for one in repeated] == digests


def signed_then_compressed(world: World) -> WireMessage:
    one = part(b"a dispatch", "text/plain")
    return letter_of(world.theirs.node, world.ours.node, one, digests=[hashlib.sha256(b"a dispatch").digest()]).sealed()


def encrypted_then_compressed(world: World) -> WireMessage:
    def compress_the_ciphertext(s: Surgery) -> None:
        s.parts[0][1] = gzip.compress(s.parts[0][1])

    return altered(
        letter_of(world.theirs.node, world.ours.node, part(b"a dispatch", "text/plain")), compress_the_ciphertext
    )


@pytest.mark.assertion("AS4_CP_TA35")
async def test_what_is_signed_before_it_is_compressed_is_refused(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    reply = await post(world.ours, signed_then_compressed(world))
    assert (reply.error.code, reply.error.severity) == ("EBMS:0101", "failure")
    assert world.ours.count(MESSAGE) == 0


@pytest.mark.assertion("AS4_CP_TA37")
async def test_what_is_encrypted_before_it_is_compressed_is_refused(make_world: WorldMaker) -> None:
    world = await make_world(send=False)
    reply = await post(world.ours, encrypted_then_compressed(world))
    assert (reply.error.code, reply.error.severity) == ("EBMS:0102", "failure")
    assert world.ours.count(MESSAGE) == 0
