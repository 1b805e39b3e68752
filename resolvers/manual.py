"""How the queue of lines that operators deliver by hand is answered (back office)."""

import strawberry
from strawberry import Parent

from domain import fulfilment, orders
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from resolvers.context import Info
from resolvers.deliveries import AccountEntry, entries_of
from resolvers.money import MoneyInput, money_of


async def manual_lines(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[fulfilment.ManualLine]:
    """The lines that wait for an operator, oldest first."""
    page = page_request("manualLines", first, after)
    return await fulfilment.manual_lines(info.context.actor, page)


async def account_of_manual_line(
    line: Parent[fulfilment.ManualLine], info: Info
) -> list[AccountEntry]:
    """What the buyer filled in: whole, because the line is delivered with it."""
    return await entries_of(info, (line.type_id, line.type_version), line.account)


def claimed_by(line: Parent[fulfilment.ManualLine]) -> strawberry.ID | None:
    """The operator who works on it."""
    if line.claimed_by is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, line.claimed_by))


async def line_claim(
    info: Info, line_id: strawberry.ID, take_over: bool = False
) -> orders.OrderLine:
    """Begin to work on a manual line."""
    line = decode_id(Prefix.ORDER_LINE, line_id, field=("lineId",))
    return await fulfilment.claim_line(info.context.actor, line, take_over=take_over)


async def line_deliver(
    info: Info,
    line_id: strawberry.ID,
    note: str,
    idempotency_key: str,
    evidence: str = "",
    cost: MoneyInput | None = None,
) -> orders.OrderLine:
    """Hand a claimed line over."""
    wish = fulfilment.HandOver(
        line_id=decode_id(Prefix.ORDER_LINE, line_id, field=("lineId",)),
        note=note,
        evidence=evidence,
        cost=0 if cost is None else money_of(cost, "cost").units,
        idempotency_key=idempotency_key,
    )
    return await fulfilment.deliver_line(info.context.actor, wish)


async def line_fail(
    info: Info, line_id: strawberry.ID, reason: str, idempotency_key: str
) -> orders.OrderLine:
    """Give a claimed line up."""
    line = decode_id(Prefix.ORDER_LINE, line_id, field=("lineId",))
    return await fulfilment.fail_line(info.context.actor, line, reason, idempotency_key)
