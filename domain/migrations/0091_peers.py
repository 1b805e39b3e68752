"""What partners were told of goods; what suppliers said of theirs, until they were asked."""

from tortoise import fields, migrations
from tortoise.fields.db_defaults import SqlDefault
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.catalog import StockLevel
from domain.kernel.ids import new_id
from domain.kernel.migrating import with_constraints
from domain.suppliers import Pushes

LEVEL = "\n".join(f"{each.name}: {each.value}" for each in StockLevel)
PUSHES = "\n".join(f"{each.name}: {each.value}" for each in Pushes)
SQL = """
ALTER TABLE webhook_endpoints ADD CONSTRAINT endpoint_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE peer_rounds ADD CONSTRAINT peer_round_of_a_user
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE peer_rounds ADD CONSTRAINT peer_round_of_a_site
    FOREIGN KEY (site_id) REFERENCES sites (id);
ALTER TABLE told_goods ADD CONSTRAINT told_goods_of_a_round
    FOREIGN KEY (round_id) REFERENCES peer_rounds (id) ON DELETE CASCADE;
ALTER TABLE told_items ADD CONSTRAINT told_item_of_a_supplier
    FOREIGN KEY (supplier_id) REFERENCES suppliers (id);
"""


def _moment(*, null: bool = False) -> fields.Field:  # type: ignore[type-arg]
    return fields.DatetimeField(null=null, auto_now=False, auto_now_add=False)


def _id() -> fields.Field:  # type: ignore[type-arg]
    return fields.UUIDField(primary_key=True, default=new_id, unique=True, db_index=True)


class Migration(migrations.Migration):
    """Three tables, four columns."""

    dependencies = [("domain", "0090_promo_library")]

    initial = False

    operations = [
        *with_constraints(
            [
                ops.CreateModel(
                    name="PeerRound",
                    fields=[
                        ("id", _id()),
                        ("user_id", fields.UUIDField()),
                        ("site_id", fields.UUIDField()),
                        ("cursor", fields.CharField(default="", max_length=64)),
                        ("pushes", fields.IntField(default=0)),
                        ("looked_at", _moment()),
                    ],
                    options={
                        "table": "peer_rounds",
                        "app": "domain",
                        "constraints": [
                            UniqueConstraint(fields=("user_id", "site_id"), name="peer_round_once"),
                            CheckConstraint(
                                check="pushes >= 0", name="peer_round_counts_up"
                            ),
                        ],
                        "pk_attr": "id",
                        "table_description": "How far the goods of a site were looked at for one"
                        " partner.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="ToldGoods",
                    fields=[
                        ("id", _id()),
                        ("round_id", fields.UUIDField()),
                        ("sku", fields.CharField(max_length=64)),
                        ("amount", fields.BigIntField(null=True)),
                        ("currency", fields.CharField(max_length=3)),
                        (
                            "level",
                            fields.CharEnumField(
                                description=LEVEL, enum_type=StockLevel, max_length=8
                            ),
                        ),
                    ],
                    options={
                        "table": "told_goods",
                        "app": "domain",
                        "constraints": [
                            UniqueConstraint(fields=("round_id", "sku"), name="told_goods_once")
                        ],
                        "pk_attr": "id",
                        "table_description": "What a partner was told of one variant last."
                        " Amounts in units.",
                    },
                    bases=["Model"],
                ),
                ops.CreateModel(
                    name="ToldItem",
                    fields=[
                        ("id", _id()),
                        ("supplier_id", fields.UUIDField()),
                        ("item", fields.CharField(max_length=96)),
                        ("told_at", _moment()),
                        ("due_at", _moment()),
                        ("tries", fields.SmallIntField(default=0)),
                    ],
                    options={
                        "table": "told_items",
                        "app": "domain",
                        "constraints": [
                            UniqueConstraint(fields=("supplier_id", "item"), name="told_item_once")
                        ],
                        "indexes": [Index(fields=["due_at"])],
                        "pk_attr": "id",
                        "table_description": "An item of which its supplier said that it changed,"
                        " until the supplier was asked for it.",
                    },
                    bases=["Model"],
                ),
            ]
        ),
        ops.AddField(
            model_name="WebhookEndpoint", name="site_id", field=fields.UUIDField(null=True)
        ),
        ops.AddField(
            model_name="SyncPolicy",
            name="pushes",
            field=fields.CharEnumField(
                default=Pushes.UNKNOWN,
                db_default="unknown",
                description=PUSHES,
                enum_type=Pushes,
                max_length=8,
            ),
        ),
        ops.AddField(model_name="SyncPolicy", name="pushed_at", field=_moment(null=True)),
        ops.AddField(
            model_name="SupplierItem",
            name="read_at",
            field=fields.DatetimeField(
                db_default=SqlDefault("now()"), auto_now=False, auto_now_add=False
            ),
        ),
        ops.RunSQL(SQL),
    ]
