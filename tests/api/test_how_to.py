"""The how-to page for national systems does what it says: its lines of curl, and its program in Python."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.access.test_programs import public
from tests.api.conftest import ATTACHED, PEER, RECORD, ROOT, Site
from tests.exchange.conftest import OURS
from tests.left_out import leave_out

PAGE = (ROOT / "docs/how-to/connect-a-national-system.md").read_text(encoding="utf-8")
SECONDS = 60


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    assert found is not None
    return found[1].replace("FRA-MOI", PEER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "system"
    made.mkdir()
    (made / "application.xml").write_bytes(RECORD)
    for name, content, _ in ATTACHED:
        (made / name).write_bytes(content)
    return made


def test_the_lines_of_curl(sqlite_site: Site, folder: Path) -> None:
    if shutil.which("curl") is None:
        leave_out("curl is not here")
    environment = {"TOKEN": sqlite_site.tokens["officer"], "API": sqlite_site.base, "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        ["bash", "-ec", block("sh").replace('"\n', '"; echo\n')], cwd=folder, env=environment, capture_output=True,
        text=True, timeout=SECONDS,
    )  # fmt: skip
    made, checked, sent = (json.loads(line) for line in ended.stdout.splitlines())
    assert made["record"] == "ReadmissionApplication"
    assert checked == []
    assert sent["state"] == "queued"
    assert sqlite_site.office.shown(sent["id"])["peer"] == PEER


def test_the_program_in_python(sqlite_site: Site, folder: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    (folder / "register.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sqlite_site.program("register", "officer", public_key=public(key))
    program = block("python").replace("https://depesha.interior.example/api/v1", sqlite_site.base)
    ended = subprocess.run(
        [sys.executable, "-c", program.replace("SRB-MOI", OURS)], cwd=folder, capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert (ended.stdout, ended.returncode) == ("queued queued\n", 0), ended.stderr
