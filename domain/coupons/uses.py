"""Uses of coupons: locked with an order, used when it is paid, released when it ends unpaid, given
back when all of its money went back; each once (mission row J1; invariant I11).

The database holds the limits and the moves (migration `coupons`). Everything here runs in the
caller's transaction, which has locked or made the order; limits are waited for after the order and
its cards, and before any account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from domain.coupons.asking import Facts
from domain.coupons.events import REDEEMED, RELEASED, RETURNED, told_use
from domain.coupons.models import CouponUse, DiscountBearer, UseState
from domain.coupons.rules import Applied, borne
from domain.coupons.statements import RECORD_USES
from domain.kernel import (
    Connection,
    Event,
    clock,
    crash_point,
    new_id,
    record_events,
    share_out,
)

# What refuses a use at the last moment: somebody else took it meanwhile.
TAKEN = frozenset(
    {
        *("coupon_used_once", "campaign_uses_within", "campaign_budget_within"),
        *("campaign_user_within", "campaign_device_within"),
    }
)
_MOVE = """
UPDATE coupon_uses SET state = $2::text,
    used_at = CASE WHEN $2::text = 'used' THEN $3::timestamptz ELSE used_at END,
    ended_at = CASE WHEN $2::text = 'used' THEN NULL ELSE $3::timestamptz END
WHERE id IN (SELECT id FROM coupon_uses WHERE order_id = $1 AND state = ANY($4::text[])
    AND ($2::text <> 'returned' OR given_back) ORDER BY campaign_id FOR UPDATE)
RETURNING id, user_id, order_id, campaign_id, amount, currency
"""


@dataclass(frozen=True, slots=True)
class Use:
    """One use that an order is about to keep."""

    id: UUID
    facts: Facts
    position: int
    amount: int
    parts: Mapping[UUID, int]  # by order line
    house_amount: int
    bearers: Mapping[DiscountBearer, int]  # of `house_amount`


def drafted(
    applied: Sequence[Applied],
    parts: Sequence[Mapping[UUID, int]],
    house_total: int,
    *,
    agents: bool,
) -> list[Use]:
    """The uses of an order: of each coupon what came off by line; `house_total` in the books'
    currency is what came off in all. Without `agents` on the sale the house bears their share."""
    amounts = [each.amount for each in applied]
    uses = []
    for position, (each, of_lines, house) in enumerate(
        zip(applied, parts, share_out(house_total, amounts), strict=True)
    ):
        facts: Facts = each.candidate.facts
        bearers = borne(house, shares_of(facts, agents=agents))
        uses.append(Use(new_id(), facts, position, each.amount, of_lines, house, bearers))
    return uses


def shares_of(facts: Facts, *, agents: bool) -> tuple[int, int, int]:
    """Who bears a campaign on a sale with or without agents who earn on it."""
    platform, agent, supplier = facts.shares
    return (platform, agent, supplier) if agents else (platform + agent, 0, supplier)


def use_columns(
    uses: Sequence[Use], currency: str, state: UseState, device: bytes
) -> dict[str, Any]:
    """The parameters of `INSERT_USES`, but for the order's own."""
    return {
        "use_state": state.value,
        "use_currency": currency,
        "use_ids": [each.id for each in uses],
        "use_campaigns": [each.facts.campaign_id for each in uses],
        "use_versions": [each.facts.version for each in uses],
        "use_coupons": [each.facts.coupon_id for each in uses],
        "use_devices": [device if each.facts.counts_devices else None for each in uses],
        "use_positions": [each.position for each in uses],
        "use_names_zh": [each.facts.name_zh for each in uses],
        "use_names_en": [each.facts.name_en for each in uses],
        "use_amounts": [each.amount for each in uses],
        "use_parts": [_json(each.parts) for each in uses],
        "use_houses": [each.house_amount for each in uses],
        "use_platforms": [each.bearers[DiscountBearer.PLATFORM] for each in uses],
        "use_agents": [each.bearers[DiscountBearer.AGENT] for each in uses],
        "use_suppliers": [each.bearers[DiscountBearer.SUPPLIER] for each in uses],
        "use_given_back": [each.facts.given_back for each in uses],
    }


def told_uses(uses: Sequence[Use], order_id: UUID, user_id: UUID, currency: str) -> list[Event]:
    """What is told of uses that are written as used."""
    return [
        told_use(
            REDEEMED, each.id, 1, user_id, order_id, each.facts.campaign_id, each.amount, currency
        )
        for each in uses
    ]


async def record_uses(
    conn: Connection,
    uses: Sequence[Use],
    order_id: UUID,
    user_id: UUID,
    moment: datetime,
    currency: str,
    state: UseState,
    device: bytes,
) -> None:
    """Lock coupons for an order that stands in the caller's transaction. Whoever was faster is told
    by the database's refusal, see `is_taken`."""
    given = {
        "order_id": order_id,
        "buyer": user_id,
        "moment": moment,
        **use_columns(uses, currency, state, device),
    }
    await conn.execute(RECORD_USES.text, *RECORD_USES.values(given))
    if state is UseState.USED:
        await record_events(conn, told_uses(uses, order_id, user_id, currency))


def is_taken(error: asyncpg.PostgresError) -> bool:
    """Whether a database error says that a coupon or the rest of a campaign went to another."""
    return getattr(error, "constraint_name", None) in TAKEN


async def consume(conn: Connection, order_id: UUID) -> bool:
    """The order is paid: what it locked is used. What it had released is taken again, where it is
    still to be had; False when it is not, and nothing was changed then."""
    try:
        async with conn.transaction():
            await _move(conn, order_id, UseState.USED, ("locked", "released"), REDEEMED)
    except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError) as error:
        if not is_taken(error):
            raise
        return False
    return True


async def release(conn: Connection, order_id: UUID) -> int:
    """The order ended unpaid: what it locked is free again; how many. A second time it is none."""
    released = await _move(conn, order_id, UseState.RELEASED, ("locked",), RELEASED)
    crash_point("coupons.released")
    return released


async def give_back(conn: Connection, order_id: UUID) -> int:
    """All money of the order went back: coupons of campaigns that say so are good again; how
    many."""
    return await _move(conn, order_id, UseState.RETURNED, ("used",), RETURNED)


async def _move(
    conn: Connection, order_id: UUID, to: UseState, source: tuple[str, ...], event: str
) -> int:
    rows = await conn.fetch(_MOVE, order_id, to.value, clock.now(), list(source))
    if rows:
        sequence = {UseState.USED: 1, UseState.RELEASED: 2, UseState.RETURNED: 3}[to]
        told = [
            told_use(
                event,
                row["id"],
                sequence,
                row["user_id"],
                row["order_id"],
                row["campaign_id"],
                row["amount"],
                row["currency"],
            )
            for row in rows
        ]
        await record_events(conn, told)
    return len(rows)


async def uses_of_orders(order_ids: Sequence[UUID]) -> dict[UUID, list[CouponUse]]:
    """What came off orders, in the order in which it did; one statement for all."""
    found: dict[UUID, list[CouponUse]] = {each: [] for each in order_ids}
    rows = CouponUse.filter(order_id__in=list(order_ids)).order_by("position")
    for use in await rows:
        found[use.order_id].append(use)
    return found


def _json(parts: Mapping[UUID, int]) -> str:
    return orjson.dumps({str(line): amount for line, amount in parts.items()}).decode()
