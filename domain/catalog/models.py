"""Tables of the catalogue: what is shown and what is bought."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.contrib.postgres.indexes import GinIndex
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from domain.kernel import Money, new_id


class DeliveryKind(StrEnum):
    """How a variant reaches its buyer (mission row A1)."""

    CARD_CODE = "CARD_CODE"
    DIRECT_TOPUP = "DIRECT_TOPUP"
    LINK = "LINK"
    MANUAL = "MANUAL"


class ListingStatus(StrEnum):
    """Whether a product or variant is shown and sold."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"


class Category(Model):
    """A shelf."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    slug = fields.CharField(max_length=64, unique=True)
    parent: fields.ForeignKeyNullableRelation["Category"] = fields.ForeignKeyField(
        "domain.Category", null=True, on_delete=fields.RESTRICT
    )
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    position = fields.IntField(default=0)

    class Meta:
        table = "categories"


class Product(Model):
    """What is shown; its variants are what is bought."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    slug = fields.CharField(max_length=96, unique=True)
    category_id: UUID
    category: fields.ForeignKeyRelation[Category] = fields.ForeignKeyField(
        "domain.Category", on_delete=fields.RESTRICT
    )
    brand = fields.CharField(max_length=64, default="")
    region = fields.CharField(max_length=16, default="")
    name_zh = fields.CharField(max_length=128)
    name_en = fields.CharField(max_length=128)
    description_zh = fields.TextField(default="")
    description_en = fields.TextField(default="")
    tags = ArrayField(element_type="text", default=list)
    status = fields.CharEnumField(ListingStatus, max_length=16)
    position = fields.IntField(default=0)
    search_terms = ArrayField(element_type="text", default=list)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "products"
        indexes = (
            ("status", "position", "id"),
            GinIndex(fields=("search_terms",), name="product_search"),
        )
        constraints = (
            CheckConstraint(
                check="status IN ('draft', 'active', 'suspended')",
                name="product_status_known",
            ),
        )


class Variant(Model):
    """What is bought. `sku` is its code. Face value in units of 1/10000 of `face_currency`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    product_id: UUID
    product: fields.ForeignKeyRelation[Product] = fields.ForeignKeyField(
        "domain.Product", related_name="variants", on_delete=fields.RESTRICT
    )
    sku = fields.CharField(max_length=64, unique=True)
    name_zh = fields.CharField(max_length=96)
    name_en = fields.CharField(max_length=96)
    delivery_kind = fields.CharEnumField(DeliveryKind, max_length=16)
    face_units = fields.BigIntField(null=True)
    face_currency = fields.CharField(max_length=3, null=True)
    min_quantity = fields.IntField(default=1)
    max_quantity = fields.IntField(default=100)
    sold_below_cost = fields.BooleanField(default=False)  # an operator's audited permission
    status = fields.CharEnumField(ListingStatus, max_length=16)
    position = fields.IntField(default=0)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    @property
    def face_value(self) -> Money | None:
        """What is printed on the card, if anything."""
        if self.face_units is None or self.face_currency is None:
            return None
        return Money(self.face_units, self.face_currency)

    class Meta:
        table = "variants"
        constraints = (
            CheckConstraint(
                check="status IN ('draft', 'active', 'suspended')",
                name="variant_status_known",
            ),
            CheckConstraint(
                check="min_quantity >= 1 AND max_quantity >= min_quantity",
                name="variant_quantity_range",
            ),
            CheckConstraint(
                check="(face_units IS NULL) = (face_currency IS NULL)",
                name="variant_face_value_whole",
            ),
        )
