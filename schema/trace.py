"""The trace of a card, from its batch to its buyer: for the back office."""

from datetime import datetime

import strawberry

from domain import cards, orders
from domain.cards import CardState, ChainState
from domain.kernel import Prefix
from resolvers import trace as resolvers
from resolvers.permissions import Scope
from schema.agents import Agent
from schema.cards import CardBatch
from schema.fields import field, presents
from schema.quality import CardFile
from schema.scalars import id_field
from schema.suppliers import FulfilmentAttempt


@strawberry.type(description="Whose a card is.")
@presents(orders.LineOwner)
class CardOwner:
    order_id: strawberry.ID = id_field(Prefix.ORDER, "order_id")
    number: str = field(description="The order's number.")
    placed_at: datetime
    buyer_id: strawberry.ID = id_field(Prefix.USER, "buyer_id")
    buyer_login: str | None = field(resolvers.buyer_login)
    agents: list[Agent] = field(
        resolvers.agents_above,
        size=3,
        description="Those above the buyer when the order was placed, nearest first.",
    )


@strawberry.type(description="One step in the life of a card.")
@presents(cards.TracedEvent)
class CardTraceEvent:
    action: str = field(
        description="stored, moved, revealed; amended, reindexed, resealed: its row, its"
        " fingerprint, its sealed code were changed by a named actor."
    )
    at: datetime
    old_state: CardState | None
    new_state: CardState | None
    actor_kind: str | None = field(description="Null: the buyer of the order, or nobody named.")
    actor_login: str | None = field(resolvers.actor_login)
    reason: str
    order_id: strawberry.ID | None = field(resolvers.order_id)
    cards: int = field(description="How many cards took this step together.")
    link: int | None = field(description="Its place in the hash chain; null: not sealed yet.")
    sealed_at: datetime | None
    chain_state: ChainState


@strawberry.type(description="All that is known of a card. Its code is never here.")
@presents(cards.CardTrace)
class CardTrace:
    card: CardFile
    batch: CardBatch
    imported_by: str | None = field(resolvers.imported_by, description="Login of the importer.")
    attempt: FulfilmentAttempt | None = field(
        resolvers.attempt, description="The supplier's attempt that brought the batch."
    )
    owner: CardOwner | None = field(resolvers.owner, description="Null: it was not sold.")
    events: list[CardTraceEvent] = field(size=10, description="Oldest first.")
    faults: list[str] = field(
        description="What does not fit its events, in words; empty: all of it holds."
    )


@strawberry.type
class TraceAdminQuery:
    card_trace: CardTrace | None = field(
        resolvers.card_trace,
        permissions=[Scope("cards:trace")],
        sensitive=True,
        description="By `id`, or by the `fingerprint` of a code as `kameng cards fingerprint`"
        " prints it: the code itself is never sent. Each look is written to the audit log.",
    )
