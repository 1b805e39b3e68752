"""How the fields of custody are answered (back office)."""

from strawberry import Parent

from domain import custody
from domain.kernel import Money, Page, page_request
from resolvers.context import Info


async def custody_reports(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[custody.CustodyReport]:
    """Newest first."""
    page = page_request("custodyReports", first, after)
    return await custody.list_reports(info.context.actor, page)


def client_funds(report: Parent[custody.CustodyReport]) -> Money:
    """What buyers own."""
    return Money(report.client_funds, report.currency)


def held(report: Parent[custody.CustodyReport]) -> Money | None:
    """What the custodian says it holds."""
    return None if report.held is None else Money(report.held, report.currency)


def missing(report: Parent[custody.CustodyReport]) -> Money | None:
    """How much less that is."""
    return None if report.missing is None else Money(report.missing, report.currency)
