"""Problem details (RFC 9457)."""

from pydantic import BaseModel

from node.api.models.values import example


class ProblemError(BaseModel):
    """What is wrong where; for records with file, line and rule, and the code that confirms a question; of tables
    with the row."""

    field: str
    found: str
    expected: str
    remedy: str
    row: int | None = None
    file: str | None = None
    line: int | None = None
    rule: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = example(
        {
            "type": "urn:depesha:problem:invalid-request", "title": "Something in the request is wrong", "status": 422,
            "detail": "limit: expected a number from 1 to 1000.",
            "errors": [
                {
                    "field": "limit", "found": "0", "expected": "a number from 1 to 1000",
                    "remedy": "Correct it and ask again.",
                }
            ],
        }
    )  # fmt: skip
    type: str
    title: str
    status: int
    detail: str
    reference: str | None = None
    errors: list[ProblemError] | None = None
