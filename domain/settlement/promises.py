"""What must be true of settlement at every moment: a name, the promise, what counts its breaches.

`domain/invariants.py` runs them with all others.
"""

_LEDGER = """
    coalesce((SELECT sum(e.amount) FROM accounts a JOIN entries e ON e.account_id = a.id
        WHERE a.kind = '{kind}' AND a.owner_id = s.agent_id AND a.currency = s.currency
            AND e.id <= r.up_to_entry), 0)
"""

PROMISES = (
    (
        "I-settlement",
        "each statement closes where the ledger does and opens where the last one closed; the"
        " statements of a frozen run together gained what the ledger did; each run goes on where"
        " another one ended",
        f"""
        SELECT (SELECT count(*) FROM settlement_statements s JOIN settlement_runs r
                ON r.id = s.run_id
                WHERE s.closing_pending <> {_LEDGER.format(kind="commission")}
                    OR s.closing_available <> {_LEDGER.format(kind="commission_available")}
                    OR s.closing_owed <> -{_LEDGER.format(kind="commission_debt")})
            + (SELECT count(*) FROM settlement_statements s
                JOIN settlement_runs r ON r.id = s.run_id AND r.follows IS NOT NULL
                LEFT JOIN settlement_statements p ON p.run_id = r.follows
                    AND p.agent_id = s.agent_id
                WHERE (s.opening_pending, s.opening_available, s.opening_owed) IS DISTINCT FROM
                    (coalesce(p.closing_pending, 0), coalesce(p.closing_available, 0),
                    coalesce(p.closing_owed, 0)))
            + (SELECT count(*) FROM settlement_runs r WHERE r.state <> 'COUNTING' AND (
                SELECT coalesce(sum(s.closing_pending + s.closing_available - s.closing_owed
                    - s.opening_pending - s.opening_available + s.opening_owed), 0)
                FROM settlement_statements s WHERE s.run_id = r.id) <> (
                SELECT coalesce(sum(e.amount), 0) FROM entries e
                JOIN accounts a ON a.id = e.account_id
                WHERE e.id > r.from_entry AND e.id <= r.up_to_entry AND a.currency = r.currency
                    AND a.kind IN ('commission', 'commission_available', 'commission_debt')))
            + (SELECT count(*) FROM settlement_runs r
                LEFT JOIN settlement_runs p ON p.id = r.follows
                WHERE r.follows IS NOT NULL AND (p.up_to_entry, p.ends_at, p.currency)
                    IS DISTINCT FROM (r.from_entry, r.starts_at, r.currency))
        """,  # noqa: S608 - words of this house
    ),
)
