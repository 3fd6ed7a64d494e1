"""Fuzzes everything that reads what a peer sent: any exception but `As4Error` is a crash.

    python tests/as4/fuzz_open.py -max_total_time=60

Inputs are a mode, a Content-Type, a line end and a body. Mode `R` opens the body as it is; `S` first digests Messaging
and Body anew and signs the changed envelope with the sender's key, so that mutations get past the signature; `A` reads
it as an answer. The corpus (a temporary folder unless one is named) starts from the recordings and our own messages.
"""

import base64
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["node.as4"]):
    from node.as4 import (
        EDDSA_X25519,
        As4Error,
        DecompressionFailure,
        EbmsError,
        Limits,
        MessageReader,
        OpenedMessage,
        PartInfo,
        PeerPolicy,
        UserMessage,
        decompress,
        make_error,
        make_receipt,
        read_response,
        verify_error,
        verify_receipt,
    )

from lxml import etree

from tests.as4 import material, recordings

CHILD = "DEPESHA_FUZZ_CHILD"
"""Set in the process that fuzzes."""

WHO = material.parties()
LIMITS = Limits(inflated_bytes=1 << 22, canonical_bytes=1 << 18)
POLICY = PeerPolicy(EDDSA_X25519, lambda _: None, [WHO.receiver, recordings.decryption("one-xml", "blue")])
LENIENT = PeerPolicy(EDDSA_X25519, lambda _: None, [WHO.receiver], require_encryption=False)
SOAP = b"application/soap+xml"
CONTENTS = [
    (PartInfo("record@x", "application/xml", True), b"<record>content</record>"),
    (PartInfo("plain@x", "text/xml", False), b'<r b="1" a="2">text</r>'),
    (PartInfo("note@x", "text/plain", False), b"one\ntwo"),
    (PartInfo("scan@x", "application/pdf", False), b"%PDF"),
]
SENT, WIRE = material.sealed(CONTENTS, WHO)
OPENED, _ = material.opened(WIRE, WHO)


class Sink:
    """Checks that nothing is closed that was discarded."""

    def __init__(self) -> None:
        self.over = False

    def write(self, octets: bytes) -> None:
        assert not self.over

    def close(self) -> None:
        assert not self.over
        self.over = True

    def discard(self) -> None:
        assert not self.over
        self.over = True


def resigned(body: bytes) -> bytes:
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
                value.text = base64.b64encode(WHO.sender.key.sign(octets)).decode()
        return body[:start] + etree.tostring(root) + body[end:]
    except (etree.LxmlError, ValueError, AssertionError):
        return body


def open_it(content_type: str, body: bytes, policy: PeerPolicy) -> None:
    """Open in pieces of a size that the body decides."""
    sinks: list[Sink] = []

    def sink_for(_: UserMessage, __: PartInfo) -> Sink:
        sinks.append(Sink())
        return sinks[-1]

    try:
        reader = MessageReader(content_type, lambda _: policy, sink_for, LIMITS, lambda _: policy)
        size = 1 + len(body) % 997
        for at in range(0, len(body), size):
            reader.feed(body[at : at + size])
        opened = reader.finish()
    except As4Error as error:
        EbmsError.of(error)
    else:
        assert all(s.over for s in sinks)
        if isinstance(opened, OpenedMessage):
            xml = make_receipt(opened, "r@x", material.NOW, WHO.receiver_signing, WHO.suite)
            assert read_response(SOAP.decode(), xml).signal.references == opened.references  # type: ignore[union-attr]
        return
    assert all(s.over for s in sinks)


def test_one_input(data: bytes) -> None:
    mode, rest = data[:1], data[1:]
    head, _, body = rest.partition(b"\n")
    content_type = head.decode("latin-1")
    if mode == b"S":
        open_it(content_type, resigned(body), LENIENT)
    elif mode == b"A":
        for verify in (verify_receipt, verify_error):
            with contextlib.suppress(As4Error):
                verify(body, content_type, SENT, WHO.suite, lambda _: None, LIMITS)
    elif mode == b"G":
        with contextlib.suppress(DecompressionFailure):
            for _ in decompress([body[:100], body[100:]], LIMITS):
                pass
    else:
        open_it(content_type, body, POLICY)


def seeds() -> Iterator[bytes]:
    """What the corpus starts from."""
    for case in recordings.CASES:
        exchanges = recordings.CASES[case]["exchanges"]
        for n in range(len(exchanges)):
            request, response = recordings.request(case, n), recordings.response(case, n)
            if len(request.body) < 30_000:
                for mode in (b"R", b"S"):
                    yield mode + request.content_type.encode() + b"\n" + request.body
            yield b"A" + response.content_type.encode() + b"\n" + response.body
    for mode in (b"R", b"S"):
        yield mode + WIRE.content_type.encode() + b"\n" + WIRE.body()
    receipt = make_receipt(OPENED, "r@x", material.NOW, WHO.receiver_signing, WHO.suite)
    error = make_error(
        [EbmsError.coded("EBMS:0004", "x")], "e@x", material.NOW, SENT.message_id, WHO.receiver_signing, WHO.suite
    )
    for xml in (receipt, error):
        yield b"A" + SOAP + b"\n" + xml
        yield b"S" + SOAP + b"\n" + xml
    yield b"G\n" + material.octets_of(CONTENTS[0][0], b"content" * 50)


def main() -> int:
    """Write the seeds, then let the fuzzer run on them, in a process of its own since it never returns."""
    with tempfile.TemporaryDirectory() as folder:
        for n, seed in enumerate(seeds()):
            (Path(folder) / f"seed-{n:03d}").write_bytes(seed)
        # new inputs go to the first folder named, which is the temporary one unless another is given
        return subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], folder], env={**os.environ, CHILD: "1"}
        ).returncode


if __name__ == "__main__":
    if CHILD not in os.environ:
        sys.exit(main())
    options = sys.argv if any(a.startswith("-max_len") for a in sys.argv) else [*sys.argv, "-max_len=32768"]
    atheris.Setup(options, test_one_input)
    atheris.Fuzz()
