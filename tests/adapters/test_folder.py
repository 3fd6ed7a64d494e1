"""A folder for other programs: what is dropped is sent once and gets its outcome, what comes is written once."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from adapters.folder import FolderInUse, Looked, held
from node.exchange.settlement import MESSAGE
from node.store.trouble import StoreUnavailable, Trouble
from tests.exchange.conftest import World, WorldMaker
from tests.exchange.offices import EXAMPLES, Office, text_part, writes_refused

pytestmark = pytest.mark.theirs_on_both_databases
RECORD = (EXAMPLES / "good/application.xml").read_bytes()
ATTACHED = ("photograph-p1.jpg", "passport-p1.pdf")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "folder"


def look(office: Office, place: Path) -> Looked:
    with held(office.node, place) as folder:
        return folder.look()


def drop(place: Path, name: str = "one", record: bytes = RECORD, order: Any = None, attached: Any = ATTACHED) -> Path:
    """What another program puts into the folder, the order last."""
    folder = place / "send" / name
    folder.mkdir(parents=True, mode=0o700)
    (folder / "record.xml").write_bytes(record)
    for one in attached:
        shutil.copy(EXAMPLES / "attachments" / one, folder / one)
    (folder / "send.json").write_text(json.dumps({"to": "theirs"} if order is None else order))
    return folder


def outcome(place: Path, where: str, name: str = "one") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / where / name / "outcome.json").read_bytes())
    return found


def words(place: Path, name: str = "one") -> str:
    return (place / "failed" / name / "error.txt").read_text()


async def test_a_drop_is_sent_and_gets_its_outcome_beside_it(world: World, place: Path) -> None:
    drop(place)
    assert look(world.ours, place).queued == 1
    told = outcome(place, "sent")
    assert told["state"] == "queued"
    world.ours.courier.wake()
    await world.ours.reaches(told["id"], "delivered")
    assert look(world.ours, place).ended == 1
    ended = outcome(place, "done")
    assert (ended["id"], ended["state"], ended["error"]) == (told["id"], "delivered", None)
    assert ended["receipt_time"] is not None
    assert {path.name for path in (place / "done" / "one").iterdir()} == {
        "record.xml", "send.json", "outcome.json", *ATTACHED,
    }  # fmt: skip
    assert [len(one["parts"]) for one in world.theirs.listed()] == [3]
    assert not look(world.ours, place).anything


async def test_what_is_half_written_is_not_looked_at(make_world: WorldMaker, place: Path) -> None:
    world = await make_world(send=False)
    folder = drop(place)
    order = folder / "send.json"
    whole = order.read_bytes()
    order.unlink()
    (folder / "record.xml").write_bytes(RECORD[:100])
    assert not look(world.ours, place).anything
    for length in range(len(whole)):
        order.write_bytes(whole[:length])
        world.clock.advance(seconds=0)
        os.utime(order, (world.clock().timestamp(),) * 2)
        assert not look(world.ours, place).anything
    assert not (folder / ".claim").exists()
    order.write_bytes(whole[:-1])
    os.utime(order, (world.clock().timestamp() - 61,) * 2)
    assert look(world.ours, place).refused == 1
    assert "send.json: found no JSON" in words(place)


async def test_what_came_without_an_order_is_told_once_nobody_works_on_it(make_world: WorldMaker, place: Path) -> None:
    world = await make_world(send=False)
    (drop(place) / "send.json").unlink()
    stray = place / "send" / "x.xml"
    stray.write_bytes(RECORD)
    os.utime(stray, (0, 0))  # as a copy that keeps the time
    world.clock.advance(seconds=59)
    assert not look(world.ours, place).anything
    world.clock.advance(seconds=2)
    assert look(world.ours, place).refused == 2
    assert [*(place / "send").iterdir()] == []
    assert (place / "failed/x.xml.folder/x.xml").read_bytes() == RECORD
    for name in ("one", "x.xml.folder"):
        assert outcome(place, "failed", name)["state"] == "not-sent"
        assert "send.json: found none" in words(place, name)
        assert "move this folder back into send" in words(place, name)
    # As the words say.
    folder = place / "failed/x.xml.folder"
    (folder / "x.xml").rename(folder / "record.xml")
    for one in ATTACHED:
        shutil.copy(EXAMPLES / "attachments" / one, folder / one)
    (folder / "send.json").write_text('{"to": "theirs"}')
    folder.rename(place / "send/x")
    assert look(world.ours, place).queued == 1


async def test_killed_while_it_puts_back_what_has_no_folder_it_goes_on_and_loses_nothing(
    world: World, place: Path
) -> None:
    look(world.ours, place)
    stray = place / "send" / "x.xml"
    for line in range(1, 10_000, 3):
        stray.write_bytes(RECORD)
        world.clock.advance(seconds=61)
        died = killed(world.ours, place, line)
        world.clock.advance(seconds=61)
        look(world.ours, place)
        assert [*(place / "send").iterdir()] == [], line
        [left] = (place / "failed").iterdir()
        assert (left / "x.xml").read_bytes() == RECORD, line
        assert outcome(place, "failed", left.name)["state"] == "not-sent"
        assert (left / "error.txt").exists()
        shutil.rmtree(left)
        if not died:
            break
    assert line > 60, "the look was followed"


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({}, "to: found nothing"),
        ({"to": "nobody"}, "There is no peer 'nobody'"),
        ({"to": "theirs", "cse": "2026-0001"}, "found 'cse', expected one of"),
        ({"to": "theirs", "case": 7}, "case: found 7, expected a text"),
        ({"to": "theirs", "record": "../../keys/identity.key.pem"}, "expected the name of a file"),
        ({"to": "theirs", "record": "other.xml"}, "other.xml: found no such file"),
        ({"to": "theirs", "confirm": "abc"}, "expected a list of codes"),
        (["theirs"], "found no object"),
    ],
)
async def test_a_wrong_order_is_told_in_words_and_sends_nothing(
    make_world: WorldMaker, place: Path, order: Any, said: str
) -> None:
    world = await make_world(send=False)
    drop(place, order=order)
    assert look(world.ours, place).refused == 1
    assert said in words(place)
    assert outcome(place, "failed")["state"] == "not-sent"
    assert world.ours.listed() == []


async def test_a_wrong_record_is_told_by_field_and_may_be_corrected_and_put_back(world: World, place: Path) -> None:
    drop(place, record=RECORD.replace(b"<Sex>", b"<Sex>?", 1) if b"<Sex>" in RECORD else RECORD[:-20])
    assert look(world.ours, place).refused == 1
    told = outcome(place, "failed")
    assert told["id"] is None
    assert {"line", "field", "found", "expected", "remedy"} <= set(told["findings"][0])
    assert told["findings"][0]["remedy"] in words(place)
    (place / "failed" / "one" / "record.xml").write_bytes(RECORD)
    (place / "failed" / "one").rename(place / "send" / "one")
    assert look(world.ours, place).queued == 1
    assert not (place / "sent" / "one" / "error.txt").exists()


async def test_a_missing_attachment_and_a_link_are_refused(make_world: WorldMaker, place: Path) -> None:
    world = await make_world(send=False)
    drop(place, "missing", attached=ATTACHED[:1])
    linked = drop(place, "linked", attached=ATTACHED[:1])
    (linked / ATTACHED[1]).symlink_to("/etc/passwd")
    assert look(world.ours, place).refused == 2
    assert ATTACHED[1] in words(place, "missing")
    assert "found a folder, link or device" in words(place, "linked")


async def test_a_point_that_needs_a_second_look_is_confirmed_in_the_order(world: World, place: Path) -> None:
    record = (EXAMPLES / "good/minimal-application.xml").read_bytes()
    drop(place, record=record, attached=())
    assert look(world.ours, place).refused == 1
    codes = [one["code"] for one in outcome(place, "failed")["findings"]]
    assert codes
    assert all(codes)
    assert '"confirm"' in words(place)
    drop(place, "again", record=record, attached=(), order={"to": "theirs", "confirm": codes})
    assert look(world.ours, place).queued == 1
    assert len(world.ours.listed()) == 1


async def test_trouble_of_the_store_leaves_a_drop_for_later(make_world: WorldMaker, place: Path) -> None:
    world = await make_world(send=False)
    look(world.ours, place)
    folder = drop(place)
    with writes_refused(world.ours.node.database), pytest.raises(StoreUnavailable) as raised:
        look(world.ours, place)
    assert raised.value.reason is not Trouble.OUTDATED
    assert folder.exists()
    assert look(world.ours, place).queued == 1
    assert len(world.ours.listed()) == 1


async def test_what_came_is_written_once_in_order_also_when_it_was_taken_away(world: World, place: Path) -> None:
    sent = [world.ours.submit("theirs", text_part(f"text {n}")) for n in range(3)]
    for one in sent:
        await world.ours.reaches(one, "delivered")
    assert look(world.theirs, place).received == 0, "the log has not placed them yet"
    world.theirs.sequenced()
    assert look(world.theirs, place).received == 3
    came = sorted((place / "received").iterdir())
    told = [json.loads((one / "message.json").read_bytes()) for one in came]
    assert [one["id"] for one in told] == sent
    assert [(came[n] / told[n]["parts"][0]["file"]).read_text() for n in range(3)] == ["text 0", "text 1", "text 2"]
    for one in came:
        shutil.rmtree(one)
    assert look(world.theirs, place).received == 0
    assert list((place / "received").iterdir()) == []


async def test_one_process_works_with_a_folder(make_world: WorldMaker, place: Path) -> None:
    world = await make_world(send=False)
    with held(world.ours.node, place), pytest.raises(FolderInUse, match="another process"):
        look(world.ours, place)


OURS = ("/adapters/folder.py", "/adapters/drops.py", "/adapters/received.py", "/adapters/durable_files.py",
        "/exchange/submitted_once.py")  # fmt: skip
EVERY_LINE = pytest.param(1, marks=pytest.mark.kills)
"""Minutes; in the ordinary run each line of so many."""


@contextmanager
def killed_at(line: int) -> Iterator[None]:
    """The process ends when the `line`-th line of the adapter is about to be run."""
    left = line

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        # The lock goes with the process, which a test does not end.
        if not frame.f_code.co_filename.endswith(OURS) or frame.f_code.co_name == "held":
            return None
        left -= event == "line"
        if left == 0:
            sys.settrace(None)
            raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def killed(office: Office, place: Path, line: int) -> bool:
    """One look that is killed at that line; whether it came so far."""
    try:
        with killed_at(line):
            look(office, place)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("step", [EVERY_LINE, 9])
async def test_killed_at_any_line_a_drop_is_sent_once_and_gets_its_outcome(
    make_world: WorldMaker, place: Path, step: int
) -> None:
    office = (await make_world(send=False)).ours
    look(office, place)
    for line in range(1, 10_000, step):
        drop(place, name := f"drop-{line}")
        before = office.count(MESSAGE)
        died = killed(office, place, line)
        look(office, place)
        told = outcome(place, "sent", name)
        assert office.count(MESSAGE) == before + 1, f"killed at line {line}"
        assert office.state(told["id"]) == "queued"
        assert not (place / "send" / name).exists()
        shutil.rmtree(place / "sent" / name)
        if not died:
            break
    assert line > 60, "the look was followed"


@pytest.mark.parametrize("step", [EVERY_LINE, 9])
async def test_killed_at_any_line_what_came_is_written_once(world: World, place: Path, step: int) -> None:
    look(world.theirs, place)
    for line in range(1, 10_000, step):
        sent = world.ours.submit("theirs", text_part(f"text {line}"))
        await world.ours.reaches(sent, "delivered")
        world.theirs.sequenced()
        died = killed(world.theirs, place, line)
        taken = [taken_away(one) for one in (place / "received").iterdir()]
        look(world.theirs, place)
        left = [taken_away(one) for one in (place / "received").iterdir()]
        assert taken + left == [(sent, f"text {line}")], f"killed at line {line}"
        if not died:
            break
    assert line > 40, "the look was followed"


def taken_away(folder: Path) -> tuple[str, str]:
    """The id and text of a message that came; whoever takes records away does so at once."""
    told = json.loads((folder / "message.json").read_bytes())
    text = (folder / told["parts"][0]["file"]).read_text()
    shutil.rmtree(folder)
    return told["id"], text
