"""How well variants can be delivered at a site: for shelves, and for what partners are told."""

from collections.abc import Sequence
from uuid import UUID

from domain import cards, catalog, suppliers
from domain.catalog import DeliveryKind, ShownVariant, StockLevel


async def levels_of(variants: Sequence[ShownVariant], site_id: UUID) -> dict[UUID, StockLevel]:
    """The level of each variant; a hand needs no stock."""
    found = {each.id: StockLevel.IN_STOCK for each in variants}
    bundles = [each.id for each in variants if each.delivery_kind is DeliveryKind.BUNDLE]
    unstocked = (DeliveryKind.BUNDLE, DeliveryKind.MANUAL)
    stocked = [each.id for each in variants if each.delivery_kind not in unstocked]
    if stocked:
        found |= await stocked_levels(stocked, site_id)
    if bundles:
        found |= await bundle_levels(bundles, site_id)
    return found


async def stocked_levels(ids: Sequence[UUID], site_id: UUID) -> dict[UUID, StockLevel]:
    """By own cards and by suppliers: two statements."""
    own = await cards.stock_of(ids, catalog.LOW_STOCK_CARDS + 1, site_id)
    offered = await suppliers.variants_with_offers(ids)
    return {id_: catalog.stock_level(own.get(id_, 0), id_ in offered) for id_ in ids}


async def bundle_levels(ids: Sequence[UUID], site_id: UUID) -> dict[UUID, StockLevel]:
    """The worst level of the parts that a bundle is not sold without."""
    needed = {
        bundle: [part for part in parts if part.when_out is not catalog.WhenOut.SKIP]
        for bundle, parts in (await catalog.bundle_parts_of(ids)).items()
    }
    variants = list({part.variant_id for parts in needed.values() for part in parts})
    most = max((part.quantity for parts in needed.values() for part in parts), default=1)
    own = await cards.stock_of(variants, (catalog.LOW_STOCK_CARDS + 1) * most, site_id)
    offered = await suppliers.variants_with_offers(variants)
    return {
        bundle: catalog.bundle_level(
            _level_of(part, own.get(part.variant_id, 0), part.variant_id in offered)
            for part in parts
        )
        for bundle, parts in needed.items()
    }


def _level_of(part: catalog.BundlePart, own: int, offered: bool) -> StockLevel:
    if not part.for_sale:
        return StockLevel.OUT
    if part.delivery_kind is DeliveryKind.MANUAL:
        return StockLevel.IN_STOCK
    own = own // part.quantity if part.delivery_kind in catalog.CARD_KINDS else 0
    elsewhere = offered and part.delivery_kind is not DeliveryKind.GIFT_CARD
    return catalog.stock_level(own, elsewhere)
