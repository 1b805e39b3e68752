"""What operators do with stock: release, check, freeze, void, return, and the policies of it."""

from decimal import Decimal

import strawberry

from domain import cards
from domain.kernel import Prefix
from resolvers import stock as resolvers
from resolvers.permissions import Scope
from schema.cards import CardBatch
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
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
    choosable: bool = field(description="A buyer may choose the very card.")
    shared: bool = field(description="One code for many buyers.")
    shared_uses: int | None = field(description="Buyers that one code has; null: no end.")
    version: int = field(description="Send it back as `expectedVersion`.")


@strawberry.type(description="Cards that only one site may sell.")
@presents(cards.CardQuota)
class CardQuota:
    site_id: strawberry.ID = id_field(Prefix.SITE, "site_id")
    kept: int = field(description="As many as there should be.")


@strawberry.type(description="All cards of one variant, by where they are.")
@presents(cards.CardPool)
class CardPool:
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    sku: str
    available: int = field(description="Can be sold now.")
    reserved: int = field(description="Held for a buyer.")
    delivered: int = field(description="Ever delivered, refunded ones too.")
    voided: int
    frozen: int
    quarantined: int
    expired: int
    expiring_soon: int = field(description="Unsold, with their last day in the next 30 days.")
    low_water_mark: int = field(description="The safety stock; 0: none.")
    low: bool = field(description="Told as card_pool.low, and not recovered since.")
    sold: int = field(description="Delivered in the last 7 days, as counted some minutes ago.")
    days_of_cover: Decimal | None = field(
        description="How long what is available lasts at that pace; null: nothing was sold."
    )
    quotas: list[CardQuota] = field(
        resolvers.quotas_of_pool, size=5, description="What is set apart for sites."
    )


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
class CardQuotaSetPayload:
    kept: int | None
    set_apart: int | None = field(description="As many as there are cards for, now.")
    user_errors: list[UserError]


@strawberry.type
class StockPolicySetPayload:
    policy: StockPolicy | None
    user_errors: list[UserError]


@strawberry.type
class StockAdminQuery:
    card_pools: Connection[CardPool] = field(
        resolvers.card_pools,
        permissions=[Scope("cards:read")],
        cost=10,
        description="What is in stock, by sku. Every card of the page is counted.",
    )
    stock_policies: list[StockPolicy] = field(
        resolvers.stock_policies,
        permissions=[Scope("cards:read")],
        size=20,
        description="How the cards of these variants are kept and sold.",
    )


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
    card_quota_set: CardQuotaSetPayload = mutation(
        resolvers.card_quota_set,
        payload=CardQuotaSetPayload,
        permissions=WRITE,
        description="Set cards of a variant apart for a site; 0 takes that back.",
    )
    stock_policy_set: StockPolicySetPayload = mutation(
        resolvers.stock_policy_set,
        payload=StockPolicySetPayload,
        entity="policy",
        permissions=WRITE,
        description="Change how the cards of a variant are kept; what is left out stays. `shared`"
        " makes the cards on the shelf codes for many buyers, for good; `sharedUses: 0` is no end.",
    )
