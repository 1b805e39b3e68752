"""What becomes of a purchase for stock: cards in the store, money in the books, once."""

from datetime import datetime
from uuid import UUID

from domain import cards, fulfilment, ledger, routing, suppliers
from domain.fulfilment import OPEN, AttemptStatus
from domain.kernel import Connection, clock, transaction, wake_relay
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.replenishment import events
from domain.replenishment.models import PurchaseProposal, StockPurchase
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    NotFound,
    QueryResult,
    Rejected,
    SubmitResult,
    Uncertain,
)

SOURCE = "replenishment"


async def book(purchase_id: UUID, result: SubmitResult | QueryResult) -> bool:
    """Book what a supplier said of a purchase, in one transaction; True when the next offer may be
    tried, or what is missing be bought elsewhere."""
    fresh = await cards.fresh_key() if isinstance(result, Completed) else None
    seen = await StockPurchase.get(id=purchase_id)
    async with transaction() as conn:
        proposal = await PurchaseProposal.filter(id=seen.proposal_id).select_for_update().get()
        purchase = await StockPurchase.filter(id=purchase_id).select_for_update().get()
        again = await book_locked(conn, proposal, purchase, result, fresh)
    wake_relay()
    return again


async def book_locked(
    conn: Connection,
    proposal: PurchaseProposal,
    purchase: StockPurchase,
    result: SubmitResult | QueryResult,
    fresh: cards.FreshKey | None,
) -> bool:
    """`book`, in the caller's transaction, which has locked proposal and purchase."""
    before = purchase.status
    again = await _booked(conn, proposal, purchase, result, fresh)
    if before in OPEN:
        await _learn(conn, before, purchase, result)
    return again


async def _booked(
    conn: Connection,
    proposal: PurchaseProposal,
    purchase: StockPurchase,
    result: SubmitResult | QueryResult,
    fresh: cards.FreshKey | None,
) -> bool:
    late = purchase.status is AttemptStatus.REJECTED and isinstance(result, Completed)
    if purchase.status not in OPEN and not late:
        return False
    match result:
        case Completed():
            assert fresh is not None, "made before the transaction"
            await _received(conn, proposal, purchase, result, fresh)
            return not late
        case Rejected(category=category):
            await _rejected(purchase, category)
            return True
        case NotFound():
            return await _not_found(conn, proposal, purchase)
        case Accepted(upstream_id=upstream_id):
            purchase.upstream_id = upstream_id or purchase.upstream_id
            purchase.not_found_answers = 0
            await _stay_open(conn, proposal, purchase, AttemptStatus.ACCEPTED)
        case Uncertain(category=category):
            purchase.category = category.value
            purchase.not_found_answers = 0
            await _stay_open(conn, proposal, purchase, AttemptStatus.UNCERTAIN, answered=False)
    return False


async def _received(
    conn: Connection,
    proposal: PurchaseProposal,
    purchase: StockPurchase,
    result: Completed,
    fresh: cards.FreshKey,
) -> None:
    """The codes become a batch of the store, at their share of what was charged; what was charged
    without a card to show for it is lost. Also when they come late: they are paid for."""
    unit_cost = result.cost // max(1, len(result.codes))
    purchase.upstream_id = result.upstream_id or purchase.upstream_id
    stored = 0
    if result.codes:
        batch = await cards.store_purchased(
            conn,
            fresh,
            variant_id=purchase.variant_id,
            attempt_id=purchase.id,
            source=SOURCE,
            codes=[(code.number, code.secret) for code in result.codes],
            unit_cost=unit_cost,
            currency=purchase.currency,
            supplier_id=purchase.supplier_id,
            reference=purchase.upstream_id or purchase.reference,
        )
        stored, purchase.batch_id = len(batch.card_ids), batch.batch_id
        purchase.duplicates = batch.duplicates
    purchase.received, purchase.cost = stored, result.cost
    purchase.recheck_at = None
    await _finish(purchase, AttemptStatus.SUCCEEDED)
    await _post(conn, purchase, unit_cost * stored)
    proposal.received += stored
    await proposal.save(update_fields=["received"])
    await events.tell_purchase(conn, events.RECEIVED, proposal, **events.of_purchase(purchase))
    why = _wrong(purchase, result, stored)
    if why is not None:
        told = {**events.of_purchase(purchase), "reason": why}
        await events.tell_purchase(conn, events.INCIDENT, proposal, **told)


def _wrong(purchase: StockPurchase, result: Completed, stored: int) -> str | None:
    """What an operator should look at of a purchase that came."""
    if result.cost > purchase.reserved:
        return "above_price"
    if purchase.duplicates:
        return "duplicate_codes"
    if stored < purchase.quantity:
        return "not_whole"
    return "surplus" if stored > purchase.quantity else None


async def _post(conn: Connection, purchase: StockPurchase, worth: int) -> None:
    """Owe the supplier what it charged: what is on the shelf is inventory, the rest is lost."""
    cost = purchase.cost or 0
    if cost == 0:
        return
    legs = [
        (account_id(AccountKind.INVENTORY, None, purchase.currency), -worth),
        (account_id(AccountKind.LOSS, None, purchase.currency), worth - cost),
        (account_id(AccountKind.SUPPLIER, purchase.supplier_id, purchase.currency), cost),
    ]
    kept = [leg for leg in legs if leg[1]]
    posting = Posting(TransferKind.SUPPLY, purchase.id, purchase.currency, kept)
    await ledger.post(conn, [posting])


async def _rejected(purchase: StockPurchase, category: Category) -> None:
    purchase.category = category.value
    await _finish(purchase, AttemptStatus.REJECTED)


async def _not_found(conn: Connection, proposal: PurchaseProposal, purchase: StockPurchase) -> bool:
    """Give up what the supplier surely does not have; never what it once said it took. It is asked
    about again later, for what turns up then is paid for."""
    adapter, to = await suppliers.connection_of(purchase.supplier_id)
    capabilities = suppliers.port_of(adapter).capabilities_of(to)
    if purchase.status is AttemptStatus.ACCEPTED:
        await _stay_open(conn, proposal, purchase, AttemptStatus.UNCERTAIN)
        return False
    moment = clock.now()
    counts_from = fulfilment.not_found_counts_from(capabilities, purchase.opened_at)
    if counts_from is None or moment < counts_from:
        early = AttemptStatus.UNCERTAIN
        await _stay_open(conn, proposal, purchase, early, latest=counts_from)
        return False
    purchase.not_found_answers += 1
    if fulfilment.is_final_not_found(capabilities, purchase.not_found_answers):
        purchase.recheck_at = moment + fulfilment.recheck_in(0)
        await _rejected(purchase, Category.PROVIDER_DOWN)
        return True
    asked = purchase.not_found_answers
    await _stay_open(conn, proposal, purchase, AttemptStatus.UNCERTAIN, asked)
    return False


async def _stay_open(
    conn: Connection,
    proposal: PurchaseProposal,
    purchase: StockPurchase,
    status: AttemptStatus,
    asked: int | None = None,
    latest: datetime | None = None,
    *,
    answered: bool = True,
) -> None:
    first = purchase.status is AttemptStatus.SUBMITTING
    if first and status is AttemptStatus.UNCERTAIN:
        await events.tell_purchase(conn, events.UNCERTAIN, proposal, **events.of_purchase(purchase))
    if purchase.status is not AttemptStatus.ACCEPTED:
        purchase.status = status
    asked, age = purchase.queries if asked is None else asked, clock.now() - purchase.opened_at
    again = clock.now() + fulfilment.next_query_in(asked, age, answered=answered)
    purchase.next_query_at = again if latest is None else min(again, latest)
    await purchase.save()


async def _finish(purchase: StockPurchase, status: AttemptStatus) -> None:
    purchase.status = status
    purchase.next_query_at, purchase.finished_at = None, clock.now()
    await purchase.save()


async def _learn(
    conn: Connection,
    before: AttemptStatus,
    purchase: StockPurchase,
    result: SubmitResult | QueryResult,
) -> None:
    """What the answer says of the supplier, last in the transaction: gates are locked."""
    first, final = before is AttemptStatus.SUBMITTING, purchase.status not in OPEN
    if not final and (not first or isinstance(result, NotFound)):
        return
    category: Category | None = None
    if isinstance(result, Rejected | Uncertain):
        category = result.category
    elif purchase.status is AttemptStatus.REJECTED:
        category = Category.PROVIDER_DOWN
    took = clock.now() - purchase.opened_at if final else None
    heard = routing.Heard(purchase.supplier_id, purchase.offer_id, category, first, final, took)
    await routing.learn(conn, heard)
