"""The SQL of webhook deliveries."""

# Whose order it is stands in a table of a context above; only its buyer's id is read here. A note
# is what an operator wrote for colleagues.
FAN_OUT = """
INSERT INTO webhook_deliveries (id, endpoint_id, event_id, subject, sequence, body, state, attempts,
    next_attempt_at, created_at)
SELECT uuidv7(), w.id, e.id, e.subject, e.sequence, jsonb_build_object(
        'type', e.type,
        'timestamp', to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'data', e.payload - 'note')::text,
    'pending', 0, $2, $2
FROM unnest($1::uuid[], $3::uuid[], $4::uuid[], $5::text[])
    AS told (event_id, order_id, user_id, scope)
JOIN outbox_events e ON e.id = told.event_id
LEFT JOIN orders o ON o.id = told.order_id
JOIN webhook_endpoints w ON w.enabled AND e.type = ANY(w.events)
    AND (w.owner_id = coalesce(o.buyer_id, told.user_id)
        OR (w.all_orders OR (told.order_id IS NULL AND told.user_id IS NULL))
            AND EXISTS (SELECT 1 FROM users u WHERE u.id = w.owner_id AND u.role = 'operator'
                AND u.disabled_at IS NULL AND u.scopes && ARRAY[told.scope, '*']))
ON CONFLICT (endpoint_id, event_id) DO NOTHING
RETURNING id
"""
HEARERS = """
SELECT w.id, w.owner_id, coalesce(w.site_id, $3) AS site_id
FROM webhook_endpoints w JOIN users u ON u.id = w.owner_id AND u.disabled_at IS NULL
WHERE w.enabled AND $1 = ANY(w.events) AND ($2::uuid IS NULL OR w.owner_id = $2) ORDER BY w.id
"""
WAITING = """
SELECT d.endpoint_id, count(*) FROM webhook_deliveries d
WHERE d.endpoint_id = ANY($1) AND d.subject = $2 AND d.state = 'pending' GROUP BY d.endpoint_id
"""
SUPERSEDE = """
UPDATE webhook_deliveries d SET state = 'dead', next_attempt_at = NULL, finished_at = $3,
    last_error = 'superseded'
FROM (SELECT id, row_number() OVER (PARTITION BY endpoint_id ORDER BY sequence DESC) AS place
    FROM webhook_deliveries
    WHERE endpoint_id = ANY($1) AND subject = $2 AND state = 'pending') old
WHERE d.id = old.id AND old.place > $4 AND d.state = 'pending'
"""
_NONE_EARLIER = """
NOT EXISTS (SELECT 1 FROM webhook_deliveries earlier
    WHERE earlier.endpoint_id = d.endpoint_id AND earlier.subject = d.subject
        AND earlier.sequence < d.sequence AND earlier.state = 'pending')
"""
CLAIM = f"""
UPDATE webhook_deliveries d SET attempts = d.attempts + 1, next_attempt_at = $2
FROM webhook_endpoints w
WHERE d.id = $1 AND w.id = d.endpoint_id AND w.enabled AND d.state = 'pending'
    AND d.next_attempt_at <= $3 AND {_NONE_EARLIER}
RETURNING d.id, d.endpoint_id, d.event_id, d.subject, d.sequence, d.body, d.attempts, w.url,
    w.secret_sealed, w.api_version, w.failing_since
"""
DUE = f"""
SELECT d.id FROM webhook_deliveries d JOIN webhook_endpoints w ON w.id = d.endpoint_id
WHERE d.next_attempt_at <= $1 AND w.enabled AND {_NONE_EARLIER}
ORDER BY d.next_attempt_at LIMIT $2
"""
NEXT_OF_SUBJECT = """
SELECT id FROM webhook_deliveries
WHERE endpoint_id = $1 AND subject = $2 AND state = 'pending' AND next_attempt_at <= $3
ORDER BY sequence LIMIT 1
"""
BOOK = """
UPDATE webhook_deliveries SET state = $2, next_attempt_at = $3, last_status = $4, last_error = $5,
    last_answer = $6, last_duration_ms = $7, finished_at = $8
WHERE id = $1 AND state = 'pending'
"""
REDELIVER = """
UPDATE webhook_deliveries d SET state = 'pending', next_attempt_at = $2, finished_at = NULL,
    attempts = 0
FROM webhook_endpoints w
WHERE d.id = $1 AND w.id = d.endpoint_id AND w.enabled AND (w.owner_id = $3 OR $4)
RETURNING d.id
"""
