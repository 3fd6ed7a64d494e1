"""Marks and the part of XSD that is understood."""

from pathlib import Path

import pytest
from lxml import etree

from node.records import Domain
from node.records.marks import KINDS, MarkError, read_marks
from node.records.xsd import XsdError, XsdReader

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "reference" / "records.md"
XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:m="urn:depesha:marks:1" xmlns="urn:x" targetNamespace="urn:x"'


def marks(inner: str) -> object:
    text = f"<xs:element {XS}><xs:annotation><xs:appinfo>{inner}</xs:appinfo></xs:annotation></xs:element>"
    return read_marks(etree.fromstring(text))


def reader(inner: str) -> XsdReader:
    return XsdReader("urn:x", {"records/a.xsd": etree.fromstring(f"<xs:schema {XS}>\n{inner}</xs:schema>")})


def test_what_the_application_s_fields_are(returns: Domain) -> None:
    shape = returns.records["ReadmissionApplication"]

    def of(path: str) -> frozenset[str]:
        return shape.fields[f"ReadmissionApplication/{path}"].marks.kinds

    assert of("PersonalDetails") == {"section", "person"}
    assert of("PersonalDetails/FullName") == {"person-name"}
    assert of("PersonalDetails/FullName/PrimaryIdentifier") == {"name-primary"}
    assert of("Spouse/AlsoKnownAs/NativePrimary") == {"name-native"}
    assert of("PersonalDetails/Birth/Date") == {"partial-date", "date-of-birth"}
    assert of("MeansOfEvidence/Document/Number") == {"document-number"}
    assert of("MeansOfEvidence/Document/MachineReadableLine") == {"mrz"}
    assert of("SpecialCircumstances/Health") == {"health"}
    assert of("SpecialCircumstances/Health/SpecialCare") == {"health", "free-text"}
    assert of("@nonce") == {"nonce"}
    searchable = {field.name for field in shape.root.walk() if field.marks.searchable}
    assert searchable == {
        "PrimaryIdentifier", "SecondaryIdentifier", "NativePrimary", "NativeSecondary", "Date", "Number", "Reference",
        "DocumentNumber",
    }  # fmt: skip
    (never,) = shape.fields["ReadmissionApplication/SpecialCircumstances/ParticularlyDangerous"].marks.never_to
    assert (never.sender, never.receiver) == ("NLD", "XKX")


def test_what_a_field_says_that_it_takes_goes_before_what_its_type_says(returns: Domain) -> None:
    health = "ReadmissionApplication/SpecialCircumstances/Health"
    fields = returns.records["ReadmissionApplication"].fields
    assert fields[f"{health}/ContagiousDisease"].expected() == "the disease's Latin name"
    name = fields["ReadmissionApplication/PersonalDetails/FullName/PrimaryIdentifier"]
    assert name.expected() == "a name in Latin letters, as in the travel document, without digits"


def test_every_mark_is_documented() -> None:
    text = DOCUMENTATION.read_text()
    for kind in KINDS:
        assert f"`{kind}`" in text, kind
    for mark in ("is", "searchable", "codes", "words", "never-to"):
        assert f"`m:{mark}`" in text, mark


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ("<m:is>helth</m:is>", "no field is 'helth'"),
        ("<m:serchable/>", "unknown mark 'serchable'"),
        ("<m:codes/>", "name a file"),
        ("<m:words> </m:words>", "say what the field takes"),
        ('<m:never-to country="XKX"/>', "basis is missing"),
        ('<m:never-to basis="x"/>', "country is missing"),
    ],
)
def test_a_mark_that_is_mistyped_is_an_error(inner: str, reason: str) -> None:
    with pytest.raises(MarkError, match=reason):
        marks(inner)


def test_other_people_s_appinfo_is_left_alone() -> None:
    assert marks('<y xmlns="urn:other">z</y>') == read_marks(etree.fromstring(f"<xs:element {XS}/>"))


TEXT = 'type="xs:string"'


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ('<xs:import namespace="urn:y"/>', "xs:import is not understood"),
        ('<xs:include schemaLocation="../other.xsd"/>', "names a file that is not beside"),
        ('<xs:include schemaLocation="http://x/y.xsd"/>', "names a file that is not beside"),
        (f'<xs:element name="A" {TEXT}/><xs:element name="A" {TEXT}/>', "declared twice"),
        ('<xs:element name="A"/>', "has no type"),
        ('<xs:element name="A" type="B"/>', "type B is not declared"),
        (f'<xs:element name="A" {TEXT} nillable="true"/>', "nillable"),
        ('<xs:element name="A"><xs:complexType><xs:all/></xs:complexType></xs:element>', "xs:all is not understood"),
        (
            '<xs:element name="A"><xs:complexType><xs:sequence><xs:any/></xs:sequence></xs:complexType></xs:element>',
            "xs:any is not understood",
        ),
        (
            '<xs:complexType name="T"><xs:sequence><xs:element name="B" type="T"/></xs:sequence></xs:complexType>'
            '<xs:element name="A" type="T"/>',
            "contains itself",
        ),
        (
            '<xs:element name="A"><xs:complexType><xs:choice maxOccurs="2"><xs:element name="B" type="xs:string"/>'
            "</xs:choice></xs:complexType></xs:element>",
            "occurs more than once",
        ),
        (
            '<xs:element name="A"><xs:complexType><xs:sequence><xs:element name="B" type="xs:string"/>'
            '<xs:element name="C" type="xs:string"/><xs:element name="B" type="xs:string"/>'
            "</xs:sequence></xs:complexType></xs:element>",
            "B is declared twice",
        ),
    ],
)
def test_what_no_form_can_be_made_of_is_refused_by_line(inner: str, reason: str) -> None:
    def read_all() -> None:
        found = reader(inner)
        for root in found.roots:
            found.read(root)

    with pytest.raises(XsdError, match=reason) as caught:
        read_all()
    assert caught.value.file == "records/a.xsd"
    assert caught.value.line == 2
