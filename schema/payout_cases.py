"""Payouts that people have to look into (back office)."""

from datetime import datetime

import strawberry

from domain import payouts
from domain.kernel import Prefix
from domain.payouts import CaseKind, CaseState, CaseVerdict
from resolvers import payout_cases as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.payouts import Payout
from schema.scalars import id_field


@strawberry.type(description="A payout that people have to look into, and what they found out.")
@presents(payouts.PayoutCase)
class PayoutCase:
    id: strawberry.ID = id_field(Prefix.PAYOUT_CASE)
    kind: CaseKind
    state: CaseState
    payout: Payout = field(resolvers.payout_of)
    opened_at: datetime
    verdict: CaseVerdict | None = field(
        description="Null of a closed case: the channel told it after all."
    )
    note: str = field(description="How one knows.")
    asked_by: strawberry.ID | None = field(resolvers.asked_by)
    asked_at: datetime | None
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None
    closed_at: datetime | None


@strawberry.type
class PayoutCasePayload:
    case: PayoutCase | None
    user_errors: list[UserError]


@strawberry.type
class PayoutCasesAdminQuery:
    payout_cases: Connection[PayoutCase] = field(
        resolvers.cases,
        permissions=[Scope("payouts:read")],
        description="What waits for people, oldest first; `closed`: what has ended, newest first.",
    )


@strawberry.type
class PayoutCasesAdminMutation:
    payout_case_verdict: PayoutCasePayload = mutation(
        resolvers.payout_case_verdict,
        payload=PayoutCasePayload,
        entity="case",
        permissions=[Scope("payouts:resolve")],
        description="Say what the channel said of a payout, and how you know; needs a fresh"
        " step-up, and another operator who agrees. Audited.",
    )
    payout_case_decide: PayoutCasePayload = mutation(
        resolvers.payout_case_decide,
        payload=PayoutCasePayload,
        entity="case",
        permissions=[Scope("payouts:approve")],
        description="Agree, which ends the payout as it was said, or open the case again; needs a"
        " fresh step-up. Never the operator who said it. Audited.",
    )
