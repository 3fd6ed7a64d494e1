"""An act on paper as it is typed: recorded, shown with who recorded it, and its scan taken out again."""

from pathlib import Path

from tests.trust_doors.homes import Home


def test_a_scan_that_was_recorded_is_taken_out_again(tmp_path: Path) -> None:
    home, paper, out = Home(tmp_path / "home", "north"), tmp_path / "fax.pdf", tmp_path / "out.pdf"
    paper.write_bytes(b"%PDF-1.7 a fax")
    home.do("peer", "add", "--paper", "--party", "another", "--name", "Another")
    case = ("--peer", "another", "--domain", "returns", "--persons", "p1")
    acts = ("--act", "apply", "--channel", "fax", "--done", "2026-01-02T10:00:00Z", "--scan", str(paper))
    recorded = home.do("case", "record", "new", *acts, *case)
    [shown] = home.do("case", "show", recorded["number"])["procedure"]["on_paper"]
    assert (shown["recorded_by"], shown["scans"]) == ("command line", 1)
    words = home.run("case", "show", recorded["number"]).out
    assert f"{recorded['id']} apply by fax, {shown['done']}; recorded by command line, scans: 1" in words
    taken = home.do("case", "scan", recorded["number"], recorded["id"], "1", "--out", str(out))
    assert (taken, out.read_bytes()) == ({"file": str(out), "size": 14}, paper.read_bytes())
    assert out.stat().st_mode & 0o777 == 0o600
    assert "no scan 2" in home.refuses("case", "scan", recorded["number"], recorded["id"], "2", "--out", str(out))
