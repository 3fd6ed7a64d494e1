"""Giving octets to libxml2 without letting strangers fill its dictionary of names.

libxml2 keeps every element and attribute name and namespace that it meets, and lxml shares one such dictionary a thread
for as long as the thread lives: a hundred megabytes of invented names cost as much memory for ever. So documents whose
names are all known are parsed here and now; any other in a thread of its own, whose dictionary goes with its last tree.
"""

import re
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from lxml import etree

from node.as4 import names

T = TypeVar("T")

# each begins with octets that the expression engine finds quickly
_TAGS: Final = re.compile(rb"<([^\s/>!?]+)")
_ATTRIBUTES: Final = re.compile(rb" ([^\s=<>\"'/]+) *=")
_NAMESPACES: Final = re.compile(rb"xmlns[^\s=]* *= *(?:\"([^\"]*)\"|'([^']*)')")
_TO_SPACE: Final = bytes.maketrans(b"\t\r\n", b"   ")

_PREFIXES: Final = """
    S12 soap env eb eb3 ns0 ns1 ns2 ns3 ns4 ns5 ns6 ns7 ns8 wsse wsse11 wsu ds dsig11 rfc9231 dsigmore xenc xenc11 ec
    ebbp xml xlink
"""
_LOCAL_NAMES: Final = """
    Envelope Header Body mustUnderstand Fault
    Messaging UserMessage SignalMessage MessageInfo Timestamp MessageId RefToMessageId PartyInfo From To PartyId Role
    CollaborationInfo AgreementRef Service Action ConversationId MessageProperties Property PayloadInfo PartInfo
    PartProperties Schema Description Receipt NonRepudiationInformation MessagePartNRInformation PullRequest Error
    ErrorDetail mpc type pmode name href errorCode severity category shortDescription refToMessageInError origin lang
    Security BinarySecurityToken SecurityTokenReference Reference KeyIdentifier Id EncodingType ValueType TokenType URI
    Signature SignedInfo SignatureValue SignatureMethod CanonicalizationMethod Transforms Transform DigestMethod
    DigestValue KeyInfo KeyValue Algorithm InclusiveNamespaces PrefixList X509Data X509SKI X509IssuerSerial
    X509IssuerName X509SerialNumber X509Certificate ECKeyValue NamedCurve PublicKey DEREncodedKeyValue
    EncryptedKey EncryptedData EncryptionMethod AgreementMethod KeyDerivationMethod HKDFParams PRF Salt Info KeyLength
    OriginatorKeyInfo RecipientKeyInfo CipherData CipherValue CipherReference ReferenceList DataReference MimeType Type
    version encoding standalone timestamp phase4
"""
_KNOWN: Final = (
    frozenset(
        name.encode()
        for local in _LOCAL_NAMES.split()
        for name in (local, *(f"{prefix}:{local}" for prefix in _PREFIXES.split()))
    )
    | frozenset(f"xmlns:{prefix}".encode() for prefix in _PREFIXES.split())
    | {b"xmlns"}
)
_KNOWN_NAMESPACES: Final = frozenset(
    uri.encode()
    for uri in (
        *(value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)),
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://www.w3.org/1999/xlink",
        "urn:fdc:com.helger.phase4:ns:info",
    )
)


def with_plain_spaces(octets: bytes) -> bytes:
    """The octets with every white space of XML as a space, for searching."""
    if b"\n" in octets or b"\t" in octets or b"\r" in octets:
        return octets.translate(_TO_SPACE)
    return octets


def has_known_names(octets: bytes) -> bool:
    """Whether every name and namespace in a document in UTF-8 is one that messages have anyway."""
    octets = with_plain_spaces(octets)
    return (
        _KNOWN.issuperset(_TAGS.findall(octets))
        and _KNOWN.issuperset(_ATTRIBUTES.findall(octets))
        and _KNOWN_NAMESPACES.issuperset(double or single for double, single in _NAMESPACES.findall(octets))
    )


def apart(work: Callable[[], T]) -> T:
    """Do the work in a thread of its own, with a dictionary of its own; give its result or raise its exception."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="parsing", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def parse(octets: bytes) -> etree._Element:
    """The root element of a document in UTF-8, without entities, DTD or network. Raises as lxml does."""

    def work() -> etree._Element:
        parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
        )
        return etree.fromstring(octets, parser)

    return work() if has_known_names(octets) else apart(work)
