"""Printed cards on their way over a counter: which of them may be sold there (row K1).

In the caller's transaction; the sale itself is an order like any, written by checkout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit
from domain.cards import CardState
from domain.giftcards.events import moved
from domain.giftcards.models import Activation, CounterPayment, CounterSale, GiftCardStatus
from domain.giftcards.moves import lock_rows, move_rows
from domain.giftcards.refusals import GiftCardNotForCounter
from domain.giftcards.rules import MAX_AT_COUNTER, CounterFault
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    clock,
    record_events,
    refuse_unless,
)

SOLD_HERE = "sold at a counter"
MAX_TOLD = 20  # cards that a refusal names

_BY_NUMBER = "SELECT card_id AS id FROM gift_cards WHERE number = ANY($1)"
_OF_BATCH = """
SELECT card_id AS id FROM gift_cards WHERE batch_id = $1 AND status <> 'void' LIMIT $2
"""
_WALKED_IN = "SELECT walk_in FROM counter_sales WHERE order_id = $1"
_HOLD_CARDS = "SELECT 1 FROM cards WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_STANDING = """
SELECT g.card_id, g.number, g.program_id, g.status, g.currency, g.sold_at, p.activation,
    c.state, c.unit_cost, c.variant_id
FROM gift_cards g JOIN gift_card_programs p ON p.id = g.program_id JOIN cards c ON c.id = g.card_id
WHERE g.card_id = ANY($1) ORDER BY g.card_id
"""


@dataclass(frozen=True, slots=True)
class CounterWish:
    """Which printed cards to sell: these numbers, or a whole batch."""

    numbers: tuple[str, ...] = ()
    batch_id: UUID | None = None

    def plain(self) -> list[Any]:
        """The values that make two wishes the same one."""
        return [sorted(self.numbers), str(self.batch_id) if self.batch_id else None]


@dataclass(frozen=True, slots=True)
class CardsAtCounter:
    """Cards that may be sold, locked. `unit_cost` in units: what will be owed on each of them."""

    card_ids: list[UUID]
    variant_id: UUID
    currency: str
    unit_cost: int


async def lock_for_counter(conn: Connection, wish: CounterWish) -> CardsAtCounter:
    """The wished cards, locked, when all of them may be sold at a counter.

    Refuses numbers and a batch at once or neither, more than MAX_AT_COUNTER cards, a number that
    there is not (NOT_FOUND), cards of several programs (INVALID), and each card that may not be
    sold here (GIFT_CARD_NOT_FOR_COUNTER, with the reason; of many the first are named).
    """
    ids = await _found(conn, wish)
    await conn.fetch(_HOLD_CARDS, ids)
    rows = await conn.fetch(_STANDING, ids)
    faults = [(row["number"], _fault(row)) for row in rows]
    refused = [
        GiftCardNotForCounter(
            number=number, why=fault, reason=f"gift_counter_{fault.value}", field=("numbers",)
        )
        for number, fault in faults
        if fault is not None
    ]
    if refused:
        raise Refused(*refused[:MAX_TOLD])
    one = len({row["program_id"] for row in rows}) == 1
    refuse_unless(one, Invalid(reason="gift_one_program", field=("numbers",)))
    first = rows[0]
    return CardsAtCounter(ids, first["variant_id"], first["currency"], first["unit_cost"])


async def activate_sold(conn: Connection, actor: Actor, card_ids: Sequence[UUID]) -> None:
    """Make cards good that a counter has just sold; audited, with events."""
    rows = await lock_rows(conn, card_ids)
    await move_rows(conn, actor, rows, GiftCardStatus.ACTIVE, SOLD_HERE)
    for row in rows:
        details = {"from": row["status"], "to": GiftCardStatus.ACTIVE.value, "reason": SOLD_HERE}
        await audit.record(conn, actor, "gift_card.move", row["card_id"], details)
    await record_events(conn, [moved(row, GiftCardStatus.ACTIVE, SOLD_HERE) for row in rows])


async def note_counter_sale(
    conn: Connection,
    order_id: UUID,
    seller_id: UUID,
    paid_by: CounterPayment,
    note: str,
    *,
    walk_in: bool,
) -> None:
    """Keep who sold an order at a counter and how it was paid."""
    await CounterSale.create(
        order_id=order_id,
        seller_id=seller_id,
        paid_by=paid_by,
        walk_in=walk_in,
        note=note,
        sold_at=clock.now(),
    )


async def sold_to_walk_in(conn: Connection, order_id: UUID) -> bool:
    """Whether an order was sold over a counter to somebody who has no account with us."""
    return bool(await conn.fetchval(_WALKED_IN, order_id))


async def _found(conn: Connection, wish: CounterWish) -> list[UUID]:
    numbers = {each.replace(" ", "").replace("-", "").upper() for each in wish.numbers}
    one_way = bool(numbers) != (wish.batch_id is not None)
    refuse_unless(one_way, Invalid(reason="gift_counter_way", field=("numbers",)))
    if wish.batch_id is not None:
        rows = await conn.fetch(_OF_BATCH, wish.batch_id, MAX_AT_COUNTER + 1)
        wanted = len(rows)
    else:
        rows, wanted = await conn.fetch(_BY_NUMBER, list(numbers)), len(numbers)
    few = wanted <= MAX_AT_COUNTER
    refuse_unless(few, Invalid(reason="gift_counter_many", field=("numbers",)))
    if not rows or len(rows) < wanted:
        raise Refused(NotFound(what="gift card", field=("numbers",)))
    return sorted(row["id"] for row in rows)


def _fault(row: Any) -> CounterFault | None:
    """Why a card is not sold at a counter; None when it is."""
    if row["activation"] != Activation.BY_HAND:
        return CounterFault.NOT_PRINTED
    if row["sold_at"] is not None:
        return CounterFault.SOLD
    return _FAULTS.get(CardState(row["state"]), CounterFault.NOT_THERE)


_FAULTS: dict[CardState, CounterFault | None] = {
    CardState.AVAILABLE: None,
    CardState.RESERVED: CounterFault.HELD,
    CardState.FROZEN: CounterFault.FROZEN,
    CardState.QUARANTINED: CounterFault.FROZEN,
    CardState.VOID: CounterFault.VOID,
}
