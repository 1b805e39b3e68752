"""Prices that a cost has overtaken: found, acted upon by their guard, and taken back when the cost
falls again (rows D6, D7).

Looks without locks; what must change is decided again with the variant locked. May be killed
anywhere: the next look finds the rest. No order is sold below its floor meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain import audit, catalog, priceguard
from domain.kernel import (
    SYSTEM,
    Connection,
    clock,
    connection,
    crash_point,
    minor_step,
    new_id,
    plain,
    record_events,
    transaction,
    wake_relay,
)
from domain.priceguard import Below, GuardAction, InversionCause, Judge
from domain.pricing.queries import standing_prices
from domain.pricing.rules import SHOP_CURRENCY, TIERS, TierPrice
from domain.pricing.service import price_changed, save_prices
from domain.pricing.statements import GUARDED_PRICES

AT_ONCE = 500
BEST_FIRST = tuple(reversed(TIERS))
Place = tuple[UUID, UUID | None]  # of prices: their list, and its site

_NEXT = """
SELECT id FROM variants v WHERE id > $1 AND EXISTS (SELECT 1 FROM prices WHERE variant_id = v.id)
ORDER BY id LIMIT $2
"""
_LOCK = "SELECT 1 FROM variants WHERE id = $1 FOR UPDATE"
_OPEN = """
SELECT id, variant_id, list_id, site_id, tier, action, price, cost, floor, raised_to
FROM price_inversions WHERE cause = 'cost' AND closed_at IS NULL AND variant_id = ANY($1)
"""
_BEGIN = """
INSERT INTO price_inversions (id, variant_id, site_id, list_id, tier, cause, action, price, cost,
    floor, raised_to, refused, pieces, prevented, day, opened_at, last_at)
VALUES ($1, $2, $3, $4, $5, 'cost', $6, $7, $8, $9, $10, 0, 0, 0, $11, $12, $12)
"""
_GO_ON = """
UPDATE price_inversions SET action = $2, price = $3, cost = $4, floor = $5, raised_to = $6,
    last_at = $7
WHERE id = $1
"""
_CLOSE = "UPDATE price_inversions SET closed_at = $2, last_at = $2 WHERE id = $1"
_HIDDEN = """
SELECT EXISTS (SELECT 1 FROM price_inversions WHERE variant_id = $1
    AND site_id IS NOT DISTINCT FROM $2 AND cause = 'cost' AND closed_at IS NULL
    AND action = 'hide_variant')
"""


@dataclass(slots=True)
class _Shelf:
    """The prices of one variant on one list, by tier, and its inversions that last."""

    variant_id: UUID
    list_id: UUID
    site_id: UUID | None
    prices: dict[str, int] = field(default_factory=dict)
    open: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a shelf should be: the prices it should have, and which of them do not cover."""

    prices: Mapping[str, int]
    low: Mapping[str, tuple[Below, GuardAction]]


async def watch_prices(variant_ids: Sequence[UUID] | None = None) -> int:
    """Look at the prices of some variants, or of all; how many lists of a variant changed."""
    changed, last = 0, UUID(int=0)
    waiting = sorted(variant_ids) if variant_ids is not None else None
    while True:
        async with connection() as conn:
            if waiting is None:
                chunk = [row["id"] for row in await conn.fetch(_NEXT, last, AT_ONCE)]
            else:
                chunk, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            suspects = await _look(conn, chunk) if chunk else []
        for shelf, judge in suspects:
            if not _stands(shelf, _judged(shelf, judge)):
                changed += await _settle(shelf.variant_id, (shelf.list_id, shelf.site_id))
        if not chunk:
            break
        last = chunk[-1]
    if changed:
        wake_relay()
    return changed


async def _look(conn: Connection, variant_ids: Sequence[UUID]) -> list[tuple[_Shelf, Judge]]:
    """All shelves of variants: those with prices in force, and those with open inversions."""
    shelves: dict[tuple[UUID, UUID], _Shelf] = {}
    moment = clock.now()
    rows = await conn.fetch(GUARDED_PRICES, list(variant_ids), SHOP_CURRENCY, moment)
    for variant_id, list_id, site_id, tier, amount in rows:
        key = (variant_id, list_id)
        shelf = shelves.setdefault(key, _Shelf(variant_id, list_id, site_id))
        shelf.prices[tier] = amount
    for row in await conn.fetch(_OPEN, list(variant_ids)):
        key = (row["variant_id"], row["list_id"])
        shelf = shelves.setdefault(key, _Shelf(*key, row["site_id"]))
        shelf.open[row["tier"]] = row
    first = await priceguard.judge_of(conn, variant_ids, SHOP_CURRENCY, None)
    judges: dict[UUID | None, Judge] = {None: first}
    for shelf in shelves.values():
        if shelf.site_id not in judges:
            guards = await priceguard.guards_of(conn, shelf.site_id)
            judges[shelf.site_id] = replace(first, guards=guards)
    return [(shelf, judges[shelf.site_id]) for shelf in shelves.values()]


def _judged(shelf: _Shelf, judge: Judge) -> _Verdict:
    """What the guards say of a shelf. A price that was raised is judged as it was before."""
    before = {
        tier: shelf.open[tier]["price"] if _was_raised(shelf, tier) else amount
        for tier, amount in shelf.prices.items()
    }
    floors = {tier: judge.floor(shelf.variant_id, tier) for tier in before}
    raises = {
        tier: floor
        for tier, floor in floors.items()
        if judge.guards[tier].action is GuardAction.RAISE_TO_FLOOR
    }
    after = priceguard.raised(before, raises, BEST_FIRST, minor_step(SHOP_CURRENCY))
    facts = judge.facts.get(shelf.variant_id)
    cost = (facts.cost if facts else None) or 0
    low: dict[str, tuple[Below, GuardAction]] = {}
    for tier, price in before.items():
        floor = max(floors[tier], after[tier])  # what is lifted only to keep the order of tiers
        if price < floor:
            action = judge.guards[tier].action
            if after[tier] != price:
                action = GuardAction.RAISE_TO_FLOOR
            low[tier] = (Below(shelf.variant_id, tier, price, cost, floor), action)
    return _Verdict(after, low)


def _was_raised(shelf: _Shelf, tier: str) -> bool:
    """Whether a price is what the guard raised it to; else somebody has changed it since."""
    row = shelf.open.get(tier)
    return row is not None and row["raised_to"] == shelf.prices.get(tier)


def _stands(shelf: _Shelf, verdict: _Verdict) -> bool:
    """Whether nothing is to be done or noted."""
    if dict(verdict.prices) != shelf.prices or verdict.low.keys() != shelf.open.keys():
        return False
    return all(
        _noted(each, action, verdict.prices[tier]) == _row(shelf.open[tier])
        for tier, (each, action) in verdict.low.items()
    )


def _noted(below: Below, action: GuardAction, price: int) -> tuple[str, int, int, int, int | None]:
    raised_to = price if action is GuardAction.RAISE_TO_FLOOR else None
    return (action.value, below.price, below.cost, below.floor, raised_to)


def _row(row: Any) -> tuple[str, int, int, int, int | None]:
    return (row["action"], row["price"], row["cost"], row["floor"], row["raised_to"])


async def _settle(variant_id: UUID, place: Place) -> int:
    """Do what the guards say of one shelf, in one transaction, with the variant locked."""
    async with transaction() as conn:
        await conn.execute(_LOCK, variant_id)
        found = [each for each in await _look(conn, [variant_id]) if each[0].list_id == place[0]]
        for shelf, judge in found:
            verdict = _judged(shelf, judge)
            if _stands(shelf, verdict):
                return 0
            await _change_prices(conn, shelf, verdict)
            await _note(conn, shelf, verdict)
            await _hide_or_show(conn, variant_id, shelf.site_id)
            crash_point("pricing.guard_written")
    return len(found)


async def _change_prices(conn: Connection, shelf: _Shelf, verdict: _Verdict) -> None:
    wanted = {tier: price for tier, price in verdict.prices.items() if shelf.prices[tier] != price}
    if not wanted:
        return
    variant_id, currency = shelf.variant_id, SHOP_CURRENCY
    standing = (await standing_prices(conn, [variant_id], currency, shelf.list_id))[variant_id]
    changed = []
    for tier, price in wanted.items():
        before = standing[tier].compare_at
        struck_out = before if before is not None and before > price else None
        changed.append((variant_id, TierPrice(tier, price, struck_out, currency)))
    versions = await catalog.touch_variants(conn, [variant_id])
    await save_prices(conn, SYSTEM, changed, currency, shelf.list_id)
    details = {
        "from": {tier: plain(shelf.prices[tier]) for tier in wanted},
        "to": {tier: plain(price) for tier, price in wanted.items()},
    }
    await audit.record(conn, SYSTEM, "price.guard", variant_id, details)
    await record_events(conn, [price_changed(variant_id, versions[variant_id], currency)])


async def _note(conn: Connection, shelf: _Shelf, verdict: _Verdict) -> None:
    """Inversions begin, go on, or are over."""
    moment = clock.now()
    for tier, (below, action) in verdict.low.items():
        noted = _noted(below, action, verdict.prices[tier])
        if tier in shelf.open:
            await conn.execute(_GO_ON, shelf.open[tier]["id"], *noted, moment)
            continue
        inversion = new_id()
        place = (inversion, shelf.variant_id, shelf.site_id, shelf.list_id, tier)
        await conn.execute(_BEGIN, *place, *noted, moment.date(), moment)
        told = (inversion, below, shelf.site_id, InversionCause.COST, action)
        await priceguard.tell_inversion(conn, priceguard.INVERTED, *told)
    for tier, row in shelf.open.items():
        if tier not in verdict.low:
            await conn.execute(_CLOSE, row["id"], moment)
            below = Below(shelf.variant_id, tier, row["price"], row["cost"], row["floor"])
            how = (InversionCause.COST, GuardAction(row["action"]))
            await priceguard.tell_inversion(
                conn, priceguard.RECOVERED, row["id"], below, shelf.site_id, *how
            )


async def _hide_or_show(conn: Connection, variant_id: UUID, site_id: UUID | None) -> None:
    """A variant is off a site's shelf while a guard of one of its lists says so."""
    hidden = await conn.fetchval(_HIDDEN, variant_id, site_id)
    move = catalog.withhold if hidden else catalog.give_back
    if await move(conn, variant_id, site_id, catalog.PRICE_INVERTED):
        details = {"siteId": str(site_id) if site_id else None, "hidden": hidden}
        await audit.record(conn, SYSTEM, "variant.withheld", variant_id, details)
