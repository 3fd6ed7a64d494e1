"""What a person is told to do when a message was refused: only EBMS:0004 is about the record."""

from typing import Any, cast

import pytest

from node.exchange.settlement import NOT_SENT
from node.web.language import Language
from node.web.words import Row, Words

WORDS = Words(Language.of("en", "Europe/Paris"))
RESEND = "depesha message resend m-1@fra.example"


def refused(code: str, detail: str = "said by the partner") -> Row:
    row: dict[str, Any] = {
        "direction": "out",
        "state": "refused",
        "message_id": "m-1@fra.example",
        "error_code": code,
        "error_detail": detail,
    }
    return cast(Row, row)


def test_a_record_that_broke_a_rule_is_corrected() -> None:
    row = refused("EBMS:0004")
    told = WORDS.refusal(row, "Utopia")
    assert told is not None
    assert WORDS.next_action(row, False, False) == "Correct the record and send it anew"
    assert told.remedy.startswith("Correct what is named")
    assert RESEND not in told.remedy


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("EBMS:0010", "the partner has not opened this kind of record with us"),
        ("EBMS:0101", "does not accept our signature"),
        ("EBMS:0102", "cannot decrypt what we send"),
        ("EBMS:0103", "suite and limits"),
        ("EBMS:0009", "look up the code"),
    ],
)
def test_after_any_other_code_nobody_is_told_to_change_the_record(code: str, said: str) -> None:
    row = refused(code)
    told = WORDS.refusal(row, "Utopia")
    assert told is not None
    assert told.heading == "The partner’s node refused the message: Utopia"
    assert WORDS.next_action(row, False, False) == "Ask your IT staff"
    assert said in told.remedy
    assert "orrect the record" not in told.remedy
    assert told.remedy.endswith(RESEND)


def test_what_our_own_node_did_not_send_is_not_called_refused_by_the_partner() -> None:
    row = refused("EBMS:0010", NOT_SENT)
    told = WORDS.refusal(row, "Utopia")
    assert told is not None
    assert told.heading == "This message was not sent"
    assert told.remedy.endswith(RESEND)
    assert WORDS.heading(row, "Reply", "Utopia") == "Reply, not sent to Utopia"
    assert WORDS.message_tag(row).text == WORDS.proof_words(row) == "Not sent"
