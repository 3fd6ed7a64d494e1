"""A procedure whose transitions need what the records of its acts do not state is refused: such an act would never fit.

Each fault is one change to a procedure.toml that comes with the node.
"""

from pathlib import Path
from shutil import copytree

import pytest

from node.records import Domain, Domains, load_domains
from node.records.procedure_file import FILE, read_procedure
from node.records.procedures import ProcedureError
from tests.records.conftest import SCHEMAS


@pytest.mark.parametrize(
    ("old", "new", "place", "why"),
    [
        (
            'act = "apply"\nwho',
            'act = "apply"\nof = ["apply"]\nwho',
            "transition 1 (apply)",
            "`of` needs `concerning`, which no `in` of act.apply has",
        ),
        (
            'record = "DataConfirmation", concerning = "Head/Concerning"',
            'record = "DataConfirmation"',
            "(confirm-data)",
            "`answers` needs `concerning`",
        ),
        (
            'until = "Expires"\n',
            "",
            "(issue-document)",
            "`starts` document-validity, whose end is given, needs `until`",
        ),
        ('persons = ["Traveller/@id"], ', "", "(apply-transit)", "`declares` needs `persons`"),
        (
            'act = "acknowledge"\nwho',
            'act = "acknowledge"\nparty = "added"\nwho',
            "(acknowledge)",
            "`party` needs `party`",
        ),
        (
            '[period.submission]\ntitle = "making of the application"',
            '[period.submission]\ntitle = "making of the application"\nin = ["draft"]',
            "period.submission",
            "acts have to come within it, and it never runs",
        ),
        ('pauses = ["transfer"]\n', "", "(end-obstacle)", "nothing pauses the period transfer"),
        (
            'in = [{ record = "Withdrawal", persons = ["Person"], concerning = "Head/Concerning" }]',
            'in = [{ record = "Withdrawal" }, { record = "Withdrawal" }]',
            "act.withdraw, in 2",
            "it stands there twice",
        ),
        (
            'in = [{ record = "Withdrawal", persons = ["Person"], concerning = "Head/Concerning" }]',
            'in = "Withdrawal"',
            "act.withdraw, in",
            "it is no list of tables",
        ),
    ],
)
def test_what_is_needed_and_not_stated_is_told(returns: Domain, old: str, new: str, place: str, why: str) -> None:
    text = returns.files[FILE].decode()
    assert old in text
    with pytest.raises(ProcedureError) as caught:
        read_procedure(text.replace(old, new, 1).encode(), returns.records)
    assert place in caught.value.place
    assert why in str(caught.value)


def test_an_act_of_a_shared_set_has_to_state_what_the_procedure_needs(domains: Domains, tmp_path: Path) -> None:
    for name in ("administrative", "inquiry"):
        copytree(SCHEMAS / name, tmp_path / name)
    shared = tmp_path / "administrative" / "1" / FILE
    found = 'record = "Update", concerning = "Document/Message"'
    assert found in shared.read_text(encoding="utf-8")
    shared.write_text(shared.read_text(encoding="utf-8").replace(found, 'record = "Update"'), encoding="utf-8")
    (broken,) = load_domains([tmp_path]).broken
    assert (broken.folder.parent.name, broken.file) == ("inquiry", FILE)
    assert "(update): `may_answer` needs `concerning`, which no `in` of act.update has" in broken.reason
