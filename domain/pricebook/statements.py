"""Statements of the price book. How an agent's price is worked out stands here once: for pages,
lists sorted by price, the purchase, commissions, and whoever judges a change.

An agent's *own* price is its own price of the variant; else its tier's price on the list that is
chosen for the variant, less what it has off in the category or for its volume, whichever is more.
A promoter's is the retail price: the house sets what promoters sell at, and nothing of its own
counts (row E4). What it *pays* is the highest of its own price and those of the agents above, so
that nobody pays less than whom it stands below (row E2), whatever was saved, by whom, and in which
order.
"""

from domain.catalog import HELD_BACK
from domain.kernel import named
from domain.pricing import CHOSEN_LIST, TIER_OR_DEARER

WHOLE = 10_000
_IN_FORCE = "o.valid_from <= {moment} AND (o.valid_until IS NULL OR o.valid_until > {moment})"
TIER_OF = "CASE WHEN {agent}.leaf THEN 'retail' ELSE {agent}.tier END"
_NEWEST = "ORDER BY o.valid_from DESC, o.id DESC LIMIT 1"

# What one costs by the ladder of the price `c` when so many are bought at once; looked at for
# more than one piece only.
_STEP = f"""CASE WHEN {{quantity}} > 1 THEN (SELECT step.amount FROM (
    SELECT o.from_quantities, o.amounts FROM price_ladders o
    WHERE o.list_id = c.list_id AND o.variant_id = c.variant_id AND o.tier = c.tier
        AND o.valid_from <= {{moment}} {_NEWEST}) k
    CROSS JOIN LATERAL unnest(k.from_quantities, k.amounts) step (from_quantity, amount)
    WHERE step.from_quantity <= {{quantity}} ORDER BY step.from_quantity DESC LIMIT 1) END"""

# What an agent `m` (id, tier, leaf) would pay by itself for one of so many of a variant on a list.
OWN_PRICE = f"""coalesce(
    CASE WHEN NOT m.leaf THEN (SELECT o.amount FROM agent_prices o
        WHERE o.agent_id = m.id AND o.variant_id = {{variant}} AND o.currency = {{currency}}
            AND {_IN_FORCE} {_NEWEST}) END,
    (SELECT (min(least(c.amount, {_STEP})) * ({WHOLE} - greatest(0,
            CASE WHEN NOT m.leaf THEN (SELECT o.off_rate FROM agent_prices o
                WHERE o.agent_id = m.id AND o.category_id = {{category}}
                    AND {_IN_FORCE} {_NEWEST}) END,
            CASE WHEN {{volumes}} AND NOT m.leaf THEN (SELECT k.off_rate FROM agent_volumes k
                WHERE k.agent_id = m.id AND k.valid_from <= {{moment}}
                    AND k.valid_until > {{moment}} ORDER BY k.month DESC LIMIT 1) END
        )) + {WHOLE - 1}) / {WHOLE}
        FROM prices c WHERE c.list_id = {{list}} AND c.variant_id = {{variant}}
            AND {TIER_OR_DEARER.format(price="c.tier", tier=TIER_OF.format(agent="m"))}))"""

# The agents from one up to the top, nearest first.
_LINE = """(SELECT m.* FROM agents one
    LEFT JOIN agents two ON two.id = one.parent_id
    LEFT JOIN agents three ON three.id = two.parent_id
    CROSS JOIN LATERAL (VALUES (1, one.id, one.tier, one.leaf), (2, two.id, two.tier, two.leaf),
        (3, three.id, three.tier, three.leaf)) m (level, id, tier, leaf)
    WHERE one.id = {agent} AND m.id IS NOT NULL)"""

# Of `{quantity}` of a variant `v` of product `p`, for the purchase and whoever simulates one: the
# own price of each agent of the chain `ch`, nearest first; NULL without a chain or a list, and
# nothing is read then.
OWN_PRICES = f"""CASE WHEN ch.id1 IS NOT NULL THEN (
    SELECT jsonb_agg({
    OWN_PRICE.format(
        variant="v.id",
        category="p.category_id",
        list="l.id",
        quantity="{quantity}",
        volumes="true",
        currency=":currency",
        moment=":moment",
    )
} ORDER BY m.level)
    FROM (SELECT {
    CHOSEN_LIST.format(variant="v.id", currency=":currency", site=":site", moment=":moment")
} AS id OFFSET 0) l
    CROSS JOIN (VALUES (1, ch.id1, ch.tier1, ch.leaf1), (2, ch.id2, ch.tier2, ch.leaf2),
        (3, ch.id3, ch.tier3, ch.leaf3)) m (level, id, tier, leaf)
    WHERE m.id IS NOT NULL AND l.id IS NOT NULL) END"""

# What any agents pay for one of so many of any variants at a site, in one statement.
PAID = named(f"""
SELECT a.id AS agent_id, a.tier, v.id AS variant_id, wanted.quantity, paid.amount,
    listed.compare_at
FROM unnest(:agents::uuid[]) AS asked (id) JOIN agents a ON a.id = asked.id
CROSS JOIN (unnest(:variants::uuid[], :quantities::int[]) AS wanted (id, quantity)
    JOIN variants v ON v.id = wanted.id JOIN products p ON p.id = v.product_id
    CROSS JOIN LATERAL (SELECT {
    CHOSEN_LIST.format(variant="v.id", currency=":currency", site=":site", moment=":moment")
} AS id OFFSET 0) l)
CROSS JOIN LATERAL (SELECT max({
    OWN_PRICE.format(
        variant="v.id",
        category="p.category_id",
        list="l.id",
        quantity="wanted.quantity",
        volumes="true",
        currency=":currency",
        moment=":moment",
    )
}) AS amount FROM {_LINE.format(agent="a.id")} m) paid
CROSS JOIN LATERAL (SELECT c.compare_at FROM prices c
    WHERE c.list_id = l.id AND c.variant_id = v.id
        AND {TIER_OR_DEARER.format(price="c.tier", tier=TIER_OF.format(agent="a"))}
    ORDER BY c.amount LIMIT 1) listed
WHERE l.id IS NOT NULL
""")

# From which quantities on something may cost less on the list that a variant has at a site.
STEPS = named(f"""
SELECT v.id AS variant_id, array_agg(DISTINCT q.number) AS quantities
FROM unnest(:variants::uuid[]) AS v (id)
CROSS JOIN LATERAL (SELECT {
    CHOSEN_LIST.format(variant="v.id", currency=":currency", site=":site", moment=":moment")
} AS id OFFSET 0) l
CROSS JOIN unnest(ARRAY['bronze', 'silver', 'gold']) AS t (tier)
CROSS JOIN LATERAL (SELECT o.from_quantities FROM price_ladders o
    WHERE o.list_id = l.id AND o.variant_id = v.id AND o.tier = t.tier
        AND o.valid_from <= :moment {_NEWEST}) k
CROSS JOIN LATERAL unnest(k.from_quantities) AS q (number)
GROUP BY v.id
""")

# For lists sorted or filtered by price: of the product `p`, the least that a variant on sale costs
# an agent.
LEAST = f"""
SELECT min(one.amount) FROM variants f
CROSS JOIN LATERAL (SELECT {
    CHOSEN_LIST.format(variant="f.id", currency="{1}", site="{2}", moment="{3}")
} AS id OFFSET 0) l
CROSS JOIN LATERAL (SELECT max({
    OWN_PRICE.format(
        variant="f.id",
        category="p.category_id",
        list="l.id",
        quantity="1",
        volumes="true",
        currency="{1}",
        moment="{3}",
    )
}) AS amount FROM {_LINE.format(agent="{0}")} m) one
WHERE f.product_id = p.id AND f.status = 'active' AND l.id IS NOT NULL
    AND NOT {HELD_BACK.format(variant="f.id", site="{2}")}
"""

# Whoever judges prices of agents, or changes them, does so one after the other: after the locks of
# the tree and of agents. Purchases take no such lock.
HOLD_BOOK = "SELECT pg_advisory_xact_lock(hashtext('pricebook'))"

# An agent that would pay less by itself than the one it stands below, on any list: the first found.
# What is off for volume is earned, not set, and does not count here. Only what may differ is looked
# at: all prices where the lower one has the better tier, else what either has an own price for.
INVERTED = f"""
WITH pairs AS (
    SELECT c.id, c.code, c.tier, c.leaf, a.id AS above_id, a.code AS above_code,
        a.tier AS above_tier, a.leaf AS above_leaf,
        NOT c.leaf AND array_position($3::text[], c.tier::text)
            > array_position($3::text[], a.tier::text) AS better
    FROM agents c JOIN agents a ON a.id = c.parent_id
    WHERE (c.id = ANY($1) OR a.id = ANY($1)) AND c.status <> 'closed'
), suspects AS (
    SELECT pairs.*, v.id AS variant_id, v.sku, p.category_id
    FROM pairs CROSS JOIN variants v JOIN products p ON p.id = v.product_id
    WHERE pairs.better
    UNION
    SELECT pairs.*, v.id, v.sku, p.category_id
    FROM pairs
    JOIN agent_prices o ON o.agent_id IN (pairs.id, pairs.above_id)
        AND (o.valid_until IS NULL OR o.valid_until > $2)
    JOIN products p ON o.category_id IS NULL OR p.category_id = o.category_id
    JOIN variants v ON v.product_id = p.id AND (o.variant_id IS NULL OR v.id = o.variant_id)
    WHERE NOT pairs.better
)
SELECT s.code, s.above_code, s.sku, l.currency, mine.amount, above.amount AS least
FROM suspects s
JOIN prices r ON r.variant_id = s.variant_id AND r.tier = 'retail'
JOIN price_lists l ON l.id = r.list_id
CROSS JOIN LATERAL (SELECT {
    OWN_PRICE.format(
        variant="s.variant_id",
        category="s.category_id",
        list="l.id",
        quantity="1",
        volumes="false",
        currency="l.currency",
        moment="$2",
    )
} AS amount FROM (SELECT s.id, s.tier, s.leaf) m) mine
CROSS JOIN LATERAL (SELECT {
    OWN_PRICE.format(
        variant="s.variant_id",
        category="s.category_id",
        list="l.id",
        quantity="1",
        volumes="false",
        currency="l.currency",
        moment="$2",
    )
} AS amount FROM (SELECT s.above_id AS id, s.above_tier AS tier, s.above_leaf AS leaf) m) above
WHERE mine.amount < above.amount
LIMIT 1
"""

# What stands in a category, at a tier's price on the base list of a currency.
IN_CATEGORY = f"""
SELECT c.variant_id, min(c.amount) AS amount
FROM products p JOIN variants v ON v.product_id = p.id JOIN prices c ON c.variant_id = v.id
JOIN price_lists l ON l.id = c.list_id
WHERE p.category_id = $1 AND l.code = 'base-' || lower($3)
    AND {TIER_OR_DEARER.format(price="c.tier", tier="$2")}
GROUP BY c.variant_id
"""

ON_SALE = f"""
SELECT v.id FROM variants v JOIN products p ON p.id = v.product_id
WHERE v.id > $1 AND v.status = 'active' AND p.status = 'approved'
    AND NOT {HELD_BACK.format(variant="v.id", site="$2")}
ORDER BY v.id LIMIT $3
"""

# For tables of own prices. Agents stand in trees of three levels at most.
AGENTS_BY_CODE = """
SELECT a.code, a.id, coalesce(two.parent_id, a.parent_id, a.id) AS root FROM agents a
LEFT JOIN agents two ON two.id = a.parent_id WHERE a.code = ANY($1::text[])
"""
CATEGORIES_BY_SLUG = "SELECT slug, id FROM categories WHERE slug = ANY($1::text[])"
OWN_ROWS = """
SELECT o.id, a.code, v.sku, k.slug, o.currency, o.amount, o.off_rate, o.valid_from, o.valid_until,
    o.note
FROM agent_prices o JOIN agents a ON a.id = o.agent_id
LEFT JOIN variants v ON v.id = o.variant_id LEFT JOIN categories k ON k.id = o.category_id
WHERE o.id > $1 AND (o.valid_until IS NULL OR o.valid_until > $2) ORDER BY o.id LIMIT $3
"""

# For tables of ladders: the newest of each variant, tier and list. A base list is named by its
# currency alone, so that the table fits any installation.
LADDER_ROWS = """
SELECT DISTINCT ON (v.sku, o.tier, l.code) v.sku, o.tier, l.code, l.currency,
    CASE WHEN l.code = 'base-' || lower(l.currency) THEN '' ELSE l.code END AS list,
    o.from_quantities, o.amounts
FROM price_ladders o JOIN variants v ON v.id = o.variant_id JOIN price_lists l ON l.id = o.list_id
WHERE (v.sku, o.tier, l.code) > ($1, $2, $3)
ORDER BY v.sku, o.tier, l.code, o.valid_from DESC, o.id DESC LIMIT $4
"""
