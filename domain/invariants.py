"""What must be true of the database at every moment: one check for each invariant.

`kameng check-invariants` and the fault tests run them; each counts violations and reads only.
The names follow the design's invariants I1 to I18; those of parts that do not exist yet (coupons)
come with these parts.
"""

from dataclasses import dataclass

from domain import (
    aftersale,
    cards,
    cashback,
    commissions,
    coupons,
    ledger,
    payouts,
    providers,
    ratings,
    refunds,
    settlement,
)
from domain.kernel import clock, unhurried

OVERDUE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise and the SQL that counts where it is broken."""

    name: str
    promise: str
    broken: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How often one promise is broken; 0 is what everybody hopes for."""

    name: str
    promise: str
    violations: int


INVARIANTS = (
    Invariant(
        "I1",
        "every transfer sums to zero, has entries, and so do all accounts together",
        """
        SELECT (SELECT count(*) FROM (
                SELECT t.id FROM transfers t LEFT JOIN entries e ON e.transfer_id = t.id
                GROUP BY t.id HAVING coalesce(sum(e.amount), 1) <> 0) unbalanced)
            + (SELECT count(*) FROM (
                SELECT a.currency FROM entries e JOIN accounts a ON a.id = e.account_id
                GROUP BY a.currency HAVING sum(e.amount) <> 0) lost)
        """,
    ),
    Invariant(
        "I2",
        "a kept balance is the sum of its entries, and none is below zero but a debt, which is",
        """
        SELECT count(*) FROM accounts a
        LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM entries GROUP BY 1) e
            ON e.account_id = a.id
        WHERE a.keeps_balance AND (a.balance <> coalesce(e.amount, 0)
            OR a.balance <> 0 AND (a.balance < 0) <> (a.kind = 'commission_debt'))
        """,
    ),
    Invariant(
        "I4",
        "money and goods agree: each delivered line has its revenue, and its cards, its supplier's"
        " top-up or its operator's hand-over by its kind; no other line has any",
        """
        SELECT count(*) FROM order_lines l
        LEFT JOIN transfers t ON t.kind = 'sale' AND t.reference = l.id
        LEFT JOIN gift_card_programs p ON p.variant_id = l.variant_id
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(e.amount) FILTER (WHERE a.kind = 'revenue'), 0) AS revenue,
                coalesce(sum(e.amount) FILTER (WHERE a.kind = 'cost'), 0) AS cost,
                coalesce(sum(e.amount) FILTER (WHERE a.kind = 'gift_card'), 0) AS owed
            FROM entries e JOIN accounts a ON a.id = e.account_id
            WHERE e.transfer_id = t.id) booked ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS number FROM cards c
            WHERE c.order_line_id = l.id AND card_delivered(c.state)) sold ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS number FROM shared_deliveries d
            WHERE d.order_line_id = l.id) shared ON true
        WHERE (l.status = 'DELIVERED' AND (l.unit_price > 0 OR l.cost > 0)) <> (t.id IS NOT NULL)
            OR booked.owed <> CASE WHEN l.status = 'DELIVERED' AND p.id IS NOT NULL
                THEN l.quantity * coalesce(p.face_units, l.unit_price) ELSE 0 END
            OR booked.revenue + CASE WHEN p.id IS NULL THEN 0 ELSE booked.owed + booked.cost END <>
                CASE WHEN l.status = 'DELIVERED' THEN l.unit_price * l.quantity ELSE 0 END
            OR sold.number + shared.number <>
                CASE WHEN l.delivery_kind IN ('DIRECT_TOPUP', 'MANUAL') THEN 0
                    ELSE l.delivered_quantity END
            OR (l.delivery_kind = 'DIRECT_TOPUP' AND l.status = 'DELIVERED') <> EXISTS (
                SELECT 1 FROM fulfilment_attempts a WHERE a.line_id = l.id
                    AND a.status = 'succeeded' AND NOT a.parked
                    AND l.delivery_kind = 'DIRECT_TOPUP')
            OR (l.delivery_kind = 'MANUAL' AND l.status = 'DELIVERED') <> EXISTS (
                SELECT 1 FROM manual_tasks m WHERE m.line_id = l.id AND m.delivered)
        """,
    ),
    Invariant(
        "I4-gift",
        "what gift cards hold is what the books owe on them, and each sold one has its card",
        """
        SELECT (SELECT count(*) FROM (
                SELECT a.currency,
                    (SELECT coalesce(sum(e.amount), 0) FROM entries e WHERE e.account_id = a.id)
                        AS booked,
                    (SELECT coalesce(sum(g.balance_units), 0) FROM gift_cards g
                        WHERE g.currency = a.currency) AS held
                FROM accounts a WHERE a.kind = 'gift_card') owed WHERE booked <> held)
            + (SELECT count(*) FROM gift_cards g JOIN cards c ON c.id = g.card_id
                WHERE (g.sold_at IS NULL) <> (c.sold_at IS NULL)
                    OR (g.status = 'void' AND g.sold_at IS NULL) <> (c.state = 'void'))
            + (SELECT count(*) FROM cards c JOIN gift_card_programs p ON p.variant_id = c.variant_id
                WHERE NOT EXISTS (SELECT 1 FROM gift_cards g WHERE g.card_id = c.id)
                    AND NOT EXISTS (SELECT 1 FROM card_canaries k WHERE k.card_id = c.id))
            + (SELECT count(*) FROM gift_cards g WHERE g.face_units IS NOT NULL
                AND g.status NOT IN ('void', 'expired') AND g.sold_at IS NOT NULL
                AND g.balance_units <> g.face_units - (SELECT coalesce(sum(r.units), 0)
                    FROM gift_card_redemptions r WHERE r.card_id = g.card_id))
            + (SELECT count(*) FROM gift_card_redemptions r
                LEFT JOIN transfers t ON t.kind = 'gift_card_redemption' AND t.reference = r.id
                WHERE (r.units > 0) <> (t.id IS NOT NULL))
        """,
    ),
    Invariant(
        "I5",
        "a card belongs to one order line, and a code is stored once per variant",
        """
        SELECT (SELECT count(*) FROM cards WHERE (order_line_id IS NULL) <> (sold_at IS NULL))
            + (SELECT count(*) FROM (
                SELECT 1 FROM cards WHERE state <> 'void'
                GROUP BY variant_id, fingerprint HAVING count(*) > 1) twice)
            + (SELECT count(*) FROM cards c JOIN order_lines l ON l.id = c.order_line_id
                WHERE l.variant_id <> c.variant_id)
        """,
    ),
    Invariant(
        "I6",
        "each batch has the cards it accepted, each with its sealed code, and what the unsold ones"
        " cost is what the books call inventory",
        """
        SELECT (SELECT count(*) FROM card_batches b WHERE b.accepted <>
                (SELECT count(*) FROM cards c WHERE c.batch_id = b.id))
            + (SELECT count(*) FROM accounts a
                LEFT JOIN (SELECT b.currency, sum(c.unit_cost) AS cost
                    FROM cards c JOIN card_batches b ON b.id = c.batch_id
                    WHERE card_in_stock(c.state) AND b.source <> 'issued'
                    GROUP BY 1) stock ON stock.currency = a.currency
                WHERE a.kind = 'inventory' AND coalesce(stock.cost, 0) <>
                    -coalesce((SELECT sum(amount) FROM entries WHERE account_id = a.id), 0))
            + (SELECT count(*) FROM cards c
                WHERE NOT EXISTS (SELECT 1 FROM card_secrets s WHERE s.card_id = c.id))
        """,
    ),
    Invariant(
        "A9",
        "what went out of wallets of other currencies, and back, is what their orders say",
        """
        SELECT (SELECT count(*) FROM order_exchanges x FULL JOIN (
                    SELECT t.reference, -sum(e.amount) AS amount, min(t.currency) AS currency
                    FROM transfers t JOIN entries e ON e.transfer_id = t.id
                    JOIN accounts a ON a.id = e.account_id AND a.kind = 'wallet'
                    WHERE t.kind = 'exchange' GROUP BY 1) out ON out.reference = x.order_id
                WHERE (x.total, x.currency) IS DISTINCT FROM (out.amount, out.currency))
            + (SELECT count(*) FROM order_exchange_returns r
                JOIN order_exchanges x ON x.order_id = r.order_id AND r.amount > 0 FULL JOIN (
                    SELECT t.reference, sum(e.amount) AS amount, min(t.currency) AS currency
                    FROM transfers t JOIN entries e ON e.transfer_id = t.id
                    JOIN accounts a ON a.id = e.account_id AND a.kind = 'wallet'
                    WHERE t.kind = 'exchange_back' GROUP BY 1) back ON back.reference = r.reference
                WHERE (r.amount, x.currency) IS DISTINCT FROM (back.amount, back.currency))
            + (SELECT count(*) FROM accounts a WHERE a.kind = 'exchange'
                AND NOT EXISTS (SELECT 1 FROM order_exchanges x WHERE x.currency = a.currency)
                AND (SELECT coalesce(sum(amount), 0) FROM entries WHERE account_id = a.id) <> (
                    SELECT coalesce(sum(r.house_amount), 0) FROM order_exchange_returns r) - (
                    SELECT coalesce(sum(o.total), 0) FROM order_exchanges x
                    JOIN orders o ON o.id = x.order_id))
        """,
    ),
    Invariant(
        "I7",
        "an order is paid once, with its total, by its buyer's wallet, its one payment or over a"
        " counter; other money that channels have is in suspense or on its way back",
        """
        SELECT (SELECT count(*) FROM orders o
                LEFT JOIN transfers t ON t.kind = 'payment' AND t.reference = o.id
                LEFT JOIN LATERAL (
                    SELECT sum(e.amount) FILTER (WHERE a.kind = 'prepayment') AS amount,
                        count(*) FILTER (WHERE a.kind = 'channel') AS by_channel
                    FROM entries e JOIN accounts a ON a.id = e.account_id
                    WHERE e.transfer_id = t.id) paid ON true
                LEFT JOIN payments p ON p.order_id = o.id AND p.status = 'PAID'
                WHERE paid.amount IS DISTINCT FROM CASE WHEN o.paid_at IS NOT NULL THEN o.total END
                    OR paid.by_channel <> (p.id IS NOT NULL)::int)
            + (SELECT count(*) FROM payments p
                LEFT JOIN transfers t ON t.kind = 'suspense' AND t.reference = p.id
                WHERE (p.status = 'SUSPENDED') <> (t.id IS NOT NULL))
            + (SELECT count(*) FROM (
                SELECT a.currency, coalesce((SELECT sum(e.amount) FROM entries e
                        WHERE e.account_id = a.id), 0) AS booked,
                    (SELECT coalesce(sum(p.paid_amount), 0) FROM payments p
                        WHERE p.status = 'SUSPENDED' AND p.currency = a.currency
                            AND NOT EXISTS (SELECT 1 FROM payment_refunds r
                                WHERE r.payment_id = p.id)) AS kept
                FROM accounts a WHERE a.kind = 'suspense') suspense WHERE booked <> kept)
            + (SELECT count(*) FROM (
                SELECT coalesce((SELECT sum(e.amount) FROM entries e
                        WHERE e.account_id = a.id), 0) AS booked,
                    (SELECT coalesce(sum(r.amount), 0) FROM payment_refunds r
                        WHERE r.finished_at IS NULL AND r.currency = a.currency) AS owed
                FROM accounts a WHERE a.kind = 'refund_due') due WHERE booked <> owed)
            + (SELECT count(*) FROM (
                SELECT coalesce((SELECT sum(e.amount) FROM entries e
                        JOIN transfers t ON t.id = e.transfer_id WHERE e.account_id = a.id
                            AND t.kind IN ('payment', 'suspense', 'refund_sent')), 0) AS booked,
                    (SELECT coalesce(sum(p.paid_amount), 0) FROM payments p
                        WHERE p.channel_id = a.owner_id)
                    - (SELECT coalesce(sum(r.amount), 0) FROM payment_refunds r
                        JOIN payments p ON p.id = r.payment_id
                        WHERE r.status = 'COMPLETED' AND p.channel_id = a.owner_id) AS there
                FROM accounts a WHERE a.kind = 'channel') channels WHERE booked <> -there)
            + (SELECT count(*) FROM counter_sales s
                FULL JOIN (SELECT t.reference FROM transfers t
                    JOIN entries e ON e.transfer_id = t.id
                    JOIN accounts a ON a.id = e.account_id AND a.kind = 'bank'
                    WHERE t.kind = 'payment') till ON till.reference = s.order_id
                WHERE s.order_id IS NULL OR till.reference IS NULL)
        """,
    ),
    Invariant(
        "I8",
        "a line is delivered, or refunded, or both of it in part, names a version of a type of its"
        " kind, and an order says what its lines say",
        """
        SELECT (SELECT count(*) FROM order_lines
                WHERE delivered_quantity NOT IN (0, quantity)
                    AND refunded_amount < unit_price * (quantity - delivered_quantity))
            + (SELECT count(*) FROM order_lines l
                LEFT JOIN transfers t ON t.kind = 'refund' AND t.reference = l.id
                WHERE (l.status = 'REFUNDED' AND l.unit_price > 0) <> (t.id IS NOT NULL))
            + (SELECT count(*) FROM order_lines l
                LEFT JOIN product_types t ON t.id = l.type_id AND t.delivery_kind = l.delivery_kind
                LEFT JOIN product_type_versions v
                    ON v.type_id = l.type_id AND v.version = l.type_version
                WHERE t.id IS NULL OR v.id IS NULL)
            + (SELECT count(*) FROM orders o WHERE
                (o.status IN ('DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED', 'FAILED', 'CANCELLED',
                    'EXPIRED')) <> NOT EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id
                        AND l.status IN ('WAITING', 'QUEUED', 'DELIVERING')))
            + (SELECT count(*) FROM order_lines l JOIN orders o ON o.id = l.order_id
                WHERE (l.status = 'WAITING') <> (o.status IN ('PENDING_PAYMENT', 'RISK_REVIEW'))
                    AND l.status <> 'REFUNDED'
                    OR (l.status = 'CANCELLED') <> (o.status IN ('FAILED', 'CANCELLED', 'EXPIRED'))
                    OR o.paid_at IS NULL AND l.status IN ('QUEUED', 'DELIVERING', 'DELIVERED'))
            + (SELECT count(*) FROM card_holds h JOIN order_lines l ON l.id = h.order_line_id
                WHERE h.state = 'open' AND CASE WHEN h.paid THEN l.status <> 'DELIVERING'
                    ELSE l.status <> 'WAITING' END)
        """,
    ),
    Invariant(
        "I9",
        "no two purchases for one line, and no next supplier while the last outcome is open",
        """
        SELECT (SELECT count(*) FROM (
                SELECT line_id FROM fulfilment_attempts WHERE status = 'succeeded' AND NOT parked
                GROUP BY 1 HAVING count(*) > 1 AND NOT bool_and(part)) twice)
            + (SELECT count(*) FROM fulfilment_attempts earlier
                JOIN fulfilment_attempts later USING (line_id)
                WHERE later.number > earlier.number
                    AND (earlier.finished_at IS NULL OR later.opened_at < earlier.opened_at))
            + (SELECT count(*) FROM fulfilment_attempts a JOIN order_lines l ON l.id = a.line_id
                WHERE (a.status = 'succeeded' AND l.delivery_kind <> 'DIRECT_TOPUP') <> EXISTS (
                    SELECT 1 FROM card_batches b WHERE b.supplier_attempt_id = a.id))
        """,
    ),
    Invariant(
        "I10",
        "each look at a card, and each export, has its audit row",
        """
        SELECT (SELECT count(*) FROM cards c WHERE c.reveal_count > (
                SELECT count(*) FROM audit_entries a
                WHERE a.target = c.id AND a.action = 'card.reveal'))
            + (SELECT count(*) FROM (SELECT card_id, count(*) AS looks FROM staff_looks
                    GROUP BY card_id) l WHERE l.looks > (
                SELECT count(*) FROM audit_entries a
                WHERE a.target = l.card_id AND a.action = 'card.reveal_by_staff'))
            + (SELECT count(*) FROM card_exports e WHERE e.status IN ('ready', 'taken')
                AND NOT EXISTS (SELECT 1 FROM audit_entries a
                    WHERE a.target = e.id AND a.action = 'card_export.write'))
        """,
    ),
    Invariant(
        "I12",
        "the tree of agents has three levels at most and no circle; no reward without a sale",
        """
        SELECT (SELECT count(*) FROM agents a LEFT JOIN agents p ON p.id = a.parent_id
                WHERE a.depth <> coalesce(p.depth, 0) + 1 OR a.depth > 3)
            + (SELECT count(*) FROM commissions c JOIN order_lines l ON l.id = c.order_line_id
                WHERE l.status <> 'DELIVERED' OR NOT l.consumer
                    OR EXISTS (SELECT 1 FROM gift_card_programs p
                        WHERE p.variant_id = l.variant_id))
        """,
    ),
    Invariant(
        "I13",
        "the commissions of a line are within its margin and booked to the last 1/10000",
        """
        SELECT (SELECT count(*) FROM order_lines l JOIN (
                    SELECT order_line_id, sum(amount) AS amount FROM commissions GROUP BY 1) c
                ON c.order_line_id = l.id
                WHERE c.amount > l.unit_price * l.quantity - l.cost)
            + (SELECT count(*) FROM (
                SELECT agent_id, currency, sum(amount) AS amount FROM commissions GROUP BY 1, 2) c
                LEFT JOIN accounts a ON a.kind = 'commission' AND a.owner_id = c.agent_id
                    AND a.currency = c.currency
                LEFT JOIN LATERAL (
                    SELECT sum(e.amount) AS amount FROM entries e
                    JOIN transfers t ON t.id = e.transfer_id
                    WHERE e.account_id = a.id AND t.kind = 'sale') booked ON true
                WHERE booked.amount IS DISTINCT FROM c.amount)
        """,
    ),
    Invariant(
        "I15",
        "an idempotency key of a purchase stands for an order that exists",
        """
        SELECT count(*) FROM idempotency_keys k WHERE k.operation = 'orderCreate'
            AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = k.result)
        """,
    ),
    Invariant(
        "I16",
        "events are told in order, each number once, none forgotten",
        """
        SELECT (SELECT count(*) FROM (
                SELECT subject, sequence FROM outbox_events WHERE type LIKE 'order.%'
                GROUP BY 1, 2 HAVING count(*) > 1) twice)
            + (SELECT count(*) FROM orders o WHERE o.event_count < (
                SELECT coalesce(max(sequence), 0) FROM outbox_events WHERE subject = o.id))
            + (SELECT count(*) FROM outbox_events
                WHERE published_at IS NULL AND occurred_at < $1)
        """,
    ),
    Invariant(
        "I17",
        "all work is done or due: nothing is overdue for long",
        """
        SELECT (SELECT count(*) FROM order_lines WHERE due_at < $1)
            + (SELECT count(*) FROM fulfilment_attempts WHERE next_query_at < $1)
            + (SELECT count(*) FROM webhook_deliveries d
                JOIN webhook_endpoints w ON w.id = d.endpoint_id AND w.enabled
                WHERE d.next_attempt_at < $1 AND NOT EXISTS (
                    SELECT 1 FROM webhook_deliveries e WHERE e.endpoint_id = d.endpoint_id
                        AND e.subject = d.subject AND e.sequence < d.sequence
                        AND e.state = 'pending'))
            + (SELECT count(*) FROM notifications WHERE next_attempt_at < $1 OR lease_ends_at < $1)
        """,
    ),
    Invariant(
        "I18",
        "nothing was sold below its cost unless an operator allowed it",
        """
        SELECT (SELECT count(*) FROM order_lines l JOIN variants v ON v.id = l.variant_id
            WHERE l.status = 'DELIVERED' AND l.cost > l.unit_price * l.quantity
                AND l.bundle_sku IS NULL
                AND NOT v.sold_below_cost AND l.delivery_kind <> 'MANUAL'
                AND NOT EXISTS (SELECT 1 FROM fulfilment_attempts a
                    WHERE a.line_id = l.id AND a.status = 'succeeded'))
            + (SELECT count(*) FROM (
                SELECT 1 FROM order_lines l JOIN variants v ON v.sku = l.bundle_sku
                WHERE NOT v.sold_below_cost
                GROUP BY l.order_id, l.bundle_sku
                HAVING bool_and(l.status = 'DELIVERED' AND l.delivery_kind <> 'MANUAL')
                    AND sum(l.cost) > sum(l.unit_price * l.quantity)) lost)
        """,
    ),
    Invariant(
        "C3",
        "a claim link counts its claims, none too many, and each was audited before it was shown",
        """
        SELECT (SELECT count(*) FROM claim_links k
                LEFT JOIN (SELECT link_id, count(*) AS number FROM claim_uses GROUP BY 1) u
                    ON u.link_id = k.id
                WHERE k.uses <> coalesce(u.number, 0) OR k.uses > k.max_uses)
            + (SELECT count(*) FROM claim_uses u WHERE NOT EXISTS (
                SELECT 1 FROM audit_entries a WHERE a.action = 'card.reveal'
                    AND a.actor_kind = 'link' AND a.actor_id = u.link_id))
        """,
    ),
    Invariant(
        "I21",
        "the events of each card are a path of listed moves to what it is, its sale among them",
        """
        WITH told AS (
            SELECT card_id, at, id, old_state, new_state FROM card_events WHERE card_id IS NOT NULL
            UNION ALL
            SELECT encode(substr(e.marks, n * 16 + 1, 16), 'hex')::uuid, at, id, old_state,
                new_state
            FROM card_events e CROSS JOIN generate_series(0, e.cards - 1) n
            WHERE e.action = 'moved' AND e.card_id IS NULL
            UNION ALL
            SELECT encode(substr(e.marks, n * 64 + 1, 16), 'hex')::uuid, at, id, NULL, new_state
            FROM card_events e CROSS JOIN generate_series(0, e.cards - 1) n
            WHERE e.action = 'stored'
        ), path AS (
            SELECT card_id, old_state, new_state, lag(new_state) OVER life AS before,
                lead(new_state) OVER life IS NULL AS last
            FROM told WINDOW life AS (PARTITION BY card_id ORDER BY at, id)
        )
        SELECT (SELECT count(*) FROM path WHERE old_state IS DISTINCT FROM before
                OR old_state <> new_state AND NOT card_move_listed(old_state, new_state))
            + (SELECT count(*) FROM cards c LEFT JOIN path p ON p.card_id = c.id AND p.last
                WHERE p.new_state IS DISTINCT FROM c.state)
            + (SELECT count(*) FROM cards c WHERE c.order_line_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM card_events e
                WHERE e.card_id = c.id AND e.order_line_id = c.order_line_id))
        """,
    ),
    *(
        Invariant(*promise)
        for promise in (
            *coupons.PROMISES,
            *commissions.PROMISES,
            *payouts.PROMISES,
            *cashback.PROMISES,
            *settlement.PROMISES,
            *providers.PROMISES,
            *refunds.PROMISES,
            *aftersale.PROMISES,
            *ratings.PROMISES,
        )
    ),
)


async def find_violations() -> list[Finding]:
    """Run every check. Reads whole tables: minutes on a large installation, harmless always."""
    overdue = clock.now().timestamp() - OVERDUE_SECONDS
    findings = []
    async with unhurried() as conn:
        for invariant in INVARIANTS:
            args = [overdue] if "$1" in invariant.broken else []
            sql = invariant.broken.replace("$1", "to_timestamp($1)")
            async with conn.transaction(readonly=True):
                await conn.execute("SET LOCAL enable_seqscan = on")
                count = int(await conn.fetchval(sql, *args))
            findings.append(Finding(invariant.name, invariant.promise, count))
    report = await ledger.verify()
    chain = "the hash chain over all transfers holds from end to end"
    findings.insert(2, Finding("I3", chain, len(report.faults)))
    trace = await cards.verify_cards()
    holds = "cards, sealed codes and batches are as their chained, signed trace says"
    findings.append(Finding("B6", holds, trace.found))
    return findings
