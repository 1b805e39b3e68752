"""What must be true of commissions at every moment: a name, the promise, what counts its breaches.

`domain/invariants.py` runs them with all others.
"""

PROMISES = (
    (
        "I14",
        "of each agent, what is pending, available and owed is what commissions, releases, refunds"
        " and moves say; each release is of the commissions between its times; owing means that"
        " nothing is available",
        """
        SELECT (SELECT count(*) FROM accounts a
                LEFT JOIN commission_books k ON k.agent_id = a.owner_id AND k.currency = a.currency
                WHERE a.kind = 'commission' AND coalesce((SELECT sum(e.amount) FROM entries e
                    WHERE e.account_id = a.id), 0) <> coalesce((
                        SELECT sum(c.amount - coalesce((SELECT sum(b.amount)
                            FROM commission_clawbacks b WHERE b.commission_id = c.id), 0))
                        FROM commissions c
                        WHERE c.agent_id = a.owner_id AND c.currency = a.currency
                            AND c.release_at > coalesce(k.released_up_to, '-infinity')), 0)
                    + coalesce((
                        SELECT sum(c.amount - coalesce((SELECT sum(b.amount)
                            FROM commission_award_clawbacks b WHERE b.award_id = c.id), 0))
                        FROM commission_awards c
                        WHERE c.agent_id = a.owner_id AND c.currency = a.currency
                            AND c.release_at > coalesce(k.released_up_to, '-infinity')), 0))
            + (SELECT count(*) FROM commission_releases r
                LEFT JOIN transfers t ON t.kind = 'commission_released' AND t.reference = r.id
                LEFT JOIN LATERAL (SELECT
                    sum(e.amount) FILTER (WHERE a.kind = 'commission') AS gone,
                    sum(e.amount) FILTER (WHERE a.kind = 'commission_debt') AS offset_debt
                    FROM entries e JOIN accounts a ON a.id = e.account_id
                    WHERE e.transfer_id = t.id) booked ON true
                LEFT JOIN (SELECT release_id, sum(amount) AS earned, count(*) AS lines
                    FROM (SELECT c.amount, (SELECT n.id FROM commission_releases n
                            WHERE n.agent_id = c.agent_id AND n.currency = c.currency
                                AND n.up_to >= c.release_at ORDER BY n.up_to LIMIT 1) AS release_id
                        FROM (SELECT agent_id, currency, release_at, amount FROM commissions
                            UNION ALL
                            SELECT agent_id, currency, release_at, amount
                            FROM commission_awards) c) found
                    GROUP BY release_id) told ON told.release_id = r.id
                WHERE coalesce(-booked.gone, 0) <> r.earned - r.clawed_back
                    OR coalesce(booked.offset_debt, 0) <> r.offset_debt
                    OR (told.earned, told.lines) IS DISTINCT FROM (r.earned, r.lines))
            + (SELECT count(*) FROM commission_releases r WHERE r.follows IS DISTINCT FROM (
                SELECT max(p.up_to) FROM commission_releases p WHERE p.agent_id = r.agent_id
                    AND p.currency = r.currency AND p.up_to < r.up_to))
            + (SELECT count(*) FROM commission_books k WHERE k.released_up_to IS DISTINCT FROM (
                SELECT max(p.up_to) FROM commission_releases p WHERE p.agent_id = k.agent_id
                    AND p.currency = k.currency))
            + (SELECT count(*) FROM accounts d
                JOIN accounts a ON a.kind = 'commission_available' AND a.owner_id = d.owner_id
                    AND a.currency = d.currency
                WHERE d.kind = 'commission_debt' AND d.balance < 0 AND a.balance > 0)
        """,
    ),
    (
        "H5",
        "each award and what refunds took of it is booked to the last 1/10000, no more was taken"
        " than was earned, and none passes its plan's share of the margin",
        """
        SELECT (SELECT count(*) FROM commission_awards w
                LEFT JOIN transfers t ON t.kind = 'bonus_awarded' AND t.reference = w.id
                LEFT JOIN accounts a ON a.kind = 'commission' AND a.owner_id = w.agent_id
                    AND a.currency = w.currency
                LEFT JOIN entries e ON e.transfer_id = t.id AND e.account_id = a.id
                WHERE e.amount IS DISTINCT FROM w.amount)
            + (SELECT count(*) FROM transfers t WHERE t.kind = 'bonus_awarded'
                AND NOT EXISTS (SELECT 1 FROM commission_awards w WHERE w.id = t.reference))
            + (SELECT count(*) FROM commission_award_clawbacks b
                LEFT JOIN transfers t ON t.kind = 'bonus_taken_back' AND t.reference = b.id
                LEFT JOIN LATERAL (SELECT -sum(e.amount) FILTER (WHERE a.kind <> 'bonus_expense')
                    AS amount FROM entries e JOIN accounts a ON a.id = e.account_id
                    WHERE e.transfer_id = t.id) booked ON true
                LEFT JOIN commission_awards w ON w.id = b.award_id
                WHERE booked.amount IS DISTINCT FROM b.amount
                    OR (b.agent_id, b.currency, b.release_at)
                        IS DISTINCT FROM (w.agent_id, w.currency, w.release_at))
            + (SELECT count(*) FROM commission_awards w WHERE w.amount < (SELECT
                coalesce(sum(b.amount), 0) FROM commission_award_clawbacks b
                WHERE b.award_id = w.id))
            + (SELECT count(*) FROM commission_awards w JOIN bonus_plans p ON p.id = w.plan_id
                WHERE w.amount > (greatest(w.margin, 0)::numeric * p.cap_margin_rate
                    + w.uncosted::numeric * p.cap_sales_rate) / 10000)
        """,
    ),
)
