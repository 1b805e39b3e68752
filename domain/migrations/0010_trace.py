"""Events of cards, written by triggers: who moved what, and digests that vouch for what lies there."""

from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from orjson import loads

from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints

TABLES = with_constraints([
    ops.CreateModel(
        name='CardEvent',
        fields=[
            ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
            ('card_id', fields.UUIDField(null=True)),
            ('batch_id', fields.UUIDField()),
            ('sequence', fields.IntField()),
            ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ('action', fields.CharField(max_length=16)),
            ('old_state', fields.CharField(null=True, max_length=32)),
            ('new_state', fields.CharField(null=True, max_length=32)),
            ('order_line_id', fields.UUIDField(null=True)),
            ('unit_number', fields.IntField(null=True)),
            ('attempt_id', fields.UUIDField(null=True)),
            ('actor_kind', fields.CharField(null=True, max_length=16)),
            ('actor_id', fields.UUIDField(null=True)),
            ('reason', fields.CharField(default='', max_length=200)),
            ('details', fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
            ('first_card', fields.UUIDField(null=True)),
            ('last_card', fields.UUIDField(null=True)),
            ('cards', fields.IntField(null=True)),
            ('marks', fields.BinaryField(null=True)),
        ],
        options={'table': 'card_events', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('card_id', 'sequence'), name='card_event_once', condition='card_id IS NOT NULL'), UniqueConstraint(fields=('batch_id', 'sequence'), name='batch_event_once', condition='card_id IS NULL'), CheckConstraint(check='(marks IS NULL) = (cards IS NULL) AND (marks IS NULL) = (first_card IS NULL) AND (marks IS NULL) = (last_card IS NULL) AND (marks IS NULL OR card_id IS NULL)', name='card_event_marks_cards')], 'pk_attr': 'id', 'table_description': 'One step in the life of a card; without `card_id`, of its batch or of many cards at once.'},
        bases=['Model'],
    ),
    ops.CreateModel(
        name='CardSeal',
        fields=[
            ('sequence', fields.BigIntField(primary_key=True, generated=False, unique=True, db_index=True)),
            ('event_id', fields.UUIDField(unique=True)),
            ('digest', fields.BinaryField()),
            ('sealed_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
        ],
        options={'table': 'card_seals', 'app': 'domain', 'pk_attr': 'sequence', 'table_description': 'A link of the hash chain over card events, written once they were committed.'},
        bases=['Model'],
    ),
    ops.CreateModel(
        name='TraceCheckpoint',
        fields=[
            ('number', fields.IntField(primary_key=True, generated=False, unique=True, db_index=True)),
            ('statement', fields.TextField(unique=False)),
            ('signature', fields.BinaryField()),
            ('public_key', fields.BinaryField()),
            ('taken_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
        ],
        options={'table': 'trace_checkpoints', 'app': 'domain', 'pk_attr': 'number', 'table_description': 'The heads of both chains at one moment, signed. A copy kept elsewhere proves the past.'},
        bases=['Model'],
    ),
])

APPEND_ONLY = "\n".join(
    f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_change();"
    for table in ("card_events", "card_seals", "trace_checkpoints")
) + """
ALTER TABLE card_events ALTER COLUMN marks SET STORAGE EXTERNAL;  -- digests do not compress
"""

# Half a digest each: who wants another row with the same mark has 2^128 tries before him.
# domain/cards/trace_rules.py says the same in Python, and the verifier compares the two.
MARKS = """
CREATE FUNCTION row_mark(c cards) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT substr(sha256(uuid_send(c.id) || uuid_send(c.variant_id) || uuid_send(c.batch_id)
        || int8send(c.unit_cost) || int8send((extract(epoch FROM c.created_at) * 1000000)::bigint)
        || coalesce(int4send(c.expires_on - DATE '2000-01-01'), '\\x80000000'::bytea)
        || convert_to(c.masked, 'UTF8')), 1, 16)
$$;
CREATE FUNCTION print_mark(c cards) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT substr(sha256(uuid_send(c.id) || c.fingerprint), 1, 16)
$$;
CREATE FUNCTION secret_mark(s card_secrets) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT coalesce(substr(sha256(uuid_send(s.card_id) || int4send(s.generation) || s.sealed), 1, 16),
        decode(repeat('00', 16), 'hex'))
$$;
-- Of a batch all that is no key; of its keys a digest, so that one that was put back is seen.
CREATE FUNCTION batch_facts(b card_batches) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(b) - 'content_digest' - 'wrapped_key' - 'next_wrapped_key' || jsonb_build_object(
        'content_digest', encode(sha256(b.content_digest), 'hex'),
        'wrapped_key', encode(sha256(b.wrapped_key), 'hex'),
        'next_wrapped_key', encode(sha256(b.next_wrapped_key), 'hex'))
$$;
"""

# `kameng.actor` is `kind/uuid`, set for one transaction by a use case (domain/kernel/acting.py). A sale
# needs none: it is the buyer of its order. What a card *is* changes by a named actor only: without one
# no event vouches for the change, and `kameng verify-cards` names the row.
TELLING = """
CREATE FUNCTION tell_cards(told text, ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('kameng.actor', true), '');
    why text := coalesce(left(current_setting('kameng.reason', true), 200), '');
BEGIN
    -- Events of a batch are numbered: whoever tells one holds its row.
    PERFORM 1 FROM card_batches WHERE id IN (SELECT batch_id FROM cards WHERE id = ANY(ids))
    ORDER BY id FOR NO KEY UPDATE;
    INSERT INTO card_events (id, batch_id, sequence, at, action, new_state, attempt_id, actor_kind,
        actor_id, reason, first_card, last_card, cards, marks)
    SELECT uuidv7(), part.batch_id, part.number + (
            SELECT coalesce(max(e.sequence), 0) FROM card_events e
            WHERE e.batch_id = part.batch_id AND e.card_id IS NULL),
        clock_timestamp(), told, CASE WHEN told = 'stored' THEN part.state END,
        b.supplier_attempt_id, nullif(split_part(who, '/', 1), ''),
        nullif(split_part(who, '/', 2), '')::uuid, why, part.first, part.last, part.cards, part.marks
    FROM (
        SELECT batch_id, state, row_number() OVER (PARTITION BY batch_id ORDER BY state, slice) AS number,
            (array_agg(id ORDER BY id))[1] AS first, (array_agg(id ORDER BY id DESC))[1] AS last,
            count(*) AS cards, string_agg(mark, ''::bytea ORDER BY id) AS marks
        FROM (
            SELECT c.id, c.batch_id, c.state, uuid_send(c.id) || CASE told
                    WHEN 'stored' THEN row_mark(c) || print_mark(c) || secret_mark(s)
                    WHEN 'amended' THEN row_mark(c)
                    WHEN 'reindexed' THEN print_mark(c)
                    WHEN 'resealed' THEN secret_mark(s) END AS mark,
                (row_number() OVER (PARTITION BY c.batch_id, c.state ORDER BY c.id) - 1) / 1000 AS slice
            FROM cards c LEFT JOIN card_secrets s ON s.card_id = c.id WHERE c.id = ANY(ids)
        ) one GROUP BY batch_id, state, slice
    ) part JOIN card_batches b ON b.id = part.batch_id;
END $$;

CREATE FUNCTION tell_stored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_cards('stored', (SELECT array_agg(card_id) FROM fresh));
    RETURN NULL;
END $$;
CREATE TRIGGER card_secrets_stored AFTER INSERT ON card_secrets
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tell_stored();

CREATE FUNCTION tell_resealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('kameng.actor', true), '') <> '' THEN
        PERFORM tell_cards('resealed', (SELECT array_agg(n.card_id)
            FROM fresh n JOIN stale o ON o.card_id = n.card_id
            WHERE (n.sealed, n.generation) IS DISTINCT FROM (o.sealed, o.generation)));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER card_secrets_resealed AFTER UPDATE ON card_secrets
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tell_resealed();

-- One insert a statement, whatever the number of its cards.
CREATE FUNCTION tell_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('kameng.actor', true), '');
    why text := coalesce(left(current_setting('kameng.reason', true), 200), '');
    told uuid[];
BEGIN
    INSERT INTO card_events (id, card_id, batch_id, sequence, at, action, old_state, new_state,
        order_line_id, unit_number, actor_kind, actor_id, reason)
    SELECT uuidv7(), n.id, n.batch_id,
        coalesce((SELECT max(e.sequence) FROM card_events e WHERE e.card_id = n.id), 0) + 1,
        clock_timestamp(),
        CASE WHEN o.first_revealed_at IS NULL AND n.first_revealed_at IS NOT NULL THEN 'revealed'
            ELSE 'moved' END,
        o.state, n.state, coalesce(n.order_line_id, o.order_line_id),
        coalesce(n.unit_number, o.unit_number), nullif(split_part(who, '/', 1), ''),
        nullif(split_part(who, '/', 2), '')::uuid, why
    FROM stale o JOIN fresh n ON n.id = o.id
    WHERE n.state <> o.state OR (o.first_revealed_at IS NULL) <> (n.first_revealed_at IS NULL)
        OR (n.order_line_id, n.unit_number) IS DISTINCT FROM (o.order_line_id, o.unit_number);
    IF who = '' THEN
        RETURN NULL;
    END IF;
    told := (SELECT array_agg(n.id) FROM stale o JOIN fresh n ON n.id = o.id
        WHERE n.fingerprint <> o.fingerprint);
    IF told IS NOT NULL THEN
        PERFORM tell_cards('reindexed', told);
    END IF;
    told := (SELECT array_agg(n.id) FROM stale o JOIN fresh n ON n.id = o.id
        WHERE (n.variant_id, n.batch_id, n.unit_cost, n.created_at, n.expires_on, n.masked)
            IS DISTINCT FROM (o.variant_id, o.batch_id, o.unit_cost, o.created_at, o.expires_on, o.masked));
    IF told IS NOT NULL THEN
        PERFORM tell_cards('amended', told);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cards_moved AFTER UPDATE ON cards
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tell_moved();

-- Only what this statement changed is told, on top of what was told before: a value that somebody
-- altered on another way is not vouched for by the next honest change of the batch.
CREATE FUNCTION tell_batch() RETURNS trigger LANGUAGE plpgsql AS $$
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
    VALUES (uuidv7(), NEW.id, 1 + (SELECT coalesce(max(sequence), 0) FROM card_events
            WHERE batch_id = NEW.id AND card_id IS NULL),
        clock_timestamp(), 'batch', NEW.supplier_attempt_id, nullif(split_part(who, '/', 1), ''),
        nullif(split_part(who, '/', 2), '')::uuid, why, changed);
    RETURN NULL;
END $$;
CREATE TRIGGER card_batches_told AFTER INSERT OR UPDATE ON card_batches
    FOR EACH ROW EXECUTE FUNCTION tell_batch();
"""

# Cards that were there before are taken as they are; who owned one keeps it.
ADOPTED = """
INSERT INTO card_events (id, batch_id, sequence, at, action, attempt_id, reason, details)
SELECT uuidv7(), b.id, 1, clock_timestamp(), 'batch', b.supplier_attempt_id, 'adopted', batch_facts(b)
FROM card_batches b;
SELECT set_config('kameng.reason', 'adopted', true);
SELECT tell_cards('stored', ids) FROM (
    SELECT array_agg(id) AS ids FROM cards GROUP BY batch_id) batches;
INSERT INTO card_events (id, card_id, batch_id, sequence, at, action, old_state, new_state,
    order_line_id, unit_number, reason)
SELECT uuidv7(), id, batch_id, 1, clock_timestamp(), 'moved', state, state, order_line_id, unit_number,
    'adopted'
FROM cards WHERE order_line_id IS NOT NULL;
SELECT set_config('kameng.reason', '', true);
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0009_giftcards")]

    operations = [*TABLES, *(RunSQL(sql) for sql in (APPEND_ONLY, MARKS, TELLING, ADOPTED))]
