"""The SQL of complaint rates: how much was delivered, and beside it the cases about it.

Only what was ordered in the period is read, by its time-ordered ids; what nobody complained about
is left out. Pieces are counted: cards, and of a line without cards its quantity. What was replaced
is another delivery. A million cards and twenty thousand cases: docs/after-sale.md.
"""

_RATES = """
WITH delivered AS ({delivered}),
cases AS (
    SELECT {of_case} AS subject, sum(d.quantity) AS disputed,
        sum(d.quantity) FILTER (WHERE d.proved) AS invalid,
        sum(d.quantity) FILTER (WHERE d.state = 'REPLACED') AS again
    FROM disputes d {join}
    WHERE d.line_id >= $1 AND d.line_id < $2 GROUP BY 1
)
SELECT c.subject, (coalesce(n.pieces, 0) + coalesce(c.again, 0))::bigint AS delivered,
    c.disputed::bigint AS disputed, coalesce(c.invalid, 0)::bigint AS invalid
FROM cases c LEFT JOIN (
    SELECT subject, sum(pieces) AS pieces FROM delivered GROUP BY subject
) n USING (subject)
WHERE c.subject IS NOT NULL
ORDER BY c.disputed DESC, c.subject LIMIT $3
"""
_LINES = """
    SELECT {key} AS subject, sum(l.delivered_quantity) AS pieces
    FROM order_lines l {join}
    WHERE l.id >= $1 AND l.id < $2 AND l.status = 'DELIVERED' GROUP BY 1
"""
_CARDS = """
    SELECT {key} AS subject, sum(per.pieces) AS pieces FROM (
        SELECT c.batch_id, count(*) AS pieces FROM cards c
        WHERE c.order_line_id >= $1 AND c.order_line_id < $2 AND c.state <> 'replaced' GROUP BY 1
    ) per {join} GROUP BY 1
"""
# What a supplier delivered without cards.
_BROUGHT = """
    UNION ALL
    SELECT a.supplier_id, sum(a.quantity)
    FROM fulfilment_attempts a JOIN order_lines l ON l.id = a.line_id
    WHERE a.line_id >= $1 AND a.line_id < $2 AND a.status = 'succeeded' AND NOT a.parked
        AND l.delivery_kind = 'DIRECT_TOPUP' GROUP BY 1
"""
_OF_LINE = "JOIN order_lines l ON l.id = d.line_id"
_VARIANT = "JOIN variants v ON v.id = l.variant_id"
_ORDER = "JOIN orders o ON o.id = l.order_id"
_BATCH = "LEFT JOIN cards c ON c.id = d.card_id LEFT JOIN card_batches b ON b.id = c.batch_id"
_ATTEMPT = "LEFT JOIN fulfilment_attempts a ON a.id = d.attempt_id"


def _by_line(key: str, join: str) -> str:
    delivered = _LINES.format(key=key, join=join)
    return _RATES.format(delivered=delivered, of_case=key, join=f"{_OF_LINE} {join}")


RATES = {
    "PRODUCT": _by_line("v.product_id", _VARIANT),
    "SITE": _by_line("o.site_id", _ORDER),
    "AGENT": _by_line("o.agent_chain[1]", _ORDER),
    "BATCH": _RATES.format(
        delivered=_CARDS.format(key="per.batch_id", join=""), of_case="b.id", join=_BATCH
    ),
    "SUPPLIER": _RATES.format(
        delivered=_CARDS.format(
            key="b.supplier_id", join="JOIN card_batches b ON b.id = per.batch_id"
        )
        + _BROUGHT,
        of_case="coalesce(b.supplier_id, a.supplier_id)",
        join=f"{_BATCH} {_ATTEMPT}",
    ),
}
