"""How the parts of bundles are answered."""

from decimal import Decimal

import strawberry
from strawberry import Parent

from domain import catalog
from domain.catalog import DeliveryKind, WhenOut
from domain.kernel import parse_units
from resolvers.batches import there
from resolvers.context import Info


@strawberry.input(description="One part of a bundle: so many pieces of a variant.")
class BundlePartInput:
    sku: str
    quantity: int = 1
    share: Decimal = strawberry.field(
        default=Decimal(0),
        description="Of the price, up to four decimal places; all together 1. None for a gift.",
    )
    gift_from: int | None = strawberry.field(
        default=None, description="Makes it a gift: it comes with so many bundles in one order."
    )
    when_out: WhenOut | None = strawberry.field(
        default=None, description="Of a gift: what happens when it cannot be delivered."
    )


async def parts_of(
    variant: Parent[catalog.ShownVariant | catalog.Variant], info: Info
) -> list[catalog.BundlePart]:
    """What a bundle holds; nothing for every other variant."""
    if variant.delivery_kind is not DeliveryKind.BUNDLE:
        return []
    return await info.context.loaders.bundle_parts.load(variant.id)


async def variant_of_part(part: Parent[catalog.BundlePart], info: Info) -> catalog.ShownVariant:
    """What the part is."""
    return there(await info.context.loaders.variants.load(part.variant_id))


def share(part: Parent[catalog.BundlePart]) -> Decimal:
    """Its share of the bundle's price."""
    return Decimal(part.share) / 10_000


def gift(part: Parent[catalog.BundlePart]) -> bool:
    """Whether nothing is paid for it."""
    return part.is_gift


async def bundle_save(
    info: Info, sku: str, parts: list[BundlePartInput], expected_version: int | None = None
) -> catalog.Variant:
    """Say what a bundle holds (back office)."""
    drafts = [
        catalog.PartDraft(
            sku=part.sku,
            quantity=part.quantity,
            share=parse_units(part.share, field=("parts", str(index), "share")),
            gift_from=part.gift_from,
            when_out=part.when_out,
        )
        for index, part in enumerate(parts)
    ]
    return await catalog.save_bundle(
        info.context.actor, sku, drafts, expected_version=expected_version
    )
