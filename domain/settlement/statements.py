"""Statements of settlement: what moved on the commission accounts of some agents, and its sums."""

from domain.kernel import named

# `OFFSET 0` keeps the planner to one look by an index for each row: of a slice it guesses far too
# much, and would read the whole ledger for it.

# What each sum of a statement is made of: account, kinds of transfer, sign. All that can happen to
# the three accounts is here; what is not would break the statement's balance, which the database
# refuses.
_BACK = "'payout_given_up', 'payout_failed', 'payout_returned'"
_TAKEN = "'delivered_refund', 'bonus_taken_back'"
_PARTS = {
    "earned": ("+", "commission", "'sale', 'bonus_awarded'"),
    "clawed_pending": ("-", "commission", _TAKEN),
    "clawed_available": ("-", "commission_available", _TAKEN),
    "clawed_owed": ("-", "commission_debt", _TAKEN),
    "released": ("-", "commission", "'commission_released'"),
    "repaid": ("+", "commission_debt", f"'commission_released', {_BACK}"),
    "to_wallet": ("-", "commission_available", "'commission_to_wallet'"),
    "withdrawn": ("-", "commission_available", "'payout_requested'"),
}
_SUMS = ",\n        ".join(
    f"coalesce({sign}sum(amount) FILTER (WHERE account = '{account}'"
    f' AND transfer IN ({transfers})), 0)::bigint AS "{name}"'
    for name, (sign, account, transfers) in _PARTS.items()
)
_BALANCES = {
    "pending": ("+", "commission"),
    "available": ("+", "commission_available"),
    "owed": ("-", "commission_debt"),
}
_MOVED = ",\n        ".join(
    f"coalesce({sign}sum(amount) FILTER (WHERE account = '{account}'), 0)::bigint AS {name}"
    for name, (sign, account) in _BALANCES.items()
)
COLUMNS = (
    *("opening_pending", "opening_available", "opening_owed", "lines", "earned", "earned_by"),
    *("clawed_pending", "clawed_available", "clawed_owed", "released", "repaid", "to_wallet"),
    *("withdrawn", "given_back", "closing_pending", "closing_available", "closing_owed"),
)
AMOUNTS = tuple(name for name in COLUMNS if name not in ("lines", "earned_by"))
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_COUNTED = f"""
WITH who AS MATERIALIZED (
    SELECT owner_id AS agent FROM accounts
    WHERE kind = 'commission' AND currency = :currency AND owner_id > :cursor
    ORDER BY owner_id LIMIT :slice
), own AS MATERIALIZED (
    SELECT a.id, a.kind::text AS account, a.owner_id AS agent FROM who JOIN accounts a
        ON a.kind IN ('commission', 'commission_available', 'commission_debt')
        AND a.owner_id = who.agent AND a.currency = :currency
), moved AS MATERIALIZED (
    SELECT own.agent, own.account, t.kind::text AS transfer, t.reference, e.amount
    FROM own
    CROSS JOIN LATERAL (SELECT transfer_id, amount FROM entries WHERE account_id = own.id
        AND id > :from_entry AND id <= :up_to_entry OFFSET 0) e
    CROSS JOIN LATERAL (SELECT kind, reference FROM transfers WHERE id = e.transfer_id OFFSET 0) t
), before AS MATERIALIZED (
    SELECT agent, {_MOVED} FROM (
        SELECT own.agent, own.account, e.amount FROM own
        CROSS JOIN LATERAL (SELECT amount FROM entries WHERE account_id = own.id
            AND id <= :from_entry OFFSET 0) e
        WHERE :follows::uuid IS NULL) earlier
    GROUP BY agent
), opening AS MATERIALIZED (
    SELECT who.agent, coalesce(s.closing_pending, b.pending, 0) AS pending,
        coalesce(s.closing_available, b.available, 0) AS available,
        coalesce(s.closing_owed, b.owed, 0) AS owed
    FROM who
    LEFT JOIN settlement_statements s ON s.run_id = :follows AND s.agent_id = who.agent
    LEFT JOIN before b ON b.agent = who.agent
), sums AS MATERIALIZED (
    SELECT agent, {_SUMS},
        coalesce(sum(amount) FILTER (WHERE account <> 'commission'
            AND transfer IN ({_BACK})), 0)::bigint AS given_back,
        {_MOVED}
    FROM moved GROUP BY agent
), by_rule AS MATERIALIZED (
    SELECT m.agent, c.rule->>'kind' AS kind, c.level, count(*) AS lines, count(*) AS of_orders,
        sum(m.amount)::bigint AS amount
    FROM moved m
    CROSS JOIN LATERAL (SELECT rule, level FROM commissions
        WHERE order_line_id = m.reference AND agent_id = m.agent OFFSET 0) c
    WHERE m.account = 'commission' AND m.transfer = 'sale' GROUP BY 1, 2, 3
    UNION ALL
    SELECT m.agent, w.kind, w.depth, sum(w.lines), 0, sum(m.amount)::bigint
    FROM moved m
    CROSS JOIN LATERAL (SELECT kind::text, (terms->>'depth')::int2 AS depth, lines
        FROM commission_awards WHERE id = m.reference OFFSET 0) w
    WHERE m.account = 'commission' AND m.transfer = 'bonus_awarded' GROUP BY 1, 2, 3
), told AS MATERIALIZED (
    SELECT agent, sum(of_orders)::int AS lines, jsonb_agg(jsonb_build_object('kind', kind,
        'level', level, 'lines', lines, 'amount', amount)
            || CASE WHEN of_orders = 0 THEN jsonb_build_object('plan', true)
                ELSE jsonb_build_object() END
            ORDER BY level, kind) AS earned_by
    FROM by_rule GROUP BY agent
), counted AS MATERIALIZED (
    SELECT o.agent, o.pending AS opening_pending, o.available AS opening_available,
        o.owed AS opening_owed, coalesce(t.lines, 0) AS lines,
        coalesce(t.earned_by, '[]'::jsonb) AS earned_by,
        {", ".join(f'coalesce(s."{name}", 0) AS "{name}"' for name in (*_PARTS, "given_back"))},
        o.pending + coalesce(s.pending, 0) AS closing_pending,
        o.available + coalesce(s.available, 0) AS closing_available,
        o.owed + coalesce(s.owed, 0) AS closing_owed
    FROM opening o LEFT JOIN sums s ON s.agent = o.agent LEFT JOIN told t ON t.agent = o.agent
    WHERE s.agent IS NOT NULL OR o.pending <> 0 OR o.available <> 0 OR o.owed <> 0
)
"""
_LOOKED = """
    (SELECT count(*) FROM who)::int AS looked,
    (SELECT agent FROM who ORDER BY agent DESC LIMIT 1) AS last
"""
WRITE_SLICE = named(f"""{_COUNTED}, written AS (
    INSERT INTO settlement_statements (id, run_id, agent_id, currency, {_NAMES})
    SELECT gen_random_uuid(), :run_id, agent, :currency, {_NAMES} FROM counted ORDER BY agent
    RETURNING 1
) SELECT (SELECT count(*) FROM written)::int AS statements, {_LOOKED}
""")
ADD_SLICE = named(f"""{_COUNTED}
SELECT (SELECT count(*) FROM counted)::int AS statements, {_LOOKED},
    {
    ", ".join(
        f'(SELECT coalesce(sum("{name}"), 0) FROM counted)::bigint AS "{name}"'
        for name in ("lines", *AMOUNTS)
    )
}
""")
BORDER = """
SELECT coalesce(max(e.id), 0)::bigint FROM (
    SELECT id FROM transfers WHERE id < $2 AND posted_at < $1 ORDER BY id DESC LIMIT $3) t
JOIN entries e ON e.transfer_id = t.id
"""
MOVED_IN_LEDGER = """
SELECT coalesce(sum(e.amount), 0)::bigint FROM entries e JOIN accounts a ON a.id = e.account_id
WHERE e.id > $1 AND e.id <= $2 AND a.currency = $3
    AND a.kind IN ('commission', 'commission_available', 'commission_debt')
"""
