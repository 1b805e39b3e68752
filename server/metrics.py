"""Figures for Prometheus, at /metrics.

Each API process counts its own requests, so a scrape sees one of them; read the rate of all from
your proxy. What the database knows (backlogs, open work) is the same whoever is asked.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from domain import checkout, orders
from domain.fulfilment import AttemptStatus, IncidentKind
from domain.kernel import SCALE, clock, connection
from server.turnstile import Turned, Turnstile

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
PAYOUT_CALLBACKS_TURNED_AWAY = Counter(
    "kameng_payout_callbacks_turned_away",
    "Callbacks of payout channels answered without being judged and kept.",
    ("why",),
    registry=REGISTRY,
)
PURCHASES = Gauge(
    "kameng_purchases",
    "Purchases of this process: under way, the most at one moment since it began, waiting.",
    ("state",),
    registry=REGISTRY,
)
PURCHASES_REFUSED = Counter(
    "kameng_purchases_refused",
    "Purchases refused as SHOP_BUSY by this process.",
    ("why",),
    registry=REGISTRY,
)
SUPPLIER_CALLBACKS_TURNED_AWAY = Counter(
    "kameng_supplier_callbacks_turned_away",
    "Supplier callbacks answered without being judged and kept.",
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
OLDEST_ATTEMPT = Gauge(
    "kameng_open_attempt_oldest_seconds",
    "Age of the oldest supplier attempt without an outcome, by status.",
    ("status",),
    registry=REGISTRY,
)
OLDEST_MANUAL = Gauge(
    "kameng_manual_line_oldest_seconds",
    "For how long the oldest paid line has waited to be delivered by hand.",
    registry=REGISTRY,
)
INCIDENTS = Gauge(
    "kameng_supply_incidents", "Incidents of supply that are open.", ("kind",), registry=REGISTRY
)
OLDEST_INCIDENT = Gauge(
    "kameng_supply_incident_oldest_seconds",
    "Age of the oldest open incident of supply, by kind; of what is withheld since it is.",
    ("kind",),
    registry=REGISTRY,
)
SUPPLIERS = Gauge(
    "kameng_suppliers",
    "Active suppliers whose balance is low, and those that are demoted.",
    ("state",),
    registry=REGISTRY,
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
BEHIND = "backlog"  # suppliers are
COMPLAINTS = Gauge(
    "kameng_complaints",
    "Pieces ordered lately that were delivered, complained about, proved bad; most complained.",
    ("by", "subject", "pieces"),
    registry=REGISTRY,
)
COMPLAINTS_HIGH = Gauge(
    "kameng_complaints_high",
    "Products, suppliers, agents or sites complained about above the threshold.",
    ("by",),
    registry=REGISTRY,
)
MAX_SUBJECTS = 50  # of each kind: a figure must not have as many labels as a shop has agents
STATEMENTS = Gauge(
    "kameng_statement_differences_open",
    "Differences between partners' statements and the books that nobody has closed.",
    registry=REGISTRY,
)
CUSTODY = Gauge(
    "kameng_custody_missing",
    "How much less a custodian holds than buyers own, by its newest word, in the currency's units.",
    ("currency",),
    registry=REGISTRY,
)
OLDEST_PAYOUT = Gauge(
    "kameng_open_payout_oldest_seconds",
    "Age of the oldest payout that was sent and has not ended.",
    registry=REGISTRY,
)
DELIVERY = Gauge(
    "kameng_delivery_seconds",
    "From payment to delivery, of lines ordered in the last hour, the newest 10,000.",
    ("kind", "quantile"),
    registry=REGISTRY,
)
IN_TIME = Gauge(
    "kameng_delivery_in_time",
    "The share of them that was delivered within KAMENG_DELIVERY_TARGET_SECONDS.",
    ("kind",),
    registry=REGISTRY,
)
PACE_PERIOD, PACE_LINES = timedelta(hours=1), 10_000
# Partial indexes make each of these cheap, whatever the size of its table.
_BACKLOGS = """
SELECT
    (SELECT count(*) FROM outbox_events WHERE published_at IS NULL) AS outbox,
    (SELECT count(*) FROM order_lines WHERE due_at IS NOT NULL) AS open_lines,
    (SELECT count(*) FROM order_lines WHERE due_at IS NOT NULL AND delivery_kind = 'MANUAL')
        AS manual_lines,
    (SELECT coalesce(extract(epoch FROM now() - min(coalesce(o.paid_at, o.placed_at))), 0)
        FROM order_lines l JOIN orders o ON o.id = l.order_id
        WHERE l.due_at IS NOT NULL AND l.delivery_kind = 'MANUAL') AS oldest_manual,
    (SELECT count(*) FROM fulfilment_attempts WHERE next_query_at IS NOT NULL) AS open_attempts,
    (SELECT count(*) FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
        WHERE d.next_attempt_at IS NOT NULL AND w.enabled) AS webhooks,
    (SELECT count(*) FROM notifications WHERE next_attempt_at IS NOT NULL) AS messages,
    (SELECT count(*) FROM notifications WHERE state = 'uncertain') AS uncertain_messages,
    (SELECT count(*) FROM disputes WHERE decide_by IS NOT NULL) AS open_disputes,
    (SELECT count(*) FROM disputes WHERE decide_by < now()) AS overdue_disputes,
    (SELECT count(*) FROM supplier_gates g JOIN suppliers s ON s.id = g.supplier_id
        WHERE s.state = 'active' AND g.balance_low) AS low_balances,
    (SELECT count(*) FROM supplier_gates g JOIN suppliers s ON s.id = g.supplier_id
        WHERE s.state = 'active' AND g.demoted_at IS NOT NULL) AS demoted,
    (SELECT count(*) FROM supply_incidents WHERE resolution IS NULL) AS supply_incidents,
    (SELECT count(*) FROM payout_cases WHERE state <> 'CLOSED') AS payout_cases,
    (SELECT coalesce(extract(epoch FROM now() - min(first_submitted_at)), 0) FROM payouts
        WHERE status IN ('SUBMITTING', 'ACCEPTED', 'UNKNOWN')) AS oldest_payout,
    (SELECT count(*) FROM reconciliation_findings WHERE state = 'OPEN') AS differences,
    (SELECT count(*) FROM statement_differences WHERE state IN ('OPEN', 'ASKED')) AS unexplained,
    (SELECT coalesce(extract(epoch FROM now() - min(occurred_at)), 0) FROM outbox_events
        WHERE published_at IS NULL) AS oldest
"""
_ATTEMPTS = """
SELECT status, count(*) AS attempts,
    extract(epoch FROM now() - min(opened_at)) AS oldest
FROM fulfilment_attempts WHERE next_query_at IS NOT NULL GROUP BY status
"""
_INCIDENTS = """
SELECT i.kind, count(*) AS number,
    extract(epoch FROM now() - min(coalesce(a.withheld_since, i.opened_at))) AS oldest
FROM supply_incidents i JOIN fulfilment_attempts a ON a.id = i.attempt_id
WHERE i.resolution IS NULL GROUP BY i.kind
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
_COMPLAINTS = """
(SELECT 'site' AS by, s.slug AS subject, c.delivered, c.disputed, c.invalid
FROM complaint_levels c JOIN sites s ON s.id = c.subject WHERE c.by = 'SITE'
ORDER BY c.disputed DESC, c.subject LIMIT $1)
UNION ALL
(SELECT 'supplier', s.code, c.delivered, c.disputed, c.invalid
FROM complaint_levels c JOIN suppliers s ON s.id = c.subject WHERE c.by = 'SUPPLIER'
ORDER BY c.disputed DESC, c.subject LIMIT $1)
"""
_COMPLAINTS_HIGH = "SELECT by, count(*) AS subjects FROM complaint_levels WHERE high GROUP BY by"
_CUSTODY = """
SELECT DISTINCT ON (currency) currency, greatest(client_funds - held, 0) AS missing
FROM custody_reports WHERE held IS NOT NULL ORDER BY currency, day DESC
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
    "manual_lines",  # of these, those that wait for a person
    "open_attempts",
    "webhooks",
    "messages",
    "uncertain_messages",  # they wait for a person
    "open_disputes",  # so do these
    "overdue_disputes",
    "supply_incidents",  # and these
    "payout_cases",  # and these
)
# A status that nobody is in must read 0, not stay at its last figure.
OPEN_STATUSES = (AttemptStatus.SUBMITTING, AttemptStatus.ACCEPTED, AttemptStatus.UNCERTAIN)


def _show_pace(times: Sequence[orders.DeliveryTimes]) -> None:
    """What nothing was sold of in that hour has no figure: it was neither fast nor slow."""
    DELIVERY.clear()
    IN_TIME.clear()
    for each in times:
        kind = each.kind.value.lower()
        for quantile, seconds in (("0.5", each.p50), ("0.95", each.p95), ("0.99", each.p99)):
            if seconds is not None:
                DELIVERY.labels(kind, quantile).set(seconds)
        if each.share_in_time is not None:
            IN_TIME.labels(kind).set(each.share_in_time)


def request_done(route: str, status: int, seconds: float) -> None:
    """Count one request; `route` is a pattern of few values, never a path."""
    REQUESTS.labels(route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def watch_purchases(turnstile: Turnstile) -> None:
    """Show how many purchases are at this door from now on."""
    PURCHASES.labels("under_way").set_function(lambda: turnstile.under_way)
    PURCHASES.labels("most_under_way").set_function(lambda: turnstile.most_under_way)
    PURCHASES.labels("waiting").set_function(lambda: turnstile.waiting)
    for why in (*Turned, BEHIND):
        PURCHASES_REFUSED.labels(why)  # 0 is shown, too


def purchase_refused(why: Turned) -> None:
    """Count one purchase that was told to come later."""
    PURCHASES_REFUSED.labels(why).inc()


async def render() -> bytes:
    """All figures in Prometheus's text form."""
    async with connection() as conn:
        row = await conn.fetchrow(_BACKLOGS)
        attempts = await conn.fetch(_ATTEMPTS)
        incidents = await conn.fetch(_INCIDENTS)
        alarms = await conn.fetch(_ALARMS, list(ALARM_KINDS))
        custody = await conn.fetch(_CUSTODY)
        seal_lag = await conn.fetchval(_SEAL_LAG)
        card_seal_lag = await conn.fetchval(_CARD_SEAL_LAG)
        checkpoint_age = await conn.fetchval(_CHECKPOINT_AGE)
        complaints = await conn.fetch(_COMPLAINTS, MAX_SUBJECTS)
        high = await conn.fetch(_COMPLAINTS_HIGH)
    _show_pace(await orders.times_between(clock.now() - PACE_PERIOD, clock.now(), PACE_LINES))
    PURCHASES_REFUSED.labels(BEHIND).inc(checkout.backlog.refused)
    checkout.backlog.refused = 0
    _show_complaints(complaints, high)
    for kind in KINDS:
        BACKLOG.labels(kind).set(row[kind])
    DIFFERENCES.set(row["differences"])
    STATEMENTS.set(row["unexplained"])
    SUPPLIERS.labels("low_balance").set(row["low_balances"])
    SUPPLIERS.labels("demoted").set(row["demoted"])
    OLDEST.set(float(row["oldest"]))
    OLDEST_MANUAL.set(max(0.0, float(row["oldest_manual"])))
    OLDEST_PAYOUT.set(max(0.0, float(row["oldest_payout"])))
    for each in custody:
        CUSTODY.labels(each["currency"]).set(each["missing"] / SCALE)
    found = {each["status"]: each for each in attempts}
    for status in OPEN_STATUSES:
        each = found.get(status)
        ATTEMPTS.labels(status).set(each["attempts"] if each else 0)
        OLDEST_ATTEMPT.labels(status).set(max(0.0, float(each["oldest"])) if each else 0)
    waiting = {each["kind"]: each for each in incidents}
    for kind in IncidentKind:
        each = waiting.get(kind.value)
        INCIDENTS.labels(kind.value).set(each["number"] if each else 0)
        OLDEST_INCIDENT.labels(kind.value).set(max(0.0, float(each["oldest"])) if each else 0)
    seen = {each["action"]: each["seen"] for each in alarms}
    for action, kind in ALARM_KINDS.items():
        ALARMS.labels(kind).set(seen.get(action, 0))
    SEAL_LAG.set(max(0.0, float(seal_lag or 0)))
    CARD_SEAL_LAG.set(max(0.0, float(card_seal_lag or 0)))
    CHECKPOINT_AGE.set(max(0.0, float(checkpoint_age or 0)))
    return generate_latest(REGISTRY)


def _show_complaints(rows: Sequence[Any], high: Sequence[Any]) -> None:
    COMPLAINTS.clear()  # who is complained about no more has no figure
    for row in rows:
        for pieces in ("delivered", "disputed", "invalid"):
            COMPLAINTS.labels(row["by"], row["subject"], pieces).set(row[pieces])
    found = {row["by"]: row["subjects"] for row in high}
    for by in ("PRODUCT", "SUPPLIER", "AGENT", "SITE"):
        COMPLAINTS_HIGH.labels(by.lower()).set(found.get(by, 0))
