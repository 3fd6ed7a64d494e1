"""Writes docs/reference/attacks.md from the catalogues: `python -m tests.attacks.page`. A test compares the two."""

import re
from pathlib import Path

from tests.attacks.catalogue import Attack, Catalogue
from tests.attacks.families import FAMILIES
from tests.attacks.sources import SOURCES
from tests.attacks.test_wrapping import NAMED, PLACES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "attacks.md"
INTRODUCTION = """# Attacks

Published attacks on XML signature, XML encryption, MIME, gzip, HTTP and ebMS headers, each a named case made from a
valid message. `make attacks` sends them to a running node (a process of its own, its real store, bytes over a
socket). Each must be refused, without a receipt, without anything kept but what the page says, and the next good
message must be taken. An *outsider* has seen a message and has no key; a *partner* has valid keys and signs what he
changed. CI runs them all.

This page is written by `.venv/bin/python -m tests.attacks.page`; a test compares it with the catalogues.

- Every change of a message that the tests of the wire refuse (`tests/as4/test_refuses_*.py`) is sent to the running
  node too (`test_known_changes.py`).
- Rewritings that keep the canonical form (CDATA, references, quotes, unused namespaces) may be taken: then the very
  same is read (`test_parsers.py`). So may parts hidden in preamble or epilogue, which every reader passes over
  (`test_mime.py`).
- A replay is answered by the first receipt, byte for byte, and delivered once. The same id with other content raises
  an alarm. A record that is a bomb is rejected and remembered as such.
- What is refused of a partner's before anything is kept raises an alarm without its content, where what is wrong is in
  what the partner signed; one is open for each partner and error code (`tests/exchange/test_refusals.py`). What an
  outsider changes raises none.
- Time and memory: the CPU time and the high-water mark of the node's process are compared at one size and at four
  times that size (`test_bombs.py`).
- All ambiguous requests are also sent through nginx and HAProxy with the files of [the page on
  proxies](../how-to/reverse-proxy.md) (`test_smuggling.py`, `make proxy`).
- Receipts that come back are put to the courier's own judgement, not through a running node (`test_receipts.py`).
- The recogniser of our own envelopes and the parser must agree on every attack (`test_both_ways.py`).
- [The threat model](../explanation/threat-model.md) says what is not held off.
"""


def _matrix(names: list[str]) -> list[str]:
    """The products of wrapping as one name each: `messaging_in_key_info_*`."""
    short = []
    for name in names:
        for place in PLACES:
            found = re.fullmatch(rf"(messaging|body|receipt)_{place}_({'|'.join(NAMED)})", name)
            if found:
                name = f"{found[1]}_{place}_*"
                break
        if name not in short:
            short.append(name)
    return short


def _rows(catalogue: Catalogue) -> list[str]:
    groups: dict[tuple[tuple[str, ...], str], list[Attack]] = {}
    for attack in catalogue.attacks.values():
        groups.setdefault((attack.sources, attack.actor), []).append(attack)
    rows = []
    for (sources, actor), attacks in groups.items():
        names = ", ".join(f"`{name}`" for name in _matrix([attack.name for attack in attacks]))
        rows.append(f"| {'; '.join(sources)} | {actor} | {names} |")
    return rows


def render() -> str:
    """The page."""
    lines = [INTRODUCTION]
    lines += ["| family | attacks | run by |", "| --- | --- | --- |"]
    for catalogue, file in FAMILIES:
        anchor = re.sub(r"[^a-z0-9 -]", "", catalogue.family.lower()).replace(" ", "-")
        run = f"[{file}](../../tests/attacks/{file})"
        lines.append(f"| [{catalogue.family}](#{anchor}) | {len(catalogue.attacks)} | {run} |")
    lines.append(f"| all | {sum(len(catalogue.attacks) for catalogue, _ in FAMILIES)} | `make attacks` |")
    for catalogue, _ in FAMILIES:
        lines += ["", f"## {catalogue.family}", ""]
        if catalogue.family in ("Signature wrapping", "Receipts"):
            ids = ", ".join(f"`{name}`" for name in NAMED)
            lines += [f"`*` stands for each way to name the forged element: {ids}.", ""]
        lines += ["| published in | by | attacks |", "| --- | --- | --- |", *_rows(catalogue)]
    lines += ["", "## Sources", "", "| | what | address |", "| --- | --- | --- |"]
    lines += [f"| {key} | {title} | <{address}> |" for key, (title, address) in SOURCES.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
