"""How states are pushed to those who may see them: the one now, then each newer one."""

from collections.abc import AsyncGenerator
from uuid import UUID

import strawberry

from domain import agents, commissions, orders
from domain.kernel import NotFound, Prefix, Refused, decode_id
from resolvers.context import Context, Info


async def order_updated(
    info: Info, id: strawberry.ID, guest_token: str | None = None
) -> AsyncGenerator[orders.Order, None]:
    """The caller's own order, or any with its guest token."""
    order_id, context = decode_id(Prefix.ORDER, id), info.context
    if guest_token is None:
        found = await orders.find_order(context.actor, order_id)
    else:
        found = await orders.find_by_token(context.actor, order_id, guest_token)
        context.proved_orders.update([found.id] if found else [])
    return _followed(context, _there(found, "id"))


async def partner_order_updated(info: Info, external_id: str) -> AsyncGenerator[orders.Order, None]:
    """The partner's own order, by the partner's own id."""
    found = await orders.find_by_external_id(info.context.actor, external_id)
    return _followed(info.context, _there(found, "externalId"))


async def any_order_updated(info: Info, id: strawberry.ID) -> AsyncGenerator[orders.Order, None]:
    """Any order (back office)."""
    found = await orders.find_any_order(info.context.actor, decode_id(Prefix.ORDER, id))
    return _followed(info.context, _there(found, "id"))


async def earnings_updated(info: Info) -> AsyncGenerator[commissions.Earnings, None]:
    """What the caller, an agent, earned."""
    context = info.context
    own = await agents.get_own_agent(context.actor)
    return _earnings(context, own.id)


def _there(found: orders.Order | None, argument: str) -> orders.Order:
    """Another's order sounds like one that does not exist."""
    if found is None:
        raise Refused(NotFound(what="order", field=(argument,)))
    return found


async def _followed(context: Context, order: orders.Order) -> AsyncGenerator[orders.Order, None]:
    assert context.live is not None, "this door pushes orders"
    context.pushed = True
    async with context.live.follow(order, context.actor, context.client) as states:
        yield order
        if order.status in orders.CLOSED_ORDERS:
            return
        async for state in states:
            context.sign_in(context.actor)  # what the loaders remember is older than this
            context.loaders.lines.prime(state.order.id, state.lines)
            context.loaders.buyers.prime(state.order.id, state.order.buyer_id)
            yield state.order
            if state.order.status in orders.CLOSED_ORDERS:
                return


async def _earnings(context: Context, agent_id: UUID) -> AsyncGenerator[commissions.Earnings, None]:
    assert context.live is not None, "this door pushes earnings"
    context.pushed = True
    async with context.live.follow_earnings(agent_id, context.actor, context.client) as states:
        async for state in states:
            yield state
