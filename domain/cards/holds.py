"""Cards held for a buyer who has not paid yet (cards.md part 2).

The first four run in the caller's transaction, because what they are part of is the caller's: an
order that is placed, paid or given up. The hold is locked before its cards. A card is held by one
hold, sold by one purchase, and never both: the move out of `available` is one row's update.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any
from uuid import UUID

from domain.cards.models import CardHold, HoldState
from domain.cards.refusals import (
    AddressHoldLimitReached,
    CardsShort,
    HoldLimitReached,
    HoldOver,
)
from domain.cards.rules import HOLD_LIMIT, limits, network_of
from domain.kernel import (
    SYSTEM,
    Actor,
    Busy,
    Connection,
    Invalid,
    NotFound,
    Refused,
    act_as,
    clock,
    keyed_digest,
    new_id,
    refuse_unless,
    transaction,
)

LAPSED_AT_ONCE = 200
ADDRESS_PURPOSE = "hold-address"

# One buyer's holds are made one after another, so that two at once do not both stay in the limit;
# then those from one address.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('cards.holds'), hashtext($1))"
_HERE = """
SELECT coalesce(sum(quantity), 0) AS held, min(until) AS first_ends
FROM card_holds WHERE address = $1 AND state = 'open'
"""
_LIMITS = """
SELECT coalesce((SELECT hold_limit FROM stock_policies WHERE variant_id = $2), $3) AS most,
    (SELECT coalesce(sum(quantity), 0) FROM card_holds
        WHERE buyer_id = $1 AND variant_id = $2 AND state = 'open' AND NOT paid) AS held
"""
_OPEN = """
INSERT INTO card_holds (id, variant_id, buyer_id, site_id, order_line_id, quantity, state, until,
    created_at, address) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9)
"""
_SELLABLE = """
variant_id = $1 AND state = 'available' AND (kept_for IS NULL OR kept_for = $2)
    AND (expires_on IS NULL OR expires_on > $3::date + coalesce(
        (SELECT expiry_margin_days FROM stock_policies WHERE variant_id = $1), 0))
"""
# The ids come as an array, of which the planner expects few; see the purchase's CLAIM.
_HOLD = f"""
UPDATE cards SET state = 'reserved', hold_id = $4 WHERE id = ANY(ARRAY(
    SELECT id FROM cards WHERE {_SELLABLE}
    ORDER BY expires_on, id LIMIT $5 FOR UPDATE SKIP LOCKED)) RETURNING id
"""  # noqa: S608
_VISIBLE = f"SELECT count(*) FROM (SELECT 1 FROM cards WHERE {_SELLABLE} LIMIT $4) counted"  # noqa: S608
_LOCK = """
SELECT id, variant_id, buyer_id, quantity, state, until FROM card_holds WHERE id = $1 FOR UPDATE
"""
_FREE = """
UPDATE cards SET state = 'available', hold_id = NULL WHERE hold_id = $1 AND state = 'reserved'
"""
_CLOSE = "UPDATE card_holds SET state = $2, closed_at = $3, address = NULL WHERE id = $1"
_EXTEND = "UPDATE card_holds SET until = $2 WHERE id = $1"
_USE = """
UPDATE cards c SET state = 'sold', hold_id = NULL, order_line_id = $2, sold_at = $3,
    unit_number = held.unit
FROM (SELECT id, row_number() OVER (ORDER BY id) AS unit FROM (
    SELECT id FROM cards WHERE hold_id = $1 AND state = 'reserved' FOR UPDATE) locked) held
WHERE c.id = held.id RETURNING c.id
"""
_USED = """
UPDATE card_holds SET state = 'used', closed_at = $3, order_line_id = $2, address = NULL
WHERE id = $1
"""
_DUE = """
SELECT id FROM card_holds WHERE state = 'open' AND until <= $1
ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class HoldWish:
    """How many cards of what, until when, and for which line if there is one already."""

    variant_id: UUID
    quantity: int
    until: datetime
    order_line_id: UUID | None = None


async def reserve_cards(conn: Connection, actor: Actor, wish: HoldWish) -> CardHold:
    """Hold cards for the caller, in the caller's transaction.

    Refuses a quantity below 1 and a moment that has passed (INVALID), more unpaid cards than the
    variant's policy lets one buyer hold (HOLD_LIMIT_REACHED), more than all buyers of one address
    may hold (ADDRESS_HOLD_LIMIT_REACHED), and fewer cards than asked for (CARDS_SHORT); `Busy` when
    only others' unfinished purchases stand in the way. A refusal leaves rows behind that the
    caller's rollback takes away: let it through.
    """
    buyer, moment = actor.require_user(), clock.now()
    refuse_unless(wish.quantity > 0, Invalid(reason="hold_quantity", field=("quantity",)))
    refuse_unless(wish.until > moment, Invalid(reason="hold_until", field=("until",)))
    await conn.execute(_ALONE, buyer.hex)
    limits = await conn.fetchrow(_LIMITS, buyer, wish.variant_id, HOLD_LIMIT)
    within = limits["held"] + wish.quantity <= limits["most"]
    refuse_unless(
        within, HoldLimitReached(limit=limits["most"], held=limits["held"], field=("quantity",))
    )
    address = await _address_of(conn, actor, wish.quantity, moment)
    hold = CardHold(
        id=new_id(),
        variant_id=wish.variant_id,
        buyer_id=buyer,
        site_id=actor.site_id,
        order_line_id=wish.order_line_id,
        quantity=wish.quantity,
        state=HoldState.OPEN,
        until=wish.until,
        created_at=moment,
        address=address,
    )
    await conn.execute(
        _OPEN,
        hold.id,
        hold.variant_id,
        buyer,
        hold.site_id,
        hold.order_line_id,
        hold.quantity,
        hold.until,
        moment,
        address,
    )
    await act_as(conn, actor, "held")
    await _hold(conn, hold, moment)
    return hold


async def extend_hold(conn: Connection, hold_id: UUID, until: datetime) -> None:
    """Hold the cards longer, as when a payment begins. Refuses a hold that is over (HOLD_OVER)."""
    await _lock_open(conn, hold_id)
    await conn.execute(_EXTEND, hold_id, until)


async def release_hold(conn: Connection, hold_id: UUID) -> bool:
    """Put held cards back on the shelf; False when the hold was over already."""
    hold = await conn.fetchrow(_LOCK, hold_id)
    if hold is None:
        raise Refused(NotFound(what="hold"))
    if hold["state"] != HoldState.OPEN:
        return False
    await _close(conn, hold_id, HoldState.RELEASED)
    return True


async def use_hold(conn: Connection, hold_id: UUID, line_id: UUID) -> Sequence[UUID]:
    """Sell the held cards to an order line as its units 1, 2, 3 ...; their ids.

    Refuses a hold that is over, and one of which cards were frozen or found invalid meanwhile
    (HOLD_OVER): whoever paid late is served from the shelf, by a supplier, or gets the money back.
    """
    hold = await _lock_open(conn, hold_id)
    rows = await conn.fetch(_USE, hold_id, line_id, clock.now())
    refuse_unless(len(rows) == hold["quantity"], HoldOver())
    await conn.execute(_USED, hold_id, line_id, clock.now())
    return [row["id"] for row in rows]


async def lapse_holds() -> int:
    """Give back the cards of holds whose time is over; how many holds."""
    async with transaction() as conn:
        await act_as(conn, SYSTEM, "hold lapsed")
        due = await conn.fetch(_DUE, clock.now(), LAPSED_AT_ONCE)
        for row in due:
            await _close(conn, row["id"], HoldState.LAPSED)
    return len(due)


async def _address_of(
    conn: Connection, actor: Actor, quantity: int, moment: datetime
) -> bytes | None:
    """Where the cards are asked for, as a keyed digest; refuses when too many are held there."""
    if not actor.ip or not limits.per_address:
        return None
    digest = keyed_digest(ADDRESS_PURPOSE, network_of(actor.ip).encode())
    await conn.execute(_ALONE, digest.hex())
    here = await conn.fetchrow(_HERE, digest)
    within = here["held"] + quantity <= limits.per_address
    free = here["first_ends"] or moment
    seconds = max(1, ceil((free - moment).total_seconds()))
    refusal = AddressHoldLimitReached(limit=limits.per_address, retry_after=seconds)
    refuse_unless(within, refusal)
    return digest


async def _hold(conn: Connection, hold: CardHold, moment: datetime) -> None:
    """Take the cards, or say whether they are gone or only in somebody's hands for a moment."""
    where = [hold.variant_id, hold.site_id, moment.date()]
    got = len(await conn.fetch(_HOLD, *where, hold.id, hold.quantity))
    if got == hold.quantity:
        return
    visible = await conn.fetchval(_VISIBLE, *where, hold.quantity)
    if got + visible >= hold.quantity:
        raise Refused(Busy())
    raise Refused(CardsShort(requested=hold.quantity, available=got + visible))


async def _lock_open(conn: Connection, hold_id: UUID) -> Any:
    hold = await conn.fetchrow(_LOCK, hold_id)
    if hold is None:
        raise Refused(NotFound(what="hold"))
    going = hold["state"] == HoldState.OPEN and hold["until"] > clock.now()
    refuse_unless(going, HoldOver())
    return hold


async def _close(conn: Connection, hold_id: UUID, state: HoldState) -> None:
    await conn.execute(_FREE, hold_id)
    await conn.execute(_CLOSE, hold_id, state.value, clock.now())
