"""The compliance report: each plan by its basis, and what to ask counsel about."""

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import Parent

from domain import compliance
from domain.compliance import ComplianceWarning, PlanBasis, PlanKind
from resolvers import compliance as resolvers
from resolvers.compliance import Advice
from resolvers.context import Info
from resolvers.permissions import Scope
from schema.fields import field, presents
from schema.locale import advice_text
from schema.scalars import Money


def _advice(advice: Parent[Advice], info: Info) -> str:
    return advice_text(advice.code.value, info.context.language)


@strawberry.type(description="What to ask counsel about. It is no opinion of law.")
@presents(Advice)
class ComplianceAdvice:
    code: ComplianceWarning
    message: str = field(_advice)


@strawberry.type(description="One plan by which agents get or owe something.")
@presents(compliance.Plan)
class CompliancePlan:
    kind: PlanKind
    basis: PlanBasis
    scope: str = field(
        resolvers.scope_of, description="Default, category, variant; a tier; a type of agents."
    )
    level: int | None = field(description="Null: of one agent at any level, or no commission.")
    most_percent: Decimal | None = field(
        description="Of the basis. All shares of a line together stay within its margin."
    )
    most_each: Money | None = field(
        resolvers.most_each, description="For each piece, or of a deposit at once."
    )
    depth: int | None = field(
        description="Of a bonus: levels of agents whose customers' purchases count."
    )
    most_of_margin: Decimal | None = field(
        description="Of a bonus: percent of the margin of these sales, for one agent. All plans of"
        " one time together, each once for each of its levels, stay within the whole margin."
    )
    hold_days: int | None = field(resolvers.hold_days)
    warnings: list[ComplianceAdvice] = field(resolvers.advice_of_plan, size=2)


@strawberry.type(description="What the database refuses, whoever writes.")
@presents(compliance.Guard)
class ComplianceGuard:
    name: str
    present: bool


@strawberry.type(description="All plans that are in force or to come.")
@presents(compliance.Report)
class ComplianceReport:
    at: datetime
    depth: int = field(description="Levels that new agents may make.")
    hard_depth: int = field(description="No setting goes beyond.")
    agents_at: list[int] = field(size=3, description="Agents at the levels 1 to 3.")
    plans: list[CompliancePlan] = field(size=50)
    warnings: list[ComplianceAdvice] = field(resolvers.advice_of_report, size=4)
    guards: list[ComplianceGuard] = field(size=10)
    more: bool = field(description="There are more rules than the 2,000 that are listed.")


@strawberry.type
class ComplianceAdminQuery:
    compliance_report: ComplianceReport = field(
        resolvers.compliance_report,
        permissions=[Scope("compliance:read")],
        cost=20,
        description="Each plan with its basis, its levels and the most that it pays; for counsel.",
    )
