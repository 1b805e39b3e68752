"""Commissions: what was earned, by which rule, and how far it is."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain import commissions
from domain.commissions import CommissionState, RuleKind, RuleScope
from domain.kernel import Prefix
from resolvers import commissions as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="What one delivered line of a consumer's order earned an agent.")
@presents(commissions.EarnedCommission)
class Commission:
    id: strawberry.ID = id_field(Prefix.COMMISSION)
    order_number: str
    sku: str = field(description="Of the line; `Agent.customerOrders` has its goods.")
    quantity: int = field(description="Pieces of the line.")
    level: int = field(description="1: the agent whose customer bought; 2 and 3 stand above.")
    basis: Money = field(description="What the rule was applied to.")
    amount: Money
    clawed_back: Money = field(description="What refunds of the sale took back of it.")
    state: CommissionState
    earned_at: datetime
    available_at: datetime = field(description="From when on it may be taken out.")
    explanation: str = field(
        resolvers.explanation, description="How the amount came about, in words."
    )


@strawberry.type(description="What an agent has of its commissions.")
@presents(commissions.CommissionBalances)
class CommissionBalances:
    pending: Money = field(description="Earned, and its time is not over.")
    available: Money = field(description="May be taken out.")
    owed: Money = field(
        description="For refunds of what was taken out before; later commissions make it up."
    )


@strawberry.type(description="What an agent earned in a time.")
@presents(commissions.EarnedIn)
class EarnedIn:
    orders: int = field(description="An order counts when its first commission comes.")
    sold: Money = field(description="The price of the lines that earned a commission.")
    earned: Money
    taken_back: Money = field(description="By refunds at that time, of whatever sale.")


@strawberry.type(description="How an agent stands at this moment, in the house's currency.")
@presents(commissions.Earnings)
class AgentEarnings:
    day: date = field(description="Today, where the business is.")
    today: EarnedIn
    month: EarnedIn = field(description="Since the first of the month, today included.")
    balances: CommissionBalances
    recent: list[Commission] = field(
        size=20,
        description="The 20 commissions that came or were lessened last, the newest change first.",
    )


@strawberry.type(description="One version of a rule. It is for a level, or for one agent.")
@presents(commissions.CommissionRule)
class CommissionRule:
    id: strawberry.ID = id_field(Prefix.COMMISSION_RULE)
    version: int
    scope: RuleScope
    scope_id: strawberry.ID | None = field(
        resolvers.rule_scope_id, description="The variant or category that it is for."
    )
    level: int | None
    agent_id: strawberry.ID | None = field(resolvers.rule_agent_id)
    kind: RuleKind
    percent: Decimal | None = field(resolvers.rule_percent, description="3.5 is 3.5 %.")
    amount: Money | None = field(resolvers.rule_amount, description="For each piece.")
    hold_days: int = field(description="The n of T+n: for how many days it is pending.")
    valid_from: datetime
    valid_until: datetime | None


@strawberry.type(description="What one agent would earn.")
@presents(commissions.SimulatedShare)
class SimulatedShare:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str
    level: int
    basis: Money
    amount: Money
    available_at: datetime
    explanation: str = field(resolvers.share_explanation)


@strawberry.type(description="A sale that might be, worked out to the last 1/10000.")
@presents(commissions.Simulation)
class CommissionSimulation:
    price: Money
    cost: Money
    margin: Money
    shares: list[SimulatedShare] = field(size=3)
    house: Money = field(description="What the house keeps of the margin.")


@strawberry.type(description="Less commission is available than is to be taken out.")
@presents(commissions.CommissionShort)
class CommissionShortError(UserError):
    required: Money
    available: Money


@strawberry.type
class CommissionRulePayload:
    rule: CommissionRule | None
    user_errors: list[UserError]


@strawberry.type
class CommissionSimulatePayload:
    simulation: CommissionSimulation | None
    user_errors: list[UserError]


@strawberry.type
class CommissionsAdminQuery:
    commission_rules: Connection[CommissionRule] = field(
        resolvers.commission_rules,
        permissions=[Scope("commissions:read")],
        description="Newest first; with `ended` also those that are over.",
    )
    commission_simulate: CommissionSimulatePayload = mutation(
        resolvers.commission_simulate,
        payload=CommissionSimulatePayload,
        entity="simulation",
        permissions=[Scope("commissions:read")],
        description="What a sale would earn whom, by the rules of a moment. Writes nothing.",
    )


@strawberry.type
class CommissionsAdminMutation:
    commission_rule_save: CommissionRulePayload = mutation(
        resolvers.commission_rule_save,
        payload=CommissionRulePayload,
        entity="rule",
        permissions=[Scope("commissions:write")],
        description="Put a version of a rule in force, never in the past: one without an end"
        " replaces the one in force, one with an end comes before it for that time. Audited.",
    )
    commission_rule_end: CommissionRulePayload = mutation(
        resolvers.commission_rule_end,
        payload=CommissionRulePayload,
        entity="rule",
        permissions=[Scope("commissions:write")],
        description="Let a version of a rule end. What was sold under it stays. Audited.",
    )
