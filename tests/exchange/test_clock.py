"""Whether the node may trust its clock."""

from datetime import UTC, datetime, timedelta

from node.exchange.clock import judge_clock, kernel_clock

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


def test_a_clock_before_what_was_recorded_is_doubted() -> None:
    state = judge_clock("synchronised", [timedelta(0)] * 3, NOW + timedelta(days=1), NOW)
    assert (state.trusted, state.doubted) == (False, True)


def test_the_kernel_answers() -> None:
    assert kernel_clock() in ("synchronised", "unsynchronised", "unknown")
