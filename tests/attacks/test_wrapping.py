"""Signature wrapping: what was signed is moved where nobody reads it, and something else stands where it was read.

Every place to hide the signed element, times every way to name the forged one, for `eb:Messaging` and for the Body:
McIntosh's and Austel's four contexts and the eight variants of Somorovsky are all among them.
"""

import base64
from collections.abc import Callable

import pytest
from lxml import etree

from node.as4 import names
from tests.as4 import test_refuses_signatures
from tests.as4.surgery import NS, Surgery
from tests.attacks.catalogue import ANY, Catalogue
from tests.attacks.target import Target

catalogue = Catalogue("Signature wrapping")
WRAPPING = ("McIntosh-Austel 2005", "Gajek 2009", "Somorovsky 2012", "Fragile Lock 2025")
WSU_ID = f"{{{names.WSU}}}Id"
Place = Callable[[Surgery, etree._Element, etree._Element], None]


def within(path: str, wrapper: str = "", at: int | None = None) -> Place:
    """The signed element goes into the element of that path, within a wrapper if one is written."""

    def place(s: Surgery, signed: etree._Element, _: etree._Element) -> None:
        home = s.find(path) if path else s.root
        inner = signed
        if wrapper:
            inner = s.new(wrapper)
            inner.append(signed)
        home.insert(len(home) if at is None else at, inner)

    return place


def under_the_forged(s: Surgery, signed: etree._Element, forged: etree._Element) -> None:
    forged.append(signed)


def before_the_forged(s: Surgery, signed: etree._Element, forged: etree._Element) -> None:
    forged.addprevious(signed)


def after_the_forged(s: Surgery, signed: etree._Element, forged: etree._Element) -> None:
    forged.addnext(signed)


def around_the_forged(s: Surgery, signed: etree._Element, forged: etree._Element) -> None:
    """The signed element stays and carries the forged one: that breaks its digest, unless nobody looks."""
    forged.addprevious(signed)
    signed.append(forged)


FOREIGN = '<w:wrapper xmlns:w="urn:w"/>'
PLACES: dict[str, Place] = {
    "in_a_header_block_before": within(".//S12:Header", FOREIGN, 0),
    "in_a_header_block_after": within(".//S12:Header", FOREIGN),
    "in_a_header_block_for_another_role": within(".//S12:Header", '<w:wrapper xmlns:w="urn:w" S12:role="urn:other"/>'),
    "in_security_first": within(".//wsse:Security", "", 0),
    "in_security_last": within(".//wsse:Security"),
    "in_an_object_of_the_signature": within(".//ds:Signature", "<ds:Object/>"),
    "in_key_info": within(".//ds:Signature/ds:KeyInfo"),
    "in_signed_info": within(".//ds:SignedInfo"),
    "in_a_token": within(".//wsse:BinarySecurityToken"),
    "in_encrypted_data": within(".//xenc:EncryptedData", "<xenc:EncryptionProperties/>"),
    "in_the_body": within(".//S12:Body"),
    "after_the_body": within("", FOREIGN),
    "before_the_header": within("", FOREIGN, 0),
    "in_a_second_header": within("", "<S12:Header/>"),
    "in_an_envelope_within": within(".//S12:Header", "<S12:Envelope/>"),
    "under_the_forged": under_the_forged,
    "before_the_forged": before_the_forged,
    "after_the_forged": after_the_forged,
    "around_the_forged": around_the_forged,
}


def same(forged: etree._Element, signed_id: str) -> None:
    """Both have the Id that is signed."""


def other(forged: etree._Element, signed_id: str) -> None:
    forged.set(WSU_ID, "other")


def without(forged: etree._Element, signed_id: str) -> None:
    del forged.attrib[WSU_ID]


def of_another_namespace(forged: etree._Element, signed_id: str) -> None:
    del forged.attrib[WSU_ID]
    forged.set("Id", signed_id)


def of_xml(forged: etree._Element, signed_id: str) -> None:
    del forged.attrib[WSU_ID]
    forged.set(f"{{{names.XML}}}id", signed_id)


def polluted(forged: etree._Element, signed_id: str) -> None:
    """An Id of its own, and beside it the signed one under every name that a careless reader takes for an Id."""
    forged.set(WSU_ID, "other")
    for name in ("Id", "ID", "id", f"{{{names.EB}}}Id", f"{{{names.XML}}}id"):
        forged.set(name, signed_id)


NAMED = {
    "with_the_same_id": same,
    "with_another_id": other,
    "without_id": without,
    "with_a_plain_id": of_another_namespace,
    "with_an_xml_id": of_xml,
    "with_ids_of_every_name": polluted,
}


def forge(element: etree._Element) -> None:
    """Change what a receiver would act upon."""
    action = element.find(".//eb:Action", NS)
    if action is None:
        element.append(etree.fromstring("<forged/>"))
    else:
        action.text = "forged"


for target_, path_ in (("messaging", ".//eb:Messaging"), ("body", ".//S12:Body")):
    for place_, hide_ in PLACES.items():
        for named_, name_ in NAMED.items():

            def wrap(s: Surgery, path: str = path_, hide: Place = hide_, name: Callable[..., None] = name_) -> None:
                signed = s.find(path)
                forged = s.copy_of(path)
                forge(forged)
                name(forged, signed.get(WSU_ID) or "")
                signed.getparent().replace(signed, forged)
                hide(s, signed, forged)

            catalogue.outsider(ANY, *WRAPPING, name=f"{target_}_{place_}_{named_}")(wrap)


def forged_in(path: str, wrapper: str) -> Callable[[Surgery], None]:
    """The signed element stays; a forged one is put where a careless search finds it first."""

    def change(s: Surgery) -> None:
        forged = s.copy_of(".//eb:Messaging")
        forge(forged)
        forged.set(WSU_ID, "other")
        inner = s.new(wrapper)
        inner.append(forged)
        (s.find(path) if path else s.root).insert(0, inner)

    return change


for where_, path_, wrapper_ in (
    ("header_block", ".//S12:Header", FOREIGN),
    ("security", ".//wsse:Security", FOREIGN),
    ("envelope", "", FOREIGN),
    ("body", ".//S12:Body", FOREIGN),
    ("soap_1_1_header", ".//S12:Header", '<h:Header xmlns:h="http://schemas.xmlsoap.org/soap/envelope/"/>'),
):
    catalogue.outsider(ANY, *WRAPPING, name=f"forged_messaging_first_in_a_{where_}")(forged_in(path_, wrapper_))


# --- the cloud controls of 2009 and 2011: the operation that is run is not the one that is signed


@catalogue.outsider(ANY, "Gruschka-Iacono 2009", "Somorovsky 2011")
def two_bodies_with_the_same_id(s: Surgery) -> None:
    forged = s.copy_of(".//S12:Body")
    forge(forged)
    s.find(".//S12:Body").addprevious(forged)


@catalogue.outsider(ANY, "Gruschka-Iacono 2009", "Somorovsky 2011")
def timestamp_replaced_and_the_signed_one_hidden(s: Surgery) -> None:
    s.find(".//wsse:Security").insert(
        0, s.new('<wsu:Timestamp wsu:Id="t"><wsu:Created>2099-01-01T00:00:00Z</wsu:Created></wsu:Timestamp>')
    )
    s.find(".//S12:Header").append(s.new(f"{FOREIGN[:-2]}><wsu:Timestamp wsu:Id='t'/></w:wrapper>"))


# --- SAML's later ones, in the words of ebMS


@catalogue.outsider(ANY, "CVE-2024-45409")
def digest_value_found_first_elsewhere(s: Surgery) -> None:
    """The digest is looked for anywhere in the document and found in a place that is not signed."""
    forge(s.find(".//eb:Messaging"))
    smuggled = s.new("<ds:DigestValue>AAAA</ds:DigestValue>")
    wrapper = s.new(FOREIGN)
    wrapper.append(smuggled)
    s.find(".//S12:Header").insert(0, wrapper)


@catalogue.outsider(ANY, "CVE-2025-47949")
def signed_message_under_an_unsigned_one(s: Surgery) -> None:
    """The unsigned outer message is read; the signature is found, and right, within it."""
    outer = s.copy_of(".//eb:UserMessage")
    forge(outer)
    signed = s.find(".//eb:UserMessage")
    signed.getparent().replace(signed, outer)
    outer.append(signed)


@catalogue.outsider(ANY, "CVE-2025-47949")
def whole_signed_envelope_within_an_unsigned_one(s: Surgery) -> None:
    inner = s.root
    outer = etree.fromstring(etree.tostring(inner))
    security = outer.find(".//wsse:Security", NS)
    assert security is not None
    security.getparent().remove(security)
    forge(outer)
    body = outer.find(".//S12:Body", NS)
    assert body is not None
    body.append(inner)
    s.root = outer


# --- every reference is checked, each against its own element

ONE_FOR_ANOTHER = ("CVE-2026-33487",)
for n_, which_ in enumerate(("messaging", "body", "first_part", "last_part")):

    def forge_digest(s: Surgery, n: int = n_) -> None:
        """Signed well, with three right digests of four."""
        s.all(".//ds:SignedInfo//ds:DigestValue")[n].text = base64.b64encode(bytes(32)).decode()
        s.digests_anew = False

    catalogue.partner("EBMS:0101", *ONE_FOR_ANOTHER, name=f"digest_of_{which_}_forged")(forge_digest)

for first_, second_, which_ in ((0, 1, "elements"), (2, 3, "parts")):

    def exchange(s: Surgery, first: int = first_, second: int = second_) -> None:
        """Each of two references has the digest of what the other names."""
        digests = s.all(".//ds:SignedInfo//ds:DigestValue")
        digests[first].text, digests[second].text = digests[second].text, digests[first].text
        s.digests_anew = False

    catalogue.partner("EBMS:0101", *ONE_FOR_ANOTHER, name=f"digests_of_two_{which_}_exchanged")(exchange)


@catalogue.outsider("EBMS:0101", *ONE_FOR_ANOTHER)
def body_forged_under_its_own_reference(s: Surgery) -> None:
    s.find(".//S12:Body").set("forged", "true")


@catalogue.outsider("EBMS:0101", *ONE_FOR_ANOTHER)
def messaging_forged_under_its_own_reference(s: Surgery) -> None:
    forge(s.find(".//eb:Messaging"))


catalogue.known(
    test_refuses_signatures.corpus,
    {
        "nested_body": ("McIntosh-Austel 2005",),
        "second_security_header_for_another_actor": ("McIntosh-Austel 2005",),
        "duplicate_id_as_Id": ("Somorovsky 2011",),
        "duplicate_id_as_xml:id": ("Somorovsky 2011",),
        "duplicate_id_on_the_signed_element_itself": ("Somorovsky 2011",),
        "body_not_signed": ("W3C best practices",),
        "messaging_not_signed": ("W3C best practices",),
        "part_not_signed": ("W3C best practices",),
        "no_signature": ("Somorovsky 2012",),
        "no_security_header": ("Somorovsky 2012",),
        "reference_twice_in_two_spellings": ("Somorovsky 2012",),
    },
)


@pytest.mark.parametrize("name", catalogue.names())
def test_is_endured(target: Target, name: str) -> None:
    catalogue.run(name, target)
