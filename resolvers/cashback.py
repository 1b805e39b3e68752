"""How cashback and its rules are answered."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import cashback, catalog
from domain.cashback import (
    CURRENCY,
    BuyersCashback,
    CashbackBearer,
    CashbackRule,
    CashbackScope,
    RuleFigures,
)
from domain.kernel import (
    Invalid,
    Money,
    NotFound,
    Page,
    Prefix,
    Refused,
    decode_id,
    encode_id,
    page_request,
)
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of

_ONE = Decimal(100)  # 1 % in 1/10000


async def cashbacks_of_viewer(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[BuyersCashback]:
    """What the caller gets back, newest first."""
    page = page_request("cashbacks", first, after)
    return await cashback.list_cashbacks(info.context.actor.require_user(), page)


async def cashback_rules(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[RuleFigures]:
    """All rules (back office)."""
    page = page_request("cashbackRules", first, after)
    return await cashback.list_rules(info.context.actor, page)


async def cashback_rule_save(
    info: Info,
    name: str,
    cap: MoneyInput,
    valid_until: datetime,
    percent: Decimal | None = None,
    fixed: MoneyInput | None = None,
    product_id: strawberry.ID | None = None,
    category_slug: str | None = None,
    site_id: strawberry.ID | None = None,
    bearer: CashbackBearer = CashbackBearer.PLATFORM,
    hold_days: int = 15,
    valid_from: datetime | None = None,
) -> CashbackRule:
    """Put a rule in force (back office)."""
    scope, scope_id = await _scope(product_id, category_slug)
    wish = cashback.RuleWish(
        name=name,
        cap=money_of(cap, "cap", currency=CURRENCY).units,
        valid_until=valid_until,
        scope=scope,
        scope_id=scope_id,
        site_id=decode_id(Prefix.SITE, site_id, field=("siteId",)) if site_id else None,
        rate=None if percent is None else _rate(percent),
        fixed=None if fixed is None else money_of(fixed, "fixed", currency=CURRENCY).units,
        bearer=bearer,
        hold_days=hold_days,
        valid_from=valid_from,
    )
    return await cashback.save_rule(info.context.actor, wish)


async def cashback_rule_end(info: Info, id: strawberry.ID) -> CashbackRule:
    """Let a rule end (back office)."""
    return await cashback.end_rule(info.context.actor, decode_id(Prefix.CASHBACK_RULE, id))


def explanation(row: Parent[BuyersCashback], info: Info) -> str:
    """How it comes about, in the caller's language."""
    return row.explained(info.context.language)


def percent_of(rule: Parent[CashbackRule]) -> Decimal | None:
    """Of what was paid."""
    return None if rule.rate is None else Decimal(rule.rate) / _ONE


def fixed_of(rule: Parent[CashbackRule]) -> Money | None:
    """For each piece."""
    return None if rule.fixed is None else Money(rule.fixed, rule.currency)


def cap_of(rule: Parent[CashbackRule]) -> Money:
    """As money."""
    return Money(rule.cap, rule.currency)


def scope_id_of(rule: Parent[CashbackRule]) -> strawberry.ID | None:
    """The product or the category that a rule is for."""
    found: UUID | None = rule.scope_id
    if found is None:
        return None
    prefix = Prefix.PRODUCT if rule.scope is CashbackScope.PRODUCT else Prefix.CATEGORY
    return strawberry.ID(encode_id(prefix, found))


def site_id_of(rule: Parent[CashbackRule]) -> strawberry.ID | None:
    """The site that a rule is for."""
    found: UUID | None = rule.site_id
    return None if found is None else strawberry.ID(encode_id(Prefix.SITE, found))


async def _scope(
    product_id: strawberry.ID | None, category_slug: str | None
) -> tuple[CashbackScope, UUID | None]:
    if product_id is not None and category_slug is not None:
        raise Refused(Invalid(reason="commission_scope", field=("productId",)))
    if product_id is not None:
        found = decode_id(Prefix.PRODUCT, product_id, field=("productId",))
        return CashbackScope.PRODUCT, found
    if category_slug is None:
        return CashbackScope.ALL, None
    category = await catalog.Category.filter(slug=category_slug).first()
    if category is None:
        raise Refused(NotFound(what="category", field=("categorySlug",)))
    return CashbackScope.CATEGORY, category.id


def _rate(given: Decimal) -> int:
    if not given.is_finite() or abs(given) > _ONE or given * _ONE % 1:
        raise Refused(Invalid(reason="bonus_percent", field=("percent",)))
    return int(given * _ONE)
