"""Names in the machine-readable zone, ICAO Doc 9303 part 3 section 4.6 and the parts on each format.

Primary identifier (surname), two fillers, secondary identifier (given names); one filler between the words of each.
"""

FILLER = "<"
_APART = FILLER * 2
_DROPPED = "'’ʼ`.,"  # left out; what stands before and after is written together
_SEPARATORS = " -\u2010\u2011\u2013\u00a0"


def read_names(field: str) -> tuple[str, str]:
    """The primary and the secondary identifier of a name field, words apart by a space; the second may be empty."""
    primary, _, secondary = field.strip(FILLER).partition(_APART)
    return (" ".join(filter(None, primary.split(FILLER))), " ".join(filter(None, secondary.split(FILLER))))


def write_names(primary: str, secondary: str, width: int) -> str:
    """The name field of `width` characters for a name of Latin capital letters without diacritics.

    Too long a name is cut as the standard's examples do: the secondary identifier at the end of the field; and where
    the primary alone would fill it, that one so that the first word of the secondary remains. Its first word stays as
    it is, as far as it can, the others are cut alike.
    """
    first, second = _words(primary), _words(secondary)
    if not second:
        return FILLER.join(first)[:width].ljust(width, FILLER)
    room = width - len(_APART) - 1  # for the primary, so that the secondary has at least one letter
    if len(FILLER.join(first)) > room:
        first = _cut(first, max(1, width - len(_APART) - len(second[0])))
        second = second[:1]
    return (FILLER.join(first) + _APART + FILLER.join(second))[:width].ljust(width, FILLER)


def _words(text: str) -> list[str]:
    for separator in _SEPARATORS:
        text = text.replace(separator, FILLER)
    return [word for word in text.upper().translate(dict.fromkeys(map(ord, _DROPPED))).split(FILLER) if word]


def _cut(words: list[str], room: int) -> list[str]:
    """The words cut so that, with a filler between each two, they fill `room`."""
    letters = max(room - (len(words) - 1), len(words))
    head, rest = words[0], words[1:]
    kept = min(len(head), max(1, letters - len(rest)))
    letters -= kept
    shares = [0] * len(rest)
    while letters > 0 and any(share < len(word) for share, word in zip(shares, rest, strict=True)):
        for place, word in enumerate(rest):
            if letters > 0 and shares[place] < len(word):
                shares[place] += 1
                letters -= 1
    return [head[:kept], *(word[:share] for share, word in zip(shares, rest, strict=True) if share)]
