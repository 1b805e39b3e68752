"""Policies, as operators keep them: for all, for a category and those below it, for a variant."""

from dataclasses import dataclass
from uuid import UUID

from domain import audit, catalog
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    refuse_unless,
    transaction,
)
from domain.routing.models import PolicyKind, PolicyScope, RoutingPolicy

WRITE_SCOPE = "suppliers:write"
MOST_RATE, MOST_WAIT = 100_000, 86_400


@dataclass(frozen=True, slots=True)
class PolicyWish:
    """A policy as it shall be: for the SKU, else for the category, else for all the rest.

    Rates in 1/10000; a `cost_tolerance` of None permits all that the line's guard does.
    """

    kind: PolicyKind
    sku: str | None = None
    category: str | None = None  # its slug
    failure_cost_rate: int = 500
    cost_tolerance: int | None = None
    wait_seconds: int = 120
    parts: bool = True  # what comes in part is kept for its line, and the rest bought elsewhere


async def save_policy(actor: Actor, wish: PolicyWish) -> RoutingPolicy:
    """Create the policy of this scope, or change it. Needs `suppliers:write`; audited.

    Refuses an unknown SKU or category, both at once, and numbers out of their limits.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    async with transaction() as conn:
        scope, scope_id = await _scope_of(wish)
        found = RoutingPolicy.filter(scope=scope, scope_id=scope_id)
        if scope is PolicyScope.DEFAULT:
            found = RoutingPolicy.filter(scope=scope)
        policy = await found.select_for_update().first()
        policy = policy or RoutingPolicy(id=new_id(), scope=scope, scope_id=scope_id, version=0)
        policy.kind, policy.failure_cost_rate = wish.kind, wish.failure_cost_rate
        policy.cost_tolerance, policy.wait_seconds = wish.cost_tolerance, wish.wait_seconds
        policy.parts = wish.parts
        policy.version, policy.updated_at = policy.version + 1, clock.now()
        await policy.save(force_create=policy.version == 1)
        details = {
            "scope": scope.value,
            "of": wish.sku or wish.category,
            "kind": wish.kind.value,
            "failureCostRate": wish.failure_cost_rate,
            "costTolerance": wish.cost_tolerance,
            "waitSeconds": wish.wait_seconds,
            "parts": wish.parts,
        }
        await audit.record(conn, actor, "routing_policy.save", policy.id, details)
    return policy


async def delete_policy(actor: Actor, policy_id: UUID) -> RoutingPolicy:
    """Take a policy away; the next wider one counts. Needs `suppliers:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        policy = await RoutingPolicy.filter(id=policy_id).select_for_update().first()
        if policy is None:
            raise Refused(NotFound(what="routing policy", field=("id",)))
        await policy.delete()
        details = {"scope": policy.scope.value, "kind": policy.kind.value}
        await audit.record(conn, actor, "routing_policy.delete", policy.id, details)
    return policy


def _check(wish: PolicyWish) -> None:
    one = wish.sku is None or wish.category is None
    refuse_unless(one, Invalid(reason="policy_scope", field=("categorySlug",)))
    fits = 0 <= wish.failure_cost_rate <= MOST_RATE
    refuse_unless(fits, Invalid(reason="policy_rate", field=("failureCostRate",)))
    fits = wish.cost_tolerance is None or 0 <= wish.cost_tolerance <= MOST_RATE
    refuse_unless(fits, Invalid(reason="policy_rate", field=("costTolerance",)))
    fits = 0 <= wish.wait_seconds <= MOST_WAIT
    refuse_unless(fits, Invalid(reason="policy_wait", field=("waitSeconds",)))


async def _scope_of(wish: PolicyWish) -> tuple[PolicyScope, UUID | None]:
    if wish.sku is not None:
        variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
        if variant is None:
            raise Refused(NotFound(what="variant", field=("sku",)))
        return PolicyScope.VARIANT, variant.id
    if wish.category is None:
        return PolicyScope.DEFAULT, None
    category = await catalog.Category.filter(slug=wish.category).first()
    if category is None:
        raise Refused(NotFound(what="category", field=("categorySlug",)))
    return PolicyScope.CATEGORY, category.id
