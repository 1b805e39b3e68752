"""Use case of prices: an operator sets them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any
from uuid import UUID

from domain import audit, catalog, priceguard
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refusal,
    Refused,
    clock,
    encode_id,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.priceguard import Below, InversionCause, Judge, Offered
from domain.pricing.models import PriceList
from domain.pricing.queries import standing_prices
from domain.pricing.rules import CURRENCIES, RETAIL, SHOP_CURRENCY, TIERS, TierPrice, price_faults
from domain.pricing.statements import SAVE

WRITE_SCOPE = "prices:write"


class _TooLow(Refused):
    """Prices are refused, some of which stand below their floor."""

    def __init__(self, faults: Sequence[Refusal], site_id: UUID | None, below: Sequence[Below]):
        super().__init__(*faults)
        self.site_id, self.below = site_id, below


async def set_prices(
    actor: Actor,
    variant_id: UUID,
    prices: Sequence[TierPrice],
    currency: str = SHOP_CURRENCY,
    list_code: str | None = None,
) -> list[TierPrice]:
    """Set prices of a variant for some tiers; the other tiers keep theirs. Audited (row E2).

    They stand on the list of this code (mission row A9), or on the base list of the currency.
    Needs `prices:write`. Units of 1/10000. Refuses an unknown list or variant, a price that is not
    above zero, a retail price that cannot be charged, tiers that do not fall from retail to gold,
    with the price at fault, and what does not cover cost and minimum margin or is shown with too
    large a discount (rows D7, E5). Returns all prices that stand on the list afterwards.
    """
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(currency in CURRENCIES, Invalid(reason="currency", field=("currency",)))
    _check_tiers(prices)
    try:
        after = await _set(actor, variant_id, prices, currency, list_code)
    except _TooLow as refused:
        await priceguard.note_refused(refused.site_id, InversionCause.SAVE, refused.below)
        raise
    wake_relay()
    return [after[tier] for tier in TIERS if tier in after]


async def _set(
    actor: Actor,
    variant_id: UUID,
    prices: Sequence[TierPrice],
    currency: str,
    list_code: str | None,
) -> dict[str, TierPrice]:
    """All prices on the list afterwards, by tier."""
    async with transaction() as conn:
        list_id: UUID | None = None
        site_id: UUID | None = None
        if list_code is not None:
            listed = await PriceList.filter(code=list_code).first()
            if listed is None:
                raise Refused(NotFound(what="price list", field=("listCode",)))
            list_id, currency, site_id = listed.id, listed.currency, listed.site_id
        prices = [replace(price, currency=currency) for price in prices]
        # Counting the change first locks the variant: two price lists never mix.
        versions = await catalog.touch_variants(conn, [variant_id])
        if variant_id not in versions:
            raise Refused(NotFound(what="variant", field=("variantId",)))
        standing = await standing_prices(conn, [variant_id], currency, list_id)
        before = standing.get(variant_id, {})
        after = {**before, **{price.tier: price for price in prices}}
        _check_prices(prices, after, currency)
        judge = await priceguard.judge_of(conn, [variant_id], currency, site_id)
        _check_floors(judge, variant_id, prices, site_id)
        given = [(variant_id, price) for price in prices]
        await save_prices(conn, actor, given, currency, list_id)
        details = {
            "list": list_code,
            "currency": currency,
            "from": _told(before.values()),
            "to": _told(after.values()),
        }
        await audit.record(conn, actor, "price.set", variant_id, details)
        await record_events(conn, [price_changed(variant_id, versions[variant_id], currency)])
    return after


async def save_prices(
    conn: Connection,
    actor: Actor,
    prices: Iterable[tuple[UUID, TierPrice]],
    currency: str,
    list_id: UUID | None = None,
) -> None:
    """Write prices that were judged before, in the caller's transaction, on a list or on the base
    list of the currency. The database keeps what each was before, and who changed it."""
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "variant_id": variant_id,
            "tier": price.tier,
            "currency": currency,
            "amount": price.units,
            "compare_at": price.compare_at,
        }
        for variant_id, price in prices
    ]
    for batch in catalog.batches(rows):
        await conn.execute(SAVE, catalog.as_json(batch), clock.now(), actor.user_id, list_id)


def price_changed(variant_id: UUID, version: int, currency: str) -> Event:
    """The event `price.changed`; its sequence is the variant's new version."""
    public = encode_id(Prefix.VARIANT, variant_id)
    payload = {"variantId": public, "currency": currency, "version": version}
    return Event("price.changed", variant_id, version, payload)


def _check_tiers(prices: Sequence[TierPrice]) -> None:
    seen: set[str] = set()
    refuse_unless(bool(prices), Invalid(reason="price_list_empty", field=("prices",)))
    for index, price in enumerate(prices):
        place = ("prices", str(index), "tier")
        refuse_unless(price.tier in TIERS, Invalid(reason="tier", field=place))
        refuse_unless(price.tier not in seen, Invalid(reason="price_tier_twice", field=place))
        seen.add(price.tier)


def _check_prices(prices: Sequence[TierPrice], after: dict[str, TierPrice], currency: str) -> None:
    """Every fault of the list that would stand, once: at the given price that is at fault, or that
    made one that stands already dearer than a lesser tier's."""
    if RETAIL not in after:
        raise Refused(Invalid(reason="price_retail_missing", field=("prices",)))
    faults: dict[Invalid, None] = {}
    for tier, fault in price_faults(after, currency).items():
        index = _cause(prices, after[tier])
        place = ("prices",) if index is None else ("prices", str(index), *fault.field)
        faults[Invalid(reason=fault.reason, field=place)] = None
    if faults:
        raise Refused(*faults)


def _cause(prices: Sequence[TierPrice], wrong: TierPrice) -> int | None:
    """Which of the given prices is wrong itself, or else undercuts the wrong one."""
    own = (index for index, price in enumerate(prices) if price.tier == wrong.tier)
    below = (
        index
        for index, price in enumerate(prices)
        if TIERS.index(price.tier) < TIERS.index(wrong.tier) and price.units < wrong.units
    )
    return next(chain(own, below), None)


def _check_floors(
    judge: Judge, variant_id: UUID, prices: Sequence[TierPrice], site_id: UUID | None
) -> None:
    refusals, below = judge.refusals(variant_id, offered_in(prices))
    if refusals:
        places = {price.tier: ("prices", str(index)) for index, price in enumerate(prices)}
        faults = [
            replace(each, field=(*places[tier], *each.field)) for tier, each in refusals.items()
        ]
        raise _TooLow(faults, site_id, below)


def offered_in(prices: Iterable[TierPrice]) -> list[Offered]:
    """Prices in the words of the guard."""
    return [Offered(price.tier, price.units, price.compare_at) for price in prices]


def _told(prices: Iterable[TierPrice]) -> dict[str, str]:
    return {price.tier: plain(price.units) for price in prices}
