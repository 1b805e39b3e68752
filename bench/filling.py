"""Rows for the benchmarks, written through the domain wherever that is fast enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import agents, catalog, ledger, suppliers
from domain import cards as card_store
from domain.agents import Tier
from domain.catalog import Category, DeliveryKind, ListingStatus, Product, Variant, VariantStatus
from domain.checkout import CURRENCY, LineWish, Purchase, place_order
from domain.commissions import RuleDraft, RuleKind, save_rule
from domain.kernel import (
    SCALE,
    Actor,
    ActorKind,
    Money,
    Prefix,
    clock,
    encode_id,
    new_id,
    transaction,
)
from server.settings import Settings
from server.wiring import connect, disconnect

OPERATOR = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"*"}))
PRICE, COST = 49 * SCALE, 40 * SCALE
BATCH_CARDS = 250_000
ORDERS_EACH = 100  # of a buyer who waits
WALLET = Money(1_000_000 * SCALE, CURRENCY)
_CARDS = """
INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, masked, unit_cost, reveal_count,
    created_at)
SELECT uuidv7(), $1, $2, 'available', uuid_send(gen_random_uuid()), '****', $3, 0, now()
FROM generate_series(1, $4)
"""
_BATCH = """
INSERT INTO card_batches (id, variant_id, source, content_digest, unit_cost, currency, wrapped_key,
    key_version, generation, accepted, duplicates, rejected, imported_at)
VALUES ($1, $2, 'bench', $3, $4, $5, $6, $7, 1, $8, 0, 0, now())
"""
_FILLED = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""


@dataclass(frozen=True)
class Shop:
    """What the clients need."""

    tokens: list[str] = field(repr=False)
    skus: list[str]


@dataclass(frozen=True)
class Pools:
    """A buyer, and the sku of each pool."""

    buyer: Actor
    skus: list[str]


@dataclass(frozen=True)
class Waiting:
    """The line of each order that waits, and its buyer's token."""

    lines: dict[str, UUID]
    tokens: dict[str, str] = field(repr=False)


async def fill_for_purchases(settings: Settings, buyers: int, variants: int, cards: int) -> Shop:
    """Buyers below a chain of three agents, variants with cards enough for the run."""
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        chain = await agent_chain()
        for level, percent in ((1, 5), (2, 3), (3, 2)):
            draft = RuleDraft(RuleKind.PERCENT, percent * SCALE, level)
            await save_rule(OPERATOR, draft)
        made = await variants_for_sale(variants, per_product=1)
        for variant in made:
            await _stock(variant.id, cards // variants)
        tokens = [await buyer_below(number, chain) for number in range(buyers)]
        await _analyze()
        return Shop(tokens, [variant.sku for variant in made])
    finally:
        await disconnect()


async def fill_for_supply(
    settings: Settings, origin: str, codes: Sequence[str], buyers: int, variants: int
) -> Shop:
    """Buyers with money, and variants that have to be bought from suppliers of this address."""
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        made = await variants_for_sale(variants)
        await offer(made, origin, codes)
        tokens = [(await _waiting_buyer(number))[1] for number in range(buyers)]
        await _analyze()
        return Shop(tokens, [variant.sku for variant in made])
    finally:
        await disconnect()


async def offer(variants: Sequence[Variant], origin: str, codes: Sequence[str]) -> None:
    """Each of these suppliers sells each variant; the first of them is asked first."""
    for priority, code in enumerate(codes):
        wish = suppliers.SupplierWish(
            code, code, "generic_http", f"{origin}/{code}", "secret", priority=priority
        )
        await suppliers.save_supplier(OPERATOR, wish)
        for variant in variants:
            wished = suppliers.OfferWish(variant.sku, code, f"item-{variant.sku}", COST)
            await suppliers.save_offer(OPERATOR, wished)


async def fill_pools(settings: Settings, sizes: list[int]) -> Pools:
    """One buyer, and one variant for each size of pool."""
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        made = await variants_for_sale(len(sizes), per_product=1)
        for variant, size in zip(made, sizes, strict=True):
            await _pool(variant.id, size)
        signed_in = await agents.sign_in_guest("bench-buyer-device-000001", "bench")
        await ledger.top_up(OPERATOR, signed_in.user.id, WALLET, "bench", "bench-1")
        await _analyze()
        buyer = Actor(kind=ActorKind.USER, user_id=signed_in.user.id)
        return Pools(buyer, [variant.sku for variant in made])
    finally:
        await disconnect()


async def fill_for_waiting(settings: Settings, waiting: int) -> Waiting:
    """Buyers with orders that wait for an operator; none has more than one may look up at once."""
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        (variant,) = await variants_for_sale(1, per_product=1, kind=DeliveryKind.MANUAL)
        lines, tokens = {}, {}
        for number in range(waiting):
            if number % ORDERS_EACH == 0:
                buyer, token = await _waiting_buyer(number // ORDERS_EACH)
            wish = Purchase((LineWish(variant.sku, 1),), f"bench-{number}")
            placed = await place_order(buyer, wish)
            order = encode_id(Prefix.ORDER, placed.order.id)
            lines[order], tokens[order] = placed.lines[0].id, token
        await _analyze()
        return Waiting(lines, tokens)
    finally:
        await disconnect()


async def _pool(variant_id: UUID, size: int) -> None:
    """Batches of at most `BATCH_CARDS`, so that no transaction takes too long."""
    for done in range(0, size, BATCH_CARDS):
        await _stock(variant_id, min(BATCH_CARDS, size - done))


async def fill_for_browsing(settings: Settings, products: int) -> Shop:
    """Products of two variants each, with prices and some stock."""
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        made = await variants_for_sale(products * 2, per_product=2)
        for variant in made:
            await _stock(variant.id, 20)
        await _analyze()
        return Shop([], [variant.sku for variant in made])
    finally:
        await disconnect()


async def _waiting_buyer(number: int) -> tuple[Actor, str]:
    signed_in = await agents.sign_in_guest(f"bench-buyer-device-{number:06}", "bench")
    await ledger.top_up(OPERATOR, signed_in.user.id, WALLET, "bench", f"bench-{number}")
    return Actor(kind=ActorKind.USER, user_id=signed_in.user.id), str(signed_in.access_token)


async def agent_chain() -> str:
    """Three agents; the promoter code of the lowest."""
    agents.limits.depth = agents.MAX_DEPTH  # the dearest case: three of them earn on each order
    parent: UUID | None = None
    for level, tier in enumerate((Tier.GOLD, Tier.SILVER, Tier.BRONZE), 1):
        login = await agents.sign_in_guest(f"bench-agent-device-{level:06}", "bench")
        agent = await agents.create_agent(OPERATOR, login.user.id, f"Agent {level}", tier, parent)
        parent = agent.id
    return agent.code


async def buyer_below(number: int, code: str) -> str:
    """A guest with money, a customer of the agent of this code; its token."""
    signed_in = await agents.sign_in_guest(f"bench-buyer-device-{number:06}", "bench")
    user = signed_in.user
    agent = await agents.find_by_code(code)
    assert agent is not None
    user.referrer_agent_id = agent.id
    await user.save(update_fields=["referrer_agent_id"])
    await ledger.top_up(OPERATOR, user.id, WALLET, "bench", f"bench-{number}")
    return str(signed_in.access_token)


async def variants_for_sale(
    number: int, per_product: int = 1, kind: DeliveryKind = DeliveryKind.CARD_CODE
) -> list[Variant]:
    """Variants with a price, in a category of their own, and nothing in stock."""
    moment = clock.now()
    shelf = await Category.create(slug="bench", name_zh="测试", name_en="Bench")
    made = []
    for each in range(number):
        if each % per_product == 0:
            product = await Product.create(
                slug=f"product-{each}",
                category=shelf,
                name_zh=f"商品{each}",
                name_en=f"Product {each}",
                status=ListingStatus.APPROVED,
                reviewed_at=moment,
                created_at=moment,
                updated_at=moment,
            )
        variant = await Variant.create(
            product=product,
            sku=f"BENCH-{each}",
            name_zh="五十元",
            name_en="50 yuan",
            type_id=catalog.plain_type_id(kind),
            delivery_kind=kind,
            status=VariantStatus.ACTIVE,
            updated_at=moment,
        )
        made.append(variant)
    await price_variants(made)
    return made


async def price_variants(variants: list[Variant]) -> None:
    """A price for each tier, on the house's own list."""
    tiers = {
        "retail": PRICE,
        "bronze": PRICE - SCALE,
        "silver": PRICE - 2 * SCALE,
        "gold": PRICE - 3 * SCALE,
    }
    async with transaction() as conn:
        await conn.executemany(
            "INSERT INTO prices (id, variant_id, tier, currency, amount, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, now())",
            [
                (new_id(), variant.id, tier, CURRENCY, amount)
                for variant in variants
                for tier, amount in tiers.items()
            ],
        )


async def _stock(variant_id: UUID, cards: int) -> None:
    """Cards without codes: nobody reveals them here, and sealing is measured elsewhere."""
    fresh = await card_store.fresh_key()
    batch, wrapped, version = fresh.batch_id, fresh.wrapped.wrapped, fresh.wrapped.version
    async with transaction() as conn:
        await conn.execute(
            _BATCH, batch, variant_id, batch.bytes, COST, CURRENCY, wrapped, version, cards
        )
        await conn.execute(_CARDS, variant_id, batch, COST, cards)


async def _analyze() -> None:
    """Statistics of what was filled, and of no empty table.

    Of one they would say that it is empty, and plans that are made once would read it whole.
    """
    async with transaction() as conn:
        filled = [row["name"] for row in await conn.fetch(_FILLED)]
        await conn.execute("ANALYZE " + ", ".join(filled))
