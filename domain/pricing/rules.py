"""Pure rules of prices. Amounts in units of 1/10000 of the currency."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.kernel import Invalid, is_payable

SHOP_CURRENCY = "CNY"
RETAIL = "retail"
TIERS = (RETAIL, "bronze", "silver", "gold")  # dearest first
RATE_SCALE = 1_000_000  # of an exchange rate: millionths
CURRENCIES = frozenset({"CNY", "USD", "EUR", "GBP", "HKD", "JPY", "KRW"})


@dataclass(frozen=True, slots=True)
class TierPrice:
    """The unit price for one tier, and the struck-out price beside it, if any."""

    tier: str
    units: int
    compare_at: int | None = None
    currency: str = SHOP_CURRENCY


def price_faults(prices: Mapping[str, TierPrice], currency: str) -> dict[str, Invalid]:
    """What is wrong with the prices of one variant in one currency, by tier (mission row E2).

    Every price is above zero, retail is there and can be charged, no tier pays more than the one
    before it, and a struck-out price is higher than the price.
    """
    faults: dict[str, Invalid] = {}
    ceiling: int | None = None
    if RETAIL not in prices:
        return {tier: Invalid(reason="price_retail_missing", field=("tier",)) for tier in prices}
    for tier in (tier for tier in TIERS if tier in prices):
        price = prices[tier]
        reason = _fault(price, currency, ceiling)
        if reason is None:
            ceiling = price.units
        else:
            field = "compareAt" if reason == "price_compare_at" else "amount"
            faults[tier] = Invalid(reason=reason, field=(field,))
    return faults


def in_house(units: int, rate: int) -> int:
    """An amount of another currency in the house's own, by a rate in millionths; half a unit
    goes up, so that nothing that has a price becomes free."""
    return (units * rate * 2 + RATE_SCALE) // (2 * RATE_SCALE)


def _fault(price: TierPrice, currency: str, ceiling: int | None) -> str | None:
    if price.units <= 0:
        return "price_not_above_zero"
    if price.tier == RETAIL and not is_payable(price.units, currency):
        return "price_not_payable"
    if ceiling is not None and price.units > ceiling:
        return "price_tiers_rise"
    if price.compare_at is not None and price.compare_at <= price.units:
        return "price_compare_at"
    return None
