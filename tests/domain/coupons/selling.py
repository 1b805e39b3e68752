"""Campaigns that run, codes, and purchases with coupons, for tests."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from domain import checkout, coupons
from domain.checkout import LineWish, Placed, Purchase
from domain.coupons import Campaign, CampaignKind, CampaignState, CampaignWish, NamedCoupons
from domain.coupons.models import CouponUse
from domain.invariants import find_violations
from domain.kernel import Actor, Refusal, Refused, clock
from tests import make


async def campaign(off: str = "5", *, running: bool = True, **changes: Any) -> Campaign:
    """A campaign of a fixed amount with the public code SUMMER, unless it is said otherwise."""
    values: dict[str, Any] = {
        "name_zh": "夏季立减",
        "name_en": "Summer",
        "kind": CampaignKind.FIXED,
        "currency": "CNY",
        "value": make.yuan(off),
        "starts_at": clock.now() - timedelta(hours=1),
        "public_code": None if changes.get("automatic") else "SUMMER",
    }
    made = await coupons.save_campaign(make.OPERATOR, CampaignWish(**{**values, **changes}))
    if running:
        await coupons.move_campaign(make.OPERATOR, made.id, CampaignState.RUNNING)
    return made


async def codes(of: Campaign, count: int = 3) -> list[str]:
    """Codes of a campaign, as an operator with a second factor takes them."""
    batch, _ = await coupons.create_batch(make.OPERATOR, of.id, count, f"batch{clock.now()}")
    await coupons.make_batch(batch.id)
    keeper = await make.operator("coupons:write")
    _, found, _ = await coupons.take_codes(keeper, batch.id, min(count, 1000), "take")
    return found


def wish(sku: str, quantity: int = 1, key: str = "key", *named: str, **more: Any) -> Purchase:
    given = NamedCoupons(named, more.pop("ids", ()))
    return Purchase((LineWish(sku, quantity),), key, coupons=given, **more)


async def bought(
    buyer: Actor, sku: str, *named: str, quantity: int = 1, key: str = "key", **more: Any
) -> Placed:
    return await checkout.place_order(buyer, wish(sku, quantity, key, *named, **more))


async def refusal(buyer: Actor, sku: str, *named: str, **more: Any) -> Refusal:
    """Why a purchase with these codes is refused; the first reason."""
    try:
        await bought(buyer, sku, *named, **more)
    except Refused as refused:
        return refused.refusals[0]
    raise AssertionError("it was bought")


async def states(order_id: UUID | None = None) -> list[str]:
    """The states of all uses, or of an order's."""
    rows = CouponUse.all() if order_id is None else CouponUse.filter(order_id=order_id)
    return sorted([use.state.value for use in await rows])


async def all_is_well() -> None:
    """Every invariant holds."""
    broken = [each for each in await find_violations() if each.violations]
    assert not broken, broken
