"""Cards that a supplier brought: the line's, when they are all it needs; else a part of it, kept
for it while the rest is bought elsewhere; else stock (decision 0084).

A part is in the books as stock, owed to who brought it, and reserved for its line, so nobody else
can be sold it and nobody buys it again. When the line ends, all that is ready for it is sold to it
in one transaction, and what is missing is given back in the same one. Everything here runs in the
caller's transaction, which has locked line and attempt.
"""

from domain import cards, orders, routing
from domain.catalog import CARD_KINDS
from domain.fulfilment.events import tell_incident
from domain.fulfilment.models import AttemptStatus, Doubt, FulfilmentAttempt, IncidentKind
from domain.fulfilment.outcomes import finish, post_supply
from domain.fulfilment.rules import LINE_LEASE, recheck_in
from domain.fulfilment.sale import above, book_refund, book_sale
from domain.fulfilment.topup import topup_completed, topup_late
from domain.kernel import Connection, clock, crash_point, new_id
from domain.suppliers import Completed


async def goods_came(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    fresh: cards.FreshKey,
) -> bool:
    """Book the goods of an open attempt; True when the line needs more, and the next offer may be
    tried. Pieces that nobody ordered stay on the shelf, at their share of what was charged."""
    if line.delivery_kind not in CARD_KINDS:
        return await topup_completed(conn, line, attempt, result)
    if attempt.reorder_id is not None:
        await _replacement(conn, line, attempt, result, fresh)
        return False
    if line.status not in orders.OPEN_LINES:
        await _park(conn, line, attempt, result, IncidentKind.CAME_LATE, fresh)
        return False
    stored = await _store(conn, line, attempt, result, fresh)
    # Only an earlier attempt can have brought something that waits.
    ready = await cards.ready_pieces(conn, line.id) if attempt.number > 1 else 0
    taken = stored.card_ids[: line.quantity - ready]
    if len(taken) == line.quantity:
        await _whole(conn, line, attempt, result, stored)
        return False
    if taken and (ready or (await routing.policy_of(conn, line.variant_id)).parts):
        await _part(conn, line, attempt, result, stored, len(taken))
        return await _go_on(conn, line, attempt, ready + len(taken))
    await _finish_parked(conn, line, attempt, result, len(stored.card_ids), IncidentKind.NOT_WHOLE)
    await orders.line_delivering(conn, line, clock.now() + LINE_LEASE)
    return True


async def goods_came_late(
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
        await _park(conn, line, attempt, result, IncidentKind.CAME_LATE, fresh)


async def rest_came(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    fresh: cards.FreshKey,
) -> None:
    """A supplier that was done shows more codes than it had brought. The line has gone on without
    them, so they are stock, and told: as goods of an attempt of their own, which nobody submitted,
    at what is charged beyond what was. What was here before is left out, so each comes once."""
    if line.delivery_kind not in CARD_KINDS:
        return
    told = [(code.number, code.secret) for code in result.codes]
    unknown = set(await cards.unknown_codes(conn, line.variant_id, told))
    codes = tuple(code for code in result.codes if (code.number, code.secret) in unknown)
    if not codes:
        return
    all_ = await FulfilmentAttempt.filter(line_id=line.id).order_by("number")
    rests = [each for each in all_ if each.reference.startswith(f"{attempt.reference}r")]
    paid = sum(each.cost or 0 for each in (attempt, *rests))
    rest = await FulfilmentAttempt.create(
        id=new_id(),
        line_id=line.id,
        number=all_[-1].number + 1,
        supplier_id=attempt.supplier_id,
        offer_id=attempt.offer_id,
        item=attempt.item,
        quantity=len(codes),
        units=attempt.units,
        reference=f"{attempt.reference}r{len(rests) + 1}",
        status=AttemptStatus.SUCCEEDED,
        parked=True,
        max_unit_cost=attempt.max_unit_cost,
        offered_cost=attempt.offered_cost,
        currency=attempt.currency,
        opened_at=clock.now(),
        finished_at=clock.now(),
    )
    late = Completed(result.upstream_id, codes, max(0, result.cost - paid))
    await _park(conn, line, rest, late, IncidentKind.CAME_LATE, fresh)
    crash_point("fulfilment.rest_written")


async def end_line(conn: Connection, line: orders.LockedLine, failure_code: str) -> None:
    """Nobody brings the rest of an open line: it gets what is ready for it, and the price of what
    is missing goes back; all of it where nothing is ready."""
    if await cards.ready_pieces(conn, line.id):
        await deliver_ready(conn, line)
    else:
        await book_refund(conn, line, failure_code)


async def deliver_ready(conn: Connection, line: orders.LockedLine) -> int:
    """Sell an open line all that is ready for it, and give back the price of each missing piece;
    what the pieces had cost, in units."""
    sold = await cards.sell_ready(conn, line.id)
    lacking = line.unit_price * (line.quantity - sold.pieces)
    await book_sale(conn, line, sold.cost, None, lacking=lacking, pieces=sold.pieces)
    crash_point("fulfilment.ready_sold")
    if lacking:
        if above.give_back is None:
            raise RuntimeError("nobody is registered to give back what was not delivered")
        await above.give_back(conn, line.order_id, line.id, lacking)
    return sold.cost


async def _whole(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    stored: cards.StoredPurchase,
) -> None:
    """All that the line needs, by one supplier."""
    await cards.sell(conn, stored.card_ids[: line.quantity], line.id)
    await finish(conn, attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    surplus = _unit_cost(result) * (len(stored.card_ids) - line.quantity)
    cost = result.cost - surplus
    await book_sale(conn, line, cost, attempt.supplier_id)
    await post_supply(conn, attempt, inventory=surplus, lost=0)
    if cost > line.unit_price * line.quantity:
        await tell_incident(conn, attempt, line, IncidentKind.ABOVE_PRICE)
    if len(result.codes) > line.quantity:
        await tell_incident(conn, attempt, line, IncidentKind.SURPLUS)


async def _part(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    stored: cards.StoredPurchase,
    pieces: int,
) -> None:
    """Some of what the line needs, or the rest of it: stock that is kept for the line."""
    await cards.keep_ready(conn, line.id, stored.card_ids[:pieces])
    attempt.part = True
    _look_for_the_rest(attempt, result)
    await finish(conn, attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    worth = _unit_cost(result) * len(stored.card_ids)
    await post_supply(conn, attempt, inventory=worth, lost=result.cost - worth)
    dear = attempt.offered_cost is not None and (
        result.cost > attempt.offered_cost * len(result.codes)
    )
    short = len(result.codes) < attempt.quantity
    if (short and dear) or len(stored.card_ids) < len(result.codes):
        await tell_incident(conn, attempt, line, IncidentKind.NOT_WHOLE)
    if len(result.codes) > attempt.quantity:
        await tell_incident(conn, attempt, line, IncidentKind.SURPLUS)
    crash_point("fulfilment.part_written")


async def _go_on(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt, ready: int
) -> bool:
    """Deliver a line that has all its pieces, else look for the rest of it."""
    if ready < line.quantity:
        # Should this process die now, the sweeper goes on from here.
        await orders.line_part_arrived(conn, line, clock.now() + LINE_LEASE)
        return True
    if await deliver_ready(conn, line) > line.unit_price * line.quantity:
        await tell_incident(conn, attempt, line, IncidentKind.ABOVE_PRICE)
    return False


async def _replacement(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    fresh: cards.FreshKey,
) -> None:
    """What a case has ordered is stock, and the case takes its card from there at once."""
    assert attempt.reorder_id is not None
    stored = await _store(conn, line, attempt, result, fresh)
    lacking = IncidentKind.NOT_WHOLE if not stored.card_ids else None
    more = IncidentKind.SURPLUS if len(result.codes) > attempt.quantity else None
    await _finish_parked(conn, line, attempt, result, len(stored.card_ids), lacking or more)
    if above.replacement_came is None:
        raise RuntimeError("nobody is registered to replace bad cards")
    await above.replacement_came(conn, attempt.reorder_id)
    crash_point("fulfilment.replacement_written")


async def _park(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    why: IncidentKind,
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
    why: IncidentKind | None,
) -> None:
    attempt.parked = True
    _look_for_the_rest(attempt, result)
    await finish(conn, attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    worth = _unit_cost(result) * stored
    await post_supply(conn, attempt, inventory=worth, lost=result.cost - worth)
    if why is not None:
        await tell_incident(conn, attempt, line, why)


def _look_for_the_rest(attempt: FulfilmentAttempt, result: Completed) -> None:
    """Who brought less than was ordered is asked again for some days: what it brings after all must
    not be lost. Nobody waits for it."""
    if len(result.codes) < attempt.quantity:
        attempt.doubt, attempt.recheck_at = Doubt.SHORT, clock.now() + recheck_in(0)


def _unit_cost(result: Completed) -> int:
    """What one delivered piece cost, rounded down: the rest is the line's, or lost."""
    return result.cost // max(1, len(result.codes))
