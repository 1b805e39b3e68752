"""Statements of commissions: which rule fits, for the purchase and for whoever only asks."""

from domain.kernel import named
from domain.orders import OF_AGENT
from domain.pricebook import OWN_PRICES
from domain.priceguard import GUARDED, MARGIN_OF
from domain.pricing import CHOSEN_LIST

# Instead of none, so that one index finds rules of goods and of all goods, of agents and of levels.
NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
# The narrowest first (money.md part 2); `+`: made for one agent.
PRECEDENCE = "ARRAY['variant+', 'category+', 'variant', 'category', 'default+', 'default']"
# For one variant `v` of product `p` and the chain of its sale: of each level the narrowest rule in
# force, the newest of them. Whoever buys without a chain reads none.
RULES_OF_VARIANT = f"""
(SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'level', c.level, 'kind', r.kind, 'value', r.value, 'scope', r.scope,
        'hold_days', r.hold_days, 'of_agent', r.agent_id IS NOT NULL)), '[]')
 FROM (VALUES (1, {{one}}), (2, {{two}}), (3, {{three}})) c (level, agent)
 CROSS JOIN LATERAL (
    SELECT id, kind, value, scope, hold_days, agent_id FROM commission_rules
    WHERE coalesce(scope_id, {NOBODY}) = ANY(ARRAY[v.id, p.category_id, {NOBODY}])
      AND coalesce(agent_id, {NOBODY}) = ANY(ARRAY[c.agent, {NOBODY}])
      AND (agent_id IS NOT NULL OR level = c.level)
      AND valid_from <= {{moment}} AND (valid_until IS NULL OR valid_until > {{moment}})
    ORDER BY array_position({PRECEDENCE},
            scope || CASE WHEN agent_id IS NULL THEN '' ELSE '+' END),
        valid_from DESC, version DESC
    LIMIT 1) r
 WHERE c.agent IS NOT NULL)
"""

_RULES = RULES_OF_VARIANT.format(moment=":moment", one="ch.id1", two="ch.id2", three="ch.id3")
_PRICES = CHOSEN_LIST.format(variant="v.id", currency=":currency", site=":site", moment=":moment")
# Cards at hand cost what the next one to be sold did; goods that are none, what the cheapest offer
# asks.
SIMULATED = named(f"""
SELECT v.delivery_kind, ch.*, {_RULES} AS rules,
    {GUARDED} AS guarded, {MARGIN_OF.format(site=":site", tier="'retail'")} AS margin,
    (SELECT jsonb_object_agg(tier, amount) FROM prices WHERE variant_id = v.id
        AND list_id = {_PRICES}) AS prices,
    {OWN_PRICES.format(quantity=":quantity")} AS own_prices,
    coalesce(
        (SELECT unit_cost FROM cards WHERE variant_id = v.id AND state = 'available'
            ORDER BY expires_on, id LIMIT 1),
        (SELECT min(o.cost) FROM supplier_offers o JOIN suppliers s ON s.id = o.supplier_id
            WHERE o.variant_id = v.id AND o.enabled AND s.state = 'active')) AS unit_cost
FROM variants v JOIN products p ON p.id = v.product_id
LEFT JOIN (
    SELECT one.id AS id1, one.tier AS tier1, one.leaf AS leaf1, one.name AS name1,
        two.id AS id2, two.tier AS tier2, two.leaf AS leaf2, two.name AS name2,
        three.id AS id3, three.tier AS tier3, three.leaf AS leaf3, three.name AS name3
    FROM agents one
    LEFT JOIN agents two ON two.id = one.parent_id
    LEFT JOIN agents three ON three.id = two.parent_id
    WHERE one.code = :promoter AND one.status = 'active') ch ON true
WHERE v.sku = :sku
""")

# A commission as its agent sees it.
SHOWN = """
SELECT c.id, c.agent_id, c.level, c.basis, c.amount, c.currency, c.rule, c.earned_at, c.release_at,
    o.number, l.sku, l.quantity, coalesce(c.release_at <= k.released_up_to, false) AS released,
    coalesce((SELECT sum(b.amount) FROM commission_clawbacks b
        WHERE b.commission_id = c.id), 0)::bigint AS clawed_back
FROM commissions c
JOIN order_lines l ON l.id = c.order_line_id JOIN orders o ON o.id = l.order_id
LEFT JOIN commission_books k ON k.agent_id = c.agent_id AND k.currency = c.currency
"""
# The commissions of agents that came or were lessened last, so many of each; both by an index.
RECENT = f"""
WITH newest AS (
    SELECT changed.id, changed.at FROM unnest($1::uuid[]) a (agent) CROSS JOIN LATERAL (
        SELECT moved.id, max(moved.at) AS at FROM (
            (SELECT c.id, c.earned_at AS at FROM commissions c
                WHERE c.agent_id = a.agent ORDER BY c.id DESC LIMIT $2)
            UNION ALL
            (SELECT b.commission_id, b.taken_at FROM commission_clawbacks b
                WHERE b.agent_id = a.agent ORDER BY b.id DESC LIMIT $2)
        ) moved GROUP BY moved.id ORDER BY 2 DESC, moved.id DESC LIMIT $2) changed)
SELECT shown.* FROM newest JOIN ({SHOWN}) shown ON shown.id = newest.id
ORDER BY shown.agent_id, newest.at DESC, shown.id DESC
"""
# What agents earned between two moments. Ids carry their time, so $3 bounds what is read. An order
# counts when its first commission comes, so that days add up to a month.
FIGURES = """
SELECT a.agent, coalesce(e.orders, 0) AS orders, coalesce(e.sold, 0)::bigint AS sold,
    coalesce(e.earned, 0)::bigint AS earned, coalesce(t.amount, 0)::bigint AS taken_back
FROM unnest($1::uuid[]) a (agent)
CROSS JOIN LATERAL (
    SELECT count(DISTINCT l.order_id) FILTER (WHERE NOT EXISTS (
            SELECT 1 FROM order_lines other JOIN commissions before
                ON before.order_line_id = other.id AND before.agent_id = a.agent
            WHERE other.order_id = l.order_id AND before.earned_at < $4)) AS orders,
        sum(l.unit_price * l.delivered_quantity) AS sold, sum(c.amount) AS earned
    FROM commissions c JOIN order_lines l ON l.id = c.order_line_id
    WHERE c.agent_id = a.agent AND c.id >= $3 AND c.currency = $2
        AND c.earned_at >= $4 AND c.earned_at < $5) e
CROSS JOIN LATERAL (
    SELECT sum(b.amount) AS amount FROM commission_clawbacks b
    WHERE b.agent_id = a.agent AND b.id >= $3 AND b.currency = $2
        AND b.taken_at >= $4 AND b.taken_at < $5) t
"""
# Orders of an agent's own customers, with what it has of each.
CUSTOMER_ORDERS = f"""
SELECT o.id, coalesce((SELECT sum(c.amount - coalesce((SELECT sum(b.amount)
        FROM commission_clawbacks b WHERE b.commission_id = c.id), 0))
    FROM order_lines l JOIN commissions c ON c.order_line_id = l.id AND c.agent_id = $1
    WHERE l.order_id = o.id), 0)::bigint AS earned
FROM orders o
WHERE {OF_AGENT.format(order="o", agent="$1")} AND o.consumer
    AND ($2::uuid IS NULL OR o.id < $2)
    AND (cardinality($4::text[]) = 0 OR o.status = ANY($4::text[]))
ORDER BY o.id DESC LIMIT $3
"""
