"""How the fields of routing are answered (back office)."""

import strawberry
from strawberry import Parent

from domain import fulfilment, routing
from domain.kernel import Money, Prefix, decode_id, encode_id
from domain.routing import PolicyKind
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def route_plan(
    info: Info, sku: str, quantity: int = 1, max_unit_cost: MoneyInput | None = None
) -> routing.RoutePlan:
    """What so many pieces of a variant would be bought from now."""
    guard = money_of(max_unit_cost, "maxUnitCost").units if max_unit_cost else None
    return await fulfilment.route_plan(info.context.actor, sku, quantity, guard)


async def policies(info: Info) -> list[routing.RoutingPolicy]:
    """All policies, the widest first."""
    return await routing.list_policies(info.context.actor)


async def routing_policy_save(
    info: Info,
    kind: PolicyKind,
    sku: str | None = None,
    category_slug: str | None = None,
    failure_cost_rate: int = 500,
    cost_tolerance: int | None = None,
    wait_seconds: int = 120,
    parts: bool = True,
) -> routing.RoutingPolicy:
    """Create the policy of a SKU, a category or all the rest, or change it."""
    wish = routing.PolicyWish(
        kind, sku, category_slug, failure_cost_rate, cost_tolerance, wait_seconds, parts
    )
    return await routing.save_policy(info.context.actor, wish)


async def routing_policy_delete(info: Info, id: strawberry.ID) -> routing.RoutingPolicy:
    """Take a policy away."""
    policy_id = decode_id(Prefix.ROUTING_POLICY, id, field=("id",))
    return await routing.delete_policy(info.context.actor, policy_id)


def scope_id_of(policy: Parent[routing.RoutingPolicy]) -> strawberry.ID | None:
    """The variant or the category that a policy is for."""
    if policy.scope_id is None:
        return None
    variant = policy.scope is routing.PolicyScope.VARIANT
    prefix = Prefix.VARIANT if variant else Prefix.CATEGORY
    return strawberry.ID(encode_id(prefix, policy.scope_id))


def cost(candidate: Parent[routing.Considered]) -> Money:
    """The supplier's price of one piece."""
    return Money(candidate.cost, candidate.currency)


def fee(candidate: Parent[routing.Considered]) -> Money:
    """What one piece costs us beside its price."""
    return Money(candidate.fee, candidate.currency)


def landed_cost(candidate: Parent[routing.Considered]) -> Money:
    """Price, fee and the failures to be expected, of one piece."""
    return Money(candidate.landed_cost, candidate.currency)
