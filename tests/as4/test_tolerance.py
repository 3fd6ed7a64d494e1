"""What peers write differently and mean the same: read, all of it."""

import base64
import hashlib
import re
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding

from node.as4 import SUITES, FailedDecryption, PartInfo, names
from node.as4.tree import canonical
from tests.as4 import material
from tests.as4.surgery import CONTENTS, NS, Surgery, etree_text

Change = Callable[[Surgery], None]


def check(patient: Surgery) -> None:
    assert patient.open()[1] == [content for _, content in CONTENTS]


def recipient(s: Surgery, xml: str) -> None:
    info = s.find(".//xenc:RecipientKeyInfo")
    info.replace(info[0], s.new(xml))


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def by_key_identifier(s: Surgery) -> None:
    ski = s.who.recipient.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    recipient(
        s,
        f'<wsse:SecurityTokenReference><wsse:KeyIdentifier EncodingType="{names.BASE64_BINARY}" '
        f'ValueType="{names.X509_SKI}">{b64(ski)}</wsse:KeyIdentifier></wsse:SecurityTokenReference>',
    )


def by_thumbprint(s: Surgery) -> None:
    thumbprint = hashlib.sha1(s.who.recipient.public_bytes(Encoding.DER)).digest()
    recipient(
        s,
        f'<wsse:SecurityTokenReference><wsse:KeyIdentifier ValueType="{names.THUMBPRINT_SHA1}">{b64(thumbprint)}'
        "</wsse:KeyIdentifier></wsse:SecurityTokenReference>",
    )


def issuer_serial(issuer: str, serial: int) -> str:
    return (
        f"<ds:X509Data><ds:X509IssuerSerial><ds:X509IssuerName>{issuer}</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{serial}</ds:X509SerialNumber></ds:X509IssuerSerial></ds:X509Data>"
    )


def by_issuer_and_serial(s: Surgery) -> None:
    certificate = s.who.recipient
    data = issuer_serial(certificate.issuer.rfc4514_string(), certificate.serial_number)
    recipient(s, f"<wsse:SecurityTokenReference>{data}</wsse:SecurityTokenReference>")


def by_issuer_from_the_other_end(s: Surgery) -> None:
    certificate = s.who.recipient
    issuer = ", ".join(reversed(certificate.issuer.rfc4514_string().split(",")))
    data = issuer_serial(issuer, certificate.serial_number)
    recipient(s, f"<wsse:SecurityTokenReference>{data}</wsse:SecurityTokenReference>")


def by_bare_key_identifier(s: Surgery) -> None:
    ski = s.who.recipient.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    recipient(s, f"<ds:X509Data><ds:X509SKI>{b64(ski)}</ds:X509SKI></ds:X509Data>")


def by_bare_certificate(s: Surgery) -> None:
    der = s.who.recipient.public_bytes(Encoding.DER)
    recipient(s, f"<ds:X509Data><ds:X509Certificate>{b64(der)}</ds:X509Certificate></ds:X509Data>")


WAYS_TO_NAME_THE_RECIPIENT = [
    by_key_identifier,
    by_thumbprint,
    by_issuer_and_serial,
    by_issuer_from_the_other_end,
    by_bare_key_identifier,
    by_bare_certificate,
]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("way", WAYS_TO_NAME_THE_RECIPIENT)
def test_recipient_key_is_found_however_it_is_named(way: Change, suite: str) -> None:
    patient = Surgery(who=material.parties(suite))
    way(patient)

    check(patient)


def test_name_of_a_key_that_is_not_ours_is_refused() -> None:
    patient = Surgery()
    recipient(patient, "<ds:X509Data><ds:X509SKI>AAAA</ds:X509SKI></ds:X509Data>")

    with pytest.raises(FailedDecryption, match="no key of ours"):
        patient.open()


def rewrap(s: Surgery, salt: bytes | None, info: bytes | None) -> None:
    """Wrap the content key anew under other HKDF parameters."""
    secret = s.who.suite.agree(s.who.receiver.key, s.who.suite.read_originator(s.find(".//xenc:OriginatorKeyInfo")))
    old_salt = base64.b64decode(s.find(".//more:Salt").text or "")

    def kek(salt: bytes | None, info: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 16, salt, info).derive(secret)

    value = s.find(".//xenc:CipherValue")
    key = aes_key_unwrap(kek(old_salt, b""), base64.b64decode(value.text or ""))
    value.text = b64(aes_key_wrap(kek(salt, info or b""), key))
    params = s.find(".//more:HKDFParams")
    params.remove(s.find(".//more:Salt"))
    at = 1
    for name, octets in (("Salt", salt), ("Info", info)):
        if octets is not None:
            params.insert(at, s.new(f"<more:{name}>{b64(octets)}</more:{name}>"))
            at += 1


@pytest.mark.parametrize("salt", [None, b"s", b"s" * 16, b"s" * 32, b"s" * 64, b"s" * 1024])
@pytest.mark.parametrize("info", [None, b"", b"info", b"\0" * 256])
def test_hkdf_with_and_without_salt_and_info(salt: bytes | None, info: bytes | None) -> None:
    patient = Surgery()
    rewrap(patient, salt, info)

    check(patient)


def data_without_mime_type(s: Surgery) -> None:
    for data in s.all(".//xenc:EncryptedData"):
        del data.attrib["MimeType"]


def data_with_mime_type_in_capitals(s: Surgery) -> None:
    s.all(".//xenc:EncryptedData")[1].set("MimeType", "Application/PDF")


def data_without_key_info(s: Surgery) -> None:
    for data in s.all(".//xenc:EncryptedData"):
        data.remove(data.find("ds:KeyInfo", NS))  # type: ignore[arg-type]


def data_without_transforms(s: Surgery) -> None:
    for reference in s.all(".//xenc:CipherReference"):
        reference.remove(reference[0])


def key_without_reference_list(s: Surgery) -> None:
    s.find(".//xenc:EncryptedKey").remove(s.find(".//xenc:ReferenceList"))


def security_after_messaging(s: Surgery) -> None:
    s.find(".//S12:Header").append(s.find(".//wsse:Security"))


def encryption_after_the_signature(s: Surgery) -> None:
    s.find(".//wsse:Security").append(s.find(".//xenc:EncryptedKey"))


def folded_base64(s: Surgery) -> None:
    for path in (".//wsse:BinarySecurityToken", ".//ds:SignatureValue", ".//xenc:CipherValue", ".//more:Salt"):
        for element in s.all(path):
            element.text = "\n  " + "\r\n".join(re.findall(".{1,20}", element.text or "")) + "\n"


def token_without_encoding_type(s: Surgery) -> None:
    for token in s.all(".//wsse:BinarySecurityToken"):
        del token.attrib["EncodingType"]


def white_space_between_the_blocks(s: Surgery) -> None:
    for element in (s.root, s.find(".//S12:Header"), s.find(".//wsse:Security"), s.find(".//ds:Signature")):
        element.text = "\n  "
        for child in element:
            child.tail = "\n  "


def comment_outside_of_values(s: Surgery) -> None:
    s.raw.append(lambda xml: xml + b"<!-- end -->")


def unknown_header_that_need_not_be_understood(s: Surgery) -> None:
    s.find(".//S12:Header").append(s.new('<w:To xmlns:w="urn:w" S12:mustUnderstand="false">x</w:To>'))


def timestamp_in_security(s: Surgery) -> None:
    s.find(".//wsse:Security").insert(
        0, s.new('<wsu:Timestamp wsu:Id="ts"><wsu:Created>1999-01-01T00:00:00Z</wsu:Created></wsu:Timestamp>')
    )


def byte_order_mark(s: Surgery) -> None:
    s.raw.append(lambda xml: b"\xef\xbb\xbf" + xml)


def byte_order_mark_and_declaration(s: Surgery) -> None:
    s.raw.append(lambda xml: b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n' + xml)


def declaration_in_single_quotes(s: Surgery) -> None:
    s.raw.append(lambda xml: b"<?xml version='1.0' encoding='UTF-8'?>" + xml)


def other_prefixes(s: Surgery) -> None:
    """Prefixes of elements that are not signed."""

    def edit(xml: bytes) -> bytes:
        for old, new in ((b"xenc11", b"n11"), (b"xenc", b"e"), (b"dsigmore", b"hk"), (b"wsse", b"sec")):
            xml = xml.replace(b"<" + old + b":", b"<" + new + b":").replace(b"</" + old + b":", b"</" + new + b":")
            xml = xml.replace(b"xmlns:" + old + b"=", b"xmlns:" + new + b"=")
        return xml

    s.raw.append(edit)


def encrypted_reference_percent_encoded(s: Surgery) -> None:
    for reference in s.all(".//xenc:CipherReference"):
        reference.set("URI", (reference.get("URI") or "").replace("@", "%40"))


def parts_in_another_order(s: Surgery) -> None:
    s.parts.reverse()


def content_id_without_brackets(s: Surgery) -> None:
    for part in s.parts:
        part[0] = part[0].replace(b"<", b"").replace(b">", b"")


def content_id_percent_encoded(s: Surgery) -> None:
    for part in s.parts:
        part[0] = part[0].replace(b"@", b"%40")


def only_a_content_id(s: Surgery) -> None:
    for n, part in enumerate(s.parts):
        part[0] = f"content-id:<{CONTENTS[n][0].content_id}>".encode()


def folded_part_headers(s: Surgery) -> None:
    for part in s.parts:
        part[0] = part[0].replace(b"Content-ID: ", b"Content-ID:\r\n\t ").replace(b"binary", b"\r\n  Binary")


def root_with_content_id_and_start(s: Surgery) -> None:
    s.root_header += b"\r\nContent-ID: <root@x>"
    s.content_type += '; start="<root@x>"'


def root_type_in_capitals_and_folded(s: Surgery) -> None:
    s.root_header = b'Content-Type: Application/SOAP+XML;\r\n charset=utf-8; action=""'.replace(b'; action=""', b"")


def content_type_without_type(s: Surgery) -> None:
    s.content_type = f'Multipart/Related; boundary="{s.boundary.decode()}"'


def content_type_with_more_parameters(s: Surgery) -> None:
    s.content_type += '; start-info="application/soap+xml"; charset=utf-8 ; x="a;\\"b"'


def content_type_folded(s: Surgery) -> None:
    s.content_type = s.content_type.replace("; ", ";\r\n\t  ")


def preamble_and_epilogue(s: Surgery) -> None:
    s.raw_body.append(lambda body: b"preamble\r\n" + body + b"\r\nepilogue")


def no_line_end_after_the_last_boundary(s: Surgery) -> None:
    s.raw_body.append(lambda body: body.removesuffix(b"\r\n"))


def white_space_after_the_boundary(s: Surgery) -> None:
    s.raw_body.append(lambda body: body.replace(s.boundary + b"\r\n", s.boundary + b" \t\r\n"))


def boundary_in_the_content_without_line_end(s: Surgery) -> None:
    s.raw_body.append(lambda body: b"x--" + s.boundary + b"\r\n" + body)


UNSIGNED = [
    value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and value.__code__.co_varnames[:1] == ("s",)
    if value not in (*WAYS_TO_NAME_THE_RECIPIENT, recipient, rewrap)
]  # fmt: skip


@pytest.mark.parametrize("change", UNSIGNED)
def test_variant_is_read(change: Change) -> None:
    patient = Surgery()
    change(patient)

    check(patient)


def test_all_variants_are_tried() -> None:
    assert len(UNSIGNED) > 30


def test_prefix_lists_are_honoured_when_digesting() -> None:
    patient = Surgery()
    reference = patient.find(".//ds:SignedInfo/ds:Reference")
    transform = patient.find(".//ds:SignedInfo//ds:Transform")
    transform.append(patient.new('<ec:InclusiveNamespaces PrefixList="wsse S12"/>'))
    patient.find(".//ds:CanonicalizationMethod").append(patient.new('<ec:InclusiveNamespaces PrefixList="S12"/>'))
    octets = canonical(patient.find(".//eb:Messaging"), ["wsse", "S12"])
    value = reference.find("ds:DigestValue", NS)
    assert value is not None
    value.text = b64(hashlib.sha256(octets).digest())
    signed_info = canonical(patient.find(".//ds:SignedInfo"), ["S12"])
    signature = patient.who.suite.sign(patient.who.sender.key, signed_info)
    patient.find(".//ds:SignatureValue").text = b64(signature)

    opened, _ = patient.open()

    assert opened.references[0].prefix_list == ("wsse", "S12")


def test_header_in_other_prefixes_with_white_space_is_read() -> None:
    patient = Surgery()
    messaging = patient.find(".//eb:Messaging")
    text = etree_text(messaging).replace("eb:", "m:").replace("xmlns:eb", "xmlns:m").replace("><m:", ">\n  <m:")
    messaging.getparent().replace(messaging, patient.new(text))
    patient.resign()

    check(patient)


def test_percent_encoded_href_and_reference_name_the_plain_content_id() -> None:
    patient = Surgery()
    part = patient.find(".//eb:PartInfo")
    part.set("href", "cid:record%40x")
    patient.all(".//ds:SignedInfo/ds:Reference")[2].set("URI", "cid:record%40x")
    patient.resign()

    opened, contents = patient.open()

    assert opened.parts[0].info.content_id == "record@x"
    assert opened.references[2].uri == "cid:record%40x"
    assert contents == [content for _, content in CONTENTS]


def test_part_info_with_schema_and_description() -> None:
    patient = Surgery()
    part = patient.find(".//eb:PartInfo")
    part.insert(0, patient.new('<eb:Schema location="urn:x"/>'))
    part.insert(1, patient.new('<eb:Description xml:lang="en">words</eb:Description>'))
    patient.resign()

    check(patient)


def test_conversation_id_may_be_empty() -> None:
    patient = Surgery()
    patient.find(".//eb:ConversationId").text = None
    patient.resign()

    assert patient.open()[0].header.conversation_id == ""


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-11-25T02:24:40.74Z", "2026-11-25T02:24:40.740000+00:00"),
        ("2026-11-25T02:24:40Z", "2026-11-25T02:24:40+00:00"),
        ("2026-11-25T02:24:40", "2026-11-25T02:24:40+00:00"),
        ("2026-11-25T02:24:40.123456789Z", "2026-11-25T02:24:40.123456+00:00"),
        ("2026-11-25T04:24:40+02:00", "2026-11-25T02:24:40+00:00"),
        ("\n2026-11-24T21:54:40-04:30 ", "2026-11-25T02:24:40+00:00"),
    ],
)
def test_timestamp_forms(text: str, iso: str) -> None:
    patient = Surgery()
    patient.find(".//eb:Timestamp").text = text
    patient.resign()

    assert patient.open()[0].header.timestamp.isoformat() == iso


def test_unencrypted_media_type_parameters_are_kept() -> None:
    info = PartInfo("a@x", "text/xml; charset=UTF-8", False)
    _, wire = material.sealed([(info, b"<a/>")])

    assert material.opened(wire)[0].parts[0].info == info
