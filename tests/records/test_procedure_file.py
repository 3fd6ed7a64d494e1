"""A procedure.toml that cannot be used says why: place, reason, remedy. Each fault is one change to a sound file."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from node.records import Domain, load_domains
from node.records.procedure_checks import alone, crossing
from node.records.procedure_file import read_procedure
from node.records.procedures import REQUESTED, REQUESTING, Procedure, ProcedureError, SharedActs
from tests.records.procedure_mutants import places, write_file

SOUND = """
title = "Questions"
per = "case"
start = "new"
precedence = ["answer", "remind", "withdraw", "ask"]

[groups]
open = ["asked", "late"]

[state]
new = { title = "new" }
asked = { title = "asked" }
late = { title = "overdue" }
done = { title = "answered" }
withdrawn = { title = "withdrawn" }

[act.ask]
title = "question"
declares = true
in = [{ record = "Reply", persons = ["Answer/Person"], concerning = "Head/Concerning" }]

[act.answer]
title = "answer"
in = [{ record = "Reply", at = "Answer[Accepted]", persons = ["Person"], concerning = "/Head/Concerning" }]

[act.remind]
title = "reminder"
shared = "urn:depesha:administrative:1"

[act.withdraw]
title = "withdrawal"

[period.answer]
title = "answer"
in = ["asked"]
awaits = "requested"
overdue = { to = "late" }

[[transition]]
act = "ask"
who = "requesting"
from = ["new"]
to = "asked"
starts = ["answer"]

[[transition]]
act = "answer"
who = "requested"
from = ["@open"]
to = "done"

[[transition]]
act = "remind"
who = "requesting"
from = ["@open"]

[[transition]]
act = "withdraw"
who = "requesting"
from = ["@open"]
to = "withdrawn"
"""


def test_the_sound_file_is_read(returns: Domain) -> None:
    procedure = read_procedure(SOUND.encode(), returns.records)
    assert isinstance(procedure, Procedure)
    assert not procedure.per_person
    assert list(procedure.states) == ["new", "asked", "late", "done", "withdrawn"]
    assert crossing(procedure) == {("answer", "remind"), ("answer", "withdraw")}, "a question cannot cross its answer"
    assert alone(procedure, REQUESTED)["new"] == {"new"}
    assert alone(procedure, REQUESTED)["asked"] == {"asked", "late", "done"}
    assert alone(procedure, REQUESTING)["asked"] == {"asked", "late", "withdrawn"}


STATEMENT = """
title = "Of all"
shared = true
statement = { record = "Reply", act = "Head/Place", by = "Head/Reference", channel = "Remarks", done = "@occurred" }
[act.remind]
title = "reminder"
"""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('act = "Head/Place", ', "", "statement: act is missing"),
        ('"Head/Place"', '"Head/Plaice"', "statement, act: 'Head/Plaice' leads nowhere"),
        ('record = "Reply"', 'record = "Replay"', "statement, record: 'Replay' is not a record"),
        ('done = "@occurred"', 'done = "@occurred", how = "x"', "statement: 'how' is not a key here"),
    ],
)
def test_a_shared_set_says_how_paper_is_told_of(returns: Domain, old: str, new: str, why: str) -> None:
    found = read_procedure(STATEMENT.encode(), returns.records)
    assert isinstance(found, SharedActs)
    assert found.statement is not None
    with pytest.raises(ProcedureError) as caught:
        read_procedure(STATEMENT.replace(old, new).encode(), returns.records)
    assert str(caught.value).startswith(why)


def test_a_shared_set_has_acts_alone(returns: Domain) -> None:
    found = read_procedure(b'title = "Of all"\nshared = true\n[act.remind]\ntitle = "reminder"\n', returns.records)
    assert isinstance(found, SharedActs)
    assert list(found.acts) == ["remind"]


@pytest.mark.parametrize(
    ("old", "new", "place", "why"),
    [
        ('title = "Questions"', "title =", "the file", "no TOML"),
        ('per = "case"', 'per = "city"', "per", "'city' is not one of the two"),
        ('per = "case"', 'per = "case"\nfrom = 1', "the file", "'from' is not a key here"),
        ('start = "new"', 'start = "mew"', "start", "Did you mean new?"),
        ('open = ["asked", "late"]', 'open = ["asked", "lade"]', "groups.open", "Did you mean late?"),
        ('new = { title = "new" }', 'new = { titel = "new" }', "state.new", "Did you mean title? Keys here are title."),
        (
            'new = { title = "new" }',
            'new = { title = "new", colour = "red" }',
            "state.new",
            "'colour' is not a key here. Keys here are title.",
        ),
        ('title = "new"', 'title = " "', "state.new, title", "cannot be shown"),
        ('title = "new"', r'title = "new\u001b[2J"', "state.new, title", "cannot be shown"),
        ('new = { title = "new" }', r'"new\n" = { title = "new" }', r"state.'new\n'", "small letters"),
        ("[groups]\n", '[groups]\n"A b" = ["asked"]\n', "groups.'A b'", "small letters"),
        ('new = { title = "new" }', 'previous = { title = "new" }', "state.previous", "the state before"),
        ('new = { title = "new" }', 'New = { title = "new" }', "state.New", "small letters"),
        ('record = "Reply", at', 'record = "Repli", at', "act.answer, in 1, record", "Did you mean Reply?"),
        ("Answer[Accepted]", "Answer[Acepted]", "act.answer, in 1, at", "Reply/Answer has no Acepted"),
        ('persons = ["Person"]', 'persons = ["Persons"]', "act.answer, in 1, persons", "has no Persons"),
        ('persons = ["Person"]', 'persons = ["Person/@id"]', "act.answer, in 1, persons", "no attribute id"),
        ('persons = ["Person"]', 'persons = ["Person/@"]', "act.answer, in 1, persons", "is no path"),
        ('persons = ["Person"]', r'persons = ["Person\n"]', "act.answer, in 1, persons", "is no path"),
        ('persons = ["Person"]', 'persons = ["Person", "Person"]', "act.answer, in 1, persons", "'Person' twice"),
        ('persons = ["Person"]', 'persons = ["/Remarks"]', "act.answer, in 1, persons", "holds no id of a person"),
        ('"Answer[Accepted]"', '"@nonce"', "act.answer, in 1, at", "an attribute cannot occur twice"),
        ('concerning = "/Head/Concerning"', 'concerning = "//Head"', "act.answer, in 1, concerning", "is no path"),
        ('concerning = "/Head/Concerning"', 'concerning = "/Head"', "act.answer, in 1, concerning", "id of a message"),
        ('persons = ["Person"]', 'persons = ["Person[[]"]', "act.answer, in 1, persons", "is no path"),
        ('concerning = "/Head/Concerning"', 'until = "/Head/Place"', "act.answer, in 1, until", "no whole day"),
        ('concerning = "/Head/Concerning"', 'day = "/Head/Place"', "act.answer, in 1, day", "holds no day"),
        (
            'starts = ["answer"]',
            'starts = ["answer"]\nwithin = ["answer"]',
            "transition 1 (ask)",
            "the act states none",
        ),
        ('concerning = "/Head/Concerning"', 'hindered = "/Head/Place"', "act.answer, in 1, hindered", "holds no day"),
        (
            'starts = ["answer"]',
            'starts = ["answer"]\nor_within = ["answer"]',
            "transition 1 (ask)",
            "states no hindrance",
        ),
        ('awaits = "requested"', "from_day = true", "period.answer", "no act that starts it states one"),
        ('in = ["asked"]\n', "", "transition 1 (ask)", "which does not run in asked"),
        ('"urn:depesha:administrative:1"', '"the others"', "act.remind", "Name the Service"),
        ('title = "withdrawal"', 'title = "withdrawal"\ndeclares = "yes"', "act.withdraw", "declares is 'yes'"),
        ('awaits = "requested"', 'awaits = "me"', "period.answer, awaits", "nobody is 'me'"),
        ('overdue = { to = "late" }', 'overdue = { to = "latte" }', "period.answer.overdue, to", "Did you mean late?"),
        ('overdue = { to = "late" }', 'overdue = "late"', "period.answer.overdue", "is no table"),
        (
            'overdue = { to = "late" }',
            'overdue = { to = "late" }\nend = { to = "late" }',
            "period.answer",
            "end beside deemed or overdue",
        ),
        (
            'overdue = { to = "late" }',
            'overdue = { from = ["done"], to = "late" }',
            "period.answer",
            "it does not run in done",
        ),
        ('to = "late" }', 'to = "late", starts = ["answer"] }', "period.answer", "which does not run in late"),
        ('act = "ask"', 'act = "aks"', "transition 1 (aks), act", "Did you mean ask?"),
        ('who = "requested"', 'who = "terms:"', "transition 2 (answer), who", "nobody is 'terms:'"),
        ('starts = ["answer"]', 'starts = ["answers"]', "transition 1 (ask), starts", "Did you mean answer?"),
        ('starts = ["answer"]', "starts = 1", "transition 1 (ask)", "no list of names"),
        ('from = ["@open"]\nto = "done"', 'from = ["@opn"]\nto = "done"', "transition 2 (answer), from", "@open?"),
        (
            'from = ["@open"]\nto = "done"',
            'from = ["@open", "late"]\nto = "done"',
            "transition 2 (answer), from",
            "names late twice",
        ),
        (
            'to = "withdrawn"',
            'to = "withdrawn"\nconsents = true',
            "transition 4 (withdraw)",
            "leads where the proposal leads",
        ),
        ('to = "withdrawn"', 'to = "withdrawn"\nconsent = true', "transition 4 (withdraw)", "nobody can consent to it"),
        (
            'to = "withdrawn"',
            'to = "withdrawn"\nnot_while = ["question"]',
            "transition 4 (withdraw)",
            "nothing opens question",
        ),
        ('to = "withdrawn"', 'to = "withdrawn"\nopens = "Why not"', "opens.'Why not'", "small letters"),
        (
            'to = "withdrawn"',
            'to = "withdrawn"\nopens = "consent"',
            "transition 4 (withdraw)",
            "the one that a proposal asks",
        ),
        ('starts = ["answer"]', 'starts = ["answer", "answer"]', "transition 1 (ask), starts", "'answer' twice"),
        ('who = "requested"', r'who = "terms:me\n"', "transition 2 (answer), who", "'terms:me\\n' cannot be shown"),
        ('to = "withdrawn"', 'to = "withdrawn"\nopens = "why"', "transition 4 (withdraw)", "nothing answers why"),
        ('to = "withdrawn"', 'to = "withdrawn"\nmay_answer = "why"', "transition 4 (withdraw)", "nothing opens why"),
        ('to = "withdrawn"', 'to = "withdrawn"\nlapses = true', "transition 4 (withdraw)", "nothing that could lapse"),
        (
            'to = "withdrawn"',
            'to = "withdrawn"\nopens = "why"\nanswers = "why"\nmay_answer = "why"',
            "transition 4 (withdraw)",
            "answers beside may_answer",
        ),
        ('to = "withdrawn"', "undoes = true", "transition 4 (withdraw)", "the message that it concerns came from"),
        ('to = "withdrawn"', 'to = "withdrawn"\nof = ["ask"]\nundoes = true', "transition 4 (withdraw)", "came from"),
        (
            'from = ["@open"]\nto = "withdrawn"',
            'from = ["@open"]\nto = "withdrawn"\n[[transition]]\nact = "withdraw"\nwho = "requested"\nof = ["answer"]\n'
            'from = ["done"]\nundoes = true',
            "transition 5 (withdraw)",
            "nobody can consent to it in done",
        ),
        ('to = "withdrawn"', 'to = "withdrawn"\npauses = ["answer"]', "", ""),
        ('to = "done"', 'to = "done"\nstarts = ["answer"]', "transition 2 (answer)", "does not run in done"),
        ('"@open"]\nto = "withdrawn"', '"late"]\nextends = ["answer"]', "transition 4 (withdraw)", "in none of the"),
        ('to = "withdrawn"', "", "state.withdrawn", "no act and no end of a period leads to it"),
        ('[act.withdraw]\ntitle = "withdrawal"', '[act.withdraw]\ntitle = "w"\n[act.go]\ntitle = "go"', "act.go", "no"),
        ('starts = ["answer"]\n', "", "period.answer", "nothing starts it"),
        ("declares = true", "declares = false", "state.new", "declares whom the case is about"),
        (
            'act = "withdraw"\nwho = "requesting"',
            'act = "remind"\nwho = "either"',
            "transition 4 (remind)",
            "in asked, late the act fits transition 3 (remind) as well",
        ),
        (
            '["answer", "remind", "withdraw", "ask"]',
            '["answer", "remind", "ask"]',
            "precedence",
            "these acts may cross and have no order: answer and withdraw. Name both",
        ),
        ('"withdraw", "ask"]', '"withdraw", "ask", "ask"]', "precedence", "names 'ask' twice"),
        (
            'to = "withdrawn"',
            'to = "withdrawn"\n[[exception]]\nfirst = "ask"\nthen = "remind"\nwhy = "x"',
            "exception",
            "ask and remind can never cross",
        ),
        (
            'to = "withdrawn"',
            'to = "withdrawn"\n[[exception]]\nfirst = "ask"\nthen = "ask"\nwhy = "x"',
            "exception 1",
            "are one act",
        ),
    ],
)
def test_a_faulty_file_says_place_and_remedy(returns: Domain, old: str, new: str, place: str, why: str) -> None:
    assert old in SOUND
    content = SOUND.replace(old, new, 1).encode()
    if not why:
        assert isinstance(read_procedure(content, returns.records), Procedure)
        return
    with pytest.raises(ProcedureError) as caught:
        read_procedure(content, returns.records)
    assert caught.value.place == place
    assert why in str(caught.value)
    assert caught.value.remedy.endswith((".", "?"))


def test_an_exception_turns_the_order_of_one_pair(returns: Domain) -> None:
    more = '\n[[exception]]\nfirst = "withdraw"\nthen = "answer"\nwhy = "who takes back first was first"\n'
    turned = read_procedure((SOUND + more).encode(), returns.records)
    plain = read_procedure(SOUND.encode(), returns.records)
    assert isinstance(turned, Procedure)
    assert isinstance(plain, Procedure)
    assert (turned.is_first("answer", "withdraw"), plain.is_first("answer", "withdraw")) == (False, True)


def write_domain(root: Path, name: str, returns: Domain, procedure: str) -> None:
    for path, content in returns.files.items():
        if not path.startswith("examples/"):
            target = root / name / "1" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    about = tomllib.loads(returns.files["domain.toml"].decode())
    (root / name / "1" / "domain.toml").write_text(
        f'title = "{name}"\nwritten_for = "{about["written_for"]}"\nsecond_look = "{about["second_look"]}"\n'
    )
    (root / name / "1" / "procedure.toml").write_text(procedure)


def test_a_folder_with_a_faulty_procedure_is_broken_and_says_so(returns: Domain, tmp_path: Path) -> None:
    write_domain(tmp_path, "questions", returns, SOUND.replace('"remind", ', ""))
    (broken,) = load_domains([tmp_path]).broken
    assert (broken.file, broken.reason.partition(":")[0]) == ("procedure.toml", "precedence")


def test_an_act_that_the_shared_set_lacks_is_told(returns: Domain, tmp_path: Path) -> None:
    write_domain(tmp_path, "questions", returns, SOUND)
    assert load_domains([tmp_path]).broken == (), "a shared set that is not here hinders nothing"
    write_domain(tmp_path, "administrative", returns, 'title = "A"\nshared = true\n[act.recall]\ntitle = "recall"\n')
    (broken,) = load_domains([tmp_path]).broken
    assert broken.folder.parent.name == "questions"
    assert broken.reason.startswith("act.remind: urn:depesha:administrative:1 has no such act.")


@pytest.mark.parametrize("strange", [1, "x", True, [], {}, [1], ["x"], [{}], {"x": 1}, {"x": {}}, None], ids=str)
@pytest.mark.parametrize("text", [SOUND, STATEMENT], ids=["procedure", "shared"])
def test_no_value_of_a_strange_kind_breaks_the_reader(returns: Domain, text: str, strange: Any) -> None:
    """`None`: the value is left out."""
    for path in places(tomllib.loads(text)):
        table = tomllib.loads(text)
        holder = table
        for key in path[:-1]:
            holder = holder[key]
        if strange is None:
            del holder[path[-1]]
        else:
            holder[path[-1]] = strange
        try:
            found = read_procedure(write_file(table), returns.records)
        except ProcedureError:
            continue
        assert isinstance(found, Procedure | SharedActs)
