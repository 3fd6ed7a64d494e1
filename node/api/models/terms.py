"""Terms with a partner, and proposals for our own calendar."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from node.api.models.values import Instant, Text

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 3166-1 alpha-3, or XKX")]
Year = Annotated[int, Field(ge=2000, le=2100, description="A year", examples=[2027])]
_FIGURE: dict[str, Any] = {
    "name": "reply", "number": 10, "unit": "calendar-days", "silence": "accepted", "article": "11(2)",
    "source": "OJ L 334, 19.12.2007, p. 46", "unconfirmed": [], "confirmed_by": "program-7f3a9c0d5e1b2a44",
    "confirmed_at": "2026-04-17T08:12:31.000Z", "changed": False, "dropped": False,
}  # fmt: skip
_TERMS: dict[str, Any] = {
    "peer": "SRB-MOI", "service": "urn:depesha:example:1", "template": "ec-serbia", "title": "EC–Serbia",
    "templates": ["ec-serbia"], "waiting": {}, "figures": [_FIGURE],
    "missing": [{"name": "error", "title": "error claimed"}], "counting": {"days_of": "requested"},
    "in_use": {"digest": "9f" * 32, "common_digest": "3c" * 32, "made": "2026-04-17T08:12:31.000Z"},
    "terms": {"title": "EC–Serbia"},
}  # fmt: skip
_CHANGE: dict[str, Any] = {
    "template": "ec-serbia", "places": {"FRA-MOI": {"zone": "Europe/Paris", "day_ends": None}},
    "countries": {"SRB-MOI": "SRB"}, "confirm": ["reply"], "set": {"transfer": "3 calendar-months"},
    "drop": ["transit"],
}  # fmt: skip

_CALENDAR: dict[str, Any] = {
    "peer": "SRB-MOI", "party": "SRB-MOI", "received": "2026-04-17T08:12:32.117Z", "first": "2026-01-01",
    "last": "2027-12-31", "issued": "2026-04-17T08:00:00.000Z", "source": "Official gazette 1/2026", "days_off": 14,
    "estimated": 0, "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "newest": True,
}  # fmt: skip


class TermsFigure(BaseModel):
    """One period of the terms: what it is, where that stands, and who confirmed or changed it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FIGURE]})
    name: str
    number: int | None
    unit: str | None
    silence: str
    article: str | None
    source: str | None
    unconfirmed: list[str] = Field(description="why the figure is not certain")
    confirmed_by: str | None
    confirmed_at: Instant | None
    changed: bool
    dropped: bool


class TermsInUse(BaseModel):
    """The newest terms that were made."""

    digest: str = Field(description="SHA-256 in hex")
    common_digest: str = Field(description="the same without title and grounds: alike on both sides where periods are")
    made: Instant


class PeriodWithoutLength(BaseModel):
    """A period of the procedure that the terms give no length to: no end is computed, and silence has no effect."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "error", "title": "error claimed"}]})
    name: str
    title: str


class Terms(BaseModel):
    """Local terms with a partner in a domain: the draft, what waits for a person, and the terms in use."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TERMS]})
    peer: str
    service: str
    template: str | None
    title: str | None
    templates: list[str]
    waiting: dict[str, str] = Field(description="figures that a person has to confirm, set or drop, with the reason")
    figures: list[TermsFigure]
    missing: list[PeriodWithoutLength]
    counting: dict[str, Any] | None
    in_use: TermsInUse | None
    terms: dict[str, Any] | None = Field(description="the document of the terms in use")


class PlaceOfDays(BaseModel):
    """Where the days of a party count."""

    model_config = ConfigDict(extra="forbid")
    zone: Annotated[Text, Field(description="a name of the tz database", examples=["Europe/Paris"])]
    day_ends: Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d$")] | None = None

    def in_words(self) -> str:
        """As the command takes it."""
        return f"{self.zone}@{self.day_ends}" if self.day_ends else self.zone


class TermsChange(BaseModel):
    """What a person says of the draft; all of it together, or nothing of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CHANGE], "minProperties": 1})
    template: Text | None = None
    places: dict[Text, PlaceOfDays] = Field(default_factory=dict, description="by party")
    countries: dict[Text, Country] = Field(default_factory=dict, description="by party")
    confirm: list[Text] = Field(default_factory=list, max_length=100, description="figures that are right as proposed")
    set: dict[Text, Text] = Field(default_factory=dict, description="other values by figure, in the command's words")
    drop: list[Text] = Field(default_factory=list, max_length=100, description="figures that the terms go without")


class KnownCalendar(BaseModel):
    """A signed calendar that binds a partner and us; `days_off` and `estimated` are numbers of days."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALENDAR]})
    peer: str
    party: str = Field(description="whose days off they are")
    received: Instant
    first: str
    last: str
    issued: Instant
    source: str
    days_off: int
    estimated: int
    digest: str
    newest: bool = Field(description="periods that start now count by it")


class ProposedCalendar(BaseModel):
    """A record of our own days off, proposed from public holidays: to be corrected, and sent as any record."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"party": "FRA-MOI", "content": "<DaysOff …/>", "estimated": ["2027-03-10 Ramazan Bayram"]}]
        }
    )
    party: str
    content: str = Field(description="XML")
    estimated: list[str] = Field(description="days that depend on the moon or are not decreed yet")
