"""SQL of promotion links. `TOUCHED` is a piece that the purchase takes into its own statement."""

# By which link a buyer comes: by the code of one that is open, in the order; else, where no agent
# brought the buyer, by the last link within the window. Nobody loses a customer to whoever sent a
# link last.
TOUCHED = """
SELECT l.id AS link_id, l.agent_id FROM promo_links l
WHERE l.code = :promoter AND l.ended_at IS NULL
UNION ALL
SELECT l.id, l.agent_id FROM buyer b JOIN promo_visits v ON v.user_id = b.id
JOIN promo_links l ON l.id = v.link_id
WHERE :promoter::text IS NULL AND b.referrer_agent_id IS NULL AND v.visited_at > :touched_since
LIMIT 1
"""

# A visitor counts again after a while, or by another link.
VISIT = """
INSERT INTO promo_visits AS v (user_id, link_id, visited_at) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET link_id = excluded.link_id, visited_at = excluded.visited_at
WHERE v.link_id <> excluded.link_id OR v.visited_at < $4
RETURNING 1
"""
CLICK = """
INSERT INTO promo_clicks AS c (id, link_id, day, clicks) VALUES ($1, $2, $3, 1)
ON CONFLICT (link_id, day) DO UPDATE SET clicks = c.clicks + 1
"""
FORGET = """
DELETE FROM promo_visits WHERE user_id = ANY (ARRAY(
    SELECT user_id FROM promo_visits WHERE visited_at < $1 ORDER BY visited_at LIMIT $2))
"""
OPEN = """
SELECT count(*) FROM promo_links WHERE agent_id = $1 AND ended_at IS NULL
"""
# What came of links. Orders that were paid and are not refunded; what its agent got of them.
FIGURES = """
SELECT l.id,
    coalesce((SELECT sum(clicks) FROM promo_clicks c WHERE c.link_id = l.id), 0) AS clicks,
    sold.orders, sold.total, sold.earned
FROM promo_links l CROSS JOIN LATERAL (
    SELECT count(*) AS orders, coalesce(sum(o.total), 0)::bigint AS total,
        coalesce(sum((SELECT sum(c.amount - coalesce((SELECT sum(b.amount)
                FROM commission_clawbacks b WHERE b.commission_id = c.id), 0))
            FROM commissions c JOIN order_lines n ON n.id = c.order_line_id
            WHERE n.order_id = o.id AND c.agent_id = l.agent_id)), 0)::bigint AS earned
    FROM orders o WHERE o.promo_link_id = l.id AND o.paid_at IS NOT NULL
        AND o.status NOT IN ('REFUNDED', 'FAILED')) sold
WHERE l.id = ANY($1)
"""
# What an agent of tier $3 may share now, of a link to product $5 (or to the whole shop) at site $4:
# the newest of each kind. What has a word that is banned by now is left out.
USABLE = """
SELECT id, kind, name, text_zh, text_en, url, theme FROM (
    SELECT t.*, row_number() OVER (PARTITION BY t.kind ORDER BY t.saved_at DESC, t.id) AS place
    FROM promo_templates t
    WHERE t.kind = ANY($1::text[]) AND t.active AND t.state = 'approved'
        AND (t.valid_from IS NULL OR t.valid_from <= $2)
        AND (t.valid_until IS NULL OR t.valid_until > $2)
        AND (cardinality(t.tiers) = 0 OR $3 = ANY(t.tiers))
        AND (t.site_id IS NULL OR t.site_id = $4)
        AND (t.product_id IS NULL OR t.product_id = $5)
        AND (t.category_id IS NULL OR EXISTS (WITH RECURSIVE above AS (
            SELECT p.category_id AS id FROM products p WHERE p.id = $5 UNION ALL
            SELECT k.parent_id FROM above JOIN categories k ON k.id = above.id
                WHERE k.parent_id IS NOT NULL)
            SELECT 1 FROM above WHERE above.id = t.category_id))
        AND ban_of_texts(ARRAY[t.name, t.text_zh, t.text_en]::text[]) IS NULL) usable
WHERE place <= $6 ORDER BY kind, place
"""
