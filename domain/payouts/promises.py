"""What must be true of payouts at every moment: a name, the promise, what counts its breaches.

`domain/invariants.py` runs them with all others.
"""

PROMISES = (
    (
        "I-payout",
        "what is held and in transit is what payouts say, and each payout was taken once from its"
        " agent, and went once to where its status says",
        """
        SELECT (SELECT count(*) FROM (
                SELECT a.kind, coalesce((SELECT sum(e.amount) FROM entries e
                        WHERE e.account_id = a.id), 0) AS booked,
                    (SELECT coalesce(sum(p.amount), 0) FROM payouts p
                        WHERE p.currency = a.currency AND p.status IN ('REQUESTED', 'APPROVED'))
                        AS held,
                    (SELECT coalesce(sum(p.amount), 0) FROM payouts p WHERE p.currency = a.currency
                        AND p.status IN ('SUBMITTING', 'ACCEPTED', 'UNKNOWN')) AS transit
                FROM accounts a WHERE a.kind IN ('payout_held', 'payout_transit')) kept
                WHERE booked <> CASE kind WHEN 'payout_held' THEN held ELSE transit END)
            + (SELECT count(*) FROM payouts p
                LEFT JOIN LATERAL (
                    SELECT array_agg(t.kind::text ORDER BY t.kind) AS kinds FROM transfers t
                    WHERE t.reference = p.id AND t.kind LIKE 'payout%') told ON true
                WHERE told.kinds IS DISTINCT FROM CASE p.status
                    WHEN 'REQUESTED' THEN '{payout_requested}'::text[]
                    WHEN 'APPROVED' THEN '{payout_requested}'::text[]
                    WHEN 'SUCCEEDED' THEN '{payout_paid,payout_requested,payout_submitted}'::text[]
                    WHEN 'FAILED' THEN '{payout_failed,payout_requested,payout_submitted}'::text[]
                    WHEN 'RETURNED' THEN
                        '{payout_paid,payout_requested,payout_returned,payout_submitted}'::text[]
                    WHEN 'REFUSED' THEN '{payout_given_up,payout_requested}'::text[]
                    WHEN 'CANCELLED' THEN '{payout_given_up,payout_requested}'::text[]
                    ELSE '{payout_requested,payout_submitted}'::text[] END)
            + (SELECT count(*) FROM payouts p
                JOIN transfers t ON t.reference = p.id AND t.kind = 'payout_paid'
                JOIN LATERAL (SELECT sum(e.amount) AS amount FROM entries e
                    JOIN accounts a ON a.id = e.account_id AND a.kind = 'bank'
                    WHERE e.transfer_id = t.id) bank ON true
                WHERE bank.amount IS DISTINCT FROM p.amount - p.fee - p.tax)
            + (SELECT count(*) FROM payout_batches b WHERE b.status = 'APPROVED' AND EXISTS (
                SELECT 1 FROM payouts p WHERE p.batch_id = b.id AND p.status = 'REQUESTED'))
        """,
    ),
)
