"""What must be true of after-sale at every moment: a name, the promise, and what counts breaches.

`domain/invariants.py` runs them with all others.
"""

PROMISES = (
    (
        "M1",
        "a card is replaced by a case that names the card in its place, of the same line and unit;"
        " a refunded case has the refund of its goods; what was handed over once more was booked;"
        " the history of each case ends where it is",
        """
        SELECT (SELECT count(*) FROM cards c LEFT JOIN disputes d
                    ON d.card_id = c.id AND d.state = 'REPLACED'
                WHERE (c.state = 'replaced') <> (d.id IS NOT NULL))
            + (SELECT count(*) FROM disputes d JOIN cards bad ON bad.id = d.card_id
                LEFT JOIN cards good ON good.id = d.replacement_id
                WHERE d.state = 'REPLACED' AND (good.order_line_id, good.unit_number)
                    IS DISTINCT FROM (bad.order_line_id, bad.unit_number))
            + (SELECT count(*) FROM disputes d JOIN cards c ON c.id = d.card_id
                WHERE c.order_line_id IS DISTINCT FROM d.line_id)
            + (SELECT count(*) FROM disputes d WHERE d.state = 'REFUNDED' AND NOT EXISTS (
                SELECT 1 FROM refund_parts p
                WHERE p.refund_id = d.refund_id AND p.line_id = d.line_id
                    AND p.card_id IS NOT DISTINCT FROM d.card_id))
            + (SELECT count(*) FROM disputes d
                LEFT JOIN transfers t ON t.kind = 'replacement' AND t.reference = d.id
                LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id
                    WHERE e.transfer_id = t.id AND a.kind = 'bank') paid ON true
                WHERE d.card_id IS NULL
                    AND coalesce(d.handed_cost, 0) <> coalesce(paid.amount, 0))
            + (SELECT count(*) FROM disputes d WHERE d.state IS DISTINCT FROM (
                SELECT s.state FROM dispute_steps s WHERE s.dispute_id = d.id
                ORDER BY s.number DESC LIMIT 1))
            + (SELECT count(*) FROM disputes d JOIN cards c ON c.id = d.replacement_id
                LEFT JOIN transfers t ON t.kind = 'replacement' AND t.reference = d.id
                LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id
                    WHERE e.transfer_id = t.id AND a.kind = 'inventory') booked ON true
                WHERE coalesce(booked.amount, 0) <> c.unit_cost)
        """,
    ),
    (
        "M2",
        "what the books say that suppliers are to make good is what their open claims say, and each"
        " settled claim was booked once",
        """
        SELECT (SELECT count(*) FROM accounts a
                LEFT JOIN (SELECT supplier_id, currency, sum(amount) AS amount FROM supplier_claims
                    WHERE state = 'OPEN' GROUP BY 1, 2) k
                    ON k.supplier_id = a.owner_id AND k.currency = a.currency
                WHERE a.kind = 'supplier_claim' AND coalesce(k.amount, 0) <> -coalesce((
                    SELECT sum(e.amount) FROM entries e WHERE e.account_id = a.id), 0))
            + (SELECT count(*) FROM supplier_claims k
                LEFT JOIN transfers t ON t.kind = 'supplier_claim' AND t.reference = k.id
                LEFT JOIN transfers s ON s.kind = 'supplier_claim_settled' AND s.reference = k.id
                LEFT JOIN accounts a ON a.kind = 'supplier_claim'
                    AND a.owner_id = k.supplier_id AND a.currency = k.currency
                WHERE t.id IS NULL OR a.id IS NULL OR (s.id IS NOT NULL) <> (k.state <> 'OPEN'))
            + (SELECT count(*) FROM supplier_claims k
                LEFT JOIN transfers s ON s.kind = 'supplier_claim_settled' AND s.reference = k.id
                LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id
                    WHERE e.transfer_id = s.id AND a.kind IN ('bank', 'supplier')) got ON true
                WHERE coalesce(got.amount, 0) <> -k.recovered)
        """,
    ),
)
