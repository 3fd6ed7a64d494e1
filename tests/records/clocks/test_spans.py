"""When a period starts: by the signed receipt, within a span where there is none, disputed where clocks contradict."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from node.records.clocks import Counts, PeriodError, Span, WithoutReceipt, span_of, span_of_message

SENT = datetime(2026, 11, 2, 9, tzinfo=UTC)
RECEIPT = SENT + timedelta(seconds=5)
ATTEMPT = (SENT + timedelta(seconds=1), SENT + timedelta(seconds=6))


def after(**much: float) -> datetime:
    return SENT + timedelta(**much)


def test_the_receipt_s_time_is_the_start_on_both_sides() -> None:
    sender = span_of_message(Counts.RECEIVED, SENT, after(days=1), receipt=RECEIPT, attempt=ATTEMPT)
    receiver = span_of_message(Counts.RECEIVED, SENT, after(days=3), receipt=RECEIPT)
    assert sender == receiver == Span(RECEIPT, RECEIPT)


@pytest.mark.parametrize(
    ("seconds", "disputed"), [(-119, False), (-120, True), (0, False), (126, False), (127, True), (7200, True)]
)
def test_a_time_more_than_two_minutes_outside_the_attempt_is_disputed(seconds: float, disputed: bool) -> None:
    receipt = SENT + timedelta(seconds=seconds)
    found = span_of_message(Counts.RECEIVED, SENT, after(days=1), receipt=receipt, attempt=ATTEMPT)
    assert found == Span(receipt, receipt, disputed)


def test_without_a_receipt_it_may_have_come_at_any_moment_since() -> None:
    assert span_of_message(Counts.RECEIVED, SENT, after(days=1)) == Span(SENT, after(days=1))
    # A clock that was set back makes no span that ends before it begins.
    assert span_of_message(Counts.RECEIVED, SENT, after(days=-1)) == Span(SENT, SENT)


@pytest.mark.parametrize(
    ("rule", "hours", "expected"),
    [
        (WithoutReceipt(48, received=True), 47, Span(SENT, SENT + timedelta(hours=48))),
        (WithoutReceipt(48, received=True), 48, Span.at(SENT + timedelta(hours=48))),
        (WithoutReceipt(48, received=True), 500, Span.at(SENT + timedelta(hours=48))),
        (WithoutReceipt(48, received=False), 47, Span(SENT, SENT + timedelta(hours=47))),
        (WithoutReceipt(48, received=False), 48, None),
    ],
)
def test_terms_say_what_holds_without_a_receipt(rule: WithoutReceipt, hours: int, expected: Span | None) -> None:
    assert span_of_message(Counts.RECEIVED, SENT, after(hours=hours), without=rule) == expected
    # A receipt, however late, is what both sides hold.
    assert span_of_message(Counts.RECEIVED, SENT, after(hours=hours), receipt=RECEIPT, without=rule) == Span.at(RECEIPT)


def test_what_counts_when_sent_needs_no_receipt() -> None:
    assert span_of_message(Counts.SENT, SENT, after(days=9)) == Span.at(SENT)
    assert span_of_message(Counts.SENT, SENT, after(days=9), receipt=after(days=2)) == Span.at(SENT)


@pytest.mark.parametrize(
    ("written", "earliest", "latest"),
    [
        ("2026-11-25T14:05:00Z", "2026-11-25T14:05:00", "2026-11-25T14:05:00"),
        ("2026-11-25", "2026-11-24T23:00:00", "2026-11-25T22:59:59.999999"),
        ("2026-10-25", "2026-10-24T22:00:00", "2026-10-25T22:59:59.999999"),
        ("2028-02", "2028-01-31T23:00:00", "2028-02-29T22:59:59.999999"),
        ("2026", "2025-12-31T23:00:00", "2026-12-31T22:59:59.999999"),
    ],
)
def test_a_fact_s_date_as_written_is_a_span(written: str, earliest: str, latest: str) -> None:
    found = span_of(written, "Europe/Belgrade")
    assert found == Span(*(datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (earliest, latest)))


def test_an_unknown_date_is_no_span_and_nonsense_is_refused() -> None:
    assert span_of("unknown", "Europe/Belgrade") is None
    for wrong in ("2026-02-30", "yesterday", "2026-11-25T14:05:00", ""):
        with pytest.raises(PeriodError, match="time: found"):
            span_of(wrong, "Europe/Belgrade")


def test_instants_are_kept_in_utc_and_without_zone_are_refused() -> None:
    eastern = SENT.astimezone(timezone(timedelta(hours=2)))
    assert Span.at(eastern).earliest.tzinfo is UTC
    with pytest.raises(PeriodError, match="an instant with its zone"):
        Span.at(SENT.replace(tzinfo=None))
    with pytest.raises(PeriodError, match="the earlier first"):
        Span(RECEIPT, SENT)


def test_a_wait_has_a_length() -> None:
    with pytest.raises(PeriodError, match="without_receipt"):
        WithoutReceipt(0, received=True)
