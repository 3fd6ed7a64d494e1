"""Machine-readable zones: the standard's specimens and vectors, each field, what is wrong named with where and how."""

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records.persons import Mrz, MrzError, check_digit, read_mrz, write_names
from node.records.persons.told import tell_mrz

HERE = Path(__file__).parent
VECTORS = list(csv.DictReader((HERE / "mrz-vectors.csv").open()))
NAMES = list(csv.DictReader((HERE / "mrz-name-vectors.csv").open()))
TODAY = date(2026, 11, 25)
TD3 = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
TD1 = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]


def lines_of(row: dict[str, str]) -> list[str]:
    return [row[key] for key in ("line1", "line2", "line3") if row[key]]


def vector(name: str) -> Mrz:
    return read_mrz(lines_of(next(row for row in VECTORS if row["id"] == name)), TODAY)


@pytest.mark.parametrize("row", VECTORS, ids=lambda row: row["id"])
def test_a_vector_is_valid_or_not_as_it_says(row: dict[str, str]) -> None:
    try:
        found = read_mrz(lines_of(row), TODAY)
    except MrzError:
        assert row["expected"] == "invalid"
    else:
        assert found.valid == (row["expected"] == "valid"), found.problems
        assert found.format == row["format"]


@pytest.mark.parametrize(
    ("name", "field", "line", "position", "hint"),
    [
        ("td3-bad-number-digit", "number", 2, 1, ""),
        ("td3-bad-number-check", "number", 2, 1, ""),
        ("td3-bad-dob", "birth", 2, 14, ""),
        ("td3-bad-expiry-check", "expiry", 2, 22, ""),
        ("td3-bad-personal-check", "optional", 2, 29, ""),
        ("td3-bad-composite", "composite", 2, 44, ""),
        ("td3-o-for-zero", "number", 2, 1, "It would agree with L898902C3"),
    ],
)
def test_what_a_check_digit_contradicts_is_named(name: str, field: str, line: int, position: int, hint: str) -> None:
    problem = vector(name).problems[0]
    assert (problem.field, problem.line, problem.position) == (field, line, position)
    assert hint in problem.remedy
    assert problem.remedy.startswith("Compare")


@pytest.mark.parametrize("row", NAMES, ids=lambda row: row["source"][:40])
def test_a_name_is_written_as_the_standard_writes_it(row: dict[str, str]) -> None:
    primary, _, secondary = row["name_in_visual_zone"].partition(", ")
    expected = row["expected_line"]
    prefix = 0 if len(expected) == 30 else 5
    assert write_names(primary, secondary, len(expected) - prefix) == expected[prefix:]


def test_the_specimens_are_read_field_by_field() -> None:
    td3 = vector("td3-specimen")
    assert (td3.document, td3.issuer, td3.number, td3.nationality) == ("P", "UTO", "L898902C3", "UTO")
    assert (td3.primary, td3.secondary, td3.sex) == ("ERIKSSON", "ANNA MARIA", "F")
    assert (str(td3.birth), str(td3.expiry), td3.optional) == ("1974-08-12", "2012-04-15", ("ZE184226B",))
    assert not td3.truncated
    td1 = vector("td1-specimen")
    assert (td1.number, td1.primary, td1.secondary, td1.optional) == ("D23145890", "ERIKSSON", "ANNA MARIA", ("", ""))
    visa = vector("mrva-specimen")
    assert (visa.document, visa.nationality, str(visa.birth), str(visa.expiry)) == (
        "V",
        "XXX",
        "1940-09-07",
        "1996-12-10",
    )
    assert visa.optional == ("6ZE184226B",)
    assert vector("mrvb-specimen").format == "MRVB"


def test_codes_lead_to_what_a_record_holds() -> None:
    def in_record(name: str) -> str:
        code = vector(name).nationality_code
        assert code is not None
        return code.in_record

    assert in_record("td3-rks") == "XKX"
    assert in_record("td3-deu") == "DEU"
    assert in_record("td3-srb") == "SRB"
    stateless = vector("td3-stateless").nationality_code
    assert stateless is not None
    assert stateless.without_nationality
    assert stateless.in_record == "XXA"


@pytest.mark.parametrize("code", ["YUG", "SCG"])
def test_a_state_that_is_no_more_is_known_and_not_recorded(code: str) -> None:
    lines = [one.replace("UTO", code) for one in TD3]
    found = read_mrz(lines, TODAY)
    assert (found.issuer, found.nationality, found.problems) == (code, code, ())
    assert tell_mrz(lines, TODAY)["nationality_in_record"] is None
    assert tell_mrz(TD3, TODAY)["nationality_in_record"] == "UTO"


def test_what_is_not_known_stays_unknown() -> None:
    assert str(vector("td3-stateless").birth) == "1970"
    assert vector("td3-stateless").sex == "X"
    blank = f"{'L898902C36'}UTO<<<<<<<F1204159<<<<<<<<<<<<<<<"
    line = blank + check_digit(blank[:10] + blank[13:20] + blank[21:43])
    found = read_mrz([TD3[0], line], TODAY)
    assert found.valid, found.problems
    assert str(found.birth) == "unknown"
    month = "7408<<"
    written = f"L898902C36UTO{month}{check_digit(month)}F1204159<<<<<<<<<<<<<<<"
    found = read_mrz([TD3[0], written + check_digit(written[:10] + written[13:20] + written[21:43])], TODAY)
    assert found.valid, found.problems
    assert str(found.birth) == "1974-08"


def test_a_number_of_more_than_nine_characters_goes_on_in_the_optional_data() -> None:
    number = "D23145890734"
    first = f"I<UTO{number[:9]}<{number[9:]}{check_digit(number)}".ljust(30, "<")
    second = "7408122F1204159UTO<<<<<<<<<<<"
    second += check_digit(first[5:30] + second[0:7] + second[8:15] + second[18:29])
    found = read_mrz([first, second, TD1[2]], TODAY)
    assert (found.number, found.optional, found.problems) == (number, ("", ""), ())
    wrong = first.replace("D2", "D3", 1)
    problems = read_mrz([wrong, second, TD1[2]], TODAY).problems
    assert [(one.field, one.line, one.position) for one in problems] == [("number", 1, 6), ("composite", 2, 30)]


def test_a_name_that_fills_its_field_may_have_been_cut() -> None:
    line = "P<UTONILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"
    assert read_mrz([line, TD3[1]], TODAY).truncated


def test_a_check_digit_does_not_tell_a_from_zero() -> None:
    one, other = vector("td3-blind-spot-a-0"), vector("td3-blind-spot-0-a")
    assert one.valid
    assert other.valid
    assert one.number != other.number


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (TD3[:1], "2 or 3 lines"),
        ([], "2 or 3 lines"),
        ([TD3[0], TD3[1][:-1]], "2 lines of 44 or 36 characters"),
        ([TD3[0], TD3[1] + "<"], "2 lines of 44 or 36 characters"),
        ([TD3[0], TD3[1][:36]], "2 lines of 44 or 36 characters"),
        (["V" + TD3[0][1:], TD3[1][:-1]], "2 lines of 44 or 36 characters"),
        ([*TD1[:2], TD1[2][:-1]], "3 lines of 30 characters"),
        ([TD3[0], "Ł" + TD3[1][1:]], "A-Z, 0-9 and <"),
        ([TD3[0], " " + TD3[1][:20] + " " + TD3[1][21:]], "A-Z, 0-9 and <"),
    ],
)
def test_lines_that_fit_no_format_are_refused_in_words(lines: list[str], expected: str) -> None:
    with pytest.raises(MrzError) as refused:
        read_mrz(lines, TODAY)
    assert refused.value.problem.expected == expected
    assert refused.value.problem.remedy


@pytest.mark.parametrize(
    ("line", "at", "new", "field"),
    [(0, 2, "QQQ", "issuer"), (1, 10, "ABC", "nationality"), (1, 20, "A", "sex"), (0, 5, "0", "names"),
     (1, 13, "741332", "birth"), (1, 21, "12O415", "expiry")],
)  # fmt: skip
def test_fields_have_their_form(line: int, at: int, new: str, field: str) -> None:
    lines = list(TD3)
    lines[line] = lines[line][:at] + new + lines[line][at + len(new) :]
    assert field in [problem.field for problem in read_mrz(lines, TODAY).problems]


def test_letter_case_and_spaces_around_count_for_nothing() -> None:
    assert read_mrz([f" {line.lower()} \n" for line in TD3], TODAY).valid


@pytest.mark.parametrize(
    ("two", "born", "expires"), [("26", "1926", "2026"), ("25", "2025", "2025"), ("00", "2000", "2000"),
                                 ("77", "1977", "1977"), ("76", "1976", "2076"), ("75", "1975", "2075")]
)  # fmt: skip
def test_centuries_follow_from_today(two: str, born: str, expires: str) -> None:
    on = f"{two}1231"
    line = f"L898902C36UTO{on}{check_digit(on)}F{on}{check_digit(on)}<<<<<<<<<<<<<<<"
    found = read_mrz([TD3[0], line + check_digit(line[:10] + line[13:20] + line[21:43])], TODAY)
    assert (str(found.birth)[:4], str(found.expiry)[:4]) == (born, expires)


@pytest.mark.parametrize(
    ("on", "today", "born"),
    [
        ("261125", date(2026, 11, 25), "2026-11-25"),
        ("261125", date(2026, 11, 24), "1926-11-25"),
        ("2611<<", date(2026, 11, 1), "2026-11"),
        ("26<<<<", date(2026, 1, 1), "2026"),
    ],
)
def test_who_is_born_today_is_not_a_hundred_years_old(on: str, today: date, born: str) -> None:
    line = f"L898902C36UTO{on}{check_digit(on)}F1204159<<<<<<<<<<<<<<<"
    found = read_mrz([TD3[0], line + check_digit(line[:10] + line[13:20] + line[21:43])], today)
    assert (str(found.birth), found.problems) == (born, ())


@settings(deadline=None)
@given(st.sampled_from(range(44)), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"))
def test_no_change_of_one_character_in_what_is_checked_goes_unseen_but_by_the_digits_value(
    at: int, letter: str
) -> None:
    values = {"<": 0, **{str(n): n for n in range(10)}, **{chr(65 + n): 10 + n for n in range(26)}}
    changed = TD3[1][:at] + letter + TD3[1][at + 1 :]
    found = read_mrz([TD3[0], changed], TODAY)
    same = (values[letter] - values[TD3[1][at]]) % 10 == 0
    checked = not (10 <= at < 13 or at == 20)
    if checked and not same:
        assert not found.valid
    if changed == TD3[1]:
        assert found.valid


@settings(deadline=None)
@given(st.text("ABCXYZ -'", max_size=30), st.text("ABCXYZ -", max_size=30), st.sampled_from([30, 31, 39]))
def test_a_written_name_fills_its_field_and_keeps_both_identifiers(primary: str, secondary: str, width: int) -> None:
    field = write_names(primary, secondary, width)
    assert len(field) == width
    letters = [word for word in secondary.replace("-", " ").split() if word]
    words = primary.replace("-", " ").replace("'", "").split()
    if words and letters:
        assert "<<" + letters[0][:1] in field
