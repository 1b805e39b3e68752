"""Contracts with suppliers, and how far a supplier stands from the maker."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from domain.kernel.ids import new_id
from domain.suppliers.models import SupplierTier
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from domain.kernel.migrating import with_constraints

SQL = """
ALTER TABLE supplier_contracts ADD CONSTRAINT contract_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
ALTER TABLE contract_terms ADD CONSTRAINT term_of_a_contract
    FOREIGN KEY (contract_id) REFERENCES supplier_contracts (id);
ALTER TABLE contract_terms ADD CONSTRAINT term_of_a_variant
    FOREIGN KEY (variant_id) REFERENCES variants (id);
CREATE TRIGGER supplier_contracts_stay BEFORE DELETE ON supplier_contracts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("domain", "0057_deposits")]

    initial = False

    operations = with_constraints([
        ops.CreateModel(
            name='ContractTerm',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('contract_id', fields.UUIDField()),
                ('variant_id', fields.UUIDField()),
                ('unit_cost', fields.BigIntField(null=True)),
                ('min_quantity', fields.IntField(default=1)),
                ('exclusive', fields.BooleanField(default=False)),
            ],
            options={'table': 'contract_terms', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('contract_id', 'variant_id'), name='contract_term_once'), CheckConstraint(check='coalesce(unit_cost, 1) > 0 AND min_quantity > 0', name='contract_term_within_limits')], 'indexes': [Index(fields=['variant_id'])], 'pk_attr': 'id', 'table_description': 'What a contract says of one variant: its price, the least quantity of a purchase for stock,'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SupplierContract',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)),
                ('supplier_id', fields.UUIDField()),
                ('number', fields.CharField(max_length=64)),
                ('valid_from', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('valid_until', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('minimum', fields.BigIntField(default=0)),
                ('rebate_from', fields.BigIntField(default=0)),
                ('rebate_rate', fields.IntField(default=0)),
                ('note', fields.CharField(default='', max_length=500)),
                ('ended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('version', fields.IntField(default=1)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'supplier_contracts', 'app': 'domain', 'constraints': [UniqueConstraint(fields=('supplier_id', 'number'), name='supplier_contract_once'), CheckConstraint(check='valid_until > valid_from', name='supplier_contract_lasts'), CheckConstraint(check='minimum >= 0 AND rebate_from >= 0 AND rebate_rate BETWEEN 0 AND 10000', name='supplier_contract_within_limits')], 'pk_attr': 'id', 'table_description': 'What was agreed with a supplier for a time (mission row D9). Amounts in units of 1/10000.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Supplier',
            name='tier',
            field=fields.CharEnumField(default=SupplierTier.RESELLER, description='MAKER: maker\nFIRST_AGENT: first_agent\nRESELLER: reseller', db_default=SupplierTier.RESELLER, enum_type=SupplierTier, max_length=12),
        ),
        ops.AddConstraint(
            model_name='Supplier',
            constraint=CheckConstraint(check="tier IN ('maker', 'first_agent', 'reseller')", name='supplier_tier_known'),
        ),
    ]) + [ops.RunSQL(SQL)]
