"""The purchase (mission rows C5, C6, H2; invariants I5, I8, I13, I15, I18).

Place, pay, claim, deliver, split and tell at once: READ, rules in Python, WRITE. A statement is a
transaction, so the usual purchase needs no other; in a crowd, where cards that were seen are often
gone, it holds them first. Plain SQL, because this is the hot path; a test holds the count.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from domain import commissions, ledger, orders
from domain.checkout import statements
from domain.checkout.refusals import PriceBelowCost, StockShort
from domain.checkout.rules import (
    RETAIL,
    BuyerFacts,
    PlannedLine,
    Purchase,
    Shelf,
    check_wishes,
    plan,
)
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Money,
    NotFound,
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
from domain.kernel.outbox import event_columns
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, Order, OrderLine, OrderStatus, events

CURRENCY = "CNY"
OPERATION = "orderCreate"
QUICK_TRIES = 3
CLAIM_TRIES = 15
FIRST_PAUSE_SECONDS = 0.004
MAX_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ClaimedCard:
    """A card that this purchase took."""

    id: UUID
    order_line_id: UUID
    unit_number: int
    unit_cost: int
    masked: str
    expires_on: Any
    first_revealed_at: datetime | None = None
    reveal_count: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of a purchase; `cards` is None for a replay, whose cards are read like any."""

    order: Order
    lines: list[OrderLine]
    cards: dict[UUID, list[ClaimedCard]] | None
    replayed: bool


class _CardsTaken(Exception):
    """The cards were sold to, or are held by, somebody else: look again, others may be free."""


class _KeyTaken(Exception):
    """A call with the same key has bought meanwhile."""


class _Overdrawn(Exception):
    """The database refused to overdraw the wallet."""

    def __init__(self, required: int) -> None:
        super().__init__(required)
        self.required = required


async def place_order(actor: Actor, purchase: Purchase) -> Placed:
    """Buy with the caller's wallet: all at once or not at all, and once per idempotency key.

    Refuses, having changed nothing: an unknown or unlisted sku, a quantity out of range, short
    stock, a changed price, a sale below cost, a short balance, a reused key.
    """
    check_wishes(purchase.lines)
    check_key(purchase.idempotency_key)
    pause = FIRST_PAUSE_SECONDS
    for attempt in range(CLAIM_TRIES):
        try:
            return await _attempt(actor, purchase, in_a_crowd=attempt >= QUICK_TRIES)
        except (_CardsTaken, asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            # All claims are rolled back before the pause, so two halves never starve each other.
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
        except asyncpg.LockNotAvailableError as error:
            raise Refused(Busy()) from error
    raise Refused(Busy())


async def _attempt(actor: Actor, purchase: Purchase, *, in_a_crowd: bool) -> Placed:
    """Buy by two statements; in a crowd by a transaction that holds the cards before it writes."""
    moment = clock.now()
    hashed = input_hash(purchase.plain())
    try:
        async with transaction() if in_a_crowd else connection() as conn:
            rows = await _read(conn, actor, purchase, moment)
            if rows[0]["earlier"] is not None:
                raise _KeyTaken
            placed = await _buy(conn, actor, purchase, hashed, rows, moment, in_a_crowd)
    except _KeyTaken:
        return await _replay(actor, purchase, hashed)
    except _Overdrawn as error:
        # Another purchase of this buyer spent the money between READ and WRITE.
        wallet = await ledger.wallet_of(actor.require_user(), CURRENCY)
        required = Money(error.required, CURRENCY)
        raise Refused(ledger.BalanceShort(required=required, available=wallet.available)) from error
    crash_point("checkout.after_commit")
    wake_relay()
    return placed


async def _read(conn: Connection, actor: Actor, purchase: Purchase, moment: datetime) -> list[Any]:
    buyer = actor.require_user()
    rows: list[Any] = await conn.fetch(
        statements.READ,
        actor.key_id or buyer,
        OPERATION,
        purchase.idempotency_key,
        moment,
        buyer,
        (purchase.promoter_code or "").strip().upper() or None,
        account_id(AccountKind.WALLET, buyer, CURRENCY),
        [wish.sku for wish in purchase.lines],
        [wish.quantity for wish in purchase.lines],
        CURRENCY,
        moment.date(),
    )
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
    order_id, buyer = new_id(), _buyer_of(rows[0])
    seen = {row["sku"]: orjson.loads(row["cards"]) for row in rows}
    shelves = {row["sku"]: _shelf_of(row, len(seen[row["sku"]])) for row in rows}
    planned = plan(purchase.lines, shelves, buyer, CURRENCY)
    total = _total_of(planned, buyer)
    line_ids = {line.position: new_id() for line in planned}
    if in_a_crowd:
        cards = await _claim(conn, planned, line_ids, moment)
    else:
        cards = _picked(planned, line_ids, seen)
    _refuse_below_cost(planned, line_ids, cards)
    order, lines = _drafts(
        actor, purchase, buyer, planned, line_ids, cards, total, order_id, moment
    )
    to_sell = [] if in_a_crowd else [card for each in cards.values() for card in each]
    key = [new_id(), actor.key_id or buyer.user_id, OPERATION, purchase.idempotency_key, hashed]
    await _write(conn, order, lines, planned, moment, [*key, *_card_columns(to_sell)])
    return Placed(order, lines, cards, replayed=False)


def _buyer_of(row: Any) -> BuyerFacts:
    if row["buyer_id"] is None:
        raise Refused(NotFound(what="buyer"))
    is_agent = row["agent_id"] is not None
    # An agent buys for own stock at its tier's price, and nobody earns on that (row L11).
    chain = (
        ()
        if is_agent
        else tuple(
            (row[f"id{level}"], row[f"tier{level}"])
            for level in (1, 2, 3)
            if row[f"id{level}"] is not None
        )
    )
    return BuyerFacts(
        user_id=row["buyer_id"],
        tier=row["tier"] if is_agent else RETAIL,
        is_agent=is_agent,
        chain=chain,
        wallet_balance=row["balance"] or 0,
    )


def _shelf_of(row: Any, own_cards: int) -> Shelf:
    return Shelf(
        sku=row["sku"],
        variant_id=row["variant_id"],
        for_sale=row["for_sale"],
        delivery_kind=row["delivery_kind"] or "",
        min_quantity=row["min_quantity"] or 1,
        max_quantity=row["max_quantity"] or 1,
        sold_below_cost=bool(row["sold_below_cost"]),
        prices=orjson.loads(row["prices"]) if row["prices"] else {},
        rules=commissions.read_rules(orjson.loads(row["rules"])),
        own_cards=own_cards,
        has_offer=row["has_offer"],
    )


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
    planned: list[PlannedLine], line_ids: dict[int, UUID], seen: dict[str, list[dict[str, Any]]]
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
            )
            for unit, card in enumerate(seen[line.sku] if line.from_own_stock else (), start=1)
        ]
    return cards


async def _claim(
    conn: Connection, planned: list[PlannedLine], line_ids: dict[int, UUID], moment: datetime
) -> dict[UUID, list[ClaimedCard]]:
    """Hold the cards now; who comes too late hears whether they are sold or only held."""
    own = sorted(
        (line for line in planned if line.from_own_stock), key=lambda line: line.variant_id
    )
    claimed: dict[UUID, list[ClaimedCard]] = {line_id: [] for line_id in line_ids.values()}
    if not own:
        return claimed
    rows = await conn.fetch(
        statements.CLAIM,
        [line_ids[line.position] for line in own],
        [line.variant_id for line in own],
        [line.quantity for line in own],
        moment,
        moment.date(),
    )
    for row in rows:
        claimed[row["order_line_id"]].append(ClaimedCard(**row))
    for line in own:
        got = len(claimed[line_ids[line.position]])
        if got < line.quantity:
            await _explain_shortage(conn, line, got, moment)
    return claimed


def _refuse_below_cost(
    planned: list[PlannedLine], line_ids: dict[int, UUID], cards: dict[UUID, list[ClaimedCard]]
) -> None:
    """No sale below what one of its cards cost, unless an operator allowed it (row E4)."""
    for line in planned:
        dearest = max((card.unit_cost for card in cards[line_ids[line.position]]), default=0)
        if dearest > line.unit_price and not line.sold_below_cost:
            raise Refused(PriceBelowCost(sku=line.sku, field=("lines", str(line.position))))


async def _explain_shortage(
    conn: Connection, line: PlannedLine, got: int, moment: datetime
) -> None:
    """Sold out, or only held by others for the moment? Only the first is a refusal."""
    visible = await conn.fetchval(statements.VISIBLE, line.variant_id, line.quantity, moment.date())
    if got + visible >= line.quantity:
        raise _CardsTaken
    raise Refused(
        StockShort(
            sku=line.sku,
            requested=line.quantity,
            available=got + visible,
            field=("lines", str(line.position), "quantity"),
        )
    )


def _drafts(
    actor: Actor,
    purchase: Purchase,
    buyer: BuyerFacts,
    planned: list[PlannedLine],
    line_ids: dict[int, UUID],
    claimed: dict[UUID, list[ClaimedCard]],
    total: int,
    order_id: UUID,
    moment: datetime,
) -> tuple[Order, list[OrderLine]]:
    delivered_now = all(line.from_own_stock for line in planned)
    consumer = not buyer.is_agent
    order = Order(
        id=order_id,
        number=orders.new_number(moment),
        buyer_id=buyer.user_id,
        api_key_id=actor.key_id,
        external_id=purchase.external_id,
        status=OrderStatus.DELIVERED if delivered_now else OrderStatus.PAID,
        currency=CURRENCY,
        total=total,
        tier=buyer.tier,
        consumer=consumer,
        agent_chain=[agent_id for agent_id, _ in buyer.chain],
        event_count=2 if delivered_now else 1,
        placed_at=moment,
        paid_at=moment,
        closed_at=moment if delivered_now else None,
    )
    lines = [
        _draft_line(line, line_ids[line.position], order, claimed[line_ids[line.position]], moment)
        for line in planned
    ]
    return order, lines


def _draft_line(
    line: PlannedLine, line_id: UUID, order: Order, cards: list[ClaimedCard], moment: datetime
) -> OrderLine:
    own = line.from_own_stock
    return OrderLine(
        id=line_id,
        order_id=order.id,
        position=line.position,
        variant_id=line.variant_id,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price,
        max_unit_cost=line.max_unit_cost,
        status=LineStatus.DELIVERED if own else LineStatus.QUEUED,
        consumer=order.consumer,
        delivered_quantity=line.quantity if own else 0,
        cost=sum(card.unit_cost for card in cards),
        due_at=None if own else moment,
        delivered_at=moment if own else None,
        terms=None if own or not order.consumer else commissions.terms_of(line.chain, line.rules),
    )


async def _write(
    conn: Connection,
    order: Order,
    lines: list[OrderLine],
    planned: list[PlannedLine],
    moment: datetime,
    key_and_cards: list[Any],
) -> None:
    postings = [
        orders.payment_posting(order.id, order.number, order.buyer_id, order.total, order.currency)
    ]
    earned: list[tuple[UUID, commissions.Earned]] = []
    for line, terms in zip(lines, planned, strict=True):
        if line.status is not LineStatus.DELIVERED:
            continue
        shares = commissions.split(
            unit_price=line.unit_price,
            quantity=line.quantity,
            cost=line.cost,
            chain=terms.chain if order.consumer else [],
            rules=terms.rules,
        )
        earned += [(line.id, share) for share in shares]
        postings.append(_sale(order, line, shares))
    told = [orders.order_event(events.PAID, 1, order, lines)]
    if order.event_count == 2:
        told.append(orders.order_event(events.DELIVERED, 2, order, lines))
    crash_point("checkout.before_commit")
    try:
        await conn.fetch(
            statements.WRITE,
            *_order_columns(order),
            *_line_columns(lines),
            *ledger.posting_columns(postings, moment),
            *commissions.commission_columns(earned, CURRENCY, moment),
            *event_columns(told),
            *key_and_cards,
        )
    except asyncpg.RaiseError as error:
        lost = {"key_taken": _KeyTaken, "card_taken": _CardsTaken}.get(error.constraint_name)
        if lost is None:
            raise
        raise lost from error
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "account_not_overdrawn":
            raise
        raise _Overdrawn(order.total) from error


def _sale(order: Order, line: OrderLine, shares: list[commissions.Earned]) -> ledger.Posting:
    return orders.sale_posting(
        line_id=line.id,
        number=order.number,
        currency=order.currency,
        total=line.unit_price * line.quantity,
        cost=line.cost,
        supplier_id=None,
        commission_legs=commissions.legs_of(shares, order.currency),
    )


def _order_columns(order: Order) -> list[Any]:
    return [
        order.id,
        order.number,
        order.buyer_id,
        order.api_key_id,
        order.external_id,
        order.status,
        order.currency,
        order.total,
        order.tier,
        order.consumer,
        order.agent_chain,
        order.event_count,
        order.placed_at,
        order.closed_at,
    ]


def _card_columns(cards: list[ClaimedCard]) -> list[list[Any]]:
    """Sorted, so that two purchases hold rows in one order."""
    wanted = sorted(cards, key=lambda card: card.id)
    return [
        [card.id for card in wanted],
        [card.order_line_id for card in wanted],
        [card.unit_number for card in wanted],
    ]


def _line_columns(lines: list[OrderLine]) -> list[list[Any]]:
    return [
        [line.id for line in lines],
        [line.position for line in lines],
        [line.variant_id for line in lines],
        [line.sku for line in lines],
        [line.quantity for line in lines],
        [line.unit_price for line in lines],
        [line.max_unit_cost for line in lines],
        [line.status.value for line in lines],
        [line.delivered_quantity for line in lines],
        [line.cost for line in lines],
        [line.due_at for line in lines],
        [line.delivered_at for line in lines],
        [orjson.dumps(line.terms).decode() if line.terms else None for line in lines],
    ]


async def _replay(actor: Actor, purchase: Purchase, hashed: bytes) -> Placed:
    """The order that the key stands for; refuses the key when it came with other input."""
    async with connection() as conn:
        key_actor = actor.key_id or actor.require_user()
        order_id = await find_claimed(conn, key_actor, OPERATION, purchase.idempotency_key, hashed)
    order = await Order.get(id=order_id)
    lines = (await orders.lines_of([order_id]))[order_id]
    return Placed(order, lines, cards=None, replayed=True)
