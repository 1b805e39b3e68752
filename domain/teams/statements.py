"""SQL of what teams sold. The counting stands here once, for what comes new and for a recount."""

from domain.priceguard import MARGIN_OF

# Which sales and refunds stand between two links of the ledger's chain, and for whom each counts:
# the agents that earn on the order, as they stood when it was placed.
_COUNTED = """
SELECT a.agent_id, CASE WHEN a.level = 1 THEN a.agent_id ELSE o.agent_chain[a.level - 1] END
        AS via_id, a.level::int2 AS level, moved.day, moved.currency,
    count(*) FILTER (WHERE moved.sale AND moved.amount > 0)::int AS lines,
    coalesce(sum(moved.amount) FILTER (WHERE moved.sale), 0)::bigint AS sold,
    count(*) FILTER (WHERE NOT moved.sale)::int AS refunds,
    coalesce(sum(moved.amount) FILTER (WHERE NOT moved.sale), 0)::bigint AS refunded,
    count(*) FILTER (WHERE moved.earnable AND moved.amount > 0)::int AS earnable_lines,
    coalesce(sum(moved.amount) FILTER (WHERE moved.earnable), 0)::bigint AS earnable,
    coalesce(sum(moved.amount - moved.cost - moved.shares - moved.kept)
        FILTER (WHERE moved.earnable AND moved.cost > 0), 0)::bigint AS margin,
    coalesce(sum(moved.amount - moved.shares - moved.kept)
        FILTER (WHERE moved.earnable AND moved.cost = 0), 0)::bigint AS uncosted
FROM (
    SELECT l.order_id, t.currency, true AS sale, l.delivery_kind <> 'GIFT_CARD' AS earnable,
        ((t.posted_at AT TIME ZONE 'UTC') + :offset::interval)::date AS day,
        booked.price AS amount, booked.cost, booked.shares, coalesce(k.amount, 0) AS kept
    FROM seals s JOIN transfers t ON t.id = s.transfer_id
    JOIN order_lines l ON l.id = t.reference
    LEFT JOIN kept_margins k ON k.order_line_id = l.id
    CROSS JOIN LATERAL (SELECT
            coalesce(-sum(e.amount) FILTER (WHERE c.kind = 'prepayment'), 0)::bigint AS price,
            coalesce(-sum(e.amount) FILTER (WHERE c.kind = 'cost'), 0)::bigint AS cost,
            coalesce(-sum(e.amount) FILTER (WHERE c.kind = 'commission_expense'), 0)::bigint
                AS shares
        FROM entries e JOIN accounts c ON c.id = e.account_id WHERE e.transfer_id = t.id) booked
    WHERE s.sequence > :after AND s.sequence <= :up_to AND t.kind = 'sale' AND l.consumer
    UNION ALL
    SELECT r.order_id, t.currency, false, false,
        ((t.posted_at AT TIME ZONE 'UTC') + :offset::interval)::date, r.amount, 0, 0, 0
    FROM seals s JOIN transfers t ON t.id = s.transfer_id
    JOIN refunds r ON r.id = t.reference
    WHERE s.sequence > :after AND s.sequence <= :up_to AND t.kind = 'delivered_refund'
) moved
JOIN orders o ON o.id = moved.order_id AND o.consumer
CROSS JOIN LATERAL unnest(o.agent_chain) WITH ORDINALITY a (agent_id, level)
WHERE (moved.amount > 0 OR moved.cost > 0) AND NOT EXISTS (
    SELECT 1 FROM jsonb_array_elements(coalesce(nullif(o.barred::jsonb, 'null'), '[]')) b
    WHERE (b->>'agentId')::uuid = a.agent_id)
GROUP BY 1, 2, 3, 4, 5
"""
BEGIN = "INSERT INTO team_cursor (id, sequence) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"
LOCK = "SELECT sequence FROM team_cursor WHERE id = 1 FOR UPDATE"
CURSOR = "SELECT coalesce((SELECT sequence FROM team_cursor WHERE id = 1), 0)"
HEAD = "SELECT coalesce(max(sequence), 0) FROM seals"
MOVE = "UPDATE team_cursor SET sequence = $1 WHERE id = 1"
# What the price guard asks for at the least of lines that are about to be counted.
KEEP = f"""
INSERT INTO kept_margins (order_line_id, amount) SELECT id, least FROM (
    SELECT l.id, greatest(div(l.cost::numeric * (g.margin->>0)::int + 9999, 10000),
        (g.margin->>1)::bigint * l.quantity)::bigint AS least
    FROM seals s JOIN transfers t ON t.id = s.transfer_id
    JOIN order_lines l ON l.id = t.reference
    JOIN orders o ON o.id = l.order_id AND o.consumer AND cardinality(o.agent_chain) > 0
    CROSS JOIN LATERAL (SELECT {MARGIN_OF.format(site="o.site_id", tier="o.tier")} AS margin) g
    WHERE s.sequence > $1 AND s.sequence <= $2 AND t.kind = 'sale' AND l.consumer
        AND l.delivery_kind <> 'GIFT_CARD') guarded
WHERE least > 0 ON CONFLICT (order_line_id) DO NOTHING
"""
ADD = f"""
INSERT INTO team_days AS d (id, agent_id, via_id, level, day, currency, lines, sold, refunds,
    refunded, earnable_lines, earnable, margin, uncosted)
SELECT gen_random_uuid(), n.* FROM ({_COUNTED}) n
ON CONFLICT (agent_id, day, via_id, level, currency) DO UPDATE
SET lines = d.lines + excluded.lines, sold = d.sold + excluded.sold,
    refunds = d.refunds + excluded.refunds, refunded = d.refunded + excluded.refunded,
    earnable_lines = d.earnable_lines + excluded.earnable_lines,
    earnable = d.earnable + excluded.earnable, margin = d.margin + excluded.margin,
    uncosted = d.uncosted + excluded.uncosted
"""
# How many days of agents a recount of everything so far tells otherwise.
DIFFERENT = f"""
SELECT count(*) FROM ({_COUNTED}) n
FULL JOIN team_days d USING (agent_id, via_id, level, day, currency)
WHERE (n.lines, n.sold, n.refunds, n.refunded, n.earnable_lines, n.earnable, n.margin, n.uncosted)
    IS DISTINCT FROM (d.lines, d.sold, d.refunds, d.refunded, d.earnable_lines, d.earnable,
        d.margin, d.uncosted)
"""
# Many agents at once; how each stands by itself.
POINTS = """
SELECT agent_id, date_trunc($4, day)::date AS day,
    coalesce(sum(lines) FILTER (WHERE level = 1), 0)::int AS own_lines,
    coalesce(sum(sold) FILTER (WHERE level = 1), 0)::bigint AS own_sold,
    coalesce(sum(refunded) FILTER (WHERE level = 1), 0)::bigint AS own_refunded,
    sum(lines)::int AS lines, sum(sold)::bigint AS sold, sum(refunded)::bigint AS refunded
FROM team_days WHERE agent_id = ANY($1::uuid[]) AND day >= $2 AND day <= $3 AND currency = $5
GROUP BY 1, 2 ORDER BY 1, 2
"""
MEMBERS = """
SELECT agent_id, via_id, lines, sold, refunded FROM (
    SELECT agent_id, via_id, sum(lines)::int AS lines, sum(sold)::bigint AS sold,
        sum(refunded)::bigint AS refunded, row_number() OVER (PARTITION BY agent_id
            ORDER BY sum(sold) - sum(refunded) DESC, via_id) AS place
    FROM team_days
    WHERE agent_id = ANY($1::uuid[]) AND day >= $2 AND day <= $3 AND currency = $4 AND level > 1
    GROUP BY agent_id, via_id) members
WHERE place <= $5 ORDER BY agent_id, place
"""
