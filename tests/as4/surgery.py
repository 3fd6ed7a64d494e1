"""Taking a valid message apart and putting it together wrongly, with or without the signer's help."""

import base64
import copy
import hashlib
from collections.abc import Callable, Sequence

from lxml import etree

from node.as4 import OpenedMessage, PartInfo, WireMessage, names
from tests.as4 import material
from tests.as4.material import Parties

NS = {
    "S12": names.SOAP,
    "eb": names.EB,
    "ebbp": names.EBBP,
    "wsse": names.WSSE,
    "wsu": names.WSU,
    "ds": names.DS,
    "dsig11": names.DSIG11,
    "more": names.DSIG_MORE,
    "xenc": names.XENC,
    "xenc11": names.XENC11,
    "ec": names.EXC_C14N,
}
RECORD = PartInfo("record@x", "application/xml", True)
SCAN = PartInfo("scan@x", "application/pdf", False)
CONTENTS = [(RECORD, b"<record>content</record>"), (SCAN, b"%PDF scan")]


class Surgery:
    """A valid message, of two parts or the one given, opened up: `root` the envelope, `parts` as [header, octets],
    `raw` last edits. `who` has the key that signs it anew; `digests_anew` whether digests follow what they are of."""

    def __init__(
        self,
        contents: Sequence[tuple[PartInfo, bytes]] = CONTENTS,
        who: Parties | None = None,
        wire: WireMessage | None = None,
    ) -> None:
        self.who = who or material.parties()
        self.digests_anew = True
        if wire is None:
            _, wire = material.sealed(contents, self.who)
        self.content_type = wire.content_type
        self.raw: list[Callable[[bytes], bytes]] = []
        self.raw_body: list[Callable[[bytes], bytes]] = []
        self.parts: list[list[bytes]] = []
        self.root_header = b""
        if wire.content_type.startswith("multipart/"):
            self.boundary = wire.content_type.split('boundary="')[1].split('"')[0].encode()
            root, *parts = wire.body().split(b"--" + self.boundary)[1:-1]
            self.root_header, _, xml = root.strip(b"\r\n").partition(b"\r\n\r\n")
            for part in parts:
                header, _, octets = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
                self.parts.append([header, octets])
        else:
            xml = wire.body()
        self.root = etree.fromstring(xml)

    def find(self, path: str) -> etree._Element:
        """The first element of a path below the envelope, such as `.//eb:Action`."""
        found = self.root.find(path, NS)
        assert found is not None, path
        return found

    def all(self, path: str) -> list[etree._Element]:
        """All elements of a path."""
        return self.root.findall(path, NS)

    def new(self, xml: str) -> etree._Element:
        """An element written with the usual prefixes."""
        declared = " ".join(f'xmlns:{p}="{u}"' for p, u in NS.items())
        return etree.fromstring(f"<x {declared}>{xml}</x>")[0]

    def copy_of(self, path: str) -> etree._Element:
        """A copy of an element, not yet anywhere."""
        element = copy.deepcopy(self.find(path))
        element.tail = None
        return element

    def resign(self) -> None:
        """Digest Messaging and Body anew where they are referenced, and sign, as a dishonest signer would.

        Without `digests_anew` the digests stay as they stand.
        """
        by_id = {e.get(f"{{{names.WSU}}}Id"): e for e in self.root.iter("{*}Messaging", "{*}Body")}
        for reference in self.all(".//ds:SignedInfo/ds:Reference"):
            target = by_id.get((reference.get("URI") or "").removeprefix("#"))
            value = reference.find("ds:DigestValue", NS)
            if target is not None and value is not None and self.digests_anew:
                octets = etree.tostring(target, method="c14n", exclusive=True, with_comments=False)
                value.text = base64.b64encode(hashlib.sha256(octets).digest()).decode()
        signed_info = etree.tostring(self.find(".//ds:SignedInfo"), method="c14n", exclusive=True)
        signature = self.who.suite.sign(self.who.sender.key, signed_info)
        self.find(".//ds:SignatureValue").text = base64.b64encode(signature).decode()

    def envelope(self) -> bytes:
        """The envelope with the raw edits."""
        xml = etree.tostring(self.root)
        for edit in self.raw:
            xml = edit(xml)
        return xml

    def body(self) -> bytes:
        """The whole HTTP body."""
        if not self.parts and not self.root_header:
            body = self.envelope()
        else:
            pieces = [[self.root_header, self.envelope()], *self.parts]
            delimiter = b"--" + self.boundary
            body = b"".join(delimiter + b"\r\n" + header + b"\r\n\r\n" + octets + b"\r\n" for header, octets in pieces)
            body += delimiter + b"--\r\n"
        for edit in self.raw_body:
            body = edit(body)
        return body

    def open(self, **policy: object) -> tuple[OpenedMessage, list[bytes]]:
        """What the receiver makes of it."""
        return material.open_as(self.content_type, self.body(), self.who, **policy)


def etree_text(element: etree._Element) -> str:
    """An element as text."""
    return etree.tostring(element, with_tail=False).decode()
