"""Approvals: one payout by one operator, or a batch that another one proposed (four eyes)."""

from collections.abc import Sequence
from uuid import UUID

from domain import audit, identity
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.payouts.channels import channels_by_id
from domain.payouts.models import BatchStatus, Payout, PayoutBatch, PayoutStatus
from domain.payouts.refusals import PayoutMoveNotAllowed, PayoutSamePerson
from domain.payouts.requesting import approve, give_up, lock_payout

APPROVE_SCOPE, PROPOSE_SCOPE = "payouts:approve", "payouts:propose"
MAX_IN_BATCH = 20_000
MAX_NOTE = 500
_OPEN = """
SELECT id FROM payouts WHERE status = 'REQUESTED' AND batch_id IS NULL AND currency = $1
    AND CASE WHEN $2::uuid[] IS NULL THEN run_id IS NULL ELSE id = ANY($2) END
    AND ($3::uuid IS NULL OR channel_id = $3)
ORDER BY id LIMIT $4 FOR UPDATE
"""
_APPROVED = """
UPDATE payouts p SET status = 'APPROVED', approved_by = $1, approved_at = w.at,
    next_try_at = w.next, event_count = w.events
FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::int[])
    AS w (id, at, next, events)
WHERE p.id = w.id
"""


async def approve_payout(actor: Actor, payout_id: UUID) -> Payout:
    """Approve one payout. Needs `payouts:approve` and a fresh step-up; audited."""
    actor.require_scope(APPROVE_SCOPE)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        payout = await lock_payout(conn, payout_id)
        alone = payout.batch_id is None and payout.run_id is None  # a run's: by two
        refuse_unless(alone, PayoutMoveNotAllowed(status=payout.status.value))
        channel = (await channels_by_id([payout.channel_id]))[payout.channel_id]
        await approve(conn, actor, channel, payout)
        await payout.save()
        await _audit(conn, actor, "payout.approve", payout)
    wake_relay()
    return payout


async def refuse_payout(actor: Actor, payout_id: UUID, note: str) -> Payout:
    """Refuse a payout that was not sent yet; its agent has the money again and hears the note.

    Needs `payouts:approve`; audited. Refuses one that is on its way (PAYOUT_MOVE_NOT_ALLOWED).
    """
    actor.require_scope(APPROVE_SCOPE)
    check_note(note, needed=True)
    async with transaction() as conn:
        payout = await lock_payout(conn, payout_id)
        here = payout.status in (PayoutStatus.REQUESTED, PayoutStatus.APPROVED)
        refuse_unless(here, PayoutMoveNotAllowed(status=payout.status.value))
        payout.note = note.strip()
        await give_up(conn, payout, PayoutStatus.REFUSED)
        await payout.save()
        await _audit(conn, actor, "payout.refuse", payout)
    wake_relay()
    return payout


async def propose_batch(
    actor: Actor,
    payout_ids: Sequence[UUID] | None,
    channel_id: UUID | None,
    note: str = "",
    currency: str = "CNY",
) -> PayoutBatch:
    """Put payouts that wait into a batch, for another operator to approve: these, or all (of a
    channel) that no settlement asked for. Needs `payouts:propose`; audited.

    Refuses when one of them is not waiting, or is in a batch already (INVALID).
    """
    actor.require_scope(PROPOSE_SCOPE)
    check_note(note, needed=False)
    async with transaction() as conn:
        ids = None if payout_ids is None else sorted(set(payout_ids))
        rows = await conn.fetch(_OPEN, currency, ids, channel_id, MAX_IN_BATCH)
        found = [row["id"] for row in rows]
        whole = ids is None or len(found) == len(ids)
        refuse_unless(whole, Invalid(reason="payout_not_waiting", field=("payoutIds",)))
        batch = await make_batch(conn, actor, found, note, currency)
    wake_relay()
    return batch


async def make_batch(
    conn: Connection,
    actor: Actor,
    payout_ids: Sequence[UUID],
    note: str,
    currency: str,
    run_id: UUID | None = None,
) -> PayoutBatch:
    """Write a batch of locked payouts that wait, in the caller's transaction."""
    refuse_unless(bool(payout_ids), Invalid(reason="payout_batch_empty", field=("payoutIds",)))
    total = await conn.fetchval(
        "SELECT sum(amount)::bigint FROM payouts WHERE id = ANY($1::uuid[])", list(payout_ids)
    )
    batch = await PayoutBatch.create(
        id=new_id(),
        status=BatchStatus.PROPOSED,
        count=len(payout_ids),
        total=total,
        currency=currency,
        note=note.strip(),
        run_id=run_id,
        proposed_by=actor.require_user(),
        proposed_at=clock.now(),
    )
    await conn.execute(
        "UPDATE payouts SET batch_id = $1 WHERE id = ANY($2::uuid[])", batch.id, list(payout_ids)
    )
    details = {"count": batch.count, "total": plain(total), "currency": currency}
    await audit.record(conn, actor, "payout_batch.propose", batch.id, details)
    return batch


async def decide_batch(
    actor: Actor, batch_id: UUID, *, approved: bool, note: str = ""
) -> PayoutBatch:
    """Approve a batch that another operator proposed, or reject it: then its payouts wait again.

    Needs `payouts:approve` and a fresh step-up; audited. Refuses the proposer (PAYOUT_SAME_PERSON;
    the database does, too) and what was decided (PAYOUT_MOVE_NOT_ALLOWED). Payouts that ended
    meanwhile are passed over.
    """
    actor.require_scope(APPROVE_SCOPE)
    check_note(note, needed=not approved)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        batch = await PayoutBatch.filter(id=batch_id).select_for_update().first()
        if batch is None:
            raise Refused(NotFound(what="payout batch", field=("id",)))
        open_still = batch.status is BatchStatus.PROPOSED
        refuse_unless(open_still, PayoutMoveNotAllowed(status=batch.status.value))
        refuse_unless(batch.proposed_by != actor.user_id, PayoutSamePerson())
        batch.status = BatchStatus.APPROVED if approved else BatchStatus.REJECTED
        batch.decided_by, batch.decided_at = actor.require_user(), clock.now()
        batch.decision = note.strip()
        await batch.save()
        if approved:
            await approve_waiting(conn, actor, batch)
        else:
            await conn.execute("UPDATE payouts SET batch_id = NULL WHERE batch_id = $1", batch.id)
        details = {"count": batch.count, "total": plain(batch.total), "note": batch.decision}
        action = "payout_batch.approve" if approved else "payout_batch.reject"
        await audit.record(conn, actor, action, batch.id, details)
    wake_relay()
    return batch


async def approve_waiting(conn: Connection, actor: Actor, batch: PayoutBatch) -> int:
    """Approve what still waits of a batch, all in one statement; returns how many."""
    open_still = Payout.filter(batch_id=batch.id, status=PayoutStatus.REQUESTED)
    waiting = await open_still.order_by("id").select_for_update()
    channels = await channels_by_id(list({each.channel_id for each in waiting}))
    for channel in channels.values():
        await approve(conn, actor, channel, *(p for p in waiting if p.channel_id == channel.id))
    await conn.execute(
        _APPROVED,
        actor.user_id,
        [each.id for each in waiting],
        [each.approved_at for each in waiting],
        [each.next_try_at for each in waiting],
        [each.event_count for each in waiting],
    )
    return len(waiting)


def check_note(note: str, *, needed: bool) -> None:
    """A note fits, and is there where one is needed."""
    fits = len(note) <= MAX_NOTE and (bool(note.strip()) or not needed)
    refuse_unless(fits, Invalid(reason="review_reason", field=("note",)))


async def _audit(conn: Connection, actor: Actor, action: str, payout: Payout) -> None:
    details = {
        "payout": encode_id(Prefix.PAYOUT, payout.id),
        "amount": plain(payout.amount),
        "currency": payout.currency,
        "note": payout.note,
    }
    await audit.record(conn, actor, action, payout.agent_id, details)
