"""How product types and the fields that buyers fill in are answered."""

from dataclasses import dataclass
from decimal import Decimal

import strawberry
from strawberry import Parent

from domain import catalog
from domain.catalog import AccountField, FieldKind, FieldOption
from domain.kernel import Page, Prefix, decode_id, page_request
from resolvers.batches import there
from resolvers.context import Info


@dataclass(frozen=True, slots=True)
class ShownOption:
    """A choice in one language."""

    value: str
    label: str
    when: list[str]


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field in one language."""

    key: str
    kind: FieldKind
    label: str
    help: str
    required: bool
    min_length: int | None
    max_length: int | None
    min_value: Decimal | None
    max_value: Decimal | None
    scale: int
    pattern: str | None
    region: str | None
    depends_on: str | None
    options: list[ShownOption]


async def account_fields_of_variant(
    variant: Parent[catalog.ShownVariant], info: Info
) -> list[ShownField]:
    """What its buyer must fill in, in the language asked for."""
    found = there(await info.context.loaders.product_types.load(variant.type_id))
    chinese = info.context.language == "zh"
    return [_shown(each, chinese) for each in catalog.from_rows(found.account_fields)]


def account_fields_of_type(type: Parent[catalog.ProductType]) -> list[AccountField]:
    """The fields with their texts in both languages (back office)."""
    return list(catalog.from_rows(type.account_fields))


def options_of_field(field: Parent[AccountField]) -> list[FieldOption]:
    """The choices of a select."""
    return list(field.options)


def when_of_option(option: Parent[FieldOption]) -> list[str]:
    """The values of the other field with which this choice is there."""
    return list(option.when)


async def product_types(
    info: Info, first: int | None = None, after: str | None = None, archived: bool = False
) -> Page[catalog.ProductType]:
    """All product types by code (back office)."""
    return await catalog.list_types(page_request("productTypes", first, after), archived=archived)


async def type_of_variant(variant: Parent[catalog.Variant], info: Info) -> catalog.ProductType:
    """What kind of goods a variant is (back office)."""
    return there(await info.context.loaders.product_types.load(variant.type_id))


@strawberry.input(description="One choice of a select.")
class FieldOptionInput:
    value: str
    label_zh: str
    label_en: str
    when: list[str] | None = strawberry.field(
        default=None, description="Values of `dependsOn` with which it is there; null: always."
    )


@strawberry.input(description="One thing that the buyer fills in.")
class AccountFieldInput:
    key: str
    kind: FieldKind
    label_zh: str
    label_en: str
    required: bool = True
    help_zh: str = ""
    help_en: str = ""
    min_length: int | None = None
    max_length: int | None = None
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    scale: int = strawberry.field(default=0, description="Digits after the point of a NUMBER.")
    pattern: str = strawberry.field(
        default="", description="The whole value must match; see docs/product-types.md."
    )
    region: str = strawberry.field(default="", description="PHONE of this country only: CN.")
    depends_on: str = strawberry.field(default="", description="Key of an earlier SELECT.")
    options: list[FieldOptionInput] | None = None


async def product_type_save(
    info: Info,
    code: str,
    name_zh: str,
    name_en: str,
    delivery_kind: catalog.DeliveryKind,
    account_fields: list[AccountFieldInput] | None = None,
    category_slug: str = "",
    archived: bool = False,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
) -> catalog.ProductType:
    """Create a product type, or replace the one of this id (back office)."""
    draft = catalog.ProductTypeDraft(
        code=code,
        name_zh=name_zh,
        name_en=name_en,
        delivery_kind=delivery_kind,
        account_fields=tuple(_field_of(each) for each in account_fields or ()),
        category_slug=category_slug,
        archived=archived,
    )
    type_id = None if id is None else decode_id(Prefix.PRODUCT_TYPE, id)
    return await catalog.save_type(
        info.context.actor, draft, type_id=type_id, expected_version=expected_version
    )


def _field_of(given: AccountFieldInput) -> AccountField:
    options = tuple(
        FieldOption(each.value, each.label_zh, each.label_en, tuple(each.when or ()))
        for each in given.options or ()
    )
    values = {**vars(given), "options": options}
    return AccountField(**values)


def _shown(each: AccountField, chinese: bool) -> ShownField:
    options = [
        ShownOption(o.value, o.label_zh if chinese else o.label_en, list(o.when))
        for o in each.options
    ]
    return ShownField(
        key=each.key,
        kind=each.kind,
        label=each.label_zh if chinese else each.label_en,
        help=each.help_zh if chinese else each.help_en,
        required=each.required,
        min_length=each.min_length,
        max_length=each.max_length,
        min_value=each.min_value,
        max_value=each.max_value,
        scale=each.scale,
        pattern=each.pattern or None,
        region=each.region or None,
        depends_on=each.depends_on or None,
        options=options,
    )
