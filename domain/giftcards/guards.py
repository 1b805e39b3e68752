"""Tries that came to nothing are counted, in the database (mission row K6).

Each try is counted before it is made, so that a thousand at once count as a thousand, and taken
back when it was a good one. Codes that do not exist are counted like those that do. Nothing of this
needs Valkey: whoever stops it does not open the door; it counts requests besides.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import audit, cards
from domain.giftcards.events import LOCKED_OUT, locked_out
from domain.giftcards.models import GuardKind
from domain.giftcards.refusals import GiftCardLocked
from domain.giftcards.rules import FORGOTTEN_AFTER, lock_for
from domain.kernel import (
    Actor,
    Connection,
    Refused,
    clock,
    keyed_digest,
    new_id,
    record_events,
    transaction,
    wake_relay,
)

IPV6_BITS = 64  # what one household gets; its single addresses change as it likes

# In one order, so that two tries of the same user from the same address never wait in a ring. While
# a lock stands nothing counts on: else others could hold somebody out for ever.
_COUNT = """
INSERT INTO gift_card_guards AS g (id, kind, subject, tries, changed_at)
SELECT id, kind, subject, 1, $4 FROM unnest($1::uuid[], $2::text[], $3::bytea[])
    AS w (id, kind, subject) ORDER BY kind, subject
ON CONFLICT (kind, subject) DO UPDATE SET
    tries = CASE WHEN g.locked_until > $4 THEN g.tries
        WHEN greatest(g.changed_at, g.locked_until) < $5 THEN 1 ELSE g.tries + 1 END,
    changed_at = CASE WHEN g.locked_until > $4 THEN g.changed_at ELSE $4 END
RETURNING id, kind, tries, locked_until
"""
_LOCK = """
UPDATE gift_card_guards g SET locked_until = w.until
FROM unnest($1::uuid[], $2::timestamptz[]) AS w (id, until) WHERE g.id = w.id
"""
_TAKE_BACK = """
WITH held AS (
    SELECT id FROM gift_card_guards WHERE id = ANY($1) ORDER BY kind, subject FOR UPDATE
)
UPDATE gift_card_guards g SET tries = greatest(g.tries - 1, 0),
    locked_until = CASE WHEN g.id = ANY($2) THEN NULL ELSE g.locked_until END
FROM held WHERE g.id = held.id
"""


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was counted, and whom it will have locked out unless it is a good one."""

    counted: list[UUID]
    locked: dict[UUID, GuardKind]
    until: datetime


async def count_try(actor: Actor, code: str, code_index: bytes) -> Try:
    """Count a try of the code, the user, the session and the address, and commit that.

    A canary's code raises the alarm with it; that the count is committed anyway hides how long it
    takes.

    Refuses (GIFT_CARD_LOCKED) while one of them is locked out; such a try counts for nobody.
    """
    moment = clock.now()
    subjects = _subjects(actor, code_index)
    async with transaction() as conn:
        rows = await conn.fetch(
            _COUNT,
            [new_id() for _ in subjects],
            [kind.value for kind, _ in subjects],
            [digest for _, digest in subjects],
            moment,
            moment - FORGOTTEN_AFTER,
        )
        standing = [row["locked_until"] for row in rows if (row["locked_until"] or moment) > moment]
        if standing:
            raise Refused(GiftCardLocked(minutes=_minutes(max(standing), moment)))
        locks = {
            row["id"]: (GuardKind(row["kind"]), moment + duration)
            for row in rows
            if (duration := lock_for(GuardKind(row["kind"]), row["tries"])) is not None
        }
        await cards.note_code(conn, actor, code, "redeem")
        if locks:
            await conn.execute(_LOCK, list(locks), [until for _, until in locks.values()])
    return Try(
        [row["id"] for row in rows],
        {guard: kind for guard, (kind, _) in locks.items()},
        max((until for _, until in locks.values()), default=moment),
    )


async def take_back(conn: Connection, tried: Try) -> None:
    """The try was a good one: it does not count, in the transaction of its effect."""
    await conn.execute(_TAKE_BACK, tried.counted, list(tried.locked))


async def tell_lockout(actor: Actor, tried: Try) -> None:
    """The try came to nothing; when it was one too many, that is audited and told."""
    if not tried.locked:
        return
    kinds = sorted(set(tried.locked.values()))
    async with transaction() as conn:
        details = {"kinds": kinds, "until": tried.until}
        await audit.record(conn, actor, LOCKED_OUT, actor.user_id, details)
        await record_events(conn, [locked_out(kinds, actor.user_id, tried.until)])
    wake_relay()


def _subjects(actor: Actor, code_index: bytes) -> Sequence[tuple[GuardKind, bytes]]:
    found = [(GuardKind.CODE, code_index)]
    if actor.user_id is not None:
        found.append((GuardKind.USER, actor.user_id.bytes))
    device = actor.session_id or actor.key_id  # a till that asks by a key has no session
    if device is not None:
        found.append((GuardKind.SESSION, device.bytes))
    if actor.ip:
        found.append((GuardKind.ADDRESS, _network(actor.ip).encode()))
    return [(kind, keyed_digest(f"gift-card-guard/{kind.value}", value)) for kind, value in found]


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, IPV6_BITS), strict=False))


def _minutes(until: datetime, moment: datetime) -> int:
    return max(1, -(-int((until - moment).total_seconds()) // 60))
