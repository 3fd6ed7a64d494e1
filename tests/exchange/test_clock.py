"""Whether the node may trust its clock."""

from datetime import UTC, datetime, timedelta

import pytest

from node.exchange.clock import ClockWatch, judge_clock, kernel_clock

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_synchronised_kernel_is_believed() -> None:
    state = judge_clock("synchronised", [], None, NOW)
    assert (state.trusted, state.doubted) == (True, False)


def test_nobody_to_ask_is_unknown_and_unknown_is_not_trusted() -> None:
    for kernel in ("unsynchronised", "unknown"):
        state = judge_clock(kernel, [], None, NOW)
        assert (state.trusted, state.doubted) == (False, False)


def test_peers_that_agree_are_enough() -> None:
    state = judge_clock("unsynchronised", [timedelta(seconds=1)], None, NOW)
    assert state.trusted


def test_one_peer_alone_cannot_cast_doubt_but_two_can() -> None:
    hour = timedelta(hours=1)
    assert not judge_clock("unknown", [hour], None, NOW).doubted
    assert judge_clock("unknown", [hour, hour], None, NOW).doubted
    assert judge_clock("synchronised", [hour, hour], None, NOW).doubted


def test_a_clock_before_what_was_recorded_is_doubted_unless_a_peer_says_that_it_is_right() -> None:
    recorded = NOW + timedelta(days=1)
    assert judge_clock("synchronised", [], recorded, NOW).doubted
    assert judge_clock("synchronised", [timedelta(hours=1)], recorded, NOW).doubted
    assert judge_clock("unknown", [timedelta(seconds=1)], recorded, NOW).trusted


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(days=-365)])
def test_a_clock_that_was_set_is_doubted_until_the_kernel_or_a_peer_says_that_it_is_right(step: timedelta) -> None:
    for kernel in ("unsynchronised", "unknown"):
        assert judge_clock(kernel, [], None, NOW, step).doubted
        assert judge_clock(kernel, [-step], None, NOW, step).doubted, "one peer that differs reassures nobody"
        assert judge_clock(kernel, [timedelta(0)], None, NOW, step).trusted
    assert judge_clock("synchronised", [], None, NOW, step).trusted


def test_a_doubt_lasts_until_something_ends_it() -> None:
    assert judge_clock("unknown", [], None, NOW, doubted=True).doubted
    assert judge_clock("synchronised", [], None, NOW, doubted=True).trusted


def test_how_far_a_clock_was_set_is_told_by_one_that_nobody_sets() -> None:
    stands, elapsed = [NOW], [1000.0]
    watch = ClockWatch(lambda: stands[0], lambda: elapsed[0])
    stands[0], elapsed[0] = NOW + timedelta(days=3), 1000.0 + 3 * 86400
    assert watch.step() == timedelta(0), "time that passes is no step"
    stands[0] += timedelta(minutes=1)
    assert watch.step() == timedelta(0), "honest clocks may differ so much"
    stands[0] -= timedelta(days=366, minutes=1)
    assert watch.step() == timedelta(days=-366)
    watch.confirm()
    assert watch.step() == timedelta(0)


def test_the_kernel_answers() -> None:
    assert kernel_clock() in ("synchronised", "unsynchronised", "unknown")
