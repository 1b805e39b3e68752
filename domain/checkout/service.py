"""The purchase (mission rows C5, C6, H2; invariants I5, I8, I13, I15, I18).

Place, pay, claim, deliver, split and tell at once: READ, rules in Python, WRITE. A statement is a
transaction, so the usual purchase needs no other; in a crowd, where cards that were seen are often
gone, it holds them first. Plain SQL, because this is the hot path; a test holds the count.
"""

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from domain import ledger, orders, quotes, risk
from domain.checkout import statements
from domain.checkout.guards import refuse_below_cost, refuse_other_total
from domain.checkout.placing import place_held, place_unpaid
from domain.checkout.planning import plan
from domain.checkout.reading import Seen, buyer_of, seen_in, shelves_of
from domain.checkout.refusals import StockShort
from domain.checkout.rules import (
    BuyerFacts,
    PlannedLine,
    Purchase,
    check_wishes,
    price_of,
    unfilled,
)
from domain.checkout.screening import Blocked, Held, refuse_blocked, screen
from domain.checkout.writing import (
    CURRENCY,
    CardsTaken,
    ClaimedCard,
    KeyTaken,
    Overdrawn,
    card_columns,
    draft_order,
    share_columns,
    write,
)
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Money,
    Refused,
    clock,
    connection,
    crash_point,
    input_hash,
    new_id,
    transaction,
    wake_relay,
)
from domain.kernel.idempotency import check_key, find_claimed
from domain.ledger import AccountKind, account_id
from domain.orders import Order, OrderLine

OPERATION = "orderCreate"
QUICK_TRIES = 3
CLAIM_TRIES = 15
FIRST_PAUSE_SECONDS = 0.004
MAX_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of a purchase; `cards` is None for a replay, whose cards are read like any."""

    order: Order
    lines: list[OrderLine]
    cards: dict[UUID, list[ClaimedCard]] | None
    replayed: bool


async def place_order(actor: Actor, purchase: Purchase) -> Placed:
    """Buy with the caller's wallet: all at once or not at all, and once per idempotency key.

    With `by_channel` the order waits for its payment, and its cards are held meanwhile (F7, F2).
    Refuses, having changed nothing: an unknown or unlisted sku, a quantity out of range, short
    stock, a changed price, a sale below cost, a short balance, a reused key.
    """
    check_wishes(purchase.lines)
    check_key(purchase.idempotency_key)
    try:
        if purchase.by_channel:
            return await _place_unpaid(actor, purchase)
        return await _place_paid(actor, purchase)
    except Held as held:
        return await _place_held(actor, purchase, held.verdict)
    except Blocked as blocked:
        raise await refuse_blocked(blocked) from None


async def _place_paid(actor: Actor, purchase: Purchase) -> Placed:
    """By wallet: as often as it takes until it is bought or refused."""
    pause = FIRST_PAUSE_SECONDS
    for attempt in range(CLAIM_TRIES):
        try:
            return await _attempt(actor, purchase, in_a_crowd=attempt >= QUICK_TRIES)
        except (CardsTaken, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            # All claims are rolled back before the pause, so two halves never starve each other.
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
        except asyncpg.LockNotAvailableError as error:
            raise Refused(Busy()) from error
    raise Refused(Busy())


async def _place_unpaid(actor: Actor, purchase: Purchase) -> Placed:
    """Place an order that is paid later, in one transaction; no money moves."""
    try:
        async with transaction() as conn:
            rows = await _read(conn, actor, purchase, clock.now())
            buyer = buyer_of(rows[0])
            if rows[0]["earlier"] is not None:
                raise KeyTaken
            planned = _plan(purchase, rows, seen_in(rows), buyer)
            newest = rows[0]["risk_rules"]
            order, lines = await place_unpaid(conn, actor, purchase, buyer, planned, newest)
    except KeyTaken:
        return await _replay(actor, purchase, input_hash(purchase.plain()))
    wake_relay()
    return Placed(order, lines, {line.id: [] for line in lines}, replayed=False)


async def _place_held(actor: Actor, purchase: Purchase, verdict: risk.Verdict) -> Placed:
    """Write a purchase by wallet paid and held for a second look, in one transaction (row C9)."""
    try:
        async with transaction() as conn:
            rows = await _read(conn, actor, purchase, clock.now())
            buyer = buyer_of(rows[0])
            if rows[0]["earlier"] is not None:
                raise KeyTaken
            planned = _plan(purchase, rows, seen_in(rows), buyer)
            _total_of(planned, buyer)
            order, lines = await place_held(conn, actor, purchase, buyer, planned, verdict)
    except KeyTaken:
        return await _replay(actor, purchase, input_hash(purchase.plain()))
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "account_not_overdrawn":
            raise
        raise Refused(Busy()) from error  # spent meanwhile; the next look says how much is left
    crash_point("checkout.held")
    wake_relay()
    return Placed(order, lines, {line.id: [] for line in lines}, replayed=False)


async def _attempt(actor: Actor, purchase: Purchase, *, in_a_crowd: bool) -> Placed:
    """Buy by two statements; in a crowd by a transaction that holds the cards before it writes."""
    moment = clock.now()
    hashed = input_hash(purchase.plain())
    try:
        async with transaction() if in_a_crowd else connection() as conn:
            rows = await _read(conn, actor, purchase, moment)
            if rows[0]["earlier"] is not None:
                raise KeyTaken
            placed = await _buy(conn, actor, purchase, hashed, rows, moment, in_a_crowd)
    except KeyTaken:
        return await _replay(actor, purchase, hashed)
    except Overdrawn as error:
        # Another purchase of this buyer spent the money between READ and WRITE.
        wallet = await ledger.wallet_of(actor.require_user(), CURRENCY)
        required = Money(error.required, CURRENCY)
        raise Refused(ledger.BalanceShort(required=required, available=wallet.available)) from error
    crash_point("checkout.after_commit")
    wake_relay()
    return placed


async def _read(conn: Connection, actor: Actor, purchase: Purchase, moment: datetime) -> list[Any]:
    buyer = actor.require_user()
    chosen = [wish.card_id for wish in purchase.lines]
    given = {
        "actor": actor.key_id or buyer,
        "operation": OPERATION,
        "key": purchase.idempotency_key,
        "moment": moment,
        "buyer": buyer,
        "promoter": (purchase.promoter_code or "").strip().upper() or None,
        "wallet": account_id(AccountKind.WALLET, buyer, CURRENCY),
        "skus": [wish.sku for wish in purchase.lines],
        "quantities": [wish.quantity for wish in purchase.lines],
        "currency": CURRENCY,
        "day": moment.date(),
        "site": actor.site_id,
    }
    plain, with_chosen = statements.READ, statements.READ_CHOSEN
    if purchase.quote_id is not None:
        plain, with_chosen = statements.READ_QUOTED, statements.READ_CHOSEN_QUOTED
        given["quote"] = purchase.quote_id
    statement = plain
    if any(chosen):
        statement, given["chosen"] = with_chosen, chosen
    rows: list[Any] = await conn.fetch(statement.text, *statement.values(given))
    return rows


async def _buy(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    hashed: bytes,
    rows: list[Any],
    moment: datetime,
    in_a_crowd: bool,
) -> Placed:
    order_id, buyer = new_id(), buyer_of(rows[0])
    seen = seen_in(rows)
    planned = _plan(purchase, rows, seen, buyer)
    total = _total_of(planned, buyer)
    if rows[0]["risk_rules"] is not None:
        await screen(conn, actor, purchase, planned, rows[0]["risk_rules"])
    line_ids = {line.position: new_id() for line in planned}
    if in_a_crowd:
        shared = _picked([line for line in planned if line.shared], line_ids, seen)
        cards = {**await _claim(conn, actor, planned, line_ids, moment), **shared}
    else:
        cards = _picked(planned, line_ids, seen)
    own_costs = {
        line.position: [card.unit_cost for card in cards[line_ids[line.position]]]
        for line in planned
    }
    refuse_below_cost(planned, own_costs)
    order, lines = draft_order(
        actor, purchase, buyer, planned, line_ids, cards, total, order_id, moment
    )
    taken = [card for each in cards.values() for card in each]
    to_sell = [] if in_a_crowd else taken
    claims = {
        "key_id": new_id(),
        "actor": actor.key_id or buyer.user_id,
        "operation": OPERATION,
        "key": purchase.idempotency_key,
        "input_hash": hashed,
        "keepsake": purchase.keepsake.column(order_id) if purchase.keepsake else None,
        **card_columns(to_sell),
        **share_columns(taken),
        **({"quote": purchase.quote_id} if purchase.quote_id is not None else {}),
    }
    await write(conn, order, lines, planned, moment, claims)
    return Placed(order, lines, cards, replayed=False)


async def look(actor: Actor, purchase: Purchase) -> dict[str, int]:
    """The unit price of each sku, if the caller bought now. Writes nothing; looks at no wallet.

    Refuses as `place_order` does, but for the fields that a buyer fills in, which are not asked
    for, and also what would be refunded because its supplier asks more by now.
    """
    check_wishes(purchase.lines)
    async with connection() as conn:
        rows = await _read(conn, actor, purchase, clock.now())
    buyer, seen = buyer_of(rows[0]), seen_in(rows)
    shelves = {
        sku: replace(unfilled(shelf), locked=price_of(shelf, buyer.tier))
        for sku, shelf in shelves_of(rows, seen).items()
    }
    planned = plan(purchase.lines, shelves, buyer, CURRENCY)
    costs = {line.position: [card["unit_cost"] for card in seen.take(line)] for line in planned}
    refuse_below_cost(planned, costs)
    return {sku: shelf.locked for sku, shelf in shelves.items() if shelf.locked is not None}


def _plan(purchase: Purchase, rows: list[Any], seen: Seen, buyer: BuyerFacts) -> list[PlannedLine]:
    """The lines, at the prices that a quote locked where the purchase comes with one."""
    shelves = shelves_of(rows, seen)
    if purchase.quote_id is not None:
        found = rows[0]["quote"]
        wished = [(wish.sku, wish.quantity) for wish in purchase.lines]
        prices = quotes.prices_to_lock(orjson.loads(found) if found else None, wished)
        shelves |= {sku: replace(shelves[sku], locked=price) for sku, price in prices.items()}
    planned = plan(purchase.lines, shelves, buyer, CURRENCY)
    refuse_other_total(planned, purchase.expected_total, CURRENCY)
    return planned


def _total_of(planned: list[PlannedLine], buyer: BuyerFacts) -> int:
    """The sum of the lines, which the wallet must hold; a wallet pays to the 1/10000."""
    total = sum(line.unit_price * line.quantity for line in planned)
    if buyer.wallet_balance < total:
        raise Refused(
            ledger.BalanceShort(
                required=Money(total, CURRENCY), available=Money(buyer.wallet_balance, CURRENCY)
            )
        )
    return total


def _picked(
    planned: list[PlannedLine], line_ids: dict[int, UUID], seen: Seen
) -> dict[UUID, list[ClaimedCard]]:
    """The cards that READ has seen, as they will be once WRITE has got them."""
    cards: dict[UUID, list[ClaimedCard]] = {}
    for line in planned:
        line_id = line_ids[line.position]
        cards[line_id] = [
            ClaimedCard(
                id=UUID(card["id"]),
                order_line_id=line_id,
                unit_number=unit,
                unit_cost=card["unit_cost"],
                masked=card["masked"],
                expires_on=date.fromisoformat(card["expires_on"]) if card["expires_on"] else None,
                shared=card.get("shared", False),
                use_number=card.get("use"),
            )
            for unit, card in enumerate(seen.take(line), start=1)
        ]
    return cards


async def _claim(
    conn: Connection,
    actor: Actor,
    planned: list[PlannedLine],
    line_ids: dict[int, UUID],
    moment: datetime,
) -> dict[UUID, list[ClaimedCard]]:
    """Hold the cards now; who comes too late hears whether they are sold or only held."""
    mine = [line for line in planned if line.from_own_stock and not line.shared]
    own = sorted((line for line in mine if line.chosen is None), key=lambda line: line.variant_id)
    claimed: dict[UUID, list[ClaimedCard]] = {line_id: [] for line_id in line_ids.values()}
    await _claim_chosen(conn, actor, [line for line in mine if line.chosen], line_ids, claimed)
    for together in _rounds(own):
        rows = await conn.fetch(
            statements.CLAIM,
            [line_ids[line.position] for line in together],
            [line.variant_id for line in together],
            [line.quantity for line in together],
            moment,
            moment.date(),
            actor.site_id,
        )
        for row in rows:
            claimed[row["order_line_id"]].append(ClaimedCard(**row))
    for line in own:
        got = len(claimed[line_ids[line.position]])
        if got < line.quantity:
            await _explain_shortage(conn, actor, line, got, moment)
    return claimed


def _rounds(lines: list[PlannedLine]) -> list[list[PlannedLine]]:
    """Lines that may be claimed for at once: two of one variant would be shown the same cards. One
    round for all but orders whose bundles share a variant."""
    rounds: list[list[PlannedLine]] = []
    for line in lines:
        free = (r for r in rounds if all(line.variant_id != other.variant_id for other in r))
        together = next(free, None)
        if together is None:
            rounds.append([line])
        else:
            together.append(line)
    return rounds


async def _claim_chosen(
    conn: Connection,
    actor: Actor,
    chosen: list[PlannedLine],
    line_ids: dict[int, UUID],
    claimed: dict[UUID, list[ClaimedCard]],
) -> None:
    """Hold the very cards that were chosen; the next look says whether one is gone for good."""
    if not chosen:
        return
    rows = await conn.fetch(
        statements.CLAIM_CHOSEN,
        [line_ids[line.position] for line in chosen],
        [line.chosen for line in chosen],
        clock.now(),
        actor.site_id,
    )
    if len(rows) < len(chosen):
        raise CardsTaken
    for row in rows:
        claimed[row["order_line_id"]].append(ClaimedCard(**row))


async def _explain_shortage(
    conn: Connection, actor: Actor, line: PlannedLine, got: int, moment: datetime
) -> None:
    """Sold out, or only held by others for the moment? Only the first is a refusal."""
    visible = await conn.fetchval(
        statements.VISIBLE, line.variant_id, line.quantity, moment.date(), actor.site_id
    )
    # Of a bundle the next look says what is short, and whether it can be sold without its gift.
    if got + visible >= line.quantity or line.bundle is not None:
        raise CardsTaken
    raise Refused(
        StockShort(
            sku=line.sku,
            requested=line.quantity,
            available=got + visible,
            field=("lines", str(line.place), "quantity"),
        )
    )


async def _replay(actor: Actor, purchase: Purchase, hashed: bytes) -> Placed:
    """The order that the key stands for; refuses the key when it came with other input."""
    async with connection() as conn:
        key_actor = actor.key_id or actor.require_user()
        order_id = await find_claimed(conn, key_actor, OPERATION, purchase.idempotency_key, hashed)
    order = await Order.get(id=order_id)
    lines = (await orders.lines_of([order_id]))[order_id]
    return Placed(order, lines, cards=None, replayed=True)
