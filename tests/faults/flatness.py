"""Whether a series of samples is flat: what grows with time, or with the messages that went through, is a leak.

The slope is Theil and Sen's, the median of the slopes between all pairs: a sample that lies far off moves it little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

# More samples than this tell no more, and pairs grow with the square.
MOST = 400
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Trend:
    """How a series went: its median, its growth from first to last sample by the slope, and how much may be."""

    what: str
    median: float
    growth: float
    allowed: float

    @property
    def is_flat(self) -> bool:
        """Whether it grew no more than it may."""
        return self.growth <= self.allowed

    def __str__(self) -> str:
        verdict = "flat" if self.is_flat else "GROWS"
        return f"{self.what:34} {self.median:12,.1f} {self.growth:+12,.1f} {self.allowed:12,.1f}  {verdict}"


HEAD = f"{'':34} {'median':>12} {'growth':>12} {'allowed':>12}"


def trend(what: str, points: Sequence[tuple[float, float]], share: float, floor: float) -> Trend:
    """The trend of (when, value) pairs in the order of time. It may grow by `share` of its median, or by `floor`.

    Raises ValueError for fewer than FEWEST samples, or none of another time: they prove nothing.
    """
    if len(points) < FEWEST:
        raise ValueError(f"{what}: {len(points)} samples, and fewer than {FEWEST} prove nothing")
    step = -(-len(points) // MOST)
    thinned = points[::step]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(thinned, 2) if b[0] > a[0]]
    if not slopes:
        raise ValueError(f"{what}: all samples are of one moment")
    middle = median(value for _, value in points)
    growth = median(slopes) * (points[-1][0] - points[0][0])
    return Trend(what, middle, growth, max(floor, share * abs(middle)))
