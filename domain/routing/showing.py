"""How a plan explains itself, at once and kept with the decision of an attempt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.kernel import Actor, NotFound, Refused, connection
from domain.routing.models import PolicyKind, PolicyScope, RouteDecision
from domain.routing.queries import READ_SCOPE, CountOpen
from domain.routing.rules import BEST, Exclusion, Wanted
from domain.routing.service import plan


@dataclass(frozen=True, slots=True)
class Considered:
    """One offer at its place. Amounts in units for one piece, `success` and `score` in 1/10000.

    `landed_cost` is price, fee and the failures to be expected; `health` the score of its supplier,
    which is asked after all others while it is `demoted`; `excluded_because` why it was not asked,
    None of whatever might have been.
    """

    offer_id: UUID
    supplier_id: UUID
    supplier_code: str
    item: str
    cost: int
    fee: int
    landed_cost: int
    currency: str
    success: int
    score: int
    health: int
    demoted: bool
    excluded_because: Exclusion | None


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """All offers of a variant in the order in which they are tried, first choice first."""

    kind: PolicyKind
    scope: PolicyScope
    candidates: Sequence[Considered]


async def route_plan(
    actor: Actor, variant_id: UUID | None, wanted: Wanted, count_open: CountOpen
) -> RoutePlan:
    """Explain what a new line of a variant would be bought from now; changes nothing.

    Needs `suppliers:read`; refuses an unknown SKU (no variant).
    """
    actor.require_scope(READ_SCOPE)
    if variant_id is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    async with connection() as conn:
        policy, planned = await plan(conn, variant_id, wanted, count_open)
    return RoutePlan(policy.kind, policy.scope, [_considered(each.row) for each in planned])


async def plans_of(
    attempts: Sequence[tuple[UUID, int]],
) -> dict[tuple[UUID, int], RoutePlan | None]:
    """The plans that attempts were made by, each by its line and number; of very many offers the
    first fifty. One statement."""
    wanted = [line_id for line_id, _ in attempts]
    rows = await RouteDecision.filter(line_id__in=wanted).order_by("number")
    first: dict[UUID, RouteDecision] = {}
    for row in rows:
        first.setdefault(row.line_id, row)
    return {
        (row.line_id, row.number): RoutePlan(
            row.kind, row.scope, [_considered(each) for each in shown_rows(row, first[row.line_id])]
        )
        for row in rows
    }


def shown_rows(decision: RouteDecision, first: RouteDecision) -> list[dict[str, Any]]:
    """The offers of a decision in their order, where it is kept as what differs from the first."""
    kept = decision.candidates
    if isinstance(kept, list):
        return kept
    return [kept.get(row["offer_id"], row) for row in shown_rows(first, first)]


def _considered(row: dict[str, Any]) -> Considered:
    why = row["excluded"]
    return Considered(
        offer_id=UUID(row["offer_id"]),
        supplier_id=UUID(row["supplier_id"]),
        supplier_code=row["supplier"],
        item=row["item"],
        cost=row["cost"],
        fee=row["fee"],
        landed_cost=row["landed"],
        currency=row["currency"],
        success=row["success"],
        score=row["score"],
        health=row.get("health", BEST),  # kept before there was any
        demoted=row.get("demoted", False),
        excluded_because=Exclusion(why) if why else None,
    )
