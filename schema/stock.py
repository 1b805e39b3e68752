"""What operators do with stock: release, check, freeze, void, return, and the policies of it."""

import strawberry

from domain import cards
from domain.kernel import Prefix
from resolvers import stock as resolvers
from resolvers.permissions import Scope
from schema.cards import CardBatch
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.quality import CardCheck, CardFile, CardWriteOff
from schema.scalars import id_field

WRITE = [Scope("cards:write")]


@strawberry.type(description="How the cards of a variant are kept and sold.")
@presents(cards.StockPolicy)
class StockPolicy:
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    safety_stock: int = field(description="Fewer cards than this are a low stock.")
    expiry_margin_days: int = field(description="Cards are not sold this close to their last day.")
    invalid_percent: int = field(description="Above this share of checked cards a batch is frozen.")
    invalid_minimum: int = field(description="But not before so many are confirmed invalid.")
    hold_limit: int = field(description="Cards that one buyer may hold unpaid.")
    version: int = field(description="Send it back as `expectedVersion`.")


@strawberry.type
class CardBatchPayload:
    batch: CardBatch | None
    user_errors: list[UserError]


@strawberry.type
class CardBatchSamplePayload:
    checks: list[CardCheck] | None
    user_errors: list[UserError]


@strawberry.type
class CardFilePayload:
    card: CardFile | None
    user_errors: list[UserError]


@strawberry.type
class CardWriteOffPayload:
    write_offs: list[CardWriteOff] | None
    user_errors: list[UserError]


@strawberry.type
class StockPolicySetPayload:
    policy: StockPolicy | None
    user_errors: list[UserError]


@strawberry.type
class StockAdminMutation:
    card_batch_release: CardBatchPayload = mutation(
        resolvers.card_batch_release,
        payload=CardBatchPayload,
        entity="batch",
        permissions=WRITE,
        description="Put a quarantined batch on sale; all picked cards are judged first.",
    )
    card_batch_freeze: CardBatchPayload = mutation(
        resolvers.card_batch_freeze,
        payload=CardBatchPayload,
        entity="batch",
        permissions=WRITE,
        description="Take the unsold cards of a batch off the shelf, held ones too.",
    )
    card_batch_unfreeze: CardBatchPayload = mutation(
        resolvers.card_batch_unfreeze,
        payload=CardBatchPayload,
        entity="batch",
        permissions=WRITE,
        description="Put the frozen cards of a batch back to where they were.",
    )
    card_batch_sample: CardBatchSamplePayload = mutation(
        resolvers.card_batch_sample,
        payload=CardBatchSamplePayload,
        entity="checks",
        permissions=WRITE,
        description="Pick unsold cards of a batch at random for a check; none is picked twice.",
    )
    card_judge: CardFilePayload = mutation(
        resolvers.card_judge,
        payload=CardFilePayload,
        entity="card",
        permissions=WRITE,
        description="Say whether a card is good. Too many invalid ones freeze their batch.",
    )
    card_mark_invalid: CardFilePayload = mutation(
        resolvers.card_mark_invalid,
        payload=CardFilePayload,
        entity="card",
        permissions=WRITE,
        description="Confirm that a card is invalid: cardJudge with INVALID.",
    )
    card_dispute: CardFilePayload = mutation(
        resolvers.card_dispute,
        payload=CardFilePayload,
        entity="card",
        permissions=WRITE,
        description="Note that a sold card is said not to work, until it is judged.",
    )
    cards_void: CardWriteOffPayload = mutation(
        resolvers.cards_void,
        payload=CardWriteOffPayload,
        entity="write_offs",
        permissions=WRITE,
        description="Take unsold cards out of the stock for good; their cost is a loss. By ids all"
        " or none, of a batch all that nobody has bought or holds.",
    )
    cards_return: CardWriteOffPayload = mutation(
        resolvers.cards_return,
        payload=CardWriteOffPayload,
        entity="write_offs",
        permissions=WRITE,
        description="Send unsold cards back to their supplier, who owes their cost from then on.",
    )
    stock_policy_set: StockPolicySetPayload = mutation(
        resolvers.stock_policy_set,
        payload=StockPolicySetPayload,
        entity="policy",
        permissions=WRITE,
        description="Change how the cards of a variant are kept; what is left out stays.",
    )
