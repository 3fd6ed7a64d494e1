"""Alarms through their commands, and a person's word that the peer has an unconfirmed message."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

import node.cli.alarms as verbs
from node.cli import main
from node.exchange.settlement import EVENT, LOG_ENTRY
from node.operations.checks import Check, run_checks
from tests.exchange.conftest import Stage, World
from tests.exchange.offices import Office, text_part
from tests.exchange.scripted import error_of, http, true_receipt
from tests.exchange.wire import letter, post


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
    assert types(world.ours).count("alarm.settled") == 1
    assert [row["detail"]["note"] for row in world.ours.rows(EVENT)] == ["their test system"]
    status, _, said = door(world.ours, "alarm", "settle", alarm["id"], "--note", "again")
    assert (status, "was settled" in said, types(world.ours).count("alarm.settled")) == (1, True, 1)


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
    assert "already" in door(stage.ours, "message", "confirm", first.id, "--note", "twice")[2]
