"""Writing a purchase: its rows drafted, and handed to the one statement that writes them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from domain import commissions, ledger, orders, quotes
from domain.catalog import DeliveryKind
from domain.checkout import statements
from domain.checkout.rules import BuyerFacts, PlannedLine, Purchase
from domain.kernel import Actor, Connection, crash_point, new_id
from domain.kernel.outbox import event_columns
from domain.orders import LineStatus, Order, OrderLine, OrderStatus, events

CURRENCY = "CNY"


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
    shared: bool = False  # a code for many buyers: its share is written, its card stays
    use_number: int | None = None  # of a shared code that has an end


class CardsTaken(Exception):
    """The cards were sold to, or are held by, somebody else: look again, others may be free."""


class KeyTaken(Exception):
    """A call with the same key has bought meanwhile."""


class Overdrawn(Exception):
    """The database refused to overdraw the wallet."""

    def __init__(self, required: int) -> None:
        super().__init__(required)
        self.required = required


def draft_order(
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
    """The order and its lines as they will stand; lines without own cards wait as QUEUED."""
    delivered_now = all(line.from_own_stock for line in planned)
    consumer = not buyer.is_agent
    order = Order(
        id=order_id,
        number=orders.new_number(moment),
        buyer_id=buyer.user_id,
        api_key_id=actor.key_id,
        external_id=purchase.external_id,
        site_id=actor.site_id,
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
        delivery_kind=line.delivery_kind,
        type_id=line.type_id,
        type_version=line.type_version,
        account=line.account,
        bundle_sku=line.bundle.sku if line.bundle else None,
        bundle_position=line.bundle.position if line.bundle else None,
        gift=line.bundle is not None and line.bundle.gift,
        status=LineStatus.DELIVERED if own else LineStatus.QUEUED,
        consumer=order.consumer,
        delivered_quantity=line.quantity if own else 0,
        cost=sum(card.unit_cost for card in cards),
        due_at=None if own else _due_at(line, moment),
        delivered_at=moment if own else None,
        terms=None if own or not order.consumer else _terms(line),
    )


def _terms(line: PlannedLine) -> dict[str, Any]:
    return commissions.terms_of(line.chain, line.rules, line.bears)


def _due_at(line: PlannedLine, moment: datetime) -> datetime:
    by_hand = line.delivery_kind is DeliveryKind.MANUAL
    return moment + orders.MANUAL_DUE if by_hand else moment


def _by_hand(line: OrderLine) -> bool:
    return line.delivery_kind is DeliveryKind.MANUAL


async def write(
    conn: Connection,
    order: Order,
    lines: list[OrderLine],
    planned: list[PlannedLine],
    moment: datetime,
    claims: Mapping[str, Any],
) -> None:
    """Write the whole purchase by one statement.

    `claims` are the parameters of its key, of its cards unless they are held, of the shares of
    shared codes, of what the buyer leaves, and of the quote that it is placed by. Raises
    `KeyTaken`, `CardsTaken` or `Overdrawn` when somebody was faster; nothing is written.
    """
    postings, earned = _booked(order, lines, planned)
    told = [orders.order_event(events.PAID, 1, order, lines)]
    told += [orders.manual_waiting(order, line) for line in lines if _by_hand(line)]
    if order.event_count == 2:
        told.append(orders.order_event(events.DELIVERED, 2, order, lines))
    crash_point("checkout.before_commit")
    transfers, entries = ledger.posting_columns(postings, moment)
    given = {
        "moment": moment,
        **_order_columns(order),
        **_line_columns(lines),
        **transfers,
        **entries,
        **commissions.commission_columns(earned, CURRENCY, moment),
        **event_columns(told),
        **claims,
    }
    try:
        statement = statements.WRITE_QUOTED if "quote" in claims else statements.WRITE
        await conn.fetch(statement.text, *statement.values(given))
    except asyncpg.UniqueViolationError as error:
        # Of a quote that was used meanwhile, too, the next look tells.
        if error.constraint_name not in ("shared_use_once", quotes.USED_ONCE):
            raise
        raise CardsTaken from error
    except asyncpg.RaiseError as error:
        lost = {"key_taken": KeyTaken, "card_taken": CardsTaken}.get(error.constraint_name)
        if lost is None:
            raise
        raise lost from error
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "account_not_overdrawn":
            raise
        raise Overdrawn(order.total) from error


def _booked(
    order: Order, lines: list[OrderLine], planned: list[PlannedLine]
) -> tuple[list[ledger.Posting], list[tuple[UUID, commissions.Earned]]]:
    """What a purchase writes into the books: the payment, and each delivered line's sale."""
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
            cost=line.cost + terms.bears,
            chain=terms.chain if order.consumer else [],
            rules=terms.rules,
        )
        earned += [(line.id, share) for share in shares]
        postings.append(_sale(order, line, shares, stored_value=terms.stored_value))
    return postings, earned


def _sale(
    order: Order, line: OrderLine, shares: list[commissions.Earned], *, stored_value: bool
) -> ledger.Posting:
    if stored_value:
        # A card of money costs its face value; one of uses owes what is paid for it.
        total = line.unit_price * line.quantity
        return orders.stored_value_posting(
            line_id=line.id,
            number=order.number,
            currency=order.currency,
            total=total,
            owed=line.cost or total,
        )
    return orders.sale_posting(
        line_id=line.id,
        number=order.number,
        currency=order.currency,
        total=line.unit_price * line.quantity,
        cost=line.cost,
        supplier_id=None,
        commission_legs=commissions.legs_of(shares, order.currency),
    )


def _order_columns(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "order_number": order.number,
        "buyer": order.buyer_id,
        "api_key": order.api_key_id,
        "external_id": order.external_id,
        "order_status": order.status,
        "currency": order.currency,
        "total": order.total,
        "tier": order.tier,
        "consumer": order.consumer,
        "agent_chain": order.agent_chain,
        "event_count": order.event_count,
        "closed_at": order.closed_at,
        "site": order.site_id,
    }


def card_columns(cards: list[ClaimedCard]) -> dict[str, list[Any]]:
    """Sorted, so that two purchases hold rows in one order."""
    wanted = sorted((card for card in cards if not card.shared), key=lambda card: card.id)
    return {
        "card_ids": [card.id for card in wanted],
        "card_lines": [card.order_line_id for card in wanted],
        "card_units": [card.unit_number for card in wanted],
    }


def share_columns(cards: list[ClaimedCard]) -> dict[str, list[Any]]:
    """The shares of shared codes that a purchase writes."""
    wanted = [card for card in cards if card.shared]
    return {
        "share_ids": [new_id() for _ in wanted],
        "share_cards": [card.id for card in wanted],
        "share_lines": [card.order_line_id for card in wanted],
        "share_units": [card.unit_number for card in wanted],
        "share_uses": [card.use_number for card in wanted],
    }


def _line_columns(lines: list[OrderLine]) -> dict[str, list[Any]]:
    return {
        "line_ids": [line.id for line in lines],
        "line_positions": [line.position for line in lines],
        "line_variants": [line.variant_id for line in lines],
        "line_skus": [line.sku for line in lines],
        "line_quantities": [line.quantity for line in lines],
        "line_prices": [line.unit_price for line in lines],
        "line_max_costs": [line.max_unit_cost for line in lines],
        "line_statuses": [line.status.value for line in lines],
        "line_delivered": [line.delivered_quantity for line in lines],
        "line_costs": [line.cost for line in lines],
        "line_due": [line.due_at for line in lines],
        "line_delivered_at": [line.delivered_at for line in lines],
        "line_terms": [_json(line.terms) for line in lines],
        "line_kinds": [line.delivery_kind.value for line in lines],
        "line_types": [line.type_id for line in lines],
        "line_type_versions": [line.type_version for line in lines],
        "line_accounts": [_json(line.account) for line in lines],
        "line_bundles": [line.bundle_sku for line in lines],
        "line_parts": [line.bundle_position for line in lines],
        "line_gifts": [line.gift for line in lines],
    }


def _json(value: dict[str, Any] | None) -> str | None:
    return orjson.dumps(value).decode() if value else None
