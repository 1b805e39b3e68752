"""Figures for Prometheus, at /metrics.

Each API process counts its own requests, so a scrape sees one of them; read the rate of all from
your proxy. What the database knows (backlogs, open work) is the same whoever is asked.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from domain.fulfilment import AttemptStatus
from domain.kernel import connection

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "kameng_http_requests", "Requests answered.", ("route", "status"), registry=REGISTRY
)
SECONDS = Histogram(
    "kameng_http_request_seconds",
    "Time to answer a request.",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
CALLBACKS_TURNED_AWAY = Counter(
    "kameng_payment_callbacks_turned_away",
    "Payment callbacks answered without being judged and kept.",
    ("why",),
    registry=REGISTRY,
)
BACKLOG = Gauge("kameng_backlog", "Work that waits, by kind.", ("kind",), registry=REGISTRY)
OLDEST = Gauge(
    "kameng_outbox_oldest_seconds", "Age of the oldest event not carried yet.", registry=REGISTRY
)
ATTEMPTS = Gauge(
    "kameng_open_attempts", "Supplier attempts without an outcome.", ("status",), registry=REGISTRY
)
SEAL_LAG = Gauge(
    "kameng_ledger_seal_lag_seconds",
    "Age of the oldest transfer behind the end of the hash chain.",
    registry=REGISTRY,
)
CARD_SEAL_LAG = Gauge(
    "kameng_card_seal_lag_seconds",
    "Age of the oldest card event behind the end of its hash chain.",
    registry=REGISTRY,
)
CHECKPOINT_AGE = Gauge(
    "kameng_checkpoint_age_seconds",
    "Time since both hash chains were signed last; 0 before the first time.",
    registry=REGISTRY,
)
ALARMS = Gauge(
    "kameng_card_alarms",
    "Cards that did not open, and planted cards that were seen, since the beginning.",
    ("kind",),
    registry=REGISTRY,
)
DIFFERENCES = Gauge(
    "kameng_reconciliation_open",
    "Differences between the money ledger and the card ledger that nobody has closed.",
    registry=REGISTRY,
)
# Partial indexes make each of these cheap, whatever the size of its table.
_BACKLOGS = """
SELECT
    (SELECT count(*) FROM outbox_events WHERE published_at IS NULL) AS outbox,
    (SELECT count(*) FROM order_lines WHERE due_at IS NOT NULL) AS open_lines,
    (SELECT count(*) FROM fulfilment_attempts WHERE next_query_at IS NOT NULL) AS open_attempts,
    (SELECT count(*) FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
        WHERE d.next_attempt_at IS NOT NULL AND w.enabled) AS webhooks,
    (SELECT count(*) FROM notifications WHERE next_attempt_at IS NOT NULL) AS messages,
    (SELECT count(*) FROM notifications WHERE state = 'uncertain') AS uncertain_messages,
    (SELECT count(*) FROM disputes WHERE decide_by IS NOT NULL) AS open_disputes,
    (SELECT count(*) FROM disputes WHERE decide_by < now()) AS overdue_disputes,
    (SELECT count(*) FROM reconciliation_findings WHERE state = 'OPEN') AS differences,
    (SELECT coalesce(extract(epoch FROM now() - min(occurred_at)), 0) FROM outbox_events
        WHERE published_at IS NULL) AS oldest
"""
_ATTEMPTS = """
SELECT status, count(*) AS attempts FROM fulfilment_attempts WHERE next_query_at IS NOT NULL
GROUP BY status
"""
# Ids are ordered by time, so two steps along primary keys answer it.
_SEAL_LAG = """
SELECT extract(epoch FROM now() - t.posted_at) FROM transfers t
WHERE t.id > coalesce((SELECT transfer_id FROM seals ORDER BY sequence DESC LIMIT 1),
    '00000000-0000-0000-0000-000000000000')
ORDER BY t.id LIMIT 1
"""
_CARD_SEAL_LAG = """
SELECT extract(epoch FROM now() - e.at) FROM card_events e
WHERE e.id > coalesce((SELECT event_id FROM card_seals ORDER BY sequence DESC LIMIT 1),
    '00000000-0000-0000-0000-000000000000')
ORDER BY e.id LIMIT 1
"""
_CHECKPOINT_AGE = """
SELECT extract(epoch FROM now() - taken_at) FROM trace_checkpoints ORDER BY number DESC LIMIT 1
"""
_ALARMS = """
SELECT action, count(*) AS seen FROM audit_entries WHERE action = ANY($1) GROUP BY action
"""
ALARM_KINDS = {
    "card.seal_broken": "seal_broken",
    "card.not_opened": "not_opened",
    "card.canary_touched": "canary_touched",
    "gift_card.locked_out": "gift_card_locked_out",
}
KINDS = (
    "outbox",
    "open_lines",
    "open_attempts",
    "webhooks",
    "messages",
    "uncertain_messages",  # they wait for a person
    "open_disputes",  # so do these
    "overdue_disputes",
)
# A status that nobody is in must read 0, not stay at its last figure.
OPEN_STATUSES = (AttemptStatus.SUBMITTING, AttemptStatus.ACCEPTED, AttemptStatus.UNCERTAIN)


def request_done(route: str, status: int, seconds: float) -> None:
    """Count one request; `route` is a pattern of few values, never a path."""
    REQUESTS.labels(route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


async def render() -> bytes:
    """All figures in Prometheus's text form."""
    async with connection() as conn:
        row = await conn.fetchrow(_BACKLOGS)
        attempts = await conn.fetch(_ATTEMPTS)
        alarms = await conn.fetch(_ALARMS, list(ALARM_KINDS))
        seal_lag = await conn.fetchval(_SEAL_LAG)
        card_seal_lag = await conn.fetchval(_CARD_SEAL_LAG)
        checkpoint_age = await conn.fetchval(_CHECKPOINT_AGE)
    for kind in KINDS:
        BACKLOG.labels(kind).set(row[kind])
    DIFFERENCES.set(row["differences"])
    OLDEST.set(float(row["oldest"]))
    found = {each["status"]: each["attempts"] for each in attempts}
    for status in OPEN_STATUSES:
        ATTEMPTS.labels(status).set(found.get(status, 0))
    seen = {each["action"]: each["seen"] for each in alarms}
    for action, kind in ALARM_KINDS.items():
        ALARMS.labels(kind).set(seen.get(action, 0))
    SEAL_LAG.set(max(0.0, float(seal_lag or 0)))
    CARD_SEAL_LAG.set(max(0.0, float(card_seal_lag or 0)))
    CHECKPOINT_AGE.set(max(0.0, float(checkpoint_age or 0)))
    return generate_latest(REGISTRY)
