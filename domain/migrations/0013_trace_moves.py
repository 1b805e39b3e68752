"""A statement that moves a whole batch tells it by a few events, not by one for each card."""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

# Two branches with statements of their own, because each is planned once in a session, for as many
# rows as it first met: a plan made for one card would join a million with a million one by one.
MOVED = """
CREATE OR REPLACE FUNCTION tell_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    many boolean := (SELECT count(*) FROM (SELECT 1 FROM fresh LIMIT 101) AS seen) > 100;
    who text := coalesce(current_setting('kameng.actor', true), '');
    why text := coalesce(left(current_setting('kameng.reason', true), 200), '');
    by_kind text := nullif(split_part(who, '/', 1), '');
    by_id uuid := nullif(split_part(who, '/', 2), '')::uuid;
    prints uuid[];
    altered uuid[];
BEGIN
    IF NOT many THEN
        INSERT INTO card_events (id, card_id, batch_id, sequence, at, action, old_state, new_state,
            order_line_id, unit_number, actor_kind, actor_id, reason)
        SELECT uuidv7(), n.id, n.batch_id,
            coalesce((SELECT max(e.sequence) FROM card_events e WHERE e.card_id = n.id), 0) + 1,
            clock_timestamp(),
            CASE WHEN o.first_revealed_at IS NULL AND n.first_revealed_at IS NOT NULL THEN 'revealed'
                ELSE 'moved' END,
            o.state, n.state, coalesce(n.order_line_id, o.order_line_id),
            coalesce(n.unit_number, o.unit_number), by_kind, by_id, why
        FROM stale o JOIN fresh n ON n.id = o.id
        WHERE n.state <> o.state OR (o.first_revealed_at IS NULL) <> (n.first_revealed_at IS NULL)
            OR (n.order_line_id, n.unit_number) IS DISTINCT FROM (o.order_line_id, o.unit_number);
        IF who = '' THEN
            RETURN NULL;
        END IF;
        SELECT array_agg(n.id) FILTER (WHERE n.fingerprint <> o.fingerprint),
            array_agg(n.id) FILTER (WHERE
                (n.variant_id, n.batch_id, n.unit_cost, n.created_at, n.expires_on, n.masked) IS DISTINCT
                FROM (o.variant_id, o.batch_id, o.unit_cost, o.created_at, o.expires_on, o.masked))
        INTO prints, altered FROM stale o JOIN fresh n ON n.id = o.id;
    ELSE
        INSERT INTO card_events (id, card_id, batch_id, sequence, at, action, old_state, new_state,
            order_line_id, unit_number, actor_kind, actor_id, reason)
        SELECT uuidv7(), n.id, n.batch_id,
            coalesce((SELECT max(e.sequence) FROM card_events e WHERE e.card_id = n.id), 0) + 1,
            clock_timestamp(),
            CASE WHEN o.first_revealed_at IS NULL AND n.first_revealed_at IS NOT NULL THEN 'revealed'
                ELSE 'moved' END,
            o.state, n.state, coalesce(n.order_line_id, o.order_line_id),
            coalesce(n.unit_number, o.unit_number), by_kind, by_id, why
        FROM stale o JOIN fresh n ON n.id = o.id
        WHERE (o.first_revealed_at IS NULL) <> (n.first_revealed_at IS NULL)
            OR (n.order_line_id, n.unit_number) IS DISTINCT FROM (o.order_line_id, o.unit_number)
            OR n.state <> o.state AND n.order_line_id IS NOT NULL;
        PERFORM 1 FROM card_batches WHERE id IN (SELECT DISTINCT batch_id FROM fresh)
        ORDER BY id FOR NO KEY UPDATE;
        INSERT INTO card_events (id, batch_id, sequence, at, action, old_state, new_state, actor_kind,
            actor_id, reason, first_card, last_card, cards, marks)
        SELECT uuidv7(), part.batch_id, part.number + (
                SELECT coalesce(max(e.sequence), 0) FROM card_events e
                WHERE e.batch_id = part.batch_id AND e.card_id IS NULL),
            clock_timestamp(), 'moved', part.was, part.became, by_kind, by_id, why,
            part.first, part.last, part.cards, part.marks
        FROM (
            SELECT batch_id, was, became, (array_agg(id ORDER BY id))[1] AS first,
                (array_agg(id ORDER BY id DESC))[1] AS last, count(*) AS cards,
                string_agg(uuid_send(id), ''::bytea ORDER BY id) AS marks,
                row_number() OVER (PARTITION BY batch_id ORDER BY was, became, slice) AS number
            FROM (
                SELECT n.id, n.batch_id, o.state AS was, n.state AS became, (row_number() OVER
                    (PARTITION BY n.batch_id, o.state, n.state ORDER BY n.id) - 1) / 1000 AS slice
                FROM stale o JOIN fresh n ON n.id = o.id
                WHERE n.state <> o.state AND n.order_line_id IS NULL AND o.order_line_id IS NULL
                    AND (o.first_revealed_at IS NULL) = (n.first_revealed_at IS NULL)
            ) one GROUP BY batch_id, was, became, slice
        ) part;
        IF who = '' THEN
            RETURN NULL;
        END IF;
        SELECT array_agg(n.id) FILTER (WHERE n.fingerprint <> o.fingerprint),
            array_agg(n.id) FILTER (WHERE
                (n.variant_id, n.batch_id, n.unit_cost, n.created_at, n.expires_on, n.masked) IS DISTINCT
                FROM (o.variant_id, o.batch_id, o.unit_cost, o.created_at, o.expires_on, o.masked))
        INTO prints, altered FROM stale o JOIN fresh n ON n.id = o.id;
    END IF;
    IF prints IS NOT NULL THEN
        PERFORM tell_cards('reindexed', prints);
    END IF;
    IF altered IS NOT NULL THEN
        PERFORM tell_cards('amended', altered);
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0012_claim_links")]

    operations = [RunSQL(MOVED)]
