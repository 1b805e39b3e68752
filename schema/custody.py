"""What buyers own, beside what a custodian holds: for the back office."""

from datetime import date, datetime

import strawberry

from domain import custody
from domain.kernel import Prefix
from resolvers import custody as resolvers
from resolvers.permissions import Scope
from schema.fields import field, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="The end of a day of the business, in one currency.")
@presents(custody.CustodyReport)
class CustodyReport:
    id: strawberry.ID = id_field(Prefix.CUSTODY_REPORT)
    day: date
    client_funds: Money = field(
        resolvers.client_funds, description="Wallets, prepayments, refunds due, suspense, cards."
    )
    held: Money | None = field(resolvers.held, description="Null until the custodian told it.")
    missing: Money | None = field(resolvers.missing, description="How much too little is held.")
    checked_at: datetime


@strawberry.type
class CustodyAdminQuery:
    custody_reports: Connection[CustodyReport] = field(
        resolvers.custody_reports,
        permissions=[Scope("ledger:read")],
        description="Client funds beside what the custodian says, newest first.",
    )
