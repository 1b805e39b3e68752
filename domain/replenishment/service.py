"""How variants are bought for stock, as operators want it."""

from dataclasses import dataclass

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
from domain.replenishment.models import ReplenishMode, ReplenishPolicy

WRITE_SCOPE = "purchases:write"
READ_SCOPE = "purchases:read"
LIMITS = {
    "lead_days": (0, 365),
    "cover_days": (1, 365),
    "max_quantity": (1, 100_000),
    "auto_limit": (0, 2**53),
    "two_approvals_from": (0, 2**53),
}


@dataclass(frozen=True, slots=True)
class PolicyWish:
    """A policy as it shall be, of a SKU or, without one, of all the rest; see `ReplenishPolicy`."""

    mode: ReplenishMode
    sku: str | None = None
    lead_days: int = 1
    cover_days: int | None = None
    max_quantity: int = 500
    auto_limit: int = 0
    two_approvals_from: int = 100_000_000


async def save_policy(actor: Actor, wish: PolicyWish) -> ReplenishPolicy:
    """Keep a policy, or change the one of this SKU. Needs `purchases:write`; audited.

    Refuses an unknown SKU and numbers out of their limits.
    """
    actor.require_scope(WRITE_SCOPE)
    for name, (least, most) in LIMITS.items():
        value = getattr(wish, name)
        fits = value is None or least <= value <= most
        refuse_unless(fits, Invalid(reason="replenish_limits", field=(_camel(name),)))
    variant_id = None
    if wish.sku is not None:
        variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
        if variant is None:
            raise Refused(NotFound(what="variant", field=("sku",)))
        variant_id = variant.id
    async with transaction() as conn:
        found = ReplenishPolicy.filter(variant_id=variant_id).select_for_update()
        policy = await found.first() or ReplenishPolicy(
            id=new_id(), variant_id=variant_id, version=0
        )
        policy.update_from_dict({name: getattr(wish, name) for name in LIMITS})
        policy.mode, policy.version = wish.mode, policy.version + 1
        policy.updated_at = clock.now()
        await policy.save(force_create=policy.version == 1)
        details = {"sku": wish.sku, "mode": wish.mode.value}
        details |= {name: getattr(wish, name) for name in LIMITS}
        await audit.record(conn, actor, "replenish_policy.save", policy.id, details)
    return policy


async def list_policies(actor: Actor) -> list[ReplenishPolicy]:
    """All policies, that of all the rest first; needs `purchases:read`."""
    actor.require_scope(READ_SCOPE)
    rows = await ReplenishPolicy.all().order_by("id")
    return sorted(rows, key=lambda each: each.variant_id is not None)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
