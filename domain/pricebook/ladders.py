"""Use case of ladders: what agents of a tier pay for one when they buy more at once (row E1)."""

from dataclasses import dataclass
from uuid import UUID

from domain import audit, catalog, priceguard
from domain.agents import Tier
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    Money,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricebook.models import PriceLadder
from domain.pricebook.refusals import TooLow
from domain.pricebook.rules import LadderStep, Step, step_fault
from domain.priceguard import InversionCause, Offered
from domain.pricing import SHOP_CURRENCY, PriceList

WRITE_SCOPE = "prices:write"
LADDER_SET = "price_ladder.set"
_LISTED = "SELECT amount FROM prices WHERE list_id = $1 AND variant_id = $2 AND tier = $3"
_LOCKED = "SELECT 1 FROM variants WHERE id = $1 FOR NO KEY UPDATE"
_IN_FORCE = """
SELECT from_quantities, amounts FROM price_ladders
WHERE list_id = $1 AND variant_id = $2 AND tier = $3 ORDER BY valid_from DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class LadderWish:
    """The steps of a variant's price for a tier, on a list or on the base list of the house's
    currency; none: one price for any quantity."""

    variant_id: UUID
    tier: Tier
    steps: tuple[Step, ...]
    list_code: str | None = None


async def set_ladder(actor: Actor, wish: LadderWish) -> list[LadderStep]:
    """Set a ladder from now on; earlier ones are kept. Audited, with its event; `prices:write`.

    The ladder that stands already writes nothing. Refuses (INVALID) the tier `retail`, a tier
    without a price on the list, and steps whose quantities do not rise or whose prices do not fall,
    with the step; an unknown list or variant; a step below its floor (PRICE_BELOW_FLOOR).
    """
    actor.require_scope(WRITE_SCOPE)
    try:
        async with transaction() as conn:
            currency, fresh = await keep_ladder(conn, actor, wish)
    except TooLow as refused:
        await priceguard.note_refused(refused.site_id, InversionCause.SAVE, refused.below)
        raise
    if fresh:
        wake_relay()
    return [LadderStep(step.from_quantity, Money(step.units, currency)) for step in wish.steps]


async def keep_ladder(conn: Connection, actor: Actor, wish: LadderWish) -> tuple[str, bool]:
    """As `set_ladder`, in the caller's transaction: the list's currency, and whether it was written
    or stood there already."""
    of_agents = wish.tier is not Tier.RETAIL
    refuse_unless(of_agents, Invalid(reason="tier_of_an_agent", field=("tier",)))
    code = wish.list_code or f"base-{SHOP_CURRENCY.lower()}"
    listed = await PriceList.filter(code=code).first()
    if listed is None:
        raise Refused(NotFound(what="price list", field=("listCode",)))
    # Whoever sets prices of the variant waits, and so do we for it.
    if not await conn.fetchval(_LOCKED, wish.variant_id):
        raise Refused(NotFound(what="variant", field=("variantId",)))
    place = (listed.id, wish.variant_id, wish.tier.value)
    row = await conn.fetchrow(_IN_FORCE, *place)
    given = ([s.from_quantity for s in wish.steps], [s.units for s in wish.steps])
    if given == ((row["from_quantities"], row["amounts"]) if row else ([], [])):
        return listed.currency, False
    price = await conn.fetchval(_LISTED, *place)
    refuse_unless(price is not None, Invalid(reason="ladder_without_price", field=("tier",)))
    fault = step_fault(wish.steps, price)
    if fault is not None:
        number, reason, field = fault
        raise Refused(Invalid(reason=reason, field=("steps", str(number), field)))
    await _refuse_below(conn, wish, listed)
    await catalog.touch_variants(conn, [wish.variant_id])
    made = await PriceLadder.create(
        id=new_id(),
        list_id=listed.id,
        variant_id=wish.variant_id,
        tier=wish.tier.value,
        from_quantities=given[0],
        amounts=given[1],
        valid_from=clock.now(),
        set_by=actor.user_id,
        created_at=clock.now(),
    )
    told = {str(s.from_quantity): str(Money(s.units, listed.currency)) for s in wish.steps}
    details = {"list": code, "tier": wish.tier.value, "steps": told}
    await audit.record(conn, actor, LADDER_SET, wish.variant_id, details)
    payload = {"variantId": encode_id(Prefix.VARIANT, wish.variant_id), **details}
    await record_events(conn, [Event(LADDER_SET, made.id, 1, payload)])
    return listed.currency, True


async def _refuse_below(conn: Connection, wish: LadderWish, listed: PriceList) -> None:
    """No step is below cost and minimum margin (row D7)."""
    judge = await priceguard.judge_of(conn, [wish.variant_id], listed.currency, listed.site_id)
    for number, step in enumerate(wish.steps):
        offered = [Offered(wish.tier.value, step.units)]
        refusals, below = judge.refusals(wish.variant_id, offered)
        for refusal in refusals.values():
            raise TooLow(refusal, ("steps", str(number), "price"), below, listed.site_id)
