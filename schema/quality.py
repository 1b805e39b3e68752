"""How good cards proved: figures, checks and what was written off. For the back office."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import cards
from domain.cards import CardState, CheckOrigin, Verdict, WriteOffKind
from domain.kernel import Prefix
from resolvers import stock as resolvers
from schema.fields import field, presents
from schema.scalars import Money, id_field


@strawberry.type(description="How good the cards of a batch or supplier proved.")
@presents(cards.CardQuality)
class CardQuality:
    delivered: int
    disputed: int = field(description="Cards that somebody said did not work.")
    checked: int = field(description="Cards with a verdict.")
    invalid: int = field(description="Confirmed invalid ones among them.")
    invalid_rate: Decimal | None = field(
        description="Invalid ones as a share of the checked; null before the first verdict."
    )


@strawberry.type(description="A check of one card.")
@presents(cards.CardCheck)
class CardCheck:
    id: strawberry.ID = id_field(Prefix.CARD_CHECK)
    card_id: strawberry.ID = id_field(Prefix.CARD, "card_id")
    origin: CheckOrigin
    opened_at: datetime
    verdict: Verdict | None = field(description="Null: not judged yet.")
    evidence: str
    judged_at: datetime | None


@strawberry.type(description="Cards of a batch that left the stock together without a sale.")
@presents(cards.CardWriteOff)
class CardWriteOff:
    id: strawberry.ID = id_field(Prefix.CARD_WRITE_OFF)
    kind: WriteOffKind
    cards: int
    cost: Money = field(resolvers.write_off_cost, description="What they had cost.")
    supplier_id: strawberry.ID | None = field(
        resolvers.supplier_id, description="Who owes it now; null: it is lost."
    )
    reason: str
    written_at: datetime


@strawberry.type(description="A card in the store. Its code is never here.")
@presents(cards.Card)
class CardFile:
    id: strawberry.ID = id_field(Prefix.CARD)
    batch_id: strawberry.ID = id_field(Prefix.CARD_BATCH, "batch_id")
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    state: CardState
    masked: str = field(description="The end of its number or code.")
    order_line_id: strawberry.ID | None = field(resolvers.order_line_id)
    sold_at: datetime | None
    first_revealed_at: datetime | None
    reveal_count: int
