"""Statements of prices. The order of the lists stands here once, for pages, lists and the purchase.

The order: see queries.py. Every list that has a price of a variant has its retail price, so the
same list is chosen for every tier.
"""

from domain.catalog import HELD_BACK

# Which list `l` may price something at a site, and which one comes first.
_IN_FORCE = """l.currency = {currency} AND (l.site_id IS NULL OR l.site_id = {site})
    AND (l.valid_from IS NULL OR l.valid_from <= {moment})
    AND (l.valid_until IS NULL OR l.valid_until > {moment})"""
_FIRST = "l.site_id IS NULL, l.priority DESC, l.code"

# Whether a price is for a tier, or for one that pays more: of these the lowest is the tier's price,
# so a tier without a price of its own pays that of the next dearer one.
_ORDER = "ARRAY['retail', 'bronze', 'silver', 'gold']"
TIER_OR_DEARER = (
    f"array_position({_ORDER}, {{price}}::text) <= array_position({_ORDER}, {{tier}}::text)"
)

# The list whose prices a variant has, to stand in a longer statement.
CHOSEN_LIST = f"""(SELECT l.id FROM prices c JOIN price_lists l ON l.id = c.list_id
    WHERE c.variant_id = {{variant}} AND c.tier = 'retail' AND {_IN_FORCE}
    ORDER BY {_FIRST} LIMIT 1)"""

_HERE = _IN_FORCE.format(currency="$3", site="$4", moment="$5")
PRICES = f"""
SELECT DISTINCT ON (c.variant_id) c.variant_id, c.tier, c.amount, c.compare_at
FROM prices c JOIN price_lists l ON l.id = c.list_id
WHERE c.variant_id = ANY($1) AND {TIER_OR_DEARER.format(price="c.tier", tier="$2")} AND {_HERE}
ORDER BY c.variant_id, {_FIRST}, c.amount
"""

# For lists sorted or filtered by price: of the product `p`, the least that a variant on sale costs.
LEAST = f"""
SELECT min(one.amount) FROM variants f CROSS JOIN LATERAL (
    SELECT c.amount FROM prices c JOIN price_lists l ON l.id = c.list_id
    WHERE c.variant_id = f.id AND {TIER_OR_DEARER.format(price="c.tier", tier="{0}")}
        AND {_IN_FORCE.format(currency="{1}", site="{2}", moment="{3}")}
    ORDER BY {_FIRST}, c.amount LIMIT 1) one
WHERE f.product_id = p.id AND f.status = 'active'
    AND NOT {HELD_BACK.format(variant="f.id", site="{2}")}
"""

# What guards look at: the prices of every list that is in force, wherever it is.
GUARDED_PRICES = """
SELECT c.variant_id, c.list_id, l.site_id, c.tier, c.amount
FROM prices c JOIN price_lists l ON l.id = c.list_id
WHERE c.variant_id = ANY($1) AND l.currency = $2
    AND (l.valid_from IS NULL OR l.valid_from <= $3)
    AND (l.valid_until IS NULL OR l.valid_until > $3)
"""
STANDING = """
SELECT variant_id, tier, amount, compare_at FROM prices
WHERE variant_id = ANY($1) AND list_id = coalesce($3,
    (SELECT id FROM price_lists WHERE code = 'base-' || lower($2)))
"""
ALL_PRICES = """
SELECT c.variant_id, l.code, c.tier, c.currency, c.amount, c.compare_at
FROM prices c JOIN price_lists l ON l.id = c.list_id
WHERE c.variant_id = ANY($1) ORDER BY l.code, array_position($2::text[], c.tier::text)
"""
SAVE = """
INSERT INTO prices (id, list_id, variant_id, tier, currency, amount, compare_at, updated_at,
    updated_by)
SELECT id, $4, variant_id, tier, currency, amount, compare_at, $2, $3
FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, variant_id uuid, tier text, currency text, amount bigint, compare_at bigint)
ON CONFLICT (variant_id, tier, list_id) DO UPDATE SET amount = excluded.amount,
    compare_at = excluded.compare_at, updated_at = excluded.updated_at,
    updated_by = excluded.updated_by
"""
