"""What must be true of ratings at every moment; `domain/invariants.py` runs it with all others."""

PROMISES = (
    (
        "M4",
        "the sums of each product are those of its ratings, and each rating is of its line's buyer",
        """
        SELECT (SELECT count(*) FROM (
                SELECT product_id, count(*) AS number, sum(stars) AS stars FROM ratings GROUP BY 1
            ) r FULL JOIN rating_totals t USING (product_id)
            WHERE r.number IS DISTINCT FROM t.count OR r.stars IS DISTINCT FROM t.stars)
            + (SELECT count(*) FROM ratings r JOIN order_lines l ON l.id = r.line_id
                JOIN orders o ON o.id = l.order_id
                WHERE (o.id, o.buyer_id, o.site_id) IS DISTINCT FROM
                    (r.order_id, r.buyer_id, r.site_id))
        """,
    ),
)
