"""Use cases of refunds after delivery: by an operator, and by other contexts for their own reasons.

A refund is one transaction: its rows, the cards, the commissions, the ledger, the order's event and
the audit row. The vendor is asked afterwards, by the job that follows `payments.request_refund`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit, cards, commissions, giftcards, ledger, orders, payments
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Prefix,
    act_as,
    claim_key,
    clock,
    crash_point,
    encode_id,
    input_hash,
    new_id,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind
from domain.refunds.books import refund_posting
from domain.refunds.models import Refund, RefundDestination, RefundReason
from domain.refunds.planning import Plan, PlannedPart, RefundWish, plan_refund
from domain.refunds.queries import RefundQuote, quote_of
from domain.refunds.rules import MAX_CARDS, MAX_LINES, MAX_NOTE_LETTERS

SCOPE = "orders:refund"
OPERATION = "orderRefund"
_INSERT_PARTS = """
INSERT INTO refund_parts (id, refund_id, line_id, card_id, quantity, amount, lost_cost, seen)
SELECT id, $1, line, card, quantity, amount, lost, seen
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::bigint[], $7::bigint[], $8::bool[])
    AS p (id, line, card, quantity, amount, lost, seen)
"""


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund, and whether an earlier call with the same key had made it."""

    refund: Refund
    replayed: bool


async def refund_cards(
    conn: Connection,
    actor: Actor,
    order_id: UUID,
    card_ids: Sequence[UUID],
    reason: RefundReason,
    destination: RefundDestination,
    note: str = "",
) -> Refund:
    """Give back the price of some cards of one order, in the caller's transaction (rows H10, M1).

    Each card's share is exact: the shares of all cards of a line sum to what was paid for it. The
    cards are REFUNDED for good, commissions go back in proportion, what the cards had cost is lost.
    Call it after `orders.lock_order`; it locks lines, payment and cards in that order. The caller
    has checked who may do this, and calls `wake_relay` after its commit.

    Refuses all of it when one card cannot be refunded: NOT_FOUND (not of this order),
    LINE_NOT_REFUNDABLE (went back before, or redeemed: dispute it first), ORDER_NOT_REFUNDABLE
    (unpaid, or no money is left), GIFT_CARD_MOVE_NOT_ALLOWED (a gift card that is used up).
    Disputed and invalid cards are fine. For OTHER a `note` says why.
    """
    wish = RefundWish(order_id, reason, destination, note, card_ids=tuple(card_ids))
    return await _refund(conn, actor, wish)


async def refund_lines(
    conn: Connection,
    actor: Actor,
    order_id: UUID,
    lines: Mapping[UUID, int | None],
    reason: RefundReason,
    destination: RefundDestination,
    note: str = "",
) -> Refund:
    """Give back lines of one order, in the caller's transaction (row H10).

    By line id: an amount in units of 1/10000 (money alone, the buyer keeps the goods), or None (all
    that is left of the line, and its goods: cards are REFUNDED). Else as `refund_cards`; refuses
    besides REFUND_TOO_LARGE (more than is left), and a line that is not delivered.
    """
    refuse_unless(bool(lines), Invalid(reason="refund_of_something", field=("lines",)))
    wish = RefundWish(order_id, reason, destination, note, lines=dict(lines))
    return await _refund(conn, actor, wish)


async def refund_pieces(
    conn: Connection,
    actor: Actor,
    order_id: UUID,
    pieces: Mapping[UUID, int],
    reason: RefundReason,
    destination: RefundDestination,
    note: str = "",
) -> Refund:
    """Give back so many pieces of lines without cards of their own, in the caller's transaction.

    By line id; each piece's share is exact, as a card's is. Else as `refund_cards`; refuses more
    pieces than are left of a line (LINE_NOT_REFUNDABLE).
    """
    wish = RefundWish(order_id, reason, destination, note, pieces=dict(pieces))
    return await _refund(conn, actor, wish)


async def refund_order(actor: Actor, wish: RefundWish, idempotency_key: str) -> Refunded:
    """Give back delivered goods: an order, some of its lines or cards, or an amount (row H10).

    Needs `orders:refund`; audited. The same key again answers the same refund. Refuses as
    `refund_cards` and `refund_lines` do, and a guest's wallet where the channel can (INVALID).
    """
    actor.require_scope(SCOPE)
    who, refund_id = actor.require_user(), new_id()
    _check(wish)
    async with transaction() as conn:
        hashed = input_hash(_plain(wish))
        earlier = await claim_key(conn, who, OPERATION, idempotency_key, hashed, refund_id)
        if earlier is not None:
            return Refunded(await Refund.get(id=earlier), replayed=True)
        refund = await _refund(conn, actor, wish, refund_id)
        crash_point("refunds.written")
    crash_point("refunds.committed")
    wake_relay()
    return Refunded(refund, replayed=False)


async def quote_refund(actor: Actor, wish: RefundWish) -> RefundQuote:
    """What a refund would do, and nothing of it is done. Needs `orders:refund`; refuses as it."""
    actor.require_scope(SCOPE)
    _check(wish)
    async with transaction() as conn:
        return quote_of(await plan_refund(conn, wish))


def _check(wish: RefundWish) -> None:
    both = bool(wish.lines) and bool(wish.card_ids)
    refuse_unless(not both, Invalid(reason="refund_cards_or_lines", field=("cardIds",)))
    few = len(wish.card_ids) <= MAX_CARDS and len(wish.lines) <= MAX_LINES
    refuse_unless(few, Invalid(reason="too_many_cards", field=("cardIds",)))
    _check_note(wish)


def _check_note(wish: RefundWish) -> None:
    fits = len(wish.note) <= MAX_NOTE_LETTERS
    told = wish.reason is not RefundReason.OTHER or bool(wish.note.strip())
    refuse_unless(fits and told, Invalid(reason="refund_note", field=("note",)))


def _plain(wish: RefundWish) -> list[Any]:
    """The values that make two wishes the same one."""
    lines = {str(line_id): amount for line_id, amount in wish.lines.items()}
    chosen = sorted(map(str, wish.card_ids))
    told = [wish.reason.value, wish.destination.value, wish.note, wish.clawback]
    return [str(wish.order_id), lines, chosen, *told]


async def _refund(
    conn: Connection, actor: Actor, wish: RefundWish, refund_id: UUID | None = None
) -> Refund:
    _check_note(wish)
    plan = await plan_refund(conn, wish)
    refund = await _write(conn, actor, wish, plan, refund_id or new_id())
    await _take_goods(conn, actor, refund, plan.parts)
    await commissions.write_clawbacks(conn, refund.id, list(plan.clawbacks))
    back = await orders.exchange_back(conn, plan.order.id, plan.amount, refund.id)
    if plan.payment is None and back is None:
        wallet = (AccountKind.WALLET, plan.order.buyer_id, plan.order.currency)
        await ledger.open_accounts(conn, [wallet])
    posting = refund_posting(refund.id, plan, to_exchange=back is not None)
    await ledger.post(conn, [posting, *(back or [])])
    await orders.order_refunded(conn, plan.order, _told(refund))
    details = {
        **_told(refund),
        "note": refund.note,
        "lostCost": plain(plan.lost_cost),
        "clawedBack": plain(sum(each.amount for each in plan.clawbacks)),
    }
    await audit.record(conn, actor, "order.refund", plan.order.id, details)
    return refund


async def _write(
    conn: Connection, actor: Actor, wish: RefundWish, plan: Plan, refund_id: UUID
) -> Refund:
    """The refund, its parts in one statement, and the channel's order to give the money back."""
    through = None
    if plan.payment is not None:
        asked = payments.RefundWish(plan.payment.id, plan.amount, wish.reason.value)
        through = (await payments.request_refund(conn, plan.payment, asked)).id
    refund = await Refund.create(
        id=refund_id,
        order_id=plan.order.id,
        reason=wish.reason,
        note=wish.note.strip(),
        destination=plan.destination,
        amount=plan.amount,
        currency=plan.order.currency,
        clawback=wish.clawback,
        payment_refund_id=through,
        requested_by=actor.user_id,
        requested_at=clock.now(),
    )
    await conn.execute(
        _INSERT_PARTS,
        refund.id,
        [new_id() for _ in plan.parts],
        [part.line.id for part in plan.parts],
        [part.card.id if part.card else None for part in plan.parts],
        [part.quantity for part in plan.parts],
        [part.amount for part in plan.parts],
        [part.lost_cost for part in plan.parts],
        [part.card is not None and part.card.seen for part in plan.parts],
    )
    return refund


async def _take_goods(
    conn: Connection, actor: Actor, refund: Refund, parts: Sequence[PlannedPart]
) -> None:
    """The cards are nobody's any more; what gift cards among them held is owed no more."""
    taken = [part for part in parts if part.card is not None]
    if not taken:
        return
    why = f"refund {refund.reason.value}"
    await act_as(conn, actor, why)
    await cards.mark_refunded(conn, [part.card.id for part in taken if part.card])
    owed = {part.card.id: part.owed for part in taken if part.card and part.owed}
    if owed:
        await giftcards.void_refunded(conn, actor, owed, why)


def _told(refund: Refund) -> dict[str, Any]:
    return {
        "refundId": encode_id(Prefix.REFUND, refund.id),
        "amount": plain(refund.amount),
        "currency": refund.currency,
        "reason": refund.reason.value,
        "destination": refund.destination.value,
    }
