"""Events of batches are numbered by a sequence: whoever tells one waits for nobody.

Numbers of each batch's own needed its row's lock, and a statement that held its cards already could wait
for somebody who held the batch and wanted the cards.
"""

from tortoise import migrations
from tortoise.migrations.operations import RunSQL

NUMBERS = """
CREATE SEQUENCE batch_event_numbers AS int;
SELECT setval('batch_event_numbers', coalesce(max(sequence), 0) + 1) FROM card_events WHERE card_id IS NULL;
"""
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
        SELECT array_agg(n.id ORDER BY n.id) FILTER (WHERE n.fingerprint <> o.fingerprint),
            array_agg(n.id ORDER BY n.id) FILTER (WHERE
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
        INSERT INTO card_events (id, batch_id, sequence, at, action, old_state, new_state, actor_kind,
            actor_id, reason, first_card, last_card, cards, marks)
        SELECT uuidv7(), part.batch_id, nextval('batch_event_numbers'), clock_timestamp(), 'moved',
            part.was, part.became, by_kind, by_id, why,
            part.first, part.last, part.cards, part.marks
        FROM (
            SELECT batch_id, was, became, (array_agg(id ORDER BY id))[1] AS first,
                (array_agg(id ORDER BY id DESC))[1] AS last, count(*) AS cards,
                string_agg(uuid_send(id), ''::bytea ORDER BY id) AS marks
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
        SELECT array_agg(n.id ORDER BY n.id) FILTER (WHERE n.fingerprint <> o.fingerprint),
            array_agg(n.id ORDER BY n.id) FILTER (WHERE
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
TOLD = """
CREATE OR REPLACE FUNCTION tell_cards(told text, ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('kameng.actor', true), '');
    why text := coalesce(left(current_setting('kameng.reason', true), 200), '');
    slice uuid[];
    place int := 1;
BEGIN
    WHILE place <= cardinality(ids) LOOP
        slice := ids[place:place + 999];
        place := place + 1000;
        INSERT INTO card_events (id, batch_id, sequence, at, action, new_state, attempt_id, actor_kind,
            actor_id, reason, first_card, last_card, cards, marks)
        SELECT uuidv7(), part.batch_id, nextval('batch_event_numbers'), clock_timestamp(), told,
            CASE WHEN told = 'stored' THEN part.state END,
            (SELECT supplier_attempt_id FROM card_batches WHERE id = part.batch_id),
            nullif(split_part(who, '/', 1), ''), nullif(split_part(who, '/', 2), '')::uuid, why,
            part.cards[1], part.cards[cardinality(part.cards)], cardinality(part.cards), part.marks
        FROM (
            SELECT c.batch_id, c.state, array_agg(c.id ORDER BY c.id) AS cards,
                string_agg(uuid_send(c.id) || CASE told
                    WHEN 'stored' THEN row_mark(c) || print_mark(c) || coalesce(s.mark, no_mark())
                    WHEN 'amended' THEN row_mark(c)
                    WHEN 'reindexed' THEN print_mark(c)
                    WHEN 'resealed' THEN coalesce(s.mark, no_mark()) END,
                    ''::bytea ORDER BY c.id) AS marks
            FROM cards c LEFT JOIN LATERAL (
                SELECT secret_mark(x) AS mark FROM card_secrets x WHERE x.card_id = c.id LIMIT 1) s ON true
            WHERE c.id = ANY(slice) GROUP BY c.batch_id, c.state
        ) part;
    END LOOP;
END $$;
CREATE OR REPLACE FUNCTION tell_batch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('kameng.actor', true), '');
    why text := coalesce(left(current_setting('kameng.reason', true), 200), '');
    fixed text[] := ARRAY['id', 'variant_id', 'source', 'unit_cost', 'currency', 'expires_on',
        'supplier_attempt_id', 'imported_by', 'imported_at'];
    changed jsonb := batch_facts(NEW);
    last card_events;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT * INTO last FROM card_events WHERE batch_id = NEW.id AND card_id IS NULL
            AND action = 'batch' ORDER BY sequence DESC LIMIT 1;
        SELECT coalesce(jsonb_object_agg(n.key, n.value), '{}') INTO changed
        FROM jsonb_each(batch_facts(NEW)) n JOIN jsonb_each(batch_facts(OLD)) o ON o.key = n.key
        WHERE n.value <> o.value;
        IF changed = '{}' OR (who = '' AND changed ?| fixed) THEN
            RETURN NULL;
        END IF;
        changed := coalesce(last.details, '{}') || changed;
    END IF;
    INSERT INTO card_events (id, batch_id, sequence, at, action, attempt_id, actor_kind, actor_id,
        reason, details)
    VALUES (uuidv7(), NEW.id, nextval('batch_event_numbers'), clock_timestamp(), 'batch',
        NEW.supplier_attempt_id, nullif(split_part(who, '/', 1), ''), nullif(split_part(who, '/', 2), '')::uuid, why, changed);
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0028_bundles")]

    operations = [RunSQL(sql) for sql in (NUMBERS, MOVED, TOLD)]
