"""What the reconciler asks the database. Each window is bounded by links of the hash chains, which
never change once they are written; no statement reads history that was compared already."""

# The sums of a transfer's legs, and what its reference leads to in the tables of goods.
MONEY_WINDOW = """
SELECT t.id, t.kind, t.reference, t.currency, t.note, t.posted_at,
    g.inventory, g.cost, g.supplier, l.delivery_kind, l.quantity, l.shared,
    x.id AS attempt_id, x.cost AS attempt_cost,
    coalesce(b.id, w.batch_id) AS batch_id, b.codes, p.line_id AS replaced_on
FROM seals s JOIN transfers t ON t.id = s.transfer_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.amount) FILTER (WHERE a.kind = 'inventory'), 0)::bigint AS inventory,
        coalesce(sum(e.amount) FILTER (WHERE a.kind = 'cost'), 0)::bigint AS cost,
        coalesce(sum(e.amount) FILTER (WHERE a.kind = 'supplier'), 0)::bigint AS supplier
    FROM entries e JOIN accounts a ON a.id = e.account_id WHERE e.transfer_id = t.id) g
LEFT JOIN LATERAL (
    SELECT o.delivery_kind, o.delivered_quantity AS quantity, (
        SELECT count(*) FROM shared_deliveries d WHERE d.order_line_id = o.id) AS shared
    FROM order_lines o WHERE t.kind = 'sale' AND o.id = t.reference LIMIT 1) l ON true
LEFT JOIN LATERAL (
    (SELECT a.id, a.cost FROM fulfilment_attempts a
        WHERE t.kind = 'supply' AND a.id = t.reference LIMIT 1)
    UNION ALL
    (SELECT a.id, a.cost FROM stock_purchases a
        WHERE t.kind = 'supply' AND a.id = t.reference LIMIT 1)
    UNION ALL
    (SELECT a.id, a.cost FROM fulfilment_attempts a WHERE t.kind = 'sale' AND g.supplier <> 0
        AND a.line_id = t.reference AND a.status = 'succeeded' AND NOT a.parked LIMIT 1)
    ) x ON true
LEFT JOIN LATERAL (
    SELECT c.id, c.accepted + c.duplicates AS codes FROM card_batches c
    WHERE c.supplier_attempt_id = x.id AND x.id IS NOT NULL LIMIT 1) b ON true
LEFT JOIN LATERAL (
    SELECT o.batch_id FROM card_write_offs o
    WHERE t.kind IN ('card_write_off', 'card_return') AND o.id = t.reference LIMIT 1) w ON true
LEFT JOIN LATERAL (
    SELECT d.line_id FROM disputes d
    WHERE t.kind = 'replacement' AND d.id = t.reference LIMIT 1) p ON true
WHERE s.sequence > $1 AND s.sequence <= $2
"""
MONEY_DAYS = """
SELECT (t.posted_at AT TIME ZONE 'UTC')::date AS day, t.currency, 'account.' || a.kind AS line,
    count(*) AS number, sum(e.amount)::bigint AS amount
FROM seals s JOIN transfers t ON t.id = s.transfer_id JOIN entries e ON e.transfer_id = t.id
JOIN accounts a ON a.id = e.account_id
WHERE s.sequence > $1 AND s.sequence <= $2 GROUP BY 1, 2, 3
"""
# Lines that cost nothing and are paid with nothing: no transfer knows them.
FREE_LINES = """
SELECT id FROM order_lines WHERE id = ANY($1) AND unit_price = 0 AND cost = 0
"""
NEXT_MONEY = "SELECT sealed_at FROM seals WHERE sequence = $1"
HEADS = """
SELECT (SELECT coalesce(max(sequence), 0) FROM seals) AS money,
    (SELECT coalesce(max(sequence), 0) FROM card_seals) AS cards
"""
# Whether both chains reach to the last committed row: then nothing has its other side on the way.
QUIET = """
SELECT (SELECT coalesce(max(sequence), 0) FROM seals) = $1
    AND (SELECT coalesce(max(sequence), 0) FROM card_seals) = $2
    AND NOT EXISTS (SELECT 1 FROM transfers t WHERE t.id >= $3
        AND NOT EXISTS (SELECT 1 FROM seals s WHERE s.transfer_id = t.id))
    AND NOT EXISTS (SELECT 1 FROM card_events e WHERE e.id >= $3
        AND NOT EXISTS (SELECT 1 FROM card_seals s WHERE s.event_id = e.id)) AS quiet
"""
POSITION = """
INSERT INTO reconciliation_positions (scope, money_link, card_link, entry, ran_at)
VALUES ($1, 0, 0, 0, $2)
ON CONFLICT (scope) DO UPDATE SET ran_at = $2
RETURNING money_link, card_link, entry, whole_at
"""
ADVANCE = """
UPDATE reconciliation_positions SET money_link = $2, card_link = $3 WHERE scope = $1
"""
TAKE_ITEMS = """
DELETE FROM reconciliation_items i
USING unnest($2::text[], $3::uuid[], $4::text[]) AS w (matter, reference, currency)
WHERE i.scope = $1 AND i.matter = w.matter AND i.reference = w.reference
    AND i.currency = w.currency
RETURNING i.*
"""
KEEP_ITEMS = """
INSERT INTO reconciliation_items (id, scope, matter, reference, currency, money, goods, money_units,
    goods_units, at, finding_id)
SELECT id, $1, matter, reference, currency, money, goods, money_units, goods_units, at, finding
FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::timestamptz[], $11::uuid[])
    AS w (id, matter, reference, currency, money, goods, money_units, goods_units, at, finding)
"""
# What an attempt was charged is read once; a later transfer of its adds to the same item.
UNDECIDED = """
SELECT id, matter, reference, currency, money, goods, money_units, goods_units, at
FROM reconciliation_items
WHERE scope = $1 AND finding_id IS NULL AND ($3 OR at < $2) ORDER BY at LIMIT 500
"""
MARK_TOLD = "UPDATE reconciliation_items SET finding_id = $2 WHERE id = $1"
ADD_DAYS = """
INSERT INTO reconciliation_days (id, day, currency, line, number, amount)
SELECT * FROM unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
ON CONFLICT (day, currency, line) DO UPDATE
SET number = reconciliation_days.number + excluded.number,
    amount = reconciliation_days.amount + excluded.amount
"""
INSERT_FINDING = """
INSERT INTO reconciliation_findings (id, matter, kind, reference, currency, money, goods,
    money_units, goods_units, day, details, state, found_at, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, 'OPEN', $12, '')
ON CONFLICT ON CONSTRAINT finding_told_once DO NOTHING RETURNING 1
"""
FOUND_BEFORE = """
SELECT id FROM reconciliation_findings WHERE kind = $1 AND reference = $2 AND currency = $3
    AND money = $4 AND goods = $5 AND money_units = $6 AND goods_units = $7
"""
RESOLVE = """
UPDATE reconciliation_findings SET state = 'RESOLVED', closed_at = $2
WHERE id = ANY($1) AND state = 'OPEN' RETURNING id
"""
# A balance is compared within one statement, so within one snapshot: entries that were committed
# since $1, on top of the sum that was built up before.
BALANCES = """
SELECT a.id, a.kind, a.currency, a.balance,
    coalesce(r.amount, 0) + coalesce(m.moved, 0) AS booked, coalesce(m.settled, 0) AS settled
FROM (
    SELECT account_id, sum(amount)::bigint AS moved,
        coalesce(sum(amount) FILTER (WHERE id <= $2), 0)::bigint AS settled
    FROM entries WHERE id > $1 GROUP BY account_id) m
JOIN accounts a ON a.id = m.account_id AND a.keeps_balance
LEFT JOIN reconciled_balances r ON r.account_id = a.id
"""
ADD_BALANCES = """
INSERT INTO reconciled_balances (account_id, amount)
SELECT * FROM unnest($1::uuid[], $2::bigint[])
ON CONFLICT (account_id) DO UPDATE SET amount = reconciled_balances.amount + excluded.amount
"""
ENTRIES_DONE = "UPDATE reconciliation_positions SET entry = $2 WHERE scope = $1"
WHOLE_DONE = "UPDATE reconciliation_positions SET whole_at = $2 WHERE scope = $1"
# The inventory account as it is now, without what no seal has reached.
INVENTORY = """
SELECT a.currency, a.id, -(coalesce(c.balance, 0) + coalesce((SELECT sum(e.amount) FROM entries e
    WHERE e.account_id = a.id AND e.id > coalesce(c.up_to_entry, 0)), 0))::bigint AS booked
FROM accounts a
LEFT JOIN LATERAL (SELECT up_to_entry, balance FROM checkpoints
    WHERE account_id = a.id ORDER BY up_to_entry DESC LIMIT 1) c ON true
WHERE a.kind = 'inventory'
"""
WAITING_COST = """
SELECT currency, sum(CASE WHEN matter IN ('sold', 'left') THEN goods - money
    ELSE money - goods END)::bigint AS cost
FROM reconciliation_items WHERE scope = $1 AND matter IN ('stored', 'sold', 'left', 'unexplained')
GROUP BY 1
"""
GIFT_CARDS = """
SELECT a.currency, a.id, (coalesce(c.balance, 0) + coalesce((SELECT sum(e.amount) FROM entries e
        WHERE e.account_id = a.id AND e.id > coalesce(c.up_to_entry, 0)), 0))::bigint AS booked,
    (SELECT coalesce(sum(g.balance_units), 0) FROM gift_cards g
        WHERE g.currency = a.currency)::bigint AS held
FROM accounts a
LEFT JOIN LATERAL (SELECT up_to_entry, balance FROM checkpoints
    WHERE account_id = a.id ORDER BY up_to_entry DESC LIMIT 1) c ON true
WHERE a.kind = 'gift_card'
"""
# All kept balances against all their entries: for a pass through everything only.
ALL_BALANCES = """
SELECT a.id, a.kind, a.currency, a.balance, coalesce(e.amount, 0)::bigint AS booked
FROM accounts a LEFT JOIN (
    SELECT account_id, sum(amount) AS amount FROM entries GROUP BY 1) e ON e.account_id = a.id
WHERE a.keeps_balance AND a.balance <> coalesce(e.amount, 0) LIMIT 1000
"""
BATCHES_OF_DAYS = """
SELECT b.id, b.accepted FROM card_batches b
WHERE b.id IN (SELECT m.batch_id FROM card_folio_moves m WHERE m.day >= $1) ORDER BY b.accepted
"""
FORGET_SCOPE = """
WITH items AS (DELETE FROM reconciliation_items WHERE scope = $1)
DELETE FROM reconciliation_positions WHERE scope = $1
"""
