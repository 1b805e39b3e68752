"""Writing a purchase: its rows drafted, and handed to the one statement that writes them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from domain import commissions, coupons, ledger, orders, quotes
from domain.catalog import DeliveryKind
from domain.checkout import statements
from domain.checkout.rules import HOUSE, BuyerFacts, PlannedLine, Purchase
from domain.kernel import Actor, Connection, crash_point, new_id
from domain.kernel.outbox import event_columns
from domain.orders import LineStatus, Order, OrderLine, OrderStatus, events

CURRENCY = HOUSE


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
        agent_chain=[member.agent_id for member in buyer.chain],
        barred=_barred(buyer),
        promo_link_id=buyer.promo_link,
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


def _barred(buyer: BuyerFacts) -> list[dict[str, Any]] | None:
    """Who of the chain earns nothing on this order, and why; None where everybody earns."""
    barred = [
        {"agentId": str(member.agent_id), "level": member.level, "reason": member.barred.value}
        for member in buyer.chain
        if member.barred is not None
    ]
    return barred or None


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
        discount=line.discount,
        max_unit_cost=line.max_unit_cost,
        delivery_kind=line.delivery_kind,
        type_id=line.type_id,
        type_version=line.type_version,
        account_sealed=orders.sealed_account(line_id, line.account),
        account_masked=orders.masked_account(line.account),
        bundle_sku=line.bundle.sku if line.bundle else None,
        bundle_position=line.bundle.position if line.bundle else None,
        gift=line.bundle is not None and line.bundle.gift,
        status=LineStatus.DELIVERED if own else LineStatus.QUEUED,
        consumer=order.consumer,
        delivered_quantity=line.quantity if own else 0,
        cost=sum(card.unit_cost for card in cards),
        due_at=None if own else _due_at(line, moment),
        delivered_at=moment if own else None,
        terms=None if own or not order.consumer else terms_kept(line),
    )


def terms_kept(line: PlannedLine) -> dict[str, Any]:
    """What a line that is delivered later keeps of how its commissions are worked out."""
    return commissions.terms_of(line.chain, line.rules, line.bears, line.coupon, line.margin)


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
    paid: orders.Exchange | None = None,
    uses: Sequence[coupons.Use] = (),
) -> None:
    """Write the whole purchase by one statement.

    `claims` are the parameters of its key, of its cards unless they are held, of the shares of
    shared codes, of what the buyer leaves, of the quote and of the coupons; `paid` is what it costs
    its buyer in another currency, `uses` the coupons that it takes. Raises `KeyTaken`, `CardsTaken`
    or `Overdrawn` when somebody was faster; nothing is written.
    """
    postings, earned = _booked(order, lines, planned, paid)
    told = [orders.order_event(events.PAID, 1, order, lines)]
    told += [orders.manual_waiting(order, line) for line in lines if _by_hand(line)]
    if order.event_count == 2:
        told.append(orders.order_event(events.DELIVERED, 2, order, lines))
    told += coupons.told_uses(uses, order.id, order.buyer_id, paid.currency if paid else CURRENCY)
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
        **(paid.columns() if paid else {}),
    }
    try:
        statement = statements.WRITES["quote" in claims, paid is not None, bool(uses)]
        await conn.fetch(statement.text, *statement.values(given))
    except asyncpg.UniqueViolationError as error:
        # Of a quote or a coupon that was used meanwhile, too, the next look tells.
        known = error.constraint_name in ("shared_use_once", quotes.USED_ONCE)
        if not (known or coupons.is_taken(error)):
            raise
        raise CardsTaken from error
    except asyncpg.RaiseError as error:
        lost = {"key_taken": KeyTaken, "card_taken": CardsTaken}.get(error.constraint_name)
        if lost is None:
            raise
        raise lost from error
    except asyncpg.CheckViolationError as error:
        if coupons.is_taken(error):
            raise CardsTaken from error
        if error.constraint_name != "account_not_overdrawn":
            raise
        raise Overdrawn(paid.total if paid else order.total) from error


def _booked(
    order: Order,
    lines: list[OrderLine],
    planned: list[PlannedLine],
    paid: orders.Exchange | None,
) -> tuple[list[ledger.Posting], list[tuple[UUID, commissions.Earned]]]:
    """What a purchase writes into the books: the payment, and each delivered line's sale."""
    postings = payment_postings(order, paid)
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
            coupon=terms.coupon,
            least=terms.margin,
        )
        earned += [(line.id, share) for share in shares]
        postings.append(_sale(order, line, shares, stored_value=terms.stored_value))
    return postings, earned


def payment_postings(
    order: Order | orders.LockedOrder, paid: orders.Exchange | None
) -> list[ledger.Posting]:
    """What an order takes out of its buyer's wallet."""
    values = order.id, order.number, order.buyer_id, order.total, order.currency
    if paid is not None:
        return orders.exchanged_payment(*values, paid)
    return [orders.payment_posting(*values)]


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
        "barred": None if order.barred is None else orjson.dumps(order.barred).decode(),
        "event_count": order.event_count,
        "closed_at": order.closed_at,
        "site": order.site_id,
        "promo_link": order.promo_link_id,
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
        "line_discounts": [line.discount for line in lines],
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
        "line_accounts": [line.account_sealed for line in lines],
        "line_masks": [_json(line.account_masked) for line in lines],
        "line_bundles": [line.bundle_sku for line in lines],
        "line_parts": [line.bundle_position for line in lines],
        "line_gifts": [line.gift for line in lines],
    }


def _json(value: dict[str, Any] | None) -> str | None:
    return orjson.dumps(value).decode() if value else None
