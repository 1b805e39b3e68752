"""Pieces of SQL that others take into their own statements."""

from domain.catalog import OFFER_AUTHORISED

# A contract `c` that counts at a moment.
IN_FORCE = "c.ended_at IS NULL AND c.valid_from <= {moment} AND c.valid_until > {moment}"
# What an offer `o` costs now: by contract, else by its list. Of two contracts the younger one.
OFFER_COST = f"""coalesce((SELECT t.unit_cost FROM contract_terms t
    JOIN supplier_contracts c ON c.id = t.contract_id
    WHERE t.variant_id = o.variant_id AND c.supplier_id = o.supplier_id
        AND t.unit_cost IS NOT NULL AND {IN_FORCE}
    ORDER BY c.valid_from DESC, c.id DESC LIMIT 1), o.cost)"""
# Whether what an offer is for is bought from another supplier only.
BARRED = f"""EXISTS (SELECT 1 FROM contract_terms t
    JOIN supplier_contracts c ON c.id = t.contract_id
    WHERE t.variant_id = o.variant_id AND t.exclusive AND c.supplier_id <> o.supplier_id
        AND {IN_FORCE})"""
# Whether an offer `o` of a supplier `s` may be bought from at all.
USABLE = f"""o.enabled AND o.availability = 'on_sale' AND s.state = 'active'
    AND NOT {BARRED}"""
AUTHORISED = OFFER_AUTHORISED.replace("{supplier}", "o.supplier_id")
# What a piece of a variant costs where it is cheapest, price and fee together.
CHEAPEST_OFFER = f"""(SELECT min({OFFER_COST} + o.fee) FROM supplier_offers o
    JOIN suppliers s ON s.id = o.supplier_id
    WHERE o.variant_id = {{variant}} AND {USABLE} AND {AUTHORISED})"""
