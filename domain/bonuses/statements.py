"""SQL of bonus plans: what a month of an agent came to, less refunds, whenever it is asked.

The same words measure when an award is made and when a refund comes later, so that what was taken
back in all depends on what is left of the sales, and not on how many refunds there were.
"""

from domain.kernel import named
from domain.orders import OF_AGENT

SLOW_DELIVERY_DAYS = 92  # goods may come long after their order; ids carry the time of the order

_BARRED = """EXISTS (
    SELECT 1 FROM jsonb_array_elements(coalesce(nullif(o.barred::jsonb, 'null'), '[]')) b
    WHERE (b->>'agentId')::uuid = {agent})"""
_GIVEN = """div(c.amount::numeric * 10000 * l.unit_price * l.quantity
    + (10000 - c.reserved) * c.basis - 1, (10000 - c.reserved) * c.basis)"""
_NOT_LEFT = "c.state = 'credited' AND NOT :plan = ANY (c.left_for)"
# What of a line was given away before, or must stay: commissions, the least margin of the price
# guard, and cashback that was credited before the plan was approved, and so has left it no room:
# c / (1 - r) of the margin, where r is what it has left to other plans; for all pieces of the line.
_SHARES = f"""((SELECT coalesce(sum(c.amount), 0)::bigint FROM commissions c
        WHERE c.order_line_id = l.id)
    + coalesce((SELECT k.amount FROM kept_margins k WHERE k.order_line_id = l.id), 0)
    + coalesce((SELECT {_GIVEN} FROM cashbacks c
        WHERE c.order_line_id = l.id AND {_NOT_LEFT}), 0)::bigint)"""
# The margin that a refund takes with it, rounded up for each line; of one sold at a loss the loss
# stays.
_GONE = "div(greatest({of}, 0)::numeric * refunded + price - 1, price)"
_SUMS = f"""count(*) FILTER (WHERE refunded < price)::int AS lines,
    coalesce(sum(price - refunded), 0)::bigint AS sales,
    coalesce(sum(price - cost - shares - CASE WHEN price = 0 THEN 0
        ELSE {_GONE.format(of="price - cost - shares")} END)
        FILTER (WHERE cost > 0), 0)::bigint AS margin,
    coalesce(sum(price - shares - CASE WHEN price = 0 THEN 0
        ELSE {_GONE.format(of="price - shares")} END)
        FILTER (WHERE cost = 0), 0)::bigint AS uncosted"""
_SELECTED = "SELECT unnest(:agents::uuid[]) AS agent_id"
_SOLD_IN_MONTH = """
SELECT DISTINCT agent_id FROM team_days WHERE agent_id > :cursor AND day >= :first AND day < :next
    AND currency = :currency AND level <= :depth ORDER BY agent_id LIMIT :slice
"""
_ALL = "SELECT id AS agent_id FROM agents WHERE id > :cursor ORDER BY id LIMIT :slice"
# From the sealed figures of teams, less what was refunded of the sales of these days by now.
_BY_TEAM = f"""
WITH who AS MATERIALIZED ({{who}}), sold AS (
    SELECT d.agent_id, sum(d.earnable_lines) AS lines, sum(d.earnable) AS sales,
        sum(d.margin) AS margin, sum(d.uncosted) AS uncosted,
        sum(d.earnable) FILTER (WHERE d.level = 1) AS own
    FROM who JOIN team_days d USING (agent_id)
    WHERE d.day >= :first AND d.day < :next AND d.currency = :currency AND d.level <= :depth
    GROUP BY d.agent_id
), line AS MATERIALIZED (
    SELECT l.id, l.order_id, l.unit_price * l.quantity AS price, l.cost,
        sum(p.amount)::bigint AS refunded, {_SHARES} AS shares
    FROM refunds r JOIN refund_parts p ON p.refund_id = r.id
    JOIN order_lines l ON l.id = p.line_id
    JOIN transfers t ON t.kind = 'sale' AND t.reference = l.id
    WHERE r.requested_at >= :begins AND r.clawback AND t.posted_at >= :begins
        AND t.posted_at < :ends AND l.consumer AND l.delivery_kind <> 'GIFT_CARD'
    GROUP BY l.id
), given AS (
    SELECT who.agent_id, coalesce(sum({_GIVEN}) FILTER (WHERE l.cost > 0), 0) AS margin,
        coalesce(sum({_GIVEN}) FILTER (WHERE l.cost = 0), 0) AS uncosted
    FROM cashbacks c JOIN order_lines l ON l.id = c.order_line_id
    JOIN transfers t ON t.kind = 'sale' AND t.reference = l.id
    JOIN orders o ON o.id = l.order_id AND o.currency = :currency
    CROSS JOIN LATERAL unnest(o.agent_chain) WITH ORDINALITY a (id, level)
    JOIN who ON who.agent_id = a.id
    WHERE {_NOT_LEFT} AND c.credited_at >= :begins AND t.posted_at >= :begins
        AND t.posted_at < :ends AND a.level <= :depth AND NOT {_BARRED.format(agent="a.id")}
    GROUP BY who.agent_id
), gone AS (
    SELECT who.agent_id, count(*) FILTER (WHERE refunded = price) AS lines,
        sum(refunded) AS sales, sum(refunded) FILTER (WHERE a.level = 1) AS own,
        sum({_GONE.format(of="price - cost - shares")}) FILTER (WHERE cost > 0) AS margin,
        sum({_GONE.format(of="price - shares")}) FILTER (WHERE cost = 0) AS uncosted
    FROM line JOIN orders o ON o.id = line.order_id AND o.consumer AND o.currency = :currency
    CROSS JOIN LATERAL unnest(o.agent_chain) WITH ORDINALITY a (id, level)
    JOIN who ON who.agent_id = a.id
    WHERE a.level <= :depth AND NOT {_BARRED.format(agent="a.id")}
    GROUP BY who.agent_id
)
SELECT who.agent_id,
    (coalesce(sold.lines, 0) - coalesce(gone.lines, 0))::int AS lines,
    {
    ", ".join(
        f"(coalesce(sold.{name}, 0) - coalesce(gone.{name}, 0){less})::bigint AS {name}"
        for name, less in (
            ("sales", ""),
            ("margin", " - coalesce(given.margin, 0)"),
            ("uncosted", " - coalesce(given.uncosted, 0)"),
            ("own", ""),
        )
    )
}
FROM who LEFT JOIN sold ON sold.agent_id = who.agent_id
LEFT JOIN gone ON gone.agent_id = who.agent_id
LEFT JOIN given ON given.agent_id = who.agent_id ORDER BY who.agent_id
"""
# `OFFSET 0` keeps the planner to one look by an index for each row, and so do subqueries that are
# no EXISTS, for which it may read a whole table once.
# Line by line: what came by links, or from whoever had paid nothing before the month began.
_BY_LINE = f"""
WITH who AS MATERIALIZED ({{who}}), sold AS MATERIALIZED (
    SELECT who.agent_id, o.buyer_id, o.promo_link_id, l.id, l.cost, l.unit_price, l.quantity
    FROM who CROSS JOIN LATERAL (SELECT * FROM orders o WHERE {{whose}}
        AND o.id >= :oldest AND o.consumer AND o.currency = :currency OFFSET 0) o
    CROSS JOIN LATERAL (SELECT * FROM order_lines WHERE order_id = o.id OFFSET 0) l
    WHERE l.status = 'DELIVERED' AND l.delivery_kind <> 'GIFT_CARD'
        AND l.delivered_at >= :begins AND l.delivered_at < :ends
        AND NOT {_BARRED.format(agent="who.agent_id")}
), newcomer AS MATERIALIZED (
    SELECT buyer_id FROM (SELECT DISTINCT buyer_id FROM sold WHERE NOT :by_link) b
    WHERE (SELECT u.role FROM users u WHERE u.id = b.buyer_id) = 'buyer'
        AND (SELECT 1 FROM orders e WHERE e.buyer_id = b.buyer_id
            AND e.paid_at < :begins LIMIT 1) IS NULL
), line AS (
    SELECT l.agent_id, l.unit_price * l.quantity AS price, l.cost, {_SHARES} AS shares,
        coalesce((SELECT sum(p.amount) FROM refund_parts p
            JOIN refunds r ON r.id = p.refund_id AND r.clawback
            WHERE p.line_id = l.id), 0)::bigint AS refunded
    FROM sold l WHERE CASE WHEN :by_link THEN l.promo_link_id IS NOT NULL
        ELSE l.buyer_id IN (SELECT buyer_id FROM newcomer) END
)
SELECT who.agent_id, {_SUMS}, coalesce(sum(price - refunded), 0)::bigint AS own
FROM who LEFT JOIN line USING (agent_id) GROUP BY who.agent_id ORDER BY who.agent_id
"""
TEAM_SLICE = named(_BY_TEAM.format(who=_SOLD_IN_MONTH))
TEAM_OF = named(_BY_TEAM.format(who=_SELECTED))
_WHOSE = OF_AGENT.format(order="o", agent="who.agent_id")
LINE_SLICE = named(_BY_LINE.format(who=_ALL, whose=_WHOSE))
LINE_OF = named(_BY_LINE.format(who=_SELECTED, whose=_WHOSE))

# Whom agents invited or brought since a plan began and before the month ended, without whoever was
# rewarded for already; `hand`: why both are one. What staff say counts before what was seen.
_WHO = "SELECT id, user_id FROM agents WHERE id > :cursor ORDER BY id LIMIT :slice"
AGENTS_BROUGHT = named(f"""
WITH who AS MATERIALIZED ({_WHO})
SELECT who.id AS agent_id, x.id AS subject_id, CASE
    WHEN x.id IS NULL OR marked.related = false THEN NULL
    WHEN marked.related THEN 'marked'
    ELSE (SELECT f.kind FROM agent_footprints f JOIN agent_footprints g
            ON g.agent_id = x.id AND g.kind = f.kind AND g.digest = f.digest
        WHERE f.agent_id = who.id ORDER BY f.kind DESC LIMIT 1) END AS hand
FROM who
LEFT JOIN LATERAL (
    SELECT a.id, a.user_id FROM agent_applications p JOIN agents a ON a.id = p.agent_id
    WHERE p.parent_id = who.id AND p.state = 'activated' AND p.invitation_id IS NOT NULL
        AND p.ended_at >= :since AND p.ended_at < :ends
        AND NOT EXISTS (SELECT 1 FROM commission_awards w WHERE w.subject_id = a.id)) x ON true
LEFT JOIN LATERAL (
    SELECT bool_or(r.related) AS related FROM agent_relations r
    WHERE r.agent_id = who.id AND r.user_id = x.user_id
        OR r.agent_id = x.id AND r.user_id = who.user_id) marked ON true
ORDER BY who.id, x.id
""")
BUYERS_BROUGHT = named(f"""
WITH who AS MATERIALIZED ({_WHO})
SELECT who.id AS agent_id, x.id AS subject_id, (
    SELECT b->>'reason' FROM orders o CROSS JOIN LATERAL jsonb_array_elements(
        coalesce(nullif(o.barred::jsonb, 'null'), '[]')) b
    WHERE o.buyer_id = x.id AND (b->>'agentId')::uuid = who.id
        AND b->>'reason' IN ('self', 'marked', 'device', 'address') LIMIT 1) AS hand
FROM who
LEFT JOIN LATERAL (
    SELECT u.id FROM users u WHERE u.referrer_agent_id = who.id AND u.role = 'buyer'
        AND u.created_at >= :since AND u.created_at < :ends
        AND NOT EXISTS (SELECT 1 FROM commission_awards w WHERE w.subject_id = u.id)) x ON true
ORDER BY who.id, x.id
""")
# Their month, line by line; nothing on which either of both is barred.
_REFERRED = f"""
WITH pair AS MATERIALIZED (
    SELECT * FROM unnest(:agents::uuid[], :subjects::uuid[]) p (agent_id, subject_id)
), line AS (
    SELECT pair.subject_id, l.unit_price * l.quantity AS price, l.cost, {_SHARES} AS shares,
        coalesce((SELECT sum(p.amount) FROM refund_parts p
            JOIN refunds r ON r.id = p.refund_id AND r.clawback
            WHERE p.line_id = l.id), 0)::bigint AS refunded
    FROM pair CROSS JOIN LATERAL (SELECT * FROM orders o WHERE {{whose}} AND o.id >= :oldest
        AND o.consumer AND o.currency = :currency
        AND pair.agent_id = ANY (o.agent_chain) OFFSET 0) o
    CROSS JOIN LATERAL (SELECT * FROM order_lines WHERE order_id = o.id OFFSET 0) l
    WHERE l.status = 'DELIVERED' AND l.delivery_kind <> 'GIFT_CARD'
        AND l.delivered_at >= :begins AND l.delivered_at < :ends
        AND NOT {_BARRED.format(agent="pair.agent_id")}
        AND NOT {_BARRED.format(agent="pair.subject_id")}
)
SELECT pair.subject_id, {_SUMS}
FROM pair LEFT JOIN line USING (subject_id) GROUP BY pair.subject_id
"""
AGENTS_OF = named(_REFERRED.format(whose=OF_AGENT.format(order="o", agent="pair.subject_id")))
BUYERS_OF = named(_REFERRED.format(whose="o.buyer_id = pair.subject_id"))
REFUSE = """
INSERT INTO bonus_referral_refusals (id, plan_id, agent_id, subject_id, month, reason, at)
SELECT id, $1, agent, subject, $2, reason, $3
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::text[]) AS r (id, agent, subject, reason)
ON CONFLICT (plan_id, subject_id) DO NOTHING
"""

BEGIN = """
INSERT INTO bonus_cursor (id, sequence) SELECT 1, coalesce(max(sequence), 0) FROM seals
ON CONFLICT (id) DO NOTHING
"""
# Awards and refunds one after the other: a refund that an award has not seen finds it.
LOCK = "SELECT sequence FROM bonus_cursor WHERE id = 1 FOR UPDATE"
HEAD = "SELECT coalesce(max(sequence), 0) FROM seals"
MOVE = "UPDATE bonus_cursor SET sequence = $1 WHERE id = 1"
# Awards whose sales refunds between two links of the ledger's chain took something of.
TOUCHED = """
SELECT DISTINCT w.id, w.plan_id, w.month, w.agent_id, w.subject_id, w.amount
FROM seals s JOIN transfers t ON t.id = s.transfer_id
JOIN refund_parts p ON p.refund_id = t.reference
JOIN order_lines l ON l.id = p.line_id JOIN orders o ON o.id = l.order_id
JOIN transfers sale ON sale.kind = 'sale' AND sale.reference = l.id
JOIN commission_awards w ON w.agent_id = ANY (o.agent_chain) AND w.month IN (
    date_trunc('month', (sale.posted_at AT TIME ZONE 'UTC') + $3::interval)::date,
    date_trunc('month', (l.delivered_at AT TIME ZONE 'UTC') + $3::interval)::date)
WHERE s.sequence > $1 AND s.sequence <= $2 AND t.kind = 'delivered_refund'
ORDER BY w.plan_id, w.month, w.agent_id
"""
OPEN_RUN = """
INSERT INTO bonus_runs (id, plan_id, month, cursor, awards, amount, begun_at)
VALUES ($1, $2, $3, '00000000-0000-0000-0000-000000000000', 0, 0, $4)
ON CONFLICT (plan_id, month) DO NOTHING
"""
RUN = "SELECT id, cursor, done_at FROM bonus_runs WHERE plan_id = $1 AND month = $2 FOR UPDATE"
GO_ON = """
UPDATE bonus_runs SET cursor = coalesce($2, cursor), awards = awards + $3, amount = amount + $4,
    done_at = $5 WHERE id = $1
"""
DONE = "SELECT plan_id, month FROM bonus_runs WHERE done_at IS NOT NULL"
# What all other plans of the same time may take of one line, in 1/10000 of its margin: a plan of
# several levels counts a line once for each.
TAKEN = """
SELECT coalesce(sum(cap_margin_rate * depth), 0)::int FROM bonus_plans
WHERE state = 'approved' AND currency = $1 AND first_month <= $3 AND last_month >= $2
"""
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('bonus_plans'))"
