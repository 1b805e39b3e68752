"""What must be true of refunds at every moment: a name, the promise, and what counts its breaches.

`domain/invariants.py` runs them with all others.
"""

PROMISES = (
    (
        "I8-refund",
        "what went back of delivered goods is what its refunds say, within what was paid, booked"
        " once to where it went; refunded cards have their refund, and REFUNDED is all of an order",
        """
        SELECT (SELECT count(*) FROM order_lines l
                LEFT JOIN (SELECT line_id, sum(amount) AS amount, sum(quantity) AS quantity
                    FROM refund_parts GROUP BY 1) p ON p.line_id = l.id
                WHERE (l.refunded_amount, l.refunded_quantity)
                    <> (coalesce(p.amount, 0), coalesce(p.quantity, 0)))
            + (SELECT count(*) FROM refunds r
                LEFT JOIN transfers t ON t.kind = 'delivered_refund' AND t.reference = r.id
                LEFT JOIN payment_refunds g ON g.id = r.payment_refund_id
                LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id WHERE e.transfer_id = t.id
                        AND a.kind = ANY (CASE r.destination WHEN 'WALLET'
                            THEN ARRAY['wallet', 'exchange'] ELSE ARRAY['refund_due'] END)) b
                    ON true
                WHERE b.amount IS DISTINCT FROM r.amount
                    OR r.destination = 'CHANNEL' AND g.amount IS DISTINCT FROM r.amount
                    OR r.amount IS DISTINCT FROM
                        (SELECT sum(p.amount) FROM refund_parts p WHERE p.refund_id = r.id))
            + (SELECT count(*) FROM cards c LEFT JOIN refund_parts p ON p.card_id = c.id
                WHERE (c.state = 'refunded') <> (p.id IS NOT NULL))
            + (SELECT count(*) FROM (
                SELECT coalesce((SELECT sum(e.amount) FROM entries e
                        JOIN transfers t ON t.id = e.transfer_id WHERE e.account_id = a.id
                            AND t.kind = 'delivered_refund'), 0) AS booked,
                    (SELECT coalesce(sum(p.lost_cost), 0) FROM refund_parts p
                        JOIN refunds r ON r.id = p.refund_id WHERE r.currency = a.currency) AS lost
                FROM accounts a WHERE a.kind = 'loss') losses WHERE booked <> -lost)
            + (SELECT count(*) FROM orders o WHERE o.status = 'REFUNDED' AND o.total <> (
                SELECT sum(CASE l.status WHEN 'REFUNDED' THEN l.unit_price * l.quantity
                    ELSE l.refunded_amount END) FROM order_lines l WHERE l.order_id = o.id))
        """,
    ),
    (
        "H10",
        "no more of a commission went back than was earned, in proportion to the price of its line,"
        " and each agent's account says so",
        """
        SELECT (SELECT count(*) FROM commissions c
                JOIN order_lines l ON l.id = c.order_line_id
                JOIN (SELECT commission_id, sum(amount) AS amount FROM commission_clawbacks
                    GROUP BY 1) b ON b.commission_id = c.id
                WHERE b.amount > c.amount
                    OR b.amount > c.amount::numeric * l.refunded_amount
                        / (l.unit_price * l.quantity))
            + (SELECT count(*) FROM accounts a
                LEFT JOIN (SELECT agent_id, currency, sum(pending) AS pending,
                        sum(available) AS available, sum(owed) AS owed
                    FROM commission_clawbacks GROUP BY 1, 2) b
                    ON b.agent_id = a.owner_id AND b.currency = a.currency
                WHERE a.kind IN ('commission', 'commission_available', 'commission_debt')
                    AND coalesce(CASE a.kind WHEN 'commission' THEN b.pending
                        WHEN 'commission_debt' THEN b.owed ELSE b.available END, 0) <> -coalesce((
                    SELECT sum(e.amount) FROM entries e JOIN transfers t ON t.id = e.transfer_id
                    WHERE e.account_id = a.id AND t.kind = 'delivered_refund'), 0))
            + (SELECT count(*) FROM commission_clawbacks b
                JOIN commissions c ON c.id = b.commission_id
                WHERE (b.agent_id, b.currency, b.release_at)
                    IS DISTINCT FROM (c.agent_id, c.currency, c.release_at))
        """,
    ),
)
