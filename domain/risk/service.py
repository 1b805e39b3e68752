"""Saving rules; opening, claiming and closing cases. An order is locked before its case (C9).

What becomes of the order itself is decided above, where deliveries and refunds are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import audit, orders
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
)
from domain.risk.models import RiskCase, RiskCaseState, RiskDecision, RiskRule
from domain.risk.refusals import RiskCaseDecided, RiskCaseTaken
from domain.risk.rules import CLAIM_LEASE, Condition, Verdict, check_conditions

WRITE_SCOPE = "risk:write"
OPENED, DECIDED = "risk_case.opened", "risk_case.decided"
MAX_NAME_LETTERS, MAX_NOTE_LETTERS = 100, 500
# Versions are numbered one after another, so that the newest number is the newest to be seen.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('risk.rules'))"
_NEXT = "SELECT coalesce(max(number), 0) + 1 FROM risk_rules"
_CLAIM_OF = "SELECT order_id FROM risk_cases WHERE id = $1"


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as an operator wants it; `rule_id` of one that is there already."""

    name: str
    conditions: Sequence[Condition]
    decision: RiskDecision
    shadow: bool = False
    enabled: bool = True
    rule_id: UUID | None = None


async def save_rule(actor: Actor, draft: RuleDraft) -> RiskRule:
    """Write the next version of a rule; orders placed from now on are judged by it.

    Needs `risk:write`; audited. Refuses an unknown rule, a decision that is none, and conditions
    that lack what their kind needs (INVALID).
    """
    actor.require_scope(WRITE_SCOPE)
    check_conditions(draft.conditions)
    named = 0 < len(draft.name.strip()) <= MAX_NAME_LETTERS
    refuse_unless(named, Invalid(reason="risk_name", field=("name",)))
    decides = draft.decision is not RiskDecision.ALLOW
    refuse_unless(decides, Invalid(reason="risk_decision", field=("decision",)))
    async with transaction() as conn:
        await conn.execute(_ALONE)
        before = None
        if draft.rule_id is not None:
            before = await RiskRule.filter(rule_id=draft.rule_id).order_by("-version").first()
            refuse_unless(before is not None, NotFound(what="risk rule", field=("id",)))
        rule = await RiskRule.create(
            number=await conn.fetchval(_NEXT),
            rule_id=before.rule_id if before else new_id(),
            version=before.version + 1 if before else 1,
            name=draft.name.strip(),
            conditions=[each.plain() for each in draft.conditions],
            decision=draft.decision,
            shadow=draft.shadow,
            enabled=draft.enabled,
            saved_by=actor.user_id,
            saved_at=clock.now(),
        )
        details = {
            "version": rule.version,
            "decision": rule.decision.value,
            "shadow": rule.shadow,
            "enabled": rule.enabled,
            "conditions": [each.kind.value for each in draft.conditions],
        }
        await audit.record(conn, actor, "risk_rule.save", rule.rule_id, details)
    return rule


async def open_case(conn: Connection, order_id: UUID, verdict: Verdict) -> RiskCase:
    """Write down why an order is held, in the transaction that holds it."""
    case = await RiskCase.create(
        order_id=order_id,
        state=RiskCaseState.OPEN,
        signals=[signal.plain() for signal in verdict.signals],
        opened_at=clock.now(),
    )
    await record_events(conn, [_event(OPENED, 1, case)])
    return case


async def order_of_case(conn: Connection, case_id: UUID) -> UUID:
    """Which order to lock before the case; refuses an unknown case."""
    order_id: UUID | None = await conn.fetchval(_CLAIM_OF, case_id)
    if order_id is None:
        raise Refused(NotFound(what="risk case"))
    return order_id


async def claim_case(actor: Actor, case_id: UUID) -> RiskCase:
    """Take an open case for half an hour; again, for half an hour more. Needs `risk:write`.

    Refuses another reviewer's (RISK_CASE_TAKEN) and one that is decided (RISK_CASE_DECIDED).
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        await orders.lock_order(conn, await order_of_case(conn, case_id))
        case = await lock_case(actor, case_id)
        case.claimed_by, case.claimed_until = actor.require_user(), clock.now() + CLAIM_LEASE
        await case.save()
        await audit.record(conn, actor, "risk_case.claim", case.order_id, {})
    return case


async def lock_case(actor: Actor, case_id: UUID) -> RiskCase:
    """An open case that this reviewer may decide; its order is locked by the caller."""
    case = await RiskCase.filter(id=case_id).select_for_update().get()
    decided = RiskCaseDecided(state=case.state.value)
    refuse_unless(case.state is RiskCaseState.OPEN, decided)
    mine = case.claimed_by in (None, actor.user_id)
    over = case.claimed_until is not None and case.claimed_until <= clock.now()
    refuse_unless(mine or over, RiskCaseTaken())
    return case


async def close_case(
    conn: Connection, actor: Actor, case: RiskCase, state: RiskCaseState, note: str
) -> None:
    """Write down how a case ended, in the transaction that moves its order."""
    note = note.strip()
    fits = 0 < len(note) <= MAX_NOTE_LETTERS
    refuse_unless(fits, Invalid(reason="risk_note", field=("note",)))
    case.state, case.note = state, note
    case.decided_by, case.decided_at = actor.user_id, clock.now()
    await case.save()
    await record_events(conn, [_event(DECIDED, 2, case)])
    details = {"state": state.value, "note": note}
    await audit.record(conn, actor, "risk_case.decide", case.order_id, details)


def _event(event: str, sequence: int, case: RiskCase) -> Event:
    payload = {
        "caseId": encode_id(Prefix.RISK_CASE, case.id),
        "orderId": encode_id(Prefix.ORDER, case.order_id),
        "state": case.state.value,
        "rules": [each["name"] for each in case.signals],
    }
    return Event(event, case.id, sequence, payload)
