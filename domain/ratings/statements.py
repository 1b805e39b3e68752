"""The SQL of ratings."""

# Who brought the goods: the supplier of the attempt, else the one of the cards when all are of one.
FACTS = """
SELECT l.sku, l.status, l.delivered_at, o.id AS order_id, o.buyer_id, o.site_id, o.closed_at,
    o.agent_chain[1] AS agent_id, v.product_id,
    coalesce(
        (SELECT a.supplier_id FROM fulfilment_attempts a
            WHERE a.line_id = l.id AND a.status = 'succeeded' AND NOT a.parked
                AND NOT a.part),
        (SELECT CASE WHEN count(DISTINCT b.supplier_id) = 1 AND bool_and(b.supplier_id IS NOT NULL)
                THEN (array_agg(b.supplier_id))[1] END
            FROM cards c JOIN card_batches b ON b.id = c.batch_id WHERE c.order_line_id = l.id)
    ) AS supplier_id,
    (SELECT max(d.decided_at) FROM disputes d
        WHERE d.line_id = l.id AND d.decide_by IS NULL) AS decided_at
FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN variants v ON v.id = l.variant_id
WHERE l.id = $1
"""
DECIDED = """
SELECT line_id, max(decided_at) AS decided_at FROM disputes
WHERE line_id = ANY($1::uuid[]) AND decide_by IS NULL GROUP BY line_id
"""
TOTALS = "SELECT product_id, count, stars FROM rating_totals WHERE product_id = ANY($1::uuid[])"
_FIGURES = """
SELECT {key} AS subject, count(*)::int AS count, sum(stars)::int AS stars,
    array[count(*) FILTER (WHERE stars = 1), count(*) FILTER (WHERE stars = 2),
        count(*) FILTER (WHERE stars = 3), count(*) FILTER (WHERE stars = 4),
        count(*) FILTER (WHERE stars = 5)]::int[] AS by_stars
FROM ratings
WHERE rated_at >= $1 AND rated_at < $2 AND {key} IS NOT NULL
    AND ($3::bool IS NULL OR after_case = $3)
GROUP BY {key} ORDER BY sum(stars)::float8 / count(*), count(*) DESC, {key} LIMIT $4
"""
FIGURES = {
    "PRODUCT": _FIGURES.format(key="product_id"),
    "SUPPLIER": _FIGURES.format(key="supplier_id"),
    "AGENT": _FIGURES.format(key="agent_id"),
    "SITE": _FIGURES.format(key="site_id"),
}
