"""A small world for providers: a site of its own, sales on it, staff of three."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain import checkout, providers, sites
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor
from domain.orders import Order, OrderLine
from domain.providers import (
    ContractBasis,
    ContractModel,
    ProviderContract,
    ProviderKind,
    ProviderTerms,
    Service,
    Step,
    TermsDraft,
)
from tests import make

SCOPES = ("providers:read", "providers:write", "providers:approve")
MARCH, APRIL, MAY = "2031-03", "2031-04", "2031-05"
IN_APRIL, IN_MAY = 32, 62  # days, as tests/settling.py counts them


@dataclass(frozen=True)
class World:
    """Who proposes, who decides, and where it is counted."""

    clerk: Actor
    chief: Actor
    site: UUID
    contract: ProviderContract
    rates: list[int] = field(default_factory=list)  # to be agreed to in passing

    async def agree(self, draft: TermsDraft) -> ProviderTerms:
        """Terms that both agree to."""
        made = await providers.propose_terms(self.clerk, self.contract.id, draft)
        await make.step_up_again(self.chief)
        return await providers.decide_terms(self.chief, made.id, approved=True)

    async def sold(
        self, price: str = "100", site: UUID | None = None, of: Variant | None = None
    ) -> tuple[Order, OrderLine]:
        """A delivered order of a consumer whom no agent brought; each piece has cost 40."""
        variant = of or await make.variant(price=make.yuan(price), cards=1)
        buyer = replace(await make.buyer(make.yuan(10_000)), site_id=site or self.site)
        wish = Purchase((LineWish(variant.sku, 1),), f"key-{variant.sku}")
        order = (await checkout.place_order(buyer, wish)).order
        return order, await OrderLine.get(order_id=order.id)

    async def stated(self, period: str) -> providers.ProviderStatement:
        """The approved statement of a month."""
        made, _ = await providers.propose_statement(self.clerk, self.contract.id, period)
        await make.step_up_again(self.chief)
        return await providers.decide_statement(self.chief, made.id, approved=True)


async def world() -> World:
    """A provider with one contract, and no terms yet."""
    clerk, chief = await make.operator(*SCOPES), await make.operator(*SCOPES)
    provider = await providers.save_provider(
        clerk, "TRAFFIC-1", "流量科技有限公司", ProviderKind.COMPANY
    )
    contract = await providers.open_contract(clerk, provider.id, "推广服务")
    draft = sites.SiteDraft(slug="promo", name_zh="推广站", name_en="Promo", currency=make.CNY)
    site = await sites.save_site(await make.operator("sites:write"), draft)
    return World(clerk, chief, site.id, contract)


def by_result(site: UUID, **changes: Any) -> TermsDraft:
    """5 % of net sales on a site."""
    draft = TermsDraft(
        ContractModel.RESULT, MARCH, basis=ContractBasis.NET_SALES, rate=50_000, site_id=site
    )
    return replace(draft, **changes)


def with_bonus(site: UUID, **changes: Any) -> TermsDraft:
    """1,000.00 a month, 200.00 more from 500.00 of sales on."""
    draft = TermsDraft(
        ContractModel.FIXED_BONUS,
        MARCH,
        fee=make.money(1_000),
        basis=ContractBasis.NET_SALES,
        steps=(Step(make.yuan(500), make.yuan(200)),),
        site_id=site,
    )
    return replace(draft, **changes)


def with_extras(**changes: Any) -> TermsDraft:
    """2,000.00 a month and hours at 85.00."""
    draft = TermsDraft(
        ContractModel.BASE_EXTRAS,
        MARCH,
        fee=make.money(2_000),
        services=(Service("hour", "客服工时", make.yuan(85)),),
    )
    return replace(draft, **changes)
