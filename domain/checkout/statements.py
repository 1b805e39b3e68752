"""The purchase's statements. A test holds their number; each is one round trip.

READ reads all that the rules need, and looks at free cards without holding them. WRITE does the
whole purchase at once: it claims the idempotency key (waiting for a call with the same key that is
still running), the cards, and writes everything; the database refuses all of it when the key or one
of the cards is gone. CLAIM is for the crowd: it holds cards before WRITE, in a transaction.
"""

from functools import cache

from domain.agents import BARRED
from domain.agreements import UNACCEPTED
from domain.catalog import BRAND_CLOSED_HERE, HELD_FOR, SELECTED_HERE, WITHHELD
from domain.commissions import INSERT_COMMISSIONS, RULES_OF_VARIANT
from domain.coupons import AUTOMATIC_NOW, COUPONS, INSERT_USES
from domain.deposits import OWES
from domain.kernel import Named, named
from domain.kernel.outbox import INSERT_EVENTS
from domain.ledger import INSERT_ENTRIES, INSERT_TRANSFERS
from domain.orders import INSERT_EXCHANGE, INSERT_KEEPSAKE
from domain.penalties import RESTRICTED
from domain.pricebook import OWN_PRICES
from domain.priceguard import MARGIN_OF, TERMS_OF
from domain.pricing import CHOSEN_LIST, RATE_NOW
from domain.promotion import TOUCHED
from domain.quotes import QUOTE, USE_QUOTE
from domain.risk import NEWEST
from domain.suppliers import AUTHORISED, CHEAPEST_OFFER, OFFER_COST
from domain.suppliers import BARRED as BARRED_OFFER

# Buyers of one variant at the same moment look at different cards among the next ones to sell.
CROWD = 32

# What is asked for, and behind a bundle its parts. A variant may come more than once then: in the
# first turn of its parts the cards for all of its lines are looked at.
_ASKED = "unnest(:skus::text[], :quantities::int[]) AS a (sku, quantity)"
_ASKED_AND_CHOSEN = (
    "unnest(:skus::text[], :quantities::int[], :chosen::uuid[]) AS a (sku, quantity, chosen)"
)
_NOT_CHOSEN = "NULL::uuid AS chosen"
_PARTS = """UNION ALL
    SELECT cv.sku, b.quantity * c.quantity, NULL,
        sum(b.quantity * c.quantity) OVER (PARTITION BY cv.id)
            + coalesce((:quantities::int[])[array_position(:skus::text[], cv.sku::text)], 0),
        row_number() OVER (PARTITION BY cv.id), b.sku, c.position, c.quantity, c.share,
        c.gift_from, c.when_out
    FROM unnest(:skus::text[], :quantities::int[]) AS b (sku, quantity)
    JOIN variants bv ON bv.sku = b.sku AND bv.delivery_kind = 'BUNDLE'
    JOIN bundle_components c ON c.bundle_id = bv.id JOIN variants cv ON cv.id = c.variant_id"""
_WISHED = f"""
    SELECT a.sku, a.quantity, {_NOT_CHOSEN}, a.quantity::bigint AS wanted, 1::bigint AS turn,
        NULL::text AS bundle, NULL::int2 AS part, NULL::int AS pieces, NULL::int AS share,
        NULL::int AS gift_from, NULL::text AS when_out
    FROM {_ASKED}
    {_PARTS}
"""
_PICKED = "ORDER BY random() LIMIT w.wanted"
_FREE = f"""
CASE WHEN w.turn > 1 THEN '[]' ELSE (SELECT coalesce(jsonb_agg(picked), '[]') FROM (
    SELECT id, unit_cost, masked, least(expires_on, :day::date + v.valid_days_after_sale)
        AS expires_on
    FROM (
        SELECT id, unit_cost, masked, expires_on FROM cards
        WHERE variant_id = v.id AND state = 'available' AND (kept_for IS NULL OR kept_for = :site)
            AND (expires_on IS NULL
                OR expires_on > :day::date + coalesce(sp.expiry_margin_days, 0))
        ORDER BY expires_on, id LIMIT w.wanted + {CROWD}) front
    {_PICKED}) picked) END
"""
# The very card that a buyer chose, where the variant lets them choose. It may be among those that
# are looked at for another line, so there are as many more of these.
_CHOSEN = f"""
CASE WHEN w.chosen IS NULL THEN {
    _FREE.replace(_PICKED, _PICKED + " + cardinality(array_remove(:chosen::uuid[], NULL))")
}
ELSE (SELECT coalesce(jsonb_agg(one), '[]') FROM (
    SELECT id, unit_cost, masked, least(expires_on, :day::date + v.valid_days_after_sale)
        AS expires_on
    FROM cards WHERE id = w.chosen AND variant_id = v.id AND state = 'available'
        AND sp.choosable AND (kept_for IS NULL OR kept_for = :site)
        AND (expires_on IS NULL OR expires_on > :day::date + sp.expiry_margin_days)) one)
END
"""

# A code that many buyers get, where the variant has one and there are uses left.
_SHARED = """CASE WHEN sp.shared THEN (SELECT to_jsonb(one) FROM (
    SELECT c.id, c.masked, c.expires_on, used.number AS used
    FROM cards c CROSS JOIN LATERAL (SELECT CASE WHEN sp.shared_uses IS NOT NULL THEN (
        SELECT coalesce(max(use_number), 0) FROM shared_deliveries WHERE card_id = c.id) END
    ) used (number)
    WHERE c.variant_id = v.id AND c.state = 'shared'
        AND (c.expires_on IS NULL OR c.expires_on > :day::date + sp.expiry_margin_days)
        AND (sp.shared_uses IS NULL OR used.number + w.wanted <= sp.shared_uses)
    ORDER BY c.expires_on, c.id LIMIT 1) one) END"""

_PRICE_LIST = CHOSEN_LIST.format(
    variant="v.id", currency=":currency", site=":site", moment=":moment"
)
_OFFER_COST = CHEAPEST_OFFER.format(variant="v.id", moment=":moment", brand="p.brand_id")
_TIER = "coalesce((SELECT tier FROM buyer), 'retail')"
_AUTOMATIC = AUTOMATIC_NOW.format(moment=":moment")
_MARGIN = MARGIN_OF.format(site=":site", tier=_TIER)
_TERMS = TERMS_OF.format(variant="v.id", brand="p.brand_id")
_OWN_PRICES = OWN_PRICES.format(quantity="w.quantity")
_FILLED = "'{}'::text[]"  # `reading` says which

# Why the buyer, who is an agent, may not buy; and why an agent above earns nothing.
_BLOCKED = f"""CASE WHEN a.id IS NULL THEN NULL
    WHEN {UNACCEPTED.format(agent="a", deed="'trade'", moment=":moment")}
        THEN 'blocked_by_agreement'
    WHEN {RESTRICTED.format(agent="a", deed="'trade'", moment=":moment")} THEN 'blocked_by_penalty'
    WHEN {OWES.format(agent="a", moment=":moment")} THEN 'blocked_by_deposit' END"""
_EARNS = f"""coalesce({BARRED}, CASE WHEN {
    UNACCEPTED.format(agent="{agent}", deed="'earn'", moment=":moment")
} THEN 'agreement' WHEN {
    RESTRICTED.format(agent="{agent}", deed="'earn'", moment=":moment")
} THEN 'penalty' END)"""
_JUDGED = [{"agent": "a", "deed": "'trade'", "moment": ":moment"}]
_JUDGED += [{**_JUDGED[0], "agent": each, "deed": "'earn'"} for each in ("one", "two", "three")]
_RULES = RULES_OF_VARIANT.format(moment=":moment", one="ch.id1", two="ch.id2", three="ch.id3")

_READ = f"""
WITH earlier AS (
    SELECT input_hash, result FROM idempotency_keys
    WHERE actor = :actor AND operation = :operation AND key = :key
), buyer AS (
    SELECT u.id, u.referrer_agent_id, a.id AS agent_id, a.tier, {_BLOCKED} AS blocked
    FROM users u LEFT JOIN agents a ON a.user_id = u.id AND a.status = 'active'
    WHERE u.id = :buyer AND u.disabled_at IS NULL
), touched AS ({TOUCHED}), chain AS (
    SELECT one.id AS id1, one.tier AS tier1, one.leaf AS leaf1,
        {_EARNS.format(agent="one")} AS barred1,
        two.id AS id2, two.tier AS tier2, two.leaf AS leaf2,
        {_EARNS.format(agent="two")} AS barred2,
        three.id AS id3, three.tier AS tier3, three.leaf AS leaf3,
        {_EARNS.format(agent="three")} AS barred3
    FROM agents one
    LEFT JOIN agents two ON two.id = one.parent_id
    LEFT JOIN agents three ON three.id = two.parent_id
    -- Of an agent that buys for its own stock: itself and those above, whose prices bind its own.
    WHERE one.status = 'active' AND one.id = coalesce((SELECT agent_id FROM buyer),
        (SELECT id FROM agents WHERE code = :promoter), (SELECT agent_id FROM touched),
        (SELECT referrer_agent_id FROM buyer))
)
SELECT (SELECT result FROM earlier) AS earlier, (SELECT input_hash FROM earlier) AS earlier_hash,
    ({NEWEST}) AS risk_rules, {_AUTOMATIC} AS automatic, {_FILLED} AS filled,
    {_MARGIN} AS margin,
    b.id AS buyer_id, b.agent_id, b.tier, b.blocked, ch.*,
    (SELECT link_id FROM touched WHERE agent_id = ch.id1) AS promo_link,
    (SELECT balance FROM accounts WHERE id = :wallet) AS balance,
    w.sku, v.id AS variant_id,
    coalesce(v.status = 'active' AND p.status = 'approved', false) AS for_sale,
    CASE WHEN st.currency <> :currency THEN 'currency_not_payable'
        ELSE {WITHHELD.format(moment=":moment")} END AS withheld,
    v.delivery_kind, v.type_id, t.version AS type_version, t.account_fields,
    v.min_quantity, v.max_quantity, v.sold_below_cost,
    (SELECT jsonb_object_agg(tier, amount) FROM prices WHERE variant_id = v.id AND list_id =
        {_PRICE_LIST}) AS prices,
    {_OWN_PRICES} AS own_prices,
    {_RULES} AS rules,
    {_FREE} AS cards,
    {_SHARED} AS shared_card,
    {_OFFER_COST} AS offer_cost,
    {_TERMS} AS resale_terms,
    CASE WHEN v.face_currency = :currency THEN v.face_units END AS face,
    w.chosen, w.turn, w.wanted, w.bundle, w.part, w.pieces, w.share, w.gift_from, w.when_out
FROM ({_WISHED}) AS w
LEFT JOIN buyer b ON true
LEFT JOIN chain ch ON true
LEFT JOIN variants v ON v.sku = w.sku
LEFT JOIN products p ON p.id = v.product_id
LEFT JOIN sites st ON st.id = :site
LEFT JOIN stock_policies sp ON sp.variant_id = v.id
LEFT JOIN product_types t ON t.id = v.type_id
"""

# The same where somebody chose a card; apart, because what is not run costs time as well.
_READ_CHOSEN = (
    _READ.replace(_FREE, _CHOSEN)
    .replace(_NOT_CHOSEN, "a.chosen")
    .replace(_ASKED, _ASKED_AND_CHOSEN)
)
# And where somebody comes with a quote: it is read with the rest, and costs no statement more.
_PLAIN, _QUOTED = "SELECT (SELECT result FROM earlier)", f"({QUOTE}) AS quote"
_RATED = f"({RATE_NOW}) AS exchange"
_COUPONS = f"{COUPONS} AS coupons"


def _more(read: str, *columns: str) -> Named:
    if not columns:
        return named(read)
    return named(read.replace(_PLAIN, f"SELECT {', '.join(columns)}, (SELECT result FROM earlier)"))


# What pieces of READ say as long as none of their tables holds a row: tables, piece, its answer. A
# piece that is left out need not be started, which costs more than all that it does (0098). Larger
# pieces stand before those inside them.
_IDLE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("bundle_components",), _PARTS, ""),
    (("stock_policies",), _SHARED, "NULL::jsonb"),
    (("coupon_campaigns",), _AUTOMATIC, "false"),
    (("price_guards",), _MARGIN, "NULL::jsonb"),
    (("resale_terms",), _TERMS, "NULL::jsonb"),
    (("agent_prices", "agent_volumes", "price_ladders"), _OWN_PRICES, "NULL::jsonb"),
    (("supplier_offers",), _OFFER_COST, "NULL::bigint"),
    (("contract_terms",), OFFER_COST.format(moment=":moment"), "o.cost"),
    (("contract_terms",), BARRED_OFFER.format(moment=":moment"), "false"),
    (("brands",), AUTHORISED.format(moment=":moment", brand="p.brand_id"), "true"),
    (("brands",), BRAND_CLOSED_HERE.format(moment=":moment"), "false"),
    (("assortment_rules",), SELECTED_HERE, "(st.assortment = 'except')"),
    (("withheld_variants",), HELD_FOR, "NULL"),
    (("deposit_terms",), OWES.format(agent="a", moment=":moment"), "false"),
    *((("agreement_versions",), UNACCEPTED.format(**judged), "false") for judged in _JUDGED),
    *((("penalty_restrictions",), RESTRICTED.format(**judged), "false") for judged in _JUDGED),
)
WATCHED = frozenset(table for tables, _, _ in _IDLE for table in tables)


@cache
def reading(
    filled: frozenset[str],
    *,
    chosen: bool = False,
    quoted: bool = False,
    abroad: bool = False,
    couponed: bool = False,
) -> Named:
    """READ, by which tables of `WATCHED` are known to hold rows, whether a card is chosen, whether
    there is a quote, whether the site's currency is another, and whether coupons are looked at.

    Its column `filled` names the other tables of `WATCHED` that hold rows, or once did: whoever
    finds one there has read too little.
    """
    read = _READ_CHOSEN if chosen else _READ
    for tables, piece, answer in _IDLE:
        if filled.isdisjoint(tables):
            read = read.replace(piece, answer)
    # A table that never held a row has no page. This is looked up when the statement runs, later
    # than the moment whose rows it sees: a row that is there is never missed.
    pages = ", ".join(
        f"CASE WHEN pg_relation_size('{table}') > 0 THEN '{table}' END"
        for table in sorted(WATCHED - filled)
    )
    if pages:
        read = read.replace(_FILLED, f"array_remove(ARRAY[{pages}], NULL)")
    more = [(quoted, _QUOTED), (abroad, _RATED), (couponed, _COUPONS)]
    return _more(read, *(column for wanted, column in more if wanted))


# Rows that another purchase holds are skipped, never waited for. The ids come as arrays, of which
# the planner expects few: of a bare LIMIT $n it expects a tenth of the pool, and reads all cards.
CLAIM = """
WITH picked AS (
    SELECT w.line_id, free.unit, free.id
    FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS w (line_id, variant_id, quantity)
    LEFT JOIN stock_policies sp ON sp.variant_id = w.variant_id
    CROSS JOIN LATERAL unnest(ARRAY(
        SELECT id FROM cards
        WHERE variant_id = w.variant_id AND state = 'available'
            AND (kept_for IS NULL OR kept_for = $6)
            AND (expires_on IS NULL OR expires_on > $5::date + coalesce(sp.expiry_margin_days, 0))
        ORDER BY expires_on, id LIMIT w.quantity FOR UPDATE SKIP LOCKED
    )) WITH ORDINALITY AS free (id, unit)
)
UPDATE cards c
SET state = 'sold', order_line_id = picked.line_id, unit_number = picked.unit, sold_at = $4
FROM picked WHERE c.id = picked.id
RETURNING c.id, c.order_line_id, c.unit_number, c.unit_cost, c.masked, c.expires_on
"""
# The card that a buyer chose by hand, in a crowd: this one or none.
CLAIM_CHOSEN = """
UPDATE cards c SET state = 'sold', order_line_id = w.line_id, unit_number = 1, sold_at = $3
FROM unnest($1::uuid[], $2::uuid[]) AS w (line_id, card_id) CROSS JOIN LATERAL (
    SELECT 1 FROM cards WHERE id = w.card_id AND state = 'available'
        AND (kept_for IS NULL OR kept_for = $4) FOR UPDATE SKIP LOCKED) held
WHERE c.id = w.card_id
RETURNING c.id, c.order_line_id, c.unit_number, c.unit_cost, c.masked, c.expires_on
"""
VISIBLE = """
SELECT count(*) FROM (
    SELECT 1 FROM cards WHERE variant_id = $1 AND state = 'available'
        AND (kept_for IS NULL OR kept_for = $4)
        AND (expires_on IS NULL OR expires_on > $3::date + coalesce(
            (SELECT expiry_margin_days FROM stock_policies WHERE variant_id = $1), 0)) LIMIT $2
) counted
"""

_ORDER = """
INSERT INTO orders (id, number, buyer_id, api_key_id, external_id, status, currency, total, tier,
    consumer, agent_chain, barred, event_count, version, placed_at, paid_at, closed_at, site_id,
    promo_link_id)
VALUES (:order_id, :order_number, :buyer, :api_key, :external_id, :order_status, :currency, :total,
    :tier, :consumer, :agent_chain, :barred, :event_count, 1, :moment, :moment, :closed_at, :site,
    :promo_link)
"""
_LINES = """
INSERT INTO order_lines (id, order_id, position, variant_id, sku, quantity, unit_price,
    max_unit_cost, status, consumer, delivered_quantity, cost, due_at, delivered_at, terms,
    delivery_kind, type_id, type_version, account_sealed, account_masked, bundle_sku,
    bundle_position, gift, discount)
SELECT id, :order_id, position, variant, sku, quantity, price, max_cost, status, :consumer,
    delivered, cost, due_at, delivered_at, terms, kind, type_id, type_version, account, mask,
    bundle, part, gift, discount
FROM unnest(:line_ids::uuid[], :line_positions::int[], :line_variants::uuid[], :line_skus::text[],
    :line_quantities::int[], :line_prices::bigint[], :line_max_costs::bigint[],
    :line_statuses::text[], :line_delivered::int[], :line_costs::bigint[],
    :line_due::timestamptz[], :line_delivered_at::timestamptz[], :line_terms::jsonb[],
    :line_kinds::text[], :line_types::uuid[], :line_type_versions::int[], :line_accounts::bytea[],
    :line_masks::jsonb[], :line_bundles::text[], :line_parts::int[], :line_gifts::bool[],
    :line_discounts::bigint[])
    AS l (id, position, variant, sku, quantity, price, max_cost, status, delivered, cost,
          due_at, delivered_at, terms, kind, type_id, type_version, account, mask, bundle, part,
          gift, discount)
"""
_KEY = """
INSERT INTO idempotency_keys (id, actor, operation, key, input_hash, result, created_at)
VALUES (:key_id, :actor, :operation, :key, :input_hash, :order_id, :moment)
ON CONFLICT (actor, operation, key) DO NOTHING RETURNING 1
"""
_CARDS = """
UPDATE cards c
SET state = 'sold', order_line_id = free.line_id, unit_number = free.unit, sold_at = :moment
FROM (
    SELECT w.id, w.line_id, w.unit
    FROM unnest(:card_ids::uuid[], :card_lines::uuid[], :card_units::int[]) AS w (id, line_id, unit)
    CROSS JOIN LATERAL (
        SELECT 1 FROM cards WHERE id = w.id AND state = 'available'
            AND (kept_for IS NULL OR kept_for = :site) FOR UPDATE SKIP LOCKED) held
) free WHERE c.id = free.id RETURNING 1
"""

# A shared code stays where it is and is not locked: each buyer's share is a row. A numbered use
# that another buyer took meanwhile is refused by `shared_use_once`.
_SHARES = """
INSERT INTO shared_deliveries (id, card_id, order_line_id, unit_number, use_number, sold_at,
    reveal_count)
SELECT w.id, c.id, w.line_id, w.unit, w.use, :moment, 0
FROM unnest(:share_ids::uuid[], :share_cards::uuid[], :share_lines::uuid[], :share_units::int[],
    :share_uses::int[])
    AS w (id, card_id, line_id, unit, use)
JOIN cards c ON c.id = w.card_id AND c.state = 'shared' RETURNING 1
"""

# Each part runs whether or not it is read; what is read are the two that others may win.
_WRITE = f"""
WITH key AS ({_KEY}), sold AS ({_CARDS}),
made_order AS ({_ORDER}), made_lines AS ({_LINES}), made_transfers AS ({INSERT_TRANSFERS}),
made_entries AS ({INSERT_ENTRIES}), made_commissions AS ({INSERT_COMMISSIONS}),
told AS ({INSERT_EVENTS}), kept AS ({INSERT_KEEPSAKE}), shared AS ({_SHARES})
SELECT refuse_lost_race((SELECT count(*) FROM key) = 1,
    (SELECT count(*) FROM sold) = cardinality(:card_ids::uuid[])
    AND (SELECT count(*) FROM shared) = cardinality(:share_ids::uuid[]))
"""
_ENDS = "\nSELECT refuse"


def _with(*parts: str) -> Named:
    return named(_WRITE.replace(_ENDS, "".join(f", {each}" for each in parts) + _ENDS))


_BY_QUOTE, _ABROAD = f"used AS ({USE_QUOTE})", f"exchanged AS ({INSERT_EXCHANGE})"
_COUPONED = f"couponed AS ({INSERT_USES})"
# By whether it comes with a quote, whether it is paid in another currency, and whether coupons are
# used on it.
WRITES = {
    (quoted, abroad, couponed): _with(*parts, *([_COUPONED] if couponed else []))
    for quoted, abroad, parts in (
        (False, False, []),
        (True, False, [_BY_QUOTE]),
        (False, True, [_ABROAD]),
    )
    for couponed in (False, True)
}
