"""Making a mutated envelope pass its signature again, as a dishonest peer would."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lxml import etree


def resigned(body: bytes, key: Ed25519PrivateKey) -> bytes:
    """The body with the digests and the signature of its envelope made right again, if it is XML at all."""
    start, end = body.find(b"<"), body.rfind(b"Envelope>") + len(b"Envelope>")
    if start < 0 or end <= start:
        return body
    try:
        root = etree.fromstring(body[start:end], etree.XMLParser(resolve_entities=False, no_network=True))
        digests = {}
        for element in root.iter("{*}Messaging", "{*}Body"):
            octets = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
            for name, value in element.items():
                if name.endswith("Id"):
                    digests["#" + value] = base64.b64encode(hashlib.sha256(octets).digest()).decode()
        for reference in root.iter("{*}Reference"):
            value = reference.find("{*}DigestValue")
            if value is not None and reference.get("URI") in digests:
                value.text = digests[reference.get("URI") or ""]
        for signature in root.iter("{*}Signature"):
            info, value = signature.find("{*}SignedInfo"), signature.find("{*}SignatureValue")
            if info is not None and value is not None:
                octets = etree.tostring(info, method="c14n", exclusive=True, with_comments=False)
                value.text = base64.b64encode(key.sign(octets)).decode()
        return body[:start] + etree.tostring(root) + body[end:]
    except (etree.LxmlError, ValueError, AssertionError):
        return body
