"""Code lists: files with source, date and licence, the same codes in the XSD, Kosovo as agreed."""

from pathlib import Path

import pytest

from node.records import Domain, Domains
from node.records.codes import CodeListError, enumerations, read_code_list, read_code_lists
from node.records.write_codes import main

ABOUT = 'title = "T"\nsource = "S"\ndate = "2026-11-25"\nlicence = "L"\n'


def test_lists_and_xsd_have_the_same_codes(domains: Domains) -> None:
    seen = 0
    for domain in domains:
        for shape in domain.records.values():
            for field in shape.root.walk():
                if field.marks.codes:
                    assert field.enumeration == tuple(shape.codes[field.marks.codes].codes), field.path
                    seen += 1
    assert seen > 50


def test_every_list_is_used_by_a_field(domains: Domains) -> None:
    for domain in domains:
        used = {field.marks.codes for shape in domain.records.values() for field in shape.root.walk()}
        assert set(next(iter(domain.records.values())).codes) <= used


def test_every_list_names_source_date_and_licence(domains: Domains) -> None:
    for domain in domains:
        for codes in next(iter(domain.records.values())).codes.values():
            assert all((codes.title, codes.source, codes.date, codes.licence)), codes.name


def test_codes_that_the_form_and_icao_9303_need(returns: Domain) -> None:
    codes = returns.records["ReadmissionApplication"].codes
    assert list(codes["sex"].codes) == ["F", "M", "X"]
    assert {"XXA", "XXB", "XXC", "XXX", "XKX", "RKS", "XXK", "UNK", "UTO", "GBN"} <= set(codes["states"].codes)
    assert {"passport", "identity-card", "driving-licence", "other-document"} == set(codes["document-kinds"].codes)
    assert {"sq", "bs", "cnr", "hr", "mk", "sr", "en", "de", "fr", "it"} <= set(codes["languages"].codes)
    assert len(codes["evidence"].codes) == 37
    assert codes["sex"].label("F", "sq") == "femër"
    assert codes["sex"].label("F", "mk") == "female"
    assert codes["sex"].label("?") == "?"


def test_kosovo_is_written_with_its_note(returns: Domain) -> None:
    codes = returns.records["ReadmissionApplication"].codes
    entry = codes["countries"].codes["XKX"]
    assert all("UNSCR 1244" in label for label in entry.labels.values())
    assert "without prejudice to positions on status" in entry.facts["note"]
    assert not {"RKS", "XXK", "UNK", "XK"} & set(codes["countries"].codes)
    for other in ("RKS", "XXK", "UNK"):
        assert codes["states"].codes[other].facts["use_instead"] == "XKX"


@pytest.mark.parametrize(
    ("table", "about", "reason"),
    [
        ("code,en\nA,a\nA,b\n", ABOUT, "occurs twice"),
        ("code,en\nA,\n", ABOUT, "no English label"),
        ("code,en\nA,a,x\n", ABOUT, "another number of cells"),
        ("code,en\n", ABOUT, "no code in it"),
        ("key,en\nA,a\n", ABOUT, "must name the columns"),
        ("code,en\nA,a\n", 'title = "T"\nsource = "S"\ndate = "D"\n', "lacks licence"),
        ("code,en\nA,a\n", "title =", "no TOML"),
    ],
)
def test_a_list_that_is_wrong_says_why(table: str, about: str, reason: str) -> None:
    with pytest.raises(CodeListError, match=reason):
        read_code_list("list", table, about)


def test_a_list_without_description_says_which() -> None:
    with pytest.raises(CodeListError, match=r"codes/list\.toml"):
        read_code_lists({"codes/list.csv": b"code,en\nA,a\n"})


def test_enumerations_escape_what_xml_needs() -> None:
    text = enumerations("urn:x", {"list": read_code_list("list", 'code,en\n"a<&""b",x\n', ABOUT)})
    assert """value='a&lt;&amp;"b'""" in text


def test_write_codes_makes_the_file_that_is_there(returns: Domain, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "codes").mkdir()
    for path, content in returns.files.items():
        if path.startswith("codes/") or path == "domain.toml":
            (tmp_path / path).write_bytes(content)
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "records" / "codes.xsd").read_bytes() == returns.files["records/codes.xsd"]
    assert main([]) == 2
