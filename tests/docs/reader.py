"""How-to pages as their reader follows them: each `depesha` command of a page's blocks, in order, on real nodes.

A page writes `ID` where the reader puts what an earlier command printed, and parties by names of its own; a test says
what those are. It takes the commands one by one, and says how each begins: one that the page lacks, or has besides, is
missed.
"""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.docs.console import ROOT
from tests.trust_doors.homes import Home, Said, command

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
SHELL = ("", "sh")


def commands_of(page: str) -> list[str]:
    """The commands of the page's blocks that are ours, in order, each in one line."""
    lines = [
        line.strip()
        for kind, block in BLOCK.findall(page)
        if kind in SHELL
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [re.sub(" +", " ", line) for line in lines if line.startswith("depesha ")]


class Reader:
    """One who follows a page at `folder`, with `names` for what the page calls things."""

    def __init__(self, page: str, folder: Path, names: Mapping[str, str]) -> None:
        self._left = commands_of((ROOT / "docs/how-to" / f"{page}.md").read_text(encoding="utf-8"))
        self._folder = folder
        self._names = names

    def run(self, begin: str, home: Home | None, /, **names: str) -> Said:
        """The next command, which begins so, on this node; what it printed. `>` writes that to a file."""
        assert self._left, f"the page has no more commands, expected {begin}"
        text = self._left.pop(0).removeprefix("depesha ")
        assert text.startswith(begin), f"the page goes on with: {text}"
        for name, here in (*names.items(), *self._names.items()):
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w-])", lambda _, here=here: here, text)
        words, file = shlex.split(text), None
        if ">" in words:
            *words, _, file = words
        said = command(*words) if home is None else home.run(*words)
        assert "Traceback" not in said.err, said.err
        if file is not None:
            (self._folder / file).write_text(said.out, encoding="utf-8")
        return said

    def do(self, begin: str, home: Home | None, /, **names: str) -> str:
        """The same, of a command that must succeed; what it printed."""
        said = self.run(begin, home, **names)
        assert said.status == 0, said
        return said.out

    def value(self, begin: str, home: Home, /, **names: str) -> Any:
        """The same by `--json`, as programs have it."""
        if self._left:
            self._left[0] += " --json"
        return json.loads(self.do(begin, home, **names))

    def sent(self, begin: str, home: Home, /, **names: str) -> dict[str, Any]:
        """A command that sends: what needs a second look is confirmed by its code, as the page says."""
        assert self._left, f"the page has no more commands, expected {begin}"
        line = self._left[0]
        self._left[0] = f"{line} --json"
        found = json.loads(self.run(begin, home, **names).out)
        codes = [one["code"] for one in found.get("findings", ())]
        if not codes:
            return dict(found)
        assert all(one["code"] and one["rule"] != "out-of-step" for one in found["findings"]), found
        self._left.insert(0, f"{line} --json --confirm {' '.join(codes)}")
        return dict(json.loads(self.do(begin, home, **names)))

    def end(self) -> None:
        """The page has no more commands."""
        assert self._left == []
