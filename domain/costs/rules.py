"""What an order costs the house, part by part; they sum to what was charged (mission row E7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from domain.coupons import DiscountBearer
from domain.kernel import share_out


class CostKind(StrEnum):
    """Where a part of an order's total goes."""

    GOODS = "GOODS"  # what its supplier, or the own stock, took; of an own gift card its value
    CHANNEL_FEE = "CHANNEL_FEE"  # what the payment channel keeps
    COMMISSION = "COMMISSION"  # of all agents, less what refunds took back
    MESSAGES = "MESSAGES"
    AFTER_SALE = "AFTER_SALE"  # replacements, less what suppliers made good
    REFUNDED = "REFUNDED"  # went back to the buyer
    MARGIN = "MARGIN"  # what is left; below zero it was lost


Parts = Mapping[CostKind, int]


@dataclass(frozen=True, slots=True)
class LineFacts:
    """What is known of one line, in units of 1/10000."""

    id: UUID
    sku: str
    total: int
    goods: int
    commission: int
    after_sale: int
    refunded: int
    closed: bool  # its goods are here, or its money is back


@dataclass(frozen=True, slots=True)
class LineCosts:
    """One line's total, and where it goes."""

    id: UUID
    sku: str
    total: int
    parts: Parts


@dataclass(frozen=True, slots=True)
class Breakdown:
    """An order's total, and where it goes. `fee_told`: the channel's statement has told its fee, or
    there is none to tell; else it is an estimate. `final`: nothing of it is still to come. `borne`:
    what coupons took off before there was this total, by who agreed to bear it."""

    order_id: UUID
    currency: str
    total: int
    parts: Parts
    lines: Sequence[LineCosts] = field(default_factory=tuple)
    fee_told: bool = True
    final: bool = False
    borne: Mapping[DiscountBearer, int] = field(default_factory=dict)


def break_down(
    order_id: UUID,
    currency: str,
    lines: Sequence[LineFacts],
    *,
    fee: int,
    messages: int,
    fee_told: bool,
    borne: Mapping[DiscountBearer, int] | None = None,
) -> Breakdown:
    """Share out to lines what is of the whole order, by their totals; the rest is margin."""
    weights = [line.total for line in lines]
    fees, told = share_out(fee, weights), share_out(messages, weights)
    costs = [
        _of_line(line, line_fee, line_messages)
        for line, line_fee, line_messages in zip(lines, fees, told, strict=True)
    ]
    whole = {kind: sum(each.parts[kind] for each in costs) for kind in CostKind}
    final = fee_told and all(line.closed for line in lines)
    shares = borne or dict.fromkeys(DiscountBearer, 0)
    return Breakdown(order_id, currency, sum(weights), whole, costs, fee_told, final, shares)


def _of_line(line: LineFacts, fee: int, messages: int) -> LineCosts:
    spent = {
        CostKind.GOODS: line.goods,
        CostKind.CHANNEL_FEE: fee,
        CostKind.COMMISSION: line.commission,
        CostKind.MESSAGES: messages,
        CostKind.AFTER_SALE: line.after_sale,
        CostKind.REFUNDED: line.refunded,
    }
    margin = line.total - sum(spent.values())
    return LineCosts(line.id, line.sku, line.total, {**spent, CostKind.MARGIN: margin})
