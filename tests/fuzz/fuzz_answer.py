"""Fuzzes what judges an answer to a delivery: no exception but the documented ones, and no delivery without its
proof.

Input: a mode, a status, a Content-Type, a line end, a body. Mode `A` judges it as it is; `S` first digests Messaging
and Body anew and signs with the key of the peer, so that mutations get past the signature. Whatever is taken for a
receipt must name our message, repeat exactly our references, and be signed by the peer.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["node.as4", "node.exchange.responses"]):
    from node.as4 import (
        As4Error,
        EbmsError,
        NotEbms,
        Receipt,
        make_error,
        make_receipt,
        names,
        read_response,
        verify_error,
        verify_receipt,
    )
    from node.exchange.responses import Attempt, judge

from tests.as4 import material, recordings
from tests.fuzz import harness
from tests.fuzz.resigning import resigned

WHO = material.parties()
PEER = WHO.receiver_signing
SENT, WIRE = material.sealed([(material.gzip_part("record@x"), b"<record/>")], WHO)
OPENED, _ = material.opened(WIRE, WHO)
ACCEPTS = recordings.only(PEER.certificate)
SOAP = b"application/soap+xml"
KINDS = {"delivered", "refused", "unconfirmed", "failed", "not-ready", "unreachable"}


def test_one_input(data: bytes) -> None:
    mode, status = data[:1], 200 if data[1:2] < b"\x80" else 503
    head, _, body = data[2:].partition(b"\n")
    content_type = head.decode("latin-1")
    if mode == b"S":
        body = resigned(body, PEER.key)
    for verify in (verify_receipt, verify_error):
        try:
            verified = verify(body, content_type, SENT, WHO.suite, ACCEPTS)
        except As4Error:
            continue
        if verify is verify_receipt:
            proved(body, content_type)
            assert verified.signer == PEER.certificate  # type: ignore[union-attr]
    for suite, accepts in ((None, None), (WHO.suite, ACCEPTS)):
        try:
            read_response(content_type, body, suite=suite, accepts_signer=accepts)
        except (NotEbms, As4Error):
            continue
    attempt = Attempt(SENT, WHO.suite, lambda certificate, _: ACCEPTS(certificate), 0, False)
    judged = judge(attempt, status, content_type, body, head[:20].decode("latin-1"))
    assert judged.kind in KINDS
    assert (judged.receipt is not None) == (judged.kind == "delivered")
    if judged.kind == "delivered":
        proved(body, content_type)
    if judged.kind == "refused":
        assert verify_error(body, content_type, SENT, WHO.suite, ACCEPTS).signed_by_peer


def proved(body: bytes, content_type: str) -> None:
    """What was taken for a receipt proves it."""
    read = read_response(content_type, body, suite=WHO.suite, accepts_signer=ACCEPTS)
    assert read.verified
    assert isinstance(read.signal, Receipt)
    assert read.signal.ref_to_message_id == SENT.message_id
    assert {(r.uri, r.digest) for r in read.signal.references} == {(r.uri, r.digest) for r in SENT.references}


def seeds() -> Iterator[bytes]:
    """What the corpus starts from."""
    receipt = make_receipt(OPENED, "r@x", material.NOW, PEER, WHO.suite)
    errors = [EbmsError.coded("EBMS:0004", "duplicate message"), EbmsError.coded("EBMS:0102")]
    signed = make_error(errors, "e@x", material.NOW, SENT.message_id, PEER, WHO.suite)
    unsigned = make_error(errors[:1], "e@x", material.NOW, None)
    for mode in (b"A ", b"S "):
        for xml in (receipt, signed, unsigned):
            yield mode + SOAP + b"\n" + xml
    yield b"A " + b"text/html\n<html>"
    yield b"A\xff" + b"application/json\n{}"
    for case in recordings.CASES:
        for n in range(len(recordings.CASES[case]["exchanges"])):
            response = recordings.response(case, n)
            yield b"S " + response.content_type.encode() + b"\n" + response.body


WORDS = (
    *(getattr(names, name).encode() for name in dir(names) if name.isupper()),
    *(SENT.message_id.encode(), b"eb:Receipt", b"eb:Error", b"eb:SignalMessage", b"ds:Reference", b"RefToMessageId"),
    *(b"<S:Fault>", b"EBMS:0004", b"EBMS:0102", b"EBMS:4001", b"duplicate", b"refToMessageInError", b"<!--", b"xmlns"),
)

if __name__ == "__main__":
    harness.run(__file__, test_one_input, seeds, WORDS)
