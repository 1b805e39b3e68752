"""The card book as a book of its own, and what the reconciler of both books remembers."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.reconciliation.models import FindingState, Matter
from orjson import loads
from tortoise.fields.data import JSON_DUMPS
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.operations import RunSQL
from domain.kernel.migrating import with_constraints

# The journal of the card book: the trace of cards as moves of units, each out of one place into
# another, with what it cost. Written by the trace's triggers; nothing is written for the view.
SQL = """
-- LIMIT 1 makes each event a look along its key: a plan made once would read those of all batches.
CREATE VIEW card_moves AS
    SELECT s.sequence AS link, e.at, e.batch_id, e.card_id, e.order_line_id,
        coalesce(e.old_state, 'outside') AS from_place, e.new_state AS to_place, 1 AS units,
        coalesce(c.unit_cost, 0) AS cost
    FROM card_seals s
    CROSS JOIN LATERAL (SELECT * FROM card_events WHERE id = s.event_id LIMIT 1) e
    LEFT JOIN LATERAL (SELECT unit_cost FROM cards WHERE id = e.card_id LIMIT 1) c ON true
    WHERE e.card_id IS NOT NULL AND e.old_state IS DISTINCT FROM e.new_state
        AND e.new_state IS NOT NULL
    UNION ALL
    SELECT s.sequence, e.at, e.batch_id, one.id, NULL, coalesce(e.old_state, 'outside'),
        e.new_state, 1, coalesce(c.unit_cost, 0)
    FROM card_seals s
    CROSS JOIN LATERAL (SELECT * FROM card_events WHERE id = s.event_id LIMIT 1) e
    CROSS JOIN LATERAL (
        SELECT encode(substr(e.marks, n * CASE e.action WHEN 'stored' THEN 64 ELSE 16 END + 1, 16),
            'hex')::uuid AS id
        FROM generate_series(0, e.cards - 1) n) one
    LEFT JOIN LATERAL (SELECT unit_cost FROM cards WHERE id = one.id LIMIT 1) c ON true
    WHERE e.card_id IS NULL AND e.action IN ('stored', 'moved') AND e.new_state IS NOT NULL;
CREATE TRIGGER card_folios_append_only BEFORE UPDATE OR DELETE ON card_folios
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER card_folio_moves_append_only BEFORE UPDATE OR DELETE ON card_folio_moves
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE INDEX reconciliation_findings_open ON reconciliation_findings (id) WHERE state = 'OPEN';
"""


class Migration(migrations.Migration):
    dependencies = [('domain', '0033_partial_topups')]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='CardBalance',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('batch_id', fields.UUIDField()),
                ('place', fields.CharField(max_length=16)),
                ('currency', fields.CharField(max_length=3)),
                ('units', fields.BigIntField()),
                ('cost', fields.BigIntField()),
            ],
            options={'table': 'card_balances', 'app': 'domain', 'unique_together': (('batch_id', 'place'),), 'pk_attr': 'id', 'table_description': 'How many units of a batch are at one place; the sum of its folio moves.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CardFolio',
            fields=[
                ('number', fields.BigIntField(primary_key=True, generated=False, unique=True, db_index=True)),
                ('first_link', fields.BigIntField()),
                ('last_link', fields.BigIntField()),
                ('units', fields.BigIntField()),
                ('digest', fields.BinaryField()),
                ('made_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'card_folios', 'app': 'domain', 'constraints': [CheckConstraint(check='last_link >= first_link', name='folio_links_in_order'), UniqueConstraint(fields=('first_link',), name='folio_of_its_links_once')], 'pk_attr': 'number', 'table_description': 'Some links of the trace that were summed up. Never changed; `digest` chains it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CardFolioMove',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('folio', fields.BigIntField()),
                ('day', fields.DateField()),
                ('batch_id', fields.UUIDField()),
                ('from_place', fields.CharField(max_length=16)),
                ('to_place', fields.CharField(max_length=16)),
                ('units', fields.BigIntField()),
                ('cost', fields.BigIntField()),
            ],
            options={'table': 'card_folio_moves', 'app': 'domain', 'constraints': [CheckConstraint(check='units > 0 AND cost >= 0 AND from_place <> to_place', name='folio_move_of_something')], 'indexes': [Index(fields=['day']), Index(fields=['folio'])], 'pk_attr': 'id', 'table_description': 'Units of one batch that went from one place to another on one day, and what they cost.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReconciledBalance',
            fields=[
                ('account_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('amount', fields.BigIntField()),
            ],
            options={'table': 'reconciled_balances', 'app': 'domain', 'pk_attr': 'account_id', 'table_description': "The sum of an account's entries up to one entry, as the reconciler added them itself."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReconciliationDay',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('day', fields.DateField()),
                ('currency', fields.CharField(max_length=3)),
                ('line', fields.CharField(max_length=40)),
                ('number', fields.BigIntField()),
                ('amount', fields.BigIntField()),
            ],
            options={'table': 'reconciliation_days', 'app': 'domain', 'unique_together': (('day', 'currency', 'line'),), 'pk_attr': 'id', 'table_description': 'What agreed, and what moved, on one day: one line of the daily report.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReconciliationFinding',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('matter', fields.CharEnumField(description='STORED: stored\nSOLD: sold\nLEFT: left\nSUPPLIED: supplied\nINVENTORY: inventory\nSTORE: store\nWALLET: wallet\nGIFT_CARDS: gift_cards\nUNEXPLAINED: unexplained', enum_type=Matter, max_length=16)),
                ('kind', fields.CharField(max_length=32)),
                ('reference', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('money', fields.BigIntField()),
                ('goods', fields.BigIntField()),
                ('money_units', fields.BigIntField()),
                ('goods_units', fields.BigIntField()),
                ('day', fields.DateField()),
                ('details', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('state', fields.CharEnumField(description='OPEN: OPEN\nRESOLVED: RESOLVED\nSETTLED: SETTLED', enum_type=FindingState, max_length=16)),
                ('found_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('closed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('closed_by', fields.UUIDField(null=True)),
                ('note', fields.CharField(default='', max_length=500)),
            ],
            options={'table': 'reconciliation_findings', 'app': 'domain', 'constraints': [CheckConstraint(check="state IN ('OPEN', 'RESOLVED', 'SETTLED')", name='finding_state_known'), CheckConstraint(check="(state = 'OPEN') = (closed_at IS NULL)", name='finding_closed_once'), CheckConstraint(check="state <> 'SETTLED' OR note <> ''", name='finding_settled_with_a_note'), UniqueConstraint(fields=('kind', 'reference', 'currency', 'money', 'goods', 'money_units', 'goods_units'), name='finding_told_once')], 'indexes': [Index(fields=['day'])], 'pk_attr': 'id', 'table_description': 'A difference between the books, told once. Amounts in units of 1/10000 of `currency`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReconciliationItem',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('scope', fields.UUIDField()),
                ('matter', fields.CharEnumField(description='STORED: stored\nSOLD: sold\nLEFT: left\nSUPPLIED: supplied\nINVENTORY: inventory\nSTORE: store\nWALLET: wallet\nGIFT_CARDS: gift_cards\nUNEXPLAINED: unexplained', enum_type=Matter, max_length=16)),
                ('reference', fields.UUIDField()),
                ('currency', fields.CharField(max_length=3)),
                ('money', fields.BigIntField()),
                ('goods', fields.BigIntField()),
                ('money_units', fields.BigIntField()),
                ('goods_units', fields.BigIntField()),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('finding_id', fields.UUIDField(null=True)),
            ],
            options={'table': 'reconciliation_items', 'app': 'domain', 'unique_together': (('scope', 'matter', 'reference', 'currency'),), 'pk_attr': 'id', 'table_description': 'One side of a matter whose other side was not met yet. Gone as soon as both agree.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReconciliationPosition',
            fields=[
                ('scope', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('money_link', fields.BigIntField(default=0)),
                ('card_link', fields.BigIntField(default=0)),
                ('entry', fields.BigIntField(default=0)),
                ('whole_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ran_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'reconciliation_positions', 'app': 'domain', 'pk_attr': 'scope', 'table_description': 'How far one pass through the books has come; the lasting one has the id zero.'},
            bases=['Model'],
        ),
    ]) + [RunSQL(SQL)]
