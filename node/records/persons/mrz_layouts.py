"""Where each field stands in the machine-readable zones of ICAO Doc 9303, one layout a format."""

from dataclasses import dataclass

Place = tuple[int, int, int]
"""Line, first position and the one after the last, all counted from 0."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each field stands (None: the format has none). A composite check digit is over all of `composite`."""

    name: str
    lines: int
    width: int
    names: Place
    number: Place
    birth: Place
    sex: Place
    expiry: Place
    nationality: Place
    optional: tuple[Place, ...]
    optional_check: Place | None = None
    composite_check: Place | None = None
    composite: tuple[Place, ...] = ()
    long_numbers: bool = False
    """Whether a number of more than nine characters goes on in the optional data (part 5 and 6, note j)."""
    issuer: Place = (0, 2, 5)


def _two_lines(
    name: str,
    width: int,
    optional: Place,
    *,
    optional_check: Place | None = None,
    composite_check: Place | None = None,
    composite: tuple[Place, ...] = (),
    long_numbers: bool = False,
) -> Layout:
    return Layout(
        name=name,
        lines=2,
        width=width,
        names=(0, 5, width),
        number=(1, 0, 9),
        nationality=(1, 10, 13),
        birth=(1, 13, 19),
        sex=(1, 20, 21),
        expiry=(1, 21, 27),
        optional=(optional,),
        optional_check=optional_check,
        composite_check=composite_check,
        composite=composite,
        long_numbers=long_numbers,
    )


TD1 = Layout(
    name="TD1",
    lines=3,
    width=30,
    names=(2, 0, 30),
    number=(0, 5, 14),
    birth=(1, 0, 6),
    sex=(1, 7, 8),
    expiry=(1, 8, 14),
    nationality=(1, 15, 18),
    optional=((0, 15, 30), (1, 18, 29)),
    composite_check=(1, 29, 30),
    composite=((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)),
    long_numbers=True,
)
TD2 = _two_lines(
    "TD2",
    36,
    (1, 28, 35),
    composite_check=(1, 35, 36),
    composite=((1, 0, 10), (1, 13, 20), (1, 21, 35)),
    long_numbers=True,
)
TD3 = _two_lines(
    "TD3",
    44,
    (1, 28, 42),
    optional_check=(1, 42, 43),
    composite_check=(1, 43, 44),
    composite=((1, 0, 10), (1, 13, 20), (1, 21, 43)),
)
MRVA = _two_lines("MRVA", 44, (1, 28, 44))
MRVB = _two_lines("MRVB", 36, (1, 28, 36))
