"""Use cases of cashback rules, and reads of what buyers got."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from domain import audit, catalog
from domain.cashback.models import (
    CashbackBearer,
    CashbackRule,
    CashbackScope,
    CashbackState,
)
from domain.cashback.rules import MAX_CAP, MAX_HOLD_DAYS, MAX_RATE, explain
from domain.cashback.statements import BEGIN
from domain.kernel import (
    Actor,
    IntegrityError,
    Invalid,
    Money,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    connection,
    page_of,
    refuse_unless,
    transaction,
)

READ_SCOPE, WRITE_SCOPE = "cashback:read", "cashback:write"
CURRENCY = "CNY"
LONGEST = timedelta(days=366)
MAX_NAME = 64
_OF_BUYER = """
SELECT c.id, c.state, c.currency, c.terms, c.due_at, c.amount, c.credited_at, o.number, l.sku,
    coalesce((SELECT sum(b.amount) FROM cashback_returns b WHERE b.cashback_id = c.id), 0)::bigint
        AS taken_back
FROM cashbacks c JOIN order_lines l ON l.id = c.order_line_id JOIN orders o ON o.id = l.order_id
WHERE c.buyer_id = $1 AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3
"""
_FIGURES = """
SELECT r.id, count(c.id) FILTER (WHERE c.state = 'waiting')::int AS waiting,
    count(c.id) FILTER (WHERE c.state = 'credited')::int AS credited,
    coalesce(sum(c.amount), 0)::bigint AS amount,
    coalesce(sum((SELECT sum(b.amount) FROM cashback_returns b WHERE b.cashback_id = c.id)),
        0)::bigint AS taken_back
FROM unnest($1::uuid[]) r (id) LEFT JOIN cashbacks c ON c.rule_id = r.id GROUP BY r.id
"""


@dataclass(frozen=True, slots=True)
class RuleWish:
    """A rule as it shall be: `rate` (1/10000 of what was paid) or `fixed` (units a piece)."""

    name: str
    cap: int
    valid_until: datetime
    scope: CashbackScope = CashbackScope.ALL
    scope_id: UUID | None = None
    site_id: UUID | None = None
    rate: int | None = None
    fixed: int | None = None
    bearer: CashbackBearer = CashbackBearer.PLATFORM
    hold_days: int = 15
    valid_from: datetime | None = None  # now


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """What a rule has brought by now."""

    rule: CashbackRule
    waiting: int  # lines
    credited: int
    amount: Money
    taken_back: Money


@dataclass(frozen=True, slots=True)
class BuyersCashback:
    """What a buyer gets for one line, as the buyer sees it."""

    id: UUID
    order_number: str
    sku: str
    state: CashbackState
    amount: Money
    taken_back: Money
    due_at: datetime
    credited_at: datetime | None
    terms: Mapping[str, Any]

    def explained(self, language: str) -> str:
        """How it comes about."""
        return explain(self.terms, language)


async def save_rule(actor: Actor, wish: RuleWish) -> CashbackRule:
    """Put a rule in force for orders from a moment on. Needs `cashback:write`; audited.

    Refuses (INVALID) one without a cap, above 50 %, without an end within a year, or that begins in
    the past; NOT_FOUND: no such goods or site.
    """
    actor.require_scope(WRITE_SCOPE)
    moment = clock.now()
    begins = wish.valid_from or moment
    faults = _faults(wish, begins, moment)
    if faults:
        raise Refused(*faults)
    await _check_objects(wish)
    try:
        return await _save(actor, wish, begins)
    except IntegrityError as error:
        raise Refused(NotFound(what="site", field=("siteId",))) from error


async def _save(actor: Actor, wish: RuleWish, begins: datetime) -> CashbackRule:
    moment = clock.now()
    async with transaction() as conn:
        rule = await CashbackRule.create(
            name=wish.name.strip(),
            scope=wish.scope,
            scope_id=wish.scope_id,
            site_id=wish.site_id,
            rate=wish.rate,
            fixed=wish.fixed,
            cap=wish.cap,
            currency=CURRENCY,
            bearer=wish.bearer,
            hold_days=wish.hold_days,
            valid_from=max(begins, moment),
            valid_until=wish.valid_until,
            saved_by=actor.user_id,
            saved_at=moment,
        )
        details = {
            "name": rule.name,
            "scope": rule.scope.value,
            "rate": rule.rate,
            "fixed": rule.fixed,
            "cap": rule.cap,
            "bearer": rule.bearer.value,
            "validUntil": rule.valid_until.isoformat(),
        }
        await conn.execute(BEGIN)
        await audit.record(conn, actor, "cashback_rule.save", rule.id, details)
    return rule


async def end_rule(actor: Actor, rule_id: UUID) -> CashbackRule:
    """Let a rule end now; what was bought under it stays. Needs `cashback:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        rule = await CashbackRule.filter(id=rule_id).select_for_update().first()
        if rule is None:
            raise Refused(NotFound(what="cashback rule"))
        ends = max(clock.now(), rule.valid_from)
        refuse_unless(ends < rule.valid_until, Invalid(reason="cashback_ended", field=("id",)))
        rule.valid_until = ends
        await rule.save(update_fields=["valid_until"])
        details = {"validUntil": ends.isoformat()}
        await audit.record(conn, actor, "cashback_rule.end", rule.id, details)
    return rule


async def list_rules(actor: Actor, page: PageRequest) -> Page[RuleFigures]:
    """All rules, newest first, with what they brought. Needs `cashback:read`."""
    actor.require_scope(READ_SCOPE)
    rows = CashbackRule.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    rules = await rows
    async with connection() as conn:
        found = {row["id"]: row for row in await conn.fetch(_FIGURES, [rule.id for rule in rules])}
    files = [
        RuleFigures(
            rule,
            found[rule.id]["waiting"],
            found[rule.id]["credited"],
            Money(found[rule.id]["amount"], rule.currency),
            Money(found[rule.id]["taken_back"], rule.currency),
        )
        for rule in rules
    ]
    return page_of(page, files, lambda file: (file.rule.id,))


async def list_cashbacks(buyer_id: UUID, page: PageRequest) -> Page[BuyersCashback]:
    """What a buyer gets and got, newest first; the caller has checked who asks."""
    after = UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(_OF_BUYER, buyer_id, after, page.first + 1)
    found = [
        BuyersCashback(
            id=row["id"],
            order_number=row["number"],
            sku=row["sku"],
            state=CashbackState(row["state"]),
            amount=Money(row["amount"], row["currency"]),
            taken_back=Money(row["taken_back"], row["currency"]),
            due_at=row["due_at"],
            credited_at=row["credited_at"],
            terms=orjson.loads(row["terms"]),
        )
        for row in rows
    ]
    return page_of(page, found, lambda each: (each.id,))


def _faults(wish: RuleWish, begins: datetime, moment: datetime) -> list[Invalid]:
    one = (wish.rate is None) != (wish.fixed is None)
    rate = wish.rate is None or 0 < wish.rate <= MAX_RATE
    fixed = wish.fixed is None or 0 < wish.fixed <= MAX_CAP
    checks: Mapping[tuple[str, str], bool] = {
        ("name", "bonus_name"): 0 < len(wish.name.strip()) <= MAX_NAME,
        ("percent", "cashback_value"): one and rate and fixed,
        ("cap", "cashback_cap"): 0 < wish.cap <= MAX_CAP,
        ("holdDays", "commission_hold_days"): 0 <= wish.hold_days <= MAX_HOLD_DAYS,
        ("validFrom", "cashback_validity"): begins >= moment,
        ("validUntil", "cashback_validity"): begins < wish.valid_until <= begins + LONGEST,
    }
    wrong = [place for place, right in checks.items() if not right]
    return [Invalid(reason=why, field=(name,)) for name, why in wrong]


async def _check_objects(wish: RuleWish) -> None:
    if wish.scope is CashbackScope.CATEGORY:
        there = await catalog.Category.filter(id=wish.scope_id).exists()
        refuse_unless(there, NotFound(what="category", field=("categorySlug",)))
    if wish.scope is CashbackScope.PRODUCT:
        there = await catalog.Product.filter(id=wish.scope_id).exists()
        refuse_unless(there, NotFound(what="product", field=("productId",)))
