"""How refunds of delivered goods are asked for and shown (back office)."""

from dataclasses import dataclass
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import checkout, refunds
from domain.kernel import Money, Prefix, decode_id, encode_id
from domain.refunds import AgentShare, RefundDestination, RefundReason, ShownPart, ShownRefund
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@strawberry.input(description="A line to be refunded, whole or by an amount.")
class RefundLineInput:
    line_id: strawberry.ID
    amount: MoneyInput | None = strawberry.field(
        default=None,
        description="Money alone, and the buyer keeps the goods. Left out: all that is left of the"
        " line, and its goods with it.",
    )


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """What the payload shows."""

    refund: ShownRefund
    replayed: bool


async def order_refund(
    info: Info,
    idempotency_key: str,
    order_id: strawberry.ID,
    reason: RefundReason,
    destination: RefundDestination = RefundDestination.CHANNEL,
    lines: list[RefundLineInput] | None = None,
    card_ids: list[strawberry.ID] | None = None,
    note: str = "",
    clawback: bool = True,
) -> RefundOutcome:
    """Give delivered goods back."""
    wish = refunds.RefundWish(
        order_id=decode_id(Prefix.ORDER, order_id, field=("orderId",)),
        reason=reason,
        destination=destination,
        note=note,
        lines=_lines(lines),
        card_ids=_cards(card_ids),
        clawback=clawback,
    )
    done = await refunds.refund_order(info.context.actor, wish, idempotency_key)
    return RefundOutcome(await refunds.get_refund(done.refund.id), done.replayed)


async def order_refund_quote(
    info: Info,
    order_id: strawberry.ID,
    destination: RefundDestination = RefundDestination.CHANNEL,
    lines: list[RefundLineInput] | None = None,
    card_ids: list[strawberry.ID] | None = None,
    clawback: bool = True,
) -> refunds.RefundQuote:
    """What a refund would do."""
    wish = refunds.RefundWish(
        order_id=decode_id(Prefix.ORDER, order_id, field=("orderId",)),
        reason=RefundReason.GOODWILL,
        destination=destination,
        lines=_lines(lines),
        card_ids=_cards(card_ids),
        clawback=clawback,
    )
    return await refunds.quote_refund(info.context.actor, wish)


async def order_refunds(info: Info, order_id: strawberry.ID) -> list[ShownRefund]:
    """What went back of one order's delivered goods."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    return await info.context.loaders.order_refunds.load(order)


def shown(record: Parent[ShownRefund]) -> ShownRefund:
    """As its buyer sees it."""
    return record


def requested_by(record: Parent[ShownRefund]) -> strawberry.ID | None:
    """The operator; null: the house itself."""
    if record.requested_by is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, record.requested_by))


def parts(record: Parent[ShownRefund], info: Info) -> AtOnceOrLater[list[ShownPart]]:
    """What it is made of."""
    return info.context.loaders.refund_parts.get(record.id)


def clawbacks(record: Parent[ShownRefund], info: Info) -> AtOnceOrLater[list[AgentShare]]:
    """What agents gave back."""
    return info.context.loaders.refund_clawbacks.get(record.id)


async def lost_cost(record: Parent[ShownRefund], info: Info) -> Money:
    """What the goods had cost."""
    found = await info.context.loaders.refund_parts.load(record.id)
    return Money(sum(part.lost_cost.units for part in found), record.amount.currency)


def card_of_part(part: Parent[ShownPart]) -> strawberry.ID | None:
    """The card, when it is of one."""
    if part.card_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.CARD, part.card_id))


def _lines(given: list[RefundLineInput] | None) -> dict[UUID, int | None]:
    found: dict[UUID, int | None] = {}
    for index, line in enumerate(given or ()):
        path = ("lines", str(index))
        line_id = decode_id(Prefix.ORDER_LINE, line.line_id, field=(*path, "lineId"))
        amount = None
        if line.amount is not None:
            currency = checkout.CURRENCY
            amount = money_of(line.amount, *path, "amount", currency=currency).units
        found[line_id] = amount
    return found


def _cards(given: list[strawberry.ID] | None) -> tuple[UUID, ...]:
    return tuple(decode_id(Prefix.CARD, each, field=("cardIds",)) for each in given or ())
