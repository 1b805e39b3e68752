"""The price book: own prices of agents, for the back office."""

from datetime import datetime

import strawberry

from domain import pricebook
from domain.agents import Tier
from domain.kernel import Prefix
from resolvers import pricebook as resolvers
from resolvers.permissions import Scope
from schema.agents import Agent, AgentPayload, LadderStep
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(
    description="An own price of an agent for a time: `price` for a variant, or `offRate` of its"
    " tier's price for what stands in a category. Of several in force the one that began last"
    " counts."
)
@presents(pricebook.AgentPrice)
class AgentPrice:
    id: strawberry.ID = id_field(Prefix.AGENT_PRICE)
    agent: Agent = field(resolvers.agent_of)
    variant_id: strawberry.ID | None = field(resolvers.variant_of)
    category_id: strawberry.ID | None = field(resolvers.category_of)
    price: Money | None = field(resolvers.price_of_own)
    off_rate: int | None = field(description="In 1/10000.")
    valid_from: datetime
    valid_until: datetime | None = field(description="Null: for ever.")
    note: str
    set_by: strawberry.ID | None = field(resolvers.set_by, description="Null: the command line.")
    ended_by: strawberry.ID | None = field(resolvers.ended_by)


@strawberry.type
class AgentPriceSetPayload:
    agent_price: AgentPrice | None
    user_errors: list[UserError]


@strawberry.type
class AgentPriceEndPayload:
    agent_price: AgentPrice | None
    user_errors: list[UserError]


@strawberry.type(description="From so much turned over in a month, so much is off.")
@presents(resolvers.ShownVolumeStep)
class VolumeStep:
    from_volume: Money
    off_rate: int = field(description="In 1/10000 of the tier's prices.")


@strawberry.type(description="What agents of a tier have off for what they turned over in a month.")
@presents(pricebook.VolumeLadder)
class VolumeLadder:
    tier: Tier = field(resolvers.tier_of_ladder)
    steps: list[VolumeStep] = field(resolvers.steps_of_ladder)
    valid_from: datetime


@strawberry.type
class VolumeLadderSetPayload:
    steps: list[VolumeStep] | None
    user_errors: list[UserError]


@strawberry.type
class PriceLadderSetPayload:
    steps: list[LadderStep] | None
    user_errors: list[UserError]


@strawberry.type(
    description="An agent would pay less than the one it stands below. Both by their codes."
)
@presents(pricebook.AgentPriceInverted)
class AgentPriceInvertedError(UserError):
    agent: str
    above: str
    sku: str
    price: Money
    least: Money


@strawberry.type
class PriceBookAdminQuery:
    agent_prices: Connection[AgentPrice] = field(
        resolvers.agent_prices,
        permissions=[Scope("agents:read")],
        description="Of one agent, also those that are over, newest first.",
    )
    volume_ladders: list[VolumeLadder] = field(
        resolvers.volume_ladders,
        permissions=[Scope("agents:read")],
        size=3,
        description="The newest of each tier.",
    )


@strawberry.type
class PriceBookAdminMutation:
    agent_price_set: AgentPriceSetPayload = mutation(
        resolvers.agent_price_set,
        payload=AgentPriceSetPayload,
        entity="agent_price",
        permissions=[Scope("prices:write")],
        description="Give an agent an own price from a time on. Send either `variantId` and"
        " `price`, or `categoryId` and `offRate`. Refused when it is below its floor, or when"
        " prices would not fall from level to level. Audited.",
    )
    price_ladder_set: PriceLadderSetPayload = mutation(
        resolvers.price_ladder_set,
        payload=PriceLadderSetPayload,
        entity="steps",
        permissions=[Scope("prices:write")],
        description="Set what agents of a tier pay for one when they buy more at once, on a list or"
        " on the base list; no steps: one price for any quantity. Audited.",
    )
    volume_ladder_set: VolumeLadderSetPayload = mutation(
        resolvers.volume_ladder_set,
        payload=VolumeLadderSetPayload,
        entity="steps",
        permissions=[Scope("prices:write")],
        description="Say what agents of a tier have off for months that are counted from now on; no"
        " steps: nothing. Audited.",
    )
    agent_floors_show: AgentPayload = mutation(
        resolvers.agent_floors_show,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Let a core agent see floor and cost prices, or no longer. Audited.",
    )
    agent_price_end: AgentPriceEndPayload = mutation(
        resolvers.agent_price_end,
        payload=AgentPriceEndPayload,
        entity="agent_price",
        permissions=[Scope("prices:write")],
        description="End an own price now, or take one back that has not begun. Audited.",
    )
