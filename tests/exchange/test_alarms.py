"""Alarms through their commands, and a person's word that the peer has an unconfirmed message."""

import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

import node.cli.alarms as verbs
from node.audit.entry import open_entry
from node.cli import main
from node.exchange.settlement import ALARM, EVENT, LOG_ENTRY
from node.operations.checks import Check, run_checks
from node.store.columns import new_row_id, table_of
from node.store.payloads import find_payload, open_payload
from node.store.tables import LogEntryKey, Payload, PayloadKey, metadata
from tests.exchange.conftest import Stage, World
from tests.exchange.offices import Office, text_part
from tests.exchange.scripted import error_of, http, true_receipt
from tests.exchange.wire import letter, post

PAYLOAD, KEY, ENTRY_KEY = table_of(Payload), table_of(PayloadKey), table_of(LogEntryKey)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on the node of an office, and returns its exit status, value and complaint."""

    def run(office: Office, *words: str) -> tuple[int, Any, str]:
        monkeypatch.setattr(verbs, "open_node", lambda home: office.node)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main([*words, "--json", "--home", str(Path("unused"))])
        return status, json.loads(out.getvalue()) if out.getvalue() else None, err.getvalue()

    return run


def alarms_check(office: Office) -> Check:
    return next(check for check in run_checks(office.node) if check.name == "alarms")


def types(office: Office) -> list[str]:
    return [row["type"] for row in office.rows(LOG_ENTRY)]


async def test_an_alarm_of_other_content_is_listed_and_settled_with_a_note(make_world: Any, door: Any) -> None:
    world: World = await make_world(send=False)
    sent = letter(world.theirs.node, world.ours.node)
    await post(world.ours, sent)
    await post(world.ours, letter(world.theirs.node, world.ours.node, [("text/plain", b"other")], message_id=sent.id))
    _, (alarm,), _ = door(world.ours, "alarm", "list")
    assert (alarm["kind"], alarm["message"], alarm["settled"]) == ("other-content", sent.id, None)
    found = alarms_check(world.ours)
    assert (found.ok, found.found, found.needed, "depesha alarm list" in found.remedy) == (False, "1 open", False, True)
    status, _, said = door(world.ours, "alarm", "settle", alarm["id"], "--note", " ")
    assert (status, "--note" in said) == (1, True)
    assert door(world.ours, "alarm", "settle", alarm["id"], "--note", "their test system")[0] == 0
    assert door(world.ours, "alarm", "list")[1] == []
    assert alarms_check(world.ours).ok
    (settled,) = door(world.ours, "alarm", "list", "--all")[1]
    assert settled["settled"] is not None
    assert settled["note"] == "their test system"
    assert types(world.ours).count("alarm.settled") == 1
    committed(world.ours, "their test system")
    status, _, said = door(world.ours, "alarm", "settle", alarm["id"], "--note", "again")
    assert (status, "was settled" in said, types(world.ours).count("alarm.settled")) == (1, True, 1)


def committed(office: Office, note: str) -> None:
    """The note stands in no row in clear; the newest log entry commits to it and its salt, which are sealed."""
    (row,) = (one for one in office.rows(PAYLOAD) if one["kind"] == "note")
    with office.node.database.read() as connection:
        stored = find_payload(connection, row["message"], "note", row["n"])
        entry = connection.execute(select(LOG_ENTRY).order_by(LOG_ENTRY.c.id.desc()).limit(1)).one()
        wrapped = connection.scalar(select(ENTRY_KEY.c.wrapped).where(ENTRY_KEY.c.id == entry.id))
        for table in metadata.sorted_tables:
            for values in connection.execute(select(table)):
                assert note not in repr(tuple(values)), table.name
    assert stored is not None
    octets = b"".join(open_payload(stored, office.node.kek, office.node.blobs))
    assert octets[32:] == note.encode()
    body = json.loads(open_entry(entry.leaf, entry.sealed, wrapped, office.node.kek)[1])
    assert body["facts"]["note_digest"] == hashlib.sha256(octets).hexdigest()
    assert note not in json.dumps(body)


async def test_an_alarm_about_no_message_is_settled_with_a_note_too(make_world: Any, door: Any) -> None:
    world: World = await make_world(send=False)
    alarm = new_row_id(world.clock())
    with world.ours.node.database.write() as connection:
        connection.execute(insert(ALARM).values(id=alarm, time=world.clock(), kind="clock", detail="it stood still"))
    assert door(world.ours, "alarm", "list")[1][0]["message"] is None
    status, value, _ = door(world.ours, "alarm", "settle", str(alarm), "--note", "a new battery")
    assert (status, value["note"]) == (0, "a new battery")
    (settled,) = door(world.ours, "alarm", "list", "--all")[1]
    assert (settled["message"], settled["note"]) == (None, "a new battery")
    assert types(world.ours) == ["alarm.settled"]
    committed(world.ours, "a new battery")


async def test_an_erased_note_is_gone_and_the_alarm_stays(make_world: Any, door: Any) -> None:
    world: World = await make_world(send=False)
    sent = letter(world.theirs.node, world.ours.node)
    await post(world.ours, sent)
    await post(world.ours, letter(world.theirs.node, world.ours.node, [("text/plain", b"other")], message_id=sent.id))
    _, (alarm,), _ = door(world.ours, "alarm", "list")
    door(world.ours, "alarm", "settle", alarm["id"], "--note", "their test system")
    with world.ours.node.database.write() as connection:
        connection.execute(delete(KEY).where(KEY.c.kind == "note"))
    (settled,) = door(world.ours, "alarm", "list", "--all")[1]
    assert (settled["id"], settled["note"]) == (alarm["id"], None)


@pytest.mark.parametrize("id", ["7", "x", "9" * 30])
async def test_settling_an_alarm_that_is_not_there_says_how_to_find_one(stage: Stage, door: Any, id: str) -> None:
    status, _, said = door(stage.ours, "alarm", "settle", id, "--note", "why")
    assert (status, "depesha alarm list" in said) == (1, True)


async def test_the_peer_has_it_is_our_word_and_lets_the_case_go_on(stage: Stage, door: Any) -> None:
    stage.peer.script = [http(200), error_of("EBMS:0004", "This is a duplicate message"), true_receipt]
    first = stage.ours.submitted("theirs", text_part("first"))
    second = stage.ours.submit("theirs", text_part("second"), case=first.case)
    status, _, said = door(stage.ours, "message", "confirm", second, "--note", "too early")
    assert (status, "only an unconfirmed" in said) == (1, True)
    await stage.ours.attempted(first.id, 1)
    stage.ours.retry_now()
    await stage.ours.reaches(first.id, "unconfirmed")
    status, value, _ = door(stage.ours, "message", "confirm", first.id, "--note", "read out by telephone")
    assert (status, value) == (0, {"id": first.id, "state": "unconfirmed"})
    stage.ours.courier.wake()
    await stage.ours.reaches(second, "delivered")
    shown = stage.ours.shown(first.id)
    assert (shown["state"], shown["receipt_time"]) == ("unconfirmed", None)
    assert "by a person of ours" in shown["error"]["detail"]
    assert "duplicate" in shown["error"]["detail"]
    assert door(stage.ours, "alarm", "list")[1] == []
    assert types(stage.ours).count("message.peer-has-it") == 1
    assert [row["kind"] for row in stage.ours.rows(EVENT)] == ["message.peer-has-it"]
    assert "read out" not in repr([dict(row) for row in stage.ours.rows(EVENT)])
    assert "already" in door(stage.ours, "message", "confirm", first.id, "--note", "twice")[2]
