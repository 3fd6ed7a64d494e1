"""Fuzzes everything that reads what a peer sent: any exception but `As4Error` is a crash.

    python tests/fuzz/fuzz_open.py -max_total_time=60

Inputs are a mode, a Content-Type, a line end and a body. Mode `R` opens the body as it is; `S` first digests Messaging
and Body anew and signs the changed envelope with the sender's key, so that mutations get past the signature; `A` reads
it as an answer. Seeds are the recordings and our own messages.
"""

import contextlib
import sys
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
        names,
        read_response,
        verify_error,
        verify_receipt,
    )


from tests.as4 import material, recordings
from tests.fuzz import harness
from tests.fuzz.resigning import resigned

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
        open_it(content_type, resigned(body, WHO.sender.key), LENIENT)
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


WORDS = (
    *(getattr(names, name).encode() for name in dir(names) if name.isupper()),
    *(
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"<!DOCTYPE",
        b"&#1;",
        b"xmlns",
        b"wsu:Id",
        b'Id="',
        b"cid:",
        b"\r\n\r\n--",
    ),
    *(b"eb:UserMessage", b"eb:SignalMessage", b"S12:Body", b"ds:SignedInfo", b"xenc:EncryptedKey", b"mustUnderstand"),
)

if __name__ == "__main__":
    harness.run(__file__, test_one_input, seeds, WORDS)
