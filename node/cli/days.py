"""Days as options name them."""

from datetime import date

from node.cli.printing import No


def day_given(text: str | None, option: str) -> date | None:
    """The day that an option names; None where it was not given. Raises No."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise No(f"{option}: found {text!r}, expected a day as 2026-04-17.", 2) from None
