"""The file of figures: sections one after the other, each under a heading that begins with its name and a colon."""

from collections.abc import Sequence


def read(text: str) -> dict[str, list[str]]:
    """The lines of each section by its name, in the order of the file; headings are their first lines."""
    found: dict[str, list[str]] = {}
    for block in text.strip().split("\n\n"):
        if block:
            found[block.partition(":")[0]] = block.splitlines()
    return found


def replaced(text: str, name: str, lines: Sequence[str]) -> str:
    """`text` with this section in the place of the one that it has, or at its end."""
    sections = {**read(text), name: list(lines)}
    return "\n\n".join("\n".join(section) for section in sections.values()) + "\n"
