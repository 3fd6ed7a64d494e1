"""Algorithms and keys: none but those of the suite that was agreed."""

import base64

import pytest

from node.as4 import names
from tests.as4.corpus import Change, Corpus
from tests.as4.surgery import Surgery

corpus = Corpus()

# --- algorithms: none but those of the suite


def algorithm(path: str, value: str) -> Change:
    def change(s: Surgery) -> None:
        s.find(path).set("Algorithm", value)

    return change


ALGORITHMS: dict[str, tuple[str, str, str]] = {
    "signature_rsa": (".//ds:SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "EBMS:0101"),
    "signature_hmac": (".//ds:SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "EBMS:0101"),
    "signature_ecdsa": (".//ds:SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", "EBMS:0101"),
    "c14n_inclusive": (".//ds:CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "EBMS:0101"),
    "c14n_with_comments": (".//ds:CanonicalizationMethod", names.EXC_C14N + "WithComments", "EBMS:0101"),
    "digest_sha1": (".//ds:DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1", "EBMS:0101"),
    "digest_sha512": (".//ds:DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha512", "EBMS:0101"),
    "transform_xslt": (".//ds:SignedInfo//ds:Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116", "EBMS:0101"),
    "transform_enveloped": (".//ds:SignedInfo//ds:Transform", names.DS + "enveloped-signature", "EBMS:0101"),
    "transform_xpath": (".//ds:SignedInfo//ds:Transform", "http://www.w3.org/TR/1999/REC-xpath-19991116", "EBMS:0101"),
    "transform_str": (
        ".//ds:SignedInfo//ds:Transform",
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
        "EBMS:0101",
    ),
    "wrap_aes256": (".//xenc:EncryptedKey/xenc:EncryptionMethod", names.XENC + "kw-aes256", "EBMS:0102"),
    "wrap_rsa": (".//xenc:EncryptedKey/xenc:EncryptionMethod", names.XENC + "rsa-1_5", "EBMS:0102"),
    "content_aes256_gcm": (".//xenc:EncryptedData/xenc:EncryptionMethod", names.XENC11 + "aes256-gcm", "EBMS:0102"),
    "content_aes128_cbc": (".//xenc:EncryptedData/xenc:EncryptionMethod", names.XENC + "aes128-cbc", "EBMS:0102"),
    "agreement_ecdh": (".//xenc:AgreementMethod", names.XENC11 + "ECDH-ES", "EBMS:0102"),
    "agreement_x448": (".//xenc:AgreementMethod", names.DSIG_MORE + "x448", "EBMS:0102"),
    "derivation_concat": (".//xenc11:KeyDerivationMethod", names.XENC11 + "ConcatKDF", "EBMS:0102"),
    "prf_sha512": (".//more:PRF", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512", "EBMS:0102"),
    "prf_renamed": (".//more:PRF", "urn:unknown", "EBMS:0102"),
    "cipher_transform": (".//xenc:Transforms/ds:Transform", names.SWA_CONTENT, "EBMS:0102"),
}
for key_, (path_, value_, code_) in ALGORITHMS.items():
    change_ = algorithm(path_, value_)
    change_.__name__ = f"algorithm_{key_}"
    (corpus.signed if code_ == "EBMS:0101" else corpus.unsigned)(code_)(change_)


@corpus.signed("EBMS:0101")
def part_reference_with_c14n(s: Surgery) -> None:
    s.all(".//ds:SignedInfo//ds:Transform")[2].set("Algorithm", names.EXC_C14N)


@corpus.signed("EBMS:0101")
def two_transforms(s: Surgery) -> None:
    s.find(".//ds:SignedInfo//ds:Transforms").append(s.copy_of(".//ds:SignedInfo//ds:Transform"))


@corpus.signed("EBMS:0101")
def no_transform(s: Surgery) -> None:
    transforms = s.find(".//ds:SignedInfo//ds:Transforms")
    transforms.remove(transforms[0])


@corpus.signed("EBMS:0101")
def signature_method_with_parameters(s: Surgery) -> None:
    s.find(".//ds:SignatureMethod").append(s.new("<ds:HMACOutputLength>1</ds:HMACOutputLength>"))


@corpus.signed("EBMS:0101")
def prefix_list_with_something_else(s: Surgery) -> None:
    inclusive = s.new('<ec:InclusiveNamespaces PrefixList="a b/c"/>')
    s.find(".//ds:CanonicalizationMethod").append(inclusive)


@corpus.unsigned("EBMS:0102")
def key_length_256(s: Surgery) -> None:
    s.find(".//more:KeyLength").text = "32"


@corpus.unsigned("EBMS:0102")
def key_length_in_bits(s: Surgery) -> None:
    s.find(".//more:KeyLength").text = "128"


@corpus.unsigned("EBMS:0102")
def key_length_missing(s: Surgery) -> None:
    element = s.find(".//more:KeyLength")
    element.getparent().remove(element)


@corpus.unsigned("EBMS:0102")
def prf_missing(s: Surgery) -> None:
    element = s.find(".//more:PRF")
    element.getparent().remove(element)


@corpus.unsigned("EBMS:0102")
def salt_too_long(s: Surgery) -> None:
    s.find(".//more:Salt").text = base64.b64encode(b"x" * 2000).decode()


@corpus.unsigned("EBMS:0102")
def salt_changed(s: Surgery) -> None:
    s.find(".//more:Salt").text = base64.b64encode(b"x" * 16).decode()


# --- keys and ciphertext


def originator(octets: bytes) -> Change:
    def change(s: Surgery) -> None:
        s.find(".//dsig11:DEREncodedKeyValue").text = base64.b64encode(octets).decode()

    return change


SPKI = bytes.fromhex("302a300506032b656e032100")
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]
for n, point in enumerate(LOW_ORDER):
    change_ = originator(SPKI + bytes.fromhex(point))
    change_.__name__ = f"x25519_point_of_low_order_{n}"
    corpus.unsigned("EBMS:0102")(change_)
for length in (0, 31, 33, 64):
    change_ = originator(SPKI + b"\x09" * length)
    change_.__name__ = f"x25519_point_of_{length}_bytes"
    corpus.unsigned("EBMS:0102")(change_)
change_ = originator(bytes.fromhex("302a300506032b6570032100") + b"\x09" * 32)
change_.__name__ = "originator_key_of_another_kind"
corpus.unsigned("EBMS:0102")(change_)


@corpus.unsigned("EBMS:0102")
def wrapped_key_changed(s: Surgery) -> None:
    value = s.find(".//xenc:CipherValue")
    octets = bytearray(base64.b64decode(value.text or ""))
    octets[5] ^= 1
    value.text = base64.b64encode(octets).decode()


@corpus.unsigned("EBMS:0102")
def wrapped_key_of_32_bytes(s: Surgery) -> None:
    s.find(".//xenc:CipherValue").text = base64.b64encode(b"x" * 40).decode()


@corpus.unsigned("EBMS:0102")
def iv_changed(s: Surgery) -> None:
    s.parts[0][1] = bytes([s.parts[0][1][0] ^ 1]) + s.parts[0][1][1:]


@corpus.unsigned("EBMS:0102")
def tag_changed(s: Surgery) -> None:
    s.parts[1][1] = s.parts[1][1][:-1] + bytes([s.parts[1][1][-1] ^ 1])


@corpus.unsigned("EBMS:0102")
def ciphertext_cut(s: Surgery) -> None:
    s.parts[1][1] = s.parts[1][1][:-1]


@corpus.unsigned("EBMS:0102")
def ciphertext_shorter_than_iv_and_tag(s: Surgery) -> None:
    s.parts[1][1] = s.parts[1][1][:27]


@corpus.unsigned("EBMS:0102")
def ciphertext_empty(s: Surgery) -> None:
    s.parts[1][1] = b""


@corpus.unsigned("EBMS:0102")
def recipient_is_someone_else(s: Surgery) -> None:
    own = s.find(".//xenc:RecipientKeyInfo//wsse:Reference").get("URI") or ""
    signing = s.find(".//ds:Signature//wsse:Reference").get("URI") or ""
    assert own != signing
    s.find(".//xenc:RecipientKeyInfo//wsse:Reference").set("URI", signing)


@corpus.unsigned("EBMS:0102")
def recipient_missing(s: Surgery) -> None:
    info = s.find(".//xenc:RecipientKeyInfo")
    info.remove(info[0])


@corpus.unsigned("EBMS:0102")
def recipient_token_of_an_external_address(s: Surgery) -> None:
    s.find(".//xenc:RecipientKeyInfo//wsse:Reference").set("URI", "http://attacker.example/token")


@corpus.unsigned("EBMS:0102")
def encrypted_data_mime_type_contradicts_the_header(s: Surgery) -> None:
    s.all(".//xenc:EncryptedData")[1].set("MimeType", "text/plain")


@corpus.unsigned("EBMS:0102")
def encrypted_data_mime_type_of_the_content_of_a_compressed_part(s: Surgery) -> None:
    s.all(".//xenc:EncryptedData")[0].set("MimeType", "application/xml")


@corpus.unsigned("EBMS:0102")
def encrypted_data_of_the_whole_attachment(s: Surgery) -> None:
    kind = names.SWA_CONTENT_ONLY.replace("Content-Only", "Complete")
    s.all(".//xenc:EncryptedData")[0].set("Type", kind)


@corpus.unsigned("EBMS:0102")
def encrypted_data_twice_for_one_part(s: Surgery) -> None:
    second = s.copy_of(".//xenc:EncryptedData")
    second.set("Id", "second")
    s.find(".//wsse:Security").append(second)
    s.find(".//xenc:ReferenceList").append(s.new('<xenc:DataReference URI="#second"/>'))


@corpus.unsigned("EBMS:0102")
def encrypted_data_for_a_part_that_the_header_does_not_name(s: Surgery) -> None:
    s.find(".//xenc:CipherReference").set("URI", "cid:other@x")


@corpus.unsigned("EBMS:0102")
def encrypted_data_out_of_the_reference_list(s: Surgery) -> None:
    references = s.find(".//xenc:ReferenceList")
    references.remove(references[0])


@corpus.unsigned("EBMS:0102")
def data_reference_to_nothing(s: Surgery) -> None:
    s.find(".//xenc:ReferenceList").append(s.new('<xenc:DataReference URI="#nothing"/>'))


@corpus.unsigned("EBMS:0102")
def encrypted_data_without_its_key(s: Surgery) -> None:
    s.find(".//wsse:Security").remove(s.find(".//xenc:EncryptedKey"))


@corpus.unsigned("EBMS:0102")
def encrypted_data_pointing_to_another_key(s: Surgery) -> None:
    s.find(".//xenc:EncryptedData//wsse:Reference").set("URI", "#other")


@corpus.unsigned("EBMS:0102")
def encrypted_data_with_a_cipher_value(s: Surgery) -> None:
    data = s.find(".//xenc:EncryptedData/xenc:CipherData")
    data.replace(data[0], s.new("<xenc:CipherValue>AAAA</xenc:CipherValue>"))


@corpus.unsigned("EBMS:0103")
def unknown_element_in_security(s: Surgery) -> None:
    s.find(".//wsse:Security").append(s.new("<wsse:UsernameToken/>"))


@pytest.mark.parametrize("name", corpus.names())
def test_is_refused(name: str) -> None:
    corpus.check(name)
