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

# Slices of a thousand, each a few looks along indexes; the import pays for it, so it is kept lean.
TOLD = """
CREATE OR REPLACE FUNCTION tell_cards(told text, ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('kameng.actor', true), '');
    why text := coalesce(left(current_setting('kameng.reason', true), 200), '');
    of_batches uuid[];
    slice uuid[];
    place int := 1;
BEGIN
    WHILE place <= cardinality(ids) LOOP
        slice := ids[place:place + 999];
        place := place + 1000;
        -- Events of a batch are numbered: whoever tells one holds its row.
        of_batches := ARRAY(SELECT DISTINCT batch_id FROM cards WHERE id = ANY(slice) ORDER BY 1);
        PERFORM 1 FROM card_batches WHERE id = ANY(of_batches) ORDER BY id FOR NO KEY UPDATE;
        INSERT INTO card_events (id, batch_id, sequence, at, action, new_state, attempt_id, actor_kind,
            actor_id, reason, first_card, last_card, cards, marks)
        SELECT uuidv7(), part.batch_id, part.number + (
                SELECT coalesce(max(e.sequence), 0) FROM card_events e
                WHERE e.batch_id = part.batch_id AND e.card_id IS NULL),
            clock_timestamp(), told, CASE WHEN told = 'stored' THEN part.state END,
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
                    ''::bytea ORDER BY c.id) AS marks,
                row_number() OVER (PARTITION BY c.batch_id ORDER BY c.state) AS number
            FROM cards c LEFT JOIN LATERAL (
                SELECT secret_mark(x) AS mark FROM card_secrets x WHERE x.card_id = c.id LIMIT 1) s ON true
            WHERE c.id = ANY(slice) GROUP BY c.batch_id, c.state
        ) part;
    END LOOP;
END $$;
CREATE FUNCTION no_mark() RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT '\\x00000000000000000000000000000000'::bytea
$$;
CREATE OR REPLACE FUNCTION secret_mark(s card_secrets) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT substr(sha256(uuid_send(s.card_id) || int4send(s.generation) || s.sealed), 1, 16)
$$;
CREATE OR REPLACE FUNCTION tell_stored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_cards('stored', ARRAY(SELECT card_id FROM fresh ORDER BY 1));
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION tell_resealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('kameng.actor', true), '') <> '' THEN
        PERFORM tell_cards('resealed', ARRAY(SELECT n.card_id
            FROM fresh n JOIN stale o ON o.card_id = n.card_id
            WHERE (n.sealed, n.generation) IS DISTINCT FROM (o.sealed, o.generation) ORDER BY 1));
    END IF;
    RETURN NULL;
END $$;
CREATE INDEX card_events_marked ON card_events (first_card) WHERE marks IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0020_kinds_for_life")]

    operations = [RunSQL(MOVED), RunSQL(TOLD)]
