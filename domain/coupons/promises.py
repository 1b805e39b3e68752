"""What must be true of coupons at every moment: a name, the promise, what counts its breaches.

`domain/invariants.py` runs them with all others.
"""

PROMISES = (
    (
        "I11",
        "of each campaign no more is used than its limits allow, and its counter says what is; what"
        " came off an order is what came off its lines and what its bearers bear; an order that"
        " ended unpaid holds no coupon",
        """
        SELECT (SELECT count(*) FROM coupon_counters n LEFT JOIN LATERAL (
                    SELECT count(*) AS uses, coalesce(sum(u.amount), 0) AS amount FROM coupon_uses u
                    WHERE u.campaign_id = n.campaign_id AND u.state IN ('locked', 'used')) held
                    ON true
                WHERE (n.max_uses IS NOT NULL OR n.budget IS NOT NULL)
                    AND (n.uses, n.amount) IS DISTINCT FROM (held.uses, held.amount))
            + (SELECT count(*) FROM (
                SELECT coupon_id FROM coupon_uses WHERE state IN ('locked', 'used')
                    AND coupon_id IS NOT NULL GROUP BY coupon_id HAVING count(*) > 1) twice)
            + (SELECT count(*) FROM (
                SELECT u.order_id, sum(u.house_amount) AS house FROM coupon_uses u
                GROUP BY u.order_id) off
                WHERE off.house <> (SELECT sum(l.discount) FROM order_lines l
                    WHERE l.order_id = off.order_id))
            + (SELECT count(*) FROM order_lines l WHERE l.discount > 0 AND NOT EXISTS (
                SELECT 1 FROM coupon_uses u WHERE u.order_id = l.order_id))
            + (SELECT count(*) FROM coupon_uses u WHERE u.amount <> (
                SELECT sum(part.value::bigint) FROM jsonb_each_text(u.parts) part))
            + (SELECT count(*) FROM coupon_uses u JOIN orders o ON o.id = u.order_id
                WHERE CASE u.state
                    WHEN 'locked' THEN o.status <> 'PENDING_PAYMENT'
                    WHEN 'released' THEN o.status NOT IN ('CANCELLED', 'EXPIRED', 'FAILED')
                    WHEN 'used' THEN o.paid_at IS NULL
                    ELSE o.status <> 'REFUNDED' END)
        """,
    ),
)
