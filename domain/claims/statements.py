"""The SQL of claim links."""

LOCK_ORDER = "SELECT buyer_id FROM orders WHERE id = $1 FOR UPDATE"
LINKS_OF_ORDER = "SELECT count(*) FROM claim_links WHERE order_id = $1"
FIND = """
SELECT k.id, k.order_id, k.card_ids, k.recipient_digest, k.recipient_masked, k.key_version,
    k.max_uses, k.uses, k.expires_at, k.revoked_at, o.buyer_id
FROM claim_links k JOIN orders o ON o.id = k.order_id WHERE k.id = $1
"""
# Whoever claims waits for whoever claims before: each sees what is left.
LOCK = f"{FIND} FOR UPDATE OF k"
REVOKE = """
UPDATE claim_links SET revoked_at = $2, event_count = event_count + 1 WHERE id = $1
"""
EARLIER_USE = "SELECT claimed_at FROM claim_uses WHERE link_id = $1 AND key_digest = $2"
USE = """
INSERT INTO claim_uses (id, link_id, number, key_digest, claimed_at) VALUES ($1, $2, 0, $3, $4)
RETURNING number
"""
NEWEST_CHALLENGE = """
SELECT id, number, tries, created_at, expires_at FROM claim_challenges
WHERE link_id = $1 ORDER BY number DESC LIMIT 1
"""
TRIED = "UPDATE claim_challenges SET tries = tries + 1 WHERE id = $1"
CHALLENGE = """
INSERT INTO claim_challenges (id, link_id, number, tries, created_at, expires_at)
VALUES ($1, $2, $3, 0, $4, $5)
"""
TOLD = """
UPDATE claim_links SET event_count = event_count + 1 WHERE id = $1 RETURNING event_count
"""
# Whoever asks for a code to the same recipient waits: each counts what the one before has sent.
ALONE_WITH_RECIPIENT = "SELECT pg_advisory_xact_lock(hashtext('claim.codes'), hashtext($1::text))"
CODES_TO_RECIPIENT = """
SELECT count(*) FROM claim_challenges c JOIN claim_links l ON l.id = c.link_id
WHERE l.recipient_digest = $1 AND c.created_at > $2
"""
# What its buyer may still look at is not always good to hand on: disputed, invalid, redeemed.
GOOD_TO_HAND_ON = """
SELECT id FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, place) JOIN cards c USING (id)
WHERE c.state IN ('sold', 'revealed', 'shared') ORDER BY w.place
"""
