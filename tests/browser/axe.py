"""axe-core, the accessibility checker: fetched once by npm at the version and digest that package-lock.json pins."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "axe"


def axe_source() -> str:
    """The text of axe.min.js. Where npm is missing the test is skipped; in CI that is a failure."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = BUILD / hashlib.sha256(lock).hexdigest()[:16]
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            if os.environ.get("CI") == "true":
                pytest.fail("npm is missing, and in CI nothing may be skipped")
            pytest.skip("axe-core needs npm")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return script.read_text(encoding="utf-8")


def violations(page: Any, source: str) -> list[str]:
    """What axe finds wrong with the page, a line each with rule, element and help; best practices included."""
    page.evaluate(source)
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{found['id']}: {node['target']} {found['help']} – {node['failureSummary']}"
        for found in result["violations"]
        for node in found["nodes"]
    ]
