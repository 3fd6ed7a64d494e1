"""Tables of records."""

from pydantic import BaseModel

from node.api.models.values import CASE_ID, MESSAGE_ID, example

_ERROR = {
    "row": 3, "column": "Head/AcceleratedProcedure", "value": "perhaps", "expected": "true or false",
    "remedy": "Correct it.",
}  # fmt: skip


class RowError(BaseModel):
    """What is wrong in a row, numbered as in the table: its head is row 1."""

    model_config = example(_ERROR)
    row: int
    column: str
    value: str
    expected: str
    remedy: str


class CheckedTable(BaseModel):
    """How many rows make records in which nothing is wrong; or what is wrong where, and in words."""

    model_config = example({"rows": 0, "errors": [_ERROR], "detail": "requests.csv: 1 errors."})
    rows: int
    errors: list[RowError]
    detail: str | None


class SentRow(BaseModel):
    """The message that a row became."""

    model_config = example({"row": 2, "id": MESSAGE_ID, "case": CASE_ID, "number": "2026-0417", "state": "queued"})
    row: int
    id: str
    case: str
    number: str
    state: str
