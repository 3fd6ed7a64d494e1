"""What is read must be what is signed, by the peer, with the algorithms of the suite."""

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from node.as4 import names
from tests.as4.corpus import Corpus
from tests.as4.recordings import certificate
from tests.as4.surgery import Surgery, etree_text

corpus = Corpus()

# --- signature wrapping: what is read must be what is signed


@corpus.unsigned("EBMS:0101")
def messaging_moved_into_a_foreign_header_and_replaced(s: Surgery) -> None:
    original = s.find(".//eb:Messaging")
    forged = s.copy_of(".//eb:Messaging")
    forged.find(".//{*}Action").text = "forged"
    forged.set(f"{{{names.WSU}}}Id", "other")
    header = original.getparent()
    header.replace(original, forged)
    wrapper = s.new('<w:wrapper xmlns:w="urn:w"/>')
    wrapper.append(original)
    header.append(wrapper)


@corpus.unsigned("EBMS:0101")
def forged_messaging_with_the_same_id_beside_the_original(s: Surgery) -> None:
    s.find(".//S12:Header").insert(0, s.copy_of(".//eb:Messaging"))


@corpus.unsigned("EBMS:0101")
def messaging_moved_into_security_and_replaced(s: Surgery) -> None:
    original = s.find(".//eb:Messaging")
    forged = s.copy_of(".//eb:Messaging")
    forged.set(f"{{{names.WSU}}}Id", "other")
    original.getparent().replace(original, forged)
    s.find(".//wsse:Security").append(original)


@corpus.unsigned("EBMS:0101")
def messaging_wrapped_in_the_signature_as_an_object(s: Surgery) -> None:
    original = s.find(".//eb:Messaging")
    forged = s.copy_of(".//eb:Messaging")
    forged.set(f"{{{names.WSU}}}Id", "other")
    original.getparent().replace(original, forged)
    wrapper = s.new("<ds:Object/>")
    wrapper.append(original)
    s.find(".//ds:Signature").append(wrapper)


@corpus.unsigned("EBMS:0101")
def messaging_with_another_id_than_the_signed_one(s: Surgery) -> None:
    s.find(".//eb:Messaging").set(f"{{{names.WSU}}}Id", "other")


@corpus.unsigned("EBMS:0103")
def messaging_without_id(s: Surgery) -> None:
    del s.find(".//eb:Messaging").attrib[f"{{{names.WSU}}}Id"]


@corpus.unsigned("EBMS:0101")
def second_messaging_in_the_header(s: Surgery) -> None:
    second = s.copy_of(".//eb:Messaging")
    second.set(f"{{{names.WSU}}}Id", "second")
    s.find(".//S12:Header").append(second)


@corpus.unsigned("EBMS:0101")
def second_security_header(s: Surgery) -> None:
    s.find(".//S12:Header").append(s.new("<wsse:Security/>"))


@corpus.unsigned("EBMS:0101")
def second_security_header_for_another_actor(s: Surgery) -> None:
    s.find(".//S12:Header").append(s.new('<wsse:Security S12:role="urn:other"/>'))


@corpus.unsigned("EBMS:0009")
def second_soap_header(s: Surgery) -> None:
    s.root.insert(1, s.new("<S12:Header/>"))


@corpus.unsigned("EBMS:0009")
def second_body(s: Surgery) -> None:
    s.root.append(s.copy_of(".//S12:Body"))


@corpus.unsigned("EBMS:0009")
def second_body_before_the_signed_one(s: Surgery) -> None:
    s.root.insert(1, s.new("<S12:Body/>"))


@corpus.unsigned("EBMS:0101")
def nested_body(s: Surgery) -> None:
    s.find(".//S12:Body").append(s.new("<S12:Body/>"))


@corpus.unsigned("EBMS:0101")
def nested_envelope_in_a_foreign_header(s: Surgery) -> None:
    s.find(".//S12:Header").append(s.new('<w:w xmlns:w="urn:w"><S12:Envelope/></w:w>'))


@corpus.unsigned("EBMS:0101")
def second_signature(s: Surgery) -> None:
    s.find(".//wsse:Security").append(s.new("<ds:Signature/>"))


@corpus.unsigned("EBMS:0101")
def second_signed_info(s: Surgery) -> None:
    s.find(".//ds:Signature").insert(0, s.copy_of(".//ds:SignedInfo"))


@corpus.unsigned("EBMS:0101")
def second_encrypted_key(s: Surgery) -> None:
    second = s.copy_of(".//xenc:EncryptedKey")
    second.set("Id", "second")
    s.find(".//wsse:Security").append(second)


@corpus.unsigned("EBMS:0101")
def body_moved_into_the_header_and_replaced(s: Surgery) -> None:
    original = s.find(".//S12:Body")
    s.root.replace(original, s.new('<S12:Body wsu:Id="other"/>'))
    s.find(".//S12:Header").append(original)


for attribute in ("wsu:Id", "Id", "ID", "id", "xml:id"):

    def duplicate_id(s: Surgery, attribute: str = attribute) -> None:
        body_id = s.find(".//S12:Body").get(f"{{{names.WSU}}}Id")
        s.find(".//S12:Header").append(s.new(f'<w:w xmlns:w="urn:w" {attribute}="{body_id}"/>'))

    duplicate_id.__name__ = f"duplicate_id_as_{attribute}"
    corpus.unsigned("EBMS:0101")(duplicate_id)


@corpus.unsigned("EBMS:0101")
def duplicate_id_on_the_signed_element_itself(s: Surgery) -> None:
    body = s.find(".//S12:Body")
    body.set("Id", body.get(f"{{{names.WSU}}}Id") or "")


# --- what must be signed and encrypted


@corpus.unsigned("EBMS:0103")
def no_security_header(s: Surgery) -> None:
    security = s.find(".//wsse:Security")
    security.getparent().remove(security)


@corpus.unsigned("EBMS:0103")
def no_signature(s: Surgery) -> None:
    s.find(".//wsse:Security").remove(s.find(".//ds:Signature"))


@corpus.signed("EBMS:0103")
def body_not_signed(s: Surgery) -> None:
    s.find(".//ds:SignedInfo").remove(s.all(".//ds:SignedInfo/ds:Reference")[1])


@corpus.signed("EBMS:0103")
def messaging_not_signed(s: Surgery) -> None:
    s.find(".//ds:SignedInfo").remove(s.all(".//ds:SignedInfo/ds:Reference")[0])


@corpus.signed("EBMS:0103")
def part_not_signed(s: Surgery) -> None:
    s.find(".//ds:SignedInfo").remove(s.all(".//ds:SignedInfo/ds:Reference")[3])


@corpus.signed("EBMS:0101")
def reference_twice(s: Surgery) -> None:
    s.find(".//ds:SignedInfo").append(s.copy_of(".//ds:SignedInfo/ds:Reference"))


@corpus.signed("EBMS:0101")
def reference_twice_in_two_spellings(s: Surgery) -> None:
    again = s.all(".//ds:SignedInfo/ds:Reference")[2]
    copied = s.new(etree_text(again))
    copied.set("URI", "cid:record%40x")
    s.find(".//ds:SignedInfo").append(copied)


@corpus.signed("EBMS:0101")
def reference_to_a_stray_element(s: Surgery) -> None:
    reference = s.copy_of(".//ds:SignedInfo/ds:Reference")
    reference.set("URI", "#" + (s.find(".//wsse:BinarySecurityToken").get(f"{{{names.WSU}}}Id") or ""))
    s.find(".//ds:SignedInfo").append(reference)


@corpus.signed("EBMS:0101")
def reference_to_the_whole_document(s: Surgery) -> None:
    s.all(".//ds:SignedInfo/ds:Reference")[0].set("URI", "")


@corpus.signed("EBMS:0101")
def reference_by_xpointer(s: Surgery) -> None:
    first = s.all(".//ds:SignedInfo/ds:Reference")[0]
    first.set("URI", f"#xpointer(id('{(first.get('URI') or '')[1:]}'))")


@corpus.signed("EBMS:0011")
def reference_to_a_part_that_the_header_does_not_name(s: Surgery) -> None:
    s.all(".//ds:SignedInfo/ds:Reference")[3].set("URI", "cid:other@x")


@corpus.unsigned("EBMS:0103")
def part_not_encrypted(s: Surgery) -> None:
    s.find(".//wsse:Security").remove(s.all(".//xenc:EncryptedData")[1])
    references = s.find(".//xenc:ReferenceList")
    references.remove(references[1])


@corpus.unsigned("EBMS:0103")
def nothing_encrypted(s: Surgery) -> None:
    security = s.find(".//wsse:Security")
    for element in (*s.all(".//xenc:EncryptedData"), s.find(".//xenc:EncryptedKey")):
        security.remove(element)


@corpus.signed("EBMS:0103")
def payload_in_the_body(s: Surgery) -> None:
    s.find(".//S12:Body").append(s.new('<record xmlns="urn:r"/>'))


@corpus.signed("EBMS:0103")
def text_in_the_body(s: Surgery) -> None:
    s.find(".//S12:Body").text = "payload"


# --- signature and certificate


@corpus.unsigned("EBMS:0101")
def action_changed(s: Surgery) -> None:
    s.find(".//eb:Action").text = "forged"


@corpus.unsigned("EBMS:0101")
def signature_value_changed(s: Surgery) -> None:
    s.find(".//ds:SignatureValue").text = base64.b64encode(b"x" * 64).decode()


@corpus.unsigned("EBMS:0101")
def signature_value_empty(s: Surgery) -> None:
    s.find(".//ds:SignatureValue").text = ""


@corpus.unsigned("EBMS:0101")
def signature_value_not_base64(s: Surgery) -> None:
    s.find(".//ds:SignatureValue").text = "!" * 88


@corpus.unsigned("EBMS:0101")
def certificate_exchanged(s: Surgery) -> None:
    pem = certificate("red-sign")
    s.all(".//wsse:BinarySecurityToken")[1].text = base64.b64encode(pem.public_bytes(Encoding.DER)).decode()


@corpus.unsigned("EBMS:0101")
def certificate_is_rubbish(s: Surgery) -> None:
    s.all(".//wsse:BinarySecurityToken")[1].text = "AAAA"


@corpus.unsigned("EBMS:0101")
def certificate_path_instead_of_certificate(s: Surgery) -> None:
    token = s.all(".//wsse:BinarySecurityToken")[1]
    token.set("ValueType", names.X509_V3.replace("X509v3", "X509PKIPathv1"))


@corpus.unsigned("EBMS:0101")
def signing_key_given_as_a_bare_key(s: Surgery) -> None:
    info = s.find(".//ds:Signature/ds:KeyInfo")
    info.replace(info[0], s.new("<ds:KeyValue/>"))


@corpus.signed("EBMS:0101")
def digest_of_a_part_changed(s: Surgery) -> None:
    value = s.all(".//ds:SignedInfo//ds:DigestValue")[3]
    value.text = base64.b64encode(b"x" * 32).decode()


@corpus.signed("EBMS:0101")
def digest_shortened(s: Surgery) -> None:
    value = s.all(".//ds:SignedInfo//ds:DigestValue")[3]
    value.text = base64.b64encode(base64.b64decode(value.text or "")[:16]).decode()


corpus.not_soap = {"second_body", "second_soap_header", "second_body_before_the_signed_one"}


@pytest.mark.parametrize("name", corpus.names())
def test_is_refused(name: str) -> None:
    corpus.check(name)
