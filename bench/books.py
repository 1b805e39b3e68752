"""Books of many agents, written by sets and with every guard of the database awake.

Each order is one that an operator handed over: paid out of a wallet, its line delivered, its task
done, its sale booked with revenue, cost and what its agent earns. Nothing is left out that an
invariant looks at (`kameng check-invariants` finds nothing in it), so that what is measured over it
is what an installation of this size would meet.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from bench.filling import PRICE, price_variants, variants_for_sale
from domain import catalog, ledger
from domain.catalog import (
    Category,
    DeliveryKind,
    ListingStatus,
    Product,
    Variant,
    VariantStatus,
)
from domain.checkout import CURRENCY
from domain.kernel import SCALE, clock, new_id, seal_small
from domain.ledger import AccountKind
from domain.payouts import DestinationKind
from domain.pricebook import AgentPrice

SLICE = 1_000  # rows of one statement, where rows are sent
CHUNK = 2_000  # orders of one transaction
BUYERS = 100  # of one chunk: so many wallets pay for it
WITHOUT_AGENT = 11  # one order of so many was brought by nobody
BELOW = 10  # agents of one top agent and those below it
NAME = "王小明"
LONG = 600.0  # seconds that one step of the filling may take

_LOGINS = """
INSERT INTO users (id, login, display_name, role, password_hash, scopes, created_at)
SELECT id, $3 || n, '', 'buyer', '!', '{}', $2
FROM unnest($1::uuid[]) WITH ORDINALITY AS made (id, n)
"""
# The first of each ten stands above the nine that follow.
_AGENTS = f"""
INSERT INTO agents (id, user_id, code, name, type, tier, depth, leaf, parent_id, parent_depth,
    parent_leaf, status, version, created_at)
SELECT id, login, 'A' || n, 'Agent ' || n, 'distributor',
    CASE WHEN top THEN 'gold' ELSE 'silver' END, CASE WHEN top THEN 1 ELSE 2 END, false,
    CASE WHEN NOT top THEN ($1::uuid[])[n - (n - 1) % {BELOW}] END, CASE WHEN NOT top THEN 1 END,
    CASE WHEN NOT top THEN false END, 'active', 1, $3
FROM (SELECT id, login, n, (n - 1) % {BELOW} = 0 AS top
    FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS made (id, login, n)) agent
ORDER BY top DESC, n
"""  # noqa: S608 - numbers of this file
_TOPUPS = """
WITH paid AS MATERIALIZED (
    SELECT uuidv7($4 - clock_timestamp()) AS id, wallet FROM unnest($1::uuid[]) AS w (wallet)
), made AS (
    INSERT INTO transfers (id, kind, reference, currency, note, posted_at)
    SELECT id, 'topup', gen_random_uuid(), $5, 'bench', $4 FROM paid
)
INSERT INTO entries (transfer_id, account_id, amount)
SELECT id, leg.account, leg.amount FROM paid
CROSS JOIN LATERAL (VALUES ($2::uuid, -$3::bigint), (wallet, $3)) AS leg (account, amount)
"""
_MADE = f"""
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, uuidv7(at - clock_timestamp()) AS order_id, uuidv7(at - clock_timestamp()) AS line_id,
    uuidv7(at - clock_timestamp()) AS payment, uuidv7(at - clock_timestamp()) AS sale, at,
    buyer, wallet, agent, own, parent, price, price * 8 / 10 AS cost, price / 20 AS share
FROM (SELECT n, $1::timestamptz + n * $2::interval AS at,
        ($5::uuid[])[1 + n % {BUYERS}] AS buyer, ($6::uuid[])[1 + n % {BUYERS}] AS wallet,
        CASE WHEN n % {WITHOUT_AGENT} > 0 THEN 1 + n % cardinality($7::uuid[]) END AS place,
        1000000 + (n % 997) * 1000::bigint AS price
    FROM generate_series($3::int, $4::int) n) sold
CROSS JOIN LATERAL (SELECT ($7::uuid[])[place] AS agent, ($8::uuid[])[place] AS own,
    CASE WHEN (place - 1) % {BELOW} > 0 THEN ($7::uuid[])[place - (place - 1) % {BELOW}] END
        AS parent) chain
"""  # noqa: S608 - numbers of this file
_ORDERS = """
INSERT INTO orders (id, number, buyer_id, status, currency, total, tier, consumer, agent_chain,
    event_count, version, placed_at, paid_at, closed_at)
SELECT order_id, 'BENCH' || n, buyer, 'DELIVERED', $1, price, 'retail', true,
    array_remove(ARRAY[agent, parent], NULL), 2, 1, at, at, at FROM made ORDER BY n
"""
_LINES = """
INSERT INTO order_lines (id, position, order_id, variant_id, sku, quantity, unit_price,
    max_unit_cost, delivery_kind, type_id, type_version, status, consumer, delivered_quantity,
    cost, delivered_at, note_sealed)
SELECT line_id, 0, order_id, $1, $2, 1, price, cost, 'MANUAL', $3, 1, 'DELIVERED', true, 1, cost,
    at, '\\x00' FROM made ORDER BY n
"""
_TASKS = """
INSERT INTO manual_tasks (line_id, claimed_by, claimed_at, done_at, delivered, evidence, reason)
SELECT line_id, $1, at, at, true, '', '' FROM made ORDER BY n
"""
_TRANSFERS = """
INSERT INTO transfers (id, kind, reference, currency, note, posted_at)
SELECT leg.id, leg.kind, leg.reference, $1, 'BENCH' || n, at FROM made
CROSS JOIN LATERAL (VALUES (1, payment, 'payment', order_id), (2, sale, 'sale', line_id))
    AS leg (place, id, kind, reference)
ORDER BY n, leg.place
"""
_ENTRIES = """
INSERT INTO entries (transfer_id, account_id, amount)
SELECT leg.transfer, leg.account, leg.amount FROM made
CROSS JOIN LATERAL (VALUES
    (1, payment, wallet, -price), (2, payment, $1::uuid, price),
    (3, sale, $1, -price), (4, sale, $2::uuid, price), (5, sale, $3::uuid, -cost),
    (6, sale, $4::uuid, cost), (7, sale, $5::uuid, CASE WHEN agent IS NOT NULL THEN -share END),
    (8, sale, own, share)) AS leg (place, transfer, account, amount)
WHERE leg.account IS NOT NULL AND leg.amount IS NOT NULL ORDER BY n, leg.place
"""
# Five per cent, as the rule that it names says.
_COMMISSIONS = """
INSERT INTO commissions (id, order_line_id, consumer, agent_id, level, basis, amount, currency,
    rule, earned_at, release_at)
SELECT uuidv7(at - clock_timestamp()), line_id, true, agent, 1, price, share, $1,
    '{"kind": "percent", "value": 50000, "scope": "default", "holdDays": 0}', at,
    date_trunc('minute', at) + interval '1 minute' FROM made WHERE agent IS NOT NULL ORDER BY n
"""
_CASES = """
INSERT INTO real_name_cases (id, user_id, level, company, state, name_sealed, number_sealed,
    number_digest, tries, reason, note, opened_at, decided_at)
SELECT id, id, 'basic', false, 'passed', sealed, sealed, uuid_send(id), 1, '', '', now(), now()
FROM unnest($1::uuid[], $2::bytea[]) AS login (id, sealed)
"""
_NAMES = """
INSERT INTO real_names (user_id, level, company, number_digest, case_id, reached_at)
SELECT id, 'basic', false, uuid_send(id), id, now() FROM unnest($1::uuid[]) AS login (id)
"""
_DESTINATIONS = """
INSERT INTO payout_destinations (id, agent_id, kind, masked, sealed, digest, created_at,
    usable_from)
SELECT id, agent, $1, '****', sealed, 'digest-' || agent, now(), now()
FROM unnest($2::uuid[], $3::uuid[], $4::bytea[]) AS place (id, agent, sealed)
"""
# What planning needs to know of what was filled; of an empty table it would say that it is empty.
_FILLED = """
SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""


@dataclass(frozen=True, slots=True)
class People:
    """Who is in the books: agents with their logins, and the account of each for commissions."""

    agents: list[UUID]
    logins: list[UUID]
    earning: list[UUID]


@dataclass(frozen=True, slots=True)
class Sales:
    """How much was sold in which time; an eleventh of the orders beyond `lines` by nobody."""

    lines: int
    begins: datetime
    ends: datetime

    @property
    def orders(self) -> int:
        """As many as earn, and those that nobody brought."""
        return self.lines * WITHOUT_AGENT // (WITHOUT_AGENT - 1)


async def fill_books(conn: asyncpg.Connection, agents: int, sales: Sales) -> People:
    """Agents in two levels and their sales; then the statistics are made."""
    # Plans for as many rows as there are: the guards' own would be made for a handful of them.
    await conn.execute("SET synchronous_commit = off; SET plan_cache_mode = force_custom_plan")
    await ledger.open_platform_accounts(CURRENCY)
    people = await _agents(conn, agents, sales.begins)
    (variant,) = await variants_for_sale(1, kind=DeliveryKind.MANUAL)
    step = (sales.ends - sales.begins) / (sales.orders + 1)
    for first in range(1, sales.orders + 1, CHUNK):
        until = min(first + CHUNK - 1, sales.orders)
        buyers, wallets = await _buyers(conn, first, sales.begins + step * first)
        async with conn.transaction():
            await conn.execute(
                *(_MADE, sales.begins, step, first, until, buyers, wallets),
                *(people.agents, people.earning),
            )
            await _sell(conn, variant, people)
        if first == 1:
            await conn.execute(f"ANALYZE {await conn.fetchval(_FILLED)}")
    await settle_statistics(conn)
    return people


async def settle_statistics(conn: asyncpg.Connection) -> None:
    """What autovacuum would have done by then: visible pages, and statistics of filled tables."""
    await conn.execute(f"VACUUM ANALYZE {await conn.fetchval(_FILLED)}", timeout=LONG)


async def fill_destinations(conn: asyncpg.Connection, people: People) -> None:
    """Where each agent wants its money, in its proven name, as both are kept."""
    names = [seal_small("real-name", NAME, str(login)) for login in people.logins]
    await conn.execute(_CASES, people.logins, names)
    await conn.execute(_NAMES, people.logins)
    places = [new_id() for _ in people.agents]
    sealed = []
    for number, place in enumerate(places):
        kept = {"account": f"account-{number}", "name": NAME, "bank": "", "branch": ""}
        sealed.append(seal_small("payout-destination", json.dumps(kept), str(place)))
    kind = DestinationKind.SANDBOX.value
    await conn.execute(_DESTINATIONS, kind, places, people.agents, sealed)


async def _sell(conn: asyncpg.Connection, variant: Variant, people: People) -> None:
    """The rows of one chunk, table after table."""
    house = [_house(kind) for kind in (AccountKind.PREPAYMENT, AccountKind.REVENUE)]
    house += [_house(kind) for kind in (AccountKind.COST, AccountKind.BANK)]
    type_id = catalog.plain_type_id(DeliveryKind.MANUAL)
    for statement, *values in (
        (_ORDERS, CURRENCY),
        (_LINES, variant.id, variant.sku, type_id),
        (_TASKS, people.logins[0]),
        (_TRANSFERS, CURRENCY),
        (_ENTRIES, *house, _house(AccountKind.COMMISSION_EXPENSE)),
        (_COMMISSIONS, CURRENCY),
    ):
        await conn.execute(statement, *values, timeout=LONG)


async def _agents(conn: asyncpg.Connection, number: int, moment: datetime) -> People:
    ids, logins = ([new_id() for _ in range(number)] for _ in range(2))
    async with conn.transaction():
        await conn.execute(_LOGINS, logins, moment, "agent")
        await conn.execute(_AGENTS, ids, logins, moment)
    wanted = [(AccountKind.COMMISSION, each, CURRENCY) for each in ids]
    await ledger.open_accounts(conn, wanted)
    return People(ids, logins, [ledger.account_id(*each) for each in wanted])


async def _buyers(
    conn: asyncpg.Connection, first: int, moment: datetime
) -> tuple[list[UUID], list[UUID]]:
    """Those who buy one chunk, and their wallets with money enough for it."""
    buyers = [new_id() for _ in range(BUYERS)]
    wanted: list[Any] = [(AccountKind.WALLET, each, CURRENCY) for each in buyers]
    wallets = [ledger.account_id(*each) for each in wanted]
    async with conn.transaction():
        await conn.execute(_LOGINS, buyers, moment, f"buyer{first}-")
        await ledger.open_accounts(conn, wanted)
        paid = 2_000_000 * CHUNK // BUYERS  # no order costs more
        bank = _house(AccountKind.BANK)
        await conn.execute(_TOPUPS, wallets, bank, paid, moment, CURRENCY)
    return buyers, wallets


def _house(kind: AccountKind) -> UUID:
    return ledger.account_id(kind, None, CURRENCY)


async def fill_goods(number: int) -> list[UUID]:
    """Variants with a price for each tier, as their products stand in one category."""
    moment, shelf = clock.now(), await Category.get(slug="bench")
    products = [_product(place, shelf, moment) for place in range(number)]
    variants = [_variant(place, product, moment) for place, product in enumerate(products)]
    for first in range(0, number, SLICE):
        await Product.bulk_create(products[first : first + SLICE])
        await Variant.bulk_create(variants[first : first + SLICE])
        await price_variants(variants[first : first + SLICE])
    return [variant.id for variant in variants]


async def fill_own_prices(agents: list[UUID], variants: list[UUID], each: int) -> None:
    """Of each agent so many own prices of goods, spread over all of them."""
    moment, made = clock.now() - timedelta(days=1), []
    for place, agent in enumerate(agents):
        for number in range(each):
            variant = variants[(place * each + number * 97) % len(variants)]
            wish = AgentPrice(
                agent_id=agent,
                variant_id=variant,
                currency=CURRENCY,
                amount=PRICE - 2 * SCALE,  # what the lower agents pay by the list
                valid_from=moment,
                created_at=moment,
            )
            made.append(wish)
    for first in range(0, len(made), SLICE):
        await AgentPrice.bulk_create(made[first : first + SLICE])


def _product(place: int, shelf: Category, moment: datetime) -> Product:
    return Product(
        id=new_id(),
        slug=f"goods-{place}",
        category=shelf,
        name_zh=f"商品{place}",
        name_en=f"Goods {place}",
        status=ListingStatus.APPROVED,
        reviewed_at=moment,
        created_at=moment,
        updated_at=moment,
    )


def _variant(place: int, product: Product, moment: datetime) -> Variant:
    return Variant(
        id=new_id(),
        product_id=product.id,
        sku=f"GOODS-{place}",
        name_zh="五十元",
        name_en="50 yuan",
        type_id=catalog.plain_type_id(DeliveryKind.CARD_CODE),
        delivery_kind=DeliveryKind.CARD_CODE,
        status=VariantStatus.ACTIVE,
        updated_at=moment,
    )
