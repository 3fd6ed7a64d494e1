"""What a peer's answer to a delivery means, as a value. Nothing but its own signed receipt makes a delivery.

Proxies answer with HTML, servers with empty bodies, peers with errors that anyone could have written: each is what it
is. An unsigned error fails the attempt and never proves a refusal, nor does a signed one that may come of what was done
to the message on its way until it has come a few times; an error that says *duplicate* is believed only if
an earlier attempt may have reached the peer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal

from cryptography import x509

from node.as4 import (
    DEFAULT_LIMITS,
    As4Error,
    ErrorSignal,
    Limits,
    NotEbms,
    SignedMessage,
    Suite,
    VerifiedReceipt,
    read_response,
    verify_error,
    verify_read_receipt,
)

# What may come of the way: whoever can change a message's bytes can add, cut and exchange parts, or encrypt them anew.
# The signature of its root part stays good, so the peer signs an error about a message that it never saw as it was
# sent, and whoever has that error can hand it on as the answer to the true one. Sent again, with fresh encryption, it
# may fare better; after so many such answers it is a refusal.
ON_THE_WAY = frozenset({"EBMS:0007", "EBMS:0011", "EBMS:0101", "EBMS:0102", "EBMS:0103", "EBMS:0303"})
ON_THE_WAY_ATTEMPTS = 4
# How duplicates are told in words: phase4 up to 4.4 with EBMS:0004, from 4.5 with EBMS:4001.
DUPLICATE_CODES = frozenset({"EBMS:0004", "EBMS:4001"})
DUPLICATE_WORDS = re.compile(
    r"already handled|this is a duplicate|duplicate message|already (?:been )?(?:received|processed)", re.I
)
# A peer's explanation is shown to people; more than this explains nothing.
LONGEST_DETAIL = 1000

Kind = Literal["delivered", "refused", "unconfirmed", "failed", "not-ready", "unreachable", "uncovered"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an attempt came to.

    delivered: `receipt` proves it. refused: the peer's signed error. unconfirmed: the peer seems to have had it
    before. failed: this message's attempt failed, others may fare better. not-ready: the peer takes no more now, of any
    message unless it takes others. unreachable: the peer answers nobody now. uncovered: it was not
    sent, since no agreement in force covers it any more.
    `readable` tells whether the answer said for certain what became of the message; `on_the_way` that it is the peer's
    signed error, and may come of what was done to the message on its way.
    """

    kind: Kind
    code: str | None = None
    detail: str | None = None
    receipt: VerifiedReceipt | None = None
    readable: bool = True
    on_the_way: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was sent, to whom, and how often before."""

    sent: SignedMessage
    suite: Suite
    accepts_signer: Callable[[x509.Certificate, datetime | None], None]
    """raises FailedAuthentication unless the certificate is accepted; with a receipt's eb:Timestamp, at that time"""
    failures_on_the_way: int
    """how many earlier attempts were answered by a signed error of ON_THE_WAY"""
    body_sent_before: bool
    """an earlier attempt sent the whole body and got no readable answer"""
    limits: Limits = DEFAULT_LIMITS


def judge(attempt: Attempt, status: int, content_type: str, body: bytes, retry_after: str | None = None) -> Judgement:
    """Judge the HTTP answer (status, Content-Type, whole body) to one attempt."""
    try:
        answer = read_response(content_type, body, attempt.limits)
    except (NotEbms, As4Error) as error:
        return _not_ebms(status, content_type, body, error, retry_after)
    signal = answer.signal
    if isinstance(signal, ErrorSignal):
        return _judge_error(attempt, signal, content_type, body)
    try:
        receipt = verify_read_receipt(answer, attempt.sent, attempt.suite, partial(_accept, attempt, signal.timestamp))
    except As4Error as error:
        return Judgement("failed", "EBMS:0302", f"the receipt proves nothing: {error.detail}", readable=False)
    return Judgement("delivered", receipt=receipt)


def _accept(attempt: Attempt, at: datetime | None, certificate: x509.Certificate) -> None:
    attempt.accepts_signer(certificate, at)


def disputed(receipt_time: datetime, began: datetime, ended: datetime, allowed_seconds: float = 120) -> bool:
    """Whether a receipt's eb:Timestamp lies outside the attempt (by our clock) by more than two minutes."""
    return (began - receipt_time).total_seconds() > allowed_seconds or (
        receipt_time - ended
    ).total_seconds() > allowed_seconds


def _judge_error(attempt: Attempt, signal: ErrorSignal, content_type: str, body: bytes) -> Judgement:
    # Warnings may stand beside the failure; that one decides.
    error = next((one for one in signal.errors if one.severity != "warning"), signal.errors[0])
    said = f"the peer answered {error.code} {error.short or ''}".strip()
    detail = " ".join(filter(None, (said + ":", error.description, error.detail)))[:LONGEST_DETAIL]
    about = signal.ref_to_message_id or error.ref_to_message
    if about is not None and about != attempt.sent.message_id:
        return Judgement("failed", error.code, "an error about another message was answered", readable=False)
    try:
        verified = verify_error(
            body, content_type, attempt.sent, attempt.suite, partial(_accept, attempt, None), attempt.limits
        )
        signed = verified.signed_by_peer
    except As4Error:
        signed = False
    if not signed:
        return Judgement("failed", error.code, f"{said} (unsigned: anyone may have written it)", readable=False)
    if error.severity == "warning":
        return Judgement("failed", error.code, f"{detail} (a warning, not a refusal)", readable=False)
    if error.code in DUPLICATE_CODES and attempt.body_sent_before and DUPLICATE_WORDS.search(detail):
        return Judgement("unconfirmed", error.code, f"the peer says that it had this message before: {detail}")
    if error.code in ON_THE_WAY and attempt.failures_on_the_way + 1 < ON_THE_WAY_ATTEMPTS:
        return Judgement("failed", error.code, f"{detail} (tried again with fresh encryption)", on_the_way=True)
    return Judgement("refused", error.code, detail)


def _not_ebms(status: int, content_type: str, body: bytes, error: Exception, retry_after: str | None) -> Judgement:
    pause = float(retry_after) if retry_after and re.fullmatch(r"\d{1,6}", retry_after) else None
    if status == 503:
        detail = "the peer is not ready (HTTP 503)"
        return Judgement("not-ready", "EBMS:0005", detail, readable=False, retry_after=pause)
    what = (
        "an empty body"
        if not body.strip()
        else f"{content_type.partition(';')[0] or 'no content type'}, no ebMS answer"
    )
    detail = f"HTTP {status} with {what}: {error}"[:500]
    return Judgement("unreachable", "EBMS:0005", detail, readable=False, retry_after=pause)
