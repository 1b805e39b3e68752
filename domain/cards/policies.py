"""How the cards of a variant are kept and sold: one row a variant, all of it with defaults."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from domain import audit, catalog
from domain.cards.batches import WRITE_SCOPE
from domain.cards.models import StockPolicy
from domain.kernel import (
    Actor,
    Conflict,
    Invalid,
    NotFound,
    Refused,
    act_as,
    clock,
    refuse_unless,
    transaction,
)

_ENSURE = """
INSERT INTO stock_policies (variant_id, safety_stock, expiry_margin_days, invalid_percent,
    invalid_minimum, hold_limit, choosable, shared, version, updated_at)
VALUES ($1, 0, 0, 10, 3, 20, false, false, 0, $2) ON CONFLICT DO NOTHING
"""
# From now on for many buyers.
_SHARE = "UPDATE cards SET state = 'shared' WHERE variant_id = $1 AND state = 'available'"
MAX_SKUS = 100
RANGES = {
    "safety_stock": (0, 10_000_000),
    "expiry_margin_days": (0, 3_650),
    "invalid_percent": (1, 100),
    "invalid_minimum": (1, 100_000),
    "hold_limit": (0, 100_000),
    "shared_uses": (0, 2_000_000_000),
}


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What of a policy changes; None leaves a value as it is."""

    safety_stock: int | None = None
    expiry_margin_days: int | None = None
    invalid_percent: int | None = None
    invalid_minimum: int | None = None
    hold_limit: int | None = None
    choosable: bool | None = None
    shared: bool | None = None
    shared_uses: int | None = None  # 0: no end

    def check(self) -> None:
        """Refuses every value that is out of its range."""
        faults = [
            Invalid(reason="policy_range", field=(_camel(name),))
            for name, (least, most) in RANGES.items()
            if (value := getattr(self, name)) is not None and not least <= value <= most
        ]
        if faults:
            raise Refused(*faults)


async def save_policy(
    actor: Actor, sku: str, change: PolicyChange, expected_version: int | None = None
) -> StockPolicy:
    """Change how a variant's cards are kept. Needs `cards:write`; audited.

    With `shared` the cards on the shelf become codes for many buyers, for good: taking the policy
    back stops their sale, and only what comes in afterwards is for one buyer each.

    Refuses an unknown sku, values out of range, and a version other than the expected (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    change.check()
    variant = (await catalog.variants_by_sku([sku])).get(sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    changed = {name: value for name, value in asdict(change).items() if value is not None}
    async with transaction() as conn:
        await conn.execute(_ENSURE, variant.id, clock.now())
        policy = await StockPolicy.filter(variant_id=variant.id).select_for_update().get()
        if expected_version not in (None, policy.version):
            raise Refused(Conflict(what="stock policy", field=("expectedVersion",)))
        policy.update_from_dict(changed)
        policy.shared_uses = policy.shared_uses or None
        one_way = not (policy.shared and policy.choosable)
        refuse_unless(one_way, Invalid(reason="shared_or_choosable", field=("shared",)))
        if policy.shared:
            await act_as(conn, actor, "shared")
            await conn.execute(_SHARE, variant.id)
        policy.version, policy.updated_at = policy.version + 1, clock.now()
        await policy.save(force_update=True)
        await audit.record(conn, actor, "stock_policy.save", variant.id, changed)
    return policy


async def policies_by_sku(actor: Actor, skus: Sequence[str]) -> list[StockPolicy]:
    """The policies of variants, by sku; one that was never changed has the defaults, as version 0.

    Needs `cards:read`. Unknown ones are left out; at most 100 are asked for at once.
    """
    actor.require_scope("cards:read")
    refuse_unless(len(skus) <= MAX_SKUS, Invalid(reason="too_many_skus", field=("skus",)))
    variants = await catalog.variants_by_sku(list(skus))
    ids = [variants[sku].id for sku in sorted(variants)]
    kept = {row.variant_id: row for row in await StockPolicy.filter(variant_id__in=ids)}
    moment = clock.now()
    return [
        kept.get(each) or StockPolicy(variant_id=each, version=0, updated_at=moment) for each in ids
    ]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
