"""What a refund of delivered goods writes into the money ledger (docs/architecture.md)."""

from collections import defaultdict
from uuid import UUID

from domain import commissions
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.refunds.planning import Plan, PlannedPart


def refund_posting(refund_id: UUID, plan: Plan, *, to_exchange: bool = False) -> Posting:
    """The buyer's money out of the revenue, or out of what was owed on gift cards; what the pieces
    had cost is a loss, because nobody sells them again; commissions go back in proportion."""
    order, currency = plan.order, plan.order.currency
    legs: defaultdict[UUID, int] = defaultdict(int)
    for part in plan.parts:
        for account, amount in _legs_of(part, currency):
            legs[account] += amount
    for account, amount in commissions.legs_of_clawbacks(list(plan.clawbacks), currency):
        legs[account] += amount
    kind = AccountKind.REFUND_DUE if plan.payment else AccountKind.WALLET
    if to_exchange:
        kind = AccountKind.EXCHANGE
    owner = order.buyer_id if kind is AccountKind.WALLET else None
    legs[account_id(kind, owner, currency)] += plan.amount
    return Posting(
        TransferKind.DELIVERED_REFUND, refund_id, currency, list(legs.items()), order.number
    )


def _legs_of(part: PlannedPart, currency: str) -> list[tuple[UUID, int]]:
    revenue = account_id(AccountKind.REVENUE, None, currency)
    cost = account_id(AccountKind.COST, None, currency)
    if part.owed is None:
        loss = account_id(AccountKind.LOSS, None, currency)
        return [(revenue, -part.amount), (cost, part.lost_cost), (loss, -part.lost_cost)]
    # A gift card: what was paid beyond its value was earned, what was paid less was given away.
    beyond = part.amount - part.owed.left
    return [
        (account_id(AccountKind.GIFT_CARD, None, currency), -part.owed.left),
        (revenue if beyond > 0 else cost, -beyond),
    ]
