"""Two readings of one document: parser differentials, comments, processing instructions, namespaces, encodings.

What reads a message and what verifies it must see the same. The second half has rewritings that change no canonical
form: anybody on the way can make them, the signature stays right, and what is read must stay the same too.
"""

import base64
import hashlib
import re
from collections.abc import Callable

import pytest

from node.as4 import PartInfo, names
from node.exchange.settlement import MESSAGE
from tests.as4 import test_refuses_headers, test_refuses_packaging, test_refuses_signatures
from tests.as4.surgery import Surgery
from tests.attacks.catalogue import ANY, Catalogue
from tests.attacks.target import Target, code_of, is_receipt, valid
from tests.attacks.test_mime import become

catalogue = Catalogue("Parser differentials, comments, namespaces")
HEADER = b"<S12:Header>"
Edit = Callable[[bytes], bytes]


def raw(code: str, name: str, edit: Edit, *sources: str) -> None:
    """Note an edit of the envelope's octets, made on the way."""

    def change(s: Surgery) -> None:
        s.raw.append(edit)

    catalogue.outsider(code, *sources, name=name)(change)


def replaced(old: bytes, new: bytes) -> Edit:
    """The octets with the first of these replaced; they must be there."""

    def edit(xml: bytes) -> bytes:
        assert old in xml, old
        return xml.replace(old, new, 1)

    return edit


# --- comments and processing instructions inside what is read

COMMENTS = ("CVE-2017-11427",)
for element_ in ("ConversationId", "AgreementRef", "Role"):
    pattern_ = re.compile(rb"(<eb:%s[^>]*>.)(.*?)(</eb:%s>)" % (element_.encode(), element_.encode()))
    raw(
        "EBMS:0009",
        f"comment_in_{element_}_on_the_way",
        lambda xml, pattern=pattern_: pattern.sub(rb"\1<!-- -->\2\3", xml, count=1),
        *COMMENTS,
    )
    raw(
        "HTTP 400",
        f"processing_instruction_in_{element_}",
        lambda xml, pattern=pattern_: pattern.sub(rb"\1<?p x?>\2\3", xml, count=1),
        "OneUptime 2988",
    )
raw(
    "EBMS:0009", "comment_before_the_party", replaced(b">blue</eb:PartyId>", b"><!--red-->blue</eb:PartyId>"), *COMMENTS
)
raw(
    "EBMS:0009",
    "comment_after_the_party",
    replaced(b">blue</eb:PartyId>", b">blue<!--.evil--></eb:PartyId>"),
    *COMMENTS,
)
raw("EBMS:0009", "comment_between_elements", replaced(b"<eb:PartyInfo>", b"<!--x--><eb:PartyInfo>"), *COMMENTS)
raw("HTTP 400", "comment_in_the_header_before_messaging", replaced(HEADER, HEADER + b"<!--x-->"), *COMMENTS)


@catalogue.outsider("EBMS:0101", "CVE-2025-29775")
def true_digest_in_a_comment_of_a_forged_one(s: Surgery) -> None:
    """SAMLStorm: one reading takes the digest from the comment, the other from the text."""
    s.find(".//eb:Action").text = "forged"
    forged = base64.b64encode(hashlib.sha256(b"forged").digest())
    s.raw.append(
        lambda xml: re.sub(rb"<ds:DigestValue>([^<]*)<", rb"<ds:DigestValue><!--\1-->" + forged + b"<", xml, count=1)
    )


@catalogue.outsider("EBMS:0101", "CVE-2025-29774")
def signed_info_twice_the_forged_one_first(s: Surgery) -> None:
    forged = s.copy_of(".//ds:SignedInfo")
    value = forged.find(".//{*}DigestValue")
    assert value is not None
    value.text = base64.b64encode(hashlib.sha256(b"forged").digest()).decode()
    s.find(".//ds:Signature").insert(0, forged)


@catalogue.outsider(ANY, "CVE-2025-29774")
def signed_info_twice_the_true_one_in_key_info(s: Surgery) -> None:
    forged = s.copy_of(".//ds:SignedInfo")
    true = s.find(".//ds:SignedInfo")
    true.getparent().replace(true, forged)
    s.find(".//ds:Signature/ds:KeyInfo").append(true)


@catalogue.outsider(ANY, "CVE-2025-29774")
def signed_info_in_signed_info(s: Surgery) -> None:
    s.find(".//ds:SignedInfo").append(s.copy_of(".//ds:SignedInfo"))


catalogue.known(
    test_refuses_headers.corpus,
    {f"comment_in_{name}": COMMENTS for name in ("PartyId", "Action", "MessageId", "Property", "Service", "Timestamp")}
    | {f"comment_in_{name}": ("CVE-2025-29775",) for name in ("DigestValue", "SignatureValue", "CipherValue")},
)
catalogue.known(test_refuses_signatures.corpus, {"second_signed_info": ("CVE-2025-29774",)})

# --- DOCTYPE and entities: one parser knows what the other leaves out

DOCTYPE = ("CVE-2025-25291", "CAPEC-221")
for name_, doctype_ in {
    "doctype_with_an_entity_for_a_value": b'<!DOCTYPE x [<!ENTITY v "application">]>',
    "doctype_with_a_default_id": b'<!DOCTYPE x [<!ATTLIST S12:Body Id CDATA "body">]>',
    "doctype_with_a_parameter_entity": b'<!DOCTYPE x [<!ENTITY % c "<!--"> %c;]>',
    "doctype_with_an_external_subset": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    "doctype_with_an_external_entity": b'<!DOCTYPE x [<!ENTITY v SYSTEM "file:///etc/hostname">]>',
    "doctype_with_a_notation": b'<!DOCTYPE x [<!NOTATION n SYSTEM "calc">]>',
    "doctype_in_lower_case": b"<!doctype x>",
    "doctype_after_a_comment": b"<!--x--><!DOCTYPE x>",
    "doctype_in_a_comment_that_ends_early": b"<!--><!DOCTYPE x>-->",
    "doctype_behind_a_cdata_section": b"<![CDATA[ ]]><!DOCTYPE x>",
}.items():
    raw("HTTP 400", name_, lambda xml, doctype=doctype_: doctype + xml, *DOCTYPE)
raw("HTTP 400", "directive_unknown", replaced(HEADER, HEADER + b"<!x y>"), "CVE-2020-29509")
raw("HTTP 400", "entity_in_an_attribute", replaced(b'mustUnderstand="true"', b'mustUnderstand="&v;"'), *DOCTYPE)
catalogue.known(
    test_refuses_packaging.corpus,
    dict.fromkeys(("doctype", "external_dtd", "undeclared_entity"), DOCTYPE)
    | dict.fromkeys(("entity_bomb",), ("CVE-2013-4517", "CAPEC-197"))
    | dict.fromkeys(("xinclude", "stylesheet"), ("Hill 2007",))
    | dict.fromkeys(("xml_1_1", "utf_16", "declared_latin_1", "not_utf_8", "nul", "two_roots"), ("XML 1.0",)),
)

# --- namespaces

NAMESPACES = ("CVE-2025-25292", "CVE-2025-66567", "Jensen 2009")
raw(
    "EBMS:0009",
    "prefix_bound_anew_within_the_message",
    replaced(b"<eb:UserMessage", b'<eb:UserMessage xmlns:eb="urn:other"'),
    *NAMESPACES,
)
raw(
    "EBMS:0009",
    "default_namespace_within_the_message",
    replaced(b"<eb:From>", b'<From xmlns="urn:other"/><eb:From>'),
    *NAMESPACES,
)
raw("HTTP 400", "prefix_unbound", replaced(b"<eb:UserMessage", b'<eb:UserMessage xmlns:eb=""'), *NAMESPACES)
raw("HTTP 400", "prefix_unknown", replaced(b"<eb:From>", b"<x:y/><eb:From>"), *NAMESPACES)
raw("HTTP 400", "prefix_xml_bound_elsewhere", replaced(HEADER, b'<S12:Header xmlns:xml="urn:x">'), *NAMESPACES)
raw("HTTP 400", "prefix_xmlns_bound", replaced(HEADER, b'<S12:Header xmlns:xmlns="urn:x">'), *NAMESPACES)
raw(
    "HTTP 400",
    "two_prefixes_for_two_ids_of_one_namespace",
    replaced(b"<S12:Body", f'<S12:Body xmlns:a="{names.WSU}" xmlns:b="{names.WSU}" a:Id="x" b:Id="y"'.encode()),
    *NAMESPACES,
)
raw("HTTP 400", "attribute_twice", replaced(b"<S12:Body", b'<S12:Body a="1" a="2"'), "CVE-2020-29509")
raw("HTTP 400", "name_that_begins_with_a_colon", replaced(HEADER, HEADER + b"<:x/>"), "CVE-2020-29509")
raw("HTTP 400", "attribute_name_that_ends_with_a_colon", replaced(HEADER, HEADER + b'<a x:="1"/>'), "CVE-2020-29509")


@catalogue.outsider("EBMS:0101", *NAMESPACES)
def prefix_of_the_prefix_list_bound_elsewhere(s: Surgery) -> None:
    """The prefix that the signature covers by InclusiveNamespaces means another namespace around it."""

    def edit(xml: bytes) -> bytes:
        xml = re.sub(rb"<(/?)S12:(Envelope|Header|Body)", rb"<\1soap:\2", xml)
        return xml.replace(
            f'xmlns:S12="{names.SOAP}"'.encode(), f'xmlns:soap="{names.SOAP}" xmlns:S12="urn:x"'.encode()
        )

    s.raw.append(edit)


@catalogue.outsider("EBMS:0103", *NAMESPACES)
def id_moved_to_a_namespace_alike(s: Surgery) -> None:
    body = s.find(".//S12:Body")
    value = body.attrib.pop(f"{{{names.WSU}}}Id")
    body.set(f"{{{names.WSU}/}}Id", value)


SPELLINGS = {
    "space_after": "blue ",
    "space_before": " blue",
    "capitals": "BLUE",
    "invisible_space": "bl\u200bue",
    "cyrillic": "bl\u0443e",
    "point": "blue.",
    "type_in_it": "urn:party:blue",
    "path": "green/../blue",
}
for name_, spelling_ in SPELLINGS.items():

    def spelled(s: Surgery, spelling: str = spelling_) -> None:
        s.find(".//eb:From/eb:PartyId").text = spelling

    catalogue.partner("EBMS:0010", "CVE-2025-25292", name=f"party_spelled_with_{name_}")(spelled)

# --- an element that has no canonical form: its digest is not that of nothing

VOID = ("CVE-2025-66568",)
EMPTY = base64.b64encode(hashlib.sha256(b"").digest()).decode()


def void(path: str, n: int) -> Callable[[Surgery], None]:
    def change(s: Surgery) -> None:
        digest = s.all(".//ds:SignedInfo//ds:DigestValue")[n]
        s.raw.append(lambda xml: re.sub(rb"<(%s)\b" % path.encode(), rb'<\1 xmlns:void="1"', xml, count=1))
        s.raw.append(lambda xml, old=(digest.text or "").encode(): xml.replace(old, EMPTY.encode(), 1))

    return change


catalogue.outsider("EBMS:0101", *VOID, name="messaging_without_canonical_form")(void("eb:Messaging", 0))
catalogue.outsider("EBMS:0101", *VOID, name="body_without_canonical_form")(void("S12:Body", 1))


@catalogue.outsider("EBMS:0101", *VOID)
def signed_info_without_canonical_form(s: Surgery) -> None:
    """With the signature of an empty text, which a partner may have made once for something else."""
    s.find(".//ds:SignatureValue").text = base64.b64encode(s.who.sender.key.sign(b"")).decode()
    s.raw.append(lambda xml: xml.replace(b"<ds:SignedInfo", b'<ds:SignedInfo xmlns:void="1"', 1))


def void_by_a_partner(path: str, n: int) -> Callable[[Surgery], None]:
    """Signed well, with the digest of an empty text: whoever comes by could put anything in this place."""

    def change(s: Surgery) -> None:
        s.all(".//ds:SignedInfo//ds:DigestValue")[n].text = EMPTY
        s.digests_anew = False
        s.raw.append(lambda xml: re.sub(rb"<(%s)\b" % path.encode(), rb'<\1 xmlns:void="1"', xml, count=1))

    return change


FRAGILE = ("Fragile Lock 2025", "CVE-2025-66568")
for n_, (element_, which_) in enumerate((("eb:Messaging", "messaging"), ("S12:Body", "body"))):
    catalogue.partner("EBMS:0101", *FRAGILE, name=f"{which_}_without_canonical_form_by_a_partner")(
        void_by_a_partner(element_, n_)
    )
raw(
    "EBMS:0101",
    "envelope_without_canonical_form",
    replaced(b"<S12:Envelope", b'<S12:Envelope xmlns:void="1"'),
    *FRAGILE,
)
raw(
    "EBMS:0101",
    "default_namespace_without_canonical_form",
    replaced(b"<eb:UserMessage", b'<eb:UserMessage xmlns="void"'),
    *FRAGILE,
)

# --- encodings and characters

CHARACTERS = ("XML 1.0",)
raw("HTTP 400", "overlong_utf_8", replaced(b">application<", b">\xc1\xa1pplication<"), *CHARACTERS)
raw("HTTP 400", "surrogates_in_utf_8", replaced(b">application<", b">\xed\xa0\x80<"), *CHARACTERS)
raw("HTTP 400", "reference_to_nul", replaced(b">application<", b">a&#0;<"), *CHARACTERS)
raw("HTTP 400", "reference_to_a_surrogate", replaced(b">application<", b">a&#xD800;<"), *CHARACTERS)
raw("HTTP 400", "reference_beyond_unicode", replaced(b">application<", b">a&#x110000;<"), *CHARACTERS)
raw("HTTP 400", "byte_order_mark_twice", lambda xml: b"\xef\xbb\xbf" * 2 + xml, *CHARACTERS)
raw("HTTP 400", "byte_order_mark_of_utf_16", lambda xml: b"\xff\xfe" + xml, *CHARACTERS)
raw("HTTP 400", "declared_utf_7", lambda xml: b'<?xml version="1.0" encoding="UTF-7"?>' + xml, *CHARACTERS)
raw("HTTP 400", "declaration_twice", lambda xml: b'<?xml version="1.0"?>' * 2 + xml, *CHARACTERS)
raw("HTTP 400", "declaration_after_a_space", lambda xml: b' <?xml version="1.0"?>' + xml, *CHARACTERS)
raw("HTTP 400", "text_after_the_root", lambda xml: xml + b"x", *CHARACTERS)
IN_UTF_7 = b"<?xml version='1.0'" + b" " * 300 + b"encoding='UTF-7'?>"
# What a parser makes of each that believes the declaration, and so what the partner signs.
PARTS_IN_UTF_7 = {
    "elements": (b"<a>+ADw-b/></a>", b"<a><b></b></a>"),
    "a_dtd": (b"+ADwAIQ-DOCTYPE a [+ADwAIQ-ATTLIST a d CDATA 'x'>]><a/>", b'<a d="x"></a>'),
}
for name_, (octets_, canonical_) in PARTS_IN_UTF_7.items():

    def in_utf_7(s: Surgery, octets: bytes = octets_, canonical: bytes = canonical_) -> None:
        info = PartInfo("record@x", "application/xml", False)
        become(s, IN_UTF_7 + octets, info, hashlib.sha256(canonical).digest())

    catalogue.partner("EBMS:0101", *CHARACTERS, name=f"part_in_utf_7_declared_late_with_{name_}")(in_utf_7)


@pytest.mark.parametrize("name", catalogue.names())
def test_is_endured(target: Target, name: str) -> None:
    catalogue.run(name, target)


# --- rewritings that no signature notices

CANON: dict[str, Edit] = {
    "cdata_in_a_value": replaced(b">application<", b"><![CDATA[application]]><"),
    "half_a_value_in_cdata": replaced(b">application<", b">app<![CDATA[lication]]><"),
    "character_references": replaced(b">application<", b">&#97;pplicat&#x69;on<"),
    "attributes_in_single_quotes": replaced(b'mustUnderstand="true"', b"mustUnderstand='true'"),
    "reference_in_an_attribute": replaced(b'mustUnderstand="true"', b'mustUnderstand="&#116;rue"'),
    "spaces_in_tags": replaced(b"<eb:Action>", b"<eb:Action\n\t >"),
    "spaces_in_an_end_tag": replaced(b"</eb:Action>", b"</eb:Action \n>"),
    "declaration": lambda xml: b'<?xml version="1.0" encoding="utf-8" standalone="no"?>\n' + xml,
    "byte_order_mark": lambda xml: b"\xef\xbb\xbf" + xml,
    "comment_after_the_root": lambda xml: xml + b"<!--x-->",
    "empty_elements_long": lambda xml: re.sub(rb"<(ds:DigestMethod [^>]*)/>", rb"<\1></ds:DigestMethod>", xml),
    "namespace_declared_again": replaced(b"<eb:Action>", f'<eb:Action xmlns:eb="{names.EB}">'.encode()),
    "unused_namespace": replaced(b"<eb:Action>", b'<eb:Action xmlns:unused="urn:unused">'),
    "unused_namespace_of_the_envelope": replaced(b"<S12:Envelope", b'<S12:Envelope xmlns:u="urn:u"'),
    "attribute_of_the_envelope": replaced(b"<S12:Envelope", b'<S12:Envelope a="b"'),
    "language_of_the_envelope": replaced(b"<S12:Envelope", b'<S12:Envelope xml:lang="sr" xml:space="preserve"'),
}
READ = ("message_id", "peer", "service", "action", "agreement_ref", "conversation_id", "timestamp", "digests")


@pytest.mark.parametrize("name", CANON)
def test_a_rewriting_that_keeps_the_canonical_form_changes_nothing_that_is_read(target: Target, name: str) -> None:
    """Either it is refused, or the very same is read: it then counts as the message that was rewritten."""
    patient = valid()
    rewritten = CANON[name](patient.envelope())
    assert rewritten != patient.envelope()
    first = target.post(patient.content_type, patient.body())
    assert is_receipt(first)
    original = [row for row in target.rows(MESSAGE) if row["message_id"] == patient.find(".//eb:MessageId").text]
    patient.raw.append(lambda _: rewritten)
    with target.unmoved():
        reply = target.post(patient.content_type, patient.body())
        if is_receipt(reply):
            assert reply.body == first.body  # of the same id with the same digests: the first receipt again
        else:
            assert code_of(reply)
    assert [row for row in target.rows(MESSAGE) if row["message_id"] == original[0]["message_id"]] == original

    fresh = valid()
    fresh.raw.append(CANON[name])
    reply = target.post(fresh.content_type, fresh.body())
    if is_receipt(reply):
        (row,) = [row for row in target.rows(MESSAGE) if row["message_id"] == fresh.find(".//eb:MessageId").text]
        for field in ("peer", "service", "action", "agreement_ref", "conversation_id", "timestamp"):
            assert row[field] == original[0][field], field
