"""Whose a case is, said by programs of officers and heads."""

from node.access.accounts import add_user
from tests.api.conftest import Site


def test_a_case_is_given_to_an_officer_by_the_name_that_the_log_has(site: Site) -> None:
    sent = site.send()
    assert sent.status_code == 201, sent.text
    case = f"/cases/{sent.json()['case']}"
    with site.office.node.database.write() as connection:
        officer = add_user(connection, "Ana Kostić", "officer", None, site.office.node.now()).handle
        auditor = add_user(connection, "Vesna Marić", "auditor", None, site.office.node.now()).handle
    for role in ("auditor", "it"):
        assert site.ask("POST", f"{case}/officer", role, json={"officer": officer}).status_code == 403
    given = site.ask("POST", f"{case}/officer", "head", json={"officer": officer})
    number = site.ask("GET", case).json()["number"]
    assert (given.status_code, given.json()) == (
        200,
        {"case": sent.json()["case"], "number": number, "officer": officer},
    )
    for wrong, status in (
        ({"officer": auditor}, 422),
        ({"officer": "Ana Kostić"}, 422),
        ({"officer": "account-0000000000000000"}, 422),
        ({}, 422),
    ):
        answer = site.ask("POST", f"{case}/officer", json=wrong)
        assert answer.status_code == status, answer.text
    assert site.ask("POST", "/cases/2020-0001/officer", json={"officer": officer}).status_code == 404
    assert site.ask("POST", f"{case}/officer", json={"officer": None}).json()["officer"] is None
