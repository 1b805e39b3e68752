"""From needs to proposals, which explain themselves (rows D4, D5, D10).

One proposal of a variant runs at a time; the database refuses a second one, so it does not matter
who looks, how often, or who dies in between.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain import audit, catalog
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    connection,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.replenishment import events
from domain.replenishment.budgets import left_of
from domain.replenishment.looking import Choice, Stocked, choices_of, look, most_cost_of
from domain.replenishment.models import ProposalState, PurchaseProposal, ReplenishMode
from domain.replenishment.refusals import NothingToBuy, ProposalRunning
from domain.replenishment.rules import Bounds, affordable, approvals_needed, limited_by

WRITE_SCOPE = "purchases:write"
AT_ONCE = 200
VALID_FOR = timedelta(days=1)  # an open proposal is made anew, from newer figures, after this long
AFTER_A_FAILURE = timedelta(minutes=30)
MAX_QUANTITY = 100_000

_NEXT = """
SELECT v.id FROM variants v
WHERE v.id > $1 AND v.delivery_kind IN ('CARD_CODE', 'LINK') AND v.status = 'active'
    AND NOT EXISTS (SELECT 1 FROM purchase_proposals p WHERE p.variant_id = v.id
        AND (p.state IN ('open', 'approved', 'buying')
            OR (p.state IN ('failed', 'declined') AND p.closed_at > $2)))
ORDER BY v.id LIMIT $3
"""
_EXPIRE = """
UPDATE purchase_proposals SET state = 'expired', closed_at = $2
WHERE state = 'open' AND proposed_at < $1 RETURNING id
"""


async def plan_all() -> int:
    """Look at every variant that is kept in stock, and propose what is needed; how many."""
    await expire_proposals()
    made, last = 0, UUID(int=0)
    while True:
        async with connection() as conn:
            since = clock.now() - AFTER_A_FAILURE
            rows = await conn.fetch(_NEXT, last, since, AT_ONCE)
        if not rows:
            return made
        made += await plan_some([row["id"] for row in rows])
        last = rows[-1]["id"]


async def plan_some(variant_ids: Sequence[UUID]) -> int:
    """Propose what some variants need; how many proposals were made."""
    async with connection() as conn:
        found = await look(conn, variant_ids)
    made = 0
    for stocked in found:
        if stocked.need.quantity and stocked.policy.mode is not ReplenishMode.OFF:
            made += await _propose_within(stocked) is not None
    if made:
        wake_relay()
    return made


async def propose(actor: Actor, sku: str, quantity: int | None = None) -> PurchaseProposal:
    """Propose a purchase by hand: so many pieces, or what is needed. Needs `purchases:write`.

    Somebody else approves it. Refuses an unknown SKU, one that is not kept in stock or has no
    policy, a quantity out of range, a variant with a proposal under way (PROPOSAL_RUNNING), and
    when nothing can be bought within budget, balance and price (NOTHING_TO_BUY).
    """
    actor.require_scope(WRITE_SCOPE)
    fits = quantity is None or 1 <= quantity <= MAX_QUANTITY
    refuse_unless(fits, Invalid(reason="purchase_quantity", field=("quantity",)))
    variant = (await catalog.variants_by_sku([sku])).get(sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    async with connection() as conn:
        found = await look(conn, [variant.id])
    refuse_unless(bool(found), NothingToBuy(reason="not_stocked", field=("sku",)))
    (stocked,) = found
    wanted = stocked.need.quantity if quantity is None else quantity
    refuse_unless(wanted > 0, NothingToBuy(reason="enough_in_stock", field=("sku",)))
    made = await _propose_within(stocked, actor, wanted)
    if made is None:
        raise Refused(ProposalRunning(sku=sku, field=("sku",)))
    wake_relay()
    return made


async def expire_proposals() -> int:
    """End proposals that nobody decided on in time; how many."""
    moment = clock.now()
    async with transaction() as conn:
        return len(await conn.fetch(_EXPIRE, moment - VALID_FOR, moment))


async def _propose_within(
    stocked: Stocked, actor: Actor = SYSTEM, quantity: int | None = None
) -> PurchaseProposal | None:
    """Write a proposal in a transaction of its own; None when one runs already, or, where nobody
    waits for an answer, when nothing can be bought."""
    by_hand = quantity is not None
    try:
        async with transaction() as conn:
            draft = await _draft(conn, stocked, quantity or stocked.need.quantity, by_hand=by_hand)
            if draft is None:
                return None
            draft.proposed_by = actor.user_id
            await draft.save(force_create=True)
            details = {"sku": stocked.sku, "quantity": draft.quantity, "amount": draft.amount}
            await audit.record(conn, actor, "purchase.propose", draft.id, details)
            await events.tell_purchase(conn, events.PROPOSED, draft)
            if draft.state is ProposalState.APPROVED:
                await events.tell_purchase(conn, events.APPROVED, draft)
    except IntegrityError as error:
        if "purchase_proposal_one_running" not in str(error):
            raise
        return None
    return draft


async def _draft(
    conn: Connection, stocked: Stocked, quantity: int, *, by_hand: bool
) -> PurchaseProposal | None:
    """The proposal: the first offer that can deliver within all bounds."""
    most_cost = await most_cost_of(conn, stocked)
    choices = await choices_of(conn, stocked.variant_id, quantity, most_cost)
    policy, moment = stocked.policy, clock.now()
    considered: list[dict[str, Any]] = []
    for choice in choices:
        budget = await left_of(conn, choice.candidate.supplier_id, moment.date())
        bounds = bounds_for(choice, budget, policy.max_quantity)
        cost = choice.candidate.cost
        found = 0 if choice.why else affordable(quantity, cost, bounds)
        limit = choice.why.value if choice.why else limited_by(quantity, found, cost, bounds)
        considered.append(_told(choice, found, limit, budget))
        if not found:
            continue
        amount = cost * found
        auto = policy.mode is ReplenishMode.AUTO and not by_hand
        needed = approvals_needed(
            amount, auto=auto, auto_limit=policy.auto_limit, two_from=policy.two_approvals_from
        )
        return PurchaseProposal(
            id=new_id(),
            variant_id=stocked.variant_id,
            state=ProposalState.OPEN if needed else ProposalState.APPROVED,
            quantity=found,
            unit_cost=cost,
            amount=amount,
            approvals_needed=needed,
            reason={**stocked.told(), "wanted": quantity, "offers": considered},
            tried=[],
            proposed_at=moment,
            due_at=None if needed else moment,
        )
    if by_hand:
        why = considered[0]["limited_by"] if considered else "no_offer"
        raise Refused(NothingToBuy(reason=_reason(str(why)), field=("sku",)))
    return None


def bounds_for(
    choice: Choice, budget: int, max_quantity: int, approved: int | None = None
) -> Bounds:
    """What a purchase from an offer must keep within."""
    most = min(max_quantity, choice.most or max_quantity)
    return Bounds(budget, choice.balance, approved, choice.least, most)


def _told(choice: Choice, found: int, limit: str | None, budget: int) -> dict[str, Any]:
    of = choice.candidate
    return {
        "offer_id": str(of.offer_id),
        "supplier_id": str(of.supplier_id),
        "supplier": of.supplier_code,
        "item": of.item,
        "cost": of.cost,
        "quantity": found,
        "limited_by": limit,
        "budget_left": budget,
        "least": choice.least,
    }


def _reason(why: str) -> str:
    known = {"budget": "purchase_budget_used", "balance": "supplier_balance_short"}
    return known.get(why, "no_offer_to_buy")
