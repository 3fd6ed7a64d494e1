"""Values that several bodies have, each with what it takes."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTABLE)]


Note = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"),
    Field(description="What was found, or how we know; name no person.", examples=["Told by telephone at 14:05"]),
]


State = Literal[
    "queued", "sending", "delivered", "unconfirmed", "refused", "stale", "given-up", "received", "rejected"
]  # fmt: skip


Instant = Annotated[str, Field(description="RFC 3339, UTC", examples=["2026-04-17T08:12:31.000Z"])]


Moment = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$"),
    Field(description="RFC 3339, with its zone", examples=["2026-04-17T09:00:00+02:00"]),
]


MESSAGE_ID = "0f2c6f4e-95b1-4d2a-9d1c-2f1f2f1a7c55@depesha"


CASE_ID = "7b9a3c1e-0a55-4f1a-8f0e-6a4c1f1d2b3c"


def example(value: dict[str, Any], strict: bool = False) -> ConfigDict:
    return ConfigDict(extra="forbid" if strict else "ignore", json_schema_extra={"examples": [value]})
