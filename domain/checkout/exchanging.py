"""Buying at a site of another currency: planned in its prices, written in the house's (row A9)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from domain.checkout.refusals import ExchangeRateMissing
from domain.checkout.rules import PlannedLine
from domain.checkout.writing import CURRENCY
from domain.kernel import Refused
from domain.orders import Exchange
from domain.pricing import in_house


@dataclass(frozen=True, slots=True)
class Paid:
    """What the lines cost their buyer, at which rate; `prices` by the position of the line."""

    currency: str
    rate: int
    rate_id: UUID
    prices: dict[int, int]
    total: int

    def of(self, line_ids: dict[int, UUID]) -> Exchange:
        """As it stands beside the order."""
        prices = {line_ids[position]: units for position, units in self.prices.items()}
        return Exchange(self.currency, self.total, self.rate, self.rate_id, prices)


def exchanged(planned: Iterable[PlannedLine], currency: str, found: Any) -> Paid | None:
    """Turn planned lines into the house's currency by the rate that READ `found`, as JSON; what
    they cost their buyer. None at a site of the house's currency: the lines stay as they are.

    Refuses when no rate is good now (EXCHANGE_RATE_MISSING).
    """
    if currency == CURRENCY:
        return None
    if found is None:
        raise Refused(ExchangeRateMissing(currency=currency))
    told = orjson.loads(found)
    rate, prices, total = int(told["rate"]), {}, 0
    for line in planned:
        prices[line.position] = line.unit_price
        total += line.unit_price * line.quantity
        _discount_in_house(line, rate)
        line.unit_price = in_house(line.unit_price, rate)
        line.max_unit_cost = in_house(line.max_unit_cost, rate)
        line.chain = [
            each
            if each.unit_price is None
            else replace(each, unit_price=in_house(each.unit_price, rate))
            for each in line.chain
        ]
    return Paid(currency, rate, UUID(told["id"]), prices, total)


def _discount_in_house(line: PlannedLine, rate: int) -> None:
    """What came off in the house's currency: the price without coupons less the price with them."""
    if not line.discount:
        return
    before = in_house(line.unit_price + line.discount // line.quantity, rate)
    off = max(0, before - in_house(line.unit_price, rate)) * line.quantity
    line.agent_bears = line.agent_bears * off // line.discount
    line.discount = off
