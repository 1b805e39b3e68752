"""Attempts whose outcome stays unknown: told once, and ended by operators who know (rule 3).

A supplier may never tell, or cannot be asked at all. Then a person asks it, and what the person
found out is booked as if the supplier had said it: surely not sold, and the next offer is tried; or
sold, and here are the goods.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import audit, cards, orders
from domain.catalog import CARD_KINDS
from domain.fulfilment.arriving import end_line
from domain.fulfilment.events import tell_next, tell_uncertain_long
from domain.fulfilment.models import (
    OPEN,
    AttemptStatus,
    AttemptVerdict,
    Doubt,
    FulfilmentAttempt,
    VerdictState,
)
from domain.fulfilment.refusals import AttemptClosed, ResolutionUnusable, VerdictPending
from domain.fulfilment.rules import recheck_in, times
from domain.fulfilment.service import book_locked, lock_attempt
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    connection,
    crash_point,
    new_id,
    page_of,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.suppliers import Category, Completed, Rejected, SuppliedCode
from domain.vault import FourEyes

READ_SCOPE, RESOLVE_SCOPE, APPROVE_SCOPE = "suppliers:read", "supply:resolve", "supply:approve"
MAX_REASON_LETTERS, MAX_CODES, MAX_CODE_LETTERS = 500, 1_000, 400
WATCHED_AT_ONCE = 100
GIVEN_UP = Category.PROVIDER_DOWN.upper()  # why, as the buyer sees it

_WAITING = """
SELECT a.id, o.id AS order_id, o.number, l.sku, v.id AS verdict_id
FROM fulfilment_attempts a JOIN order_lines l ON l.id = a.line_id JOIN orders o ON o.id = l.order_id
LEFT JOIN attempt_verdicts v ON v.attempt_id = a.id AND v.state = 'asked'
WHERE a.next_query_at IS NOT NULL AND a.opened_at <= $1 AND ($2::uuid IS NULL OR a.id > $2)
ORDER BY a.id LIMIT $3
"""
_LONG = """
SELECT id, line_id FROM fulfilment_attempts
WHERE next_query_at IS NOT NULL AND alerted_at IS NULL AND opened_at <= $1
ORDER BY opened_at LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class UncertainAttempt:
    """An attempt that waits for a person, with the order that waits for it."""

    attempt: FulfilmentAttempt
    order_id: UUID
    order_number: str
    sku: str
    verdict: AttemptVerdict | None  # that nothing was sold, and a second operator has to agree
    age_seconds: int

    @property
    def id(self) -> UUID:
        """That of the attempt."""
        return self.attempt.id


@dataclass(frozen=True, slots=True)
class FoundGoods:
    """What an operator learned from the supplier: the goods, and what they cost in units."""

    attempt_id: UUID
    cost: int
    codes: Sequence[tuple[str, str]] = field(default=(), repr=False)  # number, secret
    receipt: str = ""
    upstream_id: str = ""
    note: str = ""


async def uncertain_attempts(actor: Actor, page: PageRequest) -> Page[UncertainAttempt]:
    """Attempts without an outcome for longer than the setting, oldest first. Needs
    `suppliers:read`."""
    actor.require_scope(READ_SCOPE)
    moment, after = clock.now(), UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(_WAITING, moment - times.alert, after, page.first + 1)
    found = {row["id"]: row for row in rows}
    verdicts = [row["verdict_id"] for row in rows if row["verdict_id"]]
    asked = {each.attempt_id: each for each in await AttemptVerdict.filter(id__in=verdicts)}
    attempts = await FulfilmentAttempt.filter(id__in=list(found)).order_by("id")
    shown = [
        UncertainAttempt(
            each,
            found[each.id]["order_id"],
            found[each.id]["number"],
            found[each.id]["sku"],
            asked.get(each.id),
            int((moment - each.opened_at).total_seconds()),
        )
        for each in attempts
    ]
    return page_of(page, shown, lambda each: (each.id,))


async def watch_uncertain() -> int:
    """Tell of each attempt that has now been open for longer than the setting, once; how many."""
    moment, told = clock.now(), 0
    async with connection() as conn:
        rows = await conn.fetch(_LONG, moment - times.alert, WATCHED_AT_ONCE)
    for row in rows:
        async with transaction() as conn:
            line = await orders.lock_line(conn, row["line_id"])
            attempt = await FulfilmentAttempt.filter(id=row["id"]).select_for_update().get()
            if attempt.status not in OPEN or attempt.alerted_at is not None:
                continue
            attempt.alerted_at = moment
            await attempt.save()
            await tell_uncertain_long(conn, attempt, line)
            told += 1
    if told:
        wake_relay()
    return told


async def give_up(actor: Actor, attempt_id: UUID, reason: str) -> AttemptVerdict:
    """Say that an attempt was surely not sold: the next offer is tried, or the price goes back.

    Needs `supply:resolve` and a reason; audited. Above the setting's amount it waits until another
    operator agrees (`decide_give_up`). The supplier is asked again for some days all the same: what
    turns up becomes stock. Refuses an attempt that is over (ATTEMPT_CLOSED), and a second word
    while the first one waits (VERDICT_PENDING).
    """
    actor.require_scope(RESOLVE_SCOPE)
    reason = reason.strip()
    fits = 0 < len(reason) <= MAX_REASON_LETTERS and reason.isprintable()
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    actor.require_user()
    async with transaction() as conn:
        line, attempt = await _lock(conn, attempt_id)
        refuse_unless(attempt.status in OPEN, AttemptClosed(field=("attemptId",)))
        waiting = AttemptVerdict.filter(attempt_id=attempt_id, state=VerdictState.ASKED)
        refuse_unless(not await waiting.exists(), VerdictPending(field=("attemptId",)))
        amount = attempt.max_unit_cost * attempt.quantity
        alone = amount <= times.alone_units
        verdict = await _said(conn, actor, attempt, reason, amount, alone=alone)
        if alone:
            await _reject(conn, line, attempt, verdict)
        crash_point("fulfilment.verdict_written")
    wake_relay()
    return verdict


async def give_up_locked(
    conn: Connection,
    actor: Actor,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    reason: str,
    *,
    go_on: bool,
) -> None:
    """`give_up` by one operator, as the end of an incident, in the caller's transaction, which has
    locked line and attempt. Without `go_on` no other offer is tried: the line ends with what is
    ready for it, and the price of the rest goes back.

    Refuses an attempt that is over, one that waits for a second operator, and an amount that one
    operator may not give up alone (RESOLUTION_UNUSABLE).
    """
    field = ("resolution",)
    over = attempt.status not in OPEN
    refuse_unless(not over, ResolutionUnusable(reason="attempt_over", field=field))
    waiting = AttemptVerdict.filter(attempt_id=attempt.id, state=VerdictState.ASKED)
    refuse_unless(not await waiting.exists(), VerdictPending(field=field))
    amount = attempt.max_unit_cost * attempt.quantity
    alone = amount <= times.alone_units
    refuse_unless(alone, ResolutionUnusable(reason="four_eyes", field=field))
    verdict = await _said(conn, actor, attempt, reason, amount, alone=True)
    await _reject(conn, line, attempt, verdict, go_on=go_on)
    if not go_on and line.status in orders.OPEN_LINES:
        await end_line(conn, line, GIVEN_UP)


async def decide_give_up(actor: Actor, verdict_id: UUID, *, agree: bool) -> AttemptVerdict:
    """Agree that an attempt was surely not sold, or not. Needs `supply:approve`; audited.

    Refuses who said so first (FOUR_EYES), what was decided before, and an attempt that is over
    meanwhile (ATTEMPT_CLOSED) unless it is not agreed to.
    """
    actor.require_scope(APPROVE_SCOPE)
    by = actor.require_user()
    known = await AttemptVerdict.filter(id=verdict_id).first()
    if known is None:
        raise Refused(NotFound(what="verdict", field=("id",)))
    async with transaction() as conn:
        line, attempt = await _lock(conn, known.attempt_id)
        verdict = await AttemptVerdict.filter(id=verdict_id).select_for_update().get()
        refuse_unless(verdict.state is VerdictState.ASKED, AttemptClosed(field=("id",)))
        refuse_unless(verdict.asked_by != by, FourEyes(field=("id",)))
        refuse_unless(attempt.status in OPEN or not agree, AttemptClosed(field=("id",)))
        verdict.state = VerdictState.AGREED if agree else VerdictState.REJECTED
        verdict.decided_by, verdict.decided_at = by, clock.now()
        await verdict.save()
        details = {"agree": agree, "verdict": str(verdict.id)}
        await audit.record(conn, actor, "attempt.give_up_decide", attempt.id, details)
        if agree:
            await _reject(conn, line, attempt, verdict)
        crash_point("fulfilment.verdict_written")
    wake_relay()
    return verdict


async def deliver_found(actor: Actor, found: FoundGoods) -> FulfilmentAttempt:
    """Say that an attempt was sold, and hand in the goods. Needs `supply:resolve`; audited, never
    with a code.

    They are the line's when it waits for them and they are whole, else stock, as if the supplier
    had brought them. Of an attempt that was rejected they become stock. Refuses one that succeeded
    already (ATTEMPT_CLOSED), and codes or a receipt that cannot be stored.
    """
    actor.require_scope(RESOLVE_SCOPE)
    actor.require_user()
    fresh = await cards.fresh_key() if found.codes else None
    async with transaction() as conn:
        line, attempt = await _lock(conn, found.attempt_id)
        over = attempt.status is AttemptStatus.SUCCEEDED
        refuse_unless(not over, AttemptClosed(field=("attemptId",)))
        result = _completed(found, by_card=line.delivery_kind in CARD_KINDS)
        details = {"codes": len(found.codes), "cost": found.cost, "note": found.note[:500]}
        await audit.record(conn, actor, "attempt.deliver_found", attempt.id, details)
        if await book_locked(conn, line, attempt, result, fresh):
            await orders.look_again(conn, line, clock.now())
            await tell_next(conn, new_id(), attempt, "go_on")
        crash_point("fulfilment.found_written")
    wake_relay()
    return attempt


async def _said(
    conn: Connection,
    actor: Actor,
    attempt: FulfilmentAttempt,
    reason: str,
    amount: int,
    *,
    alone: bool,
) -> AttemptVerdict:
    """Keep an operator's word that an attempt was not sold; agreed to, when one is enough."""
    by, moment = actor.require_user(), clock.now()
    verdict = await AttemptVerdict.create(
        id=new_id(),
        attempt_id=attempt.id,
        state=VerdictState.AGREED if alone else VerdictState.ASKED,
        reason=reason,
        alone=alone,
        asked_by=by,
        asked_at=moment,
        decided_by=by if alone else None,
        decided_at=moment if alone else None,
    )
    details = {"reason": reason, "amount": amount, "alone": alone}
    await audit.record(conn, actor, "attempt.give_up", attempt.id, details)
    return verdict


async def _reject(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    verdict: AttemptVerdict,
    *,
    go_on: bool = True,
) -> None:
    """Book the operators' word as the supplier's, and look again later whether it was true."""
    attempt.doubt, attempt.recheck_at = Doubt.GIVEN_UP, clock.now() + recheck_in(0)
    rejected = Rejected(Category.PROVIDER_DOWN, "by_operator")
    if await book_locked(conn, line, attempt, rejected, None) and go_on:
        await tell_next(conn, verdict.id, attempt, "go_on")


async def _lock(conn: Connection, attempt_id: UUID) -> tuple[orders.LockedLine, FulfilmentAttempt]:
    known = await FulfilmentAttempt.filter(id=attempt_id).first()
    if known is None:
        raise Refused(NotFound(what="attempt", field=("attemptId",)))
    return await lock_attempt(conn, known)


def _completed(found: FoundGoods, *, by_card: bool) -> Completed:
    """The goods as a supplier would have told them."""
    refuse_unless(found.cost >= 0, Invalid(reason="manual_cost", field=("cost",)))
    text = found.receipt.strip()
    shown = len(text) <= 200 and text.isprintable()
    refuse_unless(
        shown and bool(text) != by_card, Invalid(reason="found_goods", field=("receipt",))
    )
    right = by_card == bool(found.codes) and len(found.codes) <= MAX_CODES
    right = right and all(_is_code(number, secret) for number, secret in found.codes)
    refuse_unless(right, Invalid(reason="found_goods", field=("codes",)))
    codes = tuple(SuppliedCode(number.strip(), secret.strip()) for number, secret in found.codes)
    upstream = found.upstream_id.strip()
    fits = len(upstream) <= 96 and upstream.isprintable()
    refuse_unless(fits, Invalid(reason="found_goods", field=("upstreamId",)))
    return Completed(upstream or None, codes, found.cost, text)


def _is_code(number: str, secret: str) -> bool:
    clean = not any(unicodedata.category(letter) == "Cc" for letter in number + secret)
    return bool(secret.strip()) and clean and len(number) + len(secret) <= MAX_CODE_LETTERS
