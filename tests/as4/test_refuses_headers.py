"""eb:Messaging that does not follow its schema and profile, though the peer signed it."""

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from tests.as4.corpus import Corpus
from tests.as4.surgery import Surgery, etree_text

corpus = Corpus()

# --- comments inside values


def comment_in(path: str, sign: bool, code: str) -> None:
    def change(s: Surgery) -> None:
        element = s.find(path)
        comment = etree.Comment("x")
        comment.tail = (element.text or "")[1:]
        element.text = (element.text or "")[:1]
        element.append(comment)

    change.__name__ = f"comment_in_{path.rpartition(':')[2]}"
    (corpus.signed if sign else corpus.unsigned)(code)(change)


for path_ in ("eb:PartyId", "eb:Action", "eb:MessageId", "eb:Property", "eb:Service", "eb:Timestamp"):
    comment_in(".//" + path_, False, "EBMS:0009")
for path_ in ("ds:DigestValue", "ds:SignatureValue", "wsse:BinarySecurityToken"):
    comment_in(".//" + path_, False, "EBMS:0102" if "Binary" in path_ else "EBMS:0101")
comment_in(".//xenc:CipherValue", False, "EBMS:0102")


# --- the header by its profile


def header_change(name: str, code: str, path: str, edit: Callable[[Surgery, Any], None]) -> None:
    def change(s: Surgery) -> None:
        edit(s, s.find(path))

    change.__name__ = name
    corpus.signed(code)(change)


def remove(_: Surgery, element: Any) -> None:
    element.getparent().remove(element)


def repeat(s: Surgery, element: Any) -> None:
    element.addnext(s.new(etree_text(element)))


def text(value: str) -> Callable[[Surgery, Any], None]:
    def edit(_: Surgery, element: Any) -> None:
        element.text = value

    return edit


def attribute_value(name: str, value: str | None) -> Callable[[Surgery, Any], None]:
    def edit(_: Surgery, element: Any) -> None:
        if value is None:
            del element.attrib[name]
        else:
            element.set(name, value)

    return edit


header_change("messaging_without_message", "EBMS:0003", ".//eb:UserMessage", remove)
header_change("two_user_messages", "EBMS:0009", ".//eb:UserMessage", repeat)
for tag_ in ("MessageInfo", "PartyInfo", "CollaborationInfo", "Timestamp", "MessageId", "From", "To", "Role"):
    header_change(f"no_{tag_}", "EBMS:0009", f".//eb:{tag_}", remove)
for tag_ in ("PartyId", "Service", "Action", "ConversationId"):
    header_change(f"no_{tag_}", "EBMS:0009", f".//eb:{tag_}", remove)
for tag_ in ("PartyId", "Role", "Service", "Action", "MessageId", "AgreementRef", "MessageInfo", "PartyInfo"):
    header_change(f"two_{tag_}", "EBMS:0009", f".//eb:{tag_}", repeat)
for tag_ in ("PartyId", "Service", "Action", "MessageId", "AgreementRef", "Timestamp"):
    header_change(f"empty_{tag_}", "EBMS:0009", f".//eb:{tag_}", text(" "))
header_change("timestamp_is_none", "EBMS:0009", ".//eb:Timestamp", text("yesterday"))
header_change("timestamp_does_not_exist", "EBMS:0009", ".//eb:Timestamp", text("2026-02-30T00:00:00Z"))
header_change("message_id_with_space", "EBMS:0009", ".//eb:MessageId", text("a b@x"))
header_change("message_id_with_line_end", "EBMS:0009", ".//eb:MessageId", text("a@x\n"))
header_change("message_id_too_long", "EBMS:0009", ".//eb:MessageId", text("x" * 2000))
header_change("property_without_name", "EBMS:0009", ".//eb:Property", attribute_value("name", None))
header_change("property_twice", "EBMS:0009", ".//eb:PartProperties/eb:Property", repeat)
header_change("href_missing", "EBMS:0009", ".//eb:PartInfo", attribute_value("href", None))
header_change("href_elsewhere", "EBMS:0011", ".//eb:PartInfo", attribute_value("href", "https://x.example/a"))
header_change("href_into_the_body", "EBMS:0011", ".//eb:PartInfo", attribute_value("href", "#body"))
header_change("href_twice", "EBMS:0011", ".//eb:PartInfo", repeat)
header_change("href_not_utf8", "EBMS:0011", ".//eb:PartInfo", attribute_value("href", "cid:%ff"))
header_change("mime_type_missing", "EBMS:0009", ".//eb:Property[@name='MimeType']", remove)
header_change("mime_type_is_none", "EBMS:0009", ".//eb:Property[@name='MimeType']", text("xml"))
header_change("compression_unknown", "EBMS:0009", ".//eb:Property[@name='CompressionType']", text("application/zip"))
header_change("unknown_element", "EBMS:0009", ".//eb:CollaborationInfo", lambda s, e: e.append(s.new("<eb:X/>")))
header_change("foreign_element", "EBMS:0009", ".//eb:PartyInfo", lambda s, e: e.append(s.new("<ds:X/>")))
header_change("text_between_elements", "EBMS:0009", ".//eb:CollaborationInfo", text("text"))


@corpus.signed("EBMS:0009")
def character_set_not_conforming(s: Surgery) -> None:
    s.find(".//eb:PartProperties").append(s.new('<eb:Property name="CharacterSet">!utf*</eb:Property>'))


@corpus.signed("EBMS:0009")
def elements_in_another_order(s: Surgery) -> None:
    info = s.find(".//eb:CollaborationInfo")
    info.insert(0, info[-1])


@corpus.signed("EBMS:0103")
def too_many_parts(s: Surgery) -> None:
    payload = s.find(".//eb:PayloadInfo")
    for n in range(120):
        part = s.new(etree_text(payload[0]))
        part.set("href", f"cid:more{n}@x")
        payload.append(part)


@pytest.mark.parametrize("name", corpus.names())
def test_is_refused(name: str) -> None:
    corpus.check(name)
