"""Tables of the catalogue: what is shown and what is bought."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.contrib.postgres.indexes import GinIndex
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, Money, new_id

_NO_MEDIA = SqlDefault("'[]'::jsonb")
_NO_ATTRIBUTES = SqlDefault("'{}'::jsonb")
_ATTRIBUTES_RIGHT = (  # an object of lists
    "jsonb_typeof(attributes) = 'object'"
    " AND NOT jsonb_path_exists(attributes, 'strict $.* ? (@.type() != \"array\")')"
)


class DeliveryKind(StrEnum):
    """How a variant reaches its buyer (mission row A1)."""

    CARD_CODE = "CARD_CODE"
    DIRECT_TOPUP = "DIRECT_TOPUP"
    LINK = "LINK"
    MANUAL = "MANUAL"
    GIFT_CARD = "GIFT_CARD"
    BUNDLE = "BUNDLE"


# Kinds whose goods are cards of the pool: a sealed code, a link, a gift card's number.
CARD_KINDS = frozenset({DeliveryKind.CARD_CODE, DeliveryKind.LINK, DeliveryKind.GIFT_CARD})


class ListingStatus(StrEnum):
    """Where a product stands on its way to the shelf; only an approved one is shown and sold."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


class VariantStatus(StrEnum):
    """Whether a variant of an approved product is shown and sold: the operator's switch."""

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


class ProductType(Model):
    """What kind of goods a variant is, as data: how it is delivered, what its buyer fills in.

    `account_fields` are rows of `AccountField`; `category_slug` is where such goods usually stand.
    Its delivery kind stays for life, because the variants of the type carry it too.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=48, unique=True)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    delivery_kind = fields.CharEnumField(DeliveryKind, max_length=16)
    account_fields = fields.JSONField[list[dict[str, Any]]]()
    category_slug = fields.CharField(max_length=64, default="")
    preset = fields.BooleanField(default=False)  # came with the software
    version = fields.IntField(default=1)
    archived_at = fields.DatetimeField(null=True)  # no new variants from then on
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "product_types"
        constraints = (
            UniqueConstraint(fields=("id", "delivery_kind"), name="product_type_kind"),
            CheckConstraint(
                check="delivery_kind IN ('CARD_CODE', 'DIRECT_TOPUP', 'LINK', 'MANUAL',"
                " 'GIFT_CARD', 'BUNDLE')",
                name="product_type_kind_known",
            ),
            CheckConstraint(
                check="jsonb_typeof(account_fields) = 'array'", name="product_type_fields_listed"
            ),
        )


class ProductTypeVersion(Model):
    """The fields of a type as one of its versions had them; order lines name it. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    type_id: UUID
    type: fields.ForeignKeyRelation[ProductType] = fields.ForeignKeyField(
        "domain.ProductType", related_name="versions", on_delete=fields.RESTRICT
    )
    version = fields.IntField()
    account_fields = fields.JSONField[list[dict[str, Any]]]()
    saved_by = fields.UUIDField(null=True)  # None: the system itself
    saved_at = fields.DatetimeField()

    class Meta:
        table = "product_type_versions"
        unique_together = (("type_id", "version"),)


class Brand(Model):
    """Whose goods they are. `name` is what products carry; the others are shown beside it.

    Where `needs_authorisation` says so, nothing of the brand is sold without a document in force
    (mission row A8).
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    slug = fields.CharField(max_length=96, unique=True)
    name = fields.CharField(max_length=64, unique=True)
    name_zh = fields.CharField(max_length=64, default="")
    name_en = fields.CharField(max_length=64, default="")
    logo_url = fields.CharField(max_length=500, default="")
    needs_authorisation = fields.BooleanField(default=False)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "brands"
        constraints = (UniqueConstraint(fields=("id", "name"), name="brand_id_name"),)


class BrandAuthorisation(Model):
    """A document by which a brand lets us, or one of our suppliers, sell. Never changed but ended.

    `region` is empty where it holds everywhere; `document_digest` is the SHA-256 of the file.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    brand_id: UUID
    brand: fields.ForeignKeyRelation[Brand] = fields.ForeignKeyField(
        "domain.Brand", related_name="authorisations", on_delete=fields.RESTRICT
    )
    supplier_id = fields.UUIDField(null=True)  # None: it holds wherever the goods come from
    reference = fields.CharField(max_length=128)
    document_url = fields.CharField(max_length=500, default="")
    document_digest = fields.CharField(max_length=64, default="")
    region = fields.CharField(max_length=16, default="")
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField()
    granted_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    revoked_by = fields.UUIDField(null=True)
    revoke_reason = fields.CharField(max_length=500, default="")
    expiry_told_at = fields.DatetimeField(null=True)

    class Meta:
        table = "brand_authorisations"
        indexes = (("brand_id", "valid_until"),)
        constraints = (
            CheckConstraint(check="valid_until > valid_from", name="authorisation_lasts"),
            CheckConstraint(check="reference <> ''", name="authorisation_document_named"),
            CheckConstraint(
                check="revoked_at IS NULL OR revoke_reason <> ''", name="authorisation_end_told"
            ),
        )


class AttributeKind(StrEnum):
    """What the values of an attribute are."""

    TEXT = "text"
    NUMBER = "number"  # whole numbers; the unit is chosen so that they are
    BOOLEAN = "boolean"


class Attribute(Model):
    """A property that describes goods, such as platform or duration; `key` names it for ever.

    Products and variants carry values by its key: `{"platform": ["Steam"], "days": [30]}`.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    key = fields.CharField(max_length=32, unique=True)
    kind = fields.CharEnumField(AttributeKind, max_length=16)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    unit = fields.CharField(max_length=16, default="")
    facetable = fields.BooleanField(default=False)
    position = fields.IntField(default=0)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "attributes"
        constraints = (
            CheckConstraint(
                check="kind IN ('text', 'number', 'boolean')", name="attribute_kind_known"
            ),
            CheckConstraint(check="key ~ '^[a-z][a-z0-9_]*$'", name="attribute_key_plain"),
        )


class Translation(Model):
    """A product, variant or category in a language beyond the two that its row speaks."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    entity = fields.CharField(max_length=16)
    entity_id = fields.UUIDField()
    language = fields.CharField(max_length=2)
    name = fields.CharField(max_length=128)
    description = fields.TextField(default="")

    class Meta:
        table = "translations"
        unique_together = (("entity_id", "language"),)
        constraints = (
            CheckConstraint(
                check="entity IN ('product', 'variant', 'category')",
                name="translation_entity_known",
            ),
            CheckConstraint(
                check="language ~ '^[a-z]{2}$' AND language NOT IN ('en', 'zh')",
                name="translation_language",
            ),
        )


class Product(Model):
    """What is shown; its variants are what is bought.

    `brand` is its brand's name; the database finds, or makes, the brand by it and keeps both equal.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    slug = fields.CharField(max_length=96, unique=True)
    category_id: UUID
    category: fields.ForeignKeyRelation[Category] = fields.ForeignKeyField(
        "domain.Category", on_delete=fields.RESTRICT
    )
    brand = fields.CharField(max_length=64, default="")
    brand_id = fields.UUIDField(null=True)
    region = fields.CharField(max_length=16, default="")
    name_zh = fields.CharField(max_length=128)
    name_en = fields.CharField(max_length=128)
    description_zh = fields.TextField(default="")
    description_en = fields.TextField(default="")
    tags = ArrayField(element_type="text", default=list)
    status = fields.CharEnumField(ListingStatus, max_length=16)
    reviewed_at = fields.DatetimeField(null=True)  # the last decision: when, by whom, and why
    reviewed_by = fields.UUIDField(null=True)
    review_reason = fields.CharField(max_length=500, default="")
    # Where and when it is sold: regions by their codes, empty for all, and a window of time.
    only_regions = ArrayField(element_type="text", default=list, db_default=[])
    except_regions = ArrayField(element_type="text", default=list, db_default=[])
    on_sale_from = fields.DatetimeField(null=True)
    on_sale_until = fields.DatetimeField(null=True)
    media = fields.JSONField[list[dict[str, Any]]](default=list, db_default=_NO_MEDIA)
    attributes = fields.JSONField[dict[str, Any]](default=dict, db_default=_NO_ATTRIBUTES)
    sold_lately = fields.IntField(default=0, db_default=0)  # pieces; counted anew at intervals
    position = fields.IntField(default=0)
    search_terms = ArrayField(element_type="text", default=list)
    search_more = ArrayField(element_type="text", default=list, db_default=[])  # of translations
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "products"
        indexes = (
            ("status", "position", "id"),
            GinIndex(fields=("search_terms",), name="product_search"),
            GinIndex(fields=("search_more",), name="product_search_more"),
        )
        constraints = (
            CheckConstraint(
                check="status IN ('draft', 'submitted', 'approved', 'rejected', 'suspended')",
                name="product_status_known",
            ),
            CheckConstraint(
                check="status NOT IN ('approved', 'rejected') OR reviewed_at IS NOT NULL",
                name="product_review_told",
            ),
            CheckConstraint(check="on_sale_until > on_sale_from", name="product_window_open"),
            CheckConstraint(check="jsonb_typeof(media) = 'array'", name="product_media_listed"),
            CheckConstraint(check=_ATTRIBUTES_RIGHT, name="product_attributes_listed"),
            CheckConstraint(check="sold_lately >= 0", name="product_sold_not_negative"),
            CheckConstraint(check="(brand = '') = (brand_id IS NULL)", name="product_brand_whole"),
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
    type_id = fields.UUIDField()
    delivery_kind = fields.CharEnumField(DeliveryKind, max_length=16)  # the kind of its type
    face_units = fields.BigIntField(null=True)
    face_currency = fields.CharField(max_length=3, null=True)
    min_quantity = fields.IntField(default=1)
    max_quantity = fields.IntField(default=100)
    sold_below_cost = fields.BooleanField(default=False)  # an operator's audited permission
    on_sale_from = fields.DatetimeField(null=True)
    on_sale_until = fields.DatetimeField(null=True)
    valid_days_after_sale = fields.IntField(null=True)  # a card sold today is good for so long
    attributes = fields.JSONField[dict[str, Any]](default=dict, db_default=_NO_ATTRIBUTES)
    status = fields.CharEnumField(VariantStatus, max_length=16)
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
        indexes = (("product_id", "position"),)
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
            CheckConstraint(check="on_sale_until > on_sale_from", name="variant_window_open"),
            CheckConstraint(check=_ATTRIBUTES_RIGHT, name="variant_attributes_listed"),
            CheckConstraint(
                check="valid_days_after_sale BETWEEN 1 AND 3650", name="variant_valid_days"
            ),
        )


class WithheldVariant(Model):
    """A variant that the house itself keeps off the shelf of a site, or of all, and why: a key of
    the texts. The operator's switch stays as it is, so that giving it back restores what was."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    site_id: UUID | None = fields.UUIDField(null=True)
    reason = fields.CharField(max_length=32)
    since = fields.DatetimeField()

    class Meta:
        table = "withheld_variants"


class WhenOut(StrEnum):
    """What becomes of a bundle's sale when its gift cannot be delivered."""

    SKIP = "skip"  # sold without the gift
    REFUSE = "refuse"


class BundleComponent(Model):
    """A part of a bundle: so many pieces of a variant, and its share of the price.

    The shares of a bundle sum to 10000; they are what is given back when a part cannot be
    delivered. A gift has no share, and comes with `gift_from` bundles in one order or more.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    bundle_id = fields.UUIDField()
    position = fields.SmallIntField()
    variant_id = fields.UUIDField(db_index=True)
    quantity = fields.IntField()
    share = fields.IntField()
    gift_from = fields.IntField(null=True)
    when_out = fields.CharEnumField(WhenOut, max_length=8, null=True)

    class Meta:
        table = "bundle_components"
        constraints = (
            UniqueConstraint(fields=("bundle_id", "position"), name="bundle_component_place"),
            CheckConstraint(
                check="quantity BETWEEN 1 AND 100 AND position BETWEEN 1 AND 10",
                name="bundle_component_range",
            ),
            CheckConstraint(
                check="(gift_from IS NULL) = (when_out IS NULL)"
                " AND (gift_from IS NULL) = (share > 0)"
                " AND share BETWEEN 0 AND 10000 AND gift_from > 0",
                name="bundle_component_paid_or_given",
            ),
        )


class AssortmentRule(Model):
    """What a site's own selection says of one product, or of a category with all below it.

    A rule of the product comes before that of its nearest category, and both before the site's
    default (mission row A11).
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    site_id = fields.UUIDField()
    included = fields.BooleanField()
    product_id: UUID | None
    product: fields.ForeignKeyNullableRelation[Product] = fields.ForeignKeyField(
        "domain.Product", null=True, on_delete=fields.RESTRICT
    )
    category_id: UUID | None
    category: fields.ForeignKeyNullableRelation[Category] = fields.ForeignKeyField(
        "domain.Category", null=True, on_delete=fields.RESTRICT
    )

    class Meta:
        table = "assortment_rules"
        unique_together = (("site_id", "product"), ("site_id", "category"))
        constraints = (
            CheckConstraint(
                check="(product_id IS NULL) <> (category_id IS NULL)", name="rule_of_one_thing"
            ),
        )


class ListingReview(Model):
    """One move of a listing: who decided it, when and why. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    product_id: UUID
    product: fields.ForeignKeyRelation[Product] = fields.ForeignKeyField(
        "domain.Product", related_name="reviews", on_delete=fields.RESTRICT
    )
    product_version = fields.IntField()
    from_status = fields.CharEnumField(ListingStatus, max_length=16)
    to_status = fields.CharEnumField(ListingStatus, max_length=16)
    reviewer_id = fields.UUIDField(null=True)  # None: the system itself
    reason = fields.CharField(max_length=500, default="")
    at = fields.DatetimeField()

    class Meta:
        table = "listing_reviews"
        unique_together = (("product_id", "product_version"),)


class ListingBan(Model):
    """A word, or a category with all below it, that nobody may publish.

    `folded` is the word as it is looked for: see the SQL function of that name.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    word = fields.CharField(max_length=64, null=True)
    folded = fields.CharField(max_length=256, null=True, unique=True)
    category_id: UUID | None
    category: fields.OneToOneNullableRelation[Category] = fields.OneToOneField(
        "domain.Category", null=True, on_delete=fields.RESTRICT
    )
    reason = fields.CharField(max_length=500)
    created_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "listing_bans"
        constraints = (
            CheckConstraint(
                check="(word IS NULL) <> (category_id IS NULL)", name="ban_of_one_thing"
            ),
            CheckConstraint(
                check="(word IS NULL) = (folded IS NULL) AND folded <> ''", name="ban_word_folded"
            ),
        )
