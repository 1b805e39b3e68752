"""Cashback: what buyers get back for goods that they kept."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import cashback
from domain.cashback import CashbackBearer, CashbackScope, CashbackState
from domain.kernel import Prefix
from resolvers import cashback as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="What the caller gets back for one delivered line.")
@presents(cashback.BuyersCashback)
class Cashback:
    id: strawberry.ID = id_field(Prefix.CASHBACK)
    order_number: str
    sku: str
    state: CashbackState
    amount: Money = field(description="Zero while it waits: what is kept until then counts.")
    taken_back: Money = field(description="With goods that went back later.")
    due_at: datetime
    credited_at: datetime | None
    explanation: str = field(resolvers.explanation, description="How it comes about, in words.")


@strawberry.type(description="What is given back, for which goods, within which bounds.")
@presents(cashback.CashbackRule)
class CashbackRule:
    id: strawberry.ID = id_field(Prefix.CASHBACK_RULE)
    name: str
    scope: CashbackScope
    scope_id: strawberry.ID | None = field(resolvers.scope_id_of)
    site_id: strawberry.ID | None = field(resolvers.site_id_of)
    percent: Decimal | None = field(resolvers.percent_of, description="Of what was paid.")
    fixed: Money | None = field(resolvers.fixed_of, description="For each piece.")
    cap: Money = field(resolvers.cap_of, description="The most for one line.")
    bearer: CashbackBearer
    hold_days: int = field(description="After the delivery, until it is credited.")
    valid_from: datetime
    valid_until: datetime


@strawberry.type(description="A rule, and what it has brought by now.")
@presents(cashback.RuleFigures)
class CashbackRuleFile:
    rule: CashbackRule
    waiting: int = field(description="Lines.")
    credited: int
    amount: Money
    taken_back: Money


@strawberry.type
class CashbackRulePayload:
    rule: CashbackRule | None
    user_errors: list[UserError]


@strawberry.type
class CashbackAdminQuery:
    cashback_rules: Connection[CashbackRuleFile] = field(
        resolvers.cashback_rules, permissions=[Scope("cashback:read")], description="Newest first."
    )


@strawberry.type
class CashbackAdminMutation:
    cashback_rule_save: CashbackRulePayload = mutation(
        resolvers.cashback_rule_save,
        payload=CashbackRulePayload,
        entity="rule",
        permissions=[Scope("cashback:write")],
        description="Put a rule in force for orders from a moment on: `percent` or `fixed`, within"
        " `cap`, with an end. Audited.",
    )
    cashback_rule_end: CashbackRulePayload = mutation(
        resolvers.cashback_rule_end,
        payload=CashbackRulePayload,
        entity="rule",
        permissions=[Scope("cashback:write")],
        description="Let a rule end now. What was bought under it stays. Audited.",
    )
