"""What the node says of itself to Prometheus, gathered from the database when asked. No label names a person."""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from node.exchange.node import Node
from node.exchange.outbox import oldest_waiting
from node.exchange.settlement import ALARM, LOG_ENTRY, MESSAGE
from node.operations.checks import Check

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render_metrics(node: Node, checks: Sequence[Check], taken: Mapping[str, int]) -> bytes:
    """The metrics in Prometheus's text format. `taken` counts what the wire's endpoint did since the start.

    Raises StoreUnavailable when the database cannot be read.
    """
    registry = CollectorRegistry()
    registry.register(_Gathered(list(_gather(node, checks, taken))))
    return generate_latest(registry)


class _Gathered(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _gather(node: Node, checks: Sequence[Check], taken: Mapping[str, int]) -> Iterable[Metric]:
    now = node.now()
    with node.database.read() as connection:
        waiting = oldest_waiting(connection)
        states = connection.execute(
            select(MESSAGE.c.direction, MESSAGE.c.state, func.count()).group_by(MESSAGE.c.direction, MESSAGE.c.state)
        ).all()
        alarms = connection.scalar(select(func.count()).select_from(ALARM).where(ALARM.c.settled_at.is_(None))) or 0
        pending = connection.scalar(select(func.count()).select_from(LOG_ENTRY).where(LOG_ENTRY.c.position.is_(None)))
    oldest = GaugeMetricFamily("depesha_outbox_oldest_seconds", "age of the oldest one undelivered", labels=["peer"])
    for peer, time in sorted(waiting.items()):
        oldest.add_metric([peer], (now - time).total_seconds())
    yield oldest
    messages = GaugeMetricFamily("depesha_messages", "messages by direction and state", labels=["direction", "state"])
    for direction, state, count in states:
        messages.add_metric([direction, state], count)
    yield messages
    expiry = GaugeMetricFamily("depesha_certificate_expiry_seconds", "until a certificate ends", labels=["name"])
    for name in ("signing", "encryption", "tls", "document"):
        certificate = getattr(node.keys, f"{name}_certificate")
        expiry.add_metric([name], (certificate.not_valid_after_utc - now).total_seconds())
    yield expiry
    good = GaugeMetricFamily("depesha_check_ok", "1 when a check found nothing wrong", labels=["check"])
    for check in checks:
        good.add_metric([check.name], float(check.ok))
    yield good
    yield GaugeMetricFamily("depesha_alarms_open", "alarms that wait for a person", value=alarms)
    yield GaugeMetricFamily("depesha_log_pending", "log entries that have no position yet", value=pending or 0)
    requests = CounterMetricFamily("depesha_wire_requests", "requests of the wire by outcome", labels=["outcome"])
    for outcome, count in sorted(taken.items()):
        requests.add_metric([outcome], count)
    yield requests
