"""The SQL of messages."""

# A site's own channel, else the main site's.
_SERVES = """
ch.enabled AND (ch.site_id = {site} OR (ch.site_id = $2 AND NOT EXISTS (
    SELECT 1 FROM notification_channels own
    WHERE own.site_id = {site} AND own.medium = ch.medium AND own.enabled)))
"""
_INSERT = """
INSERT INTO notifications (id, subject, order_id, site_id, event, channel_id, medium,
    recipient_digest, recipient_masked, language, state, attempts, next_attempt_at, created_at)
"""
_ONCE = "ON CONFLICT (subject, event, medium, recipient_digest) DO NOTHING RETURNING id"

# Of a group the channel itself is the recipient.
_OF_ORDERS = f"""
{_INSERT}
SELECT uuidv7(), {{subject}}, o.id, o.site_id, e.type, ch.id, ch.medium,
    CASE ch.medium WHEN 'group' THEN uuid_send(ch.id) ELSE k.contact_digest END,
    CASE ch.medium WHEN 'group' THEN ch.code ELSE k.contact_masked END,
    coalesce(k.language, s.language), 'pending', 0, $3, $3
FROM outbox_events e JOIN orders o ON o.id = e.subject JOIN sites s ON s.id = o.site_id
LEFT JOIN order_keepsakes k ON k.order_id = o.id
JOIN notification_channels ch ON {_SERVES.format(site="o.site_id")}
    AND e.type = ANY(ch.events) AND (ch.medium = 'group'
        OR (ch.medium = 'email' AND k.kind = 'email') OR (ch.medium = 'sms' AND k.kind = 'phone'))
WHERE e.id = ANY($1) AND e.type {{which}}
{_ONCE}
"""
FAN_OUT_ORDERS = _OF_ORDERS.format(
    subject="o.id", which="LIKE 'order.%' AND e.type <> ALL($4::text[])"
)
# An order may be refunded again and again, and each time its buyer hears of it; so with its cases.
FAN_OUT_EACH_TIME = _OF_ORDERS.format(subject="e.id", which="= ANY($4::text[])")
TOLD = "SELECT payload FROM outbox_events WHERE id = $1"
FAN_OUT_CODES = f"""
{_INSERT}
SELECT uuidv7(), (e.payload ->> 'challengeId')::uuid, l.order_id, o.site_id, e.type, ch.id,
    ch.medium, l.recipient_digest, l.recipient_masked, l.language, 'pending', 0, $3, $3
FROM outbox_events e JOIN claim_links l ON l.id = e.subject JOIN orders o ON o.id = l.order_id
JOIN notification_channels ch ON {_SERVES.format(site="o.site_id")}
    AND e.type = ANY(ch.events)
    AND ((ch.medium = 'email' AND l.recipient_kind = 'email')
        OR (ch.medium = 'sms' AND l.recipient_kind = 'phone'))
WHERE e.id = ANY($1) AND e.type = $4
{_ONCE}
"""
# Who bought a gift card hears of each use of it.
FAN_OUT_REDEMPTIONS = f"""
{_INSERT}
SELECT uuidv7(), r.id, o.id, o.site_id, e.type, ch.id, ch.medium, k.contact_digest,
    k.contact_masked, k.language, 'pending', 0, $3, $3
FROM outbox_events e JOIN gift_card_redemptions r ON r.id = e.subject
JOIN cards c ON c.id = r.card_id JOIN order_lines l ON l.id = c.order_line_id
JOIN orders o ON o.id = l.order_id JOIN order_keepsakes k ON k.order_id = o.id
JOIN notification_channels ch ON {_SERVES.format(site="o.site_id")}
    AND e.type = ANY(ch.events) AND ((ch.medium = 'email' AND k.kind = 'email')
        OR (ch.medium = 'sms' AND k.kind = 'phone'))
WHERE e.id = ANY($1) AND e.type = $4
{_ONCE}
"""
# Who of the agents hears of its case, and which groups of staff do; by the main site's channels.
TOLD_AGENTS = f"""
SELECT e.type, e.subject, u.login, ch.id AS channel, ch.medium, ch.code, s.language
FROM outbox_events e JOIN penalty_cases c ON c.id = e.subject JOIN agents a ON a.id = c.agent_id
JOIN users u ON u.id = a.user_id JOIN sites s ON s.id = $2
JOIN notification_channels ch ON {_SERVES.format(site="$2")} AND e.type = ANY(ch.events)
    AND (ch.medium = 'group' OR (ch.medium = 'email' AND u.disabled_at IS NULL
        AND u.login ~ '^[^@]+@[^@]+[.][^@.]+$'))
WHERE e.id = ANY($1) AND e.type = ANY($3::text[]) ORDER BY e.id, ch.id
"""
TELL_AGENT = f"""
{_INSERT}
VALUES ($1, $2, NULL, $3, $4, $5, $6, $7, $8, $9, 'pending', 0, $10, $10)
{_ONCE}
"""
REACHES = f"""
SELECT EXISTS (SELECT 1 FROM notification_channels ch
    WHERE ch.medium = $3 AND $4 = ANY(ch.events) AND {_SERVES.format(site="$1")})
"""
DUE = "SELECT id FROM notifications WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2"
# Counted before it is sent: whoever dies in between has used its try.
CLAIM = """
UPDATE notifications n SET state = 'sending', attempts = n.attempts + 1, next_attempt_at = NULL,
    lease_ends_at = $2
FROM notification_channels ch
WHERE n.id = $1 AND ch.id = n.channel_id AND n.state = 'pending' AND n.next_attempt_at <= $3
RETURNING n.id, n.subject, n.order_id, n.site_id, n.event, n.medium, n.language, n.attempts,
    n.created_at, n.channel_id, ch.address_sealed, ch.enabled
"""
# The truth may come late: after the lease it still says more than "uncertain".
BOOK = """
UPDATE notifications SET state = $3, next_attempt_at = $4, lease_ends_at = NULL, last_error = $5,
    provider_reference = coalesce($6, provider_reference), finished_at = $7,
    cost = CASE WHEN state = 'sending' THEN cost + $8 ELSE cost END
WHERE id = $1 AND attempts = $2 AND state IN ('sending', 'uncertain')
"""
LOST = """
UPDATE notifications SET state = 'uncertain', lease_ends_at = NULL, last_error = 'sender_died',
    finished_at = $1, cost = cost + coalesce(($3::jsonb ->> medium)::bigint, 0)
WHERE id = ANY (ARRAY(
    SELECT id FROM notifications WHERE lease_ends_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
    AND state = 'sending'
RETURNING id
"""
RETRY = """
UPDATE notifications SET state = 'pending', next_attempt_at = $2, finished_at = NULL
WHERE id = $1 AND state IN ('failed', 'uncertain') RETURNING attempts
"""
ORDER = """
SELECT o.number, coalesce(x.total, o.total) AS total, coalesce(x.currency, o.currency) AS currency,
    o.site_id, k.kind, k.contact_sealed
FROM orders o LEFT JOIN order_exchanges x ON x.order_id = o.id
LEFT JOIN order_keepsakes k ON k.order_id = o.id WHERE o.id = $1
"""
TEMPLATE = """
SELECT subject, body FROM notification_templates
WHERE site_id = ANY($1) AND event = $2 AND medium = $3 AND language = $4
ORDER BY site_id = $5 DESC LIMIT 1
"""
REDEMPTION = """
SELECT g.number, g.currency, r.units, r.uses, r.balance_after, r.uses_after
FROM gift_card_redemptions r JOIN gift_cards g ON g.card_id = r.card_id WHERE r.id = $1
"""
