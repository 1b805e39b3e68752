"""What counsel should look at in the plans of an installation. Pure: facts in, warnings out.

Sources: 禁止传销条例 article 7 (rewards for recruiting, entry fees, pay computed on the sales of a
downline) and money.md part 7. A warning is not an opinion of law: it says what to ask counsel.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

PERCENT = Decimal(10_000)  # 1 % as rules keep it
HIGH_SHARE = Decimal(30)  # of the price, over all levels
ALL_OF_IT = Decimal(100)


class PlanKind(StrEnum):
    """What an agent may get or owe by a plan; and, outside of the tree, a service provider."""

    COMMISSION = "commission"
    TIER = "tier"
    DEPOSIT = "deposit"
    BONUS = "bonus"
    PROVIDER = "provider"  # a contract with somebody who is no agent


class PlanBasis(StrEnum):
    """What a plan's amount is worked out from. For agents there is no other: no recruit, no fee, no
    time. `SERVICE` is of providers alone, and so is `ORDERS`."""

    NET_PRICE = "net_price"  # of a line that was delivered to a consumer
    MARGIN = "margin"  # of such a line, less what it cost
    PIECES = "pieces"  # of such a line
    PRICE_DIFFERENCE = "price_difference"  # between two agents' prices of such a line
    SETTLED_SALES = "settled_sales"  # to consumers, in complete months
    LINK_SALES = "link_sales"  # of these, by an agent's promotion links
    NEW_CUSTOMER_SALES = "new_customer_sales"  # of these, to whoever had never paid here before
    REFERRED_AGENT_SALES = "referred_agent_sales"  # of one agent that was invited, once
    REFERRED_BUYER_PURCHASES = "referred_buyer_purchases"  # of one buyer, once
    TEAM_SALES = "team_sales"  # of an agent and of those below it, to consumers, in a month
    ORDERS = "orders"  # of consumers, delivered, that no agent brought
    SERVICE = "service"  # a fee for services that were done
    REFUNDABLE = "refundable"  # a deposit: no income, given back


class ComplianceWarning(StrEnum):
    """What to ask counsel about."""

    THREE_LEVELS = "three_levels"
    DOWNLINE_SALES = "downline_sales"
    HIGH_SHARE = "high_share"
    WHOLE_MARGIN = "whole_margin"
    SHORT_HOLD = "short_hold"
    NO_AGREEMENT = "no_agreement"
    TRIAL_NAMES = "trial_names"
    DEPOSIT_OF_PROMOTERS = "deposit_of_promoters"
    PERSON_BY_RESULT = "person_by_result"


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan in force or to come.

    `most_percent` of `basis` is the most that it pays, or `most_each` in 1/10000 of the currency
    for each piece or at once; whatever it says, all shares of a line together stay within the
    margin of that line.
    """

    id: UUID
    kind: PlanKind
    basis: PlanBasis
    name: str  # of what it is for: a scope, a tier, a type of agents
    level: int | None = None  # 1: the agent whose customer bought; None: of one agent at any level
    most_percent: Decimal | None = None
    most_each: int | None = None
    hold: timedelta | None = None
    everywhere: bool = False  # it is for all goods
    depth: int | None = None  # of a bonus: levels of agents whose customers' purchases count
    of_person: bool = False  # of a provider: no company
    most_of_margin: Decimal | None = None  # of a bonus: percent of these sales' margin, for one
    warnings: tuple[ComplianceWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class House:
    """What the installation is set to."""

    depth: int
    dispute: timedelta
    trial_names: bool
    agent_types: tuple[str, ...]
    agreed_types: frozenset[str]  # types for which an agreement is in force
    deposit_types: frozenset[str] = field(default_factory=frozenset)


def judged(plan: Plan, house: House) -> tuple[ComplianceWarning, ...]:
    """What to ask about one plan."""
    found = []
    if plan.kind is PlanKind.COMMISSION:
        if plan.level is not None and plan.level > 1:
            found.append(ComplianceWarning.DOWNLINE_SALES)
        if plan.hold is not None and plan.hold < house.dispute:
            found.append(ComplianceWarning.SHORT_HOLD)
    if plan.kind is PlanKind.BONUS:
        below = plan.basis is PlanBasis.REFERRED_AGENT_SALES
        if below or (plan.depth is not None and plan.depth > 1):
            found.append(ComplianceWarning.DOWNLINE_SALES)
        if plan.hold is not None and plan.hold < house.dispute:
            found.append(ComplianceWarning.SHORT_HOLD)
    if plan.kind is PlanKind.PROVIDER and plan.of_person and plan.basis is not PlanBasis.SERVICE:
        found.append(ComplianceWarning.PERSON_BY_RESULT)
    if plan.kind is PlanKind.DEPOSIT and plan.name == "promoter" and plan.most_each:
        found.append(ComplianceWarning.DEPOSIT_OF_PROMOTERS)
    return tuple(found)


def overall(plans: list[Plan], house: House) -> tuple[ComplianceWarning, ...]:
    """What to ask about all of it together."""
    found = []
    if house.depth > 2:
        found.append(ComplianceWarning.THREE_LEVELS)
    if share_of(plans, PlanBasis.NET_PRICE) > HIGH_SHARE:
        found.append(ComplianceWarning.HIGH_SHARE)
    if share_of(plans, PlanBasis.MARGIN) >= ALL_OF_IT:
        found.append(ComplianceWarning.WHOLE_MARGIN)
    if set(house.agent_types) - house.agreed_types:
        found.append(ComplianceWarning.NO_AGREEMENT)
    if house.trial_names:
        found.append(ComplianceWarning.TRIAL_NAMES)
    return tuple(found)


def share_of(plans: list[Plan], basis: PlanBasis) -> Decimal:
    """The most that rules for all goods pay of one sale by this basis, over the three levels."""
    most = [
        max(
            (
                plan.most_percent or Decimal(0)
                for plan in plans
                if plan.everywhere and plan.basis is basis and plan.level == level
            ),
            default=Decimal(0),
        )
        for level in (1, 2, 3)
    ]
    return sum(most, Decimal(0))
