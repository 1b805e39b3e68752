"""What an agent sold, in one statement for many agents and windows.

Only sales to consumers count that came to this very agent, on which it is not barred, and of which
the money did not go back: a downline's sales are the downline's.
"""

# Goods may come long after their order; ids carry the time of the order.
SLOW_DELIVERY_DAYS = 92
MEASURES = """
SELECT g.agent_id, w.since, coalesce(s.sales, 0)::bigint AS sales,
    coalesce(s.quantity, 0)::bigint AS quantity, coalesce(s.customers, 0) AS customers,
    coalesce(s.delivered, 0)::bigint AS delivered, coalesce(s.complaints, 0)::bigint AS complaints,
    (SELECT count(*) FROM penalty_cases p WHERE p.agent_id = g.agent_id
        AND p.state IN ('imposed', 'appealed', 'upheld', 'final')
        AND p.decided_at >= w.since AND p.decided_at < $3) AS penalties
FROM unnest($1::uuid[]) AS g (agent_id) CROSS JOIN unnest($2::timestamptz[]) AS w (since)
LEFT JOIN LATERAL (
    SELECT sum(net) AS sales, sum(pieces) AS quantity,
        count(DISTINCT buyer_id) FILTER (WHERE net > 0) AS customers,
        sum(delivered_quantity) AS delivered, sum(bad) AS complaints
    FROM (SELECT o.buyer_id, l.delivered_quantity,
            l.unit_price * l.quantity - l.refunded_amount AS net,
            l.delivered_quantity - l.refunded_quantity AS pieces,
            (SELECT coalesce(sum(d.quantity), 0) FROM disputes d
                WHERE d.line_id = l.id AND d.state IN ('REPLACED', 'REFUNDED')) AS bad
        FROM orders o JOIN order_lines l ON l.order_id = o.id
        WHERE o.agent_chain[1] = g.agent_id AND o.id >= $4 AND o.consumer AND o.currency = $5
            AND l.status = 'DELIVERED' AND NOT l.gift
            AND l.delivered_at >= w.since AND l.delivered_at < $3
            AND NOT coalesce(o.barred @> jsonb_build_array(
                jsonb_build_object('agentId', g.agent_id::text)), false)) sale) s ON true
"""
# Of what an agent bought for its own stock, and of what its own customers bought.
VOLUMES = """
SELECT agent_id, sum(net)::bigint AS volume FROM (
    SELECT coalesce(a.id, o.agent_chain[1]) AS agent_id,
        l.unit_price * l.quantity - l.refunded_amount AS net
    FROM orders o JOIN order_lines l ON l.order_id = o.id
    LEFT JOIN agents a ON NOT o.consumer AND a.user_id = o.buyer_id
    WHERE o.id >= $3 AND o.currency = $4 AND l.status = 'DELIVERED'
        AND l.delivered_at >= $1 AND l.delivered_at < $2
        AND NOT coalesce(o.barred @> jsonb_build_array(
            jsonb_build_object('agentId', o.agent_chain[1]::text)), false)) sale
WHERE agent_id IS NOT NULL GROUP BY agent_id HAVING sum(net) > 0
"""
UNREVIEWED = """
SELECT a.id FROM agents a WHERE a.status = 'active' AND a.created_at < $2
    AND NOT EXISTS (SELECT 1 FROM tier_reviews r WHERE r.agent_id = a.id AND r.month = $1)
ORDER BY a.id LIMIT $3 FOR UPDATE OF a SKIP LOCKED
"""
# Of two that look at once the later one finds it written.
REVIEW = """
INSERT INTO tier_reviews (id, agent_id, month, tier, target, outcome, misses, measures, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9)
ON CONFLICT (agent_id, month) DO NOTHING RETURNING 1
"""
LAST_MISSES = """
SELECT DISTINCT ON (agent_id) agent_id, misses, tier FROM tier_reviews
WHERE agent_id = ANY($1::uuid[]) AND month < $2 ORDER BY agent_id, month DESC
"""
PINNED = """
SELECT agent_id FROM tier_pins
WHERE agent_id = ANY($1::uuid[]) AND lifted_at IS NULL AND until > $2
"""
CURRENT_TERMS = """
SELECT DISTINCT ON (tier) id FROM tier_terms WHERE effective_at <= $1
ORDER BY tier, effective_at DESC, id DESC
"""
CAP_OF_AGENT = """
SELECT t.payout_daily_cap FROM agents a JOIN tier_terms t ON t.tier = a.tier
WHERE a.id = $1 AND t.effective_at <= $2 ORDER BY t.effective_at DESC, t.id DESC LIMIT 1
"""
CANCEL = """
UPDATE tier_changes SET state = 'cancelled', ended_at = $2
WHERE agent_id = $1 AND state = 'waiting'
"""
# The agent is locked first, as by whoever reviews or pins it; whoever only writes a row that names
# it is waited for, and not gone past.
DUE = """
SELECT t.id FROM tier_changes t JOIN agents a ON a.id = t.agent_id
WHERE t.state = 'waiting' AND t.next_try_at <= $1
ORDER BY t.next_try_at, t.id LIMIT 1 FOR NO KEY UPDATE OF a SKIP LOCKED
"""
LAPSED = """
UPDATE tier_pins SET lifted_at = until, lifted_by = pinned_by
WHERE agent_id = $1 AND lifted_at IS NULL AND until <= $2
"""
