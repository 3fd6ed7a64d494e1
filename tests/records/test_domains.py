"""A domain is a folder: copies appear, broken ones say why, digests are stable, and no code names one."""

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from node.records import CheckedRecord, Domains, check, load_domains, new_record, schemas_directory

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
VERSIONS = ROOT / "node/store/migrations/versions"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plain copy of a domain, to be broken."""
    target = tmp_path / "fishing" / "1"
    shutil.copytree(SCHEMAS / "returns" / "1", target)
    return target


def reason(folder: Path) -> tuple[str, str]:
    loaded = load_domains([folder.parent.parent])
    assert loaded.all == ()
    (broken,) = loaded.broken
    assert broken.folder == folder
    return broken.file, broken.reason


def test_a_plain_copy_under_another_name_is_another_domain(folder: Path, domains: Domains, application: bytes) -> None:
    loaded = load_domains([SCHEMAS, folder.parent.parent])
    assert loaded.broken == ()
    assert {domain.namespace for domain in loaded} >= {"urn:depesha:fishing:1", "urn:depesha:returns:1"}
    fishing = loaded.named("fishing")
    returns = loaded.named("returns")
    assert fishing is not None
    assert returns is not None
    assert set(fishing.records) == set(returns.records)
    assert fishing.digest == returns.digest
    record = application.replace(b"urn:depesha:returns:1", b"urn:depesha:fishing:1")
    result = check(record, loaded)
    assert isinstance(result, CheckedRecord)
    assert result.domain is fishing
    (unknown,) = check(record, domains)
    assert unknown.rule == "domain"
    wrong = record.replace(b"<Nationality>UTO<", b"<Nationality>XXB<")
    (problem,) = check(wrong, loaded)
    assert problem.rule == "nationality-not-status"
    assert b'xmlns="urn:depesha:fishing:1"' in new_record(fishing, "Reply")
    for path, content in fishing.files.items():
        if path.startswith("examples/good/"):
            assert isinstance(check(content, loaded), CheckedRecord)


def test_another_version_stands_beside(tmp_path: Path) -> None:
    for version in ("1", "2", "10"):
        shutil.copytree(SCHEMAS / "returns" / "1", tmp_path / "fishing" / version)
    loaded = load_domains([tmp_path])
    assert [domain.version for domain in loaded] == ["1", "10", "2"]
    highest = loaded.named("fishing")
    assert highest is not None
    assert highest.namespace == "urn:depesha:fishing:10"
    second = loaded.named("fishing", "2")
    assert second is not None
    assert loaded.find("urn:depesha:fishing:2") is second
    assert loaded.find("urn:depesha:fishing:3") is None


def test_the_first_directory_wins(folder: Path, tmp_path: Path) -> None:
    other = tmp_path.with_name(tmp_path.name + "-other") / "fishing" / "1"
    shutil.copytree(folder, other)
    loaded = load_domains([folder.parent.parent, other.parent.parent])
    assert [domain.folder for domain in loaded] == [folder]
    assert [(one.folder, one.file) for one in loaded.broken] == [(other, "domain.toml")]


def test_the_digest_is_over_paths_and_contents(folder: Path) -> None:
    (domain,) = load_domains([folder.parent.parent])
    total = hashlib.sha256()
    for path in sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()):
        total.update(path.encode() + b"\0" + hashlib.sha256((folder / path).read_bytes()).digest())
    assert domain.digest == total.hexdigest()
    (folder / "labels" / "en.po").write_text((folder / "labels" / "en.po").read_text() + "\n")
    (changed,) = load_domains([folder.parent.parent])
    assert changed.digest != domain.digest


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "why"),
    [
        ("domain.toml", 'title = "Return', "title = Return", "domain.toml", "no TOML"),
        ("domain.toml", "title", "titel", "domain.toml", "title is missing"),
        ("domain.toml", "second_look", "third_look", "domain.toml", "unknown setting third_look"),
        ("domain.toml", '"second-look.csv"', '"words.csv"', "domain.toml", "second_look names words.csv, which is not"),
        ("domain.toml", "passport-p1.pdf", "visa.pdf", "domain.toml", "attachments names examples/attachments/visa"),
        ("domain.toml", '"Reply"', '"Repli"', "domain.toml", "demonstration.reply names no record: Repli"),
        ("domain.toml", "opening =", "# opening =", "domain.toml", "demonstration.opening names no record: None"),
        ("domain.toml", "urn:depesha:returns:1", "urn:depesha:other:1", "records/answers.xsd", "targetNamespace"),
        (
            "records/application.xsd",
            'type="yes-or-no"',
            'type="maybe"',
            "records/application.xsd",
            "maybe is not declared",
        ),
        ("records/application.xsd", "<m:is>health", "<m:is>helth", "records/application.xsd", "no field is 'helth'"),
        ("records/application.xsd", "</xs:schema>", "", "records/application.xsd", "not well-formed"),
        ("records/types.xsd", 'value="[0-9a-f]{64}"', 'value="[0-9a-f]{64"', "records/types.xsd", "line"),
        ("codes/sex.csv", "X,", "Y,", "records/codes.xsd", "run `python -m node.records.write_codes`"),
        ("codes/sex.csv", "M,male", "F,male", "codes/sex.csv", "occurs twice"),
        ("codes/sex.toml", "licence", "license", "codes/sex.csv", "lacks licence"),
        ("rules.sch", "r:From/r:State != ", "r:From/r:State !! ", "rules.sch", "do not compile"),
        ("rules.sch", 'id="two-states"', 'id="mrz-lines"', "rules.sch", "used twice"),
        (
            "rules.sch",
            "Correct one of the two dates.",
            "<sch:value-of select='.'/>",
            "rules.sch",
            "may not quote values",
        ),
        ("rules.sch", 'context="r:Health"', 'context="r:Health/@recorded"', "rules.sch", "context is an element"),
        ("labels/en.po", 'msgctxt "Reply"\n', "", "labels/en.po", "no msgctxt"),
    ],
)
def test_a_broken_folder_says_file_and_reason(folder: Path, file: str, old: str, new: str, at: str, why: str) -> None:
    edit(folder, file, old, new)
    found_file, found_reason = reason(folder)
    assert found_file == at
    assert why in found_reason


def test_a_folder_without_its_parts_says_so(folder: Path, tmp_path: Path) -> None:
    (folder / "codes" / "sex.toml").unlink()
    assert reason(folder) == ("codes/sex.csv", "codes/sex.toml with title, source, date, licence is missing beside it")
    (folder / "domain.toml").unlink()
    assert reason(folder)[0] == "domain.toml"
    shutil.rmtree(folder)
    (tmp_path / "Fishing" / "one").mkdir(parents=True)
    assert "small letters" in reason(tmp_path / "Fishing" / "one")[1]


def test_one_broken_folder_hinders_no_other(folder: Path) -> None:
    (folder / "rules.sch").write_text("<")
    loaded = load_domains([SCHEMAS, folder.parent.parent])
    assert loaded.named("returns") is not None
    assert [broken.file for broken in loaded.broken] == ["rules.sch"]


def test_domains_come_with_the_node() -> None:
    assert schemas_directory() == SCHEMAS
    assert load_domains().named("returns") is not None


def test_purposes_are_declared_and_not_named_in_code(domains: Domains) -> None:
    found = domains.with_purpose("notices")
    assert found is not None
    assert domains.with_purpose("something else") is None


def test_no_code_names_a_domain() -> None:
    names = sorted(path.name for path in SCHEMAS.iterdir() if path.is_dir())
    assert names
    found = []
    for name in names:
        pattern = re.compile(rf"""urn:depesha:{name}\b|schemas/{name}\b|["']{name}["']""")
        assert pattern.search(f'find("{name}")')
        for path in (ROOT / "node").rglob("*"):
            if path.parent == VERSIONS:
                continue  # a migration tells how rows of before are brought on, and those are of the domains of then
            if path.suffix in (".py", ".html", ".jinja", ".j2", ".sql", ".toml", ".txt", ".js"):
                for number, line in enumerate(path.read_text().splitlines(), 1):
                    if pattern.search(line):
                        found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []
