"""Codes that came to nothing are counted, in the database, and lock out whoever tries on (row K6).

Only what is wrong counts: a code of a batch has 80 random bits, so that those who ask at once gain
nothing by it. While a lock stands every code sounds the same, and nothing counts on.
"""

from datetime import timedelta
from uuid import UUID

from domain import audit
from domain.coupons.asking import subjects_of
from domain.coupons.events import LOCKED_OUT
from domain.coupons.models import GuessKind
from domain.kernel import (
    Actor,
    Event,
    Prefix,
    clock,
    connection,
    encode_id,
    new_id,
    record_events,
    transaction,
    wake_relay,
)

FREE_TRIES = {GuessKind.USER: 10, GuessKind.ADDRESS: 60}  # an address may be that of a dormitory
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=24)
FORGOTTEN_AFTER = timedelta(hours=24)
FORGOTTEN_AT_ONCE = 5_000

_COUNT = """
INSERT INTO coupon_guesses AS g (id, kind, subject, tries, changed_at)
SELECT id, kind, subject, $5, $4 FROM unnest($1::uuid[], $2::text[], $3::bytea[])
    AS w (id, kind, subject) ORDER BY kind, subject
ON CONFLICT (kind, subject) DO UPDATE SET
    tries = CASE WHEN g.locked_until > $4 THEN g.tries
        WHEN greatest(g.changed_at, g.locked_until) < $6 THEN $5 ELSE g.tries + $5 END,
    changed_at = CASE WHEN g.locked_until > $4 THEN g.changed_at ELSE $4 END
RETURNING id, kind, tries, locked_until
"""
_LOCK = "UPDATE coupon_guesses SET locked_until = $2 WHERE id = $1"
_LOCKED = """
SELECT EXISTS (SELECT 1 FROM coupon_guesses WHERE subject = ANY($1::bytea[]) AND locked_until > $2)
"""
_FORGET = """
DELETE FROM coupon_guesses WHERE id = ANY (ARRAY(SELECT id FROM coupon_guesses
    WHERE changed_at < $1 AND coalesce(locked_until, changed_at) < $1 ORDER BY changed_at LIMIT $2))
"""


async def is_locked_out(actor: Actor) -> bool:
    """Whether the caller has tried too many codes."""
    subjects = [digest for _, digest in subjects_of(actor)]
    async with connection() as conn:
        return bool(await conn.fetchval(_LOCKED, subjects, clock.now()))


async def note_wrong(actor: Actor, count: int = 1) -> None:
    """Count codes that came to nothing; one too many is audited and told. In a transaction of its
    own, which the caller must not hold one beside."""
    moment = clock.now()
    subjects = subjects_of(actor)
    locked = []
    async with transaction() as conn:
        rows = await conn.fetch(
            _COUNT,
            [new_id() for _ in subjects],
            [kind.value for kind, _ in subjects],
            [digest for _, digest in subjects],
            moment,
            count,
            moment - FORGOTTEN_AFTER,
        )
        for row in rows:
            beyond = row["tries"] - FREE_TRIES[GuessKind(row["kind"])]
            stands = row["locked_until"] is not None and row["locked_until"] > moment
            if beyond < 0 or stands:
                continue
            until = moment + min(FIRST_LOCK * 2 ** min(beyond, 20), LONGEST_LOCK)
            await conn.execute(_LOCK, row["id"], until)
            locked.append(row["kind"])
        if locked:
            details = {"kinds": sorted(locked)}
            await audit.record(conn, actor, LOCKED_OUT, actor.user_id, details)
            await record_events(conn, [_told(sorted(locked), actor.user_id)])
    if locked:
        wake_relay()


async def forget_guesses() -> int:
    """Delete a batch of guesses that are a day old; how many went."""
    async with transaction() as conn:
        done = await conn.execute(_FORGET, clock.now() - FORGOTTEN_AFTER, FORGOTTEN_AT_ONCE)
    return int(done.rpartition(" ")[2])


def _told(kinds: list[str], user_id: UUID | None) -> Event:
    payload = {
        "kinds": kinds,
        "userId": None if user_id is None else encode_id(Prefix.USER, user_id),
    }
    return Event(LOCKED_OUT, new_id(), 1, payload)
