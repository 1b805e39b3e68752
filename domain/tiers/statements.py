"""What an agent sold, in one statement for many agents and windows.

Only sales to consumers count that came to this very agent, on which it is not barred, and of which
the money did not go back: a downline's sales are the downline's.
"""

from domain.orders import OF_AGENT

# Goods may come long after their order; ids carry the time of the order.
SLOW_DELIVERY_DAYS = 92
_BOUGHT = "SELECT o.id FROM orders o"
_COUNTS = """o.id >= $4 AND o.currency = $5 AND NOT coalesce(o.barred @> jsonb_build_array(
                jsonb_build_object('agentId', o.agent_chain[1]::text)), false)"""
MEASURES = f"""
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
        WHERE {OF_AGENT.format(order="o", agent="g.agent_id")}
            AND o.id >= $4 AND o.consumer AND o.currency = $5 AND l.status = 'DELIVERED'
            AND NOT l.gift AND l.delivered_at >= w.since AND l.delivered_at < $3
            AND NOT coalesce(o.barred @> jsonb_build_array(
                jsonb_build_object('agentId', g.agent_id::text)), false)) sale) s ON true
"""
# What some agents bought for their own stock, and what their own customers bought.
VOLUMES = f"""
SELECT a.id AS agent_id, sum(o.net)::bigint AS volume
FROM unnest($1::uuid[]) g (id) JOIN agents a ON a.id = g.id
CROSS JOIN LATERAL (
    SELECT l.unit_price * l.quantity - l.refunded_amount AS net FROM ({_BOUGHT}
        WHERE o.buyer_id = a.user_id AND NOT o.consumer
            AND {_COUNTS}
        UNION ALL {_BOUGHT}
        WHERE {OF_AGENT.format(order="o", agent="a.id")}
            AND (o.consumer OR NOT EXISTS (SELECT 1 FROM agents x WHERE x.user_id = o.buyer_id))
            AND {_COUNTS}) o
    JOIN order_lines l ON l.order_id = o.id
    WHERE l.status = 'DELIVERED' AND l.delivered_at >= $2 AND l.delivered_at < $3) o
GROUP BY a.id HAVING sum(o.net) > 0
"""
NEXT_AGENTS = "SELECT id FROM agents WHERE id > $1 ORDER BY id LIMIT $2"
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
