"""Fills the empty installation of a run: variants, suppliers, offers, policies, buyers."""

from dataclasses import dataclass, field

from bench.chaos.plan import BUYERS, CARD_VARIANTS, TOPUP_VARIANTS, Plan, sku_of
from bench.chaos.vendors import BY_CODE, VENDORS
from bench.filling import agent_chain, buyer_below
from domain import catalog, identity, ledger, routing, sourcing, suppliers
from domain.catalog import Category, DeliveryKind, ListingStatus, Product, Variant, VariantStatus
from domain.checkout import CURRENCY
from domain.commissions import RuleDraft, RuleKind, save_rule
from domain.kernel import SCALE, Actor, ActorKind, clock, new_id, transaction
from domain.routing import PolicyKind, PolicyWish
from domain.sourcing import SyncWish
from domain.suppliers import OfferWish, SupplierWish
from server.settings import Settings
from server.wiring import connect, disconnect

PRICE = 100 * SCALE
# Lines do not wait longer than this for suppliers that are busy or broken.
WAIT_SECONDS = 30
SYNC_SECONDS = 10
_PRICE = """
INSERT INTO prices (id, variant_id, tier, currency, amount, updated_at)
VALUES ($1, $2, 'retail', $3, $4, now())
"""


@dataclass(frozen=True)
class Doors:
    """With what the run knocks."""

    buyers: list[str] = field(repr=False)  # tokens of buyers
    operator: str = field(repr=False)


async def fill(settings: Settings, plan: Plan) -> Doors:
    """All that the plan buys from, and who buys."""
    await connect(settings, "chaos")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        user = await identity.create_operator("chaos", new_id().hex, ["*"])
        operator = Actor(kind=ActorKind.OPERATOR, user_id=user.id, scopes=frozenset({"*"}))
        chain = await agent_chain()
        for level, percent in ((1, 3), (2, 2), (3, 1)):
            await save_rule(operator, RuleDraft(RuleKind.PERCENT, percent * SCALE, level))
        await _variants()
        await _suppliers(operator, settings, plan)
        buyers = [await buyer_below(number, chain) for number in range(BUYERS)]
        session = await identity.open_session(user, "chaos")
        return Doors(buyers, session.access_token)
    finally:
        await disconnect()


async def _variants() -> None:
    shelf = await Category.create(slug="chaos", name_zh="混沌", name_en="Chaos")
    for cards, variants in ((True, CARD_VARIANTS), (False, TOPUP_VARIANTS)):
        kind = DeliveryKind.CARD_CODE if cards else DeliveryKind.DIRECT_TOPUP
        for number in range(variants):
            await _variant(shelf, sku_of(number, cards=cards), kind)


async def _variant(shelf: Category, sku: str, kind: DeliveryKind) -> None:
    moment = clock.now()
    product = await Product.create(
        slug=sku.lower(),
        category=shelf,
        name_zh=sku,
        name_en=sku,
        status=ListingStatus.APPROVED,
        reviewed_at=moment,
        created_at=moment,
        updated_at=moment,
    )
    made = await Variant.create(
        product=product,
        sku=sku,
        name_zh=sku,
        name_en=sku,
        type_id=catalog.plain_type_id(kind),
        delivery_kind=kind,
        status=VariantStatus.ACTIVE,
        updated_at=moment,
    )
    async with transaction() as conn:
        await conn.execute(_PRICE, new_id(), made.id, CURRENCY, PRICE)


async def _suppliers(operator: Actor, settings: Settings, plan: Plan) -> None:
    for vendor in VENDORS:
        address, secret = vendor.access(settings.simulator_url)
        wish = SupplierWish(vendor.code, vendor.code, vendor.adapter, address, secret)
        await suppliers.save_supplier(operator, wish)
    for offer in plan.offers:
        vendor = BY_CODE[offer.supplier]
        wish_of = OfferWish(
            offer.sku,
            vendor.code,
            vendor.asked(offer.number),
            cost_of(offer.price, vendor.rate),
            priority=offer.priority,
            weight=offer.weight,
            field_mapping={vendor.account: "account"} if vendor.account else {},
        )
        await suppliers.save_offer(operator, wish_of)
    kinds = list(PolicyKind)
    await routing.save_policy(operator, PolicyWish(PolicyKind.PRIORITY, wait_seconds=WAIT_SECONDS))
    for number, sku in enumerate(sorted({offer.sku for offer in plan.offers})):
        wish_for = PolicyWish(kinds[number % len(kinds)], sku=sku, wait_seconds=WAIT_SECONDS)
        await routing.save_policy(operator, wish_for)
    for vendor in VENDORS:
        follow = SyncWish(
            vendor.code, every_seconds=SYNC_SECONDS, pause_ms=0, tolerance=0, settle_seconds=0
        )
        await sourcing.save_policy(operator, follow)


def cost_of(units: int, rate: str) -> int:
    """Our money for an amount of a vendor's, both in units; rounded up, as the adapters do."""
    whole, _, rest = rate.partition(".")
    tenths = int(whole) * 10 + int(rest or 0)
    return -(-units * tenths // 10)
