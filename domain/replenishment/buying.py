"""Buying what was approved: one purchase at a time, each with a reference for life (row D5).

Transaction 1 opens a purchase, within the budget; the supplier is called outside any transaction;
transaction 2 books what came into the card store and the books. Only a sure rejection goes on to
the next offer. A purchase whose outcome is unknown is queried until it is known.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain import fulfilment, routing, suppliers
from domain.fulfilment import OPEN, AttemptStatus
from domain.kernel import (
    Connection,
    clock,
    connection,
    crash_point,
    new_id,
    transaction,
    wake_relay,
)
from domain.replenishment import events
from domain.replenishment.booking import book
from domain.replenishment.budgets import left_of
from domain.replenishment.looking import Choice, choices_of, look, most_cost_of
from domain.replenishment.models import ProposalState, PurchaseProposal, StockPurchase
from domain.replenishment.planning import bounds_for
from domain.replenishment.rules import affordable
from domain.suppliers import CURRENCY, Candidate, Delivery, QueryResult, Submission, Uncertain

LEASE = fulfilment.QUERY_LEASE
# So long a proposal waits for a seat or a slot at suppliers that are only busy.
PATIENCE = timedelta(hours=6)

_CLAIM_QUERY = """
UPDATE stock_purchases SET next_query_at = $2, queries = queries + 1
WHERE id = $1 AND next_query_at <= $3 RETURNING 1
"""
_CLAIM_RECHECK = """
UPDATE stock_purchases SET recheck_at = $2
WHERE id = $1 AND recheck_at <= $3 RETURNING rechecks
"""
# Of what has come meanwhile nobody asks any more.
_RECHECK_AT = """
UPDATE stock_purchases SET recheck_at = $2, rechecks = $3 WHERE id = $1 AND recheck_at IS NOT NULL
"""
_OPEN_AT = """
SELECT supplier_id, count(*)::int AS number FROM stock_purchases
WHERE supplier_id = ANY($1) AND next_query_at IS NOT NULL GROUP BY supplier_id
"""
_HOLD = "LOCK TABLE stock_purchases IN EXCLUSIVE MODE"
_ASK_SOON = """
UPDATE stock_purchases SET next_query_at = CASE
    WHEN next_query_at IS NULL OR status = 'submitting' THEN next_query_at
    ELSE least(next_query_at, $3) END
WHERE supplier_id = $1 AND reference = $2 RETURNING next_query_at IS NOT NULL
"""
_DUE = """
SELECT 'proposal' AS what, p.id FROM purchase_proposals p WHERE p.due_at <= $1
    AND NOT EXISTS (SELECT 1 FROM stock_purchases s WHERE s.proposal_id = p.id
        AND s.status IN ('submitting', 'accepted', 'uncertain'))
UNION ALL SELECT 'query', id FROM stock_purchases WHERE next_query_at <= $1
UNION ALL SELECT 'recheck', id FROM stock_purchases WHERE recheck_at <= $1
LIMIT $2
"""


async def list_due(most: int) -> list[tuple[str, UUID]]:
    """What somebody must look at now: proposals to be bought, purchases to be asked about."""
    async with connection() as conn:
        rows = await conn.fetch(_DUE, clock.now(), most)
    return [(row["what"], row["id"]) for row in rows]


async def open_purchases(conn: Connection, supplier_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many purchases without an outcome suppliers have: each takes one of their seats."""
    rows = await conn.fetch(_OPEN_AT, list(supplier_ids))
    return {row["supplier_id"]: row["number"] for row in rows}


async def hold_purchases(conn: Connection) -> None:
    """Until the caller's transaction ends nobody opens a purchase for stock."""
    await conn.execute(_HOLD)


async def ask_soon(conn: Connection, supplier_id: UUID, reference: str) -> bool | None:
    """A supplier called back about a purchase: it is asked at the next look, unless it is over
    (False). The answer to one that is on its way comes by itself. None: there is none such."""
    found: bool | None = await conn.fetchval(_ASK_SOON, supplier_id, reference, clock.now())
    return found


async def buy(proposal_id: UUID) -> None:
    """Buy what a proposal says: at the best offer, and on a sure rejection at the next one.

    Does nothing while a purchase of it is open, or when it is over. Anybody may call it, often.
    """
    while True:
        await _ask_balances(proposal_id)
        purchase = await _open(proposal_id)
        if purchase is None:
            return
        crash_point("replenishment.purchase_committed")
        adapter, to = await suppliers.connection_of(purchase.supplier_id)
        result = await suppliers.port_of(adapter).submit(to, _submission(purchase))
        crash_point("replenishment.supplier_answered")
        again = await book(purchase.id, result)
        crash_point("replenishment.outcome_committed")
        if not again:
            return


async def query_purchase(purchase_id: UUID) -> None:
    """Ask what became of an open purchase, when it is due."""
    moment = clock.now()
    async with transaction() as conn:
        if not await conn.fetchval(_CLAIM_QUERY, purchase_id, moment + LEASE, moment):
            return
    purchase = await StockPurchase.get(id=purchase_id)
    if await _is_no_use(purchase):
        return
    result = await _ask(purchase)
    crash_point("replenishment.query_answered")
    if await book(purchase_id, result):
        await buy(purchase.proposal_id)


async def _is_no_use(purchase: StockPurchase) -> bool:
    """Whether its supplier can tell nothing of an open purchase now: not yet, and it is asked when
    it can; or no more, and then it is told each day until somebody has ended it."""
    capabilities = await fulfilment.capabilities_at(purchase.supplier_id)
    moment, early = clock.now(), fulfilment.asked_from(capabilities, purchase.opened_at)
    forgotten = fulfilment.is_forgotten(capabilities, purchase.opened_at, moment)
    if not forgotten and moment >= early:
        return False
    async with transaction() as conn:
        owner = PurchaseProposal.filter(id=purchase.proposal_id)
        proposal = await owner.select_for_update().get()
        stored = await StockPurchase.filter(id=purchase.id).select_for_update().get()
        if stored.status in OPEN:
            stored.next_query_at = moment + fulfilment.FORGOTTEN_PAUSE if forgotten else early
            await stored.save()
            if forgotten:
                told = {**events.of_purchase(stored), "reason": "forgotten"}
                await events.tell_purchase(conn, events.INCIDENT, proposal, **told)
    wake_relay()
    return True


async def ask_again(purchase_id: UUID) -> bool:
    """Ask the supplier about any purchase now, also one that was given up (mission row F5); False
    when there is none of this id."""
    purchase = await StockPurchase.filter(id=purchase_id).first()
    if purchase is None:
        return False
    if await book(purchase_id, await _ask(purchase)):
        await buy(purchase.proposal_id)
    return True


async def recheck_purchase(purchase_id: UUID) -> None:
    """Ask again about one that was given up because its supplier knew nothing of it.

    Killed anywhere, it is asked again soon, the last time as any other.
    """
    moment = clock.now()
    async with transaction() as conn:
        rechecks = await conn.fetchval(_CLAIM_RECHECK, purchase_id, moment + LEASE, moment)
    if rechecks is None:
        return
    purchase = await StockPurchase.get(id=purchase_id)
    capabilities = await fulfilment.capabilities_at(purchase.supplier_id)
    early = fulfilment.asked_from(capabilities, purchase.opened_at)
    following: datetime | None = None
    if moment < early:
        following = early
    elif not fulfilment.is_forgotten(capabilities, purchase.opened_at, moment):
        result = await _ask(purchase)
        crash_point("replenishment.recheck_answered")
        await book(purchase_id, result)
        crash_point("replenishment.recheck_booked")
        answered, age = not isinstance(result, Uncertain), moment - purchase.opened_at
        rechecks, pause = fulfilment.next_recheck(rechecks, age, answered=answered)
        following = moment + pause if pause else None
    async with transaction() as conn:
        await conn.execute(_RECHECK_AT, purchase_id, following, rechecks)


async def _ask(purchase: StockPurchase) -> QueryResult:
    adapter, to = await suppliers.connection_of(purchase.supplier_id)
    port = suppliers.port_of(adapter)
    taken = purchase.status is AttemptStatus.ACCEPTED
    if taken and port.capabilities_of(to).delivery is Delivery.FETCH:
        return await port.fetch_codes(to, _submission(purchase))
    return await port.query(to, _submission(purchase))


async def _ask_balances(proposal_id: UUID) -> None:
    """Ask the suppliers that might be bought from what we have left there: a purchase for stock is
    large, and what was told a while ago may be spent."""
    proposal = await PurchaseProposal.get(id=proposal_id)
    if proposal.state not in (ProposalState.APPROVED, ProposalState.BUYING):
        return
    tried = {row["offer_id"] for row in proposal.tried}
    for candidate in await suppliers.candidates_of(proposal.variant_id):
        if str(candidate.offer_id) in tried or not candidate.enabled or not candidate.active:
            continue
        adapter, to = await suppliers.connection_of(candidate.supplier_id)
        port = suppliers.port_of(adapter)
        if not port.capabilities_of(to).balance:
            continue
        balance = await port.balance(to)
        if balance is not None:
            async with transaction() as conn:
                await routing.note_balance(conn, candidate.supplier_id, balance)


async def _open(proposal_id: UUID) -> StockPurchase | None:
    """Commit the next purchase; None when there is nothing (more) to do."""
    async with transaction() as conn:
        proposal = await PurchaseProposal.filter(id=proposal_id).select_for_update().get()
        if proposal.state not in (ProposalState.APPROVED, ProposalState.BUYING):
            return None
        bought = StockPurchase.filter(proposal_id=proposal_id)
        if await bought.filter(status__in=OPEN).exists():
            return None
        missing = proposal.quantity - proposal.received
        purchase, again_at = None, None
        if missing > 0:
            purchase, again_at = await _next(conn, proposal, missing)
        if again_at is not None:
            proposal.state, proposal.due_at = ProposalState.BUYING, again_at
            await proposal.save()
        elif purchase is None:
            await _close(conn, proposal)
        else:
            proposal.state, proposal.due_at = ProposalState.BUYING, purchase.opened_at + LEASE
            await proposal.save()
    wake_relay()
    return purchase


async def _next(
    conn: Connection, proposal: PurchaseProposal, missing: int
) -> tuple[StockPurchase | None, datetime | None]:
    """The next purchase of a proposal: at the first offer not tried yet that can deliver some of
    what is missing within budget, balance, price and what was approved, and that has a seat and a
    slot for it, as for the attempt of a line. Or when to look again, where one is only busy."""
    stocked = await look(conn, [proposal.variant_id])
    most_cost = await most_cost_of(conn, stocked[0]) if stocked else 0
    tried = {row["offer_id"] for row in proposal.tried}
    moment = clock.now()
    busy: list[datetime] = []
    for choice in await choices_of(conn, proposal.variant_id, missing, most_cost):
        candidate, why, quantity = choice.candidate, choice.why, 0
        if str(candidate.offer_id) in tried:
            continue
        if why is None:
            budget = await left_of(conn, candidate.supplier_id, moment.date(), locked=True)
            quantity = _quantity(choice, proposal, missing, budget, await _spent(conn, proposal))
        if quantity:
            wanted = routing.Wanted(quantity, most_cost)
            counted = fulfilment.open_attempts
            seat = (proposal.variant_id, choice.route, wanted, counted)
            why = await routing.take_seat(conn, *seat)
            if why is None:
                proposal.tried = [*proposal.tried, _tried(candidate, quantity)]
                return await _insert(proposal, candidate, quantity), None
        if why in routing.PASSING:
            busy.append(routing.opens_again(choice.route, why, moment))
    waits = busy and moment < _approved_at(proposal) + PATIENCE
    return None, min(busy) if waits else None


def _approved_at(proposal: PurchaseProposal) -> datetime:
    return max(filter(None, (proposal.proposed_at, proposal.first_at, proposal.second_at)))


def _quantity(
    choice: Choice, proposal: PurchaseProposal, missing: int, budget: int, spent: int
) -> int:
    bounds = bounds_for(choice, budget, missing, proposal.amount - spent)
    # Never more than was approved: a least quantity above it is no reason to buy more.
    return affordable(missing, choice.candidate.cost, bounds)


async def _spent(conn: Connection, proposal: PurchaseProposal) -> int:
    spent: int = await conn.fetchval(
        "SELECT coalesce(sum(cost), 0)::bigint FROM stock_purchases WHERE proposal_id = $1",
        proposal.id,
    )
    return spent


def _tried(candidate: Candidate, quantity: int) -> dict[str, object]:
    return {
        "offer_id": str(candidate.offer_id),
        "supplier": candidate.supplier_code,
        "quantity": quantity,
    }


async def _insert(proposal: PurchaseProposal, chosen: Candidate, quantity: int) -> StockPurchase:
    moment, purchase_id = clock.now(), new_id()
    return await StockPurchase.create(
        id=purchase_id,
        proposal_id=proposal.id,
        variant_id=proposal.variant_id,
        supplier_id=chosen.supplier_id,
        offer_id=chosen.offer_id,
        item=chosen.item,
        quantity=quantity,
        reference=f"s{purchase_id.hex}",
        status=AttemptStatus.SUBMITTING,
        max_unit_cost=chosen.cost,
        reserved=chosen.cost * quantity,
        currency=CURRENCY,
        budget_on=moment.date(),
        next_query_at=moment + fulfilment.FIRST_QUERY_AFTER,
        opened_at=moment,
    )


async def _close(conn: Connection, proposal: PurchaseProposal) -> None:
    """Nothing more can be bought of it."""
    came = proposal.received > 0
    proposal.state = ProposalState.DONE if came else ProposalState.FAILED
    proposal.due_at, proposal.closed_at = None, clock.now()
    await proposal.save()
    await events.tell_purchase(conn, events.DONE if came else events.FAILED, proposal)


def _submission(purchase: StockPurchase) -> Submission:
    return Submission(
        reference=purchase.reference,
        item=purchase.item,
        quantity=purchase.quantity,
        max_unit_cost=purchase.max_unit_cost,
        currency=purchase.currency,
        valid_until=purchase.opened_at + fulfilment.VALID_FOR,
        upstream_id=purchase.upstream_id,
    )
