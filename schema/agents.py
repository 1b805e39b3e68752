"""The tree of agents and what they earn."""

from datetime import date, datetime

import strawberry

from domain import agents, orders, pricebook, teams
from domain.agents import (
    AgentStatus,
    AgentType,
    BarReason,
    BlockedBy,
    ChangeKind,
    ChangeReason,
    Tier,
)
from domain.kernel import Prefix
from domain.realname import RealNameLevel
from resolvers import admission as admission_resolvers
from resolvers import agents as resolvers
from resolvers import agreements as agreement_resolvers
from resolvers import bonuses as bonus_resolvers
from resolvers import commissions as earnings
from resolvers import customers as customer_resolvers
from resolvers import deposits as deposit_resolvers
from resolvers import notices as notice_resolvers
from resolvers import payouts as leaving
from resolvers import penalties as penalty_resolvers
from resolvers import pricebook as book
from resolvers import promotion as promotion_resolvers
from resolvers import settlement as settling
from resolvers import teams as team_resolvers
from resolvers import tiers as tier_resolvers
from resolvers.logins import login_of
from resolvers.permissions import Scope, SignedIn
from schema.agreements import AgreementStanding
from schema.bonuses import BonusAward, BonusPlan
from schema.catalog import Variant
from schema.commissions import AgentEarnings, Commission, CommissionBalances
from schema.customers import CustomerOrder
from schema.deposits import AgentDeposit
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.invitations import AgentInvitation
from schema.ledger import Wallet
from schema.notices import AgentNotice
from schema.paging import Connection
from schema.payouts import PayoutDestination, Withdrawal
from schema.penalties import AgentPenalty
from schema.promotion import PromoLink
from schema.scalars import Money, id_field
from schema.settlement import AgentStatement, Objection
from schema.teams import Sales, SalesPoint
from schema.tiers import AgentProgress, TierReview


@strawberry.type(description="An order in whose chain an agent stands and earns nothing.")
@presents(orders.BarredSale)
class BarredSale:
    order_number: str = field(resolvers.number_of_sale)
    placed_at: datetime
    level: int
    reason: BarReason = field(resolvers.bar_reason)


@strawberry.type(description="From so many pieces on, one costs `price`.")
@presents(pricebook.LadderStep)
class LadderStep:
    from_quantity: int
    price: Money


@strawberry.type(
    description="What an agent turned over in a month, by own purchases and sales to its own"
    " customers, and what it has off for that now."
)
@presents(pricebook.AgentVolume)
class AgentVolume:
    month: date = field(description="Its first day.")
    amount: Money = field(book.amount_of_volume)
    off_rate: int = field(description="In 1/10000 of its tier's prices.")
    valid_from: datetime
    valid_until: datetime


@strawberry.type(description="A variant as one agent sees its prices, in the site's currency.")
@presents(pricebook.PricedVariant)
class AgentVariantPrice:
    variant: Variant | None = field(book.variant_of_priced)
    price: Money | None = field(
        book.price_of_priced, description="What one costs the agent; null: not for sale."
    )
    ladder: list[LadderStep] = field(
        book.ladder_of_priced, size=3, description="What one costs when more are bought at once."
    )
    floor_price: Money | None = field(
        book.floor_price,
        description="The least that the house sells it for. Null with FLOOR_PRICE_HIDDEN unless the"
        " agent is of the core.",
    )
    cost_price: Money | None = field(
        book.cost_price,
        description="What it costs the house now. Null with FLOOR_PRICE_HIDDEN unless the agent is"
        " of the core.",
    )


@strawberry.type(description="A reseller in the tree of three levels at most.")
@presents(agents.Agent)
class Agent:
    id: strawberry.ID = id_field(Prefix.AGENT)
    code: str = field(description="The promoter code that customers sign up with.")
    name: str
    level: int = field(resolvers.level, description="Depth in the tree, 1 to 3.")
    type: AgentType
    status: AgentStatus
    tier: Tier
    created_at: datetime
    parent: "Agent | None" = field(resolvers.parent)
    downline: "Connection[Agent] | None" = field(
        resolvers.downline,
        description="Direct children. Null with AGENT_OUT_OF_REACH unless it is the caller, or"
        " below the caller.",
    )
    commissions: Connection[Commission] | None = field(
        resolvers.commissions_of,
        description="Newest first; of some days (both counted), or of one level. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    customer_orders: Connection[CustomerOrder] | None = field(
        customer_resolvers.customer_orders,
        description="Orders of the agent's own customers, newest first. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    bonuses: Connection[BonusAward] | None = field(
        bonus_resolvers.awards_of,
        description="Awards for months of settled sales, newest first. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    bonus_plans: list[BonusPlan] | None = field(
        bonus_resolvers.plans_for,
        size=3,
        description="Plans of this month and later ones. Null with AGENT_OUT_OF_REACH for others.",
    )
    barred_sales: Connection[BarredSale] | None = field(
        resolvers.barred_sales,
        description="Orders on which the agent earns nothing, newest first. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    notices: list[AgentNotice] | None = field(
        notice_resolvers.notices_of_agent,
        size=5,
        description="What the agent has to know or to do, cases first; show it after the sign-in."
        " Null with AGENT_OUT_OF_REACH for others.",
    )
    agreements: list[AgreementStanding] | None = field(
        agreement_resolvers.agreements_of,
        size=5,
        description="What is in force or announced, and what was accepted of it. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    invitations: Connection[AgentInvitation] | None = field(
        admission_resolvers.invitations_of,
        description="Newest first. Null with AGENT_OUT_OF_REACH for others.",
    )
    deposit: AgentDeposit | None = field(
        deposit_resolvers.deposit_of_agent,
        description="Null with AGENT_OUT_OF_REACH for others.",
    )
    penalties: Connection[AgentPenalty] | None = field(
        penalty_resolvers.penalties_of_agent,
        description="Cases that the agent was told of, newest first. Null with AGENT_OUT_OF_REACH"
        " for others.",
    )
    progress: AgentProgress | None = field(
        tier_resolvers.progress,
        cost=20,
        description="How far it is to the next tier, and to keep this one. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    tier_reviews: Connection[TierReview] | None = field(
        tier_resolvers.reviews,
        description="What was found of each month, newest first. Null with AGENT_OUT_OF_REACH for"
        " others.",
    )
    prices: Connection[AgentVariantPrice] | None = field(
        book.prices_of_agent,
        description="What the agent pays, for these variants or for all on sale. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    volume: AgentVolume | None = field(
        book.volume_of_agent,
        description="Null before a month was counted, and with AGENT_OUT_OF_REACH for others.",
    )
    sees_floors: bool | None = field(
        book.sees_floors,
        description="Whether it is of the core. Null with AGENT_OUT_OF_REACH for others.",
    )
    commission_balance: Money | None = field(
        resolvers.commission_balance,
        description="Earned and not taken out. Null with AGENT_OUT_OF_REACH for others.",
    )
    balances: CommissionBalances | None = field(
        earnings.balances,
        description="The same by what may be done with it. Null with AGENT_OUT_OF_REACH for"
        " others.",
    )
    earnings: AgentEarnings | None = field(
        earnings.earnings,
        cost=10,
        description="What `earningsUpdated` pushes. Null with AGENT_OUT_OF_REACH for others.",
    )
    in_payout: Money | None = field(
        leaving.in_payout,
        description="What of it is on its way out. Null with AGENT_OUT_OF_REACH for others.",
    )
    withdrawals: Connection[Withdrawal] | None = field(
        leaving.withdrawals,
        description="Newest first. Null with AGENT_OUT_OF_REACH for others.",
    )
    statements: Connection[AgentStatement] | None = field(
        settling.statements_of_agent,
        description="Of settlement, newest first. Null with AGENT_OUT_OF_REACH for others.",
    )
    objections: Connection[Objection] | None = field(
        settling.objections_of_agent,
        description="To statements and commissions, newest first. Null with AGENT_OUT_OF_REACH for"
        " others.",
    )
    promo_links: Connection[PromoLink] | None = field(
        promotion_resolvers.links_of,
        description="Newest first. Null with AGENT_OUT_OF_REACH for others.",
    )
    sales: list[SalesPoint] | None = field(
        team_resolvers.sales_of,
        cost=5,
        size=31,
        description="What was sold in a time of 800 days at most, oldest first; times without a"
        " sale are left out. Null with AGENT_OUT_OF_REACH for others.",
    )
    team_sales: "list[MemberSales] | None" = field(
        team_resolvers.team_of,
        cost=5,
        size=20,
        description="Through which direct children, the most first; 100 at most. Null with"
        " AGENT_OUT_OF_REACH for others.",
    )
    payout_destinations: list[PayoutDestination] | None = field(
        leaving.destinations,
        size=3,
        description="In use, masked. Null with AGENT_OUT_OF_REACH for others.",
    )


@strawberry.type(description="What came through one direct child and whoever stands below it.")
@presents(teams.MemberSales)
class MemberSales:
    agent: Agent = field(team_resolvers.member)
    sales: Sales


@strawberry.type(description="One value of an agent, before and after a change.")
@presents(resolvers.ChangedValue)
class AgentChangedValue:
    name: str = field(
        description="type, tier, status (as in their enumerations), depth, parentId, or how many"
        " moved."
    )
    before: str | None
    after: str | None


@strawberry.type(description="One change of an agent, and why.")
@presents(agents.AgentChange)
class AgentChange:
    kind: ChangeKind
    values: list[AgentChangedValue] = field(
        resolvers.changed_values, description="Those that differ."
    )
    parent_before: Agent | None = field(resolvers.parent_before)
    parent_after: Agent | None = field(resolvers.parent_after)
    reason: ChangeReason
    note: str
    changed_by: strawberry.ID | None = field(
        resolvers.changed_by, description="Null: the system itself."
    )
    changed_by_login: str | None = field(login_of("changed_by"))
    at: datetime


@strawberry.type(description="What staff say of an account: an agent's own, or not.")
@presents(agents.AgentRelation)
class AgentRelation:
    user_id: strawberry.ID = id_field(Prefix.USER, "user_id")
    login: str | None = field(login_of("user_id"))
    related: bool
    note: str
    marked_by_login: str | None = field(login_of("marked_by"))
    marked_at: datetime


@strawberry.type
class AgentRelationPayload:
    relation: AgentRelation | None
    user_errors: list[UserError]


@strawberry.type(description="An agent as the back office sees it.")
@presents(agents.Agent)
class AgentFile:
    agent: Agent = field(resolvers.itself)
    user_id: strawberry.ID = id_field(Prefix.USER, "user_id")
    login: str | None = field(login_of("user_id"), description="By which it signs in.")
    real_name_level: RealNameLevel = field(resolvers.real_name_level)
    changes: Connection[AgentChange] = field(resolvers.changes_of, description="Newest first.")
    relations: list[AgentRelation] = field(
        resolvers.relations_of, description="Accounts that staff marked, newest first."
    )


@strawberry.type(description="A fourth level of agents is not allowed.")
@presents(agents.AgentDepthExceeded)
class AgentDepthError(UserError):
    max_depth: int


@strawberry.type(description="The caller, an agent, may not do this now.")
@presents(agents.AgentBlocked)
class AgentBlockedError(UserError):
    because: BlockedBy


@strawberry.type
class AgentPayload:
    agent: Agent | None
    user_errors: list[UserError]


@strawberry.type
class CommissionToWalletPayload:
    agent: Agent | None
    wallet: Wallet | None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class CommissionMutation:
    commission_to_wallet: CommissionToWalletPayload = mutation(
        earnings.commission_to_wallet,
        payload=CommissionToWalletPayload,
        permissions=[SignedIn()],
        description="Move available commission of the caller, an agent, into its wallet to buy"
        " with. It does not come back.",
    )


@strawberry.type
class AgentsAdminQuery:
    agents: Connection[Agent] = field(
        resolvers.all_agents,
        permissions=[Scope("agents:read")],
        description="Oldest first. `search`: a part of the name, or a whole code or login.",
    )
    agent_file: AgentFile = field(resolvers.agent_file, permissions=[Scope("agents:read")])


@strawberry.type
class AgentsAdminMutation:
    agent_tier_pin: AgentPayload = mutation(
        tier_resolvers.agent_tier_pin,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("tiers:write")],
        description="Give an agent a tier by hand, for a year at most: reviews change nothing"
        " until then. Audited.",
    )
    agent_tier_unpin: AgentPayload = mutation(
        tier_resolvers.agent_tier_unpin,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("tiers:write")],
        description="Let reviews decide again. Audited.",
    )
    agent_create: AgentPayload = mutation(
        resolvers.agent_create,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Make a user an agent, below a parent or at the top.",
    )
    agent_tier_set: AgentPayload = mutation(
        resolvers.agent_tier_set,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Give an agent another price grade from now on.",
    )
    agent_type_set: AgentPayload = mutation(
        resolvers.agent_type_set,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Make an agent one of another type.",
    )
    agent_move: AgentPayload = mutation(
        resolvers.agent_move,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Move an agent with all below it, to another parent or (without one) to the"
        " top. Orders placed before keep their chain.",
    )
    agent_status_set: AgentPayload = mutation(
        resolvers.agent_status_set,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Suspend an agent, let it go on, or close it for good: its downline moves up.",
    )
    agent_relation_set: AgentRelationPayload = mutation(
        resolvers.agent_relation_set,
        payload=AgentRelationPayload,
        entity="relation",
        permissions=[Scope("agents:write")],
        description="Say that an account is an agent's own, who then earns nothing on it; or that"
        " it is not, whatever address or device it shares.",
    )
