"""What commands do, programs may do too: every command has its address, or is named as one without."""

import re

from node.api.application import described_routes
from node.cli.parser import build_parser
from tests.docs.console import ROOT
from tests.docs.test_command_line import verbs

PAGE = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Commands and addresses")[2].partition("\n## ")[0]
ALONE = {
    "init", "serve", "upgrade", "demo", "user add", "user remove", "token add", "token list", "token remove",
    "person index", "mail bounced", "folder",
}  # fmt: skip


def test_every_command_has_an_address_or_is_one_of_the_machine_alone() -> None:
    rows = dict(re.findall(r"^\| `depesha ([a-z ]+)` \| `([A-Z]+ /\S+)` \|$", SECTION, flags=re.M))
    assert {*rows, *ALONE} == {name.removeprefix("depesha ") for name, _ in verbs(build_parser())}
    there = {f"{one.declared.method} {one.path.replace(':path', '')}" for one in described_routes()}
    assert set(rows.values()) <= there
    assert not set(rows) & ALONE
    for name in ALONE:
        group = name.split(" ")[0]
        assert f"`{name}`" in SECTION or f"`{group} …`" in SECTION, name
