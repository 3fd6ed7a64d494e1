"""The readmission application has every field of the agreements' form, in its order."""

import re

from lxml import etree

from node.records import Domain, read_xml
from node.records.explain import plain_path

# The form: head, then A to F; each line a point of it and where it stands in the record.
FORM = [
    ("emblem", "Head/Emblem"),
    ("place", "Head/Place"),
    ("date", "Head/Date"),
    ("reference", "Head/Reference"),
    ("from", "Head/From/Name"),
    ("to", "Head/To/Name"),
    ("accelerated procedure", "Head/AcceleratedProcedure"),
    ("interview requested", "Head/InterviewRequested"),
    ("A1 surname", "PersonalDetails/FullName/PrimaryIdentifier"),
    ("A1 given names", "PersonalDetails/FullName/SecondaryIdentifier"),
    ("A1 in its own script", "PersonalDetails/FullName/NativePrimary"),
    ("A2 maiden name", "PersonalDetails/MaidenName/PrimaryIdentifier"),
    ("A3 date of birth", "PersonalDetails/Birth/Date"),
    ("A3 place of birth", "PersonalDetails/Birth/Place"),
    ("A3 photograph", "PersonalDetails/Photograph/Image"),
    ("A4 sex", "PersonalDetails/Sex"),
    ("A4 physical description", "PersonalDetails/PhysicalDescription"),
    ("A5 also known as", "PersonalDetails/AlsoKnownAs/PrimaryIdentifier"),
    ("A6 nationality", "PersonalDetails/Nationality"),
    ("A6 language", "PersonalDetails/Language"),
    ("A7 civil status", "PersonalDetails/CivilStatus"),
    ("A7 spouse", "PersonalDetails/SpouseNamed/FullName"),
    ("A7 children's names", "PersonalDetails/ChildNamed/FullName"),
    ("A7 children's ages", "PersonalDetails/ChildNamed/Age"),
    ("A8 last address in the requested State", "PersonalDetails/LastAddress/Locality"),
    ("A8 parents' names", "PersonalDetails/Parent/FullName"),
    ("A8 previous nationality", "PersonalDetails/PreviousNationality"),
    ("B1", "Spouse/FullName/PrimaryIdentifier"),
    ("B2", "Spouse/MaidenName/PrimaryIdentifier"),
    ("B3 date", "Spouse/Birth/Date"),
    ("B3 place", "Spouse/Birth/Place"),
    ("B3 photograph", "Spouse/Photograph/Image"),
    ("B4 sex", "Spouse/Sex"),
    ("B4 description", "Spouse/PhysicalDescription"),
    ("B5", "Spouse/AlsoKnownAs/PrimaryIdentifier"),
    ("B6 nationality", "Spouse/Nationality"),
    ("B6 language", "Spouse/Language"),
    ("C name", "Children/Child/FullName/PrimaryIdentifier"),
    ("C date of birth", "Children/Child/Birth/Date"),
    ("C place of birth", "Children/Child/Birth/Place"),
    ("C sex", "Children/Child/Sex"),
    ("C description", "Children/Child/PhysicalDescription"),
    ("C nationality", "Children/Child/Nationality"),
    ("C language", "Children/Child/Language"),
    ("D1 special care", "SpecialCircumstances/Health/SpecialCare"),
    ("D1 contagious disease", "SpecialCircumstances/Health/ContagiousDisease"),
    ("D2 particularly dangerous, reasons", "SpecialCircumstances/ParticularlyDangerous/Reasons"),
    ("E kind: passport, identity card, driving licence, other", "MeansOfEvidence/Document/Kind"),
    ("E number", "MeansOfEvidence/Document/Number"),
    ("E date of issue", "MeansOfEvidence/Document/IssuedOn"),
    ("E place of issue", "MeansOfEvidence/Document/IssuedAt"),
    ("E authority", "MeansOfEvidence/Document/Authority"),
    ("E expiry", "MeansOfEvidence/Document/Expires"),
    ("F observations", "Observations/Text"),
    ("signature", "Signature/Office"),
    ("seal", "Signature/Seal"),
]
SECTIONS = ["PersonalDetails", "Spouse", "Children", "SpecialCircumstances", "MeansOfEvidence", "Observations"]


def test_every_point_of_the_form_is_there_in_order(returns: Domain) -> None:
    paths = list(returns.records["ReadmissionApplication"].fields)
    places = [paths.index(f"ReadmissionApplication/{path}") for _, path in FORM]
    assert places == sorted(places)


def test_sections_bear_the_letters_a_to_f(returns: Domain) -> None:
    shape = returns.records["ReadmissionApplication"]
    for letter, name in zip("ABCDEF", SECTIONS, strict=True):
        path = f"ReadmissionApplication/{name}"
        assert shape.fields[path].marks.has("section")
        for language in shape.labels.by_language:
            assert shape.label(path, language).startswith(f"{letter}. "), language


def test_points_bear_the_numbers_of_the_form(returns: Domain) -> None:
    shape = returns.records["ReadmissionApplication"]
    for point, path in FORM:
        number = re.match(r"A(\d) (?:sex|nationality|civil status|language)", point)
        if number:
            assert shape.label(f"ReadmissionApplication/{path}").startswith(f"{number.group(1)}. "), path


def test_the_full_example_has_every_field_of_the_shape(returns: Domain, full_application: bytes) -> None:
    shape = returns.records["ReadmissionApplication"]
    present = set()
    for node in read_xml(full_application).iter("{*}*"):
        present.add(plain_path(node))
        present.update(f"{plain_path(node)}/@{name}" for name in node.attrib)
    missing = {path.removeprefix("ReadmissionApplication/") for path in shape.fields.keys() - present}
    shared = re.compile(r"/(Native\w+|SecondaryIdentifier|Country|Eyes|Hair|Height|DistinguishingMarks|Other|Taken)$")
    # Parts of shared types that an example shows once, in the first place where they may stand.
    assert {path for path in missing if not shared.search(path)} == {
        "Head/To/Address", "Head/To/Contact", "PersonalDetails/SpouseNamed/@id", "PersonalDetails/Parent/@person",
        *(path for path in missing if re.search(r"(Attachment|OtherEvidence)/Original/(Sent|Received)", path)),
    }  # fmt: skip
    first = {path for path in missing if path.startswith(("PersonalDetails/FullName", "PersonalDetails/Physical"))}
    assert first == set()


def test_every_person_has_an_id_and_every_statement_names_persons(returns: Domain) -> None:
    for shape in returns.records.values():
        for field in shape.marked("person"):
            below = [*field.attributes, *field.children]
            assert any(one.marks.has("person-id") or one.marks.has("person-reference") for one in below), field.path
    for name in ("Document", "OtherEvidence", "Health", "ParticularlyDangerous", "Answer", "Asked", "Given"):
        found = [one for shape in returns.records.values() for one in shape.root.walk() if one.name == name]
        assert found
        for field in found:
            person = next(child for child in field.children if child.marks.has("person-reference"))
            assert person.minimum == 1, field.path


def test_every_fact_has_both_times_and_every_document_its_original(returns: Domain) -> None:
    facts = ("Interception", "Health", "ParticularlyDangerous", "Document", "OtherEvidence", "Answer", "Asked", "Given")
    for shape in returns.records.values():
        for field in shape.root.walk():
            if field is shape.root or field.name in facts:
                times = {kind for one in field.attributes if one.minimum for kind in one.marks.kinds}
                assert {"occurred", "recorded"} <= times, field.path
            if field.name == "Document":
                original = next(child for child in field.children if child.name == "Original")
                assert original.minimum == 1
                assert [child.name for child in original.children] == ["HeldBy", "Sent", "Received"]
                assert [child.name for child in original.children[1].children] == ["How", "Number", "Date"]


def test_every_record_has_a_nonce_of_32_bytes(returns: Domain) -> None:
    for shape in returns.records.values():
        (nonce,) = (one for one in shape.root.attributes if one.marks.has("nonce"))
        assert nonce.minimum == 1


def test_reply_takes_an_answer_for_each_person(returns: Domain) -> None:
    shape = returns.records["Reply"]
    answer = shape.fields["Reply/Answer"]
    assert answer.maximum is None or answer.maximum > 1
    branches = [child.name for child in answer.children if child.choice]
    assert branches == ["Accepted", "Refused", "ExtensionAsked"]
    for path in ("Reply/Answer/Refused/Reason", "Reply/Answer/ExtensionAsked/Reason"):
        assert shape.fields[path].minimum == 1
        assert [(child.name, child.minimum) for child in shape.fields[path].children] == [("Code", 1), ("Text", 1)]
    assert shape.fields["Reply/Answer/ExtensionAsked/Until"].minimum == 1


def test_no_place_for_internal_notes(returns: Domain) -> None:
    for shape in returns.records.values():
        assert not [path for path in shape.fields if re.search("internal|note|confidential", path, re.IGNORECASE)]


def test_xsd_is_valid_for_others_too(returns: Domain) -> None:
    """The files as they lie, read by libxml2 from disk as anyone would."""
    schema = etree.XMLSchema(etree.parse(returns.folder / "records" / "application.xsd"))
    assert schema.validate(etree.parse(returns.folder / "examples" / "good" / "full-application.xml"))
