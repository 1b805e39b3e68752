"""What must be true of providers at every moment; `domain/invariants.py` runs it."""

PROMISES = (
    (
        "I-providers",
        "what the house owes by approved statements is what the ledger booked of them; what it owes"
        " a provider is that less what was sent, and what is in transit is sent and not ended; a"
        " service stands in the statement that its line names",
        """
        SELECT (SELECT count(*) FROM provider_statements s
                JOIN provider_contracts c ON c.id = s.contract_id
                WHERE (CASE WHEN s.state = 'APPROVED' THEN s.payable ELSE 0 END) <> coalesce((
                    SELECT sum(e.amount) FROM transfers t JOIN entries e ON e.transfer_id = t.id
                    JOIN accounts a ON a.id = e.account_id
                    WHERE t.kind = 'provider_statement' AND t.reference = s.id
                        AND a.kind = 'provider' AND a.owner_id = c.provider_id
                        AND a.currency = s.currency), 0))
            + (SELECT count(*) FROM transfers t WHERE t.kind = 'provider_statement'
                AND NOT EXISTS (SELECT 1 FROM provider_statements s WHERE s.id = t.reference))
            + (SELECT count(*) FROM providers v WHERE coalesce((SELECT sum(e.amount) FROM accounts a
                    JOIN entries e ON e.account_id = a.id
                    WHERE a.kind = 'provider' AND a.owner_id = v.id), 0) <> coalesce((
                    SELECT sum(s.payable) - sum(coalesce((SELECT sum(p.amount)
                        FROM provider_payments p
                        WHERE p.statement_id = s.id AND p.state IN ('SENT', 'PAID')), 0))
                    FROM provider_statements s JOIN provider_contracts c ON c.id = s.contract_id
                    WHERE c.provider_id = v.id AND s.state = 'APPROVED'), 0))
            + (SELECT count(*) FROM (SELECT 1) one WHERE coalesce((SELECT sum(e.amount)
                    FROM accounts a JOIN entries e ON e.account_id = a.id
                    WHERE a.kind = 'provider_transit'), 0) <> coalesce((
                    SELECT sum(amount) FROM provider_payments WHERE state = 'SENT'), 0))
            + (SELECT count(*) FROM provider_statements s
                CROSS JOIN LATERAL jsonb_array_elements(s.lines) line
                WHERE s.state <> 'REJECTED' AND line->>'item' IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM provider_items i
                        WHERE i.id = (line->>'item')::uuid AND i.statement_id = s.id))
        """,
    ),
)
