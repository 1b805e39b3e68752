"""Buying a line upstream: one attempt at a time, failover on a sure rejection only (rows D1 to D6).

Transaction 1 opens an attempt; the supplier is called outside any transaction; transaction 2 books
what came. An attempt whose outcome is unknown is queried until it is known, and never bought again,
neither there nor anywhere else (invariant I9).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain import cards, orders, routing, suppliers
from domain.catalog import CARD_KINDS, DeliveryKind
from domain.fulfilment.events import tell_incident, tell_rerouted, tell_uncertain
from domain.fulfilment.manual import still_by_hand
from domain.fulfilment.models import OPEN, AttemptStatus, FulfilmentAttempt
from domain.fulfilment.outcomes import finish, heard_of, open_attempts, post_supply
from domain.fulfilment.rules import (
    FIRST_QUERY_AFTER,
    INCIDENT_AFTER,
    LINE_LEASE,
    QUERY_LEASE,
    VALID_FOR,
    is_final_not_found,
    may_count_not_found,
    next_query_in,
)
from domain.fulfilment.sale import book_refund, book_sale
from domain.fulfilment.topup import topup_completed, topup_late
from domain.kernel import (
    Connection,
    clock,
    crash_point,
    new_id,
    transaction,
    wake_relay,
)
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    NotFound,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    Uncertain,
)

NO_SUPPLIER = "NO_SUPPLIER"

_CLAIM_QUERY = """
UPDATE fulfilment_attempts SET next_query_at = $2, queries = queries + 1
WHERE id = $1 AND next_query_at <= $3 RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class DueWork:
    """What somebody must look at now."""

    lines: list[UUID]
    attempts: list[UUID]


async def fulfil_line(line_id: UUID) -> None:
    """Buy a line upstream: the next offer, and on a sure rejection the next one at once.

    Does nothing when the line is closed or an attempt of it is open, so it may be called any number
    of times. Gives the price back when nobody is left to ask.
    """
    while (attempt := await _open_attempt(line_id)) is not None:
        crash_point("fulfilment.attempt_committed")
        adapter, connection = await suppliers.connection_of(attempt.supplier_id)
        submission = _submission(attempt, await _account_of(attempt))
        result = await suppliers.port_of(adapter).submit(connection, submission)
        crash_point("fulfilment.supplier_answered")
        again = await _book(attempt, result)
        crash_point("fulfilment.outcome_committed")
        if not again:
            return


async def query_attempt(attempt_id: UUID) -> None:
    """Ask what became of an open attempt, when it is due; a rejection goes on to the next offer."""
    moment = clock.now()
    async with transaction() as conn:
        if not await conn.fetchval(_CLAIM_QUERY, attempt_id, moment + QUERY_LEASE, moment):
            return  # finished meanwhile, or somebody else asks
    attempt = await FulfilmentAttempt.get(id=attempt_id)
    adapter, connection = await suppliers.connection_of(attempt.supplier_id)
    result = await suppliers.port_of(adapter).query(connection, _submission(attempt))
    if await _book(attempt, result):
        await fulfil_line(attempt.line_id)


async def _open_attempt(line_id: UUID) -> FulfilmentAttempt | None:
    """Commit the next attempt; None when there is nothing (more) to do for the line."""
    async with transaction() as conn:
        line = await orders.lock_line(conn, line_id)
        if line.status not in orders.OPEN_LINES:
            return None
        if line.delivery_kind is DeliveryKind.MANUAL:
            await still_by_hand(conn, line)
            return None
        before = await FulfilmentAttempt.filter(line_id=line_id).order_by("number")
        if any(attempt.status in OPEN for attempt in before):
            await _look_again(conn, line, before[-1])
            return None
        need = _need(line, before)
        choice = await routing.choose(conn, need, open_attempts)
        chosen = choice.candidate
        if choice.wait_until is not None:
            await orders.look_again(conn, line, choice.wait_until)
        elif chosen is None:
            await book_refund(conn, line, _failure_of(before))
        else:
            attempt = await _insert(line, chosen, need.number, choice.max_unit_cost)
            await orders.line_delivering(conn, line, attempt.opened_at + INCIDENT_AFTER)
            if before:
                await tell_rerouted(conn, attempt, line)
    wake_relay()
    return attempt if chosen else None


def _need(line: orders.LockedLine, before: list[FulfilmentAttempt]) -> routing.Need:
    return routing.Need(
        line_id=line.id,
        number=len(before) + 1,
        variant_id=line.variant_id,
        quantity=line.quantity,
        max_unit_cost=line.max_unit_cost,
        tried={attempt.offer_id for attempt in before},
    )


async def _insert(
    line: orders.LockedLine, chosen: suppliers.Candidate, number: int, max_unit_cost: int
) -> FulfilmentAttempt:
    moment, attempt_id = clock.now(), new_id()
    return await FulfilmentAttempt.create(
        id=attempt_id,
        line_id=line.id,
        number=number,
        supplier_id=chosen.supplier_id,
        offer_id=chosen.offer_id,
        item=chosen.item,
        quantity=line.quantity,
        reference=f"k{attempt_id.hex}",
        status=AttemptStatus.SUBMITTING,
        max_unit_cost=max_unit_cost,
        currency=chosen.currency,
        next_query_at=moment + FIRST_QUERY_AFTER,
        opened_at=moment,
    )


async def _look_again(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt
) -> None:
    """A line whose attempt has been open for very long is a matter for people."""
    if clock.now() - attempt.opened_at < INCIDENT_AFTER:
        return
    await orders.line_delivering(conn, line, clock.now() + INCIDENT_AFTER)
    await tell_incident(conn, attempt, line, "open_too_long")


def _failure_of(attempts: list[FulfilmentAttempt]) -> str:
    """Why the last one said no, as the buyer sees it."""
    category = attempts[-1].category if attempts else None
    return category.upper() if category else NO_SUPPLIER


async def _account_of(attempt: FulfilmentAttempt) -> dict[str, str | int | float]:
    """What the buyer filled in, by the supplier's names; kept with the line alone."""
    account = await orders.account_of(attempt.line_id)
    return await suppliers.account_for(attempt.offer_id, account) if account else {}


def _submission(
    attempt: FulfilmentAttempt, account: Mapping[str, str | int | float] | None = None
) -> Submission:
    return Submission(
        reference=attempt.reference,
        item=attempt.item,
        quantity=attempt.quantity,
        max_unit_cost=attempt.max_unit_cost,
        currency=attempt.currency,
        valid_until=attempt.opened_at + VALID_FOR,
        account=account or {},
        upstream_id=attempt.upstream_id,
    )


async def _book(attempt: FulfilmentAttempt, result: SubmitResult | QueryResult) -> bool:
    """Book an outcome; True when the next offer may be tried."""
    fresh = await cards.fresh_key() if isinstance(result, Completed) else None
    async with transaction() as conn:
        line = await orders.lock_line(conn, attempt.line_id)
        stored = await FulfilmentAttempt.filter(id=attempt.id).select_for_update().get()
        before = stored.status
        again = await _booked(conn, line, stored, result, fresh)
        if (heard := heard_of(before, stored, result)) is not None:
            await routing.learn(conn, heard)
    wake_relay()
    return again


async def _booked(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: SubmitResult | QueryResult,
    fresh: cards.FreshKey | None,
) -> bool:
    if attempt.status not in OPEN:
        if isinstance(result, Completed) and attempt.status is AttemptStatus.REJECTED:
            await _came_late(conn, line, attempt, result, fresh)
        return False
    match result:
        case Completed():
            assert fresh is not None, "made before the transaction"
            return await _completed(conn, line, attempt, result, fresh)
        case Rejected(category=category):
            return await _rejected(conn, line, attempt, category)
        case NotFound():
            return await _not_found(conn, line, attempt)
        case Accepted(upstream_id=upstream_id):
            attempt.upstream_id = upstream_id or attempt.upstream_id
            attempt.not_found_answers = 0
            await _stay_open(conn, line, attempt, AttemptStatus.ACCEPTED)
        case Uncertain(category=category):
            attempt.category = category.value
            attempt.not_found_answers = 0
            await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN)
    return False


async def _completed(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    fresh: cards.FreshKey,
) -> bool:
    """The goods are here: the buyer's when they are whole, else stock, and the next offer.

    Pieces that nobody ordered stay on the shelf, at their share of what was charged.
    """
    if line.delivery_kind not in CARD_KINDS:
        return await topup_completed(conn, line, attempt, result)
    if line.status not in orders.OPEN_LINES:
        await _park(conn, line, attempt, result, "came_late", fresh)
        return False
    stored = await _store(conn, line, attempt, result, fresh)
    if len(stored.card_ids) < attempt.quantity:
        await _finish_parked(conn, line, attempt, result, len(stored.card_ids), "not_whole")
        await orders.line_delivering(conn, line, clock.now() + LINE_LEASE)
        return True
    await cards.sell(conn, stored.card_ids[: attempt.quantity], line.id)
    await finish(attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    surplus = _unit_cost(result) * (len(stored.card_ids) - attempt.quantity)
    cost = result.cost - surplus
    await book_sale(conn, line, cost, attempt.supplier_id)
    await post_supply(conn, attempt, inventory=surplus, lost=0)
    if cost > line.unit_price * line.quantity:
        await tell_incident(conn, attempt, line, "above_price")
    if len(result.codes) > attempt.quantity:
        await tell_incident(conn, attempt, line, "surplus")
    return False


async def _rejected(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt, category: Category
) -> bool:
    attempt.category = category.value
    await finish(attempt, AttemptStatus.REJECTED, None, attempt.upstream_id)
    if line.status in orders.OPEN_LINES:
        # Should this process die now, the sweeper goes on from here.
        await orders.line_delivering(conn, line, clock.now() + LINE_LEASE)
    return True


async def _not_found(conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt) -> bool:
    """Give up what the supplier surely does not have; never an order that it once said it took."""
    adapter, connection = await suppliers.connection_of(attempt.supplier_id)
    capabilities = suppliers.port_of(adapter).capabilities_of(connection)
    taken = attempt.status is AttemptStatus.ACCEPTED
    if taken or not may_count_not_found(capabilities, attempt.opened_at, clock.now()):
        await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN)
        return False
    attempt.not_found_answers += 1
    if is_final_not_found(capabilities, attempt.not_found_answers):
        return await _rejected(conn, line, attempt, Category.PROVIDER_DOWN)
    await _stay_open(conn, line, attempt, AttemptStatus.UNCERTAIN, attempt.not_found_answers)
    return False


async def _came_late(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    fresh: cards.FreshKey | None,
) -> None:
    """A supplier brings what it had surely rejected, or never had."""
    if line.delivery_kind not in CARD_KINDS:
        await topup_late(conn, line, attempt, result)
    elif fresh is not None:
        await _park(conn, line, attempt, result, "came_late", fresh)


async def _park(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    why: str,
    fresh: cards.FreshKey,
) -> None:
    """Goods that nobody waits for any more: paid for, so they become stock, and are told."""
    stored = await _store(conn, line, attempt, result, fresh)
    await _finish_parked(conn, line, attempt, result, len(stored.card_ids), why)


async def _store(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    fresh: cards.FreshKey,
) -> cards.StoredPurchase:
    return await cards.store_purchased(
        conn,
        fresh,
        variant_id=line.variant_id,
        attempt_id=attempt.id,
        source="supplier",
        codes=[(code.number, code.secret) for code in result.codes],
        unit_cost=_unit_cost(result),
        currency=attempt.currency,
        supplier_id=attempt.supplier_id,
    )


async def _finish_parked(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    stored: int,
    why: str,
) -> None:
    attempt.parked = True
    await finish(attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    worth = _unit_cost(result) * stored
    await post_supply(conn, attempt, inventory=worth, lost=result.cost - worth)
    await tell_incident(conn, attempt, line, why)


def _unit_cost(result: Completed) -> int:
    """What one delivered piece cost, rounded down: the rest is the line's, or lost."""
    return result.cost // max(1, len(result.codes))


async def _stay_open(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    status: AttemptStatus,
    asked: int | None = None,
) -> None:
    """Ask again later. What a supplier once took is taken, whatever a later query cannot tell."""
    if attempt.status is AttemptStatus.SUBMITTING and status is AttemptStatus.UNCERTAIN:
        await tell_uncertain(conn, attempt, line)
    if attempt.status is not AttemptStatus.ACCEPTED:
        attempt.status = status
    attempt.next_query_at = clock.now() + next_query_in(attempt.queries if asked is None else asked)
    await attempt.save()
