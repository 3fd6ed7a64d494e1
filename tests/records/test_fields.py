"""Fields for a page, names for a list, values for the search, files, prohibitions, second looks: all through marks."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.records import (
    CheckedRecord,
    Domain,
    Domains,
    attachments,
    check,
    compare_attachments,
    forbidden_fields,
    person_names,
    read_fields,
    read_xml,
    searchable_values,
    second_look,
    with_digests,
)
from node.records.fields import fold, second_look_words

REPLY = (Path(__file__).parents[2] / "schemas/returns/1/examples/good/reply-for-each-person.xml").read_bytes()


def test_a_record_reads_as_a_list_of_sections(returns: Domain, full_application: bytes) -> None:
    shape = returns.records["ReadmissionApplication"]
    lines = read_fields(full_application, shape)
    sections = [line.label for line in lines if line.marks.has("section")]
    assert sections == [
        "The application", "A. Personal details", "B. Spouse", "C. Children", "D. Special circumstances",
        "E. Means of evidence", "F. Observations", "Signature and seal", "Attached files",
    ]  # fmt: skip
    assert all(line.level == 0 and line.value == "" for line in lines if line.marks.has("section"))
    root = read_xml(full_application)
    written = [" ".join(node.text.split()) for node in root.iter("{*}*") if len(node) == 0 and node.text]
    shown = [line.code or line.value for line in lines if line.type != "group" and "@" not in line.path]
    assert shown == written
    assert not [line for line in lines if line.marks.has("nonce")]
    (surname, *_) = [line for line in lines if line.path.endswith("PersonalDetails/FullName/PrimaryIdentifier")]
    assert (surname.label, surname.value, surname.level) == ("Surname", "ERIKSSON", 2)


def test_codes_are_shown_in_words_and_languages(returns: Domain, application: bytes) -> None:
    shape = returns.records["ReadmissionApplication"]
    in_albanian = {line.path: line for line in read_fields(application, shape, "sq")}
    sex = in_albanian["ReadmissionApplication/PersonalDetails/Sex"]
    assert (sex.label, sex.value, sex.code) == ("4. Gjinia", "femër", "F")
    state = in_albanian["ReadmissionApplication/Head/From/State"]
    assert (state.label, state.value) == ("Shteti", "Francë")
    office = in_albanian["ReadmissionApplication/Signature/Office"]
    assert office.label == "Office that signs", "English where a language lacks the label"


def test_what_the_shape_does_not_know_is_shown_all_the_same(returns: Domain) -> None:
    content = (returns.folder / "examples" / "bad" / "unknown-element.xml").read_bytes()
    lines = read_fields(content, returns.records["ReadmissionApplication"])
    (line,) = [line for line in lines if line.label == "AsylumStatus"]
    assert line.value == "none"


def test_names_of_persons_with_their_ids(returns: Domain, full_application: bytes) -> None:
    names = person_names(full_application, returns.records["ReadmissionApplication"])
    first = names[0]
    assert str(first) == "ERIKSSON, ANNA MARIA"
    assert (first.person, first.native, first.main) == ("p1", "ЕРИКССОН АННА МАРИА", True)
    main = [(name.person, str(name)) for name in names if name.main]
    assert main == [
        ("p1", "ERIKSSON, ANNA MARIA"),
        ("p2", "VAN DER MUELLEN, MARTIN"),
        ("p3", "SMITH-JONES, SUSIE MARGARET"),
        ("p4", "HENG, DEBORAH MING LO"),
        ("p5", "O'CONNOR, ENYA SIOBHAN"),
        ("p6", "PAPANDROPOULOUS, JONATHON ALEC"),
        ("p2", "VAN DER MUELLEN, MARTIN"),
        ("p3", "SMITH-JONES, SUSIE MARGARET"),
    ]
    assert [(name.person, str(name)) for name in names if not name.main] == [
        ("p1", "SMITH-JONES"),
        ("p1", "AL-BASRI, HUDA MUHAMMAD JAWAD"),
        ("p2", "ARKFREITH"),
        ("p2", "VILARCHAO FERNANDEZ, JOSE RAMON"),
    ]
    (confirmed,) = person_names(REPLY, returns.records["Reply"])
    assert (confirmed.person, str(confirmed)) == ("p1", "ERIKSSON, ANNA MARIA")


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZČĆŠŽĐËÇ' -", min_size=1, max_size=40).filter(str.strip))
def test_any_name_comes_out_as_it_went_in(domains: Domains, returns: Domain, name: str) -> None:
    content = returns.files["examples/good/application.xml"].replace(b"ERIKSSON</P", name.encode() + b"</P")
    result = check(content, domains)
    assert isinstance(result, CheckedRecord)
    assert person_names(result.root, result.shape)[0].primary == name.strip()


def test_values_to_find_a_record_by(returns: Domain, application: bytes) -> None:
    values = searchable_values(application, returns.records["ReadmissionApplication"])
    assert [(value.kind, value.value) for value in values] == [
        ("reference", "DEMO-2026-0417"),
        ("name-primary", "ERIKSSON"),
        ("name-secondary", "ANNA MARIA"),
        ("date-of-birth", "1974-08-12"),
        ("document-number", "L898902C3"),
    ]


def test_files_that_a_record_lists(returns: Domain, application: bytes) -> None:
    shape = returns.records["ReadmissionApplication"]
    photograph, passport = attachments(application, shape)
    assert (photograph.name, photograph.kind, photograph.media_type, photograph.persons) == (
        "photograph-p1.jpg", "photograph", "image/jpeg", ("p1",),
    )  # fmt: skip
    passport_file = returns.files["examples/attachments/passport-p1.pdf"]
    photographed, scanned = (hashlib.sha256(content).hexdigest() for content in (b"a photograph", passport_file))
    files = {"photograph-p1.jpg": photographed, "passport-p1.pdf": scanned}
    assert passport.sha256 == scanned
    (problem,) = compare_attachments(application, shape, files)
    assert (problem.rule, problem.field, problem.line) == ("attachment:digest", "Attachments/Attachment[1]", 70)
    filled = with_digests(application, shape, {"photograph-p1.jpg": photographed})
    assert compare_attachments(filled, shape, files) == []
    rules = [one.rule for one in compare_attachments(filled, shape, {"passport-p1.pdf": scanned, "more.pdf": "0" * 64})]
    assert rules == ["attachment:missing", "attachment:unlisted"]


def test_a_digest_put_in_keeps_the_record_valid(domains: Domains, returns: Domain, application: bytes) -> None:
    filled = with_digests(application, returns.records["ReadmissionApplication"], {"passport-p1.pdf": "0" * 64})
    result = check(filled, domains)
    assert isinstance(result, CheckedRecord)
    assert attachments(result.root, result.shape)[1].sha256 == "0" * 64


@pytest.mark.parametrize(
    ("sender", "receiver", "certain"),
    [
        ("NLD", "XKX", [True]),
        ("NLD", "SRB", []),
        ("FRA", "XKX", []),
        (None, "XKX", [False]),
        ("NLD", None, [False]),
        ("FRA", None, []),
        (None, None, [False]),
    ],
)
def test_fields_that_may_not_go_to_a_peer(
    returns: Domain, full_application: bytes, sender: str | None, receiver: str | None, certain: list[bool]
) -> None:
    found = forbidden_fields(full_application, returns.records["ReadmissionApplication"], sender, receiver)
    assert [one.certain for one in found] == certain
    if found:
        assert found[0].path == "ReadmissionApplication/SpecialCircumstances/ParticularlyDangerous"
        assert found[0].basis


@pytest.mark.parametrize(
    "text",
    [
        "He applied for asylum in May.", "zahtjev za međunarodnu zaštitu", "ZAHTEV ZA MEDJUNARODNU ZASTITU",
        "тражио је међународну заштиту", "kërkesë për azil", "Flüchtlingseigenschaft", "réfugié statutaire",
        "richiedente asilo", "барање за меѓународна заштита", "sub­sidiary  protection".replace("\u00ad", ""),
    ],
)  # fmt: skip
def test_protection_in_a_text_asks_for_a_second_look(returns: Domain, application: bytes, text: str) -> None:
    content = application.replace(b"<Street>1 Specimen Street<", f"<Street>{text}<".encode())
    found = second_look(content, returns)
    assert [one.label for one in found] == ["Street and number"]


def test_ordinary_texts_need_no_second_look(returns: Domain, full_application: bytes) -> None:
    assert second_look(full_application, returns) == ()
    harmless = full_application.replace(b"Specimen Airport", "Međunarodni aerodrom Basilo".encode())
    assert second_look(harmless, returns) == ()


def test_no_name_label_or_code_of_ours_tells_of_protection(returns: Domain) -> None:
    patterns = [pattern for _, _, pattern in second_look_words(returns)]
    assert len(patterns) > 40
    shapes = returns.records.values()
    labels = {label for shape in shapes for table in shape.labels.by_language.values() for label in table.values()}
    for text in {field for shape in shapes for field in shape.fields} | labels:
        assert not any(pattern.search(fold(text)) for pattern in patterns), text
    # Most records use the same code lists.
    lists = {codes.name: codes for shape in shapes for codes in shape.codes.values()}
    told: set[str] = set()
    for codes in lists.values():
        for code in codes.codes.values():
            texts = {fold(text) for text in [code.code, *code.labels.values()]}
            if any(pattern.search(text) for pattern in patterns for text in texts):
                told.add(f"{codes.name}/{code.code}")
    # The two codes of travel documents; the rule nationality-not-status keeps them out of nationalities.
    assert told == {"states/XXB", "states/XXC"}
