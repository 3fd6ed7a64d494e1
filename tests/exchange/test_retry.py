"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from node.exchange.retry import RetrySchedule

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCHEDULE = RetrySchedule(first=timedelta(seconds=5), longest=timedelta(minutes=10), span=timedelta(hours=48))


def test_pauses_double_up_to_the_longest() -> None:
    pauses = [(SCHEDULE.next_attempt(NOW, failures, jitter=0) - NOW).total_seconds() for failures in range(1, 10)]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600]


@given(failures=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_jitter_shortens_by_at_most_half(failures: int, jitter: float) -> None:
    full = SCHEDULE.next_attempt(NOW, failures, 0) - NOW
    shortened = SCHEDULE.next_attempt(NOW, failures, jitter) - NOW
    assert full / 2 <= shortened <= full


def test_a_peer_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    assert SCHEDULE.next_attempt(NOW, 1, 0, retry_after=60) == NOW + timedelta(seconds=60)
    assert SCHEDULE.next_attempt(NOW, 1, 0, retry_after=10**6) == NOW + SCHEDULE.longest


def test_attempts_end_after_the_span() -> None:
    assert SCHEDULE.gives_up_at(NOW) == NOW + timedelta(hours=48)
