"""How the fields of the compliance report are answered."""

from dataclasses import dataclass
from datetime import timedelta

from strawberry import Parent

from domain import compliance
from domain.checkout import CURRENCY
from domain.compliance import ComplianceWarning, Plan, Report
from domain.kernel import Money
from resolvers.context import Info


@dataclass(frozen=True)
class Advice:
    """One warning, to be said in the caller's language."""

    code: ComplianceWarning


async def compliance_report(info: Info) -> Report:
    """What agents may get or owe here (back office)."""
    return await compliance.make_report(info.context.actor)


def advice_of_report(report: Parent[Report]) -> list[Advice]:
    """About all of it together."""
    return [Advice(each) for each in report.warnings]


def advice_of_plan(plan: Parent[Plan]) -> list[Advice]:
    """About one plan."""
    return [Advice(each) for each in plan.warnings]


def most_each(plan: Parent[Plan]) -> Money | None:
    """As money."""
    return None if plan.most_each is None else Money(plan.most_each, CURRENCY)


def hold_days(plan: Parent[Plan]) -> int | None:
    """Whole days."""
    hold: timedelta | None = plan.hold
    return None if hold is None else hold.days


def scope_of(plan: Parent[Plan]) -> str:
    """What it is for."""
    name: str = plan.name
    return name
