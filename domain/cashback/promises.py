"""What must be true of cashback at every moment; `domain/invariants.py` runs it with all others."""

PROMISES = (
    (
        "H11",
        "each cashback and what went back of it is booked to the last 1/10000, no more went back"
        " than was credited, and nobody made up for more than was short",
        """
        SELECT (SELECT count(*) FROM cashbacks c
                LEFT JOIN transfers t ON t.kind = 'cashback_credited' AND t.reference = c.id
                LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id AND a.kind = 'wallet'
                        AND a.owner_id = c.buyer_id
                    WHERE e.transfer_id = t.id) booked ON true
                WHERE coalesce(booked.amount, 0) <> c.amount - c.offset_short)
            + (SELECT count(*) FROM transfers t WHERE t.kind = 'cashback_credited'
                AND NOT EXISTS (SELECT 1 FROM cashbacks c WHERE c.id = t.reference))
            + (SELECT count(*) FROM cashback_returns b
                LEFT JOIN transfers t ON t.kind = 'cashback_taken_back' AND t.reference = b.id
                LEFT JOIN LATERAL (SELECT -sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id AND a.kind = 'wallet'
                        AND a.owner_id = b.buyer_id
                    WHERE e.transfer_id = t.id) booked ON true
                WHERE coalesce(booked.amount, 0) <> b.amount - b.short)
            + (SELECT count(*) FROM cashbacks c WHERE c.amount < (SELECT
                coalesce(sum(b.amount), 0) FROM cashback_returns b WHERE b.cashback_id = c.id))
            + (SELECT count(*) FROM (SELECT buyer_id, currency, sum(offset_short) AS made_up
                    FROM cashbacks GROUP BY 1, 2) c
                WHERE c.made_up > (SELECT coalesce(sum(b.short), 0) FROM cashback_returns b
                    WHERE b.buyer_id = c.buyer_id AND b.currency = c.currency))
        """,
    ),
)
