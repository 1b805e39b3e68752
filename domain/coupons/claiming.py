"""Coupons in an account: claimed by their code, listed, and what campaigns did (mission row J1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain import audit, cards
from domain.coupons.asking import MAX_TYPED, print_of
from domain.coupons.events import claimed
from domain.coupons.guessing import is_locked_out, note_wrong
from domain.coupons.models import DiscountBearer
from domain.coupons.refusals import CouponNotAccepted, CouponsLocked
from domain.coupons.service import public_word
from domain.kernel import (
    Actor,
    Connection,
    Page,
    PageRequest,
    Refused,
    clock,
    connection,
    new_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

FIELD = ("code",)


class CouponState(StrEnum):
    """Where a claimed coupon stands."""

    USABLE = "usable"
    LOCKED = "locked"  # in an order that waits for its payment
    USED = "used"
    EXPIRED = "expired"  # its campaign is over, or its batch was made void


@dataclass(frozen=True, slots=True)
class Grant:
    """A coupon in somebody's account."""

    id: UUID
    campaign_id: UUID
    name_zh: str
    name_en: str
    claimed_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    state: CouponState


@dataclass(frozen=True, slots=True)
class Figures:
    """What a campaign did so far; amounts in units, `cost` in the books' currency by who bears
    it."""

    issued: int
    claimed: int
    locked: int
    used: int
    released: int
    returned: int
    saved: int
    cost: dict[DiscountBearer, int]


_BY_PRINT = """
SELECT k.id, k.campaign_id, k.owner_id FROM coupons k
JOIN coupon_batches b ON b.id = k.batch_id AND b.voided_at IS NULL
JOIN coupon_campaigns g ON g.id = k.campaign_id AND g.state IN ('running', 'paused')
    AND (g.ends_at IS NULL OR g.ends_at > $2)
WHERE k.print = $1 AND NOT EXISTS (SELECT 1 FROM coupon_uses u
    WHERE u.coupon_id = k.id AND u.state IN ('locked', 'used'))
FOR UPDATE OF k
"""
_BY_WORD = """
SELECT id FROM coupon_campaigns WHERE public_code = $1 AND state IN ('running', 'paused')
    AND (ends_at IS NULL OR ends_at > $2)
"""
_OWN = "UPDATE coupons SET owner_id = $2, claimed_at = $3 WHERE id = $1"
_GRANT = """
INSERT INTO coupons (id, campaign_id, owner_id, claimed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (campaign_id, owner_id) WHERE print IS NULL DO NOTHING RETURNING id
"""
_GRANTED = "SELECT id FROM coupons WHERE campaign_id = $1 AND owner_id = $2 AND print IS NULL"
_OWNED = """
SELECT * FROM (
    SELECT k.id, k.campaign_id, g.name_zh, g.name_en, k.claimed_at, g.starts_at, g.ends_at,
        CASE WHEN held.state = 'used' THEN 'used' WHEN held.state = 'locked' THEN 'locked'
            WHEN g.state = 'ended' OR g.ends_at <= $2 OR b.voided_at IS NOT NULL THEN 'expired'
            ELSE 'usable' END AS state
    FROM coupons k JOIN coupon_campaigns g ON g.id = k.campaign_id
    LEFT JOIN coupon_batches b ON b.id = k.batch_id
    LEFT JOIN coupon_uses held ON held.coupon_id = k.id AND held.state IN ('locked', 'used')
    WHERE k.owner_id = $1) own
"""
_ONE = f"{_OWNED} WHERE id = $3"
_GRANTS = f"""{_OWNED}
WHERE ($3::text IS NULL OR state = $3) AND ($4::uuid IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
"""
_FIGURES = """
SELECT g.id, coalesce((SELECT sum(b.made) FROM coupon_batches b WHERE b.campaign_id = g.id), 0)
        AS issued,
    (SELECT count(*) FROM coupons k WHERE k.campaign_id = g.id AND k.owner_id IS NOT NULL)
        AS claimed,
    u.*
FROM coupon_campaigns g CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'locked') AS locked,
        count(*) FILTER (WHERE state = 'used') AS used,
        count(*) FILTER (WHERE state = 'released') AS released,
        count(*) FILTER (WHERE state = 'returned') AS returned,
        coalesce(sum(amount) FILTER (WHERE state = 'used'), 0) AS saved,
        coalesce(sum(platform_amount) FILTER (WHERE state = 'used'), 0) AS platform,
        coalesce(sum(agent_amount) FILTER (WHERE state = 'used'), 0) AS agent,
        coalesce(sum(supplier_amount) FILTER (WHERE state = 'used'), 0) AS supplier
    FROM coupon_uses WHERE campaign_id = g.id) u
WHERE g.id = ANY($1)
"""


async def claim_coupon(actor: Actor, code: str) -> Grant:
    """Put a coupon into the caller's account, by its code or a public one. Claimed again by the
    same account it answers the same coupon. Audited without the code.

    One answer for every code that is not to be had (COUPON_NOT_ACCEPTED); after too many of them
    none is looked at for a while (COUPONS_LOCKED).
    """
    user = actor.require_user()
    refuse_unless(not await is_locked_out(actor), CouponsLocked(field=FIELD))
    letters = cards.read_code(code)
    word = public_word(code[:MAX_TYPED]) if letters is None else None
    async with transaction() as conn:
        coupon = await _claimed(conn, actor, user, letters, word)
    if coupon is None:
        await note_wrong(actor)
        raise Refused(CouponNotAccepted(field=FIELD))
    wake_relay()
    async with connection() as conn:
        return _grant(await conn.fetchrow(_ONE, user, clock.now(), coupon))


async def _claimed(
    conn: Connection, actor: Actor, user: UUID, letters: str | None, word: str | None
) -> UUID | None:
    moment = clock.now()
    if letters is not None:
        row = await conn.fetchrow(_BY_PRINT, print_of(letters), moment)
        if row is None or row["owner_id"] not in (None, user):
            return None
        coupon, campaign = row["id"], row["campaign_id"]
        if row["owner_id"] is not None:
            return UUID(str(coupon))
        await conn.execute(_OWN, coupon, user, moment)
    else:
        campaign = await conn.fetchval(_BY_WORD, word, moment) if word else None
        if campaign is None:
            return None
        coupon = await conn.fetchval(_GRANT, new_id(), campaign, user, moment)
        if coupon is None:
            return UUID(str(await conn.fetchval(_GRANTED, campaign, user)))
    details = {"campaignId": str(campaign)}
    await audit.record(conn, actor, "coupon.claim", coupon, details)
    await record_events(conn, [claimed(coupon, campaign, user)])
    return UUID(str(coupon))


async def coupons_of(
    actor: Actor, page: PageRequest, state: CouponState | None = None
) -> Page[Grant]:
    """The caller's own coupons, newest first."""
    after = UUID(page.after[0]) if page.after else None
    wanted = None if state is None else state.value
    async with connection() as conn:
        rows = await conn.fetch(
            _GRANTS, actor.require_user(), clock.now(), wanted, after, page.first + 1
        )
    return page_of(page, [_grant(row) for row in rows], lambda each: (each.id,))


async def figures_of(campaign_ids: Sequence[UUID]) -> dict[UUID, Figures]:
    """What campaigns did so far; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_FIGURES, list(campaign_ids))
    return {
        row["id"]: Figures(
            issued=int(row["issued"]),
            claimed=row["claimed"],
            locked=row["locked"],
            used=row["used"],
            released=row["released"],
            returned=row["returned"],
            saved=int(row["saved"]),
            cost={bearer: int(row[bearer.value]) for bearer in DiscountBearer},
        )
        for row in rows
    }


def _grant(row: Any) -> Grant:
    return Grant(**{**dict(row), "state": CouponState(row["state"])})
