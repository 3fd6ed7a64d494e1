"""The errors of this room: each says what was found, what was expected and what to do about it."""


class TrustRefused(Exception):
    """Something that claims to be trustworthy is not accepted. `remedy` is for the person who has to mend it."""

    def __init__(self, what: str, found: str, expected: str, remedy: str) -> None:
        super().__init__(f"{what}: found {found}, expected {expected}. {remedy}")
        self.what = what
        self.found = found
        self.expected = expected
        self.remedy = remedy
