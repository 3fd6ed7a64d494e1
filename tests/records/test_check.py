"""What the check tells whom, and that several threads get the same answers."""

import re
import secrets
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from node.records import CheckedRecord, Domains, check, check_files, questions, read_xml
from node.records.reading import MAX_ELEMENTS

EXAMPLES = Path(__file__).parents[2] / "schemas" / "returns" / "1" / "examples"
FULL = (EXAMPLES / "good" / "full-application.xml").read_bytes()
APPLICATION = (EXAMPLES / "good" / "application.xml").read_bytes()
EVIDENCE = APPLICATION[APPLICATION.index(b"<MeansOfEvidence>") : APPLICATION.index(b"</MeansOfEvidence>") + 18]
LEAVES = len([node for node in read_xml(FULL).iter("{*}*") if len(node) == 0])


def test_service_and_action_must_be_those_of_the_record(domains: Domains, application: bytes) -> None:
    service = "urn:depesha:returns:1"
    assert isinstance(check(application, domains, service, "ReadmissionApplication"), CheckedRecord)
    (other,) = check(application, domains, "urn:depesha:notice:1", "ReadmissionApplication")
    assert other.rule == "service"
    (other,) = check(application, domains, service, "Reply")
    assert other.rule == "action"
    assert other.for_peer().expected == "the record Reply"


@settings(max_examples=120, deadline=None)
@given(st.integers(0, LEAVES - 1), st.sampled_from(["value", "attribute", "element", "name"]))
def test_nothing_of_a_value_reaches_the_peer(domains: Domains, which: int, how: str) -> None:
    secret = "Zq" + secrets.token_hex(8)
    root = read_xml(FULL)
    leaf = [node for node in root.iter("{*}*") if len(node) == 0][which]
    if how == "value":
        leaf.text = secret + " 1"
    elif how == "attribute":
        leaf.set(secret, secret)
    elif how == "element":
        etree.SubElement(leaf, f"{{urn:depesha:returns:1}}{secret}").text = secret
    else:
        leaf.tag = f"{{urn:depesha:returns:1}}{secret}"
    result = check(etree.tostring(root), domains)
    for problem in result if isinstance(result, list) else []:
        assert secret not in str(problem.for_peer())
        assert secret not in problem.path


def test_the_holder_sees_the_value(domains: Domains) -> None:
    (row,) = check_files([EXAMPLES / "bad" / "sex-not-a-code.xml"], domains)
    assert row == {
        "file": str(EXAMPLES / "bad" / "sex-not-a-code.xml"),
        "line": 33,
        "field": "PersonalDetails/Sex",
        "found": "W",
        "expected": "one of F, M, X",
        "remedy": "Correct 4. Sex: write one of F, M, X.",
    }


@pytest.mark.parametrize("value", ["FR", "fra", "Frankreich", "Francë", "francuska"])
def test_the_code_that_a_wrong_value_stands_for_is_named_to_the_holder_alone(
    domains: Domains, application: bytes, value: str
) -> None:
    for old, path, codes in (
        (b"<State>FRA<", "Head/From/State", "countries"),
        (b"<Nationality>UTO<", "PersonalDetails/Nationality", "states"),
    ):
        wrong = application.replace(old, old[: old.index(b">") + 1] + value.encode() + b"<", 1)
        problems = check(wrong, domains)
        assert isinstance(problems, list)
        (problem,) = (one for one in problems if one.field == path)
        assert f"write FRA (France); codes/{codes}.csv of the domain’s folder has them all." in problem.remedy
        assert str(problem.for_peer()).endswith(f"expected a code of the list {codes}")


def test_a_value_that_stands_for_no_code_or_for_several_has_no_guess(domains: Domains, application: bytes) -> None:
    for value in (b"Atlantis", b"iso3166"):
        (problem,) = check(application.replace(b"<Nationality>UTO<", b"<Nationality>" + value + b"<"), domains)
        assert "take a code; codes/states.csv" in problem.remedy


def test_all_values_that_are_wrong_are_named_at_once(domains: Domains, application: bytes) -> None:
    wrong = application.replace(b"<Sex>F<", b"<Sex>W<").replace(b"<Height>168<", b"<Height>x<")
    problems = check(wrong, domains)
    assert isinstance(problems, list)
    assert [problem.field for problem in problems] == [
        "PersonalDetails/Sex",
        "PersonalDetails/PhysicalDescription/Height",
    ]


def test_a_file_that_is_not_there_is_a_row(domains: Domains, tmp_path: Path) -> None:
    (row,) = check_files([tmp_path / "nothing.xml"], domains)
    assert row["expected"] == "a file that can be read"
    assert check_files([EXAMPLES / "good" / "reply.xml"], domains) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"<Nationality>UTO<", b"<Nationality>FRA<", "not-own-national"),
        (b"<AcceleratedProcedure>false<", b"<AcceleratedProcedure>true<", "accelerated-interception"),
        (b"    <Photograph>\n      <Image>photograph-p1.jpg</Image>\n    </Photograph>\n", b"", "attachment-used"),
        (EVIDENCE, b"<MeansOfEvidence/>", "some-evidence"),
    ],
)
def test_a_question_refuses_nothing(domains: Domains, application: bytes, old: bytes, new: bytes, rule: str) -> None:
    assert old in application
    record = check(application.replace(old, new), domains)
    assert isinstance(record, CheckedRecord)
    assert [question.rule for question in questions(record)] == [rule]
    untouched = check(application, domains)
    assert isinstance(untouched, CheckedRecord)
    assert questions(untouched) == []


@pytest.mark.parametrize("code", [b"XKX", b"RKS", b"XXK", b"UNK"])
def test_a_nationality_with_several_codes_is_one(domains: Domains, application: bytes, code: bytes) -> None:
    own = check(application.replace(b"<State>FRA<", b"<State>XKX<").replace(b"UTO</N", code + b"</N"), domains)
    assert isinstance(own, CheckedRecord)
    assert [question.rule for question in questions(own)] == ["not-own-national"]
    alone = check(application.replace(b"UTO</N", code + b"</N"), domains)
    assert isinstance(alone, CheckedRecord)
    assert questions(alone) == []
    beside = b"UTO</Nationality><Nationality>%b</Nationality><Nationality>RKS</N" % code
    twice = check(application.replace(b"UTO</N", beside), domains)
    assert isinstance(twice, list)
    assert [problem.rule for problem in twice] == ["nationality-once"]


def test_prefixed_records_are_explained_alike(domains: Domains, application: bytes) -> None:
    prefixed = application.decode().replace("xmlns=", "xmlns:r=")
    prefixed = prefixed.replace("</", "</r:").replace("<Sex>F", "<Sex>W")
    prefixed = re.sub(r"<(?=[A-Z])", "<r:", prefixed)
    (problem,) = check(prefixed.encode(), domains)
    assert (problem.field, problem.found, problem.line) == ("PersonalDetails/Sex", "W", 33)


def test_threads_do_not_mix_their_findings(domains: Domains, application: bytes) -> None:
    bad = {
        path: [(problem.rule, problem.field) for problem in check(path.read_bytes(), domains)]
        for path in sorted((EXAMPLES / "bad").glob("*.xml"))
    }
    wrong: list[object] = []

    def run(offset: int) -> None:
        paths = list(bad)
        for turn in range(len(paths)):
            path = paths[(turn + offset) % len(paths)]
            found = check(path.read_bytes(), domains)
            if not isinstance(found, list) or [(one.rule, one.field) for one in found] != bad[path]:
                wrong.append((path, found))
            if not isinstance(check(application, domains), CheckedRecord):
                wrong.append("the good one failed")

    threads = [threading.Thread(target=run, args=(number * 7,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_work_grows_with_the_record_and_not_with_its_square(domains: Domains, full_application: bytes) -> None:
    """As many references as the limits allow, each to be found among as many persons as the shape allows."""
    root = read_xml(full_application)
    ns = "{urn:depesha:returns:1}"
    named = root.find(f"{ns}PersonalDetails/{ns}ChildNamed[@id]")
    document = root.find(f"{ns}MeansOfEvidence/{ns}Document")
    assert named is not None
    assert document is not None
    for number in range(40):
        another = etree.fromstring(etree.tostring(named))
        another.set("id", f"p{number + 100}")
        named.addnext(another)
    person = document.find(f"{ns}Person")
    assert person is not None

    def seconds(references: int) -> float:
        for _ in range(references):
            etree.SubElement(document, "x")
            document.remove(document[-1])
            person.addnext(etree.fromstring(etree.tostring(person)))
        content = etree.tostring(root)
        best = 9.0
        for _ in range(3):
            begun = time.process_time()
            assert isinstance(check(content, domains), CheckedRecord)
            best = min(best, time.process_time() - begun)
        return best

    small = seconds(1500)
    large = seconds(MAX_ELEMENTS - 4000)  # about ten times as many
    assert large < 60 * small
