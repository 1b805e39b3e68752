"""Pieces of SQL that the purchase takes into its own statements when it comes with a quote."""

USED_ONCE = "quote_uses_pkey"  # what the database answers to a second order

# Its lines, and whether it may still be used. Strangers, and other sites, find nothing.
QUOTE = """
SELECT jsonb_build_object('lines', q.lines, 'over', q.valid_until <= :moment,
    'used', EXISTS (SELECT 1 FROM quote_uses u WHERE u.quote_id = q.id))
FROM quotes q WHERE q.id = :quote AND q.buyer_id = :buyer AND q.site_id = :site
"""
USE_QUOTE = """
INSERT INTO quote_uses (quote_id, order_id, used_at) VALUES (:quote, :order_id, :moment) RETURNING 1
"""
