"""Pages lead where they say, list what there is, and speak of the product only."""

import re
from pathlib import Path

import pytest

import node.store.tables as _tables  # noqa: F401 - fills the metadata
from node.as4 import ERRORS
from node.store.tables.row import metadata
from tests.docs.console import ROOT

OWN = ("README.md", "CHANGELOG.md", "docs/**/*.md", "docker/*", "adapters/*", "certs/*.md", "tests/**/README.md")
PAGES = sorted({path for pattern in OWN for path in ROOT.glob(pattern) if path.is_file()})
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OUTSIDE = ("https://", "http://", "mailto:")
# How the work is organised is nothing that a reader of the product needs.
FOREIGN = re.compile(
    r"/work/|\bissues? #?\d|\(#\d+\)|\bbuilder\b|\bagents?\b|\b(?:this|earlier|next) session\b|pypi\.org", re.I
)
PICTURE = re.compile(r"!\[[^\]]*\]\(|<img\b")
LONGEST_DECISION = 15


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_leads_somewhere_and_speaks_of_the_product(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if target.startswith(OUTSIDE):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(found.read_text(encoding="utf-8")), f"{target} has no such heading"
    assert not FOREIGN.search(text), FOREIGN.search(text)
    assert not PICTURE.search(text), "pictures go stale"


def test_the_index_leads_to_every_page() -> None:
    index = read("docs/index.md")
    for page in (ROOT / "docs").glob("*/*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        if not name.startswith("decisions/"):
            assert f"({name})" in index, name


def test_every_target_of_make_is_explained() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.M)
    page = read("docs/how-to/run-the-tests.md")
    rows = re.findall(r"^\| `make ([a-z-]+)` \|", page, re.M)
    assert sorted(rows) == sorted(targets)


def test_the_table_of_ci_has_its_stages_in_order() -> None:
    stages = re.findall(r'^stage "([^"]+)"', read(".ci/run"), re.M)
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", read("docs/reference/ci.md"), re.M)
    assert [row for row in rows if row not in ("stage", "---", "all")] == stages


def test_every_table_is_explained_and_no_other() -> None:
    page = read("docs/reference/storage.md").partition("## Tables")[2].partition("\n## ")[0]
    rows = [name for row in re.findall(r"^\| (`.+?) \|", page, re.M) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(rows) == sorted(metadata.tables)


def test_every_room_is_explained() -> None:
    page = read("docs/reference/rooms.md")
    for room in (ROOT / "node").iterdir():
        if room.name != "__init__.py" and (room.suffix == ".py" or (room / "__init__.py").exists()):
            assert f"`node/{room.name}{'/' if room.is_dir() else ''}`" in page, room.name


def test_every_code_is_explained_by_its_name() -> None:
    page = read("docs/reference/states.md")
    for code, (name, _) in ERRORS.items():
        assert f"| {code} | {name} |" in page, code


def test_decisions_are_short() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert decisions
    for decision in decisions:
        assert len(decision.read_text(encoding="utf-8").splitlines()) <= LONGEST_DECISION, decision.name
