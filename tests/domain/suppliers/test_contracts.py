"""Contracts: their prices count within their dates; exclusive goods come from one place (D9)."""

from datetime import timedelta
from typing import Any

import pytest

from domain import checkout, fulfilment, pricing, suppliers
from domain.checkout import LineWish, PriceBelowCost, Purchase
from domain.kernel import Refused, clock, connection
from domain.priceguard import GuardAction, GuardWish, save_guard
from domain.pricing.models import Price
from domain.suppliers import ContractWish, SupplierContract, SupplierOffer, TermWish
from domain.suppliers.models import Supplier
from tests import make

pytestmark = pytest.mark.usefixtures("db")
DAY = timedelta(days=1)


async def contract(
    offer: SupplierOffer, unit_cost: int | None = make.yuan(60), **changes: Any
) -> SupplierContract:
    """A contract of the offer's supplier about its variant, in force from tomorrow for ten days."""
    variant = await make.Variant.get(id=offer.variant_id)
    supplier = await Supplier.get(id=offer.supplier_id)
    exclusive = changes.pop("exclusive", False)
    moment = clock.now()
    times = {"valid_from": moment + DAY, "valid_until": moment + 11 * DAY, "number": "C-1"}
    term = TermWish(variant.sku, unit_cost, exclusive=exclusive)
    wish = ContractWish(supplier.code, terms=[term], **{**times, **changes})
    return await suppliers.save_contract(make.OPERATOR, wish)


async def cost_at(offer: SupplierOffer, days: float) -> int:
    moment = clock.now() + days * DAY
    with clock.fixed(lambda: moment):
        (candidate,) = await suppliers.candidates_of(offer.variant_id)
    return candidate.cost


async def bought(variant: make.Variant, key: str, days: float) -> int:
    """What a line that is placed then may cost upstream; a refusal raises."""
    moment = clock.now() + days * DAY
    with clock.fixed(lambda: moment):
        wish = Purchase((LineWish(variant.sku, 1),), key)
        placed = await checkout.place_order(await make.buyer(), wish)
    return placed.lines[0].max_unit_cost


async def test_a_contracts_price_counts_within_its_dates_and_no_longer() -> None:
    variant = await make.variant(price=make.yuan(70))
    offer = await make.offer(variant, make.yuan(80))
    await contract(offer)
    costs = [await cost_at(offer, days) for days in (0, 1.1, 10.9, 11.1)]
    assert costs == [make.yuan(80), make.yuan(60), make.yuan(60), make.yuan(80)]
    with pytest.raises(Refused) as refused:
        await bought(variant, "before", 0)
    assert isinstance(refused.value.refusals[0], PriceBelowCost)
    assert await bought(variant, "within", 5) == make.yuan(70)
    with pytest.raises(Refused):
        await bought(variant, "after", 12)
    assert (await SupplierOffer.get(id=offer.id)).cost == make.yuan(80)  # its list is what it was


async def test_the_shelf_follows_a_contract_that_begins_and_ends() -> None:
    variant = await make.variant(price=make.yuan(70))
    offer = await make.offer(variant, make.yuan(80))
    await save_guard(make.OPERATOR, GuardWish(GuardAction.RAISE_TO_FLOOR))
    await contract(offer)
    seen = []
    for days in (0.0, 2, 12):
        moment = clock.now() + days * DAY
        with clock.fixed(lambda at=moment: at):  # type: ignore[misc]
            await pricing.watch_prices()
        seen.append((await Price.get(variant_id=variant.id)).amount)
    assert seen == [make.yuan(80), make.yuan(70), make.yuan(80)]


async def test_of_two_contracts_the_younger_counts_and_an_ended_one_does_not() -> None:
    variant = await make.variant(price=make.yuan(90))
    offer = await make.offer(variant, make.yuan(80))
    await contract(offer)
    younger = await contract(offer, make.yuan(55), number="C-2", valid_from=clock.now() + 2 * DAY)
    assert [await cost_at(offer, days) for days in (1.5, 2.5)] == [make.yuan(60), make.yuan(55)]
    await suppliers.end_contract(make.OPERATOR, younger.id, "renegotiated")
    assert await cost_at(offer, 2.5) == make.yuan(60)
    with pytest.raises(Refused) as refused:
        await contract(offer, number="C-2")
    assert refused.value.refusals[0].reason == "contract_over"  # type: ignore[attr-defined]


async def test_what_is_exclusive_is_bought_from_nobody_else() -> None:
    variant = await make.variant(price=make.yuan(90))
    ours = await make.offer(variant, make.yuan(85), "ours")
    other = await make.offer(variant, make.yuan(50), "other", priority=1)
    await contract(ours, None, exclusive=True)
    plan = await fulfilment.route_plan(make.OPERATOR, variant.sku, 1)
    assert [each.supplier_code for each in plan.candidates if not each.excluded_because] == [
        "other",
        "ours",
    ]
    moment = clock.now() + 2 * DAY
    with clock.fixed(lambda: moment):
        plan = await fulfilment.route_plan(make.OPERATOR, variant.sku, 1)
        why = {each.supplier_code: each.excluded_because for each in plan.candidates}
        assert why == {"other": "exclusive", "ours": None}
    await SupplierOffer.filter(id=ours.id).update(cost=make.yuan(95))
    with pytest.raises(Refused) as refused:  # the other's price is no price of ours
        await bought(variant, "key", 2)
    assert isinstance(refused.value.refusals[0], PriceBelowCost)
    assert other.cost == make.yuan(50)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"valid_until": clock.now() - DAY}, ("validUntil",)),
        ({"number": ""}, ("number",)),
        ({"minimum": -1}, ("minimum",)),
        ({"rebate_rate": 10_001}, ("rebateRate",)),
        ({"terms": [TermWish("none")]}, ("terms", "0", "sku")),
        ({"terms": [TermWish("a"), TermWish("a")]}, ("terms",)),
        ({"supplier_code": "none"}, ("supplierCode",)),
    ],
)
async def test_a_contract_out_of_its_limits_is_refused(
    changes: dict[str, Any], field: tuple[str, ...]
) -> None:
    await make.offer(await make.variant(), make.yuan(80), "known")
    moment = clock.now()
    values = {"supplier_code": "known", "number": "C", "valid_from": moment}
    wish = ContractWish(**{**values, "valid_until": moment + DAY, **changes})
    with pytest.raises(Refused) as refused:
        await suppliers.save_contract(make.OPERATOR, wish)
    assert refused.value.refusals[0].field == field
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM supplier_contracts") == 0
