"""Writing down what a list said, and letting the offers follow, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Connection, new_id
from domain.sourcing.models import SyncPolicy
from domain.sourcing.rules import (
    ONCE_MORE,
    Damping,
    Known,
    availability_of,
    first_known,
    in_our_money,
    settled,
)
from domain.suppliers import CURRENCY, Availability, CatalogueItem

_BEFORE = """
SELECT item, told_cost, cost, cost_since, told, availability, told_since, read_at
FROM supplier_items
WHERE supplier_id = $1 AND item = ANY($2) ORDER BY item FOR UPDATE
"""
_PUT = """
INSERT INTO supplier_items (id, supplier_id, item, name, currency, told_cost, cost, cost_since,
    told, availability, told_since, stock, unlimited, min_quantity, max_quantity, face_value,
    account_fields, missed, seen_run, first_seen_at, seen_at, read_at)
SELECT r.id, $1, r.item, r.name, r.currency, r.told_cost, r.cost, r.cost_since, r.told,
    r.availability, r.told_since, r.stock, r.unlimited, r.min_quantity, r.max_quantity,
    r.face_value, r.account_fields, 0, $3, $4, $4, $5
FROM jsonb_to_recordset($2::jsonb) AS r (id uuid, item text, name text, currency text,
    told_cost bigint, cost bigint, cost_since timestamptz, told text, availability text,
    told_since timestamptz, stock int, unlimited bool, min_quantity int, max_quantity int,
    face_value bigint, account_fields jsonb)
ORDER BY r.item
ON CONFLICT (supplier_id, item) DO UPDATE SET name = excluded.name, currency = excluded.currency,
    told_cost = excluded.told_cost, cost = excluded.cost, cost_since = excluded.cost_since,
    told = excluded.told, availability = excluded.availability, told_since = excluded.told_since,
    stock = excluded.stock, unlimited = excluded.unlimited, min_quantity = excluded.min_quantity,
    max_quantity = excluded.max_quantity, face_value = excluded.face_value,
    account_fields = excluded.account_fields, missed = 0, seen_at = excluded.seen_at,
    read_at = excluded.read_at,
    seen_run = coalesce(excluded.seen_run, supplier_items.seen_run)
WHERE supplier_items.read_at <= excluded.read_at
"""
# It was asked for since this answer was: the answer says only that it is there.
_PASSED = """
UPDATE supplier_items SET missed = 0, seen_at = $4, seen_run = coalesce($3, seen_run)
WHERE supplier_id = $1 AND item = ANY($2)
"""
# What only our offers know is written down, too: it is listed nowhere.
_GONE = """
INSERT INTO supplier_items (id, supplier_id, item, name, currency, cost_since, told, availability,
    told_since, unlimited, min_quantity, missed, first_seen_at, seen_at, read_at)
SELECT gen_random_uuid(), $1, item, item, $4, $3, 'gone', 'gone', $3, false, 1, 0, $3, $3, $5
FROM unnest($2::text[]) AS g (item)
ON CONFLICT (supplier_id, item) DO UPDATE
    SET told = 'gone', availability = 'gone', told_since = excluded.told_since,
        read_at = excluded.read_at
    WHERE supplier_items.read_at <= excluded.read_at
"""
# Where the supplier tells of changes its list is read seldom: what just changed is asked for once
# more, and what does not count yet, when it has stood long enough.
_ONCE_MORE = """
INSERT INTO told_items (id, supplier_id, item, told_at, due_at, tries)
SELECT gen_random_uuid(), supplier_id, item, $3, due_at, 0
FROM (SELECT i.supplier_id, i.item, least(
        CASE WHEN $3 IN (i.cost_since, i.told_since) AND i.first_seen_at < $3
            THEN $3 + $5::interval END,
        CASE WHEN i.cost IS DISTINCT FROM i.told_cost THEN i.cost_since + $6::interval END,
        CASE WHEN i.availability <> i.told THEN i.told_since + $6::interval END) AS due_at
    FROM supplier_items i JOIN sync_policies p ON p.supplier_id = i.supplier_id
    WHERE i.supplier_id = $1 AND i.item = ANY($2) AND i.read_at = $4
        AND p.enabled AND p.pushes = 'active') again
WHERE due_at IS NOT NULL ORDER BY item
ON CONFLICT (supplier_id, item) DO NOTHING
"""
# Offers follow what counts. A cost that nobody could tell, or convert, leaves theirs as it is.
_FOLLOW = """
UPDATE supplier_offers o SET
    cost = CASE WHEN o.follows THEN coalesce(t.cost * o.units, o.cost) ELSE o.cost END,
    availability = t.availability, stock = t.stock / o.units, updated_at = $3
FROM jsonb_to_recordset($2::jsonb) AS t (item text, cost bigint, availability text, stock int)
WHERE o.supplier_id = $1 AND coalesce(o.listed_item, o.item) = t.item
    AND (o.cost, o.availability, o.stock) IS DISTINCT FROM
        (CASE WHEN o.follows THEN coalesce(t.cost * o.units, o.cost) ELSE o.cost END,
         t.availability, t.stock / o.units)
RETURNING o.variant_id, o.id
"""
_ITEMS = """
SELECT item, cost, currency, availability, stock FROM supplier_items i
WHERE supplier_id = $1 AND ($2::text[] IS NULL OR item = ANY($2)) AND EXISTS (
    SELECT 1 FROM supplier_offers o
    WHERE o.supplier_id = i.supplier_id AND coalesce(o.listed_item, o.item) = i.item)
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """Whose list it is, how it is damped, and what its currency costs us."""

    supplier_id: UUID
    damping: Damping
    rate: Decimal | None


def shop_of(policy: SyncPolicy, rate: Decimal | None) -> Shop:
    """The shop that a policy follows."""
    settle = timedelta(seconds=policy.settle_seconds)
    return Shop(policy.supplier_id, Damping(policy.tolerance, settle), rate)


async def put_items(
    conn: Connection,
    shop: Shop,
    items: Sequence[CatalogueItem],
    run_id: UUID | None,
    moment: datetime,
    asked_at: datetime,
) -> list[UUID]:
    """Write items down as they were listed when they were asked for; the variants whose offers
    changed by it. An item that was asked for later, and is written down already, stays so."""
    if not items:
        return []
    names = [each.item for each in items]
    found = await conn.fetch(_BEFORE, shop.supplier_id, names)
    before = {row["item"]: _known(row) for row in found}
    passed = {row["item"] for row in found if row["read_at"] > asked_at}
    rows = [
        _row(each, before.get(each.item), shop.damping, moment)
        for each in items
        if each.item not in passed
    ]
    told = orjson.dumps(rows, default=str).decode()
    await conn.execute(_PUT, shop.supplier_id, told, run_id, moment, asked_at)
    if passed:
        await conn.execute(_PASSED, shop.supplier_id, list(passed), run_id, moment)
    pauses = (ONCE_MORE, shop.damping.settle)
    await conn.execute(_ONCE_MORE, shop.supplier_id, names, moment, asked_at, *pauses)
    return await follow(conn, shop, names, moment)


async def put_gone(
    conn: Connection, shop: Shop, items: Sequence[str], moment: datetime, asked_at: datetime
) -> list[UUID]:
    """Write down that items are listed no longer; the variants whose offers changed by it. What
    was found there when it was asked for later stays."""
    if not items:
        return []
    await conn.execute(_GONE, shop.supplier_id, sorted(set(items)), moment, CURRENCY, asked_at)
    return await follow(conn, shop, items, moment)


async def follow(
    conn: Connection, shop: Shop, items: Sequence[str] | None, moment: datetime
) -> list[UUID]:
    """Let the offers of some items, or of all, be what counts of these; whose changed."""
    named = None if items is None else list(items)
    rows = await conn.fetch(_ITEMS, shop.supplier_id, named)
    if not rows:
        return []
    told = orjson.dumps([_told(row, shop.rate) for row in rows]).decode()
    changed = await conn.fetch(_FOLLOW, shop.supplier_id, told, moment)
    return [row["variant_id"] for row in changed]


def cost_here(cost: int | None, currency: str, rate: Decimal | None) -> int | None:
    """A cost in our money; None when it is not told, or nobody said what its currency costs."""
    if cost is None or currency == CURRENCY:
        return cost
    return None if rate is None else in_our_money(cost, rate)


def _told(row: Any, rate: Decimal | None) -> Mapping[str, Any]:
    cost = cost_here(row["cost"], row["currency"], rate)
    told = {name: row[name] for name in ("item", "availability", "stock")}
    return {**told, "cost": cost or None}


def _known(row: Any) -> Known:
    told, availability = Availability(row["told"]), Availability(row["availability"])
    dated = (row["told_cost"], row["cost"], row["cost_since"])
    return Known(*dated, told, availability, row["told_since"])


def _row(
    item: CatalogueItem, before: Known | None, damping: Damping, moment: datetime
) -> Mapping[str, Any]:
    told = availability_of(item)
    if before is None:
        known = first_known(item.cost, told, moment)
    else:
        known = settled(before, item.cost, told, damping, moment)
    return {
        "id": new_id(),
        "item": item.item,
        "name": item.name[:200],
        "currency": item.currency,
        "told_cost": known.told_cost,
        "cost": known.cost,
        "cost_since": known.cost_since,
        "told": known.told,
        "availability": known.availability,
        "told_since": known.told_since,
        "stock": item.stock,
        "unlimited": item.unlimited,
        "min_quantity": item.min_quantity,
        "max_quantity": item.max_quantity,
        "face_value": item.face_value,
        "account_fields": list(item.account_fields),
    }
