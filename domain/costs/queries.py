"""Reads of what orders cost: a fixed number of statements, however many orders."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain import (
    aftersale,
    commissions,
    coupons,
    notifications,
    orders,
    payments,
    statements,
)
from domain.catalog import DeliveryKind
from domain.checkout import CURRENCY
from domain.costs.rules import Breakdown, LineFacts, break_down
from domain.coupons import CouponUse, DiscountBearer
from domain.kernel import Actor
from domain.orders import LineStatus, OrderLine

READ_SCOPE = "costs:read"
_OPEN = (LineStatus.WAITING, LineStatus.QUEUED, LineStatus.DELIVERING)


async def breakdowns_of(actor: Actor, order_ids: Sequence[UUID]) -> dict[UUID, Breakdown]:
    """Where the totals of orders go; needs `costs:read`.

    What goods will cost is not known before they are here: until then it is no part of it.
    """
    actor.require_scope(READ_SCOPE)
    lines = await orders.lines_of(order_ids)
    line_ids = [line.id for found in lines.values() for line in found]
    earned = await commissions.net_of_lines(line_ids)
    lost = await aftersale.losses_of_lines(line_ids)
    paid = await payments.paid_payments_of(order_ids)
    fees = await statements.fees_of([payment.id for payment in paid.values()])
    messages = await notifications.costs_of(order_ids)
    currencies = await orders.currencies_of(order_ids)
    uses = await coupons.uses_of_orders(order_ids)
    found = {}
    for order_id, currency in currencies.items():
        payment = paid.get(order_id)
        told = fees.get(payment.id) if payment else 0
        fee = told if told is not None else payment.fee_estimate if payment else 0
        found[order_id] = break_down(
            order_id,
            currency,
            [_facts(line, earned, lost) for line in lines.get(order_id, ())],
            fee=fee,
            messages=messages.get(order_id, 0) if currency == CURRENCY else 0,
            fee_told=told is not None,
            borne=_borne(uses.get(order_id, ())),
        )
    return found


def _borne(uses: Sequence[CouponUse]) -> dict[DiscountBearer, int]:
    """Who bears what came off an order."""
    return {
        DiscountBearer.PLATFORM: sum(use.platform_amount for use in uses),
        DiscountBearer.AGENT: sum(use.agent_amount for use in uses),
        DiscountBearer.SUPPLIER: sum(use.supplier_amount for use in uses),
    }


def _facts(line: OrderLine, earned: Mapping[UUID, int], lost: Mapping[UUID, int]) -> LineFacts:
    total = line.unit_price * line.quantity
    delivered = line.status is LineStatus.DELIVERED
    goods = line.cost if delivered else 0
    if delivered and line.delivery_kind is DeliveryKind.GIFT_CARD:
        # A card of uses owes what was paid for it; nothing is owed any more on what went back.
        owed = line.cost or total
        goods = owed - owed * line.refunded_quantity // line.quantity
    return LineFacts(
        id=line.id,
        sku=line.sku,
        total=total,
        goods=goods,
        commission=earned.get(line.id, 0),
        after_sale=lost.get(line.id, 0),
        refunded=line.money_back,
        closed=line.status not in _OPEN,
    )
