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

from domain import agents, coupons, ledger, orders, priceguard, promotion, quotes, risk
from domain.checkout import statements
from domain.checkout.backlog import refuse_in_a_jam
from domain.checkout.couponing import (
    Basket,
    WrongCodes,
    couponed,
    price_floor,
    refuse_codes,
    refuse_wrong,
    saw_automatic,
    use_claims,
)
from domain.checkout.exchanging import exchanged
from domain.checkout.guards import refuse_below_cost, refuse_other_total
from domain.checkout.placing import place_held, place_unpaid
from domain.checkout.planning import plan
from domain.checkout.reading import Seen, buyer_of, seen_in, shelves_of, sight
from domain.checkout.refusals import BelowFloor, StockShort
from domain.checkout.rules import (
    BuyerFacts,
    PlannedLine,
    Purchase,
    check_wishes,
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
    Invalid,
    Money,
    Refused,
    clock,
    connection,
    crash_point,
    input_hash,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.kernel.idempotency import check_key, find_claimed
from domain.ledger import AccountKind, account_id
from domain.orders import Exchange, Order, OrderLine
from domain.priceguard import InversionCause

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
    paid: Exchange | None = None  # in another currency than the house's


async def place_order(actor: Actor, purchase: Purchase) -> Placed:
    """Buy with the caller's wallet: all at once or not at all, and once per idempotency key.

    With `by_channel` the order waits for its payment, and its cards are held meanwhile (F7, F2).
    Refuses, having changed nothing: an unknown or unlisted sku, a quantity out of range, short
    stock, a changed price, a sale below cost, a short balance, a reused key, a named coupon that
    does not apply, and what only suppliers deliver while they are far behind (SHOP_BUSY).
    """
    check_wishes(purchase.lines)
    check_key(purchase.idempotency_key)
    if any(wish.account for wish in purchase.lines):
        await orders.ready_to_seal()
    purchase.coupons.check()
    try:
        if purchase.by_channel:
            return await _place_unpaid(actor, purchase)
        return await _place_paid(actor, purchase)
    except Held as held:
        return await _place_held(actor, purchase, held.verdict)
    except Blocked as blocked:
        raise await refuse_blocked(blocked) from None
    except WrongCodes as wrong:
        raise await refuse_codes(actor, wrong) from None
    except BelowFloor as low:
        if purchase.automatic and coupons.sight.automatic:
            # What applies by itself sells nothing below the floor, and keeps nobody from buying.
            return await place_order(actor, replace(purchase, automatic=False))
        await priceguard.note_refused(actor.site_id, InversionCause.ORDER, [low.below])
        if low.by_coupon:
            raise Refused(price_floor(purchase)) from None
        raise


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
            rows = await read(conn, actor, purchase, clock.now())
            buyer = buyer_of(rows[0])
            if rows[0]["earlier"] is not None:
                raise KeyTaken
            by_wallet = Invalid(reason="currency_by_wallet", field=("payByChannel",))
            refuse_unless(purchase.currency == CURRENCY, by_wallet)
            basket = _plan(purchase, rows, seen_in(rows), buyer)
            newest = rows[0]["risk_rules"]
            order, lines = await place_unpaid(conn, actor, purchase, buyer, basket, newest)
    except KeyTaken:
        return await _replay(actor, purchase, input_hash(purchase.plain()))
    wake_relay()
    return Placed(order, lines, {line.id: [] for line in lines}, replayed=False)


async def _place_held(actor: Actor, purchase: Purchase, verdict: risk.Verdict) -> Placed:
    """Write a purchase by wallet paid and held for a second look, in one transaction (row C9)."""
    try:
        async with transaction() as conn:
            rows = await read(conn, actor, purchase, clock.now())
            buyer = buyer_of(rows[0])
            if rows[0]["earlier"] is not None:
                raise KeyTaken
            basket = _plan(purchase, rows, seen_in(rows), buyer)
            _refuse_short(basket.planned, buyer, purchase.currency)
            paid = exchanged(basket.planned, purchase.currency, rows[0].get("exchange"))
            order, lines = await place_held(conn, actor, purchase, buyer, basket, verdict, paid)
    except KeyTaken:
        return await _replay(actor, purchase, input_hash(purchase.plain()))
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "account_not_overdrawn":
            raise
        raise Refused(Busy()) from error  # spent meanwhile; the next look says how much is left
    crash_point("checkout.held")
    wake_relay()
    costs = paid.of({line.position: line.id for line in lines}) if paid else None
    return Placed(order, lines, {line.id: [] for line in lines}, replayed=False, paid=costs)


async def _attempt(actor: Actor, purchase: Purchase, *, in_a_crowd: bool) -> Placed:
    """Buy by two statements; in a crowd by a transaction that holds the cards before it writes."""
    moment = clock.now()
    hashed = input_hash(purchase.plain())
    try:
        async with transaction() if in_a_crowd else connection() as conn:
            rows = await read(conn, actor, purchase, moment)
            if rows[0]["earlier"] is not None:
                raise KeyTaken
            placed = await _buy(conn, actor, purchase, hashed, rows, moment, in_a_crowd)
    except KeyTaken:
        return await _replay(actor, purchase, hashed)
    except Overdrawn as error:
        # Another purchase of this buyer spent the money between READ and WRITE.
        wallet = await ledger.wallet_of(actor.require_user(), purchase.currency)
        required = Money(error.required, purchase.currency)
        raise Refused(ledger.BalanceShort(required=required, available=wallet.available)) from error
    crash_point("checkout.after_commit")
    wake_relay()
    return placed


async def read(conn: Connection, actor: Actor, purchase: Purchase, moment: datetime) -> list[Any]:
    """READ; with coupons when the buyer names some, or when some were seen to apply by themselves,
    and without what nobody has ever used here. Who sees the first of these reads once more."""
    wanted = bool(purchase.coupons) or (purchase.automatic and coupons.sight.automatic)
    while True:
        rows = await _read_once(conn, actor, purchase, moment, with_coupons=wanted)
        more = sight.learned(rows)
        if saw_automatic(rows) and purchase.automatic and not wanted:
            more = wanted = True
        if not more:
            return rows


async def _read_once(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    moment: datetime,
    *,
    with_coupons: bool,
) -> list[Any]:
    buyer = actor.require_user()
    chosen = [wish.card_id for wish in purchase.lines]
    given = {
        "actor": actor.key_id or buyer,
        "operation": OPERATION,
        "key": purchase.idempotency_key,
        "moment": moment,
        "buyer": buyer,
        "promoter": (purchase.promoter_code or "").strip().upper() or None,
        **promotion.attribution.given(),
        "wallet": account_id(AccountKind.WALLET, buyer, purchase.currency),
        "skus": [wish.sku for wish in purchase.lines],
        "quantities": [wish.quantity for wish in purchase.lines],
        "currency": purchase.currency,
        "day": moment.date(),
        "site": actor.site_id,
        **agents.footprint_of(actor).given(),
    }
    if purchase.quote_id is not None:
        given["quote"] = purchase.quote_id
    if any(chosen):
        given["chosen"] = chosen
    if with_coupons:
        given |= purchase.coupons.given(actor, automatic=purchase.automatic)
    statement = statements.reading(
        sight.filled,
        chosen=any(chosen),
        quoted=purchase.quote_id is not None,
        abroad=purchase.currency != CURRENCY,
        couponed=with_coupons,
    )
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
    basket = _plan(purchase, rows, seen, buyer)
    planned = basket.planned
    _refuse_short(planned, buyer, purchase.currency)
    paid = exchanged(planned, purchase.currency, rows[0].get("exchange"))
    total = sum(line.unit_price * line.quantity for line in planned)
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
    uses = basket.uses(line_ids, buyer)
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
        **(use_claims(actor, purchase, uses) if uses else {}),
    }
    costs = paid.of(line_ids) if paid else None
    await write(conn, order, lines, planned, moment, claims, costs, uses)
    return Placed(order, lines, cards, replayed=False, paid=costs)


def _plan(purchase: Purchase, rows: list[Any], seen: Seen, buyer: BuyerFacts) -> Basket:
    """The lines, at the prices that a quote locked where the purchase comes with one, and with what
    coupons take off them."""
    shelves = shelves_of(rows, seen)
    if purchase.quote_id is not None:
        found = rows[0]["quote"]
        wished = [(wish.sku, wish.quantity) for wish in purchase.lines]
        prices = quotes.prices_to_lock(orjson.loads(found) if found else None, wished)
        shelves |= {sku: replace(shelves[sku], locked=price) for sku, price in prices.items()}
    planned = plan(purchase.lines, shelves, buyer, purchase.currency)
    basket = couponed(planned, purchase, buyer, rows[0].get("coupons"))
    refuse_wrong(basket, purchase)
    refuse_other_total(basket.planned, purchase.expected_total, purchase.currency)
    refuse_in_a_jam(basket.planned)
    return basket


def _refuse_short(planned: list[PlannedLine], buyer: BuyerFacts, currency: str) -> None:
    """The wallet must hold the sum of the lines; a wallet pays to the 1/10000."""
    total = sum(line.unit_price * line.quantity for line in planned)
    if buyer.wallet_balance < total:
        raise Refused(
            ledger.BalanceShort(
                required=Money(total, currency), available=Money(buyer.wallet_balance, currency)
            )
        )


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
