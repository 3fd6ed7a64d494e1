"""The commands of the README and of the tutorial do what the pages say, in order, from an empty home folder."""

from pathlib import Path

import pytest

from tests.docs.console import ROOT, run_page


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-exchange.md"])
def test_a_page_runs_as_written(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_page(ROOT / page, tmp_path, monkeypatch)
