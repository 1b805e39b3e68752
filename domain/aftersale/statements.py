"""The SQL of complaint rates. Only the lines of the period are read, by their time-ordered ids."""

# A replaced card was delivered too, and its replacement is another delivery.
_OF_CARDS = """
WITH cards_of AS (
    SELECT l.id AS line_id, c.id AS card_id, {key} AS subject
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    JOIN cards c ON c.order_line_id = l.id AND c.state <> 'replaced'
    JOIN card_batches b ON b.id = c.batch_id {join}
    WHERE l.id >= $1 AND l.id < $2 AND l.status = 'DELIVERED'
    UNION ALL
    SELECT l.id, c.id, {key}
    FROM disputes d JOIN order_lines l ON l.id = d.line_id JOIN orders o ON o.id = l.order_id
    JOIN cards c ON c.id = d.card_id JOIN card_batches b ON b.id = c.batch_id {join}
    WHERE d.line_id >= $1 AND d.line_id < $2 AND d.state = 'REPLACED'
)
SELECT n.subject, count(*) AS delivered, count(d.id) AS disputed,
    count(d.id) FILTER (WHERE EXISTS (SELECT 1 FROM card_checks k
        WHERE k.card_id = n.card_id AND k.verdict = 'invalid')) AS invalid
FROM cards_of n LEFT JOIN disputes d ON d.card_id = n.card_id
WHERE n.subject IS NOT NULL GROUP BY n.subject
ORDER BY count(d.id) DESC, n.subject LIMIT $3
"""
RATES = {
    "PRODUCT": _OF_CARDS.format(key="v.product_id", join="JOIN variants v ON v.id = l.variant_id"),
    "SUPPLIER": _OF_CARDS.format(key="b.supplier_id", join=""),
    "BATCH": _OF_CARDS.format(key="b.id", join=""),
    "AGENT": _OF_CARDS.format(key="o.agent_chain[1]", join=""),
    "SITE": _OF_CARDS.format(key="o.site_id", join=""),
}
