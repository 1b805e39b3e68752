"""How the trace of a card is answered (back office)."""

import strawberry
from strawberry import Parent

from domain import agents, cards, fulfilment, identity, orders
from domain.kernel import Prefix, decode_id, encode_id
from resolvers.context import Info


async def card_trace(
    info: Info, id: strawberry.ID | None = None, fingerprint: str | None = None
) -> cards.CardTrace | None:
    """All that is known of a card, by its id or by the fingerprint of its code."""
    card_id = None if id is None else decode_id(Prefix.CARD, id)
    return await cards.trace_card(info.context.actor, card_id=card_id, fingerprint=fingerprint)


async def imported_by(trace: Parent[cards.CardTrace]) -> str | None:
    """The login of whoever imported the batch."""
    user_id = trace.batch.imported_by
    return None if user_id is None else (await identity.logins_of([user_id])).get(user_id)


async def attempt(trace: Parent[cards.CardTrace]) -> fulfilment.FulfilmentAttempt | None:
    """The supplier's attempt that the batch came from."""
    attempt_id = trace.batch.supplier_attempt_id
    return None if attempt_id is None else await fulfilment.find_attempt(attempt_id)


async def owner(trace: Parent[cards.CardTrace]) -> orders.LineOwner | None:
    """Whose the card is."""
    line_id = trace.card.order_line_id
    return None if line_id is None else (await orders.owners_of_lines([line_id])).get(line_id)


async def buyer_login(owner: Parent[orders.LineOwner]) -> str | None:
    """The login of the buyer."""
    return (await identity.logins_of([owner.buyer_id])).get(owner.buyer_id)


async def agents_above(owner: Parent[orders.LineOwner]) -> list[agents.Agent]:
    """The agents above the buyer when the order was placed, nearest first."""
    found = await agents.agents_by_id(owner.agent_chain)
    return [found[each] for each in owner.agent_chain if each in found]


async def actor_login(event: Parent[cards.TracedEvent]) -> str | None:
    """Who did it: who was named, else the buyer of the order."""
    user_id = event.actor_id or (event.buyer_id if event.actor_kind is None else None)
    return None if user_id is None else (await identity.logins_of([user_id])).get(user_id)


def order_id(event: Parent[cards.TracedEvent]) -> strawberry.ID | None:
    """The order that it was about."""
    if event.order_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.ORDER, event.order_id))
