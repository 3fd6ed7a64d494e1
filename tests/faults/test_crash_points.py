"""Each commit, send and answer of the message path stands between crash points, and each point is known by name.

Read from the code itself: a `with ….write() as …` block commits when it ends, `.post(…)` of the transport sends, and
what the endpoint returns to the web server is an answer.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.crash_points import _Armed
from tests.faults.points import OCCASIONAL, POINTS, SERVE, SUBMIT

NODE = Path(__file__).parents[2] / "node"

# Commits that no message passes: a kill there loses at most the command that a person is waiting for, and nothing that
# a peer was told. (file, function) -> why.
OUTSIDE_THE_MESSAGE_PATH = {
    ("api/door.py", "_by_assertion"): "the use of one assertion, before what it asks for",
    ("api/keyed.py", "take"): "one key, before what is done under it: until there is an answer it is under way",
    ("api/keyed.py", "keep"): "the answer kept under a key, after what was done; that to sending is kept with it",
    ("api/keyed.py", "give_back"): "one key under which nothing was done",
    ("cli/people.py", "add"): "one account, by command",
    ("cli/people.py", "remove"): "one account, by command",
    ("cli/tokens.py", "add"): "one program, by command",
    ("cli/tokens.py", "remove"): "one program, by command",
    ("demo.py", "_become_peers"): "agreements of the demonstration",
    ("demo_cases.py", "_make_partners"): "partners and agreements of the demonstration",
    ("demo.py", "_stay"): "an account and a link of the demonstration",
    ("exchange/case_standing.py", "touch_kept_otherwise"): "marks: what is not marked is computed when it is asked for",
    ("exchange/assignment.py", "assign_case"): "whose a case is, by a person",
    ("exchange/calendar_feeds.py", "make_feed"): "one address, by a person",
    ("exchange/calendar_feeds.py", "end_feed"): "one address, by a person",
    ("exchange/cards.py", "add_by_card"): "one peer, by command",
    ("exchange/cards.py", "confirm_by_words"): "one peer, by command",
    ("exchange/absences.py", "_note"): "one absence that a person says",
    ("exchange/given_peers.py", "add_on_paper"): "one peer, by a person",
    ("exchange/given_peers.py", "add_as_given"): "one peer, by a person",
    ("exchange/paper_acts.py", "record_on_paper"): "the acts of one paper that a person records",
    ("exchange/partners.py", "remove_peer"): "one row of a peer, by a person",
    ("exchange/partners.py", "open_by_own_word"): "one agreement, by a person",
    ("exchange/partners.py", "end_agreement_named"): "one agreement, by a person",
    ("exchange/part_scans.py", "_record"): "a verdict, after the receipt: a part without one is scanned again",
    ("exchange/part_scans.py", "require_clean"): "who gets an infected part, before it is handed out",
    ("exchange/person_find.py", "_log"): "one search, before its answer",
    ("exchange/person_links.py", "link_persons"): "one link, by a person",
    ("exchange/reminders.py", "make_reminders"): "reminders: what is cut off is sent again, with the same Message-ID",
    ("exchange/reminders.py", "take_up"): "reminders: what is cut off is sent again, with the same Message-ID",
    ("exchange/reminders.py", "keeps"): "reminders: what is cut off is sent again, with the same Message-ID",
    ("exchange/reminders.py", "sent"): "reminders: what is cut off is sent again, with the same Message-ID",
    ("exchange/reminders.py", "refused"): "reminders: what is cut off is sent again, with the same Message-ID",
    ("exchange/reminders.py", "failed"): "reminders: what is cut off is sent again, with the same Message-ID",
    ("exchange/silent_peers.py", "look"): "times: who is not tried now is tried after its pause",
    ("exchange/search_index.py", "build"): "rows of the index that are missing: what is built stays, the rest goes on",
    ("exchange/submission.py", "submit_together"): "all rows of a table by one command, or none of them",
    ("exchange/submitted_once.py", "forget"): "one key, after what was queued under it stands elsewhere too",
    ("exchange/terms_drafts.py", "change_terms"): "terms with one peer, by a person",
    (
        "exchange/webhooks.py",
        "take_up",
    ): "events for receivers: what is cut off is told again",
    (
        "exchange/webhooks.py",
        "taken",
    ): "events for receivers: what is cut off is told again",
    (
        "exchange/webhooks.py",
        "done",
    ): "events for receivers: what is cut off is told again",
    (
        "exchange/webhooks.py",
        "failed",
    ): "events for receivers: what is cut off is told again",
    (
        "exchange/webhooks.py",
        "forget_others",
    ): "events for receivers: what is cut off is told again",
    ("exchange/breaches.py", "close_breach"): "what a person says of a breach",
    ("exchange/breaches.py", "warn_of_breaches"): "an alarm: what is cut off is raised at the next look",
    ("operations/checks.py", "_write"): "changes nothing: finds out whether the store can be written",
    ("store/migrations/__init__.py", "upgrade"): "the tables, before there is a node",
    ("web/sign_in_pages.py", "enter"): "one browser session",
    ("web/sign_in_pages.py", "leave"): "one browser session",
}
# Answers that reach nobody.
NO_ANSWER = {("exchange/endpoint.py", "Response(status_code=400)"): "the peer has left before its request was whole"}


@dataclass(frozen=True)
class Place:
    """A statement, the statements beside it, and where it is."""

    file: str
    function: str
    statement: ast.stmt
    before: ast.stmt | None
    after: ast.stmt | None

    def __str__(self) -> str:
        return f"node/{self.file}:{self.statement.lineno} in {self.function}"


def places(folder: Path = NODE) -> Iterator[Place]:
    """Every statement under the folder with its neighbours."""
    for path in sorted(folder.rglob("*.py")):
        yield from _places(path.relative_to(folder).as_posix(), "module", ast.parse(path.read_text(encoding="utf-8")))


def _places(file: str, function: str, parent: ast.AST) -> Iterator[Place]:
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        block = getattr(parent, field, None)
        if not isinstance(block, list):
            continue
        for n, child in enumerate(block):
            if isinstance(child, ast.stmt):
                before = block[n - 1] if n else None
                after = block[n + 1] if n + 1 < len(block) else None
                yield Place(file, function, child, before, after)
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            yield from _places(file, inner, child)


def point_of(statement: ast.stmt | None) -> str | None:
    """The name of the crash point that this statement is, if it is one."""
    if isinstance(statement, ast.Expr):
        return _point_name(statement.value)
    return None


def _point_name(value: ast.AST) -> str | None:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "crash_point":
        [name] = value.args
        assert isinstance(name, ast.Constant), f"line {value.lineno}: a crash point's name must stand in the code"
        assert isinstance(name.value, str)
        return name.value
    return None


def calls(statement: ast.stmt, name: str) -> list[ast.Call]:
    """Calls of a function or method of this name in the statement's own line, not in blocks within it."""
    own = [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.excepthandler)]
    found = [node for child in own for node in ast.walk(child) if isinstance(node, ast.Call)]
    return [call for call in found if getattr(call.func, "attr", getattr(call.func, "id", None)) == name]


def commits(found: Iterator[Place]) -> Iterator[tuple[Place, ast.With]]:
    """`with ….write() as …`, and whatever else opens a transaction that writes."""
    for place in found:
        if isinstance(place.statement, ast.With | ast.AsyncWith):
            heads = [item.context_expr for item in place.statement.items]
            if any(isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "write" for call in heads):
                assert isinstance(place.statement, ast.With)
                yield place, place.statement


def test_every_commit_has_a_point_before_and_after() -> None:
    bare = []
    for place, block in commits(places()):
        if (place.file, place.function) in OUTSIDE_THE_MESSAGE_PATH:
            continue
        before, after = point_of(block.body[-1]), point_of(place.after)
        name = (before or "").removesuffix(": before commit")
        if before != f"{name}: before commit" or after != f"{name}: after commit":
            bare.append(f"{place}: before {before!r}, after {after!r}")
    assert not bare, "commits without crash points:\n" + "\n".join(bare)


def test_no_commit_goes_another_way() -> None:
    """Transactions that write are opened by `Database.write` only: otherwise the test above would not see them."""
    others = [
        str(place)
        for place in places()
        for name in ("begin", "begin_nested", "commit", "connect", "raw_connection")
        for call in calls(place.statement, name)
        if place.file != "store/database.py" and not _is_alembic(place) and not _is_http(place)
    ]
    assert others == []


def _is_http(place: Place) -> bool:
    # The transport's connections go to peers.
    return place.file == "exchange/transport.py"


def _is_alembic(place: Place) -> bool:
    return place.file == "store/migrations/env.py"


def test_every_send_has_a_point_before_and_after() -> None:
    sends = [
        place for place in places() if calls(place.statement, "post") and not isinstance(place.statement, ast.AsyncWith)
    ]
    assert {place.file for place in sends} == {"exchange/delivery.py", "exchange/ping.py"}
    bare = [str(place) for place in sends if point_of(place.before) is None or point_of(place.after) is None]
    assert not bare, f"sends without crash points: {bare}"


def test_only_the_transport_opens_connections() -> None:
    """Whatever sends goes through `transport.post`: the test above sees it by that name."""
    clients = {"aiohttp", "httpx", "requests", "urllib3", "http.client", "urllib.request", "smtplib", "socket"}
    users: dict[str, set[str]] = {}
    for path in sorted(NODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in set(names) & clients:
                users.setdefault(name, set()).add(path.relative_to(NODE).as_posix())
    # Delivery and ping name its exceptions.
    transport = {"exchange/transport.py", "exchange/delivery.py", "exchange/ping.py"}
    assert users.pop("aiohttp") == transport
    # The demonstration looks for free ports, serving names an error of the resolver, listening this machine's name;
    # nothing else opens a socket.
    assert users == {"socket": {"demo.py", "operations/listening.py", "serving.py"}}
    requests = [
        place
        for place in places()
        for name in ("get", "put", "request", "ws_connect", "post")
        for call in calls(place.statement, name)
        if ast.unparse(call.func).startswith("session.")
    ]
    of_transport = {("exchange/transport.py", "_request"), ("exchange/transport.py", "is_there")}
    assert {(place.file, place.function) for place in requests} == of_transport


def test_every_answer_has_a_point_before_it() -> None:
    answers = [
        place
        for place in places(NODE)
        if place.file == "exchange/endpoint.py"
        and isinstance(place.statement, ast.Return)
        and calls(place.statement, "Response")
    ]
    assert answers
    bare = []
    for place in answers:
        assert isinstance(place.statement, ast.Return)
        assert place.statement.value is not None
        if (place.file, ast.unparse(place.statement.value)) in NO_ANSWER:
            continue
        if not (point_of(place.before) or "").startswith("answer: "):
            bare.append(str(place))
    assert not bare, f"answers without a crash point: {bare}"


def test_exceptions_name_places_that_are_there() -> None:
    """A reason whose commit or answer is gone would let another one of that name slip through."""
    there = {(place.file, place.function) for place, _ in commits(places())}
    assert set(OUTSIDE_THE_MESSAGE_PATH) <= there, set(OUTSIDE_THE_MESSAGE_PATH) - there
    returned = {
        (place.file, ast.unparse(place.statement.value))
        for place in places()
        if isinstance(place.statement, ast.Return) and place.statement.value is not None
    }
    assert set(NO_ANSWER) <= returned


def test_names_are_unique_and_listed() -> None:
    named: dict[str, list[str]] = {}
    for path in sorted(NODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (name := _point_name(node)) is not None:
                named.setdefault(name, []).append(f"{path.relative_to(NODE)}:{node.lineno}")  # type: ignore[attr-defined]
    twice = {name: where for name, where in named.items() if len(where) > 1}
    assert twice == {}
    assert set(named) == POINTS
    assert not set(OCCASIONAL) & {*SERVE, *SUBMIT}


@pytest.mark.parametrize(
    ("setting", "name", "left"),
    [
        ("", "", 1),
        ("inbox: before commit", "inbox: before commit", 1),
        ("inbox: before commit:3", "inbox: before commit", 3),
        ("plain", "plain", 1),
        ("plain:12", "plain", 12),
    ],
)
def test_setting_names_a_point_and_a_count(setting: str, name: str, left: int) -> None:
    armed = _Armed(setting)
    assert (armed.name, armed.left) == (name, left)
