"""Persons are found and linked by programs that may see who a case is about, within their unit."""

from tests.api.conftest import Site


def test_a_program_finds_a_person_whom_it_may_see(site: Site) -> None:
    lyon, graz = (site.program(unit, "officer", unit=unit) for unit in ("Lyon", "Graz"))
    sent = site.send(token=lyon)
    assert sent.status_code == 201, sent.text
    for token, count in ((lyon, 1), (graz, 0), (None, 1)):
        answer = site.ask("POST", "/persons/find", token=token, json={"text": "Eriks"})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["found"]) == count
    (found,) = site.ask("POST", "/persons/find", "auditor", json={"text": "ериксон 1974"}).json()["found"]
    assert (found["person"], found["message"], found["links"]) == ("p1", sent.json()["id"], [])
    assert site.ask("POST", "/persons/find", "it", json={"text": "Eriks"}).status_code == 403


def test_too_little_to_look_for_is_a_problem_that_repeats_no_name(site: Site) -> None:
    answer = site.ask("POST", "/persons/find", json={"text": "Đo"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["found"]) == ("text", "")
    assert "Đo" not in answer.text


def test_two_persons_are_linked_by_an_officer_and_shown_in_their_cases(site: Site) -> None:
    cases = []
    for _ in range(2):
        sent = site.send()
        assert sent.status_code == 201, sent.text
        cases.append(site.ask("GET", f"/cases/{sent.json()['case']}").json()["number"])
    body = {"one": f"{cases[1]}/p1", "other": f"{cases[0]}/p1", "as": "same"}
    for role in ("head", "auditor", "it"):
        assert site.ask("POST", "/persons/links", role, json=body).status_code == 403
    linked = site.ask("POST", "/persons/links", json=body)
    assert (linked.status_code, linked.json()) == (
        201,
        {"one": f"{cases[0]}/p1", "other": f"{cases[1]}/p1", "as": "same", "before": None},
    )
    (link,) = site.ask("GET", f"/cases/{cases[0]}").json()["links"]
    assert (link["person"], link["as"], link["with"]) == ("p1", "same", f"{cases[1]}/p1")
    assert site.ask("GET", f"/cases/{cases[0]}", "it").json()["links"] is None
    for wrong, status in (
        ({**body, "other": "nobody"}, 422),
        ({**body, "other": body["one"]}, 422),
        ({**body, "as": "cousin"}, 422),
        ({**body, "other": "2020-0001/p1"}, 404),
        ({**body, "other": f"{cases[0]}/p9"}, 422),
    ):
        assert site.ask("POST", "/persons/links", json=wrong).status_code == status, wrong


PASSPORT = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]


def test_machine_readable_lines_are_read_and_checked(site: Site) -> None:
    answer = site.ask("POST", "/persons/mrz", json={"lines": PASSPORT})
    assert answer.status_code == 200, answer.text
    read = answer.json()
    assert (read["valid"], read["format"], read["number"], read["birth"]) == (True, "TD3", "L898902C3", "1974-08-12")
    misread = [PASSPORT[0], PASSPORT[1].replace("L898902C3", "LB98902C3")]
    read = site.ask("POST", "/persons/mrz", "auditor", json={"lines": misread}).json()
    assert not read["valid"]
    assert [(one["field"], one["line"], one["position"]) for one in read["problems"]] == [
        ("number", 2, 1), ("composite", 2, 44),
    ]  # fmt: skip
    assert "L898902C3" in read["problems"][0]["remedy"]


def test_lines_of_no_format_are_a_problem_that_names_the_line(site: Site) -> None:
    answer = site.ask("POST", "/persons/mrz", json={"lines": [PASSPORT[0], PASSPORT[1][:-1]]})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["found"]) == ("lines[1]", "43 characters")
    assert "36 or 44" in error["expected"] or "44 or 36" in error["expected"]


def test_latin_letters_are_proposed_and_nothing_is_kept(site: Site) -> None:
    body = {"name": "Ђорђевић", "language": "sr-Cyrl"}
    for name in ("Ђорђевић", "Љиљана"):
        # An idempotency key keeps no answer here: another name under it gets an answer of its own.
        answer = site.ask("POST", "/persons/latin", json=body | {"name": name}, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 200, answer.text
    assert answer.json() == {"document": "LJILJANA", "language": "Ljiljana", "unknown": []}
    assert site.ask("POST", "/persons/latin", json=body | {"language": "српски"}).status_code == 422
