"""How the fields of the reconciler are answered (back office)."""

from datetime import date

import strawberry
from strawberry import Parent

from domain import reconciliation
from domain.kernel import Money, Page, Prefix, decode_id, page_request
from resolvers.context import Info


async def reconciliation_of(info: Info, day: date) -> reconciliation.Reconciliation:
    """A day in both books."""
    return await reconciliation.reconciliation_of(info.context.actor, day)


async def reconciliation_findings(
    info: Info,
    state: reconciliation.FindingState | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[reconciliation.ReconciliationFinding]:
    """Differences of all days."""
    page = page_request("reconciliationFindings", first, after)
    return await reconciliation.list_findings(info.context.actor, page, state)


async def reconciliation_settle(
    info: Info, id: strawberry.ID, note: str
) -> reconciliation.ReconciliationFinding:
    """Close a finding that was explained."""
    finding_id = decode_id(Prefix.RECONCILIATION_FINDING, id)
    return await reconciliation.settle_finding(info.context.actor, finding_id, note)


def in_money_ledger(finding: Parent[reconciliation.ReconciliationFinding]) -> Money:
    """What the money ledger says."""
    return Money(finding.money, finding.currency)


def in_card_ledger(finding: Parent[reconciliation.ReconciliationFinding]) -> Money:
    """What the other side says."""
    return Money(finding.goods, finding.currency)


def reference_of(finding: Parent[reconciliation.ReconciliationFinding]) -> str:
    """The batch, line, attempt, account or transfer that the difference is about."""
    return str(finding.reference)
