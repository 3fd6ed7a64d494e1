"""Whose key, which algorithm, what is transformed: nothing of it may be the message's own choice."""

import base64
import hmac
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from node.as4 import names
from node.as4.suite import der_of
from tests.as4 import recordings, test_refuses_algorithms, test_refuses_signatures
from tests.as4.surgery import Surgery
from tests.attacks.catalogue import ANY, Catalogue
from tests.attacks.target import GREEN, STRANGER, Target, by, signing_token, valid

catalogue = Catalogue("Key confusion, downgrade")
transforms = Catalogue("Transforms and references")
p256 = Catalogue("The suite ECDSA P-256")
CONFUSION = ("CVE-2015-9235",)
TRUST = ("Mainka 2014", "Engelbertz 2019")
HMAC = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
DER, PEM = Encoding.DER, Encoding.PEM


def signed_octets(s: Surgery) -> bytes:
    """The canonical form of SignedInfo."""
    return etree.tostring(s.find(".//ds:SignedInfo"), method="c14n", exclusive=True)


# --- a MAC whose secret is public

SECRETS = {
    "the_raw_public_key": lambda c: c.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
    "the_public_key": lambda c: c.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo),
    "the_public_key_in_pem": lambda c: c.public_key().public_bytes(PEM, PublicFormat.SubjectPublicKeyInfo),
    "the_certificate": lambda c: c.public_bytes(DER),
    "the_certificate_in_pem": lambda c: c.public_bytes(PEM),
    "nothing": lambda c: b"",
}
for name_, secret_ in SECRETS.items():

    def mac(s: Surgery, secret: object = secret_) -> None:
        s.find(".//eb:Action").text = "forged"
        s.resign()  # the digests; the value comes below
        s.find(".//ds:SignatureMethod").set("Algorithm", HMAC)
        key = secret(s.who.sender.certificate)  # type: ignore[operator]
        value = hmac.digest(key, signed_octets(s), "sha256")
        s.find(".//ds:SignatureValue").text = base64.b64encode(value).decode()

    catalogue.outsider("EBMS:0101", *CONFUSION, name=f"mac_with_{name_}")(mac)

for bits_ in (0, 1, 8, 128):

    def cut(s: Surgery, bits: int = bits_) -> None:
        method = s.find(".//ds:SignatureMethod")
        method.set("Algorithm", HMAC)
        method.append(s.new(f"<ds:HMACOutputLength>{bits}</ds:HMACOutputLength>"))
        s.find(".//ds:SignatureValue").text = base64.b64encode(bytes((bits + 7) // 8)).decode()

    catalogue.outsider("EBMS:0101", "CVE-2009-0217", name=f"mac_of_{bits_}_bits")(cut)

# --- KeyInfo that brings its own key

STRANGERS_KEY = base64.b64encode(
    STRANGER.certificate.public_key().public_bytes(DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
STRANGERS_CERTIFICATE = base64.b64encode(der_of(STRANGER.certificate)).decode()
KEY_INFOS = {
    "a_key_value": f"<ds:KeyValue><dsig11:DEREncodedKeyValue>{STRANGERS_KEY}</dsig11:DEREncodedKeyValue></ds:KeyValue>",
    "a_der_key_value": f"<dsig11:DEREncodedKeyValue>{STRANGERS_KEY}</dsig11:DEREncodedKeyValue>",
    "a_key_name": "<ds:KeyName>blue-sign</ds:KeyName>",
    "a_certificate": f"<ds:X509Data><ds:X509Certificate>{STRANGERS_CERTIFICATE}</ds:X509Certificate></ds:X509Data>",
    "a_retrieval_method": '<ds:RetrievalMethod URI="http://127.0.0.1:9/key"/>',
    "a_retrieval_method_of_itself": '<ds:RetrievalMethod URI="#loop" Id="loop"/>',
    "a_key_info_reference": '<dsig11:KeyInfoReference URI="file:///etc/hostname"/>',
    "an_embedded_token": "<wsse:SecurityTokenReference><wsse:Embedded><wsse:BinarySecurityToken>"
    f"{STRANGERS_CERTIFICATE}</wsse:BinarySecurityToken></wsse:Embedded></wsse:SecurityTokenReference>",
    "a_token_elsewhere": '<wsse:SecurityTokenReference><wsse:Reference URI="http://127.0.0.1:9/t"/>'
    "</wsse:SecurityTokenReference>",
    "a_key_identifier": "<wsse:SecurityTokenReference><wsse:KeyIdentifier>AAAA</wsse:KeyIdentifier>"
    "</wsse:SecurityTokenReference>",
    "nothing": "",
}
for name_, key_info_ in KEY_INFOS.items():

    def bring(s: Surgery, key_info: str = key_info_) -> None:
        info = s.find(".//ds:Signature/ds:KeyInfo")
        for child in list(info):
            info.remove(child)
        if key_info:
            info.append(s.new(key_info))
        s.who = replace(s.who, sender=STRANGER)
        s.resign()

    catalogue.outsider("EBMS:0101", *TRUST, "CVE-2021-40690", "CVE-2023-44483", name=f"key_info_with_{name_}")(bring)


@catalogue.outsider("EBMS:0101", *TRUST)
def certificate_of_ones_own_in_the_name_of_the_partner(s: Surgery) -> None:
    by(s, STRANGER)
    s.resign()


for octets_, spoilt_ in (("subject", b"\xff"), ("issuer", b"\xfe")):

    def spoil(s: Surgery, which: str = octets_, octet: bytes = spoilt_) -> None:
        """A name in a certificate that no reader of UTF-8 can read; found by `tests/fuzz/fuzz_card.py`."""
        der = der_of(STRANGER.certificate)
        at = der.rindex(b"Office of blue") if which == "subject" else der.index(b"Office of blue")
        signing_token(s).text = base64.b64encode(der[:at] + octet + der[at + 1 :]).decode()

    catalogue.outsider("EBMS:0101", *TRUST, name=f"certificate_whose_{octets_}_cannot_be_read")(spoil)


@catalogue.outsider("EBMS:0101", *TRUST)
def certificate_of_the_partner_and_a_key_of_ones_own(s: Surgery) -> None:
    s.who = replace(s.who, sender=STRANGER)
    s.resign()


@catalogue.outsider("EBMS:0101", *TRUST)
def token_twice_under_one_id(s: Surgery) -> None:
    """The first is checked against the pin, the second verifies: or the other way round."""
    own = s.copy_of(".//ds:Signature/../wsse:BinarySecurityToken[2]")
    own.text = STRANGERS_CERTIFICATE
    signing_token(s).addprevious(own)
    s.who = replace(s.who, sender=STRANGER)
    s.resign()


@catalogue.outsider("EBMS:0101", *TRUST)
def token_of_the_recipient_as_signer(s: Surgery) -> None:
    recipient = s.find(".//xenc:RecipientKeyInfo//wsse:Reference").get("URI") or ""
    s.find(".//ds:Signature//wsse:Reference").set("URI", recipient)


@catalogue.outsider("EBMS:0101", *TRUST)
def own_certificate_of_the_receiver_sent_back(s: Surgery) -> None:
    signing_token(s).text = base64.b64encode(der_of(recordings.certificate("red-sign"))).decode()


@catalogue.outsider("EBMS:0101", *TRUST)
def authority_as_signer(s: Surgery) -> None:
    signing_token(s).text = base64.b64encode(der_of(recordings.certificate("ca-ed25519"))).decode()


@catalogue.partner("EBMS:0101", *TRUST)
def partner_in_the_name_of_another(s: Surgery) -> None:
    by(s, GREEN)


@catalogue.partner("EBMS:0101", *TRUST)
def partner_in_the_name_of_another_by_the_others_certificate(s: Surgery) -> None:
    s.who = replace(s.who, sender=GREEN)


@catalogue.partner(ANY, *TRUST)
def partner_beside_the_signature_of_another(s: Surgery) -> None:
    """Blue's own signature stands there too, over the message that he wrote; green's covers the changed one."""
    blues = s.copy_of(".//ds:Signature")
    blues.set("Id", "blues")
    s.find(".//eb:Action").text = "forged"
    by(s, GREEN)
    s.find(".//wsse:Security").append(blues)


@catalogue.partner("EBMS:0101", *TRUST)
def other_suite_of_the_partner(s: Surgery) -> None:
    by(s, recordings.signing("ecdsa-one-xml", "blue"))
    s.who = replace(s.who, suite=recordings.suite("ecdsa-one-xml"))
    s.find(".//ds:SignatureMethod").set("Algorithm", s.who.suite.signature_uri)


# --- values that verify for everything, or twice

ORDER = 2**252 + 27742317777372353535851937790883648493


@catalogue.outsider("EBMS:0101", "Brendel 2021")
def ed25519_value_plus_the_order(s: Surgery) -> None:
    value = base64.b64decode(s.find(".//ds:SignatureValue").text or "")
    scalar = int.from_bytes(value[32:], "little") + ORDER
    s.find(".//ds:SignatureValue").text = base64.b64encode(value[:32] + scalar.to_bytes(32, "little")).decode()


for name_, value_ in {
    "zeros": bytes(64),
    "the_neutral_point_and_zero": b"\x01" + bytes(63),
    "a_point_of_small_order_and_zero": b"\xec" + b"\xff" * 30 + b"\x7f" + bytes(32),
}.items():

    def universal(s: Surgery, value: bytes = value_) -> None:
        s.find(".//ds:SignatureValue").text = base64.b64encode(value).decode()

    catalogue.outsider("EBMS:0101", "Brendel 2021", name=f"ed25519_value_of_{name_}")(universal)


@catalogue.outsider("EBMS:0101", "Brendel 2021")
def ed25519_value_with_an_octet_more(s: Surgery) -> None:
    value = base64.b64decode(s.find(".//ds:SignatureValue").text or "")
    s.find(".//ds:SignatureValue").text = base64.b64encode(value + b"\0").decode()


DOWNGRADE = ("Jager-Paterson 2013",)
catalogue.known(
    test_refuses_algorithms.corpus,
    {name: DOWNGRADE for name in test_refuses_algorithms.corpus.names() if name.startswith("algorithm_")
     and "transform" not in name}
    | {"key_length_256": DOWNGRADE, "prf_missing": DOWNGRADE, "signature_method_with_parameters": ("CVE-2009-0217",)},
)  # fmt: skip
catalogue.known(
    test_refuses_signatures.corpus,
    {
        "nothing_encrypted": DOWNGRADE,
        "part_not_encrypted": DOWNGRADE,
        "digest_shortened": DOWNGRADE,
        "certificate_exchanged": TRUST,
        "certificate_is_rubbish": TRUST,
        "certificate_path_instead_of_certificate": TRUST,
        "signing_key_given_as_a_bare_key": TRUST,
        "signature_value_empty": ("CVE-2022-21449",),
    },
)

# --- transforms and references

XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
HILL = ("Hill 2007", "W3C best practices")
STYLESHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/">'
    "<xsl:value-of select=\"document('file:///etc/hostname')\"/></xsl:template></xsl:stylesheet>"
)
TRANSFORMS = {
    "xslt_that_reads_a_file": (XSLT, STYLESHEET),
    "xpath_that_selects_nothing": ("http://www.w3.org/TR/1999/REC-xpath-19991116", "<ds:XPath>false()</ds:XPath>"),
    "xpath_that_never_ends": (
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "<ds:XPath>count(//. | //@* | //namespace::*) &gt; count(//.//.//.//.//.)</ds:XPath>",
    ),
    "xpath_filter": ("http://www.w3.org/2002/06/xmldsig-filter2", '<ds:XPath Filter="subtract">/</ds:XPath>'),
    "base64": ("http://www.w3.org/2000/09/xmldsig#base64", ""),
    "decryption": ("http://www.w3.org/2002/07/decrypt#XML", ""),
    "c14n_1_1": ("http://www.w3.org/2006/12/xml-c14n11", ""),
    "swa_complete": (names.SWA_CONTENT.replace("Content-Signature", "Complete-Signature"), ""),
    "unknown": ("urn:unknown", ""),
    "none": ("", ""),
}  # fmt: skip


def transform_of(s: Surgery, algorithm: str, content: str) -> None:
    transform = s.find(".//ds:SignedInfo//ds:Transform")
    transform.set("Algorithm", algorithm)
    for child in list(transform):
        transform.remove(child)
    if content:
        transform.append(s.new(content))


REFERENCES = {
    "http": "http://127.0.0.1:9/x",
    "file": "file:///etc/hostname",
    "a_part_over_http": "http://127.0.0.1:9/record@x",
    "nothing": "#",
    "the_document_by_xpointer": "#xpointer(/)",
    "an_id_by_element_scheme": "#element(/1/1)",
    "jar": "jar:http://127.0.0.1:9/x!/y",
}
for actor_ in (transforms.outsider, transforms.partner):
    suffix_ = "" if actor_ == transforms.outsider else "_by_a_partner"
    for name_, (algorithm_, content_) in TRANSFORMS.items():

        def change_transform(s: Surgery, algorithm: str = algorithm_, content: str = content_) -> None:
            transform_of(s, algorithm, content)

        actor_("EBMS:0101", *HILL, name=f"transform_{name_}{suffix_}")(change_transform)
    for name_, uri_ in REFERENCES.items():

        def refer(s: Surgery, uri: str = uri_) -> None:
            s.all(".//ds:SignedInfo/ds:Reference")[0].set("URI", uri)

        actor_("EBMS:0101", *HILL, name=f"reference_to_{name_}{suffix_}")(refer)


@transforms.partner("EBMS:0101", *HILL)
def thousand_transforms(s: Surgery) -> None:
    holder = s.find(".//ds:SignedInfo//ds:Transforms")
    for _ in range(1000):
        holder.append(s.new(f'<ds:Transform Algorithm="{names.EXC_C14N}"/>'))


@transforms.partner("EBMS:0101", *HILL)
def hundred_references_to_one_element(s: Surgery) -> None:
    for _ in range(100):
        s.find(".//ds:SignedInfo").append(s.copy_of(".//ds:SignedInfo/ds:Reference"))


@transforms.partner("EBMS:0101", "W3C best practices")
def manifest_instead_of_references(s: Surgery) -> None:
    """A manifest's digests need not be checked: the signature covers a list that is right whatever it says."""
    reference = s.all(".//ds:SignedInfo/ds:Reference")[3]
    reference.set("Type", f"{names.DS}Manifest")
    reference.set("URI", "#manifest")
    s.find(".//ds:Signature").append(s.new('<ds:Object Id="manifest"><ds:Manifest/></ds:Object>'))


@transforms.partner("EBMS:0101", "W3C best practices")
def reference_without_uri(s: Surgery) -> None:
    del s.all(".//ds:SignedInfo/ds:Reference")[0].attrib["URI"]


@transforms.partner(ANY, "W3C best practices")
def part_named_by_two_percent_signs(s: Surgery) -> None:
    s.all(".//ds:SignedInfo/ds:Reference")[2].set("URI", "cid:record%2540x")


TRANSFORM_CHANGES = (
    *(f"algorithm_{kind}" for kind in ("transform_xslt", "transform_enveloped", "transform_xpath", "transform_str")),
    "algorithm_cipher_transform",
    "two_transforms",
    "no_transform",
    "prefix_list_with_something_else",
    "part_reference_with_c14n",
)
transforms.known(test_refuses_algorithms.corpus, dict.fromkeys(TRANSFORM_CHANGES, HILL))
transforms.known(
    test_refuses_signatures.corpus,
    dict.fromkeys(("reference_to_the_whole_document", "reference_by_xpointer", "reference_twice"), HILL),
)

# --- ECDSA P-256: zeros that verify, points that are none

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
for name_, (r_, s_) in {
    "zeros": (0, 0),
    "zero_and_one": (0, 1),
    "one_and_zero": (1, 0),
    "the_order_twice": (N, N),
    "the_order_and_one": (N, 1),
    "one_and_one": (1, 1),
}.items():

    def psychic(s: Surgery, pair: tuple[int, int] = (r_, s_)) -> None:
        octets = b"".join(number.to_bytes(32, "big") for number in pair)
        s.find(".//ds:SignatureValue").text = base64.b64encode(octets).decode()

    p256.outsider("EBMS:0101", "CVE-2022-21449", name=f"ecdsa_value_of_{name_}")(psychic)


@p256.outsider("EBMS:0101", "CVE-2022-21449")
def ecdsa_value_in_der(s: Surgery) -> None:
    s.find(".//ds:SignatureValue").text = base64.b64encode(bytes.fromhex("3006020101020101")).decode()


for name_, point_ in {
    "point_at_infinity": b"\0",
    "point_of_zeros": b"\x04" + bytes(64),
    "point_off_the_curve": b"\x04" + (1).to_bytes(32, "big") + (1).to_bytes(32, "big"),
    "point_of_the_twist": b"\x04" + (2).to_bytes(32, "big") + (3).to_bytes(32, "big"),
    "point_above_the_prime": b"\x04" + P.to_bytes(32, "big") + (1).to_bytes(32, "big"),
    "point_compressed": b"\x02" + (1).to_bytes(32, "big"),
    "point_cut": b"\x04" + bytes(63),
}.items():

    def invalid(s: Surgery, point: bytes = point_) -> None:
        s.find(".//xenc:OriginatorKeyInfo//dsig11:PublicKey").text = base64.b64encode(point).decode()

    p256.outsider("EBMS:0102", "Jager 2015", name=name_)(invalid)
    p256.partner("EBMS:0102", "Jager 2015", name=f"{name_}_by_a_partner")(invalid)


@p256.outsider("EBMS:0102", "Jager 2015")
def curve_of_another_name(s: Surgery) -> None:
    s.find(".//xenc:OriginatorKeyInfo//dsig11:NamedCurve").set("URI", "urn:oid:1.3.132.0.34")


@p256.partner("EBMS:0101", "Jager-Paterson 2013")
def ecdsa_with_sha1(s: Surgery) -> None:
    s.find(".//ds:SignatureMethod").set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1")


@pytest.mark.parametrize("name", [*catalogue.names(), *transforms.names()])
def test_is_endured(target: Target, name: str) -> None:
    (catalogue if name in catalogue.attacks else transforms).run(name, target)


@pytest.mark.parametrize("name", p256.names())
def test_is_endured_in_the_other_suite(target_p256: Target, name: str) -> None:
    p256.run(name, target_p256)


def test_green_is_a_partner_whose_own_messages_are_taken(target: Target) -> None:
    """Else the attacks by green would be refused for what they are not."""
    message = valid()
    message.find(".//eb:From/eb:PartyId").text = "green"
    by(message, GREEN)
    message.resign()
    reply = target.post(message.content_type, message.body())
    assert reply.status == 200
    assert b"NonRepudiationInformation" in reply.body
