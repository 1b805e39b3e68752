"""What the rules of risk say of an order: before it is bought by wallet, and when it is paid (C9).

Without rules nothing here runs a statement: the purchase has read with all else that there are
none. A wallet's purchase that needs a second look is written paid and held, without a card.
"""

from collections.abc import Sequence
from typing import Any

from domain import orders, risk
from domain.checkout.rules import PlannedLine, Purchase
from domain.kernel import Actor, Connection, Refused, transaction
from domain.risk import OrderedLine, RiskDecision, Try, Verdict


class Held(Exception):
    """The rules want a second look: the purchase is written paid and held."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__()
        self.verdict = verdict


class Blocked(Exception):
    """The rules refuse the purchase; noted once its transaction is over."""

    def __init__(self, rules: Sequence[risk.Rule], each: Try, verdict: Verdict) -> None:
        super().__init__()
        self.rules, self.each, self.verdict = rules, each, verdict


async def screen(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    planned: Sequence[PlannedLine],
    newest: Any,
    order_id: Any = None,
) -> None:
    """Note and judge a try to buy. `newest` is the newest version of the rules, None without any;
    `order_id` names an order that is paid later, which is judged again then.

    Raises `Held` or `Blocked`; both leave the purchase unwritten.
    """
    rules = await risk.rules_of(conn, newest)
    if not rules:
        return
    buyer = actor.require_user()
    lines = [
        OrderedLine(line.variant_id, line.quantity, line.unit_price, line.account)
        for line in planned
    ]
    deed = risk.deed_of(actor.key_id or buyer, purchase.idempotency_key)
    each = Try(deed, buyer, lines, risk.seen_of(actor, buyer, lines), order_id)
    await risk.note_try(conn, rules, each)
    verdict = risk.judge(rules, await risk.facts_of(conn, rules, each))
    if verdict.decision is RiskDecision.BLOCK:
        raise Blocked(rules, each, verdict)
    if order_id is not None:
        return
    if verdict.decision is RiskDecision.REVIEW:
        raise Held(verdict)
    await risk.note_hits(conn, each, verdict.shadows)


async def refuse_blocked(blocked: Blocked) -> Refused:
    """Keep what refused the purchase, which is rolled back by now."""
    async with transaction() as conn:
        await risk.note_try(conn, blocked.rules, blocked.each)
        await risk.note_hits(conn, blocked.each, blocked.verdict.signals)
    return Refused(risk.OrderBlocked())


async def judge_paid(conn: Connection, order: orders.LockedOrder) -> Verdict | None:
    """What the rules say of an order whose money is here; None when it may go on.

    A rule that would have refused it holds it: money that came is never refused unseen.
    """
    rules = await risk.rules_of(conn, await conn.fetchval(risk.NEWEST))
    if not rules:
        return None
    seen, moment = await risk.seen_with(conn, order.id)
    lines = [
        OrderedLine(line.variant_id, line.quantity, line.unit_price)
        for line in (await orders.lines_of([order.id]))[order.id]
    ]
    each = Try(order.id, order.buyer_id, lines, seen, order.id)
    facts = await risk.facts_of(conn, rules, each, moment=moment)
    verdict = risk.judge(rules, facts)
    if verdict.decision is RiskDecision.ALLOW:
        await risk.note_hits(conn, each, verdict.signals)
        return None
    return verdict
