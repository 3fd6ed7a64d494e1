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


def test_what_is_no_scan_is_refused_whatever_its_name_says(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "north")
    home.do("peer", "add", "--paper", "--party", "another", "--name", "Another")
    words = ("--act", "apply", "--channel", "fax", "--done", "2026-01-02T10:00:00Z", "--persons", "p1")
    case = ("--peer", "another", "--domain", "returns")
    for name, content, found in (
        ("fax.pdf", b"a note of what was said", "content of a kind that is not known"),
        ("fax.jpg", b"MZ\x90\x00", "a program"),
        ("fax.tif", b"PK\x03\x04", "ZIP"),
        ("empty.pdf", b"", "0 octets"),
    ):
        (tmp_path / name).write_bytes(content)
        said = home.refuses("case", "record", "new", *words, *case, "--scan", str(tmp_path / name))
        assert f"--scan: found {tmp_path / name}, {found}" in said
        assert "expected" in said
    assert home.do("case", "list") == []
    (tmp_path / "photograph.txt").write_bytes(b"\xff\xd8\xff\xe0 a fax")
    recorded = home.do("case", "record", "new", *words, *case, "--scan", str(tmp_path / "photograph.txt"))
    assert recorded["scans"] == 1
