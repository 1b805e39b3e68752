"""Rules of risk and the orders that they hold: for the back office."""

from datetime import datetime

import strawberry

from domain import risk
from domain.kernel import Prefix
from domain.risk import RiskCaseState, RiskDecision, RiskKind, RiskSubject
from resolvers import risk as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="One condition of a rule.")
@presents(risk.Condition)
class RiskCondition:
    kind: RiskKind
    limit: int = field(
        description="Holds above it (ACCOUNT_AGE: below it): pieces, orders, minutes, or an amount"
        " in units of 1/10000.",
    )
    subject: RiskSubject | None
    minutes: int = field(description="The period of ORDERS.")
    category_id: strawberry.ID | None = field(resolvers.category_of)
    denied: list[str] = field(resolvers.denied, size=5, description="A deny list, masked.")


@strawberry.type(description="The newest version of a rule; older ones are kept.")
@presents(risk.ShownRule)
class RiskRule:
    id: strawberry.ID = field(resolvers.rule_id)
    version: int
    name: str
    conditions: list[RiskCondition] = field(size=2, description="All of them must hold.")
    decision: RiskDecision
    shadow: bool = field(description="It only notes what it would have said.")
    enabled: bool
    saved_at: datetime
    hits: int = field(
        description="Of seven days: orders that it refused, or as a shadow would have judged."
    )


@strawberry.type(description="A rule that fired, as it was then.")
@presents(risk.ShownSignal)
class RiskSignal:
    rule_id: strawberry.ID = field(resolvers.signal_rule)
    version: int
    name: str
    decision: RiskDecision
    shadow: bool
    found: list[str] = field(size=2, description="What each condition found; values masked.")


@strawberry.type(description="A paid order that waits for a second look, and how that ended.")
@presents(risk.RiskCase)
class RiskCase:
    id: strawberry.ID = id_field(Prefix.RISK_CASE)
    order_id: strawberry.ID = field(resolvers.order_id)
    state: RiskCaseState
    signals: list[RiskSignal] = field(resolvers.signals, size=2)
    opened_at: datetime
    claimed_by: strawberry.ID | None = field(resolvers.claimed_by)
    claimed_until: datetime | None
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None
    note: str


@strawberry.type
class RiskRulePayload:
    rule: RiskRule | None
    user_errors: list[UserError]


@strawberry.type
class RiskCasePayload:
    risk_case: RiskCase | None
    user_errors: list[UserError]


@strawberry.type
class RiskAdminQuery:
    risk_rules: list[RiskRule] = field(
        resolvers.risk_rules, permissions=[Scope("risk:read")], size=20
    )
    risk_cases: Connection[RiskCase] = field(
        resolvers.risk_cases,
        permissions=[Scope("risk:read")],
        description="Held orders and how they ended, newest first.",
    )


@strawberry.type
class RiskAdminMutation:
    risk_rule_save: RiskRulePayload = mutation(
        resolvers.risk_rule_save,
        payload=RiskRulePayload,
        entity="rule",
        permissions=[Scope("risk:write")],
        description="Write a rule or its next version; it judges what is ordered from now on."
        " Audited.",
    )
    risk_case_claim: RiskCasePayload = mutation(
        resolvers.risk_case_claim,
        payload=RiskCasePayload,
        entity="risk_case",
        permissions=[Scope("risk:write")],
        description="Take a case for half an hour.",
    )
    risk_case_decide: RiskCasePayload = mutation(
        resolvers.risk_case_decide,
        payload=RiskCasePayload,
        entity="risk_case",
        permissions=[Scope("risk:write")],
        description="Release a held order to be delivered as if it were paid now, or reject it:"
        " its money goes back the way it came. Once; audited.",
    )
