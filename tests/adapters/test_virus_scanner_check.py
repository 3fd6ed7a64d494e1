"""`doctor` asks the virus scanner about the EICAR test file and about a harmless text."""

import json
import socket
import sys
from pathlib import Path

import pytest

from adapters.virus_scanner_check import check_scanner
from node.config import Settings
from tests.adapters.test_virus_scanner import icap
from tests.trust_doors.homes import Home

SCANNER = (
    f"{sys.executable} -c \"import sys; bad = b'EICAR-STANDARD' in sys.stdin.buffer.read(); "
    "print('Eicar.Test FOUND' if bad else 'OK'); sys.exit(bad)\""
)


def settings(scanner: str | None) -> Settings:
    return Settings(party="us", name="Us", virus_scanner=scanner)


def test_a_scanner_that_knows_the_test_file_is_well() -> None:
    assert check_scanner(settings(None)) == []
    [check] = check_scanner(settings(SCANNER))
    assert (check.ok, check.found) == (True, "it called the EICAR test file infected (Eicar.Test FOUND)")


@pytest.mark.parametrize(
    ("scanner", "found", "remedy"),
    [
        ("true", "called the EICAR test file clean", "signatures"),
        ("false", "called a harmless text infected", "ends with 0 for clean"),
        ("/nowhere/scanner", "cannot be started", "correct the setting virus_scanner"),
        ("sh -c 'exit 2'", "ended with 2", "Start it"),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(scanner: str, found: str, remedy: str) -> None:
    [check] = check_scanner(settings(scanner))
    assert (check.ok, check.needed) == (False, False)
    assert found in check.found
    assert remedy in check.remedy


def test_an_icap_server_that_is_down_or_blind_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    [check] = check_scanner(settings(f"icap://127.0.0.1:{port}/avscan"))
    assert f"127.0.0.1:{port}" in check.found
    with icap(lambda request: b"ICAP/1.0 200 OK\r\nX-Infection-Found: Threat=Eicar;\r\n\r\n", 2) as address:
        assert "harmless text infected (Threat=Eicar;)" in check_scanner(settings(address))[0].found
    with icap(lambda request: b"ICAP/1.0 204 No Content\r\n\r\n", 2) as address:
        assert "EICAR test file clean" in check_scanner(settings(address))[0].found


def test_doctor_has_it_among_its_checks(tmp_path: Path) -> None:
    home = Home(tmp_path / "us", "us")
    home.set(virus_scanner="true")
    said = home.run("doctor", "--json")
    [check] = [one for one in json.loads(said.out) if one["check"] == "virus-scanner"]
    assert (said.status, check["ok"]) == (1, False)
