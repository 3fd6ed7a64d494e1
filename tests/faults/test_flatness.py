"""The slope test of a soak: what it calls flat, and what it calls a leak."""

import random

import pytest

from tests.faults.flatness import FEWEST, trend

MINUTES = range(60)


def series(leak: float, noise: float, level: float = 100.0) -> list[tuple[float, float]]:
    dice = random.Random(7)
    return [(60.0 * n, level + leak * n + dice.uniform(-noise, noise)) for n in MINUTES]


def test_what_only_wavers_is_flat() -> None:
    found = trend("memory", series(0, 5), 0.05, 1)
    assert found.is_flat
    assert abs(found.growth) < 3


def test_what_rises_a_little_every_minute_is_not() -> None:
    found = trend("memory", series(0.2, 5), 0.05, 1)
    assert not found.is_flat
    assert found.growth == pytest.approx(0.2 * 59, abs=3)
    assert "GROWS" in str(found)


def test_what_falls_is_flat() -> None:
    assert trend("memory", series(-1, 5), 0.05, 1).is_flat


def test_one_sample_far_off_is_no_leak() -> None:
    points = series(0, 1)
    points[-1] = (points[-1][0], 10_000)
    assert trend("files", points, 0.05, 2).is_flat


def test_small_counts_may_move_by_the_floor() -> None:
    assert trend("files", [(n, 20 + n // 30) for n in MINUTES], 0.01, 2).is_flat
    assert not trend("files", [(n, 20 + n // 5) for n in MINUTES], 0.01, 2).is_flat


def test_long_series_are_judged_as_short_ones_are() -> None:
    day = [(60.0 * n, 100 + 0.01 * n) for n in range(1440)]
    assert trend("memory", day, 0.05, 1).growth == pytest.approx(14.39, abs=0.1)


def test_too_few_samples_prove_nothing() -> None:
    with pytest.raises(ValueError, match="prove nothing"):
        trend("memory", series(0, 1)[: FEWEST - 1], 0.05, 1)
    with pytest.raises(ValueError, match="one moment"):
        trend("memory", [(0.0, 1.0)] * FEWEST, 0.05, 1)
