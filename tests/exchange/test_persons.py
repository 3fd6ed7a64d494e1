"""Persons are found on both sides over a sealed index that is written with the record, and links are remembered."""

import hmac
import json
import re
from typing import Any

import pytest
from sqlalchemy import delete, select

from node.audit.entry import open_entry
from node.exchange.case_reading import CaseReading
from node.exchange.listing import find_case, find_message
from node.exchange.parts_to_send import PartToSend
from node.exchange.person_find import find_person
from node.exchange.person_links import LinkRefused, find_place, link_persons, links_in
from node.exchange.search_index import SEARCH, build
from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.records.person_query import QueryRefused
from node.records.persons_described import described, search_terms
from node.store.columns import table_of
from node.store.tables import LogEntryKey
from tests.exchange.case_steps import example, submitted
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import EXAMPLES, Office

ACTION = "ReadmissionApplication"


@pytest.fixture
async def world(make_world: WorldMaker) -> World:
    return await make_world(they_send=True, depesha=True)


async def applied_for(world: World, primary: str, secondary: str, born: str = "1985-04-17", **more: Any) -> str:
    """An application about one person, which both sides have; its case's number here."""
    text = example("minimal-application.xml").content()
    application = b"".join(text).decode()
    named = re.sub(
        r"<FullName>.*?</FullName>",
        f"<FullName><PrimaryIdentifier>{primary}</PrimaryIdentifier>"
        f"<SecondaryIdentifier>{secondary}</SecondaryIdentifier></FullName>",
        application,
        count=1,
        flags=re.DOTALL,
    )
    named = re.sub(r"(<Birth>\s*<Date>)[^<]*", rf"\g<1>{born}", named, count=1)
    sent = submitted(world.ours, "theirs", PartToSend.of_bytes(named.encode(), "application/xml"), ACTION, **more)
    await world.ours.reaches(sent.id, "delivered")
    return sent.number


def names(office: Office, text: str, **more: Any) -> list[str]:
    return [one["name"] for one in find_person(office.node, text, "test", **more)["found"]]


async def test_both_sides_find_a_person_however_the_name_is_written(world: World) -> None:
    number = await applied_for(world, "Đorđević", "Džemila")
    for office in (world.ours, world.theirs):
        for asked in ("dordev", "Djordjević", "Gjorgjev", "ЂОРЂЕВИЋ", "džem", "Xhem", "ЏЕМИЛА", "Đorđević 1985"):
            assert names(office, asked) == ["Đorđević, Džemila"], asked
        for asked in ("Petrović", "Đorđević 1986", "vić đor"):
            expected = ["Đorđević, Džemila"] if asked == "vić đor" else []
            assert names(office, asked) == expected, asked
        for asked in ("1985-04-17", "1985-04", "1985"):
            (one,) = find_person(office.node, asked, "test")["found"]
            assert (one["by"], one["person"], one["born"]) == ("birth", "p1", ["1985-04-17"])
    (one,) = find_person(world.ours.node, number, "test")["found"]
    assert (one["by"], one["case"]) == ("case", number)


async def test_both_sides_find_a_person_by_the_number_of_a_document_however_it_is_written(world: World) -> None:
    files = EXAMPLES / "attachments"
    record = example("application.xml")
    attached = [
        PartToSend.of_bytes((files / name).read_bytes(), media_type, name)
        for name, media_type in (("photograph-p1.jpg", "image/jpeg"), ("passport-p1.pdf", "application/pdf"))
    ]
    sent = submitted(world.ours, "theirs", record, ACTION, *attached)
    await world.ours.reaches(sent.id, "delivered")
    for office in (world.ours, world.theirs):
        for asked in ("L898902C3", "l 898-902 c3"):
            (one,) = find_person(office.node, asked, "test")["found"]
            assert (one["by"], one["person"], one["message"]) == ("number", "p1", sent.id), asked
        assert find_person(office.node, "L898902C4", "test")["found"] == []


async def test_too_little_is_refused_in_words(world: World) -> None:
    for asked in ("", "  ", "Đo", "a b", "1", "x" * 301):
        with pytest.raises(QueryRefused):
            find_person(world.ours.node, asked, "test")


async def test_the_index_holds_no_word_of_the_record_and_is_of_no_use_with_another_key(world: World) -> None:
    await applied_for(world, "HOXHA", "ARBEN")
    await applied_for(world, "HOXHA", "BESA")
    (first, second) = [row["terms"] for row in world.ours.rows(SEARCH)]
    assert re.fullmatch(r"[0-9a-f]{12}( [0-9a-f]{12})*", first)
    assert set(first.split()) & set(second.split()), "equal terms are equal: frequency is not hidden"
    (theirs, _) = [row["terms"] for row in world.theirs.rows(SEARCH)]
    assert not set(first.split()) & set(theirs.split())


async def test_a_refused_submission_leaves_no_row_and_a_missing_index_is_built_anew(world: World) -> None:
    await applied_for(world, "HOXHA", "ARBEN")
    with world.ours.node.database.write() as connection:
        connection.execute(delete(SEARCH))
    assert find_person(world.ours.node, "hoxha", "test") == {"found": [], "more": False, "not_indexed": 1}
    assert build(world.ours.node) == {"indexed": 1, "unreadable": 0}
    assert names(world.ours, "hoxha") == ["HOXHA, ARBEN"]
    assert build(world.ours.node) == {"indexed": 0, "unreadable": 0}


async def test_a_unit_finds_persons_of_its_cases_and_of_those_of_none(world: World) -> None:
    lyon = await applied_for(world, "HOXHA", "ARBEN", unit="Lyon")
    await applied_for(world, "HOXHA", "BESA")
    assert sorted(names(world.ours, "hoxha", unit="Lyon")) == ["HOXHA, ARBEN", "HOXHA, BESA"]
    assert names(world.ours, "hoxha", unit="Graz") == ["HOXHA, BESA"]
    with pytest.raises(QueryRefused):
        find_person(world.ours.node, lyon[:1], "test", unit="Graz")
    assert names(world.ours, lyon, unit="Graz") == []


async def test_each_search_is_logged_without_what_was_looked_for(world: World) -> None:
    number = await applied_for(world, "HOXHA", "ARBEN")
    find_person(world.ours.node, "Hoxha", "officer-7")
    find_person(world.ours.node, "Nobody", "officer-7")
    bodies = []
    for row in world.ours.rows(LOG_ENTRY):
        if row["type"] == "person.searched":
            (key,) = [one for one in world.ours.rows(table_of(LogEntryKey)) if one["id"] == row["id"]]
            bodies.append(json.loads(open_entry(row["leaf"], row["sealed"], key["wrapped"], world.ours.node.kek)[1]))
    assert [(one["actor"], one["facts"]["found"], one["facts"]["cases"]) for one in bodies] == [
        ("officer-7", 1, [number]), ("officer-7", 0, []),
    ]  # fmt: skip
    assert "hoxha" not in json.dumps(bodies).lower()
    assert bodies[0]["facts"]["asked_digest"] != bodies[1]["facts"]["asked_digest"]


async def test_what_was_said_of_two_persons_is_shown_from_both_sides_of_the_link(world: World) -> None:
    first = await applied_for(world, "HOXHA", "ARBEN")
    second = await applied_for(world, "HOXHA", "AGRON")
    node = world.ours.node
    with node.database.read() as connection:
        one, other = (find_place(node, connection, f"{number}/p1") for number in (first, second))
    assert link_persons(node, one, other, "same", "test")["before"] is None
    said = link_persons(node, other, one, "twin", "test")
    assert (said["one"], said["other"], said["as"], said["before"]) == (f"{first}/p1", f"{second}/p1", "twin", "same")
    assert link_persons(node, one, other, "another", "test")["before"] == "twin"
    with node.database.read() as connection:
        assert [link["as"] for link in links_in(connection, find_case(connection, first))["links"]] == ["another"]
    assert link_persons(node, one, other, "twin", "test")["before"] == "another"
    found = {person["case"]: person["links"] for person in find_person(node, "hoxha", "test")["found"]}
    assert {case: [(link["as"], link["with"]) for link in links] for case, links in found.items()} == {
        first: [("twin", f"{second}/p1")],
        second: [("twin", f"{first}/p1")],
    }
    with node.database.read() as connection:
        (shown,) = links_in(connection, find_case(connection, second))["links"]
    assert (shown["person"], shown["as"], shown["with"]) == ("p1", "twin", f"{first}/p1")
    assert links_of_theirs(world, second) == [], "it is our own note, and stays here"
    with node.database.read() as connection:
        for text in ("2026-0001", "nonsense", f"{first}/p9"):
            with pytest.raises(LinkRefused):
                find_place(node, connection, text)
    with pytest.raises(LinkRefused, match="one person"):
        link_persons(node, one, one, "same", "test")


def links_of_theirs(world: World, case: str) -> list[dict[str, Any]]:
    with world.theirs.node.database.read() as connection:
        links: list[dict[str, Any]] = links_in(connection, find_case(connection, case))["links"]
        return links


async def test_the_row_is_of_the_record_and_has_its_case(world: World) -> None:
    await applied_for(world, "HOXHA", "ARBEN")
    for office in (world.ours, world.theirs):
        (message,) = office.listed()
        with office.node.database.read() as connection:
            row = find_message(connection, message["id"])
            indexed = connection.execute(select(SEARCH.c.case_id).where(SEARCH.c.message == row["id"])).scalar_one()
        assert indexed == row["case_id"]


async def test_terms_are_sealed_by_hmac_sha256_so_that_an_index_holds_whoever_made_it(world: World) -> None:
    await applied_for(world, "HOXHA", "ARBEN")
    node = world.theirs.node
    with node.database.read() as connection:
        [row] = connection.execute(select(MESSAGE).where(MESSAGE.c.action == ACTION)).mappings()
        record = CaseReading(node, connection).record(row)
        [terms] = connection.scalars(select(SEARCH.c.terms))
    assert record is not None
    plain = search_terms(described(record.fields))
    assert "n:arb" in plain
    sealed = {hmac.digest(node.search_key, one.encode(), "sha256")[:6].hex() for one in plain}
    assert set(terms.split()) == sealed
