"""Product types and their fields, as buyers and the back office see them."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import catalog
from domain.catalog import DeliveryKind, FieldKind
from domain.kernel import Prefix
from resolvers import product_types as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="One choice of a select, in the language asked for.")
@presents(resolvers.ShownOption)
class AccountFieldOption:
    value: str = field(description="What is sent.")
    label: str
    when: list[str] = field(
        description="Values of `dependsOn` with which it is there; empty: always."
    )


@strawberry.type(description="One thing that the buyer fills in, in the language asked for.")
@presents(resolvers.ShownField)
class AccountField:
    key: str = field(description="Send it back with the value in `account`.")
    kind: FieldKind
    label: str
    help: str
    required: bool
    min_length: int | None
    max_length: int | None
    min_value: Decimal | None
    max_value: Decimal | None
    scale: int = field(description="Digits after the point of a NUMBER.")
    pattern: str | None = field(description="A regular expression that the whole value matches.")
    region: str | None = field(description="A PHONE is of this country.")
    depends_on: str | None = field(description="Key of the select that decides about `options`.")
    options: list[AccountFieldOption]


@strawberry.type(description="One choice of a select with its texts in both languages.")
@presents(catalog.FieldOption)
class FieldOptionFile:
    value: str
    label_zh: str
    label_en: str
    when: list[str] = field(resolvers.when_of_option)


@strawberry.type(description="A field with its texts in both languages.")
@presents(catalog.AccountField)
class AccountFieldFile:
    key: str
    kind: FieldKind
    label_zh: str
    label_en: str
    required: bool
    help_zh: str
    help_en: str
    min_length: int | None
    max_length: int | None
    min_value: Decimal | None
    max_value: Decimal | None
    scale: int
    pattern: str
    region: str
    depends_on: str
    options: list[FieldOptionFile] = field(resolvers.options_of_field)


@strawberry.type(description="What kind of goods: how they are delivered, what the buyer fills in.")
@presents(catalog.ProductType)
class ProductType:
    id: strawberry.ID = id_field(Prefix.PRODUCT_TYPE)
    code: str
    name_zh: str
    name_en: str
    delivery_kind: DeliveryKind
    account_fields: list[AccountFieldFile] = field(resolvers.account_fields_of_type, size=3)
    category_slug: str = field(description="Where such goods usually stand.")
    preset: bool = field(description="It came with the software.")
    version: int = field(description="Send it back as `expectedVersion`. Order lines remember it.")
    archived_at: datetime | None = field(description="No new variants from then on.")


@strawberry.type
class ProductTypeSavePayload:
    product_type: ProductType | None
    user_errors: list[UserError]


@strawberry.type
class ProductTypesAdminQuery:
    product_types: Connection[ProductType] = field(
        resolvers.product_types,
        permissions=[Scope("products:read")],
        description="By code; without the archived ones unless asked for.",
    )


@strawberry.type
class ProductTypesAdminMutation:
    product_type_save: ProductTypeSavePayload = mutation(
        resolvers.product_type_save,
        payload=ProductTypeSavePayload,
        entity="product_type",
        permissions=[Scope("products:write")],
        description="Create a product type, or replace the one of this id; code and delivery kind"
        " stay. Without `listings:review`, approved products of which buyers would see the change"
        " go back to review.",
    )
