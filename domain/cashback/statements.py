"""SQL of cashback: what the ledger's chain tells of sales and refunds, and what is due."""

from domain.kernel import named
from domain.priceguard import MARGIN_OF

# With the first rule: what was sold before brings nothing.
BEGIN = """
INSERT INTO cashback_cursor (id, sequence) SELECT 1, coalesce(max(sequence), 0) FROM seals
ON CONFLICT (id) DO NOTHING
"""
# Credits and refunds one after the other: a refund that a credit has not seen finds it.
LOCK = "SELECT sequence FROM cashback_cursor WHERE id = 1 FOR UPDATE"
HEAD = "SELECT coalesce(max(sequence), 0) FROM seals"
MOVE = "UPDATE cashback_cursor SET sequence = $1 WHERE id = 1"
# Of lines that were sold between two links of the chain, to buyers with a login: what the narrowest
# rule of the moment of the order will give. Stored value, gifts, agents' own stock, what programs
# buy to sell on, and what was paid in another currency bring none.
NOTE = """
INSERT INTO cashbacks (id, order_line_id, buyer_id, rule_id, terms, currency, state, due_at, basis,
    refunded, amount, offset_short, found_at)
SELECT gen_random_uuid(), l.id, o.buyer_id, r.id, jsonb_build_object('name', r.name, 'rate', r.rate,
    'fixed', r.fixed, 'cap', r.cap, 'bearer', r.bearer), o.currency, 'waiting',
    l.delivered_at + make_interval(days => r.hold_days), 0, 0, 0, 0, $3
FROM seals s JOIN transfers t ON t.id = s.transfer_id
JOIN order_lines l ON l.id = t.reference JOIN orders o ON o.id = l.order_id
JOIN users u ON u.id = o.buyer_id AND u.role = 'buyer'
JOIN variants v ON v.id = l.variant_id JOIN products p ON p.id = v.product_id
CROSS JOIN LATERAL (
    SELECT c.id, c.name, c.rate, c.fixed, c.cap, c.bearer, c.hold_days FROM cashback_rules c
    WHERE c.currency = o.currency AND c.valid_from <= o.placed_at AND c.valid_until > o.placed_at
        AND (c.site_id IS NULL OR c.site_id = o.site_id)
        AND (c.scope = 'all' OR c.scope = 'category' AND c.scope_id = p.category_id
            OR c.scope = 'product' AND c.scope_id = p.id)
    ORDER BY array_position(ARRAY['product', 'category', 'all'], c.scope::text),
        c.site_id IS NULL, c.id DESC LIMIT 1) r
WHERE s.sequence > $1 AND s.sequence <= $2 AND t.kind = 'sale' AND l.consumer AND o.consumer
    AND l.status = 'DELIVERED' AND NOT l.gift AND l.delivery_kind <> 'GIFT_CARD'
    AND o.api_key_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM order_exchanges x WHERE x.order_id = o.id)
ON CONFLICT (order_line_id) DO NOTHING
"""
_LINE = f"""
SELECT c.id, c.buyer_id, c.currency, c.terms, c.basis, c.refunded AS before, c.amount,
    l.unit_price * l.quantity AS price, l.refunded_amount AS refunded, l.cost,
    l.delivered_quantity AS delivered, l.delivered_quantity - l.refunded_quantity AS pieces,
    o.number,
    {MARGIN_OF.format(site="o.site_id", tier="o.tier")} AS margin,
    (SELECT coalesce(sum(m.amount - coalesce((SELECT sum(b.amount) FROM commission_clawbacks b
            WHERE b.commission_id = m.id), 0)), 0)::bigint
        FROM commissions m WHERE m.order_line_id = l.id) AS shares,
    (SELECT coalesce(sum(b.amount), 0)::bigint FROM cashback_returns b
        WHERE b.cashback_id = c.id) AS taken,
    plans.reserved, plans.left_for
FROM cashbacks c JOIN order_lines l ON l.id = c.order_line_id JOIN orders o ON o.id = l.order_id
CROSS JOIN LATERAL (
    SELECT least(10000, coalesce(sum(greatest(b.cap_margin_rate, b.cap_sales_rate) * b.depth), 0))
            ::int AS reserved, coalesce(array_agg(b.id), '{{}}') AS left_for
    FROM bonus_plans b WHERE b.state = 'approved' AND b.currency = c.currency
        AND b.first_month <= (l.delivered_at AT TIME ZONE 'UTC')::date + 1
        AND b.last_month + 32 > (l.delivered_at AT TIME ZONE 'UTC')::date) plans
"""
DUE = named(f"""{_LINE}
WHERE c.state = 'waiting' AND c.due_at <= :moment ORDER BY c.due_at, c.id LIMIT :slice
FOR UPDATE OF c
""")
# Credited ones of whose lines refunds between two links of the chain took something.
TOUCHED = named(f"""{_LINE}
WHERE c.state = 'credited' AND c.order_line_id IN (
    SELECT p.line_id FROM seals s JOIN transfers t ON t.id = s.transfer_id
    JOIN refund_parts p ON p.refund_id = t.reference
    WHERE s.sequence > :after AND s.sequence <= :up_to AND t.kind = 'delivered_refund')
ORDER BY c.id FOR UPDATE OF c
""")
WALLETS = """
SELECT owner_id, balance FROM accounts WHERE kind = 'wallet' AND currency = $1
    AND owner_id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE
"""
# What could not be taken back of buyers, less what later cashback made up.
SHORT = """
SELECT u.id, (coalesce((SELECT sum(b.short) FROM cashback_returns b WHERE b.buyer_id = u.id
        AND b.currency = $2), 0)
    - coalesce((SELECT sum(c.offset_short) FROM cashbacks c WHERE c.buyer_id = u.id
        AND c.currency = $2), 0))::bigint AS short
FROM unnest($1::uuid[]) u (id)
"""
CREDIT = """
UPDATE cashbacks c SET state = CASE WHEN w.amount > 0 THEN 'credited' ELSE 'nothing' END,
    basis = w.basis, refunded = w.refunded, amount = w.amount, offset_short = w.offset_short,
    reserved = w.reserved, left_for = w.left_for::uuid[], credited_at = $1
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[],
    $8::text[]) AS w (id, basis, refunded, amount, offset_short, reserved, left_for)
WHERE c.id = w.id
"""
TAKE = """
INSERT INTO cashback_returns (id, cashback_id, buyer_id, currency, amount, short, taken_at)
SELECT id, cashback, buyer, currency, amount, short, $1
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[])
    AS b (id, cashback, buyer, currency, amount, short)
"""
