"""What a sale would earn whom, worked out by the same rules and not written (mission row H1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import pricebook, priceguard
from domain.commissions.rules import Beneficiary, Earned, explain, read_rules, release_at, split
from domain.commissions.ruling import READ_SCOPE
from domain.commissions.statements import SIMULATED
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    Invalid,
    Money,
    NotFound,
    Refused,
    clock,
    connection,
    refuse_unless,
)

MAX_PIECES = 100_000


@dataclass(frozen=True, slots=True)
class SimulationWish:
    """A sale that might be: through which agent, and what differs from how things stand now."""

    sku: str
    promoter_code: str
    quantity: int = 1
    unit_price: int | None = None  # in units of 1/10000; None: the retail price
    unit_cost: int | None = None  # None: of the next card, or of the cheapest offer
    at: datetime | None = None  # None: now


@dataclass(frozen=True, slots=True)
class SimulatedShare:
    """What one agent would earn."""

    agent_id: UUID
    agent_name: str
    level: int
    basis: Money
    amount: Money
    available_at: datetime
    rule: dict[str, Any]

    def explained(self, language: str) -> str:
        """How it would come about, in one sentence."""
        return explain(self.rule, str(self.basis), str(self.amount), language)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A sale that might be, to the last 1/10000. `house`: what the house keeps of the margin."""

    price: Money
    cost: Money
    margin: Money
    shares: list[SimulatedShare]
    house: Money


async def simulate(actor: Actor, wish: SimulationWish, currency: str = "CNY") -> Simulation:
    """Work a sale out. Needs `commissions:read`; writes nothing.

    Refuses an unknown SKU or promoter code (NOT_FOUND), and goods without a price or a known cost
    unless these are given (INVALID).
    """
    actor.require_scope(READ_SCOPE)
    fits = 1 <= wish.quantity <= MAX_PIECES
    refuse_unless(fits, Invalid(reason="simulation_quantity", field=("quantity",)))
    moment = wish.at or clock.now()
    given = {
        "sku": wish.sku,
        "promoter": wish.promoter_code.strip().upper(),
        "site": MAIN_SITE_ID,
        "currency": currency,
        "quantity": wish.quantity,
        "moment": moment,
    }
    async with connection() as conn:
        row = await conn.fetchrow(SIMULATED.text, *SIMULATED.values(given))
    if row is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    if row["id1"] is None:
        raise Refused(NotFound(what="agent", field=("promoterCode",)))
    return _worked_out(wish, row, moment, currency)


def _worked_out(wish: SimulationWish, row: Any, moment: datetime, currency: str) -> Simulation:
    prices: dict[str, int] = orjson.loads(row["prices"] or "{}")
    paid = pricebook.paid_up(orjson.loads(row["own_prices"] or "[]"))
    price = wish.unit_price if wish.unit_price is not None else prices.get("retail")
    cost = wish.unit_cost if wish.unit_cost is not None else row["unit_cost"]
    if price is None or price <= 0:
        raise Refused(Invalid(reason="simulation_price", field=("unitPrice",)))
    if cost is None or cost < 0:
        raise Refused(Invalid(reason="simulation_cost", field=("unitCost",)))
    stored_value = row["delivery_kind"] == "GIFT_CARD"
    levels = [level for level in (1, 2, 3) if row[f"id{level}"] is not None and not stored_value]
    chain = [
        Beneficiary(
            agent_id=row[f"id{level}"],
            level=level,
            tier=row[f"tier{level}"],
            unit_price=paid[level - 1] if level <= len(paid) else None,
        )
        for level in levels
    ]
    total, costs = price * wish.quantity, cost * wish.quantity
    shares = split(
        unit_price=price,
        quantity=wish.quantity,
        cost=costs,
        chain=chain,
        rules=read_rules(orjson.loads(row["rules"])),
        least=priceguard.margin_in(row["margin"]) if row["guarded"] else priceguard.NO_MARGIN,
    )
    left = total - costs - sum(share.amount for share in shares)
    return Simulation(
        price=Money(total, currency),
        cost=Money(costs, currency),
        margin=Money(total - costs, currency),
        shares=[_shown(share, row[f"name{share.level}"], moment, currency) for share in shares],
        house=Money(left, currency),
    )


def _shown(share: Earned, name: str, moment: datetime, currency: str) -> SimulatedShare:
    return SimulatedShare(
        agent_id=share.agent_id,
        agent_name=name,
        level=share.level,
        basis=Money(share.basis, currency),
        amount=Money(share.amount, currency),
        available_at=release_at(moment, share.rule["holdDays"]),
        rule=share.rule,
    )
