"""What buyers fill in for a line, phone numbers and account ids: sealed (mission rows B1, L9, L10).

It is sealed by a key derived from a root key, bound to its line, with the root key's version in
front (docs/decisions/0052). Sealing asks nobody; only a line that somebody delivers, or its buyer
looks at, is opened. A masked form stands beside it for everybody else.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from domain import audit
from domain.catalog import masked
from domain.kernel import (
    SYSTEM,
    Actor,
    Invalid,
    KeyMissing,
    NotFound,
    Refused,
    SealBroken,
    act_as,
    clock,
    crash_point,
    keys,
    purpose_key,
    recent_keys,
    refresh_keys,
    refuse_unless,
    seal,
    transaction,
    unseal,
)
from domain.orders.models import Order
from domain.orders.moves import CLOSED_LINES
from domain.orders.refusals import AccountSealBroken

PURPOSE = "order-account"
VERSION_BYTES = 4
SLICE = 500
WRITE_SCOPE = "orders:write"
KEYS_SCOPE = "keys:write"
SEAL_BROKEN = "order_line.seal_broken"

# In the order of their ids, so that two at work wait for each other one way round.
_IN_THE_OPEN = """
SELECT id, account FROM order_lines WHERE account IS NOT NULL
ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
"""
_SEAL = """
UPDATE order_lines l SET account = NULL, account_sealed = w.sealed, account_masked = w.masked
FROM unnest($1::uuid[], $2::bytea[], $3::jsonb[]) AS w (id, sealed, masked) WHERE l.id = w.id
"""
# By the version in front of the seal: only what an older key has sealed is read.
_BEHIND = """
SELECT id, account_sealed FROM order_lines
WHERE account_sealed IS NOT NULL AND substring(account_sealed for 4) < $3
    AND (substring(account_sealed for 4), id) > ($1, $2)
ORDER BY substring(account_sealed for 4), id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
"""
_COUNT_BEHIND = """
SELECT count(*) FROM order_lines
WHERE account_sealed IS NOT NULL AND substring(account_sealed for 4) < $1
"""
_RESEAL = """
UPDATE order_lines l SET account_sealed = w.sealed
FROM unnest($1::uuid[], $2::bytea[]) AS w (id, sealed) WHERE l.id = w.id
"""
_ERASE = """
UPDATE order_lines SET account = NULL, account_sealed = NULL, account_masked = NULL,
    account_erased_at = $2
WHERE id = ANY($1) AND (account IS NOT NULL OR account_sealed IS NOT NULL) RETURNING id
"""
# Ids carry the time at which they were made: nothing younger than the limit is read at all.
_OVERDUE = """
SELECT l.id FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE l.account_sealed IS NOT NULL AND l.id < $1 AND l.status = ANY($2) AND o.closed_at < $3
ORDER BY l.id LIMIT $4 FOR NO KEY UPDATE OF l SKIP LOCKED
"""
_LINES = "SELECT id, status FROM order_lines WHERE order_id = $1 ORDER BY id FOR NO KEY UPDATE"


class Kept:
    """How long what was filled in is kept after its order was closed; None: for ever. Set by the
    wiring."""

    after_close: timedelta | None = timedelta(days=180)


kept = Kept()


def sealed_account(line_id: UUID, account: Mapping[str, Any] | None) -> bytes | None:
    """As it is stored, for one line only; None for nothing."""
    if not account:
        return None
    version = keys().current
    return _sealed(line_id, orjson.dumps(dict(account)), version)


def masked_account(account: Mapping[str, Any] | None) -> dict[str, str] | None:
    """What others than the buyer may see of it; None for nothing."""
    return {key: masked(value) for key, value in account.items()} if account else None


async def ready_to_seal() -> None:
    """Know the newest root key before a purchase is written: asked once a minute of a process."""
    await recent_keys()


async def opened_account(line_id: UUID, sealed: bytes | None) -> dict[str, Any]:
    """What was filled in, typed; empty for nothing. Never called inside a transaction.

    Refuses what does not open (ACCOUNT_SEAL_BROKEN, audited), and with what is wrong with the keys.
    """
    if sealed is None:
        return {}
    try:
        plaintext = await _opened(line_id, sealed)
    except SealBroken:
        async with transaction() as conn:
            await audit.record(conn, SYSTEM, SEAL_BROKEN, line_id, {})
        raise Refused(AccountSealBroken()) from None
    account: dict[str, Any] = orjson.loads(plaintext)
    return account


async def seal_open_accounts(limit: int = SLICE) -> int:
    """Seal what lies in the open from before there were seals: one slice, one transaction."""
    async with transaction() as conn:
        await act_as(conn, SYSTEM, "seal")
        rows = await conn.fetch(_IN_THE_OPEN, limit)
        found = [(row["id"], orjson.loads(row["account"])) for row in rows]
        await conn.execute(
            _SEAL,
            [line_id for line_id, _ in found],
            [sealed_account(line_id, account) for line_id, account in found],
            [orjson.dumps(masked_account(account)).decode() for _, account in found],
        )
        crash_point("orders.accounts_sealed")
    return len(found)


async def reseal_accounts(actor: Actor, progress: Any = None, limit: int = SLICE) -> int:
    """Seal all that older root keys have sealed with the newest one; how many lines.

    Needs `keys:write`. Slice by slice: killed anywhere, the next run goes on. A line that does not
    open keeps its seal, and is audited.
    """
    actor.require_scope(KEYS_SCOPE)
    await refresh_keys()
    version = keys().current
    async with transaction() as conn:
        total = await conn.fetchval(_COUNT_BEHIND, _head(version)) if progress else 0
    done, last = 0, (b"", UUID(int=0))
    while True:
        moved, reached = await _reseal_slice(actor, version, last, limit)
        if reached is None:
            return done
        done, last = done + moved, reached
        if progress is not None:
            progress(done, total)


async def _reseal_slice(
    actor: Actor, version: int, last: tuple[bytes, UUID], limit: int
) -> tuple[int, tuple[bytes, UUID] | None]:
    fresh: dict[UUID, bytes] = {}
    async with transaction() as conn:
        await act_as(conn, actor, "rotate")
        rows = await conn.fetch(_BEHIND, *last, _head(version), limit)
        for row in rows:
            try:
                plaintext = _plaintext(row["id"], row["account_sealed"])
            except SealBroken:
                await audit.record(conn, actor, SEAL_BROKEN, row["id"], {"reason": "reseal"})
                continue
            fresh[row["id"]] = _sealed(row["id"], plaintext, version)
        await conn.execute(_RESEAL, list(fresh), list(fresh.values()))
        crash_point("orders.accounts_resealed")
    if not rows:
        return 0, None
    return len(fresh), (rows[-1]["account_sealed"][:VERSION_BYTES], rows[-1]["id"])


async def erase_overdue_accounts(limit: int = SLICE) -> int:
    """Erase what was filled in for orders that were closed long ago: one slice, one transaction."""
    if kept.after_close is None:
        return 0
    moment = clock.now()
    before = moment - kept.after_close
    youngest = UUID(int=int(before.timestamp() * 1_000) << 80)
    async with transaction() as conn:
        await act_as(conn, SYSTEM, "erase")
        states = sorted(each.value for each in CLOSED_LINES)
        rows = await conn.fetch(_OVERDUE, youngest, states, before, limit)
        await conn.execute(_ERASE, [row["id"] for row in rows], moment)
        crash_point("orders.accounts_erased")
    return len(rows)


async def forget_accounts(actor: Actor, order_id: UUID) -> Order:
    """Erase what was filled in for an order, for ever; the order, its books and its goods stay.

    Of the caller's own order, or of any with `orders:write`; another's sounds like none. A second
    time changes nothing. Refuses while a line is still to be delivered.
    """
    moment = clock.now()
    async with transaction() as conn:
        buyer = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order_id)
        may = buyer is not None and (buyer == actor.user_id or actor.is_staff(WRITE_SCOPE))
        refuse_unless(may, NotFound(what="order", field=("orderId",)))
        await act_as(conn, actor, "erase")
        lines = await conn.fetch(_LINES, order_id)
        closed = all(row["status"] in CLOSED_LINES for row in lines)
        refuse_unless(closed, Invalid(reason="order_accounts_needed", field=("orderId",)))
        gone = await conn.fetch(_ERASE, [row["id"] for row in lines], moment)
        if gone:
            await audit.record(conn, actor, "order.accounts_forget", order_id, {"lines": len(gone)})
    return await Order.get(id=order_id)


async def _opened(line_id: UUID, sealed: bytes) -> bytes:
    try:
        return _plaintext(line_id, sealed)
    except Refused as refused:
        if not isinstance(refused.refusals[0], KeyMissing):
            raise
        await refresh_keys()  # another process knows a newer key
        return _plaintext(line_id, sealed)


def _sealed(line_id: UUID, plaintext: bytes, version: int) -> bytes:
    head = _head(version)
    return head + seal(purpose_key(PURPOSE, version), plaintext, head + line_id.bytes)


def _plaintext(line_id: UUID, sealed: bytes) -> bytes:
    head, content = sealed[:VERSION_BYTES], sealed[VERSION_BYTES:]
    key = purpose_key(PURPOSE, int.from_bytes(head, "big"))
    return unseal(key, content, head + line_id.bytes)


def _head(version: int) -> bytes:
    return version.to_bytes(VERSION_BYTES, "big")
