"""How price lists, prices on them and their history are answered (back office)."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import catalog, pricing, sites
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from resolvers.context import Info


async def price_list_files(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[pricing.PriceList]:
    """All price lists by their codes."""
    asked = page_request("priceListFiles", first, after)
    return await pricing.list_price_lists(info.context.actor, asked)


async def site_of_list(listed: Parent[pricing.PriceList]) -> sites.Site | None:
    """The site whose list it is."""
    return None if listed.site_id is None else await sites.get_site(listed.site_id)


async def listed_prices_of(
    variant: Parent[catalog.Variant], info: Info
) -> list[pricing.ListedPrice]:
    """A variant's prices on every list."""
    return await info.context.loaders.listed_prices.load(variant.id)


async def price_history(
    info: Info, variant_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[pricing.PriceChange]:
    """What the prices of a variant were and became, newest first."""
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",))
    asked = page_request(f"priceHistory {variant_id}", first, after)
    return await pricing.price_history(info.context.actor, variant, asked)


async def list_of_change(change: Parent[pricing.PriceChange], info: Info) -> str:
    """The code of the list that the price stands on."""
    found = await info.context.loaders.price_lists.load(change.list_id)
    return "" if found is None else found.code


def changed_by(change: Parent[pricing.PriceChange]) -> strawberry.ID | None:
    """Who changed it."""
    if change.changed_by is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, change.changed_by))


def old_amount(change: Parent[pricing.PriceChange]) -> Money | None:
    """What it was."""
    return None if change.old_amount is None else Money(change.old_amount, change.currency)


def new_amount(change: Parent[pricing.PriceChange]) -> Money | None:
    """What it became."""
    return None if change.new_amount is None else Money(change.new_amount, change.currency)


async def price_list_save(
    info: Info,
    code: str,
    name_zh: str,
    name_en: str,
    currency: str,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
    site_id: strawberry.ID | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    priority: int = 0,
) -> pricing.PriceList:
    """Make a price list, or change names, time and priority of the one of this id."""
    site = None if site_id is None else decode_id(Prefix.SITE, site_id, field=("siteId",))
    draft = pricing.PriceListDraft(
        code, name_zh, name_en, currency, site, valid_from, valid_until, priority
    )
    listed = None if id is None else decode_id(Prefix.PRICE_LIST, id)
    return await pricing.save_price_list(
        info.context.actor, draft, list_id=listed, expected_version=expected_version
    )
