"""What statements of settlement sum to."""

import strawberry

from domain import settlement
from schema.fields import field, presents
from schema.scalars import Money


@strawberry.type(description="What there is of commission at one moment.")
@presents(settlement.Balances)
class StatementBalances:
    pending: Money
    available: Money
    owed: Money


@strawberry.type(description="The sums of all statements of a run.")
@presents(settlement.Totals)
class SettlementTotals:
    statements: int = field(description="How many.")
    lines: int = field(description="Of orders that were earned on; one line by up to three.")
    opening: StatementBalances
    earned: Money
    clawed_back: Money
    released: Money
    repaid: Money
    to_wallet: Money
    withdrawn: Money
    given_back: Money
    closing: StatementBalances
