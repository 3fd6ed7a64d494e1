"""What connects the node to other programs: submissions made once, and events that wait for receivers of webhooks."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class SubmissionKey(Row, table=True):
    """What was queued under a key, written with it; kept until whoever chose the key has noted it elsewhere."""

    __tablename__ = "submission_key"

    key: str = Field(primary_key=True)
    message_id: str
    conversation_id: str
    number: str
    opened: bool
    created_at: datetime = Field(sa_type=Instant)


class WebhookEvent(Row, table=True):
    """An event that one receiver has not answered yet. `body` is what is sent, without personal data."""

    __tablename__ = "webhook_event"
    __table_args__ = (Index(None, "address", "id"),)

    id: int = row_id()
    address: str
    event: str
    """the id of the event, the same for every receiver and attempt"""
    body: str
    created_at: datetime = Field(sa_type=Instant)


class WebhookReceiver(Row, table=True):
    """A receiver: up to which position of the log its events are made, and when it is tried again."""

    __tablename__ = "webhook_receiver"

    address: str = Field(primary_key=True)
    position: int = wide()
    failures: int = 0
    """attempts in a row that failed"""
    failing_since: datetime | None = Field(None, sa_type=Instant)
    next_attempt_at: datetime = Field(sa_type=Instant)
    answer: str | None = None
    """what the last failed attempt came to"""
