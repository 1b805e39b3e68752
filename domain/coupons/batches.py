"""Codes of a campaign, made in batches and shown once (mission row J1).

A code is cash. Each follows from a random seed of its batch, and only keyed prints of codes are
stored: whoever has the table has none of them. The seed is sealed, and goes soon after the last
code was shown. A batch is made in chunks by a worker; killed in the middle, the next one goes on.
"""

import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from domain import audit, cards, identity
from domain.coupons.asking import print_of
from domain.coupons.events import BATCH_MADE, BATCH_ORDERED, BATCH_VOIDED, told_batch
from domain.coupons.models import Campaign, CampaignState, CouponBatch, CouponTake
from domain.coupons.refusals import CampaignStateWrong, CouponBatchNotReady
from domain.kernel import (
    SYSTEM,
    Actor,
    Invalid,
    NotFound,
    Refused,
    claim_key,
    clock,
    connection,
    crash_point,
    input_hash,
    new_id,
    record_events,
    refuse_unless,
    seal_small,
    transaction,
    unseal_small,
    wake_relay,
)

WRITE_SCOPE, READ_SCOPE = "coupons:write", "coupons:read"
OPERATION, TAKING = "couponBatchCreate", "couponCodesTake"
SEED_PURPOSE = "coupon-seed"
MAX_CODES = 100_000
MAX_TAKEN = 1_000  # codes in one answer
CHUNK = 2_000  # codes in memory
AGAIN = timedelta(seconds=5)  # after which another worker goes on
CODE_BYTES = 10  # 80 bits
SHOWN_AGAIN = timedelta(hours=1)  # for which whoever took codes may see them again, by the same key

_INSERT = """
INSERT INTO coupons (id, campaign_id, batch_id, print)
SELECT id, $1, $2, print FROM unnest($3::uuid[], $4::bytea[]) AS c (id, print)
"""
_MADE = "UPDATE coupon_batches SET made = $2, due_at = $3 WHERE id = $1"
_DUE = "SELECT id FROM coupon_batches WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_FORGET = """
UPDATE coupon_batches SET seed_sealed = NULL, forget_at = NULL WHERE forget_at <= $1 RETURNING id
"""


async def create_batch(
    actor: Actor, campaign_id: UUID, count: int, idempotency_key: str
) -> tuple[CouponBatch, bool]:
    """Order a batch of codes; whether an earlier call did. A worker makes them: see `made`.

    Needs `coupons:write`; audited. Refuses more than 100,000 codes, an unknown campaign, one that
    needs no codes (INVALID), and one that has ended (CAMPAIGN_STATE_WRONG).
    """
    actor.require_scope(WRITE_SCOPE)
    fits = 1 <= count <= MAX_CODES
    refuse_unless(fits, Invalid(reason="coupon_batch_count", field=("count",)))
    batch_id, seed = new_id(), secrets.token_hex(32)
    async with transaction() as conn:
        hashed = input_hash([campaign_id, count])
        known = await claim_key(
            conn, actor.require_user(), OPERATION, idempotency_key, hashed, batch_id
        )
        if known is not None:
            return await CouponBatch.get(id=known), True
        campaign = await Campaign.filter(id=campaign_id).first()
        if campaign is None:
            raise Refused(NotFound(what="campaign", field=("campaignId",)))
        over = CampaignStateWrong(state=campaign.state.value, field=("campaignId",))
        refuse_unless(campaign.state is not CampaignState.ENDED, over)
        by_code = Invalid(reason="coupon_batch_automatic", field=("campaignId",))
        refuse_unless(not campaign.automatic, by_code)
        moment = clock.now()
        batch = await CouponBatch.create(
            id=batch_id,
            campaign_id=campaign_id,
            count=count,
            seed_sealed=seal_small(SEED_PURPOSE, seed, str(batch_id)),
            created_by=actor.user_id,
            created_at=moment,
            due_at=moment,
        )
        details = {"campaignId": str(campaign_id), "count": count}
        await audit.record(conn, actor, "coupon_batch.create", batch_id, details)
        await record_events(conn, [told_batch(BATCH_ORDERED, 1, batch)])
    wake_relay()
    return batch, False


async def make_batch(batch_id: UUID) -> None:
    """Store the prints of a batch, chunk by chunk, each in a transaction of its own. Any number of
    times, by anybody: who comes second goes on where the first is."""
    while await _make_chunk(batch_id):
        crash_point("coupons.chunk_committed")


async def due_batches(limit: int) -> list[UUID]:
    """Batches that nobody works at."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def _make_chunk(batch_id: UUID) -> bool:
    async with transaction() as conn:
        batch = await CouponBatch.filter(id=batch_id).select_for_update().first()
        if batch is None or batch.due_at is None or batch.seed_sealed is None:
            return False
        last = min(batch.made + CHUNK, batch.count)
        seed = _seed_of(batch)
        prints = [print_of(letters_of(seed, number)) for number in range(batch.made, last)]
        await conn.execute(_INSERT, batch.campaign_id, batch.id, [new_id() for _ in prints], prints)
        done = last == batch.count
        await conn.execute(_MADE, batch.id, last, None if done else clock.now() + AGAIN)
        if done:
            await audit.record(conn, SYSTEM, "coupon_batch.made", batch.id, {"count": last})
            await record_events(conn, [told_batch(BATCH_MADE, 2, batch)])
        crash_point("coupons.chunk_written")
    if done:
        wake_relay()
    return not done


async def take_codes(
    actor: Actor, batch_id: UUID, first: int, idempotency_key: str
) -> tuple[CouponBatch, list[str], bool]:
    """The next codes of a batch as they are printed, each shown to one operator; whether an earlier
    call with this key showed them. An answer that was lost is asked for again within an hour.

    Needs `coupons:write` and a fresh step-up; audited before anything is answered. An hour after
    the last one the seed goes. Refuses a batch that is not made yet or was voided
    (COUPON_BATCH_NOT_READY), and codes that were shown longer ago (INVALID).
    """
    actor.require_scope(WRITE_SCOPE)
    fits = 1 <= first <= MAX_TAKEN
    refuse_unless(fits, Invalid(reason="coupon_batch_take", field=("first",)))
    async with transaction() as conn:
        await identity.require_step_up(actor)
        batch = await _locked(batch_id)
        ready = batch.made == batch.count and batch.voided_at is None
        refuse_unless(ready, CouponBatchNotReady(field=("batchId",)))
        hashed, fresh = input_hash([batch_id, first]), new_id()
        user = actor.require_user()
        known = await claim_key(conn, user, TAKING, idempotency_key, hashed, fresh)
        if known is None:
            take = await _take_next(actor, batch, first, fresh)
        else:
            take = await _taken_before(batch, known)
        wanted = range(take.start, take.start + take.codes)
        codes = [_printed(_seed_of(batch), number) for number in wanted] if wanted else []
        details = {"from": take.start, "codes": take.codes, "again": known is not None}
        await audit.record(conn, actor, "coupon_batch.take", batch.id, details)
        crash_point("coupons.codes_taken")
    return batch, codes, known is not None


async def forget_seeds() -> int:
    """Drop the seeds of batches whose codes were all shown, some time ago; how many."""
    async with connection() as conn:
        return len(await conn.fetch(_FORGET, clock.now()))


async def void_batch(actor: Actor, batch_id: UUID) -> CouponBatch:
    """No code of a batch is good any more; what orders hold stays. Needs `coupons:write`; audited.
    A second time changes nothing."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        batch = await _locked(batch_id)
        if batch.voided_at is None:
            batch.voided_at, batch.due_at = clock.now(), None
            batch.seed_sealed = batch.forget_at = None
            changed = ("voided_at", "due_at", "seed_sealed", "forget_at")
            await batch.save(force_update=True, update_fields=changed)
            await audit.record(conn, actor, "coupon_batch.void", batch.id, {})
            await record_events(conn, [told_batch(BATCH_VOIDED, 3, batch)])
    wake_relay()
    return batch


async def batches_of(campaign_ids: Sequence[UUID]) -> dict[UUID, list[CouponBatch]]:
    """The batches of campaigns, newest first; one statement for all."""
    found: dict[UUID, list[CouponBatch]] = {each: [] for each in campaign_ids}
    rows = CouponBatch.filter(campaign_id__in=list(campaign_ids)).order_by("-id").limit(1000)
    for batch in await rows:
        found[batch.campaign_id].append(batch)
    return found


async def find_batch(actor: Actor, batch_id: UUID) -> CouponBatch | None:
    """One batch, with how far it is; needs `coupons:read`."""
    actor.require_scope(READ_SCOPE)
    return await CouponBatch.filter(id=batch_id).first()


def letters_of(seed: bytes, number: int) -> str:
    """The seventeen letters of a code."""
    letters = cards.read_code(_printed(seed, number))
    assert letters is not None, "a code that we made is sound"
    return letters


async def _take_next(actor: Actor, batch: CouponBatch, first: int, take_id: UUID) -> CouponTake:
    moment, start = clock.now(), batch.taken
    batch.taken = min(start + first, batch.count)
    if batch.taken == batch.count and batch.seed_sealed is not None:
        batch.forget_at = moment + SHOWN_AGAIN
    await batch.save(force_update=True, update_fields=("taken", "forget_at"))
    return await CouponTake.create(
        id=take_id,
        batch_id=batch.id,
        start=start,
        codes=batch.taken - start,
        taken_by=actor.user_id,
        taken_at=moment,
    )


async def _taken_before(batch: CouponBatch, take_id: UUID) -> CouponTake:
    take = await CouponTake.get(id=take_id)
    kept = batch.seed_sealed is not None and clock.now() < take.taken_at + SHOWN_AGAIN
    gone = Invalid(reason="coupon_codes_gone", field=("idempotencyKey",))
    refuse_unless(kept or not take.codes, gone)
    return take


def _printed(seed: bytes, number: int) -> str:
    drawn = hmac.new(seed, number.to_bytes(8, "big"), sha256).digest()
    return cards.printed_code(int.from_bytes(drawn[:CODE_BYTES], "big"))


def _seed_of(batch: CouponBatch) -> bytes:
    return bytes.fromhex(unseal_small(SEED_PURPOSE, batch.seed_sealed or b"", str(batch.id)))


async def _locked(batch_id: UUID) -> CouponBatch:
    batch = await CouponBatch.filter(id=batch_id).select_for_update().first()
    if batch is None:
        raise Refused(NotFound(what="coupon batch", field=("batchId",)))
    return batch
