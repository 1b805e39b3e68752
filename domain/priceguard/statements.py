"""Pieces of SQL of the price guard, for its own statements and for the purchase's READ."""

from domain.suppliers import CHEAPEST_OFFER

NEXT_CARDS = 100  # what stock costs is the dearest of so many of the next cards to sell

# The narrowest guard for a site and a tier: its margin as [rate, units]; NULL without any.
MARGIN_OF = """(SELECT jsonb_build_array(g.min_margin_rate, g.min_margin) FROM price_guards g
    WHERE (g.site_id IS NULL OR g.site_id = {site}) AND (g.tier IS NULL OR g.tier = {tier})
    ORDER BY g.site_id IS NULL, g.tier IS NULL LIMIT 1)"""
# The narrowest terms of resale: those of the variant, of its brand, of all.
TERMS_OF = """(SELECT jsonb_build_array(r.min_price, r.min_face_rate, r.max_discount_rate)
    FROM resale_terms r
    WHERE r.variant_id = {variant} OR r.brand_id = {brand}
        OR (r.variant_id IS NULL AND r.brand_id IS NULL)
    ORDER BY r.variant_id IS NULL, r.brand_id IS NULL LIMIT 1)"""
STOCK_COST = f"""(SELECT max(unit_cost) FROM (
    SELECT unit_cost FROM cards WHERE variant_id = {{variant}} AND state = 'available'
    ORDER BY expires_on, id LIMIT {NEXT_CARDS}) front)"""

# Goods made of our own promise, by hand or of parts have no cost of their own before they are sold.
GUARDED = "NOT v.sold_below_cost AND v.delivery_kind NOT IN ('GIFT_CARD', 'MANUAL', 'BUNDLE')"
COST_NOW = f"""greatest({STOCK_COST.format(variant="v.id")},
    {CHEAPEST_OFFER.format(variant="v.id", moment="{moment}", brand="p.brand_id")})"""
FACTS = f"""
SELECT v.id, v.sku, {GUARDED} AS guarded, {COST_NOW.format(moment="$2")} AS cost,
    CASE WHEN v.face_currency = $3 THEN v.face_units END AS face,
    {TERMS_OF.format(variant="v.id", brand="p.brand_id")} AS terms
FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = ANY($1)
"""
GUARDS = """
SELECT DISTINCT ON (t.tier) t.tier, g.min_margin_rate, g.min_margin, g.action
FROM unnest($2::text[]) AS t (tier) JOIN price_guards g
    ON (g.site_id IS NULL OR g.site_id = $1) AND (g.tier IS NULL OR g.tier = t.tier)
ORDER BY t.tier, g.site_id IS NULL, g.tier IS NULL
"""
