"""Payouts that nobody knows about for too long, and those that ended otherwise than the channel
says: a queue for people, each case ended by two of them.

A person asks the channel, in its own console or on the phone, and says what it said; another one
agrees. Then it is booked as if the channel had told it.
"""

from collections.abc import Sequence
from uuid import UUID

from domain import audit, identity
from domain.kernel import (
    Actor,
    Connection,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    clock,
    connection,
    encode_id,
    page_of,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.payouts.approving import APPROVE_SCOPE, check_note
from domain.payouts.channels import READ_SCOPE
from domain.payouts.incidents import open_case
from domain.payouts.models import (
    CaseKind,
    CaseState,
    CaseVerdict,
    Payout,
    PayoutCase,
    PayoutStatus,
)
from domain.payouts.moves import WITH_CHANNEL
from domain.payouts.refusals import PayoutCaseClosed, PayoutVerdictUnusable
from domain.payouts.requesting import lock_payout
from domain.payouts.rules import limits
from domain.payouts.running import end_payout
from domain.vault import FourEyes

RESOLVE_SCOPE = "payouts:resolve"
WATCHED_AT_ONCE = 200
DECIDED = "decided"  # why a payout failed that people have said was not paid
_STUCK = """
SELECT p.id FROM payouts p WHERE p.status IN ('SUBMITTING', 'ACCEPTED', 'UNKNOWN')
    AND p.first_submitted_at <= CASE WHEN p.waits OR p.file_id IS NOT NULL
        THEN $2::timestamptz ELSE $1::timestamptz END
    AND NOT EXISTS (SELECT 1 FROM payout_cases c WHERE c.payout_id = p.id AND c.kind = 'UNKNOWN')
ORDER BY p.id LIMIT $3
"""


async def watch_stuck() -> int:
    """Open a case of each payout that was sent long ago and has not ended, once; how many."""
    moment = clock.now()
    bounds = (moment - limits.alert, moment - limits.slow_alert)
    async with connection() as conn:
        rows = await conn.fetch(_STUCK, *bounds, WATCHED_AT_ONCE)
    opened = 0
    for row in rows:
        async with transaction() as conn:
            payout = await lock_payout(conn, row["id"])
            open_still = payout.status in WITH_CHANNEL
            if open_still and await open_case(conn, payout, CaseKind.UNKNOWN):
                await payout.save()
                opened += 1
    if opened:
        wake_relay()
    return opened


async def ask_verdict(actor: Actor, case_id: UUID, verdict: CaseVerdict, note: str) -> PayoutCase:
    """Say what a channel said of a payout, and how one knows. Needs `payouts:resolve`, a fresh
    step-up and a note; another operator has to agree. Audited.

    PAID and NOT_PAID are of what nobody knew; SETTLED explains what was contradicted, and moves
    nothing. Refuses a case that is not open (PAYOUT_CASE_CLOSED) and a verdict that is of the other
    kind (PAYOUT_VERDICT_UNUSABLE).
    """
    actor.require_scope(RESOLVE_SCOPE)
    check_note(note, needed=True)
    by = actor.require_user()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        _, case = await _lock(conn, case_id)
        _refuse_unless_state(case, CaseState.OPEN)
        of_kind = (verdict is CaseVerdict.SETTLED) is (case.kind is CaseKind.CONTRADICTED)
        refuse_unless(of_kind, PayoutVerdictUnusable(field=("verdict",)))
        case.state, case.verdict, case.note = CaseState.ASKED, verdict, note.strip()
        case.asked_by, case.asked_at = by, clock.now()
        await case.save()
        await _audit(conn, actor, "payout_case.ask", case)
    return case


async def decide_verdict(actor: Actor, case_id: UUID, *, agree: bool) -> PayoutCase:
    """Agree to what another operator says, which ends the payout, or open the case again. Needs
    `payouts:approve` and a fresh step-up; never who said it (FOUR_EYES). Audited."""
    actor.require_scope(APPROVE_SCOPE)
    by = actor.require_user()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        payout, case = await _lock(conn, case_id)
        _refuse_unless_state(case, CaseState.ASKED)
        refuse_unless(case.asked_by != by, FourEyes(field=("id",)))
        action = "payout_case.agree" if agree else "payout_case.reject"
        await _audit(conn, actor, action, case)
        if agree:
            case.state, case.decided_by = CaseState.CLOSED, by
            case.decided_at = case.closed_at = clock.now()
        else:
            case.state, case.verdict = CaseState.OPEN, None
            case.asked_by, case.asked_at = None, None
        await case.save()
        if agree and case.verdict is not CaseVerdict.SETTLED:
            await _end(conn, payout, case)
    wake_relay()
    return case


async def list_cases(actor: Actor, page: PageRequest, *, closed: bool = False) -> Page[PayoutCase]:
    """The queue, oldest first, or what has ended, newest first. Needs `payouts:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PayoutCase.all()
    ended = CaseState.CLOSED
    rows = rows.filter(state=ended) if closed else rows.exclude(state=ended)
    if page.after:
        before = UUID(page.after[0])
        rows = rows.filter(id__lt=before) if closed else rows.filter(id__gt=before)
    rows = rows.order_by("-id" if closed else "id").limit(page.first + 1)
    return page_of(page, await rows, lambda case: (case.id,))


async def payouts_by_id(ids: Sequence[UUID]) -> dict[UUID, Payout]:
    """Payouts of cases; one statement for all."""
    return {each.id: each for each in await Payout.filter(id__in=list(ids))}


async def _end(conn: Connection, payout: Payout, case: PayoutCase) -> None:
    if case.verdict is CaseVerdict.PAID:
        await end_payout(conn, payout, PayoutStatus.SUCCEEDED)
    else:
        payout.why = DECIDED
        await end_payout(conn, payout, PayoutStatus.FAILED)
    await payout.save()


async def _lock(conn: Connection, case_id: UUID) -> tuple[Payout, PayoutCase]:
    known = await PayoutCase.filter(id=case_id).first()
    if known is None:
        raise Refused(NotFound(what="payout case", field=("id",)))
    payout = await lock_payout(conn, known.payout_id)
    return payout, await PayoutCase.filter(id=case_id).select_for_update().get()


def _refuse_unless_state(case: PayoutCase, wanted: CaseState) -> None:
    closed = PayoutCaseClosed(state=case.state.value, field=("id",))
    refuse_unless(case.state is wanted, closed)


async def _audit(conn: Connection, actor: Actor, action: str, case: PayoutCase) -> None:
    details = {
        "payout": encode_id(Prefix.PAYOUT, case.payout_id),
        "kind": case.kind.value,
        "verdict": case.verdict.value if case.verdict else None,
        "note": case.note,
    }
    await audit.record(conn, actor, action, case.id, details)
