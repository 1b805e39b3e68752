"""Use cases of commission rules: versions that are put in force, and ended (mission row H1).

A rule is known by its goods (scope) and by whose it is (a level, or one agent). Each of them has
versions: what is saved without an end replaces the one in force, what is saved with one comes
before it for that time. Nothing takes effect in the past.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tortoise.expressions import Q

from domain import agents, audit, catalog
from domain.commissions.models import CommissionRule, RuleKind, RuleScope
from domain.commissions.rules import HOLD_DAYS, MAX_HOLD_DAYS, PERCENT_SCALE, PERCENTS
from domain.kernel import (
    Actor,
    Conflict,
    IntegrityError,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    page_of,
    plain,
    refuse_unless,
    transaction,
)

WRITE_SCOPE, READ_SCOPE = "commissions:write", "commissions:read"
MAX_VALUE = 10**15
_NEWEST = """
SELECT coalesce(max(version), 0) FROM commission_rules WHERE scope = $1
    AND scope_id IS NOT DISTINCT FROM $2 AND agent_id IS NOT DISTINCT FROM $3
    AND level IS NOT DISTINCT FROM $4
"""
_END = """
UPDATE commission_rules SET valid_until = $5 WHERE scope = $1
    AND scope_id IS NOT DISTINCT FROM $2 AND agent_id IS NOT DISTINCT FROM $3
    AND level IS NOT DISTINCT FROM $4 AND valid_until IS NULL AND valid_from <= $5
"""


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as it shall be. `value`: 10000 = 1 %, or units of 1/10000 for each piece; without
    meaning for price differences. Either `level` or `agent_id` says whose it is."""

    kind: RuleKind
    value: int = 0
    level: int | None = None
    agent_id: UUID | None = None
    scope: RuleScope = RuleScope.DEFAULT
    scope_id: UUID | None = None
    hold_days: int = HOLD_DAYS
    valid_from: datetime | None = None  # now
    valid_until: datetime | None = None  # until another one replaces it

    @property
    def key(self) -> tuple[str, UUID | None, UUID | None, int | None]:
        """What makes two versions those of one rule."""
        return (self.scope.value, self.scope_id, self.agent_id, self.level)


async def save_rule(actor: Actor, draft: RuleDraft) -> CommissionRule:
    """Put a version of a rule in force. Needs `commissions:write`; audited.

    Refuses (INVALID) levels outside 1..3, more than 100 %, an amount below zero, more than 90 days
    of waiting, a beginning in the past, and a rule for our own gift cards: they are stored value,
    and nobody earns on that. NOT_FOUND: no such variant, category or agent.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(draft)
    await _check_object(draft)
    begins = max(draft.valid_from or clock.now(), clock.now())
    try:
        async with transaction() as conn:
            if draft.valid_until is None:  # one that is to come later stays
                await conn.execute(_END, *draft.key, begins)
            rule = await CommissionRule.create(
                scope=draft.scope,
                scope_id=draft.scope_id,
                agent_id=draft.agent_id,
                level=draft.level,
                version=await conn.fetchval(_NEWEST, *draft.key) + 1,
                kind=draft.kind,
                value=draft.value,
                hold_days=draft.hold_days,
                valid_from=begins,
                valid_until=draft.valid_until,
            )
            await audit.record(conn, actor, "commission_rule.save", rule.id, _told(rule))
    except IntegrityError as error:  # somebody has saved the same version
        raise Refused(Conflict(what="commission rule")) from error
    return rule


async def end_rule(actor: Actor, rule_id: UUID, at: datetime | None = None) -> CommissionRule:
    """Let a version end now, or at a later moment that is earlier than its own end.

    Needs `commissions:write`; audited. What was sold under it stays as it is.
    Refuses one that has ended (INVALID).
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        rule = await CommissionRule.filter(id=rule_id).select_for_update().first()
        if rule is None:
            raise Refused(NotFound(what="commission rule"))
        ends = max(at or clock.now(), clock.now(), rule.valid_from)
        open_still = rule.valid_until is None or ends < rule.valid_until
        refuse_unless(open_still, Invalid(reason="commission_rule_ended", field=("ruleId",)))
        rule.valid_until = ends
        await rule.save(update_fields=["valid_until"])
        details = {"validUntil": ends.isoformat()}
        await audit.record(conn, actor, "commission_rule.end", rule.id, details)
    return rule


async def list_rules(actor: Actor, page: PageRequest, *, ended: bool) -> Page[CommissionRule]:
    """Versions of rules, newest first: those in force or to come, or also those that have ended.
    Needs `commissions:read`."""
    actor.require_scope(READ_SCOPE)
    rows = CommissionRule.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    if not ended:
        rows = rows.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=clock.now()))
    return page_of(page, await rows, lambda rule: (rule.id,))


async def is_standing(draft: RuleDraft) -> bool:
    """Whether just this rule is in force already, without an end."""
    return await CommissionRule.filter(
        scope=draft.scope,
        scope_id=draft.scope_id,
        agent_id=draft.agent_id,
        level=draft.level,
        kind=draft.kind,
        value=draft.value,
        hold_days=draft.hold_days,
        valid_until__isnull=True,
    ).exists()


def _check(draft: RuleDraft) -> None:
    one = (draft.level is None) != (draft.agent_id is None)
    levelled = draft.level is None or 1 <= draft.level <= 3
    refuse_unless(one and levelled, Invalid(reason="commission_level", field=("level",)))
    by_percent = draft.kind in PERCENTS
    ceiling, said = (PERCENT_SCALE, "percent") if by_percent else (MAX_VALUE, "amount")
    refuse_unless(0 <= draft.value <= ceiling, Invalid(reason="commission_value", field=(said,)))
    has_object = (draft.scope is RuleScope.DEFAULT) == (draft.scope_id is None)
    refuse_unless(has_object, Invalid(reason="commission_scope", field=("scope",)))
    waits = 0 <= draft.hold_days <= MAX_HOLD_DAYS
    refuse_unless(waits, Invalid(reason="commission_hold_days", field=("holdDays",)))
    ends = draft.valid_until is None or draft.valid_until > max(
        clock.now(), draft.valid_from or clock.now()
    )
    refuse_unless(ends, Invalid(reason="commission_validity", field=("validUntil",)))


async def _check_object(draft: RuleDraft) -> None:
    if draft.agent_id is not None:
        known = await agents.agents_by_id([draft.agent_id])
        refuse_unless(bool(known), NotFound(what="agent", field=("agentId",)))
    if draft.scope is RuleScope.CATEGORY:
        there = await catalog.Category.filter(id=draft.scope_id).exists()
        refuse_unless(there, NotFound(what="category", field=("categorySlug",)))
    if draft.scope is RuleScope.VARIANT:
        variant = await catalog.Variant.filter(id=draft.scope_id).first()
        if variant is None:
            raise Refused(NotFound(what="variant", field=("sku",)))
        stored = variant.delivery_kind is catalog.DeliveryKind.GIFT_CARD
        refuse_unless(not stored, Invalid(reason="commission_stored_value", field=("scope",)))


def _told(rule: CommissionRule) -> dict[str, Any]:
    return {
        "scope": rule.scope.value,
        "level": rule.level,
        "agent": str(rule.agent_id) if rule.agent_id else None,
        "version": rule.version,
        "kind": rule.kind.value,
        "value": plain(rule.value),
        "holdDays": rule.hold_days,
    }
