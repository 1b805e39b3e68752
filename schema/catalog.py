"""The catalogue as shoppers, partners and the back office see it."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import catalog, peers, pricing
from domain.agents import Tier
from domain.catalog import DeliveryKind, ListingStatus, StockLevel, VariantStatus, WhenOut
from domain.kernel import Prefix
from resolvers import brands as brand_resolvers
from resolvers import bundles, details, review
from resolvers import catalog as resolvers
from resolvers import prices as price_resolvers
from resolvers import product_types as types
from resolvers import ratings as rating_resolvers
from resolvers.permissions import Scope
from schema.brands import Brand
from schema.details import Media, MediaFile, ProductAttribute, Translation
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.product_types import AccountField, ProductType
from schema.ratings import ProductRating
from schema.scalars import Money, id_field


@strawberry.type(description="A shelf.")
@presents(catalog.ShownCategory)
class Category:
    id: strawberry.ID = id_field(Prefix.CATEGORY)
    slug: str
    name: str = field(description="In the language asked for.")
    children: list["Category"]


@strawberry.type(description="What is shown; its variants are what is bought.")
@presents(catalog.ShownProduct)
class Product:
    id: strawberry.ID = id_field(Prefix.PRODUCT)
    slug: str
    name: str = field(description="In the language asked for.")
    description: str
    brand: str = field(description="Its name as the goods carry it; empty: no brand.")
    brand_details: Brand | None = field(brand_resolvers.brand_of)
    region: str = field(description="Where the goods are good.")
    tags: list[str]
    on_sale_from: datetime | None = field(description="Not sold before.")
    on_sale_until: datetime | None = field(description="Not sold from then on.")
    media: list[Media] = field(description="Pictures and other assets; the first is its face.")
    attributes: list[ProductAttribute] = field(details.attributes_of_product)
    rating: ProductRating = field(rating_resolvers.rating_of_product)
    category: Category = field(resolvers.category_of)
    variants: list["Variant"] = field(resolvers.variants_of)


@strawberry.type(description="What is bought; `sku` is its code.")
@presents(catalog.ShownVariant)
class Variant:
    id: strawberry.ID = id_field(Prefix.VARIANT)
    sku: str
    name: str = field(description="In the language asked for.")
    delivery_kind: DeliveryKind
    face_value: Money | None = field(description="What is printed on the card.")
    account_fields: list[AccountField] = field(
        types.account_fields_of_variant, size=2, description="What the buyer must fill in."
    )
    price: Money | None = field(
        resolvers.price,
        description="For the caller's price grade, in the site's currency; null: not for sale.",
    )
    compare_at_price: Money | None = field(resolvers.compare_at_price)
    stock_level: StockLevel = field(resolvers.stock_level)
    min_quantity: int
    max_quantity: int
    on_sale_from: datetime | None = field(description="Not sold before.")
    on_sale_until: datetime | None = field(description="Not sold from then on.")
    valid_days_after_sale: int | None = field(
        description="For how many days a card is good from its sale on."
    )
    attributes: list[ProductAttribute] = field(details.attributes_of_variant)
    choosable: bool = field(
        resolvers.choosable, description="A buyer may choose the very card: see `choosableCards`."
    )
    product: Product = field(resolvers.product_of)
    parts: list["BundlePart"] = field(
        bundles.parts_of, size=3, description="What a bundle holds; empty for every other variant."
    )


@strawberry.type(description="A part of a bundle: it is delivered, and refunded, by itself.")
@presents(catalog.BundlePart)
class BundlePart:
    position: int = field(description="Fields to fill in may name it: `2.phone`.")
    variant: Variant = field(bundles.variant_of_part)
    quantity: int = field(description="Pieces in one bundle.")
    share: Decimal = field(
        bundles.share, description="Of the price: what is refunded when it cannot be delivered."
    )
    gift: bool = field(bundles.gift, description="Comes for nothing.")
    gift_from: int | None = field(description="With so many bundles in one order, or more.")
    when_out: WhenOut | None = field(description="What happens when the gift is out.")


@strawberry.type
class CatalogQuery:
    categories: list[Category] = field(
        resolvers.categories, description="The roots of the tree of shelves."
    )
    product: Product | None = field(resolvers.product, description="By `id` or by `slug`.")
    products: Connection[Product] = field(
        resolvers.products,
        description="What is for sale. `query` finds names, their beginnings and pinyin; `category`"
        " includes the shelves below it. A cursor belongs to the `sort` it came with.",
    )


@strawberry.type(description="A variant as a partner buys it, at the partner's own price.")
@presents(catalog.ShownVariant)
class PartnerVariant:
    sku: str
    name: str
    delivery_kind: DeliveryKind
    face_value: Money | None
    account_fields: list[AccountField] = field(
        types.account_fields_of_variant, size=2, description="What the buyer must fill in."
    )
    price: Money | None = field(resolvers.price)
    stock_level: StockLevel = field(resolvers.stock_level)
    min_quantity: int
    max_quantity: int
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    valid_days_after_sale: int | None


@strawberry.type(description="How a partner is told what changes of what it may buy.")
@presents(peers.CatalogPush)
class CatalogPush:
    active: bool = field(description="An endpoint of the caller's hears of it.")
    event: str = field(description="What to make a webhook endpoint for.")
    most_items: int = field(description="In one message.")


@strawberry.type
class CatalogPartnerQuery:
    catalog: Connection[PartnerVariant] = field(
        resolvers.catalog_of_partner,
        permissions=[Scope("catalog:read")],
        description="Every variant on sale, by sku; of `skus` only, at most 100, where given.",
    )
    catalog_push: CatalogPush = field(
        resolvers.catalog_push,
        permissions=[Scope("catalog:read")],
        description="How changes of price and stock are told, so that the list need not be read"
        " all the time.",
    )
    catalog_item: PartnerVariant | None = field(
        resolvers.catalog_item_of_partner,
        permissions=[Scope("catalog:read")],
        description="One variant on sale; null when there is none of this sku.",
    )


@strawberry.type(description="The price of one unit for one tier.")
@presents(pricing.TierPrice)
class TierPrice:
    tier: Tier
    amount: Money = field(resolvers.tier_amount)
    compare_at: Money | None = field(resolvers.tier_compare_at)


@strawberry.type(description="The price of one unit for one tier, on one price list.")
@presents(pricing.ListedPrice)
class ListedPrice:
    list_code: str
    tier: Tier
    price: Money
    compare_at: Money | None


@strawberry.type(description="A variant with all that an operator edits.")
@presents(catalog.Variant)
class VariantFile:
    id: strawberry.ID = id_field(Prefix.VARIANT)
    sku: str
    name_zh: str
    name_en: str
    product_type: ProductType = field(types.type_of_variant)
    delivery_kind: DeliveryKind
    face_value: Money | None
    min_quantity: int
    max_quantity: int
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    valid_days_after_sale: int | None
    position: int
    status: VariantStatus
    version: int = field(description="Send it back as `expectedVersion`.")
    attributes: list[ProductAttribute] = field(details.attributes_of_variant_file)
    translations: list[Translation] = field(details.translations_of_variant)
    prices: list[TierPrice] = field(
        resolvers.prices_of, description="On the base list of the shop's own currency."
    )
    listed_prices: list[ListedPrice] = field(price_resolvers.listed_prices_of, size=10)
    parts: list[BundlePart] = field(bundles.parts_of, description="What a bundle holds.")


@strawberry.type(description="One move of a listing.")
@presents(catalog.ListingReview)
class ListingReview:
    id: strawberry.ID = id_field(Prefix.LISTING_REVIEW)
    from_status: ListingStatus
    to_status: ListingStatus
    reviewer_id: strawberry.ID | None = field(
        review.reviewer_id, description="Null: the system itself."
    )
    reason: str
    at: datetime


@strawberry.type(description="A product with all that an operator edits.")
@presents(catalog.Product)
class ProductFile:
    id: strawberry.ID = id_field(Prefix.PRODUCT)
    category_id: strawberry.ID = id_field(Prefix.CATEGORY, "category_id")
    slug: str
    name_zh: str
    name_en: str
    description_zh: str
    description_en: str
    brand: str
    region: str
    tags: list[str]
    only_regions: list[str] = field(description="Sold at sites of these regions only.")
    except_regions: list[str] = field(description="Not sold at sites of these regions.")
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    position: int
    status: ListingStatus
    reviewed_at: datetime | None = field(description="When it was last decided on.")
    review_reason: str = field(description="Why it was decided so.")
    version: int = field(description="Send it back as `expectedVersion`.")
    media: list[MediaFile] = field(details.media_of_product_file)
    attributes: list[ProductAttribute] = field(details.attributes_of_product_file)
    translations: list[Translation] = field(details.translations_of_product)
    variants: list[VariantFile] = field(resolvers.variant_files_of)
    reviews: list[ListingReview] = field(review.reviews_of)


@strawberry.type(description="A shelf as an operator edits it.")
@presents(catalog.Category)
class CategoryFile:
    id: strawberry.ID = id_field(Prefix.CATEGORY)
    slug: str
    name_zh: str
    name_en: str
    position: int


@strawberry.type
class CategorySavePayload:
    category: CategoryFile | None
    user_errors: list[UserError]


@strawberry.type
class ProductSavePayload:
    product: ProductFile | None
    user_errors: list[UserError]


@strawberry.type
class VariantSavePayload:
    variant: VariantFile | None
    user_errors: list[UserError]


@strawberry.type
class PricesSetPayload:
    prices: list[TierPrice] | None = field(
        description="All prices of the variant, dearest tier first."
    )
    user_errors: list[UserError]


@strawberry.type
class CatalogAdminQuery:
    product_files: Connection[ProductFile] = field(
        resolvers.product_files,
        permissions=[Scope("products:read")],
        description="All products, or those that stand at `status`, oldest first.",
    )


@strawberry.type
class CatalogAdminMutation:
    category_save: CategorySavePayload = mutation(
        resolvers.category_save,
        payload=CategorySavePayload,
        entity="category",
        permissions=[Scope("products:write")],
        description="Make a shelf, or change the one of this id. What comes below a banned one is"
        " suspended.",
    )
    product_save: ProductSavePayload = mutation(
        resolvers.product_save,
        payload=ProductSavePayload,
        entity="product",
        permissions=[Scope("products:write")],
        description="Create a product as a draft, or replace the one of this id. An approved one of"
        " which buyers would see the change goes back to review.",
    )
    variant_save: VariantSavePayload = mutation(
        resolvers.variant_save,
        payload=VariantSavePayload,
        entity="variant",
        permissions=[Scope("products:write")],
        description="Create a variant, or replace the one of this id: of the type of `typeCode`, or"
        " of the plain type of `deliveryKind`. An approved product of which"
        " buyers would see the change goes back to review.",
    )
    bundle_save: VariantSavePayload = mutation(
        bundles.bundle_save,
        payload=VariantSavePayload,
        entity="variant",
        permissions=[Scope("products:write")],
        description="Say what the bundle `sku` holds, in place of what it held. Other parts are"
        " reviewed again; orders keep what they bought.",
    )
    prices_set: PricesSetPayload = mutation(
        resolvers.prices_set,
        payload=PricesSetPayload,
        entity="prices",
        permissions=[Scope("prices:write")],
        description="Set prices of a variant for some tiers, on the price list of `listCode` or on"
        " the base list; the other tiers keep theirs.",
    )


@strawberry.type(description="A word, or a category with all below it, that nobody may publish.")
@presents(catalog.ListingBan)
class ListingBan:
    id: strawberry.ID = id_field(Prefix.LISTING_BAN)
    word: str | None
    category_id: strawberry.ID | None = field(review.banned_category_id)
    reason: str
    created_at: datetime


@strawberry.type
class ListingMovePayload:
    product: ProductFile | None
    user_errors: list[UserError]


@strawberry.type
class ListingBanPayload:
    ban: ListingBan | None
    user_errors: list[UserError]


@strawberry.type
class ListingBanLiftPayload:
    ban_id: strawberry.ID | None
    user_errors: list[UserError]


@strawberry.type
class ReviewAdminQuery:
    listing_bans: Connection[ListingBan] = field(
        review.listing_bans,
        permissions=[Scope("products:read")],
        description="What nobody may publish, oldest first.",
    )


@strawberry.type
class ReviewAdminMutation:
    listing_move: ListingMovePayload = mutation(
        review.listing_move,
        payload=ListingMovePayload,
        entity="product",
        permissions=[Scope("products:read")],
        description="Submit (`products:write`), approve, reject, suspend (`listings:review`) or"
        " withdraw a product. REJECTED and SUSPENDED need a reason.",
    )
    listing_ban: ListingBanPayload = mutation(
        review.listing_ban,
        payload=ListingBanPayload,
        entity="ban",
        permissions=[Scope("listings:review")],
        description="Ban a word (looked for without regard to case, width, spaces and punctuation)"
        " or a category, and suspend what it hits.",
    )
    listing_ban_lift: ListingBanLiftPayload = mutation(
        review.listing_ban_lift,
        payload=ListingBanLiftPayload,
        permissions=[Scope("listings:review")],
        description="Take a ban back; what it suspended has to be submitted again.",
    )
